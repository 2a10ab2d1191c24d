"""One HTTP/2 connection of a stand-in, from its first SETTINGS to its end.

h2 keeps the protocol's state. Three frames are written past it: SETTINGS, because h2 would add
settings of its own and would answer one stream too many by closing the connection, where the
vendors refuse that stream alone; GOAWAY, because h2 falls silent after one, where a server
finishes what it has begun; and whatever a fault wants to break.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

import h2.config
import h2.connection
import h2.events
import h2.settings
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import Frame, GoAwayFrame, SettingsFrame

from mmpush_tui.simulator.net.exchange import Findings, ServedRequest, ServedResponse, TrafficCounts
from mmpush_tui.simulator.net.tlspipe import TlsPipe
from mmpush_tui.tasks import Tasks

S = TypeVar("S")

UNLIMITED: Final = 2**31 - 1


class Handler(Protocol[S]):
    """Answers requests."""

    async def __call__(
        self, request: ServedRequest, connection: "H2Connection[S]", /
    ) -> ServedResponse | None:
        """Return the answer; None where it dealt with the stream itself or leaves it open."""


class Hooks:
    """Where a connection may be interfered with; none of these does anything."""

    def settings(self, first: Mapping[int, int]) -> Mapping[int, int]:
        """Return the SETTINGS that a connection begins with in place of ``first``."""
        return first

    def opened(self, connection: "H2Connection[Any]") -> bool:
        """Begin a connection whose TLS stands; true where SETTINGS are not to be sent."""
        return False

    def begun(self, connection: "H2Connection[Any]", stream_id: int) -> bool:
        """Hear of the headers of a request; true where it is not to be looked at further."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms(Generic[S]):
    """What holds for every connection of one server.

    Attributes:
        handler: answers the requests, each in a task of its own.
        new_state: makes the owner's own state of a connection.
        settings: the first SETTINGS frame, in this order and nothing else.
        max_body: bytes of a request body that are kept; the rest is counted and dropped.
        idle_pings: PINGs a client may send without a request between them; None for any number.
        findings: where failures and violations are recorded.
        counts: where requests are counted.
        hooks: what may interfere.
        tasks: owns the handlers' tasks.
    """

    handler: Handler[S]
    new_state: Callable[[], S]
    settings: Mapping[int, int]
    max_body: int
    idle_pings: int | None
    findings: Findings
    counts: TrafficCounts
    hooks: "Hooks"
    tasks: Tasks


@dataclass(slots=True)
class _Stream:
    headers: tuple[tuple[str, str], ...]
    body: bytearray = field(default_factory=bytearray)
    size: int = 0
    answering: asyncio.Task[Any] | None = None
    unsent: deque[bytes] = field(default_factory=deque)
    padding: int = 0
    is_acted_on: bool = False


