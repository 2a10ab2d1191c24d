"""An HTTP/2 server that says what a test tells it to, frame by frame, over real TLS."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from hpack import Decoder, Encoder, NeverIndexedHeaderTuple
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.connect import Endpoint, Route
from mmpush_tui.http2.connection import Connection
from mmpush_tui.http2.opening import open_connection
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.tasks import Tasks

TIMEOUT_S: Final = 60.0
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_STREAMS: Final = SettingsFrame.MAX_CONCURRENT_STREAMS
WINDOW: Final = 65535
CANCEL: Final = 8
# SO_LINGER on with no time: closing sends RST instead of FIN.
_RESET: Final = struct.pack("ii", 1, 0)

T = TypeVar("T")
FrameT = TypeVar("FrameT", bound=Frame)


def settings(values: Mapping[int, int] | None = None) -> SettingsFrame:
    return SettingsFrame(0, settings=dict(values or {}))


def goaway(last: int, code: int = 0, debug: bytes = b"") -> GoAwayFrame:
    return GoAwayFrame(0, last_stream_id=last, error_code=code, additional_data=debug)


def extension(kind: int, stream_id: int, body: bytes) -> bytes:
    """Return a frame of a type that HTTP/2 does not know; hyperframe writes its length wrong."""
    return struct.pack(">HBBBL", len(body) >> 8, len(body) & 255, kind, 255, stream_id) + body


def push(body: bytes = b"{}", path: str = "/3/device/00", **headers: str) -> Request:
    fields = {"authorization": "bearer token"} | {
        k.replace("_", "-"): v for k, v in headers.items()
    }
    return Request("POST", path, tuple(fields.items()), body)


@dataclass
class Asked:
    """One request as it came."""

    stream_id: int
    headers: list[tuple[str, str]]
    never_indexed: set[str]
    body: bytes = b""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


class Peer:
    """One accepted connection.

    Attributes:
        frames: all that came and was read.
        began: ids of the streams that began.
        received: bytes of DATA that came.
        room: bytes that the connection's window still lets us send.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.frames: list[Frame] = []
        self.began: list[int] = []
        self.received = 0
        self.room = WINDOW
        self._stream_room: dict[int, int] = {}
        self._reader = reader
        self._writer = writer
        self._decoder = Decoder()
        self._encoder = Encoder()
        self._open: dict[int, Asked] = {}
        self._complete: deque[Asked] = deque()

    # Saying

    def send(self, *said: Frame | bytes) -> None:
        self._writer.write(b"".join(it if isinstance(it, bytes) else it.serialize() for it in said))

    def block(self, status: int | str, *headers: tuple[str, str]) -> bytes:
        """Return a header block; each may be built only once, and must be sent in its turn."""
        return self._encoder.encode([(":status", str(status)), *headers])

    def trailers(self, *headers: tuple[str, str]) -> bytes:
        """Return a header block without a status; as :meth:`block`."""
        return self._encoder.encode(headers)

    def answer(
        self, stream_id: int, status: int = 200, body: bytes = b"", *headers: tuple[str, str]
    ) -> None:
        flags = ["END_HEADERS"] if body else ["END_HEADERS", "END_STREAM"]
        self.send(HeadersFrame(stream_id, self.block(status, *headers), flags=flags))
        if body:
            self.data(stream_id, body, end=True)

    def data(self, stream_id: int, body: bytes, *, end: bool = False) -> None:
        """Send one DATA frame, which the windows must allow."""
        assert self.room_for(stream_id) >= len(body), "the test sends more than was allowed"
        self.room -= len(body)
        self._stream_room[stream_id] = self._stream_room.get(stream_id, WINDOW) - len(body)
        self.send(DataFrame(stream_id, body, flags=["END_STREAM"] if end else []))

    def room_for(self, stream_id: int) -> int:
        """Return how many bytes of DATA the client allows on a stream."""
        return min(self.room, self._stream_room.get(stream_id, WINDOW))

    def reset(self, stream_id: int, code: int) -> None:
        self.send(RstStreamFrame(stream_id, error_code=code))

    def open_window(self, stream_id: int, size: int) -> None:
        self.send(WindowUpdateFrame(stream_id, window_increment=size))

    def close(self) -> None:
        """Close in good order."""
        self._writer.close()

    def abort(self) -> None:
        """Reset the TCP connection."""
        sock = self._writer.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()

    def stop_reading(self) -> None:
        cast(asyncio.ReadTransport, self._writer.transport).pause_reading()

    # Hearing

    async def frame(self) -> Frame:
        """Return the next frame that comes."""
        if not self.frames:
            assert await self._exactly(len(PREFACE)) == PREFACE
        frame, length = Frame.parse_frame_header(memoryview(await self._exactly(9)))
        frame.parse_body(memoryview(await self._exactly(length)))
        self.frames.append(frame)
        self._note(frame)
        return frame

    async def next(self, kind: type[FrameT]) -> FrameT:
        """Return the next frame of ``kind``, passing over others."""
        while not isinstance(frame := await self.frame(), kind):
            pass
        return frame

    async def request(self) -> Asked:
        """Return the next request that came in full."""
        while not self._complete:
            await self.frame()
        return self._complete.popleft()

    async def request_or_frame(self) -> Asked | None:
        """Return the next request, or nothing after a frame that completed none."""
        if not self._complete:
            await self.frame()
        return self._complete.popleft() if self._complete else None

    async def requests(self, count: int) -> list[Asked]:
        return [await self.request() for _ in range(count)]

    async def sync(self, mark: bytes = b"up to me") -> None:
        """Wait until the client has seen all that was sent, and we all that it sent before."""
        self.send(PingFrame(0, opaque_data=mark))
        while True:
            ping = await self.next(PingFrame)
            if "ACK" in ping.flags and ping.opaque_data == mark:
                return

    async def closed(self) -> None:
        """Read what still comes, until the client has closed."""
        async with asyncio.timeout(TIMEOUT_S):
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                while True:
                    await self.frame()

    async def _exactly(self, size: int) -> bytes:
        async with asyncio.timeout(TIMEOUT_S):
            return await self._reader.readexactly(size)

    def _note(self, frame: Frame) -> None:
        match frame:
            case SettingsFrame() if "ACK" not in frame.flags:
                self.send(SettingsFrame(0, flags=["ACK"]))
            case WindowUpdateFrame(stream_id=0):
                self.room += frame.window_increment
            case WindowUpdateFrame(stream_id=stream_id):
                room = self._stream_room.get(stream_id, WINDOW)
                self._stream_room[stream_id] = room + frame.window_increment
            case HeadersFrame():
                self.began.append(frame.stream_id)
                self._open[frame.stream_id] = self._asked(frame)
            case DataFrame():
                self.received += len(frame.data)
                self._open[frame.stream_id].body += frame.data
            case _:
                pass
        if "END_STREAM" in frame.flags:
            self._complete.append(self._open.pop(frame.stream_id))

    def _asked(self, frame: HeadersFrame) -> Asked:
        decoded = list(self._decoder.decode(frame.data, raw=True))
        headers = [(name.decode(), value.decode()) for name, value in decoded]
        never = {it[0].decode() for it in decoded if isinstance(it, NeverIndexedHeaderTuple)}
        return Asked(frame.stream_id, headers, never)


