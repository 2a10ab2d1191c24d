"""The rules of HTTP/2 by bytes alone (the sections are those of RFC 9113)."""

import struct
from collections.abc import Callable, Iterable

import pytest
from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from mmpush_tui.http2 import Request
from mmpush_tui.http2.core import BODY_LIMIT, HEADERS_LIMIT, Core
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
from tests.http2.scripted import PREFACE, push

AUTHORITY = "api.example.com"
WINDOW = 65535
PROTOCOL, FLOW, SIZE, CANCEL, COMPRESSION, CALM = 1, 3, 6, 8, 9, 11


def raw(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    size = len(payload)
    return struct.pack(">HBBBL", size >> 8, size & 255, kind, flags, stream_id) + payload


def frames(data: bytes) -> list[Frame]:
    """Return the frames in ``data``, which holds nothing else."""
    found = []
    while data:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]))
        frame.parse_body(memoryview(data[9 : 9 + length]))
        found.append(frame)
        data = data[9 + length :]
    return found


class Talk:
    """A core, and what a peer says to it."""

    def __init__(self, *, is_settled: bool = True, **settings: int) -> None:
        self.core = Core(AUTHORITY)
        self.encoder = Encoder()
        self.decoder = Decoder()
        self.begin = self.core.take()
        if is_settled:
            named = {getattr(SettingsFrame, name): value for name, value in settings.items()}
            assert self.says(SettingsFrame(0, settings=named)) == [SettingsChanged()]
            self.heard()

    def says(self, *said: Frame | bytes) -> list[Event]:
        data = b"".join(it if isinstance(it, bytes) else it.serialize() for it in said)
        return self.core.receive(data)

    def heard(self) -> list[Frame]:
        return frames(self.core.take())

    def ask(self, count: int = 1, body: bytes = b"{}") -> list[int]:
        return [self.core.begin(push(body))[0] for _ in range(count)]

    def block(self, *headers: tuple[str, str]) -> bytes:
        return self.encoder.encode(headers)

    def head(self, stream_id: int, *, end: bool = False, status: str = "200") -> HeadersFrame:
        flags = ["END_HEADERS", "END_STREAM"] if end else ["END_HEADERS"]
        return HeadersFrame(stream_id, self.block((":status", status)), flags=flags)

    def breaks(self, code: int, *said: Frame | bytes) -> str:
        """Say what must end the connection with ``code``; return why."""
        events = self.says(*said)
        broken = events[-1]
        assert isinstance(broken, Broken)
        last = self.heard()[-1]
        assert isinstance(last, GoAwayFrame)
        assert (broken.error_code, last.error_code, last.last_stream_id) == (code, code, 0)
        assert self.core.room == 0
        # It hears nothing more, and says nothing more.
        assert self.says(SettingsFrame(0), PingFrame(0, b"12345678")) == []
        assert self.core.take() == b""
        return broken.cause


def kinds(said: Iterable[Frame]) -> list[str]:
    return [type(frame).__name__ for frame in said]


@pytest.fixture
def talk() -> Talk:
    return Talk()


# The beginning (3.4)


def test_begins_with_preface_and_settings() -> None:
    talk = Talk(is_settled=False)
    assert talk.begin.startswith(PREFACE)
    (settings,) = frames(talk.begin.removeprefix(PREFACE))
    assert isinstance(settings, SettingsFrame)
    assert settings.settings == {
        SettingsFrame.ENABLE_PUSH: 0,
        SettingsFrame.MAX_HEADER_LIST_SIZE: HEADERS_LIMIT,
    }
    assert (talk.core.room, talk.core.is_settled) == (0, False)


def test_settings_make_room(talk: Talk) -> None:
    assert talk.core.room == 2**31 - 1
    assert talk.says(SettingsFrame(0, settings={3: 5})) == [SettingsChanged()]
    assert talk.core.room == 5
    talk.ask(3)
    assert talk.core.room == 2
    talk.says(SettingsFrame(0, settings={3: 1}))
    assert talk.core.room == 0


