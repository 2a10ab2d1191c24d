"""A stream of bytes whose owner is called as they come, without a reader in between."""

import asyncio
import contextlib
import ssl
from typing import Final, Protocol, cast

Halves = tuple[asyncio.StreamReader, asyncio.StreamWriter]
"""An open stream, to be read when it suits."""

SHUTDOWN_S: Final = 1.0
"""How long a peer may take to say goodbye in its turn before it is dropped."""
_EARLY_LIMIT: Final = 64 * 1024
"""Bytes kept before somebody listens; more is left to the peer."""


class Listener(Protocol):
    """Hears what happens on a channel."""

    def received(self, data: bytes) -> None:
        """Take what came."""

    def ended(self, error: Exception | None) -> None:
        """Hear, once, that nothing more will come.

        Args:
            error: why, where the peer did not close in good order.
        """

    def writable(self, *, is_ready: bool) -> None:
        """Hear that what was written is not taken off us, or that it is again."""


def abort(transport: asyncio.WriteTransport) -> None:
    """Drop a connection at once; harmless where it is gone already.

    The TLS transport of the first releases of Python 3.11 forgets its protocol when it is
    closed and raises AttributeError when it is then aborted.
    """
    with contextlib.suppress(AttributeError):
        transport.abort()


class Channel(asyncio.Protocol):
    """One connection; for ``loop.create_connection``.

    What comes before somebody listens is kept. While the peer takes nothing, nothing is read
    from it either, so that it cannot make us hold answers without end.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener: Listener | None = None
        self._early = bytearray()
        self._has_ended = False
        self._error: Exception | None = None
        self._closed = asyncio.Event()

    # For its owner

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` from now on, at once with what came already."""
        self._listener = listener
        early, self._early = bytes(self._early), bytearray()
        self._go_on()
        if early:
            listener.received(early)
        if self._has_ended:
            listener.ended(self._error)

    def streams(self) -> Halves:
        """Return the stream to be read when it suits; this channel is of no use afterwards."""
        reader = asyncio.StreamReader(loop=self._loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=self._loop)
        writer = asyncio.StreamWriter(self.transport, protocol, reader, self._loop)
        protocol.connection_made(self.transport)
        if self._early:
            protocol.data_received(bytes(self._early))
        if self._closed.is_set():
            protocol.connection_lost(self._error)
        else:
            self.transport.set_protocol(protocol)
            self._go_on()
            if self._has_ended:
                protocol.eof_received()
        return reader, writer

    @property
    def tls(self) -> ssl.SSLObject:
        """The TLS of this channel, which must have it."""
        tls: ssl.SSLObject = self.transport.get_extra_info("ssl_object")
        return tls

    def write(self, data: bytes) -> None:
        """Send ``data``; nothing happens where the connection is gone."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def close(self) -> None:
        """Close after what was written; the peer has :data:`SHUTDOWN_S` to take it."""
        self.transport.close()

    def abort(self) -> None:
        """Drop the connection at once; harmless where it is gone already."""
        abort(self.transport)

    async def wait_closed(self, timeout_s: float) -> bool:
        """Wait until the connection is gone; false where that takes longer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._closed.wait()
        return self._closed.is_set()

    # For the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Pass on what came."""
        if self._listener is not None:
            self._listener.received(data)
            return
        self._early += data
        if len(self._early) > _EARLY_LIMIT:
            self._hold()

    def eof_received(self) -> None:
        """Hear that the peer sends nothing more; whatever speaks HTTP/2 is over then."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Hear that the connection is gone."""
        self._closed.set()
        self._end(exc)

    def pause_writing(self) -> None:
        """Hold back while the peer takes nothing."""
        self._hold()
        if self._listener is not None:
            self._listener.writable(is_ready=False)

    def resume_writing(self) -> None:
        """Go on."""
        self._go_on()
        if self._listener is not None:
            self._listener.writable(is_ready=True)

    def _hold(self) -> None:
        # uvloop and asyncio differ in what they raise where nothing is read any more.
        with contextlib.suppress(RuntimeError):
            self.transport.pause_reading()

    def _go_on(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.transport.resume_reading()

    def _end(self, error: Exception | None) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._error = error
            if self._listener is not None:
                self._listener.ended(error)
