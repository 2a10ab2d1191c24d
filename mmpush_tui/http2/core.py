"""The client's side of one HTTP/2 connection: bytes in, events and bytes out (RFC 9113).

No socket, no clock, no event loop: whoever owns the connection brings these, so that the worker
and the checks share one implementation, and so that tests reach every state by bytes alone.
"""

from collections.abc import Callable
from typing import Final

from hpack import HPACKError

from mmpush_tui.http2 import Request, encoder, frames
from mmpush_tui.http2.decoder import HeaderDecoder
from mmpush_tui.http2.events import (
    Answered,
    Broken,
    Event,
    Goodbye,
    Malformed,
    Pong,
    Reset,
    Sent,
    SettingsChanged,
    Unprocessed,
)
from mmpush_tui.http2.peer_settings import PeerSettings
from mmpush_tui.http2.reader import FrameReader
from mmpush_tui.http2.rules import (
    MalformedError,
    RuleBrokenError,
    connection_only,
    sized,
    status_in,
    unpadded,
)

BODY_LIMIT: Final = 64 * 1024
"""Bytes of an answer's body that are kept; Apple's and Google's are far smaller."""
HEADERS_LIMIT: Final = 64 * 1024
"""Bytes of an answer's headers, compressed and not, beyond which the connection ends."""
_CONTINUATIONS_LIMIT: Final = 128
_REOPEN: Final = frames.DEFAULT_WINDOW // 2
_UNLIMITED: Final = 2**31 - 1
_HTTP1: Final = b"HTTP/"