FIRSTS: list[Frame | bytes] = [
    PingFrame(0, b"12345678"), WindowUpdateFrame(0, window_increment=1), DataFrame(1, b"x"),
    raw(4, 1, 0), raw(0x42, 0, 0, b"unknown"), raw(9, 4, 1),
]  # fmt: skip


@pytest.mark.parametrize("first", FIRSTS, ids=range(len(FIRSTS)))
def test_settings_come_first(first: Frame | bytes) -> None:
    Talk(is_settled=False).breaks(PROTOCOL, first)


def test_a_goodbye_may_come_first() -> None:
    talk = Talk(is_settled=False)
    goodbye = GoAwayFrame(0, last_stream_id=0, error_code=0, additional_data=b"why")
    assert talk.says(goodbye) == [Goodbye(0, 0, b"why")]
    assert talk.says(SettingsFrame(0)) == [SettingsChanged()]
    assert talk.core.room == 0


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"HTTP/1.0 x\r\n"])
def test_http_1_is_told_apart(said: bytes) -> None:
    for cut in range(len(said)):
        core = Core(AUTHORITY)
        events = core.receive(said[:cut]) + core.receive(said[cut:])
        assert [isinstance(it, Broken) and it.is_http1 for it in events] == [True]
    late = Talk().says(said)[-1]
    assert isinstance(late, Broken)
    assert not late.is_http1


def test_other_protocols_are_none() -> None:
    for said in (b"SSH-2.0-OpenSSH\r\n", b"\x15\x03\x01\x00\x02\x02\x28\x00\x00", b"\xff" * 20):
        broken = Core(AUTHORITY).receive(said)[-1]
        assert isinstance(broken, Broken)
        assert not broken.is_http1


# Requests (8.1, 6.1, 6.2)


def test_a_request_is_headers_and_data(talk: Talk) -> None:
    assert talk.core.begin(push(b"body")) == (1, True)
    assert talk.core.begin(push(b"")) == (3, True)
    head, data, other = talk.heard()
    assert isinstance(head, HeadersFrame)
    assert isinstance(data, DataFrame)
    assert (head.stream_id, set(head.flags)) == (1, {"END_HEADERS"})
    assert (data.stream_id, data.data, set(data.flags)) == (1, b"body", {"END_STREAM"})
    assert isinstance(other, HeadersFrame)
    assert (other.stream_id, set(other.flags)) == (3, {"END_HEADERS", "END_STREAM"})
    assert talk.core.begun == talk.core.streams == 2


def test_an_authorization_goes_before_the_other_headers(talk: Talk) -> None:
    talk.core.begin(Request("POST", "/", (("a", "b"),)), "bearer secret")
    head = talk.heard()[0]
    assert isinstance(head, HeadersFrame)
    assert [(str(k), str(v)) for k, v in talk.decoder.decode(head.data)] == [
        (":method", "POST"), (":scheme", "https"), (":authority", AUTHORITY), (":path", "/"),
        ("authorization", "bearer secret"), ("a", "b"),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [16384, 16385, 50_000])
def test_large_headers_are_continued(size: int) -> None:
    talk = Talk()
    talk.core.begin(Request("GET", "/" + "x" * size, ()))
    first, *others = talk.heard()
    assert isinstance(first, HeadersFrame)
    assert set(first.flags) == {"END_STREAM"}
    assert all(isinstance(it, ContinuationFrame) for it in others)
    assert [("END_HEADERS" in it.flags) for it in others] == [False] * (len(others) - 1) + [True]
    whole = b"".join(it.data for it in (first, *others))  # type: ignore[attr-defined]
    talk.decoder.max_header_list_size = 100_000
    path = [value for name, value in talk.decoder.decode(whole) if str(name) == ":path"]
    assert len(path[0]) == size + 1


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\0", "\x7f", "ä", "\u2028"])
def test_a_value_that_no_header_may_have_is_not_sent(talk: Talk, value: str) -> None:
    with pytest.raises(ValueError, match="the header x-a has a value that cannot be sent"):
        talk.core.begin(Request("GET", "/", (("x-a", value),)))
    assert talk.core.take() == b""
    # The stream's number was not used up.
    assert talk.ask() == [1]


