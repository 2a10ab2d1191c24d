"""One HTTP/1.1 connection of the worker, on httptools (RFC 9112).

An ASGI server in between costs more than everything else that a push takes, and has no time limits
for head and body: benchmarks/README.md has the figures.
"""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol

import httptools

from mmpush_tui.tasks import Tasks

JSON: Final = b"application/json"
TEXT: Final = b"text/plain; charset=utf-8"
BODY_LIMIT: Final = 256 * 1024
"""Bytes of a request's body, where nothing else is said."""
_HEAD_LIMIT: Final = 32 * 1024
_HEADERS_LIMIT: Final = 100
_WAITING_LIMIT: Final = 8
_CLOSE_S: Final = 5.0
_ENDLESS: Final = math.inf


class IncomingRequest:
    """A request, whole.

    Attributes:
        method: ``POST``.
        path: without the query, as sent.
        query: what follows the question mark.
        headers: values by their names in lower case; of a name that came again, all of them,
            parted by commas (RFC 9110, 5.3).
        body: empty where it was too large.
        is_too_large: the body is over the limit; it was not kept.
        peer: address of the other end; empty on a Unix socket.
    """

    __slots__ = (
        "body", "headers", "is_too_large", "keeps_alive", "method", "path", "peer", "query",
    )  # fmt: skip

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.method = ""
        self.path = ""
        self.query = ""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.is_too_large = False
        self.keeps_alive = True

    def header(self, name: bytes) -> bytes:
        """Return the value of the header called ``name`` in lower case; empty without one."""
        return self.headers.get(name, b"")

    def __repr__(self) -> str:
        # Neither what users wrote nor what a header holds must reach a log.
        return f"IncomingRequest({self.method!r})"


class Reply(NamedTuple):
    """What a request is answered.

    Attributes:
        status: the HTTP status code.
        body: all of it, or its parts as they come; these last as long as the client stays.
        kind: its media type.
        headers: further ones, names in lower case.
    """

    status: int
    body: bytes | AsyncIterator[bytes]
    kind: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


App = Callable[[IncomingRequest], Reply | Awaitable[Reply]]
"""Answers requests, at once where nothing has to be waited for."""


class ConnectionLimits(NamedTuple):
    """What one connection may take.

    Attributes:
        body_bytes: of a request.
        head_s: seconds from the first byte of a request to the end of its headers.
        body_s: seconds from there to the end of its body.
        idle_s: seconds between requests.
        connections: how many there may be at once.
    """

    body_bytes: int = BODY_LIMIT
    head_s: float = 10.0
    body_s: float = 30.0
    idle_s: float = 90.0
    connections: int = 1000


class Server(Protocol):
    """What a connection needs of its server."""

    app: App
    limits: ConnectionLimits
    tasks: Tasks
    now: float
    is_draining: bool

    def joined(self, connection: "ServerConnection") -> None:
        """Hear of a new connection."""

    def left(self, connection: "ServerConnection") -> None:
        """Hear of its end."""

    def answer(self, work: Coroutine[Any, Any, None]) -> None:
        """Own a task that answers a request."""

    def on_bug(self, error: Exception) -> None:
        """Hear of an exception that the application must not raise."""


