import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from mmpush_tui.http2 import Response
from mmpush_tui.http2.connect import Endpoint, Route
from mmpush_tui.http2.connection import STREAM_CAP
from mmpush_tui.http2.errors import (
    AmbiguousError,
    ConnectError,
    TransportError,
    UnprocessedError,
)
from mmpush_tui.http2.pool import Pool
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from tests.http2.scripted import (
    MAX_STREAMS,
    TIMEOUT_S,
    Peer,
    ScriptedServer,
    goaway,
    push,
    settings,
)

SHORT_S = 0.2

Answer = asyncio.Task[Response]


@pytest.fixture
async def pool(server: ScriptedServer) -> AsyncIterator[Pool]:
    pool = Pool(server.route)
    yield pool
    async with asyncio.timeout(TIMEOUT_S):
        await pool.aclose()


def ask(server: ScriptedServer, pool: Pool, timeout_s: float = TIMEOUT_S) -> Answer:
    return server.spawn(pool.request(push(), timeout_s))


async def failure(answer: Answer) -> TransportError:
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(TransportError) as caught:
            await answer
    return caught.value


async def serve(peer: Peer, answer: Answer) -> None:
    """Answer the one request that is under way."""
    peer.answer((await peer.request()).stream_id)
    assert (await answer).status == 200


def facts(error: TransportError) -> tuple[type[TransportError], str, str]:
    return type(error), error.code, str(error)


async def test_the_first_request_opens_the_connection(server: ScriptedServer, pool: Pool) -> None:
    assert not pool.is_connected
    async with asyncio.timeout(TIMEOUT_S):
        assert server.connections == 0
        sent: list[int] = []
        answer = server.spawn(pool.request(push(), TIMEOUT_S, sent.append))
        await serve(await server.accepted(), answer)
        assert sent == [(await answer).stream_id]
        assert pool.is_connected