def test_streams_can_be_used_up(talk: Talk) -> None:
    talk.core._next_id = 2**31 - 1
    assert talk.core.room > 0
    assert talk.ask() == [2**31 - 1]
    assert talk.core.room == 0


def test_giving_up_resets_the_stream_once(talk: Talk) -> None:
    one, two = talk.ask(2)
    talk.heard()
    talk.core.cancel(one)
    talk.core.cancel(one)
    (reset,) = talk.heard()
    assert isinstance(reset, RstStreamFrame)
    assert (reset.stream_id, reset.error_code) == (one, CANCEL)
    # Frames that crossed the reset are nobody's.
    crossed: list[Frame | bytes] = [
        talk.head(one), DataFrame(one, b"x"), RstStreamFrame(one, error_code=5),
        WindowUpdateFrame(one, window_increment=5), talk.head(two, end=True),
    ]  # fmt: skip
    assert [type(it) for it in talk.says(*crossed)] == [Answered]


def test_closing_says_goodbye_in_place_of_what_was_to_be_sent(talk: Talk) -> None:
    talk.ask(3)
    talk.core.close()
    talk.core.close()
    assert kinds(talk.heard()) == ["GoAwayFrame"]
    assert (talk.core.streams, talk.core.room) == (0, 0)


# Answers (8.1)


def test_an_answer(talk: Talk) -> None:
    (one,) = talk.ask()
    block = talk.block((":status", "410"), ("apns-id", "A"))
    events = talk.says(
        HeadersFrame(one, block, flags=["END_HEADERS"]),
        DataFrame(one, b"{", pad_length=5, flags=["PADDED"]),
        DataFrame(one, b"}"),
        DataFrame(one, b"", flags=["END_STREAM"]),
    )
    assert events == [Answered(one, 410, ((":status", "410"), ("apns-id", "A")), b"{}")]
    assert talk.core.streams == 0


def test_priority_padding_and_continuation_of_headers(talk: Talk) -> None:
    (one,) = talk.ask()
    block = talk.block((":status", "200"), ("a", "b" * 300))
    head = HeadersFrame(one, block[:10], flags=["PRIORITY", "PADDED"], pad_length=7)
    head.depends_on, head.stream_weight, head.exclusive = 0, 15, False
    events = talk.says(
        head,
        ContinuationFrame(one, block[10:50]),
        ContinuationFrame(one, b""),
        ContinuationFrame(one, block[50:], flags=["END_HEADERS"]),
        raw(0, 1, one),
    )
    assert [type(it) for it in events] == [Answered]


def test_news_and_trailers(talk: Talk) -> None:
    (one,) = talk.ask()
    trailers = HeadersFrame(one, b"", flags=["END_HEADERS", "END_STREAM"])
    assert talk.says(talk.head(one, status="100"), talk.head(one, status="103")) == []
    assert talk.says(talk.head(one), DataFrame(one, b"x")) == []
    trailers.data = talk.block(("grpc-status", "0"))
    assert talk.says(trailers) == [Answered(one, 200, ((":status", "200"),), b"x")]


def test_a_body_is_kept_up_to_a_limit(talk: Talk) -> None:
    (one,) = talk.ask()
    talk.says(talk.head(one))
    sent = 0
    while sent < BODY_LIMIT + 30_000:
        assert talk.says(DataFrame(one, b"x" * 10_000)) == []
        sent += 10_000
    (answer,) = talk.says(raw(0, 1, one))
    assert isinstance(answer, Answered)
    assert len(answer.body) == BODY_LIMIT


