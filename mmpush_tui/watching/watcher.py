"""Keeping in touch with one worker: its status, and its events without a hole."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from mmpush_tui.errors import FailedError, MmpushError, UnreachableError
from mmpush_tui.protocol.event import Event
from mmpush_tui.protocol.status import Status
from mmpush_tui.watching.client import ControlClient

POLL_EVERY_S: Final = 1.0
RETRY_AFTER_S: Final = (0.5, 5.0)
_STATUS_WITHIN_S: Final = 3.0


class Watcher:
    """Follows one worker through stops, starts and broken connections, as long as it runs.

    First come the events that the worker has kept, then each new one, once, in their order.
    After a break it goes on where it was; what was lost meanwhile comes as a ``gap`` event, as
    does the start of another run. Everything is handed on as the worker sent it, unclean.

    Args:
        path: the worker's control socket.
        on_events: called with all events that wait, never with none.
        on_status: called with each status; or with None and a sentence why there is none, after
            every failed try.
        poll_every_s: seconds between two questions for the status.
        retry_after_s: seconds before the first new try and, as they double, at most.
    """

    def __init__(
        self,
        path: Path,
        on_events: Callable[[Sequence[Event]], None],
        on_status: Callable[[Status | None, str], None],
        *,
        poll_every_s: float = POLL_EVERY_S,
        retry_after_s: tuple[float, float] = RETRY_AFTER_S,
    ) -> None:
        self._path = path
        self._on_events = on_events
        self._on_status = on_status
        self._is_over = False
        self._poll_every_s = poll_every_s
        self._retry_after_s = retry_after_s
        self._last: Event | None = None
        self._waiting: list[Event] = []
        self._has_waiting = asyncio.Event()
        # The run that answered since the last break; empty where none did.
        self._attended = ""
        self.is_live = False
        """Whether the events being handed over have just happened; false for those of before."""

    def end(self) -> None:
        """Hand on nothing more; beside the cancellation of :meth:`run`.

        A task group of Python 3.11 loses a cancellation that comes as one of its tasks fails, which
        is just what happens when a worker is stopped.
        """
        self._is_over = True
        self._on_status = _ignore
        self._on_events = _ignore

    async def run(self) -> None:
        """Watch until cancelled."""
        wait_s, longest_s = self._retry_after_s
        cause: MmpushError | None = None
        ended = ""
        while not self._is_over:
            error = await self._attend()
            run, self._attended = self._attended, ""
            if run:
                wait_s = self._retry_after_s[0]
                # A worker on its end may answer once more, which is no new beginning.
                if run != ended:
                    cause = None
            # That nobody answers any more is no news about a worker that said it would end.
            if cause is None or (cause.code, error.code) != ("worker-ended", "worker-unreachable"):
                cause = error
            if error.code == "worker-ended":
                ended = run
            self._on_status(None, cause.line())
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, longest_s)

    async def _attend(self) -> MmpushError:
        """Stay in touch until that breaks, and return why it did."""
        try:
            async with ControlClient(self._path) as client:
                status = await self._ask(client)
                self._attended = status.run
                self._on_status(status, "")
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._poll(client, status.run), name="poll")
                    group.create_task(self._hand_over(), name="hand-over")
                    group.create_task(self._follow(client, status), name="follow")
        except* MmpushError as failures:
            error = _first(failures)
        self._hand_over_waiting()
        return error

    async def _ask(self, client: ControlClient) -> Status:
        try:
            async with asyncio.timeout(_STATUS_WITHIN_S):
                return msgspec.convert(await client.status(), Status)
        except TimeoutError as error:
            raise UnreachableError(
                f"the worker at {self._path} does not answer within {_STATUS_WITHIN_S:.0f} s",
                fix="It may be overloaded or stopped; its log says more.",
                code="worker-unreachable",
            ) from error
        except msgspec.ValidationError as error:
            raise FailedError(
                f"what listens on {self._path} is no worker of mmpush-tui", code="not-a-worker"
            ) from error

    async def _poll(self, client: ControlClient, run: str) -> None:
        has_failed = False
        while True:
            await asyncio.sleep(self._poll_every_s)
            try:
                status = await self._ask(client)
            except MmpushError as error:
                # Events may go on coming, and where they end too, that says more. So the first
                # failure is passed over and none of them ends the contact.
                if has_failed:
                    self._on_status(None, error.line())
                has_failed = True
                continue
            has_failed = False
            if status.run != run:
                raise UnreachableError(
                    f"another worker listens on {self._path} now", code="worker-replaced"
                )
            self._on_status(status, "")

    async def _follow(self, client: ControlClient, status: Status) -> None:
        after = f"{self._last.run}:{self._last.seq}" if self._last else f"{status.run}:0"
        async with client.events(after) as events:
            async for event in events:
                is_live = event.run != status.run or event.seq > status.seq
                if is_live != self.is_live:
                    self._hand_over_waiting()
                    self.is_live = is_live
                self._last = event
                self._waiting.append(event)
                self._has_waiting.set()
        raise UnreachableError(f"the worker at {self._path} has ended", code="worker-ended")

    async def _hand_over(self) -> None:
        """Hand on what waits whenever the reader has to wait for more."""
        while True:
            await self._has_waiting.wait()
            self._hand_over_waiting()

    def _hand_over_waiting(self) -> None:
        self._has_waiting.clear()
        if events := self._waiting:
            self._waiting = []
            self._on_events(events)


def _ignore(*_news: object) -> None:
    return


def _first(failures: ExceptionGroup[MmpushError]) -> MmpushError:
    first: MmpushError | ExceptionGroup[MmpushError] = failures
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]
    return first