async def test_a_burst_on_a_cold_pool_shares_one_connection(
    server: ScriptedServer, pool: Pool
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        answers = [ask(server, pool) for _ in range(200)]
        peer = await server.accepted()
        for _ in range(200):
            peer.answer((await peer.request()).stream_id)
        assert [(await answer).status for answer in answers] == [200] * 200
        assert server.connections == 1
        assert len(peer.began) == 200 > STREAM_CAP


async def test_a_pool_shows_what_it_is_busy_with(server: ScriptedServer, pool: Pool) -> None:
    where = server.route.endpoint
    assert repr(pool) == f"<Pool {where}: 0 connections, 0 requests active, 0 waiting>"
    async with asyncio.timeout(TIMEOUT_S):
        answers = [ask(server, pool) for _ in range(STREAM_CAP + 3)]
        peer = await server.accepted()
        first = await peer.request()
        busy = f"<Pool {where}: 1 connections, {STREAM_CAP} requests active, 3 waiting>"
        assert repr(pool) == busy
        peer.answer(first.stream_id)
        for _ in range(STREAM_CAP + 2):
            peer.answer((await peer.request()).stream_id)
        assert [(await answer).status for answer in answers] == [200] * (STREAM_CAP + 3)


async def test_after_goodbye_there_is_a_new_connection_while_the_old_one_answers(
    server: ScriptedServer, pool: Pool
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        old_answer = ask(server, pool)
        old = await server.accepted()
        owed = await old.request()
        old.send(goaway(owed.stream_id))
        await old.sync()
        assert not pool.is_connected
        await_new = ask(server, pool)
        await serve(await server.accepted(), await_new)
        assert not old_answer.done()
        old.answer(owed.stream_id, 200, b"late")
        assert (await old_answer).body == b"late"
        await old.closed()
        assert server.connections == 2


async def test_what_goodbye_left_unprocessed_can_go_elsewhere(
    server: ScriptedServer, pool: Pool
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        answers = [ask(server, pool) for _ in range(10)]
        old = await server.accepted()
        asked = await old.requests(10)
        old.send(goaway(asked[3].stream_id))
        again = []
        for answer in answers[4:]:
            assert (await failure(answer)).is_unprocessed
            again.append(ask(server, pool))
        new = await server.accepted()
        for one in await new.requests(6):
            new.answer(one.stream_id)
        for one in asked[:4]:
            old.answer(one.stream_id)
        assert [(await answer).status for answer in answers[:4] + again] == [200] * 10
        assert server.connections == 2


async def test_a_connection_closed_while_idle_is_replaced(
    server: ScriptedServer, pool: Pool
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        for _ in range(3):
            answer = ask(server, pool)
            peer = await server.accepted()
            await serve(peer, answer)
            peer.close()
            while pool.is_connected:  # noqa: ASYNC110 - the pool does not announce it
                await asyncio.sleep(0.001)
        assert server.connections == 3


async def test_a_connection_lost_with_requests_under_way_is_replaced(
    server: ScriptedServer, pool: Pool
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        lost = ask(server, pool)
        peer = await server.accepted()
        await peer.request()
        peer.abort()
        assert isinstance(await failure(lost), AmbiguousError)
        answer = ask(server, pool)
        await serve(await server.accepted(), answer)


async def test_a_timeout_on_a_connection_that_was_silent_since_replaces_it(
    server: ScriptedServer, pool: Pool
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        answer = ask(server, pool)
        peer = await server.accepted()
        await serve(peer, answer)
        late = ask(server, pool, SHORT_S)
        await peer.request()
        assert (await failure(late)).code == "timeout"
        answer = ask(server, pool)
        await serve(await server.accepted(), answer)
        assert server.connections == 2


async def test_a_timeout_on_a_connection_that_was_heard_of_since_keeps_it(
    server: ScriptedServer, pool: Pool
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        answer = ask(server, pool)
        peer = await server.accepted()
        await serve(peer, answer)
        late = ask(server, pool, SHORT_S)
        await peer.request()
        peer.send(settings())
        assert (await failure(late)).code == "timeout"
        await serve(peer, ask(server, pool))
        assert server.connections == 1


async def test_a_failure_to_connect_is_shared_and_not_remembered(
    server: ScriptedServer, pool: Pool
) -> None:
    server.greeting = (goaway(0, 0, b"not today"),)
    async with asyncio.timeout(TIMEOUT_S):
        answers = [ask(server, pool) for _ in range(50)]
        errors = [await failure(answer) for answer in answers]
        sentence = f"127.0.0.1:{server.port} said goodbye: not today"
        assert {facts(error) for error in errors} == {(ConnectError, "http2_goaway", sentence)}
        # Each its own, because raising writes into an exception.
        assert len({id(error) for error in errors}) == 50
        assert server.connections == 1
        await server.accepted()

        server.greeting = (settings(),)
        answer = ask(server, pool)
        await serve(await server.accepted(), answer)
        assert server.connections == 2


async def test_a_server_that_is_not_there_yet(ca: ThrowAwayCA) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        endpoint = Endpoint(*sock.getsockname())
        pool = Pool(Route(endpoint, ca.client_context()))
        server = ScriptedServer(ca)
        error = await failure(ask(server, pool))
        sentence = f"{endpoint} refused the connection"
        assert facts(error) == (ConnectError, "tcp_refused", sentence)
        async with server.listening(sock), asyncio.timeout(TIMEOUT_S):
            answer = ask(server, pool)
            await serve(await server.accepted(), answer)
            await pool.aclose()


async def test_who_cannot_wait_for_the_connection_does_not_end_it_for_others(
    server: ScriptedServer, pool: Pool
) -> None:
    server.greeting = ()
    async with asyncio.timeout(TIMEOUT_S):
        impatient, cancelled, patient = (
            ask(server, pool, SHORT_S),
            ask(server, pool),
            ask(server, pool),
        )
        peer = await server.accepted()
        cancelled.cancel()
        error = await failure(impatient)
        sentence = f"no connection to 127.0.0.1:{server.port} in time"
        assert facts(error) == (ConnectError, "connect_timeout", sentence)
        peer.send(settings())
        await serve(peer, patient)
        assert cancelled.cancelled()
        assert server.connections == 1


async def test_the_time_for_connecting_is_bounded(server: ScriptedServer) -> None:
    server.greeting = ()
    pool = Pool(server.route, connect_timeout_s=1.0)
    error = await failure(ask(server, pool))
    sentence = f"127.0.0.1:{server.port} sent no HTTP/2 SETTINGS"
    assert facts(error) == (ConnectError, "http2_no_settings", sentence)
    await pool.aclose()


async def test_a_connection_that_allows_no_stream_is_replaced(
    server: ScriptedServer, pool: Pool
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        answer = ask(server, pool)
        old = await server.accepted()
        await serve(old, answer)
        old.send(settings({MAX_STREAMS: 0}))
        await old.sync()
        error = await failure(ask(server, pool, SHORT_S))
        assert (type(error), error.code) == (UnprocessedError, "no_stream")
        answer = ask(server, pool)
        await serve(await server.accepted(), answer)
        await old.closed()


async def test_a_busy_connection_is_kept(server: ScriptedServer, pool: Pool) -> None:
    server.greeting = (settings({MAX_STREAMS: 1}),)
    async with asyncio.timeout(TIMEOUT_S):
        answer = ask(server, pool)
        peer = await server.accepted()
        asked = await peer.request()
        assert (await failure(ask(server, pool, SHORT_S))).code == "no_stream"
        peer.answer(asked.stream_id)
        assert (await answer).status == 200
        await serve(peer, ask(server, pool))
        assert server.connections == 1


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
async def test_without_time_nothing_is_sent(
    server: ScriptedServer, pool: Pool, timeout_s: float
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        answer = ask(server, pool)
        peer = await server.accepted()
        await serve(peer, answer)
        assert (await failure(ask(server, pool, timeout_s))).is_unprocessed
        await serve(peer, ask(server, pool))
        assert (server.connections, len(peer.began)) == (1, 2)


# The end


async def test_closing_fails_what_is_under_way_and_refuses_the_rest(
    server: ScriptedServer, pool: Pool
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        answers = [ask(server, pool) for _ in range(5)]
        peer = await server.accepted()
        await peer.requests(5)
        await pool.aclose()
        for answer in answers:
            expected = (AmbiguousError, "closed", "the connection was closed")
            assert facts(await failure(answer)) == expected
        await peer.closed()
        error = await failure(ask(server, pool))
        assert facts(error) == (ConnectError, "target_closed", "this target was closed")
        assert not pool.is_connected
        assert server.connections == 1


async def test_closing_ends_the_wait_for_a_connection(server: ScriptedServer, pool: Pool) -> None:
    server.greeting = ()
    async with asyncio.timeout(TIMEOUT_S):
        answers = [ask(server, pool) for _ in range(3)]
        peer = await server.accepted()
        await pool.aclose()
        for answer in answers:
            error = await failure(answer)
            assert facts(error) == (ConnectError, "target_closed", "this target was closed")
        await peer.closed()


async def test_closing_also_closes_what_still_owes_answers(
    server: ScriptedServer, pool: Pool
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        owed = ask(server, pool)
        old = await server.accepted()
        asked = await old.request()
        old.send(goaway(asked.stream_id))
        await old.sync()
        answer = ask(server, pool)
        new = await server.accepted()
        await serve(new, answer)
        await pool.aclose()
        assert facts(await failure(owed))[:2] == (AmbiguousError, "closed")
        await old.closed()
        await new.closed()


async def test_closing_while_a_retired_connection_is_being_closed(
    server: ScriptedServer, pool: Pool
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        owed = ask(server, pool)
        old = await server.accepted()
        asked = await old.request()
        old.send(goaway(asked.stream_id))
        await old.sync()
        answer = ask(server, pool)
        await serve(await server.accepted(), answer)
        # It cannot be closed in good order, so closing it takes a while.
        old.stop_reading()
        old.answer(asked.stream_id)
        assert (await owed).status == 200
        await pool.aclose()


async def test_closing_twice_and_never_having_opened(server: ScriptedServer) -> None:
    pool = Pool(server.route)
    async with asyncio.timeout(TIMEOUT_S):
        await pool.aclose()
        await pool.aclose()
    assert server.connections == 0