MALFORMED: list[tuple[str, Callable[[Talk, int], list[Frame | bytes]]]] = [
    ("no status", lambda t, s: [HeadersFrame(s, t.block(("a", "b")), flags=["END_HEADERS"])]),
    ("odd status", lambda t, s: [t.head(s, status="2OO")]),
    ("short status", lambda t, s: [t.head(s, status="20")]),
    ("long status", lambda t, s: [t.head(s, status="2000")]),
    ("signed status", lambda t, s: [t.head(s, status="+20")]),
    ("other digits", lambda t, s: [t.head(s, status="\u0662\u0660\u0660")]),
    ("body first", lambda t, s: [DataFrame(s, b"x")]),
    ("ends on news", lambda t, s: [t.head(s, status="103", end=True)]),
    ("headers in the middle", lambda t, s: [t.head(s), t.head(s)]),
    ("window by 0", lambda t, s: [raw(8, 0, s, bytes(4))]),
    ("window beyond measure", lambda t, s: [WindowUpdateFrame(s, window_increment=2**31 - 1)]),
]  # fmt: skip


@pytest.mark.parametrize("said", [it[1] for it in MALFORMED],
                         ids=[it[0] for it in MALFORMED])  # fmt: skip
def test_a_malformed_answer_ends_its_stream_alone(
    talk: Talk, said: Callable[[Talk, int], list[Frame | bytes]]
) -> None:
    one, two = talk.ask(2)
    talk.heard()
    events = talk.says(*said(talk, one))
    assert [type(it) for it in events] == [Malformed]
    (reset,) = talk.heard()
    assert isinstance(reset, RstStreamFrame)
    assert (reset.stream_id, reset.error_code) == (one, PROTOCOL)
    assert [type(it) for it in talk.says(talk.head(two, end=True))] == [Answered]


# Flow control (5.2, 6.9)


def test_bodies_wait_for_the_connections_window(talk: Talk) -> None:
    assert talk.core.begin(push(b"x" * 40_000)) == (1, True)
    assert talk.core.begin(push(b"y" * 40_000)) == (3, False)
    assert talk.core.begin(push(b"z")) == (5, False)
    sent = sum(len(it.data) for it in talk.heard() if isinstance(it, DataFrame))
    assert sent == WINDOW
    assert talk.says(WindowUpdateFrame(0, window_increment=14_000)) == []
    assert talk.says(WindowUpdateFrame(0, window_increment=465)) == [Sent(3)]
    assert talk.says(WindowUpdateFrame(0, window_increment=1)) == [Sent(5)]
    assert all(len(it.data) <= 16384 for it in talk.heard() if isinstance(it, DataFrame))


def test_a_small_stream_window_holds_nobody_else_back() -> None:
    talk = Talk(INITIAL_WINDOW_SIZE=2)
    assert talk.core.begin(push(b"abcd")) == (1, False)
    assert talk.core.begin(push(b"ab")) == (3, True)
    assert talk.says(WindowUpdateFrame(1, window_increment=1)) == []
    assert talk.says(WindowUpdateFrame(1, window_increment=1)) == [Sent(1)]
    data = [bytes(it.data) for it in talk.heard() if isinstance(it, DataFrame)]
    assert data == [b"ab", b"ab", b"c", b"d"]


def test_the_initial_window_moves_open_streams_too() -> None:
    talk = Talk(INITIAL_WINDOW_SIZE=10)
    assert talk.core.begin(push(b"x" * 30)) == (1, False)
    talk.says(SettingsFrame(0, settings={4: 0}))
    # Now at minus 10.
    assert talk.says(WindowUpdateFrame(1, window_increment=10)) == []
    assert talk.says(WindowUpdateFrame(1, window_increment=20)) == [Sent(1)]
    assert talk.core.begin(push(b"x")) == (3, False)
    events = talk.says(SettingsFrame(0, settings={4: 1}))
    assert events == [SettingsChanged(), Sent(3)]


