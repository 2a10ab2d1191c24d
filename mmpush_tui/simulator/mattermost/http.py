"""HTTP/1.1 for the Mattermost stand-in: TCP, TLS and a Unix socket, down to the single write.

The worker's server answers as it should; a stand-in must also hang up, cut an answer short and
stream without end.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httptools

from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.tasks import Tasks

BODY_LIMIT: Final = 300_000
"""ServiceSettings.MaximumPayloadSizeBytes; more of a request's body is not kept."""
_CHUNK: Final = 65536
_CLOSE_S: Final = 2.0
_HANDSHAKE_S: Final = 5.0


class Wire:
    """The way back to the client of one request.

    Args:
        reader: what the client sends on the same connection.
        writer: the connection.
        is_local: the request came over the Unix socket.
        keeps: the connection outlives the answer.
        has_body: the answer may have a body; false for HEAD.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_local: bool,
        keeps: bool,
        has_body: bool,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._has_body = has_body
        self.is_local = is_local
        self.keeps = keeps
        self.answer: ServedResponse | None = None
        """What was sent, whole or in part."""
        self.streamed = 0
        """Bytes of an endless body that the client has taken."""

    @property
    def is_gone(self) -> bool:
        """Whether the client has given up waiting."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def send(self, response: ServedResponse, *, cut: bool = False) -> None:
        """Send ``response``; where ``cut``, all of it is announced and half of it sent."""
        self.answer = response
        body = response.body if self._has_body else b""
        self.keeps = self.keeps and not cut
        head = _head(response, (("content-length", str(len(response.body))),), self.keeps)
        self._writer.write(head + (body[: len(body) // 2] if cut else body))
        await self._writer.drain()

    async def stream(self, response: ServedResponse, size: int) -> None:
        """Send ``response`` and its last byte over and over, until ``size`` or the client's end."""
        self.answer, self.keeps = response, False
        self._writer.write(_head(response, (), keeps=False) + response.body)
        filling = response.body[-1:] * _CHUNK
        while self.streamed < size:
            self._writer.write(filling)
            await self._writer.drain()
            self.streamed += len(filling)

    def hang_up(self) -> None:
        """Let the connection end without an answer."""
        self.keeps = False


Answerer = Callable[[ServedRequest, Wire], Awaitable[None]]


class Doors:
    """The ports and the socket that one handler answers at.

    Args:
        handler: answers a request, or hangs up.
        failed: called with the text of what the handler raised that it should not have.
    """

    def __init__(self, handler: Answerer, failed: Callable[[str], None]) -> None:
        self._handler = handler
        self._tasks = Tasks(lambda name, error: failed(f"{name}: {error!r}"))
        self._servers: list[asyncio.Server] = []
        self._paths: list[Path] = []

    async def listen(self, tls: ssl.SSLContext | None, port: int = 0) -> int:
        """Listen on loopback, with TLS where given, and return the port.

        Args:
            tls: None for plain HTTP.
            port: 0 for a free one.

        Raises:
            OSError: the port is taken.
        """
        server = await asyncio.start_server(
            partial(self._accepted, False),
            "127.0.0.1",
            port,
            ssl=tls,
            ssl_handshake_timeout=_HANDSHAKE_S if tls else None,
        )
        self._servers.append(server)
        taken: int = server.sockets[0].getsockname()[1]
        return taken

    async def listen_locally(self, path: Path) -> None:
        """Listen on a Unix socket of mode 0600 in the place of one that an earlier run left.

        Raises:
            OSError: something else is there, or the path is too long.
        """
        server = await asyncio.start_unix_server(partial(self._accepted, True), sock=_bound(path))
        self._servers.append(server)
        self._paths.append(path)

    async def aclose(self) -> None:
        """Close all connections, the ports and the socket."""
        for server in self._servers:
            server.close()
        await self._tasks.aclose()
        for server in self._servers:
            await server.wait_closed()
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._servers.clear()
        self._paths.clear()

    def _accepted(
        self, is_local: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._tasks.spawn("connection", self._converse(is_local, reader, writer))

    async def _converse(
        self, is_local: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            # The client may be gone at any time, and what it sends may be no HTTP.
            with contextlib.suppress(OSError, httptools.HttpParserError):
                await self._answer_all(is_local, reader, writer)
        except asyncio.CancelledError:
            _abort(writer)
            raise
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await writer.wait_closed()
            _abort(writer)

    async def _answer_all(
        self, is_local: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        parser = _Parser()
        while data := await reader.read(_CHUNK):
            for request, keeps in parser.feed(data):
                has_body = request.method != "HEAD"
                wire = Wire(reader, writer, is_local=is_local, keeps=keeps, has_body=has_body)
                await self._handler(request, wire)
                if not wire.keeps:
                    return


class _Parser:
    """Makes requests of bytes; the methods with ``on_`` are called by httptools."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._whole: list[tuple[ServedRequest, bool]] = []
        self.on_message_begin()

    def feed(self, data: bytes) -> list[tuple[ServedRequest, bool]]:
        """Return the requests that ``data`` completes, each with whether the connection stays."""
        with contextlib.suppress(httptools.HttpParserUpgrade):
            self._parser.feed_data(data)
        whole, self._whole = self._whole, []
        return whole

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._size = 0

    def on_url(self, url: bytes) -> None:
        """Keep a piece of the path."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body, within bounds."""
        self._size += len(data)
        self._body += data[: max(0, BODY_LIMIT - len(self._body))]

    def on_message_complete(self) -> None:
        """Keep the request, which is whole."""
        method = self._parser.get_method().decode("ascii")
        pseudo = ((":method", method), (":path", self._url.decode("latin-1")))
        request = ServedRequest(
            headers=(*pseudo, *self._headers), body=bytes(self._body), size=self._size
        )
        self._whole.append((request, self._parser.should_keep_alive()))


def _head(response: ServedResponse, more: tuple[tuple[str, str], ...], keeps: bool) -> bytes:
    status = response.status
    headers = (*response.headers, *more, ("connection", "keep-alive" if keeps else "close"))
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _bound(path: Path) -> socket.socket:
    if path.is_socket():
        path.unlink()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        # Nobody can connect before the server listens, so nobody meets the wider mode.
        os.chmod(path, 0o600)
    except OSError:
        sock.close()
        raise
    return sock


def _abort(writer: asyncio.StreamWriter) -> None:
    """Drop a connection; one over TLS that has ended already cannot be in some Python 3.11."""
    with contextlib.suppress(AttributeError):
        writer.transport.abort()