class ServerConnection(asyncio.Protocol):
    """Parses requests and answers them in their order.

    Args:
        server: whose connection it is.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.deadline = server.now + server.limits.head_s
        """When :meth:`expire` is to be called, on the server's clock."""
        self.is_busy = False
        """A request is being answered."""
        self.is_receiving = False
        """A request has begun and is not whole."""
        self.quiet_since = server.now
        """Since when neither is the case, on the server's clock."""
        self._transport: asyncio.Transport
        self._peer = ""
        self._parser = httptools.HttpRequestParser(self)
        self._request = IncomingRequest("")
        self._url = b""
        self._parts: list[bytes] = []
        self._size = self._fields = 0
        self._waiting: deque[IncomingRequest] = deque()
        self._is_discarding = False
        self._is_lost = False
        self._streaming: asyncio.Task[None] | None = None
        self._may_write: asyncio.Event | None = None

    # From the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport  # type: ignore[assignment] # TCP and Unix sockets are streams
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self.server.joined(self)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if self._is_discarding:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nothing is upgraded; what follows would be of another protocol.
            self._is_discarding = True
        except httptools.HttpParserError as error:
            self._complain(error)

    def eof_received(self) -> bool:
        """Go on while an answer is owed: a client may close its half after its request."""
        # TLS has no halves, and a stream is for somebody who stays.
        return self.is_busy and self._streaming is None and self._transport.can_write_eof()

    def connection_lost(self, _error: Exception | None) -> None:
        """End; what the application still does for the client, it does to the end."""
        self._is_lost = True
        self._waiting.clear()
        if self._may_write is not None:
            self._may_write.set()
        if self._streaming is not None:
            self._streaming.cancel()
        self.server.left(self)

    def pause_writing(self) -> None:
        """Hear that the client does not read."""
        if self._may_write is not None:
            self._may_write.clear()

    def resume_writing(self) -> None:
        """Hear that it reads again."""
        if self._may_write is not None:
            self._may_write.set()

    # From the server

    def expire(self) -> None:
        """Do what the deadline is for."""
        if self.is_receiving or self._is_discarding or self._transport.is_closing():
            # Half a request, or an answer that nobody takes: there is no more to say.
            self._transport.abort()
        else:
            self._close()

    def finish(self) -> None:
        """Close once what is owed is answered."""
        if not self.is_busy:
            self._close()

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    # From the parser

    def on_message_begin(self) -> None:
        """A request begins."""
        self._request = IncomingRequest(self._peer)
        self._url = b""
        self._parts = []
        self._size = self._fields = 0
        self.is_receiving = True
        self.deadline = self.server.now + self.server.limits.head_s

    def on_url(self, url: bytes) -> None:
        """Take a piece of its target."""
        self._url += url
        if len(self._url) > _HEAD_LIMIT:
            raise _TooLarge

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        headers = self._request.headers
        key = name.lower()
        headers[key] = b"%b, %b" % (headers[key], value) if key in headers else value
        self._size += len(name) + len(value)
        self._fields += 1
        if self._size > _HEAD_LIMIT or self._fields > _HEADERS_LIMIT:
            raise _TooLarge

    def on_headers_complete(self) -> None:
        """Note what the head says before the body comes."""
        request, parser = self._request, self._parser
        request.method = parser.get_method().decode("ascii")
        target, _, query = self._url.partition(b"?")
        if not target.startswith(b"/"):
            # A proxy's request has the whole address in its first line.
            target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
        request.path = target.decode("latin-1")
        request.query = query.decode("latin-1")
        self._size = 0
        self.deadline = self.server.now + self.server.limits.body_s
        limit = self.server.limits.body_bytes
        if len(length := request.header(b"content-length")) > 10 or int(length or b"0") > limit:
            self._begin_discarding()
        elif request.header(b"expect").lower() == b"100-continue" and not self.is_busy:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._is_discarding:
            return
        self._parts.append(body)
        self._size += len(body)
        if self._size > self.server.limits.body_bytes:
            self._begin_discarding()

    def on_message_complete(self) -> None:
        """A request is whole."""
        if self._is_discarding:
            return
        request, parts = self._request, self._parts
        request.body = parts[0] if len(parts) == 1 else b"".join(parts)
        # Whoever wants another protocol gets an answer in this one, and the end.
        request.keeps_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        self._take(request)

    def _begin_discarding(self) -> None:
        """Answer now, take no more, and leave the client the time to read it."""
        self._is_discarding = True
        self._parts = []
        self._request.is_too_large = True
        self._request.keeps_alive = False
        self._take(self._request)

    # Answering

    def _take(self, request: IncomingRequest) -> None:
        self.is_receiving = False
        self.deadline = _ENDLESS
        if not self.is_busy:
            self._answer(request)
            return
        self._waiting.append(request)
        if len(self._waiting) >= _WAITING_LIMIT:
            self._transport.pause_reading()

    def _answer(self, request: IncomingRequest) -> None:
        self.is_busy = True
        try:
            reply = self.server.app(request)
        except Exception as error:  # told to the server's owner
            self._failed(request, error)
            return
        if isinstance(reply, Reply):
            self._send(request, reply)
        else:
            self.server.answer(self._wait(request, reply))

    async def _wait(self, request: IncomingRequest, coming: Awaitable[Reply]) -> None:
        try:
            reply = await coming
        except Exception as error:  # told to the server's owner
            self._failed(request, error)
        else:
            self._send(request, reply)

    def _failed(self, request: IncomingRequest, error: Exception) -> None:
        self.server.on_bug(error)
        self._send(request, Reply(500, b"internal server error\n", TEXT))

    def _send(self, request: IncomingRequest, reply: Reply) -> None:
        if self._is_lost:
            return
        keeps = request.keeps_alive and not self.server.is_draining and not self._is_discarding
        if not isinstance(reply.body, bytes):
            self._streaming = self.server.tasks.spawn(
                "stream", self._stream(reply, reply.body, has_body=request.method != "HEAD")
            )
            return
        body = reply.body if request.method != "HEAD" else b""
        head = head_of(reply.status, reply.kind, len(reply.body), keeps_alive=keeps)
        self._transport.write(b"".join((head, _more(reply), _date(int(self.server.now)), body)))
        self._sent(keeps=keeps)

    def _sent(self, *, keeps: bool) -> None:
        self.is_busy = False
        if not keeps:
            self._close()
        elif self._waiting:
            request = self._waiting.popleft()
            if len(self._waiting) < _WAITING_LIMIT:
                self._transport.resume_reading()
            # Not from within: a hundred requests in one packet would be a hundred calls deep.
            asyncio.get_running_loop().call_soon(self._next, request)
            self.is_busy = True
        elif not self.is_receiving:
            self.quiet_since = now = self.server.now
            self.deadline = now + self.server.limits.idle_s

    def _next(self, request: IncomingRequest) -> None:
        if not self._is_lost:
            self._answer(request)

    async def _stream(self, reply: Reply, parts: AsyncIterator[bytes], *, has_body: bool) -> None:
        self._may_write = may_write = asyncio.Event()
        may_write.set()
        head = head_of(reply.status, reply.kind, None, keeps_alive=False)
        self._transport.write(b"".join((head, _more(reply), _date(int(self.server.now)))))
        if has_body:
            async for part in parts:
                self._transport.write(b"%x\r\n%b\r\n" % (len(part), part))
                await may_write.wait()
            self._transport.write(b"0\r\n\r\n")
        self._sent(keeps=False)

    def _complain(self, error: httptools.HttpParserError) -> None:
        self._is_discarding = True
        if self.is_busy:
            # The answer that is owed comes first, and with it the end.
            return
        is_large = isinstance(error.__context__, _TooLarge)
        status = 431 if is_large else 400
        words = b"431 request header fields too large\n" if is_large else b"400 bad request\n"
        self._send(IncomingRequest(self._peer), Reply(status, words, TEXT))

    def _close(self) -> None:
        self.deadline = self.server.now + _CLOSE_S
        if self._is_discarding and self._transport.can_write_eof():
            # Closed with unread bytes, TCP would take the answer back; the deadline closes it.
            self._transport.write_eof()
        else:
            self._transport.close()


class _TooLarge(Exception):
    """A request's head is larger than any that we know of."""


@lru_cache(256)
def head_of(status: int, kind: bytes, length: int | None, *, keeps_alive: bool) -> bytes:
    """Return the first lines of an answer; without a length its body comes in chunks."""
    phrase = HTTPStatus(status).phrase.encode()
    framing = b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
    end = b"" if keeps_alive else b"connection: close\r\n"
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\n%b\r\n%b" % (status, phrase, kind, framing, end)


def _more(reply: Reply) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in reply.headers]) if reply.headers else b""


@lru_cache(1)
def _date(_second: int) -> bytes:
    return b"date: %b\r\n\r\n" % formatdate(usegmt=True).encode()


def query_of(request: IncomingRequest) -> dict[str, str]:
    """Return the last value of each name in a request's query."""
    from urllib.parse import parse_qs

    return {key: values[-1] for key, values in parse_qs(request.query).items()}