def test_larger_frames_where_the_peer_takes_them() -> None:
    talk = Talk(MAX_FRAME_SIZE=40_000)
    talk.ask(1, b"x" * 30_000)
    assert [len(it.data) for it in talk.heard() if isinstance(it, DataFrame)] == [30_000]


def test_our_windows_are_opened_again(talk: Talk) -> None:
    one, two = talk.ask(2)
    talk.says(talk.head(one), talk.head(two))
    talk.heard()
    opened = {0: 0, one: 0, two: 0}
    for _ in range(40):
        for stream_id in (one, two):
            assert (
                talk.says(DataFrame(stream_id, b"x" * 9000, pad_length=99, flags=["PADDED"])) == []
            )
        for frame in talk.heard():
            assert isinstance(frame, WindowUpdateFrame)
            opened[frame.stream_id] += frame.window_increment
    # Padding and its length count.
    assert opened[0] > 2 * 40 * 9100 - WINDOW
    assert min(opened[one], opened[two]) > 40 * 9100 - WINDOW


def test_data_of_closed_streams_counts_for_the_connection(talk: Talk) -> None:
    (one,) = talk.ask()
    talk.core.cancel(one)
    talk.heard()
    opened = 0
    for _ in range(30):
        assert talk.says(DataFrame(one, b"x" * 10_000)) == []
        opened += sum(it.window_increment for it in talk.heard()
                      if isinstance(it, WindowUpdateFrame))  # fmt: skip
    assert opened > 30 * 10_000 - WINDOW


def test_an_answer_before_the_end_of_the_body_ends_the_body() -> None:
    talk = Talk(INITIAL_WINDOW_SIZE=1)
    (one,) = talk.ask(1, b"long")
    talk.heard()
    assert [type(it) for it in talk.says(talk.head(one, end=True))] == [Answered]
    (reset,) = talk.heard()
    assert isinstance(reset, RstStreamFrame)
    assert reset.error_code == CANCEL
    assert talk.says(WindowUpdateFrame(one, window_increment=9)) == []
    assert talk.heard() == []


# Ends of streams (5.4.2, 6.4)


def test_resets(talk: Talk) -> None:
    one, two = talk.ask(2)
    events = talk.says(
        RstStreamFrame(one, error_code=7),
        RstStreamFrame(one, error_code=5),
        RstStreamFrame(two, error_code=2**32 - 1),
    )
    assert events == [Reset(one, 7), Reset(two, 2**32 - 1)]
    assert talk.core.streams == 0


# GOAWAY (6.8)


def goodbye(last: int, code: int = 0) -> GoAwayFrame:
    return GoAwayFrame(0, last_stream_id=last, error_code=code)


def test_goodbye_names_what_was_not_processed(talk: Talk) -> None:
    one, two, three = talk.ask(3)
    assert talk.says(goodbye(one)) == [Goodbye(one, 0, b""), Unprocessed(two), Unprocessed(three)]
    assert (talk.core.is_leaving, talk.core.room) == (True, 0)
    assert [type(it) for it in talk.says(talk.head(two, end=True), talk.head(one, end=True))] == [
        Answered
    ]


def test_the_last_stream_only_falls(talk: Talk) -> None:
    one, two, _three = talk.ask(3)
    assert talk.says(goodbye(2**31 - 1)) == [Goodbye(2**31 - 1, 0, b"")]
    assert talk.says(goodbye(two))[0] == Goodbye(two, 0, b"")
    assert talk.says(goodbye(2**31 - 1)) == [Goodbye(two, 0, b"")]
    assert talk.says(goodbye(one, 2)) == [Goodbye(one, 2, b""), Unprocessed(two)]


def test_a_body_goes_on_after_a_goodbye() -> None:
    talk = Talk(INITIAL_WINDOW_SIZE=1)
    (one,) = talk.ask(1, b"ab")
    talk.says(goodbye(one))
    assert talk.says(WindowUpdateFrame(one, window_increment=1)) == [Sent(one)]


# PING, unknown, PRIORITY (6.7, 5.5, 5.3)


