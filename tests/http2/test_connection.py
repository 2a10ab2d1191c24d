import asyncio
import contextlib
import itertools
import ssl
from dataclasses import replace

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

from mmpush_tui.http2 import Request
from mmpush_tui.http2.connect import Endpoint, Route
from mmpush_tui.http2.connection import BODY_LIMIT, STREAM_CAP
from mmpush_tui.http2.errors import AmbiguousError, ConnectError, TransportError, UnprocessedError
from mmpush_tui.http2.opening import open_connection
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from tests.http2.scripted import (
    CANCEL,
    MAX_STREAMS,
    TIMEOUT_S,
    WINDOW,
    Peer,
    ScriptedServer,
    extension,
    goaway,
    push,
    settings,
)
from tests.waiting import eventually

REFUSED_STREAM = 7
SHORT_S = 0.2


async def no_connection(server: ScriptedServer, timeout_s: float = TIMEOUT_S) -> ConnectError:
    """Return why the server gives no usable connection."""
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(ConnectError) as caught:
            await open_connection(server.route, timeout_s)
    return caught.value


async def failure(answer: asyncio.Task[object]) -> TransportError:
    """Return why there is no answer."""
    with pytest.raises(TransportError) as caught:
        await answer
    return caught.value


def facts(error: TransportError) -> tuple[type[TransportError], str, str]:
    return type(error), error.code, str(error)


# Answers