class Session:
    """A connection, its peer, and requests under way between them."""

    def __init__(self, client: Connection, peer: Peer, tasks: Tasks) -> None:
        self.client = client
        self.peer = peer
        self._tasks = tasks

    def ask(
        self,
        request: Request | None = None,
        timeout_s: float = TIMEOUT_S,
        on_sent: Callable[[int], None] | None = None,
    ) -> asyncio.Task[Response]:
        """Begin a request."""
        return self._tasks.spawn("ask", self.client.request(request or push(), timeout_s, on_sent))


class ScriptedServer:
    """Accepts connections and greets each with ``greeting``; all else is up to the test.

    Attributes:
        greeting: frames and bytes that are sent at once.
        connections: how many were accepted.
        port: where it listens.
    """

    def __init__(self, ca: ThrowAwayCA, tls: ssl.SSLContext | None = None) -> None:
        self.greeting: tuple[Frame | bytes, ...] = (settings(),)
        self.connections = 0
        self.port = 0
        self._ca = ca
        self._tls = tls or ca.server_context("127.0.0.1", "::1")
        self._arrived: asyncio.Queue[Peer] = asyncio.Queue()
        self._peers: list[Peer] = []
        self._tasks = Tasks(lambda _name, _error: None)
        self._route: Route | None = None

    @contextlib.asynccontextmanager
    async def running(self, host: str = "127.0.0.1") -> AsyncIterator["ScriptedServer"]:
        with socket.create_server((host, 0), family=_family(host)) as sock:
            async with self.listening(sock):
                yield self

    @contextlib.asynccontextmanager
    async def listening(self, sock: socket.socket) -> AsyncIterator["ScriptedServer"]:
        """Serve on a socket that is bound, and closed by its owner."""
        self.port = sock.getsockname()[1]
        self.route_of(Endpoint(sock.getsockname()[0], self.port), {})
        # Its own copy, because the loop closes what it serves on.
        server = await asyncio.start_server(self._accepted, sock=sock.dup(), ssl=self._tls)
        try:
            yield self
        finally:
            server.close()
            for peer in self._peers:
                peer.abort()
            await self._tasks.aclose()
            async with asyncio.timeout(TIMEOUT_S):
                await server.wait_closed()

    @property
    def route(self) -> Route:
        assert self._route is not None
        return self._route

    def route_of(self, endpoint: Endpoint, connect_to: Mapping[str, str]) -> None:
        """Have the sessions reach for ``endpoint``."""
        self._route = Route(endpoint, self._ca.client_context(), connect_to)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.connections += 1
        self._peers.append(peer)
        peer.send(*self.greeting)
        self._arrived.put_nowait(peer)

    async def accepted(self) -> Peer:
        """Return the next connection."""
        async with asyncio.timeout(TIMEOUT_S):
            return await self._arrived.get()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin ``work``; the test waits for it, or it ends with the server."""
        return self._tasks.spawn("ask", work)

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Connect to this server; what the test then waits for has an end."""
        async with asyncio.timeout(TIMEOUT_S):
            client = await open_connection(self.route, TIMEOUT_S)
            try:
                yield Session(client, await self.accepted(), self._tasks)
            finally:
                await client.aclose()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
