"""The server side of TLS over one accepted TCP connection.

asyncio's own TLS shows a connection only once its handshake is done. A stand-in must be able to
act before and during it (reset, stall, answer in clear text), and must leave no half-shaken
connection behind when it stops, so the handshake is driven here, over ``ssl.MemoryBIO``.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Final, Literal, Protocol, cast

HANDSHAKE_S: Final = 10.0
_CHUNK: Final = 65536
# SO_LINGER on with no time: closing sends RST instead of FIN.
_RESET: Final = struct.pack("ii", 1, 0)


class Receiver(Protocol):
    """What reads the pipe."""

    def secured(self, alpn: str | None) -> None:
        """Take note that the handshake is done and that ``alpn`` was chosen, if anything."""

    def received(self, data: bytes) -> None:
        """Take what the peer sent."""

    def writable(self, ready: bool) -> None:
        """Take note that the socket takes more (``ready``) or has fallen behind."""

    def lost(self) -> None:
        """Take note that the connection is gone; the last call, made exactly once."""


HandshakeStep = Literal["tls", "handshake"]
"""The client's hello has come; our half of the handshake is about to be sent."""


class TlsPipe(asyncio.Protocol):
    """TLS between one client and a :class:`Receiver`.

    Args:
        context: the server's certificate and ALPN protocols.
        attach: makes the receiver of this pipe.
        ended: called after the receiver's ``lost``.
        shaking: called at each step before the handshake is done; may end the pipe.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        attach: "Callable[[TlsPipe], Receiver]",
        ended: "Callable[[TlsPipe], None]",
        shaking: "Callable[[TlsPipe, HandshakeStep], None] | None" = None,
    ) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_secure = False
        self._is_over = False
        self._ended = ended
        self._shaking = shaking
        self.receiver = attach(self)

    @property
    def is_over(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._is_over

    @property
    def peer_certificate(self) -> bytes | None:
        """The certificate that the client showed, in DER; None where it showed none."""
        return self._tls.getpeercert(binary_form=True)

    def send(self, data: bytes) -> None:
        """Encrypt ``data`` and send it; nothing happens before the handshake or after the end."""
        if self._is_over or not self._is_secure:
            return
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]
        self._flush()

    def close(self) -> None:
        """Say goodbye and close once everything is sent."""
        if self._is_over:
            return
        self._is_over = True
        # The peer's own goodbye is still missing, or there was no handshake.
        with contextlib.suppress(ssl.SSLError, ValueError):
            self._tls.unwrap()
        self._flush()
        if self._transport:
            self._transport.close()

    def abort(self, *, reset: bool = False) -> None:
        """Drop the connection at once, with RST instead of FIN where ``reset``."""
        self._is_over = True
        if self._transport:
            if reset and (sock := self._transport.get_extra_info("socket")) is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the client's hello, within bounds."""
        self._transport = cast(asyncio.Transport, transport)
        if self._is_over:
            self._transport.abort()
            return
        self._deadline = asyncio.get_running_loop().call_later(HANDSHAKE_S, self.abort)

    def data_received(self, data: bytes) -> None:
        """Pass on what the bytes decrypt to."""
        if not self._is_secure:
            self._tell("tls")
        if self._is_over:
            return
        self._incoming.write(data)
        if self._is_secure or self._shake_hands():
            self._read()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Tell the receiver and the owner."""
        self._is_over = True
        if self._deadline:
            self._deadline.cancel()
        self.receiver.lost()
        self._ended(self)

    def pause_writing(self) -> None:
        """Hold the receiver back."""
        self.receiver.writable(False)

    def resume_writing(self) -> None:
        """Let the receiver go on."""
        self.receiver.writable(True)

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._tell("handshake")
            if not self._is_over:
                self._flush()
            return False
        except ssl.SSLError:
            # OpenSSL has left an alert that tells the client why.
            self._flush()
            self.close()
            return False
        self._is_secure = True
        if self._deadline:
            self._deadline.cancel()
        self._flush()
        self.receiver.secured(self._tls.selected_alpn_protocol())
        return True

    def _tell(self, step: HandshakeStep) -> None:
        if self._shaking is not None:
            self._shaking(self, step)

    def _read(self) -> None:
        while not self._is_over:
            try:
                data = self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError:
                # The peer's goodbye, or bytes that are no TLS records.
                self.close()
                return
            if not data:
                self.close()
                return
            self.receiver.received(data)
        # TLS also speaks on its own: tickets, key updates.
        self._flush()

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data and self._transport and not self._transport.is_closing():
            self._transport.write(data)
