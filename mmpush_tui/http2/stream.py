"""One request under way on a connection."""

import asyncio

from mmpush_tui.http2.errors import TransportError


class Stream:
    """What is known of one request under way.

    Attributes:
        is_sent: the whole request is on its way.
        is_over: the whole answer is here, or ``error`` says why none will come.
        changed: set when there is more to know, or more room to send.
    """

    __slots__ = ("body", "changed", "error", "headers", "is_over", "is_sent", "status")

    def __init__(self) -> None:
        self.is_sent = False
        self.is_over = False
        self.error: TransportError | None = None
        self.changed = asyncio.Event()
        self.status = 0
        self.headers: tuple[tuple[str, str], ...] = ()
        self.body = bytearray()

    @property
    def is_open_at_peer(self) -> bool:
        """Whether the peer still counts this stream, so that leaving it takes a reset."""
        return self.error is None and not (self.is_sent and self.is_over)

    def end(self, error: TransportError | None = None) -> None:
        """Take note that nothing more will come; only the first end counts."""
        if not self.is_over:
            self.is_over = True
            self.error = error
            self.changed.set()

    async def ended(self) -> None:
        """Wait for :meth:`end`."""
        while not self.is_over:
            self.changed.clear()
            await self.changed.wait()
