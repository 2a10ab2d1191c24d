"""Receipts of phones, matched to the deliveries that they are for."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import msgspec

from mmpush_tui.protocol.wire import PushNotificationAck
from mmpush_tui.proxy.records.journal import Journal
from mmpush_tui.proxy.records.journal_queries import JournalEntry, find_delivery
from mmpush_tui.tasks import beside

MEMORY: Final = 20_000
"""Acknowledgeable pushes remembered; older ones are in the journal alone."""
_PENDING_LIMIT: Final = 1_000


class SentPush(msgspec.Struct, gc=False):
    """A push that a receipt may come for.

    Attributes:
        id: of the delivery.
        target: the configured type.
        at: when it went out, monotonic seconds.
        is_acknowledged: a receipt came.
    """

    id: str
    target: str
    at: float
    is_acknowledged: bool = False


class Receipts:
    """Remembers what was sent, and asks the journal for what was sent before.

    Args:
        journal: what earlier runs sent; None where none is kept.
        on_found: called with a receipt and the delivery that the journal has for it, None where
            it has none.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        journal: Journal | None,
        on_found: Callable[[PushNotificationAck, JournalEntry | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._on_found = on_found
        self._clock = clock
        self._sent: dict[str, SentPush] = {}
        self._pending: asyncio.Queue[PushNotificationAck] = asyncio.Queue(_PENDING_LIMIT)

    def expect(self, ack_id: str, id_: str, target: str) -> None:
        """Remember that a receipt may come; none does for an empty id."""
        if not ack_id:
            return
        self._sent[ack_id] = SentPush(id_, target, self._clock())
        if len(self._sent) > MEMORY:
            del self._sent[next(iter(self._sent))]

    def forget(self, ack_id: str) -> None:
        """Expect none, because nothing was sent."""
        self._sent.pop(ack_id, None)

    def match(self, ack: PushNotificationAck) -> SentPush | None:
        """Return what ``ack`` is for.

        Where this run did not send it, None, and the journal is asked; ``on_found`` hears what it
        knows.
        """
        if (sent := self._sent.get(ack.id)) is not None:
            return sent
        if self._journal is None or self._pending.full():
            self._on_found(ack, None)
        else:
            self._pending.put_nowait(ack)
        return None

    async def look_up(self) -> None:
        """Ask the journal, where one is kept, for what :meth:`match` did not know."""
        while self._journal is not None:
            ack = await self._pending.get()
            path = self._journal.path
            self._on_found(ack, await beside("journal-lookup", find_delivery, path, ack.id))