def test_pings_are_answered_and_ours_come_back(talk: Talk) -> None:
    assert talk.says(PingFrame(0, b"12345678")) == []
    (ack,) = talk.heard()
    assert isinstance(ack, PingFrame)
    assert (set(ack.flags), ack.opaque_data) == ({"ACK"}, b"12345678")
    talk.core.ping(b"abcdefgh")
    (ping,) = talk.heard()
    assert isinstance(ping, PingFrame)
    assert (set(ping.flags), ping.opaque_data) == (set(), b"abcdefgh")
    assert talk.says(PingFrame(0, b"abcdefgh", flags=["ACK"])) == [Pong(b"abcdefgh")]


def test_what_nobody_knows_is_ignored(talk: Talk) -> None:
    (one,) = talk.ask()
    talk.heard()
    said: list[Frame | bytes] = [
        raw(0x42, 255, 0, b"x" * 300), raw(0xFE, 0, one), raw(10, 0, 77, b"altsvc"),
        PriorityFrame(9, depends_on=0, stream_weight=1), raw(2, 0, 1, b"bad"),
    ]  # fmt: skip
    assert talk.says(*said) == []
    assert talk.heard() == []


# SETTINGS (6.5)


def test_settings_are_acknowledged_and_told(talk: Talk) -> None:
    said = SettingsFrame(0, settings={3: 9, 5: 20_000, 6: 8000, 0x4242: 1})
    assert talk.says(said, said) == [SettingsChanged()] * 2
    assert kinds(talk.heard()) == ["SettingsFrame", "SettingsFrame"]
    assert talk.core.peer.named() == {
        "header_table_size": 4096, "enable_push": 0, "initial_window_size": 65535,
        "max_frame_size": 20_000, "max_concurrent_streams": 9, "max_header_list_size": 8000,
    }  # fmt: skip


def test_a_smaller_header_table_is_acknowledged_once(talk: Talk) -> None:
    def begins() -> int:
        talk.ask()
        head = talk.heard()[0]
        assert isinstance(head, HeadersFrame)
        assert list(talk.decoder.decode(head.data))
        return head.data[0]

    assert begins() == 0x83
    talk.says(SettingsFrame(0, settings={1: 4095}))
    talk.heard()
    talk.decoder.max_allowed_table_size = 4095
    assert [begins(), begins()] == [0x20, 0x83]
    talk.says(SettingsFrame(0, settings={1: 0}))
    talk.heard()
    assert begins() == 0x83


# What breaks the rules


