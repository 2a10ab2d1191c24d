import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any

import h2.events
import pytest
import uvloop
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.simulator.net.h2server import H2Connection, H2Server
from tests.simulator.peers import TIMEOUT_S, RawClient
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")

SETTINGS: Mapping[int, int] = {
    SettingCodes.MAX_CONCURRENT_STREAMS: 3,
    SettingCodes.INITIAL_WINDOW_SIZE: 65535,
}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Echo:
    """Answers with the request's body; ``gate`` holds the answers back, ``fail`` breaks them."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.requests: list[ServedRequest] = []
        self.cancelled = 0
        self.failure: Exception | None = None
        self.frames: tuple[bytes, ...] | None = None
        self.is_silent = False

    async def __call__(
        self, request: ServedRequest, _connection: H2Connection[None]
    ) -> ServedResponse | None:
        self.requests.append(request)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.failure:
            raise self.failure
        if self.is_silent:
            return None
        data = (request.body,) if self.frames is None else self.frames
        return ServedResponse(status=200, headers=(("x-size", str(request.size)),), data=data)


def server_for(ca: ThrowAwayCA, handler: Echo, **options: Any) -> H2Server[None]:
    return H2Server(
        ca.server_context("127.0.0.1"),
        handler,
        new_state=lambda: None,
        settings=SETTINGS,
        **options,
    )


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def server(ca: ThrowAwayCA, echo: Echo) -> AsyncIterator[H2Server[None]]:
    server = server_for(ca, echo)
    await server.start()
    yield server
    await server.aclose()
    assert server.connections == ()
    assert server.errors == []


@pytest.fixture
async def client(ca: ThrowAwayCA, server: H2Server[None]) -> AsyncIterator[RawClient]:
    async with RawClient(server.port, ca.client_context()) as client:
        yield client


async def refused(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.transport.abort()
    return False


async def test_answers_a_request_with_a_body(client: RawClient, server: H2Server[None]) -> None:
    answer = await client.answer(client.request([("x-a", "1")], b"hello"))
    assert (answer.status, answer.body, answer.headers) == (200, b"hello", {"x-size": "5"})
    assert server.violations == []


async def test_sends_exactly_the_settings_it_was_given(client: RawClient) -> None:
    await client.answer(client.request([]))
    assert client.settings() == [{int(code): value for code, value in SETTINGS.items()}]


async def test_an_empty_answer_ends_on_its_headers(client: RawClient, echo: Echo) -> None:
    echo.frames = ()
    answer = await client.answer(client.request([]))
    assert answer.ended_on_headers
    assert answer.frames == []


async def test_frames_are_sent_as_they_were_given(client: RawClient, echo: Echo) -> None:
    echo.frames = (b"one", b"", b"two", b"")
    answer = await client.answer(client.request([]))
    assert answer.frames == [b"one", b"", b"two", b""]
    assert not answer.ended_on_headers


async def test_requests_are_answered_at_the_same_time(client: RawClient, echo: Echo) -> None:
    echo.gate.clear()
    ids = [client.request([], b"x") for _ in range(3)]
    await eventually(lambda: len(echo.requests) == 3)
    echo.gate.set()
    assert [(await client.answer(i)).status for i in ids] == [200] * 3


async def test_one_stream_too_many_is_refused_alone(
    client: RawClient, echo: Echo, server: H2Server[None]
) -> None:
    echo.gate.clear()
    ids = [client.request([], b"x") for _ in range(4)]
    assert (await client.answer(ids[3])).reset == ErrorCodes.REFUSED_STREAM
    assert server.violations == ["stream 7: over the limit of 3"]
    echo.gate.set()
    assert [(await client.answer(i)).status for i in ids[:3]] == [200] * 3
    assert (await client.answer(client.request([], b"x"))).status == 200


async def test_a_lower_limit_holds_once_it_is_acknowledged(
    client: RawClient, echo: Echo, server: H2Server[None]
) -> None:
    await client.answer(client.request([]))
    echo.gate.clear()
    (connection,) = server.connections
    connection.change_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1})
    # Not read yet, so three are still the client's right.
    ids = [client.request([], b"x") for _ in range(3)]
    await client.until(lambda: len(client.settings()) == 2)
    client.h2.remote_settings.max_concurrent_streams = 100
    client.h2.remote_settings.acknowledge()
    late = client.request([], b"x")
    assert (await client.answer(late)).reset == ErrorCodes.REFUSED_STREAM
    echo.gate.set()
    assert [(await client.answer(i)).status for i in ids] == [200] * 3
    assert server.violations == ["stream 9: over the limit of 1"]


async def test_a_body_goes_through_a_tiny_window(ca: ThrowAwayCA, server: H2Server[None]) -> None:
    body = bytes(range(256)) * 16
    async with RawClient(server.port, ca.client_context(), initial_window_size=100) as client:
        answer = await client.answer(client.request([], body))
        assert answer.body == body
        assert max(map(len, answer.frames)) <= 100


async def test_a_body_waits_for_a_window_that_opens_late(
    ca: ThrowAwayCA, server: H2Server[None]
) -> None:
    async with RawClient(server.port, ca.client_context(), initial_window_size=0) as client:
        stream_id = client.request([], b"body")
        answer = client.answers[stream_id]
        await client.until(lambda: answer.status == 200)
        assert answer.frames == []
        client.h2.increment_flow_control_window(4, stream_id)
        client.flush()
        assert (await client.answer(stream_id)).body == b"body"


async def test_many_bodies_fit_through_its_own_window(client: RawClient) -> None:
    body = b"x" * 16384
    for _ in range(20):
        assert (await client.answer(client.request([], body))).body == body


async def test_what_is_over_the_cap_is_counted_and_dropped(ca: ThrowAwayCA, echo: Echo) -> None:
    server = server_for(ca, echo, max_body=10)
    await server.start()
    async with RawClient(server.port, ca.client_context()) as client:
        answer = await client.answer(client.request([], b"x" * 1000))
        assert (answer.body, answer.headers["x-size"]) == (b"x" * 10, "1000")
    await server.aclose()


async def test_a_broken_handler_is_500_and_recorded(ca: ThrowAwayCA, echo: Echo) -> None:
    server = server_for(ca, echo)
    await server.start()
    echo.failure = KeyError("bug")
    async with RawClient(server.port, ca.client_context()) as client:
        assert (await client.answer(client.request([]))).status == 500
    assert server.errors == [echo.failure]
    await server.aclose()


async def test_a_reset_request_is_no_longer_answered(
    client: RawClient, echo: Echo, server: H2Server[None]
) -> None:
    echo.gate.clear()
    ids = [client.request([], b"x") for _ in range(3)]
    await eventually(lambda: len(echo.requests) == 3)
    for stream_id in ids:
        client.h2.reset_stream(stream_id, ErrorCodes.CANCEL)
    client.flush()
    late = client.request([], b"x")
    echo.frames = (b"late",)
    await eventually(lambda: echo.cancelled == 3)
    echo.gate.set()
    assert (await client.answer(late)).body == b"late"
    assert server.violations == []


async def test_a_request_may_stay_unanswered(client: RawClient, echo: Echo) -> None:
    echo.is_silent = True
    silent = client.request([])
    await eventually(lambda: echo.requests)
    echo.is_silent = False
    assert (await client.answer(client.request([]))).status == 200
    assert not client.answers[silent].is_ended


async def test_a_client_without_h2_is_closed(ca: ThrowAwayCA, server: H2Server[None]) -> None:
    for alpn in ((), ("http/1.1",)):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=ca.client_context(alpn)
        )
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(TIMEOUT_S):
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                assert await reader.read() == b""
        writer.transport.abort()


async def test_a_client_that_does_not_trust_it_does_no_harm(
    client: RawClient, server: H2Server[None]
) -> None:
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection("127.0.0.1", server.port, ssl=ThrowAwayCA().client_context())
    assert (await client.answer(client.request([]))).status == 200


async def test_trailers_are_refused(client: RawClient, server: H2Server[None]) -> None:
    stream_id = client.request([], b"x", end=False)
    client.h2.send_headers(stream_id, [("x-late", "1")], end_stream=True)
    client.flush()
    assert (await client.answer(stream_id)).reset == ErrorCodes.PROTOCOL_ERROR
    assert server.violations == ["stream 1: trailers"]


async def test_a_body_of_another_length_than_announced_ends_the_connection(
    client: RawClient, server: H2Server[None]
) -> None:
    client.request([("content-length", "4")], b"hello")
    await client.closed()
    (goaway,) = client.seen(h2.events.ConnectionTerminated)
    assert goaway.error_code == ErrorCodes.PROTOCOL_ERROR
    assert server.violations == ["HTTP/2 protocol error: InvalidBodyLengthError"]


async def test_too_many_headers_end_the_connection(ca: ThrowAwayCA, echo: Echo) -> None:
    server = H2Server(
        ca.server_context("127.0.0.1"),
        echo,
        new_state=lambda: None,
        settings={SettingCodes.MAX_HEADER_LIST_SIZE: 1000},
    )
    await server.start()
    async with RawClient(server.port, ca.client_context()) as client:
        await client.answer(client.request([]))
        client.request([("x-long", "x" * 1000)])
        await client.closed()
        (goaway,) = client.seen(h2.events.ConnectionTerminated)
        assert goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM
    await server.aclose()
    assert server.errors == []


async def test_pings_without_requests_are_counted(ca: ThrowAwayCA, echo: Echo) -> None:
    server = server_for(ca, echo, idle_pings=2)
    await server.start()
    async with RawClient(server.port, ca.client_context()) as client:
        for _ in range(2):
            client.h2.ping(b"12345678")
        await client.answer(client.request([]))
        for _ in range(2):
            client.h2.ping(b"12345678")
        await client.answer(client.request([]))
        assert server.violations == []
        for _ in range(3):
            client.h2.ping(b"12345678")
        client.flush()
        await client.closed()
        (goaway,) = client.seen(h2.events.ConnectionTerminated)
        assert goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM
        assert goaway.additional_data == b"too_many_pings"
    assert server.violations == ["3 PINGs without a request"]
    await server.aclose()


async def test_after_goaway_what_has_begun_is_answered(
    client: RawClient, echo: Echo, server: H2Server[None]
) -> None:
    echo.gate.clear()
    client.request([], b"begun")
    await eventually(lambda: echo.requests)
    (connection,) = server.connections
    connection.goaway(0, debug=b'{"reason":"Shutdown"}')
    late = client.request([], b"late")
    await eventually(lambda: connection.highest_stream == late)
    echo.gate.set()
    # h2's client falls silent at GOAWAY, so the answer is looked for on the wire.
    async with asyncio.timeout(TIMEOUT_S):
        data = await client.reader.readuntil(b"begun")
    assert b'{"reason":"Shutdown"}' in data
    assert b"late" not in data
    assert len(echo.requests) == 1


async def test_it_stops_and_starts_again_on_the_same_port(
    ca: ThrowAwayCA, server: H2Server[None]
) -> None:
    port = server.port
    for abort in (True, False):
        async with RawClient(port, ca.client_context()) as client:
            assert (await client.answer(client.request([]))).status == 200
            await server.stop(abort=abort)
            await client.closed()
            assert bool(client.seen(h2.events.ConnectionTerminated)) is not abort
        assert await refused(port)
        with socket.socket() as rival, pytest.raises(OSError, match="Address already in use"):
            rival.bind(("127.0.0.1", port))
        await server.start()
        assert server.port == port
    async with RawClient(port, ca.client_context()) as client:
        assert (await client.answer(client.request([]))).status == 200


async def test_abort_resets_the_connections(ca: ThrowAwayCA, server: H2Server[None]) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=ca.client_context()
    )
    await eventually(lambda: server.connections)
    await server.aclose(abort=True)
    async with asyncio.timeout(TIMEOUT_S):
        # What came before the reset may be read first.
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1_000_000)
    writer.transport.abort()


async def test_it_leaves_nothing_of_a_handshake_that_never_ends(server: H2Server[None]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"\x16\x03\x01")
    await eventually(lambda: server.connections)
    await server.aclose()
    async with asyncio.timeout(TIMEOUT_S):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.transport.abort()


async def test_closing_ends_the_answers_under_way(
    client: RawClient, echo: Echo, server: H2Server[None]
) -> None:
    echo.gate.clear()
    client.request([])
    await eventually(lambda: echo.requests)
    await server.aclose()
    assert echo.cancelled == 1


async def test_closing_does_not_wait_for_a_client_that_does_not_read(
    ca: ThrowAwayCA, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmpush_tui.simulator.net.h2server.CLOSE_S", 0.05)
    echo.frames = (b"x" * 1_000_000,) * 16
    server = server_for(ca, echo)
    await server.start()
    client = RawClient(server.port, ca.client_context(), initial_window_size=2**31 - 1)
    async with client:
        client.h2.increment_flow_control_window(2**31 - 1 - 65535)
        client.request([])
        await eventually(lambda: echo.requests)
        async with asyncio.timeout(TIMEOUT_S):
            await server.aclose()
    assert server.connections == ()


async def test_two_servers_cannot_share_a_port(ca: ThrowAwayCA, server: H2Server[None]) -> None:
    rival = server_for(ca, Echo())
    with pytest.raises(OSError, match="Address already in use"):
        await rival.start(port=server.port)
    await rival.aclose()


def test_it_works_on_uvloop(ca: ThrowAwayCA) -> None:
    async def scenario() -> None:
        server = server_for(ca, Echo())
        await server.start()
        for _ in range(2):
            async with RawClient(server.port, ca.client_context()) as client:
                assert (await client.answer(client.request([], b"x"))).body == b"x"
                await server.stop(abort=True)
                await client.closed()
            assert await refused(server.port)
            await server.start()
        await server.aclose()
        assert server.errors == []

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())


async def survives(ca: ThrowAwayCA, noise: bytes, context: ssl.SSLContext | None) -> None:
    """Send noise and hang up; the next client is served all the same."""
    server = server_for(ca, Echo())
    await server.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
        writer.write(noise)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            async with asyncio.timeout(TIMEOUT_S):
                if context is None:
                    writer.write_eof()
                    await reader.read()
                # Says goodbye after the noise, so the server has read all of it.
                writer.close()
                await writer.wait_closed()
        async with RawClient(server.port, ca.client_context()) as client:
            assert (await client.answer(client.request([], b"x"))).body == b"x"
    finally:
        await server.aclose()
    assert server.errors == []
    assert server.connections == ()


frames = st.builds(
    lambda kind, flags, stream, body: (
        len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body
    ),
    st.integers(0, 12),
    st.integers(0, 255),
    st.integers(0, 9),
    st.binary(max_size=40),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(noise=st.binary(max_size=600))
def test_noise_instead_of_tls_does_no_harm(ca: ThrowAwayCA, noise: bytes) -> None:
    asyncio.run(survives(ca, noise, None))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    noise=st.binary(max_size=300)
    | st.binary(max_size=300).map(lambda noise: PREFACE + noise)
    | st.lists(frames, max_size=12).map(lambda frames: PREFACE + b"".join(frames))
)
def test_noise_instead_of_http2_does_no_harm(ca: ThrowAwayCA, noise: bytes) -> None:
    asyncio.run(survives(ca, noise, ca.client_context()))
