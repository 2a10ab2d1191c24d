"""One HTTP/2 client connection over TLS, on h2's state machine.

h2 closes for good when it is shown a GOAWAY, and drops the answers that the peer still owes
for earlier streams. So frames are counted off here and GOAWAY is handled here; h2 sees all
others.
"""

import asyncio
import contextlib
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.connect import Route, connect
from mmpush_tui.http2.errors import (
    AmbiguousError,
    ConnectError,
    TransportError,
    UnprocessedError,
)
from mmpush_tui.tasks import Tasks
from mmpush_tui.text import clean

STREAM_CAP: Final = 100
"""Streams we keep open at most, whatever the peer allows."""
BODY_LIMIT: Final = 64 * 1024
"""Bytes of an answer's body that are kept; Apple's and Google's are far smaller."""
_SETTINGS_TIMEOUT_S: Final = 5.0
_WRITE_TIMEOUT_S: Final = 10.0
_GOAWAY: Final = 0x7
_FRAME_HEADER: Final = 9
_FRAME_LIMIT: Final = 1024 * 1024


class _Stream:
    """What is known of one request under way."""

    __slots__ = ("body", "done", "headers", "status", "window")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.done: asyncio.Future[None] = loop.create_future()
        self.status = 0
        self.headers: tuple[tuple[str, str], ...] = ()
        self.body = bytearray()
        self.window = asyncio.Event()