BROKEN: list[tuple[str, int, list[Frame | bytes]]] = [
    ("a frame too large", SIZE, [raw(0, 0, 1, b"x" * 16385)]),
    ("DATA on stream 0", PROTOCOL, [raw(0, 0, 0, b"x")]),
    ("DATA on a stream never opened", PROTOCOL, [DataFrame(99, b"x")]),
    ("DATA on a stream of the server", PROTOCOL, [DataFrame(2, b"x")]),
    ("HEADERS on stream 0", PROTOCOL, [raw(1, 4, 0, b"\x88")]),
    ("HEADERS on a stream never opened", PROTOCOL, [raw(1, 5, 99, b"\x88")]),
    ("HEADERS with half a priority", SIZE, [raw(1, 0x24, 1, b"\0\0")]),
    ("HEADERS with too much padding", PROTOCOL, [raw(1, 0x0C, 1, b"\x05\x88")]),
    ("DATA of padding without its length", PROTOCOL, [raw(0, 8, 1)]),
    ("DATA with too much padding", PROTOCOL, [raw(0, 8, 1, b"\x02x")]),
    ("bad HPACK", COMPRESSION, [raw(1, 4, 1, b"\xff\xff\xff\xff\xff\xff")]),
    ("an HPACK index of nothing", COMPRESSION, [raw(1, 4, 1, b"\xbe")]),
    ("a header list beyond measure", COMPRESSION,
     [raw(1, 4, 1, b"\x40\x01a\x7f\x81\x1e" + b"x" * 4000 + b"\xbe" * 30)]),
    ("a frame between headers", PROTOCOL, [raw(1, 0, 1, b"\x88"), raw(6, 0, 0, b"12345678")]),
    ("unknown between headers", PROTOCOL, [raw(1, 0, 1, b"\x88"), raw(0x42, 0, 1)]),
    ("CONTINUATION of another stream", PROTOCOL, [raw(1, 0, 1, b"\x88"), raw(9, 4, 3)]),
    ("a lone CONTINUATION", PROTOCOL, [raw(9, 4, 1)]),
    ("endless CONTINUATION", CALM, [raw(1, 0, 1), *[raw(9, 0, 1)] * 200]),
    ("too much CONTINUATION", CALM, [raw(1, 0, 1), *[raw(9, 0, 1, b"x" * 16384)] * 5]),
    ("RST_STREAM on stream 0", PROTOCOL, [raw(3, 0, 0, bytes(4))]),
    ("RST_STREAM on a stream never opened", PROTOCOL, [raw(3, 0, 99, bytes(4))]),
    ("short RST_STREAM", SIZE, [raw(3, 0, 1, bytes(3))]),
    ("SETTINGS on a stream", PROTOCOL, [raw(4, 0, 1)]),
    ("uneven SETTINGS", SIZE, [raw(4, 0, 0, bytes(5))]),
    ("an ACK that says something", SIZE, [raw(4, 1, 0, bytes(6))]),
    ("push by a server", PROTOCOL, [SettingsFrame(0, settings={2: 1})]),
    ("a window beyond measure", FLOW, [SettingsFrame(0, settings={4: 2**31})]),
    ("small frames", PROTOCOL, [SettingsFrame(0, settings={5: 16383})]),
    ("frames beyond measure", PROTOCOL, [SettingsFrame(0, settings={5: 2**24})]),
    ("a stream's window beyond measure", FLOW,
     [WindowUpdateFrame(1, window_increment=2**31 - 65536), SettingsFrame(0, settings={4: 65539})]),
    ("PUSH_PROMISE", PROTOCOL, [PushPromiseFrame(1, 2, b"\x82", flags=["END_HEADERS"])]),
    ("PING on a stream", PROTOCOL, [raw(6, 0, 1, bytes(8))]),
    ("short PING", SIZE, [raw(6, 0, 0, bytes(7))]),
    ("GOAWAY on a stream", PROTOCOL, [raw(7, 0, 1, bytes(8))]),
    ("short GOAWAY", SIZE, [raw(7, 0, 0, bytes(7))]),
    ("short WINDOW_UPDATE", SIZE, [raw(8, 0, 0, bytes(3))]),
    ("the connection's window by 0", FLOW, [raw(8, 0, 0, bytes(4))]),
    ("the connection's window beyond measure", FLOW,
     [WindowUpdateFrame(0, window_increment=2**31 - 1)]),
    ("WINDOW_UPDATE on a stream never opened", PROTOCOL,
     [WindowUpdateFrame(99, window_increment=1)]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "said"), [it[1:] for it in BROKEN], ids=[it[0] for it in BROKEN])
def test_what_breaks_the_rules(talk: Talk, code: int, said: list[Frame | bytes]) -> None:
    talk.ask(2)
    assert talk.breaks(code, *said)


def test_what_came_before_is_told(talk: Talk) -> None:
    one, two = talk.ask(2)
    events = talk.says(talk.head(one, end=True), RstStreamFrame(two, error_code=7), raw(9, 4, 1))
    assert [type(it) for it in events] == [Answered, Reset, Broken]


def test_text_that_is_not_utf_8_harms_nobody(talk: Talk) -> None:
    (one,) = talk.ask()
    block = talk.block((":status", "200")) + b"\x00\x01a\x01\xff"
    (answer,) = talk.says(raw(1, 5, one, block))
    assert isinstance(answer, Answered)
    assert answer.headers[-1] == ("a", "\ufffd")
