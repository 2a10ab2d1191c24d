"""What the worker tells whoever watches it: numbered events, kept in a ring, never waited for."""

import asyncio
import contextlib
import itertools
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from mmpush_tui.protocol.event import Event, Kind, timestamp

RING: Final = 10_000
"""Events kept for readers that come later or come back."""
_BATCH: Final = 500


class EventBus:
    """Numbers events, keeps the newest, and hands them to any number of readers.

    Publishing never waits: a reader that falls behind the ring loses events and is told how many.
    Readers hold nothing of their own, so any number of slow ones costs no memory.

    Args:
        ring: events kept for readers that come later or come back.
    """

    def __init__(self, ring: int = RING) -> None:
        self.run = str(uuid.uuid4())
        self._ring: deque[Event] = deque(maxlen=ring)
        self.seq = 0
        """Number of the newest event; 0 before the first."""
        self._readers: set[asyncio.Event] = set()
        self._listeners: list[Callable[[Event], None]] = []
        self._closed = False

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener``, which must be quick, with every event as it is published."""
        self._listeners.append(listener)

    def publish(self, kind: Kind, **fields: object) -> Event:
        """Number an event, keep it and wake the readers."""
        event = Event(v=1, run=self.run, seq=self.seq + 1, at=timestamp(), kind=kind, **fields)  # type: ignore[arg-type] # the struct checks nothing at run time and its callers are in this room
        self._tell(event)
        return event

    def follow(self, event: Event, **changes: object) -> Event:
        """Publish what came of ``event``: the same but for number, time and ``changes``.

        A third of the price of :meth:`publish`, which a push pays three times.
        """
        event = msgspec.structs.replace(event, seq=self.seq + 1, at=timestamp(), **changes)
        self._tell(event)
        return event

    def _tell(self, event: Event) -> None:
        self.seq = event.seq
        self._ring.append(event)
        for listener in self._listeners:
            listener(event)
        for reader in self._readers:
            reader.set()

    def close(self) -> None:
        """End every reader after what it has not read yet."""
        self._closed = True
        for reader in self._readers:
            reader.set()

    async def read(
        self, after: tuple[str, int] | None = None, heartbeat_s: float = 15.0
    ) -> AsyncIterator[Event]:
        """Yield events as they come, beginning behind ``after``.

        Args:
            after: run and number of the last event the reader saw; None for only what is new.
                Another run than this one begins with a gap of unknown size, then all that is
                kept.
            heartbeat_s: without an event for so long, a state event ``alive`` is yielded, with
                the number of the event before it.
        """
        wake = asyncio.Event()
        self._readers.add(wake)
        try:
            last = self.seq if after is None else after[1]
            if after is not None and after[0] != self.run:
                last = 0
                yield self._gap(0, "the worker was started again since")
            while True:
                wake.clear()
                batch = self._behind(last)
                for event in batch:
                    yield event
                    last = event.seq
                if batch:
                    continue
                if self._closed:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(heartbeat_s):
                        await wake.wait()
                if not wake.is_set():
                    yield Event(
                        v=1, run=self.run, seq=last, at=timestamp(), kind="state", status="alive"
                    )
        finally:
            self._readers.discard(wake)

    def _behind(self, last: int) -> list[Event]:
        """Return what a reader at ``last`` reads next, a gap first where it lost something."""
        kept = min(self.seq - last, len(self._ring))
        if kept <= 0:
            return []
        first = len(self._ring) - kept
        events = list(itertools.islice(self._ring, first, first + _BATCH))
        if missed := self.seq - last - kept:
            events.insert(0, self._gap(missed, "the reader was too slow, or came too late"))
        return events

    def _gap(self, missed: int, message: str) -> Event:
        """Return a gap that ends before the oldest event kept."""
        return Event(
            v=1, run=self.run, seq=self.seq - len(self._ring), at=timestamp(), kind="gap",
            status=str(missed) if missed else "unknown", message=message,
        )  # fmt: skip