class Connection:
    """A connection that answers many requests at once; made by :meth:`open`.

    Attributes:
        opened_at: ``time.monotonic()`` of the handshake's end.
        is_usable: false once the peer said goodbye, the connection broke or was closed. What is
            under way then still gets its answer where the peer owes one.
        streams: requests under way.
    """

    def __init__(
        self, route: Route, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.opened_at = time.monotonic()
        self.is_usable = True
        self._route = route
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True,
                header_encoding="utf-8",
                validate_inbound_headers=False,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._streams: dict[int, _Stream] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._settled: asyncio.Future[None] = self._loop.create_future()
        self._broken: TransportError | None = None
        self._tasks = Tasks(self._reader_failed)

    @classmethod
    async def open(cls, route: Route, timeout_s: float) -> "Connection":
        """Connect, exchange SETTINGS and return the usable connection.

        Args:
            route: whom to reach and how.
            timeout_s: seconds for all of it.

        Raises:
            ConnectError: there is no usable connection.
        """
        started = time.monotonic()
        reader, writer = await connect(route, timeout_s)
        self = cls(route, reader, writer)
        try:
            self._h2.initiate_connection()
            self._h2.update_settings({0x2: 0})  # ENABLE_PUSH off
            self._flush()
            self._tasks.spawn("http2-reader", self._read())
            left = max(timeout_s - (time.monotonic() - started), 0.01)
            async with asyncio.timeout(min(left, _SETTINGS_TIMEOUT_S)):
                await asyncio.shield(self._settled)
        except TimeoutError as error:
            await self.aclose()
            raise ConnectError(
                "http2", f"{route.endpoint} sent no HTTP/2 SETTINGS", "http2_no_settings"
            ) from error
        except BaseException:
            await self.aclose()
            raise
        return self

    @property
    def streams(self) -> int:
        """The number of requests under way."""
        return len(self._streams)

    async def request(
        self, request: Request, timeout_s: float, on_sent: Callable[[int], None] | None = None
    ) -> Response:
        """Send ``request`` and return its answer.

        Waits for a free stream where the peer allows no more at once.

        Args:
            request: what to send.
            timeout_s: seconds until the answer must be complete.
            on_sent: called with the stream id when the whole request is on its way.

        Raises:
            UnprocessedError: the peer did nothing; it may be sent again, elsewhere.
            AmbiguousError: no answer came, and it may have been acted on.
        """
        stream_id = 0
        try:
            async with asyncio.timeout(timeout_s):
                await self._wait_for_slot()
                stream_id, stream = self._send_headers(request)
                await self._send_body(stream_id, stream, request.body)
                if on_sent is not None:
                    on_sent(stream_id)
                await stream.done
        except TimeoutError as error:
            if not stream_id:
                raise UnprocessedError(
                    f"{self._route.endpoint} allowed no further stream", "no_stream"
                ) from error
            self._reset(stream_id)
            raise AmbiguousError(
                f"{self._route.endpoint} did not answer within {timeout_s:.0f} s", "timeout"
            ) from error
        except asyncio.CancelledError:
            if stream_id:
                self._reset(stream_id)
            raise
        finally:
            if stream_id:
                self._streams.pop(stream_id, None)
                if not self._streams:
                    self._idle.set()
            self._wake()
        return Response(stream.status, stream.headers, bytes(stream.body), stream_id)

    async def drained(self, timeout_s: float) -> bool:
        """Wait until nothing is under way; false where that took longer than ``timeout_s``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        return self._idle.is_set()

    async def aclose(self) -> None:
        """Say goodbye and close; what is under way fails as ambiguous."""
        if self._broken is None:
            with contextlib.suppress(h2.exceptions.ProtocolError):
                self._h2.close_connection()
                self._flush()
        self._fail(AmbiguousError("the connection was closed", "closed"))
        await self._tasks.aclose()
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._writer.wait_closed()

    # Sending

    def _limit(self) -> int:
        return min(int(self._h2.remote_settings.max_concurrent_streams), STREAM_CAP)

    async def _wait_for_slot(self) -> None:
        while self._check_open() and (len(self._streams) >= self._limit()):
            waiter = self._loop.create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            finally:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)

    def _check_open(self) -> bool:
        if self._broken is not None or not self.is_usable:
            raise UnprocessedError("the connection was already closed", "closed")
        return True

    def _wake(self) -> None:
        free = self._limit() - len(self._streams) if self.is_usable else len(self._waiting)
        while self._waiting and free > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                free -= 1

    def _send_headers(self, request: Request) -> tuple[int, _Stream]:
        headers: list[HeaderTuple] = [
            HeaderTuple(":method", request.method),
            HeaderTuple(":scheme", "https"),
            HeaderTuple(":authority", self._route.endpoint.authority),
            # A path holds the device token: it would only churn the table.
            NeverIndexedHeaderTuple(":path", request.path),
        ]
        headers += [
            (NeverIndexedHeaderTuple if name in request.unindexed else HeaderTuple)(name, value)
            for name, value in request.headers
        ]
        try:
            stream_id = self._h2.get_next_available_stream_id()
            self._h2.send_headers(stream_id, headers, end_stream=not request.body)
        except h2.exceptions.ProtocolError as error:
            self.is_usable = False
            raise UnprocessedError("the connection takes no more streams", "closed") from error
        stream = self._streams[stream_id] = _Stream(self._loop)
        self._idle.clear()
        self._flush()
        return stream_id, stream

    async def _send_body(self, stream_id: int, stream: _Stream, body: bytes) -> None:
        view = memoryview(body)
        while view and not stream.done.done():
            window = self._h2.local_flow_control_window(stream_id)
            size = min(window, self._h2.max_outbound_frame_size, len(view))
            if size <= 0:
                stream.window.clear()
                await self._window_or_end(stream)
                continue
            chunk, view = view[:size], view[size:]
            self._h2.send_data(stream_id, bytes(chunk), end_stream=not view)
            self._flush()

    async def _window_or_end(self, stream: _Stream) -> None:
        async with asyncio.TaskGroup() as group:
            window = group.create_task(stream.window.wait())
            await asyncio.wait((window, stream.done), return_when=asyncio.FIRST_COMPLETED)
            window.cancel()

    def _reset(self, stream_id: int) -> None:
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self._h2.reset_stream(stream_id, error_code=h2.errors.ErrorCodes.CANCEL)
            self._flush()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self._writer.transport.is_closing():
            self._writer.write(data)

    # Receiving

    async def _read(self) -> None:
        buffer = bytearray()
        while data := await self._reader.read(65536):
            buffer += data
            while frame := _take_frame(buffer):
                if frame[3] == _GOAWAY:
                    self._said_goodbye(frame)
                else:
                    for event in self._h2.receive_data(frame):
                        self._handle(event)
            self._flush()
            async with asyncio.timeout(_WRITE_TIMEOUT_S):
                await self._writer.drain()
        self._fail(AmbiguousError(f"{self._route.endpoint} closed the connection", "closed"))

    def _reader_failed(self, _name: str, error: BaseException) -> None:
        match error:
            case h2.exceptions.ProtocolError() | _BadFrameError():
                cause, code = "broke the rules of HTTP/2", "http2_protocol"
            case TimeoutError():
                cause, code = "takes no more data", "write_timeout"
            case _:
                cause, code = "dropped the connection", "connection_lost"
        self._fail(AmbiguousError(f"{self._route.endpoint} {cause}", code))

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RemoteSettingsChanged():
                if not self._settled.done():
                    self._settled.set_result(None)
                self._open_windows()
                self._wake()
            case h2.events.WindowUpdated():
                self._open_windows()
            case h2.events.ResponseReceived():
                if (stream := self._streams.get(event.stream_id or 0)) and event.headers:
                    stream.headers = tuple(
                        (_text(name), _text(value)) for name, value in event.headers
                    )
                    status = next((v for k, v in stream.headers if k == ":status"), "0")
                    stream.status = int(status) if status.isdecimal() else 0
            case h2.events.DataReceived():
                if event.flow_controlled_length and event.stream_id:
                    self._h2.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
                if (stream := self._streams.get(event.stream_id or 0)) and event.data:
                    stream.body += event.data[: BODY_LIMIT - len(stream.body)]
            case h2.events.StreamEnded():
                if (stream := self._streams.get(event.stream_id or 0)) and not stream.done.done():
                    stream.done.set_result(None)
            case h2.events.StreamReset():
                self._was_reset(event.stream_id or 0, event.error_code)
            case _:
                pass

    def _open_windows(self) -> None:
        for stream in self._streams.values():
            stream.window.set()

    def _was_reset(self, stream_id: int, code: Any) -> None:
        stream = self._streams.get(stream_id)
        if stream is None or stream.done.done():
            return
        if code == h2.errors.ErrorCodes.REFUSED_STREAM:
            stream.done.set_exception(
                UnprocessedError(f"{self._route.endpoint} refused the stream", "refused_stream")
            )
            return
        name = code.name if isinstance(code, h2.errors.ErrorCodes) else str(code)
        stream.done.set_exception(
            AmbiguousError(f"{self._route.endpoint} reset the stream ({name})", "stream_reset")
        )

    def _said_goodbye(self, frame: bytes) -> None:
        last, code = struct.unpack_from(">II", frame, _FRAME_HEADER)
        self.is_usable = False
        reason = clean(frame[_FRAME_HEADER + 8 :].decode(errors="replace"), 200)
        words = f"{self._route.endpoint} said goodbye" + (f": {reason}" if reason else "")
        for stream_id, stream in self._streams.items():
            if stream_id > last & 0x7FFFFFFF and not stream.done.done():
                stream.done.set_exception(UnprocessedError(words, "goaway"))
        if not self._settled.done():
            name = f"http2_goaway_{code}"
            self._settled.set_exception(ConnectError("http2", words, name))
            self._settled.exception()
        self._wake()

    def _fail(self, error: TransportError) -> None:
        if self._broken is not None:
            return
        self._broken = error
        self.is_usable = False
        for stream in self._streams.values():
            if not stream.done.done():
                stream.done.set_exception(error)
        if not self._settled.done():
            self._settled.set_exception(ConnectError("http2", str(error), error.code))
            self._settled.exception()
        self._wake()
        self._writer.transport.abort() if error.code != "closed" else self._writer.close()


class _BadFrameError(Exception):
    """A frame longer than any we could have allowed."""


def _take_frame(buffer: bytearray) -> bytes:
    """Remove one whole frame from the front of ``buffer``; empty where none is complete."""
    if len(buffer) < _FRAME_HEADER:
        return b""
    size = _FRAME_HEADER + int.from_bytes(buffer[:3], "big")
    if size > _FRAME_LIMIT or (buffer[3] == _GOAWAY and size < _FRAME_HEADER + 8):
        raise _BadFrameError
    if len(buffer) < size:
        return b""
    frame = bytes(buffer[:size])
    del buffer[:size]
    return frame


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", errors="replace")
