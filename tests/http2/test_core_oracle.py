"""The core against h2's server side: what we send is what it reads, and the other way round."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
from h2.settings import SettingCodes
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpush_tui.http2 import Request
from mmpush_tui.http2.core import Core
from mmpush_tui.http2.events import Answered, Event

AUTHORITY = "api.example.com"
STEADY = settings(deadline=None, derandomize=True, max_examples=150)

NAMES = st.sampled_from(
    ["apns-topic", "apns-id", "content-type", "content-length", "user-agent", "accept", "x-a", "te"]
).filter(lambda name: name != "te")
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=300)
HEADERS = st.lists(st.tuples(NAMES.filter(lambda it: it != "content-length"), VALUES), max_size=6)
REQUESTS = st.builds(
    Request,
    st.sampled_from(["GET", "POST", "PUT"]),
    VALUES.map(lambda value: f"/{value}"),
    HEADERS.map(tuple),
    st.one_of(st.binary(max_size=50), st.integers(0, 40_000).map(lambda size: b"x" * size)),
    st.frozensets(NAMES, max_size=2),
)


@dataclass
class Server:
    """h2's server side, validating all it can."""

    settings: dict[SettingCodes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        )
        self.h2.initiate_connection()
        if self.settings:
            self.h2.update_settings(dict(self.settings.items()))
        self.headers: dict[int, list[tuple[str, str]]] = {}
        self.bodies: dict[int, bytes] = {}
        self.ended: list[int] = []
        self.reset: list[int] = []

    def receive(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            match event:
                case h2.events.RequestReceived(stream_id=int(stream_id), headers=list(headers)):
                    self.headers[stream_id] = [(str(name), str(value)) for name, value in headers]
                    self.bodies[stream_id] = b""
                case h2.events.DataReceived(stream_id=int(stream_id), data=bytes(data)):
                    self.bodies[stream_id] += data
                    self.h2.acknowledge_received_data(event.flow_controlled_length or 0, stream_id)
                case h2.events.StreamEnded(stream_id=int(stream_id)):
                    self.ended.append(stream_id)
                case h2.events.StreamReset(stream_id=int(stream_id)):
                    self.reset.append(stream_id)
                case _:
                    pass


def exchange(core: Core, server: Server) -> list[Event]:
    """Pass bytes to and fro until neither has any more."""
    events: list[Event] = []
    while True:
        ours, theirs = core.take(), server.h2.data_to_send()
        if not ours and not theirs:
            return events
        server.receive(ours)
        events += core.receive(theirs)


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        SettingCodes.HEADER_TABLE_SIZE: st.sampled_from([0, 100, 4096, 65536]),
        SettingCodes.INITIAL_WINDOW_SIZE: st.sampled_from([1, 100, 65535, 2**31 - 1]),
        SettingCodes.MAX_FRAME_SIZE: st.sampled_from([16384, 20_000, 2**24 - 1]),
    },
)


@STEADY
@given(st.lists(REQUESTS, min_size=1, max_size=5), SETTINGS)
def test_requests_arrive_as_they_were_asked(
    requests: Sequence[Request], said: dict[SettingCodes, int]
) -> None:
    core, server = Core(AUTHORITY), Server(said)
    exchange(core, server)
    ids = [core.begin(request, "bearer token")[0] for request in requests]
    exchange(core, server)
    for stream_id, request in zip(ids, requests, strict=True):
        assert server.headers[stream_id] == [
            (":method", request.method), (":scheme", "https"), (":authority", AUTHORITY),
            (":path", request.path), ("authorization", "bearer token"), *request.headers,
        ]  # fmt: skip
        assert server.bodies[stream_id] == request.body
    assert sorted(server.ended) == ids


ANSWERS = st.tuples(
    st.integers(200, 599),
    st.lists(st.tuples(st.sampled_from(["apns-id", "x-a", "date", "server"]), VALUES), max_size=5),
    st.one_of(st.binary(max_size=60), st.integers(0, 60_000).map(lambda size: b"y" * size)),
    st.integers(0, 255),
)


@STEADY
@given(st.lists(ANSWERS, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_answers_arrive_as_they_were_given(
    answers: Sequence[tuple[int, list[tuple[str, str]], bytes, int]], chance: object
) -> None:
    core, server = Core(AUTHORITY), Server()
    exchange(core, server)
    ids = [core.begin(Request("POST", "/", (), b"{}"))[0] for _ in answers]
    events = exchange(core, server)
    expected = {}
    for stream_id, (status, headers, body, padding) in zip(ids, answers, strict=True):
        said = [(":status", str(status)), *headers]
        expected[stream_id] = (status, tuple(said), body)
        server.h2.send_headers(stream_id, said, end_stream=not body)
        while body:
            window = server.h2.local_flow_control_window(stream_id) - 256
            if window <= 0:
                # The core opens it as it reads.
                events += exchange(core, server)
                continue
            piece, body = body[: min(window, 8000)], body[min(window, 8000) :]
            server.h2.send_data(stream_id, piece, end_stream=not body, pad_length=padding)
    events += exchange(core, server)
    found = {it.stream_id: (it.status, it.headers, it.body) for it in events
             if isinstance(it, Answered)}  # fmt: skip
    assert found == expected
    assert core.streams == 0


@STEADY
@given(st.lists(st.sampled_from(["ask", "cancel", "ping", "answer", "settings"]), max_size=40))
def test_no_order_of_things_breaks_the_rules(steps: Sequence[str]) -> None:
    core, server = Core(AUTHORITY), Server()
    exchange(core, server)
    open_ids: list[int] = []
    answered = 0
    for number, step in enumerate(steps):
        match step:
            case "ask":
                open_ids.append(core.begin(Request("POST", f"/{number}", (), b"x" * 3000))[0])
            case "cancel" if open_ids:
                core.cancel(open_ids.pop(number % len(open_ids)))
            case "ping":
                core.ping(number.to_bytes(8, "big"))
            case "settings":
                size = 1 + number * 97 % 5000
                server.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: size})
            case "answer" if open_ids:
                exchange(core, server)
                stream_id = open_ids.pop(0)
                server.h2.send_headers(stream_id, [(":status", "200")], end_stream=True)
                events = exchange(core, server)
                assert [it for it in events if isinstance(it, Answered)]
                answered += 1
            case _:
                pass
    exchange(core, server)
    assert core.streams == len(open_ids)
    core.close()
    server.receive(core.take())