async def test_a_request_and_its_answer(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask(push(b'{"aps":{}}', "/3/device/abc", apns_topic="com.example"))
        asked = await it.peer.request()
        assert asked.headers == [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", f"127.0.0.1:{server.port}"),
            (":path", "/3/device/abc"),
            ("authorization", "bearer token"),
            ("apns-topic", "com.example"),
        ]
        assert asked.body == b'{"aps":{}}'
        it.peer.answer(asked.stream_id, 200, b"", ("apns-id", "A-1"))
        response = await answer
        assert (response.status, response.body, response.stream_id) == (200, b"", asked.stream_id)
        assert response.header("apns-id") == "A-1"
        assert it.client.streams == 0


async def test_a_request_without_a_body_ends_on_its_headers(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask(Request("GET", "/", ()))
        asked = await it.peer.request()
        assert not [frame for frame in it.peer.frames if isinstance(frame, DataFrame)]
        it.peer.answer(asked.stream_id)
        assert (await answer).status == 200


async def test_answers_come_in_any_order(server: ScriptedServer) -> None:
    async with server.session() as it:
        answers = [it.ask(push(str(n).encode())) for n in range(20)]
        for asked in reversed(await it.peer.requests(20)):
            it.peer.answer(asked.stream_id, 200, bytes(asked.body))
        assert [int((await answer).body) for answer in answers] == list(range(20))


async def test_an_error_without_a_body_is_an_answer(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask()
        it.peer.answer((await it.peer.request()).stream_id, 410)
        response = await answer
        assert (response.status, response.body, response.header("apns-id")) == (410, b"", "")


async def test_headers_may_be_continued(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask()
        asked = await it.peer.request()
        block = it.peer.block(400, ("apns-id", "x" * 300), ("apns-unique-id", "y" * 300))
        it.peer.send(
            HeadersFrame(asked.stream_id, block[:1]),
            ContinuationFrame(asked.stream_id, block[1:90]),
            ContinuationFrame(asked.stream_id, block[90:], flags=["END_HEADERS"]),
        )
        it.peer.data(asked.stream_id, b"{}", end=True)
        response = await answer
        assert (response.status, response.header("apns-unique-id")) == (400, "y" * 300)


async def test_a_body_in_pieces_with_padding_and_an_empty_end(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask()
        asked = await it.peer.request()
        block = it.peer.block(400)
        it.peer.send(
            HeadersFrame(asked.stream_id, block, flags=["END_HEADERS"]),
            DataFrame(asked.stream_id, b'{"rea'),
            DataFrame(asked.stream_id, b'son":', pad_length=9, flags=["PADDED"]),
            DataFrame(asked.stream_id, b'"x"}'),
            DataFrame(asked.stream_id, b"", flags=["END_STREAM"]),
        )
        response = await answer
        assert (response.status, response.body) == (400, b'{"reason":"x"}')


async def test_news_before_the_answer_are_not_the_answer(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask()
        asked = await it.peer.request()
        early = it.peer.block(103, ("link", "x"))
        it.peer.send(HeadersFrame(asked.stream_id, early, flags=["END_HEADERS"]))
        await it.peer.sync()
        assert not answer.done()
        it.peer.answer(asked.stream_id, 200, b"ok")
        response = await answer
        assert (response.status, response.body, response.header("link")) == (200, b"ok", "")


async def test_trailers_do_not_replace_the_headers(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask()
        asked = await it.peer.request()
        block = it.peer.block(200, ("a", "1"))
        it.peer.send(HeadersFrame(asked.stream_id, block, flags=["END_HEADERS"]))
        it.peer.data(asked.stream_id, b"body")
        trailers = it.peer.trailers(("grpc-status", "0"))
        flags = ["END_HEADERS", "END_STREAM"]
        it.peer.send(HeadersFrame(asked.stream_id, trailers, flags=flags))
        response = await answer
        assert (response.status, response.header("a"), response.body) == (200, "1", b"body")


async def test_a_header_that_is_not_utf_8_harms_nobody(server: ScriptedServer) -> None:
    async with server.session() as it:
        answers = [it.ask(), it.ask()]
        one, two = await it.peer.requests(2)
        # Literal without indexing, name "a", value 0xff.
        raw = it.peer.block(200) + b"\x00\x01a\x01\xff"
        it.peer.send(HeadersFrame(one.stream_id, raw, flags=["END_HEADERS", "END_STREAM"]))
        it.peer.answer(two.stream_id)
        responses = await asyncio.gather(*answers)
        assert [response.status for response in responses] == [200, 200]
        assert responses[0].header("a") == "\ufffd"


async def test_a_body_beyond_measure_is_cut(server: ScriptedServer) -> None:
    size = BODY_LIMIT + 5000
    async with server.session() as it:
        answer = it.ask()
        asked = await it.peer.request()
        block = it.peer.block(200)
        it.peer.send(HeadersFrame(asked.stream_id, block, flags=["END_HEADERS"]))
        for start in range(0, size, 1000):
            chunk = b"x" * min(1000, size - start)
            while it.peer.room_for(asked.stream_id) < len(chunk):
                await it.peer.frame()
            it.peer.data(asked.stream_id, chunk, end=start + 1000 >= size)
        assert len((await answer).body) == BODY_LIMIT


async def test_unknown_frames_and_a_ping_are_no_trouble(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask()
        asked = await it.peer.request()
        it.peer.send(
            extension(0x42, 0, b"?" * 300),
            extension(0xFE, asked.stream_id, b""),
            PingFrame(0, opaque_data=b"12345678"),
        )
        ping = await it.peer.next(PingFrame)
        assert ("ACK" in ping.flags, ping.opaque_data) == (True, b"12345678")
        it.peer.answer(asked.stream_id)
        assert (await answer).status == 200


# What is sent


async def test_no_server_push_is_allowed(server: ScriptedServer) -> None:
    async with server.session() as it:
        await it.peer.sync()
        said = [
            frame.settings[SettingsFrame.ENABLE_PUSH]
            for frame in it.peer.frames
            if isinstance(frame, SettingsFrame) and SettingsFrame.ENABLE_PUSH in frame.settings
        ]
        assert isinstance(it.peer.frames[0], SettingsFrame)
        assert said == [0]


async def test_secrets_stay_out_of_the_header_table(server: ScriptedServer) -> None:
    async with server.session() as it:
        request = replace(push(apns_id="2"), unindexed=frozenset({"apns-id"}))
        for request_, secret in [
            (push(apns_id="1"), {":path", "authorization"}),
            (push(apns_id="1"), {":path", "authorization"}),
            (request, {":path", "apns-id"}),
        ]:
            answer = it.ask(request_)
            asked = await it.peer.request()
            assert asked.never_indexed == secret
            it.peer.answer(asked.stream_id)
            await answer


@pytest.mark.parametrize("body", [b"", b"{}", b"x" * 40_000])
async def test_the_sending_is_told_once(server: ScriptedServer, body: bytes) -> None:
    async with server.session() as it:
        sent: list[int] = []
        answers = [it.ask(push(body), on_sent=sent.append)]
        one = await it.peer.request()
        assert sent == [one.stream_id]
        answers.append(it.ask(push(b"{}"), on_sent=sent.append))
        two = await it.peer.request()
        it.peer.answer(two.stream_id)
        it.peer.answer(one.stream_id)
        await asyncio.gather(*answers)
        assert sent == [one.stream_id, two.stream_id]


async def test_a_body_larger_than_a_frame(server: ScriptedServer) -> None:
    body = bytes(range(256)) * 200
    async with server.session() as it:
        answer = it.ask(push(body))
        asked = await it.peer.request()
        sizes = [len(frame.data) for frame in it.peer.frames if isinstance(frame, DataFrame)]
        assert (asked.body, max(sizes)) == (body, 16384)
        it.peer.answer(asked.stream_id)
        assert (await answer).status == 200


# Windows


async def test_a_tiny_window_that_opens_late(server: ScriptedServer) -> None:
    server.greeting = (settings({SettingsFrame.INITIAL_WINDOW_SIZE: 100}),)
    body = bytes(range(250))
    sent: list[int] = []
    async with server.session() as it:
        answer = it.ask(push(body), on_sent=sent.append)
        await it.peer.next(HeadersFrame)
        await it.peer.next(DataFrame)
        await it.peer.sync()
        assert (it.peer.received, sent) == (100, [])
        it.peer.open_window(1, 60)
        await it.peer.next(DataFrame)
        await it.peer.sync()
        assert (it.peer.received, sent) == (160, [])
        # A larger initial window also enlarges those that are open.
        it.peer.send(settings({SettingsFrame.INITIAL_WINDOW_SIZE: 190}))
        asked = await it.peer.request()
        assert (asked.body, sent) == (body, [1])
        it.peer.answer(asked.stream_id)
        assert (await answer).status == 200


async def test_a_window_that_shrinks_below_zero(server: ScriptedServer) -> None:
    async with server.session() as it:
        # Both are handled before the body's first byte can leave.
        it.peer.send(settings({SettingsFrame.INITIAL_WINDOW_SIZE: 10}))
        await it.peer.sync()
        answer = it.ask(push(b"x" * 30))
        await it.peer.next(DataFrame)
        it.peer.send(settings({SettingsFrame.INITIAL_WINDOW_SIZE: 0}))
        it.peer.open_window(1, 5)
        await it.peer.sync()
        assert it.peer.received == 10
        it.peer.open_window(1, 25)
        asked = await it.peer.request()
        assert asked.body == b"x" * 30
        it.peer.answer(1)
        assert (await answer).status == 200


async def test_the_send_window_of_the_connection_delays_and_loses_nothing(
    server: ScriptedServer,
) -> None:
    bodies = [f"{n:03}".encode() * 133 + b"." for n in range(300)]
    total = sum(map(len, bodies))
    assert (len(bodies[0]), total) == (400, 120_000)
    async with server.session() as it:
        answers = [it.ask(push(body)) for body in bodies]
        seen: list[bytes] = []

        async def serve(until_received: int) -> None:
            while it.peer.received < until_received or len(seen) < until_received // 400:
                asked = await it.peer.request_or_frame()
                if asked is not None:
                    seen.append(bytes(asked.body))
                    it.peer.answer(asked.stream_id)

        await serve(WINDOW)
        await it.peer.sync()
        assert it.peer.received == WINDOW
        open_to = WINDOW
        while open_to < total:
            piece = min(997, total - open_to)
            open_to += piece
            it.peer.open_window(0, piece)
            await serve(open_to)
            assert it.peer.received == open_to
        assert sorted(seen) == bodies
        assert [(await answer).status for answer in answers] == [200] * 300
        assert it.client.streams == 0


async def test_the_receive_window_is_opened_again(server: ScriptedServer) -> None:
    body = b'{"reason":"Unregistered","timestamp":1700000000000}'
    assert len(body) == 51
    async with server.session() as it:
        answers = [it.ask(push(b"")) for _ in range(3000)]
        for _ in range(3000):
            asked = await it.peer.request()
            while it.peer.room_for(asked.stream_id) < len(body):
                await it.peer.frame()
            it.peer.answer(asked.stream_id, 410, body)
        assert all([(await answer).body == body for answer in answers])


# Streams


async def test_more_than_our_own_cap_waits(server: ScriptedServer) -> None:
    async with server.session() as it:
        answers = [it.ask(push(b"")) for _ in range(STREAM_CAP + 20)]
        first = await it.peer.requests(STREAM_CAP)
        await it.peer.sync()
        assert len(it.peer.began) == it.client.streams == STREAM_CAP
        for asked in first:
            it.peer.answer(asked.stream_id)
        for asked in await it.peer.requests(20):
            it.peer.answer(asked.stream_id)
        assert [(await answer).status for answer in answers] == [200] * (STREAM_CAP + 20)


async def test_the_limit_of_streams_falls_and_rises(server: ScriptedServer) -> None:
    server.greeting = (settings({MAX_STREAMS: 1000}),)
    async with server.session() as it:
        answers = [it.ask() for _ in range(3)]
        begun = await it.peer.requests(3)
        it.peer.send(settings({MAX_STREAMS: 1}))
        await it.peer.sync()
        answers += [it.ask() for _ in range(4)]
        it.peer.answer(begun[0].stream_id)
        it.peer.answer(begun[1].stream_id)
        await it.peer.sync()
        # One is under way, and one is allowed.
        assert len(it.peer.began) == 3
        it.peer.answer(begun[2].stream_id)
        fourth = await it.peer.request()
        await it.peer.sync()
        assert len(it.peer.began) == 4
        it.peer.send(settings({MAX_STREAMS: 1000}))
        for asked in [fourth, *await it.peer.requests(3)]:
            it.peer.answer(asked.stream_id)
        assert [(await answer).status for answer in answers] == [200] * 7


async def test_who_waits_longest_goes_first(server: ScriptedServer) -> None:
    server.greeting = (settings({MAX_STREAMS: 1}),)
    async with server.session() as it:
        answers = [it.ask(push(path=f"/{n}")) for n in range(4)]
        came = [await it.peer.request()]
        it.peer.answer(came[0].stream_id)
        # One more in every turn, so also in the one in which a stream becomes free.
        while not answers[0].done():
            answers.append(it.ask(push(path=f"/{len(answers)}")))
            await asyncio.sleep(0)
        while len(came) < len(answers):
            came.append(await it.peer.request())
            it.peer.answer(came[-1].stream_id)
        assert [asked.header(":path") for asked in came] == [f"/{n}" for n in range(len(came))]
        await asyncio.gather(*answers)


async def test_who_gives_up_waiting_leaves_the_line(server: ScriptedServer) -> None:
    server.greeting = (settings({MAX_STREAMS: 1}),)
    async with server.session() as it:
        first, second, third = (it.ask(push(path=f"/{n}")) for n in range(3))
        asked = await it.peer.request()
        second.cancel()
        await asyncio.wait([second])
        it.peer.answer(asked.stream_id)
        asked = await it.peer.request()
        assert asked.header(":path") == "/2"
        it.peer.answer(asked.stream_id)
        assert [(await answer).status for answer in (first, third)] == [200, 200]


async def test_no_stream_is_ever_allowed(server: ScriptedServer) -> None:
    server.greeting = (settings({MAX_STREAMS: 0}),)
    async with server.session() as it:
        error = await failure(it.ask(timeout_s=SHORT_S))
        sentence = f"127.0.0.1:{server.port} allowed no further stream"
        assert facts(error) == (UnprocessedError, "no_stream", sentence)
        await it.peer.sync()
        assert it.peer.began == []


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
async def test_a_request_whose_time_is_up_is_not_sent(
    server: ScriptedServer, timeout_s: float
) -> None:
    async with server.session() as it:
        error = await failure(it.ask(timeout_s=timeout_s))
        sentence = f"no time was left to ask 127.0.0.1:{server.port}"
        assert facts(error) == (UnprocessedError, "no_time", sentence)
        await it.peer.sync()
        assert it.peer.began == []


async def test_a_refused_stream_was_not_processed(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask()
        it.peer.reset((await it.peer.request()).stream_id, REFUSED_STREAM)
        sentence = f"127.0.0.1:{server.port} refused the stream"
        assert facts(await failure(answer)) == (UnprocessedError, "refused_stream", sentence)
        assert it.client.is_usable


@pytest.mark.parametrize(
    ("code", "name"), [(2, "INTERNAL_ERROR"), (8, "CANCEL"), (0, "NO_ERROR"), (99, "99")]
)
async def test_any_other_reset_is_ambiguous(server: ScriptedServer, code: int, name: str) -> None:
    async with server.session() as it:
        answers = [it.ask(), it.ask()]
        one, two = await it.peer.requests(2)
        it.peer.reset(one.stream_id, code)
        sentence = f"127.0.0.1:{server.port} reset the stream ({name})"
        assert facts(await failure(answers[0])) == (AmbiguousError, "stream_reset", sentence)
        it.peer.answer(two.stream_id)
        assert (await answers[1]).status == 200


async def test_the_first_of_two_resets_counts(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask()
        asked = await it.peer.request()
        it.peer.reset(asked.stream_id, REFUSED_STREAM)
        it.peer.reset(asked.stream_id, 5)
        assert (await failure(answer)).code == "refused_stream"
        it.peer.reset(asked.stream_id, 5)
        await it.peer.sync()
        assert it.client.is_usable


async def test_no_answer_in_time(server: ScriptedServer) -> None:
    server.greeting = (settings({MAX_STREAMS: 1}),)
    async with server.session() as it:
        answer = it.ask(timeout_s=SHORT_S)
        late = await it.peer.request()
        sentence = f"127.0.0.1:{server.port} did not answer within 0.2 s"
        assert facts(await failure(answer)) == (AmbiguousError, "timeout", sentence)
        reset = await it.peer.next(RstStreamFrame)
        assert (reset.stream_id, reset.error_code) == (late.stream_id, CANCEL)
        assert it.client.streams == 0
        # The slot is free, and the late answer is nobody's, though the next one is compressed
        # with what it put into the header table.
        answer = it.ask()
        asked = await it.peer.request()
        it.peer.answer(late.stream_id, 200, b"late", ("apns-id", "A-1"))
        it.peer.answer(asked.stream_id, 200, b"", ("apns-id", "A-1"))
        response = await answer
        assert (response.header("apns-id"), response.body) == ("A-1", b"")
        assert it.client.is_usable


async def test_late_bodies_do_not_use_up_the_window(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask(timeout_s=SHORT_S)
        late = await it.peer.request()
        await failure(answer)
        block = it.peer.block(200)
        it.peer.send(HeadersFrame(late.stream_id, block, flags=["END_HEADERS"]))
        for _ in range(60):
            it.peer.data(late.stream_id, b"x" * 1000)
        answer = it.ask()
        asked = await it.peer.request()
        block = it.peer.block(200)
        it.peer.send(HeadersFrame(asked.stream_id, block, flags=["END_HEADERS"]))
        for n in range(60):
            while it.peer.room < 1000:
                await it.peer.frame()
            it.peer.data(asked.stream_id, b"y" * 1000, end=n == 59)
        assert (await answer).body == b"y" * 60_000


async def test_a_caller_who_gives_up_resets_the_stream(server: ScriptedServer) -> None:
    server.greeting = (settings({MAX_STREAMS: 1}),)
    async with server.session() as it:
        answer = it.ask()
        asked = await it.peer.request()
        answer.cancel()
        reset = await it.peer.next(RstStreamFrame)
        assert (reset.stream_id, reset.error_code) == (asked.stream_id, CANCEL)
        assert answer.cancelled()
        answer = it.ask()
        it.peer.answer((await it.peer.request()).stream_id)
        assert (await answer).status == 200


async def test_giving_up_while_the_body_waits_for_the_window(server: ScriptedServer) -> None:
    server.greeting = (settings({SettingsFrame.INITIAL_WINDOW_SIZE: 1}),)
    async with server.session() as it:
        answer = it.ask()
        await it.peer.next(DataFrame)
        answer.cancel()
        assert (await it.peer.next(RstStreamFrame)).error_code == CANCEL
        assert it.client.streams == 0
        # A reset that crosses ours, and a window that comes too late.
        it.peer.reset(1, 5)
        it.peer.open_window(1, 10)
        await it.peer.sync()
        assert it.client.is_usable


async def test_an_answer_before_the_end_of_the_body(server: ScriptedServer) -> None:
    server.greeting = (settings({SettingsFrame.INITIAL_WINDOW_SIZE: 100, MAX_STREAMS: 1}),)
    sent: list[int] = []
    async with server.session() as it:
        answer = it.ask(push(b"x" * 400), on_sent=sent.append)
        await it.peer.next(DataFrame)
        it.peer.answer(1, 413, b"too large")
        response = await answer
        assert (response.status, response.body, sent) == (413, b"too large", [])
        # Otherwise the stream would stay half open, and this peer allows only one.
        assert (await it.peer.next(RstStreamFrame)).stream_id == 1
        answer = it.ask()
        it.peer.answer((await it.peer.request()).stream_id)
        assert (await answer).status == 200


async def test_a_failing_listener_leaves_no_stream_open(server: ScriptedServer) -> None:
    def fail(_stream_id: int) -> None:
        raise KeyError("bug")

    async with server.session() as it:
        with pytest.raises(KeyError):
            await it.ask(on_sent=fail)
        assert (await it.peer.next(RstStreamFrame)).error_code == CANCEL
        assert it.client.streams == 0


# Beginnings


async def test_settings_never_come(server: ScriptedServer) -> None:
    server.greeting = ()
    error = await no_connection(server, 1.0)
    sentence = f"127.0.0.1:{server.port} sent no HTTP/2 SETTINGS"
    assert (error.stage, *facts(error)) == (
        "http2",
        ConnectError,
        "http2_no_settings",
        sentence,
    )


@pytest.mark.parametrize("is_settled", [False, True])
async def test_goodbye_instead_of_a_beginning(server: ScriptedServer, is_settled: bool) -> None:
    reason = b'{"reason":"BadCertificateEnvironment"}'
    server.greeting = (*([settings()] if is_settled else []), goaway(0, 0, reason))
    error = await no_connection(server)
    sentence = f"127.0.0.1:{server.port} said goodbye: {reason.decode()}"
    assert (error.stage, error.code, str(error)) == ("http2", "http2_goaway", sentence)


async def test_a_goodbye_speaks_no_terminal_codes(server: ScriptedServer) -> None:
    server.greeting = (goaway(0, 11, b"\x1b[2Jtoo_many\n\xff\x9bpings"),)
    error = await no_connection(server)
    assert error.code == "http2_calm"
    assert str(error).isprintable()
    assert "too_many" in str(error)


async def test_the_end_instead_of_a_beginning(server: ScriptedServer) -> None:
    server.greeting = ()
    opening = server.spawn(open_connection(server.route, TIMEOUT_S))
    (await server.accepted()).close()
    with pytest.raises(ConnectError) as caught:
        await opening
    sentence = f"127.0.0.1:{server.port} closed the connection"
    assert (caught.value.stage, caught.value.code, str(caught.value)) == (
        "http2",
        "closed",
        sentence,
    )


async def test_http_1_where_http_2_was_agreed_on(server: ScriptedServer) -> None:
    server.greeting = (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",)
    error = await no_connection(server)
    sentence = f"127.0.0.1:{server.port} answered in HTTP/1 where HTTP/2 was agreed on"
    assert (error.stage, error.code, str(error)) == ("http2", "http1_answer", sentence)


async def test_a_client_certificate_is_asked_for(ca: ThrowAwayCA) -> None:
    context = ca.server_context("127.0.0.1")
    context.load_verify_locations(cadata=ca.root_pem)
    context.verify_mode = ssl.CERT_REQUIRED
    over = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # asyncio's own TLS keeps the alert to itself.
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                incoming.write(data)
                with contextlib.suppress(ssl.SSLError):
                    tls.do_handshake()
                writer.write(outgoing.read())
        writer.close()
        over.set()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    route = Route(Endpoint("127.0.0.1", port), ca.client_context())
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(ConnectError) as caught:
            await open_connection(route, TIMEOUT_S)
        await over.wait()
        server.close()
        await server.wait_closed()
    assert (caught.value.stage, caught.value.code) == ("tls", "tls_closed")
    assert str(caught.value).startswith(f"127.0.0.1:{port} broke off TLS: ")
    assert str(caught.value).endswith("alert certificate required")


async def test_a_caller_who_gives_up_opening_leaves_nothing(server: ScriptedServer) -> None:
    server.greeting = ()
    opening = server.spawn(open_connection(server.route, TIMEOUT_S))
    peer = await server.accepted()
    opening.cancel()
    await peer.closed()
    await asyncio.wait([opening])
    assert opening.cancelled()


# Goodbyes


async def test_after_goodbye_the_answers_still_come(server: ScriptedServer) -> None:
    async with server.session() as it:
        answers = [it.ask(), it.ask()]
        one, two = await it.peer.requests(2)
        it.peer.send(goaway(two.stream_id))
        await it.peer.sync()
        assert not it.client.is_usable
        sentence = f"127.0.0.1:{server.port} said goodbye"
        assert facts(await failure(it.ask())) == (UnprocessedError, "goaway", sentence)
        it.peer.answer(one.stream_id)
        it.peer.answer(two.stream_id, 400, b"reason")
        assert [(await answer).status for answer in answers] == [200, 400]
        # Nothing is left to do here, so the client hangs up by itself.
        await it.peer.closed()


async def test_after_goodbye_an_idle_connection_closes_itself(server: ScriptedServer) -> None:
    async with server.session() as it:
        it.peer.send(goaway(0))
        await it.peer.closed()
        assert not it.client.is_usable


async def test_after_goodbye_a_body_still_goes_out(server: ScriptedServer) -> None:
    server.greeting = (settings({SettingsFrame.INITIAL_WINDOW_SIZE: 1}),)
    async with server.session() as it:
        answer = it.ask(push(b"body"))
        await it.peer.next(DataFrame)
        it.peer.send(goaway(1))
        it.peer.open_window(1, 10)
        asked = await it.peer.request()
        assert asked.body == b"body"
        it.peer.answer(asked.stream_id)
        assert (await answer).status == 200


async def test_goodbye_tells_which_requests_were_not_processed(server: ScriptedServer) -> None:
    async with server.session() as it:
        answers = [it.ask() for _ in range(4)]
        asked = await it.peer.requests(4)
        it.peer.send(goaway(asked[1].stream_id, 0, b"session_timeout"))
        sentence = f"127.0.0.1:{server.port} said goodbye: session_timeout"
        for answer in answers[2:]:
            assert facts(await failure(answer)) == (UnprocessedError, "goaway", sentence)
        for one in asked[:2]:
            it.peer.answer(one.stream_id)
        assert [(await answer).status for answer in answers[:2]] == [200, 200]


async def test_goodbye_sends_away_who_waits_for_a_stream(server: ScriptedServer) -> None:
    server.greeting = (settings({MAX_STREAMS: 1}),)
    async with server.session() as it:
        first, second = it.ask(), it.ask()
        asked = await it.peer.request()
        it.peer.send(goaway(asked.stream_id))
        assert (await failure(second)).is_unprocessed
        it.peer.answer(asked.stream_id)
        assert (await first).status == 200
        assert it.peer.began == [asked.stream_id]


async def test_the_second_goodbye_decides(server: ScriptedServer) -> None:
    async with server.session() as it:
        answers = [it.ask(), it.ask()]
        one, _ = await it.peer.requests(2)
        it.peer.send(goaway(2**31 - 1))
        await it.peer.sync()
        assert not it.client.is_usable
        assert not any(answer.done() for answer in answers)
        it.peer.send(goaway(one.stream_id))
        assert (await failure(answers[1])).is_unprocessed
        it.peer.answer(one.stream_id)
        assert (await answers[0]).status == 200


async def test_goodbye_and_gone(server: ScriptedServer) -> None:
    async with server.session() as it:
        answers = [it.ask(), it.ask()]
        one, _ = await it.peer.requests(2)
        it.peer.send(goaway(one.stream_id))
        it.peer.close()
        kept, higher = await asyncio.gather(*map(failure, answers))
        sentence = f"127.0.0.1:{server.port} closed the connection"
        assert facts(kept) == (AmbiguousError, "closed", sentence)
        assert (type(higher), higher.code) == (UnprocessedError, "goaway")


# Ends


async def test_the_peer_closes_while_nothing_is_under_way(server: ScriptedServer) -> None:
    async with server.session() as it:
        it.peer.close()
        await eventually(lambda: not it.client.is_usable)
        sentence = f"127.0.0.1:{server.port} closed the connection"
        assert facts(await failure(it.ask())) == (UnprocessedError, "closed", sentence)


async def test_the_peer_closes_before_it_answers(server: ScriptedServer) -> None:
    async with server.session() as it:
        answers = [it.ask() for _ in range(3)]
        await it.peer.requests(3)
        it.peer.close()
        sentence = f"127.0.0.1:{server.port} closed the connection"
        for answer in answers:
            assert facts(await failure(answer)) == (AmbiguousError, "closed", sentence)
        assert not it.client.is_usable


async def test_the_connection_is_reset(server: ScriptedServer) -> None:
    server.greeting = (settings({MAX_STREAMS: 1}),)
    async with server.session() as it:
        sent, waiting = it.ask(), it.ask()
        await it.peer.request()
        it.peer.abort()
        sentence = f"127.0.0.1:{server.port} dropped the connection"
        assert facts(await failure(sent)) == (AmbiguousError, "connection_lost", sentence)
        # It was never sent.
        assert (await failure(waiting)).is_unprocessed


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param(b"\xff" * 64, id="garbage"),
        pytest.param(DataFrame(1, b"x" * 16385).serialize(), id="too-large"),
        pytest.param(DataFrame(77, b"x").serialize(), id="stream-never-begun"),
        pytest.param(b"\x00\x00\x01\x00\x00\x00\x00\x00\x00x", id="data-on-stream-0"),
        pytest.param(
            HeadersFrame(1, b"\xff\xff\xff\xff\xff\xff", flags=["END_HEADERS"]).serialize(),
            id="bad-hpack",
        ),
        pytest.param(b"\x00\x00\x04\x07\x00\x00\x00\x00\x00\x00\x00\x00\x01", id="short-goaway"),
        pytest.param(b"\x00\x00\x05\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", id="settings"),
        pytest.param(b"\x00\x00\x00\x09\x04\x00\x00\x00\x01", id="lone-continuation"),
        pytest.param(b"\x00\x00\x02\x00\x08\x00\x00\x00\x01\x09x", id="more-padding-than-frame"),
        pytest.param(b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00", id="window-by-0"),
    ],
)
async def test_what_breaks_the_rules_ends_the_connection(
    server: ScriptedServer, nonsense: bytes
) -> None:
    async with server.session() as it:
        answer = it.ask()
        await it.peer.request()
        it.peer.send(nonsense)
        sentence = f"127.0.0.1:{server.port} broke the rules of HTTP/2"
        assert facts(await failure(answer)) == (AmbiguousError, "http2_protocol", sentence)
        assert not it.client.is_usable
        await it.peer.closed()


async def test_a_frame_that_never_ends_is_an_end(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask()
        await it.peer.request()
        it.peer.send(DataFrame(1, b"x" * 100).serialize()[:50])
        it.peer.close()
        assert (await failure(answer)).code == "closed"


async def test_closing_says_goodbye(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask()
        await it.peer.request()
        await it.client.aclose()
        error = await failure(answer)
        assert facts(error) == (AmbiguousError, "closed", "the connection was closed")
        await it.peer.closed()
        last = it.peer.frames[-1]
        assert isinstance(last, GoAwayFrame)
        assert last.error_code == 0
        assert (await failure(it.ask())).is_unprocessed
        await it.client.aclose()


async def test_closing_does_not_wait_for_a_peer_that_is_gone(server: ScriptedServer) -> None:
    async with server.session() as it:
        it.peer.stop_reading()
        answers = [it.ask(push(b"x" * 10_000)) for _ in range(6)]
        await asyncio.sleep(0)
        await it.client.aclose()
        for answer in answers:
            assert (await failure(answer)).code == "closed"


async def test_being_drained(server: ScriptedServer) -> None:
    async with server.session() as it:
        assert await it.client.drained(SHORT_S)
        answer = it.ask()
        asked = await it.peer.request()
        assert not await it.client.drained(0.01)
        drained = server.spawn(it.client.drained(TIMEOUT_S))
        it.peer.answer(asked.stream_id)
        assert await drained
        assert (await answer).status == 200


async def test_failures_that_nobody_asks_for_are_silent(server: ScriptedServer) -> None:
    # What is complained about in vain is found by the fixture that guards every test.
    for ending in itertools.cycle((Peer.close, Peer.abort)):
        async with server.session() as it:
            answers = [it.ask() for _ in range(10)]
            await it.peer.requests(10)
            for answer in answers[::2]:
                answer.cancel()
            ending(it.peer)
            await asyncio.wait(answers)
        if server.connections == 6:
            break


@pytest.mark.slow
async def test_a_peer_that_takes_nothing_is_given_up(server: ScriptedServer) -> None:
    server.greeting = (settings({SettingsFrame.INITIAL_WINDOW_SIZE: 2**30}),)
    async with server.session() as it:
        it.peer.open_window(0, 2**30)
        await it.peer.sync()
        it.peer.stop_reading()
        answer = it.ask(push(b"x" * 30_000_000))
        error = await failure(answer)
        assert isinstance(error, AmbiguousError)
        # The TLS of both loops takes much before it tells that nothing is taken off it; TCP's own
        # timeout may come first.
        assert error.code in ("write_timeout", "connection_lost")
        assert not it.client.is_usable


@pytest.mark.parametrize("value", ["a\r\nx-b: c", "\0"])
async def test_a_header_that_cannot_be_sent_is_not(server: ScriptedServer, value: str) -> None:
    async with server.session() as it:
        error = await failure(it.ask(push(apns_topic=value)))
        sentence = "the header apns-topic has a value that cannot be sent"
        assert facts(error) == (UnprocessedError, "bad_header", sentence)
        answer = it.ask()
        it.peer.answer((await it.peer.request()).stream_id)
        assert (await answer).status == 200


async def test_an_answer_without_a_status_is_none(server: ScriptedServer) -> None:
    async with server.session() as it:
        answers = [it.ask(), it.ask()]
        one, two = await it.peer.requests(2)
        block = it.peer.trailers(("apns-id", "1"))
        it.peer.send(HeadersFrame(one.stream_id, block, flags=["END_HEADERS", "END_STREAM"]))
        sentence = f"127.0.0.1:{server.port} sent no status"
        assert facts(await failure(answers[0])) == (AmbiguousError, "http2_bad_answer", sentence)
        it.peer.answer(two.stream_id)
        assert (await answers[1]).status == 200


async def test_a_body_that_was_not_sent_whole_was_not_processed(server: ScriptedServer) -> None:
    server.greeting = (settings({SettingsFrame.INITIAL_WINDOW_SIZE: 10}),)
    async with server.session() as it:
        short, long = it.ask(push(b"x" * 10)), it.ask(push(b"x" * 11))
        await it.peer.request()
        await it.peer.sync()
        it.peer.abort()
        assert isinstance(await failure(short), AmbiguousError)
        assert facts(await failure(long))[:2] == (UnprocessedError, "connection_lost")


async def test_what_was_never_written_was_not_processed(server: ScriptedServer) -> None:
    async with server.session() as it:
        answer = it.ask()
        # It has begun, and the connection ends in the same turn of the loop.
        await asyncio.sleep(0)
        assert it.client.streams == 1
        it.client.ended(None)
        assert (await failure(answer)).is_unprocessed
        await it.peer.closed()
        assert it.peer.began == []
