"""One request in HTTP/1.1 on a stream that is open already, so that its step is timed alone."""

from typing import Final

import httptools

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.channel import Halves
from mmpush_tui.http2.errors import TransportError

BODY_LIMIT: Final = 64 * 1024
"""Bytes of a body that are kept; the rest is not read."""
_HEAD_LIMIT: Final = 64 * 1024
_PIECE: Final = 16 * 1024
_TLS_ALERT: Final = b"\x15\x03"


async def ask_over_http1(halves: Halves, request: Request, authority: str) -> Response:
    """Send ``request`` and return its answer; the connection is of no use afterwards.

    Args:
        halves: the open stream.
        request: what to send.
        authority: the ``Host``.

    Raises:
        TransportError: with code ``closed`` where the peer went without an answer, ``http_to_tls``
            where it speaks TLS, ``not_http`` where it speaks anything else.
    """
    reader, writer = halves
    answer = _Answer()
    try:
        writer.write(_encoded(request, authority))
        await writer.drain()
        while not answer.is_complete and (data := await reader.read(_PIECE)):
            answer.feed(data)
    except OSError as error:
        # What came before the end may be a whole answer, or all that the peer wanted to say.
        if not answer.has_head:
            raise TransportError(
                "the connection was dropped without an answer", "closed"
            ) from error
    return answer.response()


def _encoded(request: Request, authority: str) -> bytes:
    headers = (
        ("host", authority),
        *request.headers,
        ("content-length", str(len(request.body))),
        ("connection", "close"),
    )
    lines = [f"{request.method} {request.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join((*lines, "", "")).encode("ascii") + request.body


class _Answer:
    """An answer as it arrives; the methods with ``on_`` are called by the parser."""

    def __init__(self) -> None:
        self.has_head = False
        self.is_complete = False
        self._begin = b""
        self._size = 0
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take what came.

        Raises:
            TransportError: it is no HTTP.
        """
        self._begin = self._begin or data[:2]
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.is_complete = True
        except httptools.HttpParserError as error:
            # A broken body says less than the head before it.
            if not self.has_head:
                raise self._no_http() from error
            self.is_complete = True
        if not self.has_head and self._size > _HEAD_LIMIT:
            raise self._no_http()
        if len(self._body) >= BODY_LIMIT:
            self.is_complete = True

    def response(self) -> Response:
        """Return the answer.

        Raises:
            TransportError: there is none.
        """
        if not self.has_head:
            if self._begin:
                raise self._no_http()
            raise TransportError("the connection was closed without an answer", "closed")
        return Response(self._status, tuple(self._headers), bytes(self._body), 0)

    def _no_http(self) -> TransportError:
        if self._begin == _TLS_ALERT:
            return TransportError("the answer is TLS, not HTTP", "http_to_tls")
        return TransportError("the answer is no HTTP", "not_http")

    def on_message_begin(self) -> None:
        """Forget an interim answer (1xx) before this one."""
        if not self.is_complete:
            self._headers.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        # Trailers come behind the body and tell us nothing.
        if not self.is_complete and not self.has_head:
            self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Note that the status and all headers are here."""
        if not self.is_complete:
            self._status = self._parser.get_status_code()
            self.has_head = self._status >= 200

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body, within bounds."""
        if not self.is_complete:
            self._body += data[: BODY_LIMIT - len(self._body)]

    def on_message_complete(self) -> None:
        """Note that nothing more will come; what comes nevertheless is not looked at."""
        self.is_complete = self.has_head
