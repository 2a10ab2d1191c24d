"""One HTTP/2 client connection over TLS, on h2's state machine.

h2 closes for good when it is shown a GOAWAY, and drops the answers that the peer still owes
for earlier streams. So frames are counted off here and GOAWAY is handled here; h2 sees all
others.
"""

import asyncio
import contextlib
import itertools
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import h2.errors
import h2.events
import h2.exceptions
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.connect import Halves, Route, abort, connect, seconds, tls_reason
from mmpush_tui.http2.errors import (
    AmbiguousError,
    ConnectError,
    TransportError,
    UnprocessedError,
)
from mmpush_tui.http2.frames import BadFrameError, is_goaway, parse_goaway, take_frame
from mmpush_tui.http2.state import named, new_client
from mmpush_tui.http2.stream import Stream
from mmpush_tui.tasks import Tasks

STREAM_CAP: Final = 100
"""Streams we keep open at most, whatever the peer allows."""
BODY_LIMIT: Final = 64 * 1024
"""Bytes of an answer's body that are kept; Apple's and Google's are far smaller."""
_SETTINGS_TIMEOUT_S: Final = 5.0
_WRITE_TIMEOUT_S: Final = 10.0
_CLOSE_TIMEOUT_S: Final = 1.0


class Connection:
    """A connection that answers many requests at once; made by :meth:`open`.

    Attributes:
        heard_at: ``time.monotonic()`` when the peer last sent anything.
        is_usable: false once the peer said goodbye, the connection broke or was closed. What is
            under way then still gets its answer where the peer owes one; after that the
            connection closes itself.
        streams: requests under way.
    """

    def __init__(
        self, route: Route, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.heard_at = time.monotonic()
        self.is_usable = True
        self._route = route
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._h2 = new_client()
        self._streams: dict[int, Stream] = {}
        # Who waits for a stream, in their order; each leaves the line by itself.
        self._waiting: deque[asyncio.Event] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        # Set by the peer's first SETTINGS, or when there will be none.
        self._settled = asyncio.Event()
        self._farewell: ConnectError | None = None
        self._is_broken = False
        self._tasks = Tasks(self._task_failed)
        self._reading = self._tasks.spawn("http2-reader", self._read())

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
        halves = await connect(route, timeout_s)
        return await cls.over(route, halves, max(timeout_s - (time.monotonic() - started), 0.01))

    @classmethod
    async def over(cls, route: Route, halves: Halves, timeout_s: float) -> "Connection":
        """Exchange SETTINGS over a TLS stream that stands already; returns and raises as ``open``.

        Args:
            route: whom the stream leads to.
            halves: the stream; taken over.
            timeout_s: seconds for the peer's SETTINGS to come.
        """
        self = cls(route, *halves)
        try:
            self._h2.initiate_connection()
            self._flush()
            async with asyncio.timeout(min(timeout_s, _SETTINGS_TIMEOUT_S)):
                await self._settled.wait()
            if self._farewell is not None:
                raise self._farewell
        except TimeoutError as error:
            await self.aclose()
            raise ConnectError(
                "http2", f"{route.endpoint} sent no HTTP/2 SETTINGS", "http2_no_settings"
            ) from error
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                # Whoever gave up does not wait for a peer that may never say goodbye.
                abort(self._writer)
            await self.aclose()
            raise
        return self

    @property
    def peer_settings(self) -> dict[str, int]:
        """The peer's SETTINGS in force, by their names in lower case."""
        return named(self._h2.remote_settings)

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
        deadline = self._loop.time() + timeout_s
        await self._take_turn(deadline)
        stream_id, stream = self._send_headers(request)
        try:
            async with asyncio.timeout_at(deadline):
                await self._send_body(stream_id, stream, request.body)
                if stream.is_sent and on_sent is not None:
                    on_sent(stream_id)
                await stream.ended()
        except TimeoutError as error:
            # An answer that came in the same moment is an answer.
            if not stream.is_over:
                raise AmbiguousError(
                    f"{self._route.endpoint} did not answer within {seconds(timeout_s)}", "timeout"
                ) from error
        finally:
            self._leave(stream_id, stream)
        if stream.error is not None:
            raise stream.error
        return Response(stream.status, stream.headers, bytes(stream.body), stream_id)

    async def drained(self, timeout_s: float) -> bool:
        """Wait until nothing is under way; false where that took longer than ``timeout_s``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        return self._idle.is_set()

    async def aclose(self) -> None:
        """Say goodbye and close; what is under way fails as ambiguous."""
        self._close("the connection was closed", "closed")
        self._reading.cancel()
        self._tasks.spawn("http2-close", self._writer.wait_closed())
        try:
            is_closed = await self._tasks.join(_CLOSE_TIMEOUT_S)
        finally:
            # A peer that does not say goodbye in its turn would keep the socket for long.
            abort(self._writer)
        if not is_closed:
            await self._tasks.join(_CLOSE_TIMEOUT_S)

    # Sending

    def _limit(self) -> int:
        return min(int(self._h2.remote_settings.max_concurrent_streams), STREAM_CAP)

    async def _take_turn(self, deadline: float) -> None:
        """Return when a stream may be opened; who has waited longest goes first."""
        turn = asyncio.Event()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout_at(deadline):
                while not self._is_next(turn, deadline):
                    turn.clear()
                    await turn.wait()
        except TimeoutError as error:
            raise UnprocessedError(
                f"{self._route.endpoint} allowed no further stream", "no_stream"
            ) from error
        finally:
            self._waiting.remove(turn)
            self._wake()

    def _is_next(self, turn: asyncio.Event, deadline: float) -> bool:
        if self._farewell is not None:
            code = "goaway" if self._farewell.code == "http2_goaway" else "closed"
            raise UnprocessedError(str(self._farewell), code)
        if self._loop.time() >= deadline:
            # A request that nobody waits for any more must not be sent.
            raise UnprocessedError(f"no time was left to ask {self._route.endpoint}", "no_time")
        return self._waiting.index(turn) < self._limit() - len(self._streams)

    def _wake(self) -> None:
        free = self._limit() - len(self._streams) if self.is_usable else len(self._waiting)
        for turn in itertools.islice(self._waiting, max(free, 0)):
            turn.set()

    def _send_headers(self, request: Request) -> tuple[int, Stream]:
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
            cause = "the connection takes no more streams"
            self._take_no_more(cause, "closed")
            raise UnprocessedError(cause, "closed") from error
        stream = self._streams[stream_id] = Stream()
        stream.is_sent = not request.body
        self._idle.clear()
        return stream_id, stream

    async def _send_body(self, stream_id: int, stream: Stream, body: bytes) -> None:
        view = memoryview(body)
        while view and not stream.is_over:
            window = self._h2.local_flow_control_window(stream_id)
            size = min(window, self._h2.max_outbound_frame_size, len(view))
            if size <= 0:
                self._flush()
                stream.changed.clear()
                await stream.changed.wait()
                continue
            chunk, view = view[:size], view[size:]
            self._h2.send_data(stream_id, bytes(chunk), end_stream=not view)
            stream.is_sent = not view
        self._flush()

    def _leave(self, stream_id: int, stream: Stream) -> None:
        """Forget a stream, and have the peer forget it where it would not by itself."""
        if stream.is_open_at_peer:
            with contextlib.suppress(h2.exceptions.ProtocolError):
                self._h2.reset_stream(stream_id, error_code=h2.errors.ErrorCodes.CANCEL)
                self._flush()
        del self._streams[stream_id]
        self._wake()
        if not self._streams:
            self._idle.set()
            self._close_if_spent()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self._writer.transport.is_closing():
            self._writer.write(data)

    # Receiving

    async def _read(self) -> None:
        buffer = bytearray()
        try:
            while data := await self._reader.read(65536):
                self.heard_at = time.monotonic()
                buffer += data
                while frame := take_frame(buffer):
                    if is_goaway(frame):
                        self._said_goodbye(frame)
                    else:
                        for event in self._h2.receive_data(frame):
                            self._handle(event)
                self._flush()
                async with asyncio.timeout(_WRITE_TIMEOUT_S):
                    await self._writer.drain()
            cause, code = "closed the connection", "closed"
        except (h2.exceptions.ProtocolError, BadFrameError):
            cause, code = "broke the rules of HTTP/2", "http2_protocol"
            if buffer.startswith(b"HTTP/"):
                cause, code = "answered in HTTP/1 where HTTP/2 was agreed on", "http1_answer"
        except TimeoutError:
            cause, code = "takes no more data", "write_timeout"
        except ssl.SSLError as error:
            # With TLS 1.3 this is also how a server asks for a certificate of ours.
            cause, code = f"broke off TLS: {tls_reason(error)}", "tls_closed"
        except OSError:
            cause, code = "dropped the connection", "connection_lost"
        self._close(f"{self._route.endpoint} {cause}", code)

    def _task_failed(self, name: str, error: BaseException) -> None:
        # Closing fails where the peer was faster. The reader's failures are bugs, but whoever
        # waits for an answer must hear of them.
        self._close(f"{name} of {self._route.endpoint} failed: {type(error).__name__}", "internal")

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RemoteSettingsChanged():
                self._settled.set()
                self._open_windows()
                self._wake()
            case h2.events.WindowUpdated():
                self._open_windows()
            case h2.events.ResponseReceived():
                if (stream := self._streams.get(event.stream_id or 0)) and event.headers:
                    stream.headers = tuple((_text(k), _text(v)) for k, v in event.headers)
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
                if stream := self._streams.get(event.stream_id or 0):
                    stream.end()
            case h2.events.StreamReset():
                if stream := self._streams.get(event.stream_id or 0):
                    stream.end(self._reset_error(event.error_code))
            case _:
                pass

    def _open_windows(self) -> None:
        for stream in self._streams.values():
            if not stream.is_sent:
                stream.changed.set()

    def _reset_error(self, code: Any) -> TransportError:
        if code == h2.errors.ErrorCodes.REFUSED_STREAM:
            return UnprocessedError(f"{self._route.endpoint} refused the stream", "refused_stream")
        name = code.name if isinstance(code, h2.errors.ErrorCodes) else str(code)
        return AmbiguousError(f"{self._route.endpoint} reset the stream ({name})", "stream_reset")

    def _said_goodbye(self, frame: bytes) -> None:
        last, _code, reason = parse_goaway(frame)
        words = f"{self._route.endpoint} said goodbye" + (f": {reason}" if reason else "")
        self._take_no_more(words, "http2_goaway")
        for stream_id, stream in self._streams.items():
            if stream_id > last:
                stream.end(UnprocessedError(words, "goaway"))
        self._close_if_spent()

    # Ending

    def _take_no_more(self, cause: str, code: str) -> None:
        """Open no stream from now on; the first cause is the one that is told."""
        if self._farewell is None:
            stage = "tls" if code.startswith("tls") else "http2"
            self._farewell = ConnectError(stage, cause, code)
        self.is_usable = False
        self._settled.set()
        self._wake()

    def _close_if_spent(self) -> None:
        if self._farewell is not None and not self._streams:
            self._close(str(self._farewell), "closed")

    def _close(self, cause: str, code: str) -> None:
        """Say goodbye where we still can and close; what is under way gets ``cause``."""
        if self._is_broken:
            return
        self._is_broken = True
        self._take_no_more(cause, code)
        for stream in self._streams.values():
            stream.end(AmbiguousError(cause, code))
        if code == "closed":
            self._h2.close_connection()
        self._flush()
        if code == "closed":
            self._writer.close()
        else:
            abort(self._writer)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", errors="replace")