class H2Connection(Generic[S]):
    """The server's end of one connection.

    Args:
        terms: what holds for every connection of the server.
        pipe: carries the bytes.

    Attributes:
        state: the owner's own state of this connection.
        window_delay_s: seconds before a client may send more in place of what it sent.
    """

    def __init__(self, terms: Terms[S], pipe: TlsPipe) -> None:
        self.state: S = terms.new_state()
        self._terms = terms
        self._pipe = pipe
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )
        self._h2.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: UNLIMITED,
                SettingCodes.MAX_HEADER_LIST_SIZE: self._h2.DEFAULT_MAX_HEADER_LIST_SIZE,
            },
        )
        self._first = terms.hooks.settings(terms.settings)
        self.window_delay_s = 0.0
        self._is_silent = False
        self._streams: dict[int, _Stream] = {}
        # The acknowledged stream limit, then those under way. The first holds from the start: a
        # client that does not wait for it finds its streams refused.
        first = self._first.get(SettingCodes.MAX_CONCURRENT_STREAMS, UNLIMITED)
        self._limits = deque([first])
        self._last_taken = UNLIMITED
        self._pings = 0
        self._is_ready = True

    @property
    def peer_certificate(self) -> bytes | None:
        """The certificate that the client showed, in DER; None where it showed none."""
        return self._pipe.peer_certificate

    @property
    def under_way(self) -> tuple[int, ...]:
        """The streams of requests that have begun and are not fully answered."""
        return tuple(self._streams)

    @property
    def untouched(self) -> tuple[int, ...]:
        """The streams under way that may truthfully be called unprocessed."""
        return tuple(it for it, stream in self._streams.items() if not stream.is_acted_on)

    def act_on(self, stream_id: int) -> None:
        """Note that the request is acted on, whatever is answered to it, and whether anything."""
        if stream := self._streams.get(stream_id):
            stream.is_acted_on = True

    @property
    def open_streams(self) -> int:
        """Requests that have begun and are not fully answered."""
        return len(self._streams)

    @property
    def highest_stream(self) -> int:
        """The id of the latest stream that the client opened; 0 before the first."""
        return self._h2.highest_inbound_stream_id

    @property
    def is_over(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._pipe.is_over

    def change_settings(self, settings: Mapping[int, int]) -> None:
        """Send a SETTINGS frame; each value holds for the client once it has acknowledged it."""
        frame = SettingsFrame(0)
        frame.settings = dict(settings)
        self.send_frame(frame)
        self._limits.append(settings.get(SettingCodes.MAX_CONCURRENT_STREAMS, self._limits[-1]))
        for code, value in settings.items():
            if code != SettingCodes.MAX_CONCURRENT_STREAMS:
                self._h2.local_settings[code] = value

    def respond(self, stream_id: int, response: ServedResponse) -> None:
        """Answer a request, as fast as the client's windows allow.

        Nothing happens where the stream or the connection is gone.
        """
        stream = self._streams.get(stream_id)
        if stream is None or self.is_over:
            return
        headers = [(":status", str(response.status)), *response.headers]
        self._h2.send_headers(stream_id, headers, end_stream=not response.data)
        stream.unsent.extend(response.data)
        stream.padding = response.padding
        self._pump(stream_id)
        self._flush()

    def reset_stream(self, stream_id: int, code: int) -> None:
        """Send RST_STREAM with the error ``code`` and forget the request."""
        self._forget(stream_id)
        try:
            self._h2.reset_stream(stream_id, code)
        except ProtocolError:
            # The stream is closed already.
            return
        self._flush()

    def goaway(self, code: int, *, last_stream_id: int | None = None, debug: bytes = b"") -> None:
        """Send GOAWAY and stay open: streams up to ``last_stream_id`` are answered still.

        Args:
            code: the HTTP/2 error code; 0 for an orderly end.
            last_stream_id: by default the latest stream; requests above it are ignored.
            debug: the additional data, for APNs ``{"reason": …}``.
        """
        if last_stream_id is None:
            # A second GOAWAY must not take back what the first one said (RFC 9113, 6.8).
            last_stream_id = min(self.highest_stream, self._last_taken)
        self._last_taken = last_stream_id
        frame = GoAwayFrame(0)
        frame.last_stream_id = self._last_taken
        frame.error_code = int(code)
        frame.additional_data = debug
        self.send_frame(frame)

    def drop_above(self, stream_id: int) -> None:
        """Forget, without a word, the requests on higher streams."""
        for each in self.under_way:
            if each > stream_id:
                self._forget(each)

    def inform(self, stream_id: int, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        """Send an informational answer, which precedes the answer proper."""
        if stream_id in self._streams and not self.is_over:
            self._h2.send_headers(stream_id, [(":status", str(status)), *headers])
            self._flush()

    def send_frame(self, frame: Frame) -> None:
        """Send ``frame`` as it is, after all that was to be sent before it."""
        self.send_bytes(frame.serialize())

    def send_bytes(self, data: bytes) -> None:
        """Send ``data`` as it is, after all that was to be sent before it."""
        self._flush()
        self._pipe.send(data)

    def go_silent(self) -> None:
        """Say nothing and hear nothing from now on, though the connection stands."""
        self._is_silent = True
        self.lost()

    def close(self) -> None:
        """Close the connection after what was sent; unanswered requests stay unanswered."""
        self.lost()
        self._pipe.close()

    def abort(self, *, reset: bool = False) -> None:
        """Drop the connection at once, with RST instead of FIN where ``reset``."""
        self.lost()
        self._pipe.abort(reset=reset)

    def secured(self, alpn: str | None) -> None:
        """Send the first SETTINGS, or close where the client did not choose HTTP/2."""
        if alpn != "h2":
            self.close()
            return
        self._terms.counts.secured += 1
        self._h2.initiate_connection()
        self._h2.clear_outbound_data_buffer()
        if not self._terms.hooks.opened(self) and not self.is_over:
            self.change_settings(self._first)

    def received(self, data: bytes) -> None:
        """Take what the client sent; what breaks HTTP/2 ends the connection with GOAWAY."""
        if self._is_silent or self.is_over:
            return
        try:
            for event in self._h2.receive_data(data):
                self._handle(event)
        except ProtocolError as error:
            self._terms.findings.violate(f"HTTP/2 protocol error: {type(error).__name__}")
            self._flush()
            self.close()
            return
        except Exception as error:
            # The last frame before the event loop: whatever bytes came in, a failure of ours is
            # recorded and ends this connection alone.
            self._terms.findings.fail(error)
            self.abort()
            return
        self._flush()

    def writable(self, ready: bool) -> None:
        """Go on with, or hold back, the bodies that are being sent."""
        self._is_ready = ready
        if ready:
            self._pump_all()
            self._flush()

    def lost(self) -> None:
        """Stop answering."""
        for stream_id in tuple(self._streams):
            self._forget(stream_id)

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self._begin(event)
            case h2.events.DataReceived():
                self._collect(event)
            case h2.events.StreamEnded():
                self._answer(event.stream_id)
            case h2.events.TrailersReceived():
                self._terms.findings.violate(f"stream {event.stream_id}: trailers")
                self.reset_stream(event.stream_id, ErrorCodes.PROTOCOL_ERROR)
            case h2.events.StreamReset():
                self._forget(event.stream_id)
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                self._pump_all()
            case h2.events.SettingsAcknowledged():
                if len(self._limits) > 1:
                    self._limits.popleft()
            case h2.events.PingReceived():
                self._count_ping()
            case h2.events.ConnectionTerminated():
                self.close()
            case _:
                # Priorities and unknown frames mean nothing here, as with the vendors.
                pass

    def _begin(self, event: h2.events.RequestReceived) -> None:
        self._pings = 0
        self._terms.counts.begun += 1
        if event.stream_id > self._last_taken or self._terms.hooks.begun(self, event.stream_id):
            return
        if len(self._streams) >= (limit := max(self._limits)):
            self._terms.findings.violate(f"stream {event.stream_id}: over the limit of {limit}")
            self.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
            return
        headers = tuple((_text(name), _text(value)) for name, value in event.headers)
        self._streams[event.stream_id] = _Stream(headers)

    def _collect(self, event: h2.events.DataReceived) -> None:
        self._open_window(event.flow_controlled_length, event.stream_id)
        if stream := self._streams.get(event.stream_id):
            stream.size += len(event.data)
            stream.body += event.data[: max(self._terms.max_body - len(stream.body), 0)]

    def _open_window(self, size: int, stream_id: int) -> None:
        if not self.window_delay_s:
            self._h2.acknowledge_received_data(size, stream_id)
            return

        def late() -> None:
            if not self.is_over:
                self._h2.acknowledge_received_data(size, stream_id)
                self._flush()

        asyncio.get_running_loop().call_later(self.window_delay_s, late)

    def _answer(self, stream_id: int) -> None:
        self._terms.counts.completed += 1
        if (stream := self._streams.get(stream_id)) is None:
            return
        request = ServedRequest(
            headers=stream.headers,
            body=bytes(stream.body),
            size=stream.size,
            stream_id=stream_id,
        )
        stream.answering = self._terms.tasks.spawn(f"answer {stream_id}", self._serve(request))

    async def _serve(self, request: ServedRequest) -> None:
        try:
            response = await self._terms.handler(request, self)
        except Exception as error:
            # The boundary of the owner's code: a client gets an answer, a test gets the error.
            self._terms.findings.fail(error)
            response = ServedResponse(status=500)
        if response is not None:
            self.respond(request.stream_id, response)

    def _count_ping(self) -> None:
        self._pings += 1
        if self._terms.idle_pings is not None and self._pings > self._terms.idle_pings:
            self._terms.findings.violate(f"{self._pings} PINGs without a request")
            self.goaway(ErrorCodes.ENHANCE_YOUR_CALM, debug=b"too_many_pings")
            self.close()

    def _pump_all(self) -> None:
        for stream_id in tuple(self._streams):
            if self._streams[stream_id].unsent:
                self._pump(stream_id)

    def _pump(self, stream_id: int) -> None:
        stream = self._streams[stream_id]
        while stream.unsent and self._is_ready:
            frame = stream.unsent[0]
            window = self._h2.local_flow_control_window(stream_id)
            room = min(window, self._h2.max_outbound_frame_size)
            if frame and room <= 0:
                return
            piece, rest = frame[:room], frame[room:]
            if rest:
                stream.unsent[0] = rest
            else:
                stream.unsent.popleft()
            pad = min(stream.padding, room - len(piece) - 1) if stream.padding else None
            pad = pad if pad is None or pad >= 0 else None
            self._h2.send_data(stream_id, piece, end_stream=not stream.unsent, pad_length=pad)
        if not stream.unsent:
            del self._streams[stream_id]

    def _forget(self, stream_id: int) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream and stream.answering and stream.answering is not asyncio.current_task():
            stream.answering.cancel()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if not self._is_silent:
            self._pipe.send(data)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