class _Stream:
    __slots__ = ("body", "headers", "received", "status", "unsent", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.received = 0
        self.status = 0
        self.headers: tuple[tuple[str, str], ...] = ()
        self.body = bytearray()
        self.unsent: memoryview | None = None


class Core:
    """One connection, from the client's preface on.

    Args:
        authority: the ``:authority`` of requests.

    Attributes:
        peer: the peer's SETTINGS in force.
        is_settled: whether the peer's first SETTINGS came.
        is_leaving: whether no stream may be opened any more.
    """

    def __init__(self, authority: str) -> None:
        self.peer = PeerSettings()
        self.is_settled = False
        self.is_leaving = False
        self._authority = authority
        self._is_over = False
        self._streams: dict[int, _Stream] = {}
        self._next_id = 1
        self._last_taken = frames.MAX_STREAM_ID
        # Streams whose bodies wait for a window, the longest waiting first.
        self._unsent: dict[int, _Stream] = {}
        self._window = frames.DEFAULT_WINDOW
        self._received = 0
        self._decoder = HeaderDecoder(HEADERS_LIMIT)
        # SETTINGS bind us, so that a table is ours to shrink; we never filled it.
        self._is_table_told = False
        self._reader = FrameReader()
        self._beginning = b""
        # The header block that CONTINUATION frames go on with: its stream, flags and pieces.
        self._continued: tuple[int, int, list[bytes]] | None = None
        self._events: list[Event] = []
        ours = {frames.ENABLE_PUSH: 0, frames.MAX_HEADER_LIST_SIZE: HEADERS_LIMIT}
        self._output = [frames.PREFACE, frames.settings(ours)]
        self._handlers: dict[int, Callable[[int, int, bytes], None]] = {
            frames.DATA: self._on_data,
            frames.HEADERS: self._on_headers,
            frames.RST_STREAM: self._on_reset,
            frames.SETTINGS: self._on_settings,
            frames.PUSH_PROMISE: self._on_push_promise,
            frames.PING: self._on_ping,
            frames.GOAWAY: self._on_goaway,
            frames.WINDOW_UPDATE: self._on_window_update,
            frames.CONTINUATION: self._on_continuation,
        }

    # For whoever asks

    @property
    def streams(self) -> int:
        """Requests under way."""
        return len(self._streams)

    @property
    def begun(self) -> int:
        """Streams opened so far."""
        return self._next_id // 2

    @property
    def room(self) -> int:
        """How many more streams may be opened now."""
        if self.is_leaving or not self.is_settled or self._next_id > frames.MAX_STREAM_ID:
            return 0
        limit = self.peer.max_streams
        return max((_UNLIMITED if limit is None else limit) - len(self._streams), 0)

    def begin(self, request: Request, authorization: str = "") -> tuple[int, bool]:
        """Open a stream for ``request``, for which there must be :attr:`room`.

        Args:
            request: what to send.
            authorization: an ``authorization`` header to send before its own headers.

        Returns:
            The stream's id, and whether all of it can go at once; otherwise :class:`Sent` tells.

        Raises:
            ValueError: a header cannot be sent; nothing happened.
        """
        block = encoder.encode(request, self._authority, authorization)
        if self.peer.is_table_smaller and not self._is_table_told:
            self._is_table_told = True
            block = encoder.NO_TABLE + block
        stream_id = self._next_id
        self._next_id += 2
        stream = self._streams[stream_id] = _Stream(self.peer.initial_window)
        body = request.body
        self._send_headers(stream_id, block, is_end=not body)
        if not body:
            return stream_id, True
        stream.unsent = memoryview(body)
        if self._send_body(stream_id, stream):
            return stream_id, True
        self._unsent[stream_id] = stream
        return stream_id, False

    def cancel(self, stream_id: int) -> None:
        """Give up a request: its stream is reset, and no event will name it again."""
        if self._forget(stream_id) and not self._is_over:
            self._output.append(frames.rst_stream(stream_id, frames.CANCEL))

    def ping(self, payload: bytes) -> None:
        """Send a PING with eight bytes, which :class:`Pong` brings back."""
        self._output.append(frames.frame(frames.PING, 0, 0, payload))

    def close(self, error_code: int = frames.NO_ERROR) -> None:
        """Say goodbye instead of what is to be sent; afterwards nothing is sent or heard."""
        if not self._is_over:
            self._is_over = self.is_leaving = True
            self._streams.clear()
            self._unsent.clear()
            self._output = [frames.goaway(0, error_code)]

    def take(self) -> bytes:
        """Return what is to be sent, and forget it."""
        if not self._output:
            return b""
        data = b"".join(self._output)
        self._output.clear()
        return data

    def receive(self, data: bytes) -> list[Event]:
        """Take what the peer sent, and return what it meant.

        Cutting the same bytes elsewhere gives the same events. Never raises: whatever the peer
        may send is an event.
        """
        events: list[Event] = []
        self._events = events
        if self._is_over:
            return events
        if not self.is_settled:
            self._beginning += data[: len(_HTTP1) - len(self._beginning)]
        try:
            for kind, flags, stream_id, payload in self._reader.feed(data):
                self._take_frame(kind, flags, stream_id, payload)
        except RuleBrokenError as error:
            is_http1 = not self.is_settled and self._beginning == _HTTP1
            self.close(error.error_code)
            events.append(Broken(error.error_code, error.cause, is_http1))
        return events

    # Sending

    def _send_headers(self, stream_id: int, block: bytes, *, is_end: bool) -> None:
        size = self.peer.max_frame_size
        flags = frames.END_STREAM if is_end else 0
        kind = frames.HEADERS
        while len(block) > size:
            self._output.append(frames.frame(kind, flags, stream_id, block[:size]))
            block, kind, flags = block[size:], frames.CONTINUATION, 0
        self._output.append(frames.frame(kind, flags | frames.END_HEADERS, stream_id, block))

    def _send_body(self, stream_id: int, stream: _Stream) -> bool:
        """Send of a body what the windows allow, and return whether that was the rest."""
        unsent = stream.unsent
        largest = self.peer.max_frame_size
        while unsent:
            size = min(self._window, stream.window, largest, len(unsent))
            if size <= 0:
                stream.unsent = unsent
                return False
            chunk, unsent = bytes(unsent[:size]), unsent[size:]
            flags = 0 if unsent else frames.END_STREAM
            self._output.append(frames.frame(frames.DATA, flags, stream_id, chunk))
            self._window -= size
            stream.window -= size
        stream.unsent = None
        return True

    def _send_bodies(self) -> None:
        for stream_id, stream in tuple(self._unsent.items()):
            if self._window <= 0:
                return
            if self._send_body(stream_id, stream):
                del self._unsent[stream_id]
                self._events.append(Sent(stream_id))

    # Receiving

    def _take_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._continued is not None and kind != frames.CONTINUATION:
            raise RuleBrokenError("headers that are not continued")
        if not self.is_settled and kind not in (frames.SETTINGS, frames.GOAWAY):
            raise RuleBrokenError("no SETTINGS at the beginning")
        handler = self._handlers.get(kind)
        # Types that nobody knows are ignored, and so is PRIORITY (RFC 9113, 5.5 and 5.3.2).
        if handler is None:
            return
        try:
            handler(flags, stream_id, payload)
        except MalformedError as error:
            self._forget(stream_id)
            self._output.append(frames.rst_stream(stream_id, frames.PROTOCOL_ERROR))
            self._events.append(Malformed(stream_id, str(error)))

    def _stream(self, stream_id: int) -> _Stream | None:
        """Return an open stream, or None for a closed one, whose frames are ignored."""
        stream = self._streams.get(stream_id)
        if stream is None and (not stream_id & 1 or stream_id >= self._next_id):
            raise RuleBrokenError("a frame on a stream that was never opened")
        return stream

    def _forget(self, stream_id: int) -> bool:
        """Forget a stream and return whether it was open."""
        self._unsent.pop(stream_id, None)
        return self._streams.pop(stream_id, None) is not None

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        stream = self._stream(stream_id)
        self._received += len(payload)
        if self._received > _REOPEN:
            self._output.append(frames.window_update(0, self._received))
            self._received = 0
        content = unpadded(payload) if flags & frames.PADDED else payload
        if stream is None:
            return
        if not stream.status:
            raise MalformedError("sent a body before its headers")
        stream.received += len(payload)
        if (room := BODY_LIMIT - len(stream.body)) > 0:
            stream.body += content[:room]
        if flags & frames.END_STREAM:
            self._finish(stream_id, stream)
        elif stream.received > _REOPEN:
            self._output.append(frames.window_update(stream_id, stream.received))
            stream.received = 0

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if flags & frames.PADDED:
            payload = unpadded(payload)
        if flags & frames.HAS_PRIORITY:
            if len(payload) < 5:
                raise RuleBrokenError("short HEADERS", frames.FRAME_SIZE_ERROR)
            payload = payload[5:]
        self._stream(stream_id)
        if flags & frames.END_HEADERS:
            self._on_block(flags, stream_id, payload)
        else:
            self._continued = (stream_id, flags, [payload])

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._continued is None or self._continued[0] != stream_id:
            raise RuleBrokenError("headers continued that were not begun")
        _, first_flags, pieces = self._continued
        pieces.append(payload)
        if len(pieces) > _CONTINUATIONS_LIMIT or sum(map(len, pieces)) > HEADERS_LIMIT:
            raise RuleBrokenError("headers beyond measure", frames.ENHANCE_YOUR_CALM)
        if flags & frames.END_HEADERS:
            self._continued = None
            self._on_block(first_flags, stream_id, b"".join(pieces))

    def _on_block(self, flags: int, stream_id: int, block: bytes) -> None:
        try:
            headers = self._decoder.decode(block)
        except HPACKError as error:
            raise RuleBrokenError("bad HPACK", frames.COMPRESSION_ERROR) from error
        stream = self._stream(stream_id)
        if stream is None:
            return
        if stream.status:
            # Trailers, which tell us nothing.
            if not flags & frames.END_STREAM:
                raise MalformedError("sent headers in the middle of a body")
            self._finish(stream_id, stream)
            return
        status = status_in(headers)
        if status < 200:
            # News before the answer (RFC 9110, 15.2).
            if flags & frames.END_STREAM:
                raise MalformedError("ended before its answer began")
            return
        stream.status, stream.headers = status, headers
        if flags & frames.END_STREAM:
            self._finish(stream_id, stream)

    def _finish(self, stream_id: int, stream: _Stream) -> None:
        if stream.unsent is not None:
            # Otherwise the stream would stay half open and count against the peer's limit.
            self._output.append(frames.rst_stream(stream_id, frames.CANCEL))
        self._forget(stream_id)
        self._events.append(Answered(stream_id, stream.status, stream.headers, bytes(stream.body)))

    def _on_reset(self, _flags: int, stream_id: int, payload: bytes) -> None:
        sized(payload, 4, "RST_STREAM")
        if self._stream(stream_id) is not None:
            self._forget(stream_id)
            self._events.append(Reset(stream_id, frames.parse_long(payload)))

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        connection_only(stream_id)
        if flags & frames.ACK:
            sized(payload, 0, "SETTINGS")
            if not self.is_settled:
                raise RuleBrokenError("no SETTINGS at the beginning")
            return
        if len(payload) % 6:
            raise RuleBrokenError("uneven SETTINGS", frames.FRAME_SIZE_ERROR)
        before = self.peer.initial_window
        self.peer.apply(payload)
        if grown := self.peer.initial_window - before:
            for stream in self._streams.values():
                stream.window += grown
                if stream.window > frames.MAX_WINDOW:
                    raise RuleBrokenError("a window beyond measure", frames.FLOW_CONTROL_ERROR)
        self.is_settled = True
        self._output.append(frames.frame(frames.SETTINGS, frames.ACK, 0))
        self._events.append(SettingsChanged())
        self._send_bodies()

    def _on_push_promise(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        raise RuleBrokenError("PUSH_PROMISE, which we forbade")

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        connection_only(stream_id)
        sized(payload, 8, "PING")
        if flags & frames.ACK:
            self._events.append(Pong(payload))
        else:
            self._output.append(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _on_goaway(self, _flags: int, stream_id: int, payload: bytes) -> None:
        connection_only(stream_id)
        if len(payload) < 8:
            raise RuleBrokenError("short GOAWAY", frames.FRAME_SIZE_ERROR)
        last, error_code, debug = frames.parse_goaway(payload)
        self.is_leaving = True
        # It may be lowered, but what was given up may be under way elsewhere by now.
        self._last_taken = min(self._last_taken, last)
        self._events.append(Goodbye(self._last_taken, error_code, debug))
        for above in [each for each in self._streams if each > self._last_taken]:
            self._forget(above)
            self._events.append(Unprocessed(above))

    def _on_window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        sized(payload, 4, "WINDOW_UPDATE")
        increment = frames.parse_long(payload) & frames.MAX_WINDOW
        if not stream_id:
            self._window += increment
            if not increment or self._window > frames.MAX_WINDOW:
                raise RuleBrokenError("a window opened wrongly", frames.FLOW_CONTROL_ERROR)
        elif stream := self._stream(stream_id):
            stream.window += increment
            if not increment or stream.window > frames.MAX_WINDOW:
                raise MalformedError("opened a window wrongly")
        if self._unsent:
            self._send_bodies()
