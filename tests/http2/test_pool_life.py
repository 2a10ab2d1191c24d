"""A pool's connections over time: how they begin, grow, prove themselves, are replaced and end."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hyperframe.frame import PingFrame

from mmpush_tui.http2 import Response
from mmpush_tui.http2.connect import Endpoint
from mmpush_tui.http2.errors import AmbiguousError, ConnectError, TransportError
from mmpush_tui.http2.policy import APPLE, GOOGLE, PLAIN, Policy
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
from tests.standins.names import (
    DEAD_IPV6,
    Found,
    NameAnswer,
    Names,
    NoAnswer,
    NoSuchName,
    ServerFailure,
)
from tests.waiting import eventually

CALM = 11
Answer = asyncio.Task[Response]


@contextlib.asynccontextmanager
async def pool_of(
    server: ScriptedServer, policy: Policy = PLAIN, **more: Any
) -> AsyncIterator[Pool]:
    pool = Pool(server.route, policy=policy, **more)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            yield pool
    finally:
        await pool.aclose()


def ask(server: ScriptedServer, pool: Pool, timeout_s: float = TIMEOUT_S) -> Answer:
    return server.spawn(pool.request(push(), timeout_s))


async def serve(peer: Peer, *answers: Answer, status: int = 200) -> list[str]:
    """Answer as many requests, and return what authorization each had."""
    asked = await peer.requests(len(answers))
    for it in asked:
        peer.answer(it.stream_id, status)
    assert [(await answer).status for answer in answers] == [status] * len(answers)
    return [it.header("authorization") for it in asked]


async def failure(answer: Answer) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await answer
    return caught.value


async def opened(server: ScriptedServer, pool: Pool) -> Peer:
    """Send one request and return the connection it made."""
    answer = ask(server, pool)
    peer = await server.accepted()
    await serve(peer, answer)
    return peer


# The beginning


async def test_one_stream_until_the_first_answer(server: ScriptedServer) -> None:
    async with pool_of(server, APPLE) as pool:
        answers = [ask(server, pool) for _ in range(5)]
        peer = await server.accepted()
        first = await peer.request()
        await peer.sync()
        assert len(peer.began) == 1
        peer.answer(first.stream_id)
        for asked in await peer.requests(4):
            peer.answer(asked.stream_id)
        assert [(await answer).status for answer in answers] == [200] * 5


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_to_talk_to_us_opens_no_more_streams(
    server: ScriptedServer, status: int
) -> None:
    async with pool_of(server, APPLE) as pool:
        answers = [ask(server, pool) for _ in range(3)]
        peer = await server.accepted()
        for count in (1, 2, 3):
            asked = await peer.request()
            await peer.sync()
            assert len(peer.began) == count
            peer.answer(asked.stream_id, status)
        assert [(await answer).status for answer in answers] == [status] * 3


async def test_another_refusal_does(server: ScriptedServer) -> None:
    async with pool_of(server, APPLE) as pool:
        answers = [ask(server, pool) for _ in range(3)]
        peer = await server.accepted()
        peer.answer((await peer.request()).stream_id, 410)
        for asked in await peer.requests(2):
            peer.answer(asked.stream_id, 410)
        assert [(await answer).status for answer in answers] == [410] * 3


# Growing and shrinking


GROWING = Policy(max_connections=3, grow_after_s=0.1, spare_close_s=0.5)


@pytest.mark.slow
async def test_it_grows_while_requests_wait_and_shrinks_when_idle(server: ScriptedServer) -> None:
    server.greeting = (settings({MAX_STREAMS: 1}),)
    async with pool_of(server, GROWING) as pool:
        answers = [ask(server, pool) for _ in range(6)]
        peers = [await server.accepted() for _ in range(3)]
        held = [await peer.request() for peer in peers]
        await asyncio.sleep(1.3)
        assert (server.connections, pool.connections) == (3, 3)
        for peer, asked in zip(peers, held, strict=True):
            peer.answer(asked.stream_id)
        for peer in peers:
            peer.answer((await peer.request()).stream_id)
        assert [(await answer).status for answer in answers] == [200] * 6
        # The first one has room again, so that the others fall idle.
        await eventually(lambda: pool.connections == 1)
        await peers[1].closed()
        await peers[2].closed()
        await serve(peers[0], ask(server, pool))


async def test_a_cold_burst_opens_one_connection(server: ScriptedServer) -> None:
    async with pool_of(server, replace(GROWING, starts_with_one=True, grow_after_s=0.01)) as pool:
        answers = [ask(server, pool) for _ in range(200)]
        peer = await server.accepted()
        first = await peer.request()
        await asyncio.sleep(0.1)
        peer.answer(first.stream_id)
        for _ in range(199):
            peer.answer((await peer.request()).stream_id)
        assert [(await answer).status for answer in answers] == [200] * 200
        assert server.connections == 1


async def test_growing_is_one_at_a_time(server: ScriptedServer) -> None:
    server.greeting = (settings({MAX_STREAMS: 1}),)
    async with pool_of(server, replace(GROWING, grow_after_s=0.0)) as pool:
        answers = [ask(server, pool) for _ in range(50)]
        await server.accepted()
        await asyncio.sleep(0.5)
        assert server.connections == 1
        for answer in answers:
            answer.cancel()


# Signs of life


PINGING = Policy(ping_after_s=0.1, pong_before_use_s=0.2, silent_after_s=0.2)


@pytest.mark.slow
async def test_an_idle_connection_proves_itself_before_use(server: ScriptedServer) -> None:
    async with pool_of(server, PINGING) as pool:
        peer = await opened(server, pool)
        await asyncio.sleep(0.2)
        answer = ask(server, pool)
        ping = await peer.next(PingFrame)
        assert len(peer.began) == 1
        peer.send(PingFrame(0, ping.opaque_data, flags=["ACK"]))
        await serve(peer, answer)
        assert server.connections == 1


@pytest.mark.slow
async def test_one_that_does_not_is_replaced(server: ScriptedServer) -> None:
    async with pool_of(server, PINGING) as pool:
        peer = await opened(server, pool)
        await asyncio.sleep(0.2)
        peer.stop_reading()
        answer = ask(server, pool)
        await serve(await server.accepted(), answer)
        assert len(peer.began) == 1
        assert server.connections == 2


@pytest.mark.slow
async def test_silence_while_answers_are_owed_is_asked_about(server: ScriptedServer) -> None:
    async with pool_of(server, PINGING) as pool:
        peer = await opened(server, pool)
        answer = ask(server, pool)
        asked = await peer.request()
        ping = await peer.next(PingFrame)
        peer.send(PingFrame(0, ping.opaque_data, flags=["ACK"]))
        await peer.sync()
        peer.answer(asked.stream_id)
        assert (await answer).status == 200
        assert pool.is_connected


@pytest.mark.slow
async def test_silence_after_that_ends_the_connection(server: ScriptedServer) -> None:
    async with pool_of(server, PINGING) as pool:
        peer = await opened(server, pool)
        answers = [ask(server, pool) for _ in range(3)]
        await peer.requests(3)
        sentence = f"127.0.0.1:{server.port} does not answer any more"
        for answer in answers:
            error = await failure(answer)
            assert (type(error), error.code, str(error)) == (
                AmbiguousError, "connection_silent", sentence,
            )  # fmt: skip
        await peer.closed()
        answer = ask(server, pool)
        await serve(await server.accepted(), answer)


@pytest.mark.slow
async def test_google_is_never_pinged(server: ScriptedServer) -> None:
    async with pool_of(server, replace(GOOGLE, silent_after_s=0.1)) as pool:
        peer = await opened(server, pool)
        answer = ask(server, pool)
        asked = await peer.request()
        await asyncio.sleep(2.2)
        peer.answer(asked.stream_id)
        assert (await answer).status == 200
        assert not [frame for frame in peer.frames if isinstance(frame, PingFrame)]


@pytest.mark.parametrize("policy", [APPLE, GOOGLE])
async def test_two_timeouts_in_a_row_while_others_are_answered(
    server: ScriptedServer, policy: Policy
) -> None:
    async with pool_of(server, policy) as pool:
        peer = await opened(server, pool)
        late = [ask(server, pool, 0.2), ask(server, pool, 0.2)]
        await peer.requests(2)
        # Heard of, but no answer.
        peer.send(settings())
        assert [(await failure(answer)).code for answer in late] == ["timeout"] * 2
        if policy is GOOGLE:
            answer = ask(server, pool)
            await serve(await server.accepted(), answer)
        else:
            await peer.next(PingFrame)
            await serve(peer, ask(server, pool))


# Replacing


@pytest.mark.slow
async def test_idle_connections_close(server: ScriptedServer) -> None:
    async with pool_of(server, Policy(idle_close_s=0.2)) as pool:
        peer = await opened(server, pool)
        await peer.closed()
        assert not pool.is_connected


@pytest.mark.slow
@pytest.mark.parametrize("policy", [Policy(lifetime_s=2.0), Policy(lifetime_streams=2)])
async def test_old_connections_are_replaced_before_they_go(
    server: ScriptedServer, policy: Policy
) -> None:
    async with pool_of(server, policy) as pool:
        old = await opened(server, pool)
        held = ask(server, pool)
        owed = await old.request()
        # The next one stands before this one takes no more.
        new = await server.accepted()
        await eventually(lambda: not pool._members[0].connection.begun)
        await serve(new, ask(server, pool))
        old.answer(owed.stream_id)
        assert (await held).status == 200
        await old.closed()


@pytest.mark.slow
async def test_a_limit_that_stays_low_is_not_put_up_with(server: ScriptedServer) -> None:
    server.greeting = (settings({MAX_STREAMS: 1}),)
    async with pool_of(server, Policy(low_limit_s=0.5)) as pool:
        old = await opened(server, pool)
        held = ask(server, pool)
        owed = await old.request()
        new = await server.accepted()
        await eventually(lambda: not pool._members[0].connection.begun)
        old.answer(owed.stream_id)
        await held
        await old.closed()
        await serve(new, ask(server, pool))


async def test_a_connection_is_retired_by_its_id(server: ScriptedServer) -> None:
    async with pool_of(server) as pool:
        answer = ask(server, pool)
        old = await server.accepted()
        await serve(old, answer)
        pool.retire((await answer).connection + 1000)
        assert pool.is_connected
        pool.retire((await answer).connection)
        await old.closed()
        again = ask(server, pool)
        await serve(await server.accepted(), again)
        assert (await again).connection != (await answer).connection


# The authorization


async def test_a_connection_keeps_its_authorization(server: ScriptedServer) -> None:
    tokens = ["one"]
    policy = Policy(pinned_s=0.5)
    async with pool_of(server, policy, authorization=lambda: tokens[-1]) as pool:

        def bare() -> Answer:
            request = replace(push(), headers=())
            return server.spawn(pool.request(request, TIMEOUT_S))

        first = bare()
        old = await server.accepted()
        assert await serve(old, first) == ["one"]
        assert (await first).authorization == "one"
        assert "one" not in repr(await first)
        tokens.append("two")
        second = bare()
        new = await server.accepted()
        assert await serve(new, second) == ["two"]
        await old.closed()
        # Later the same connection takes another one.
        await asyncio.sleep(0.5)
        tokens.append("three")
        assert await serve(new, bare()) == ["three"]
        assert server.connections == 2


# After failures


async def test_failures_are_further_and_further_apart(server: ScriptedServer) -> None:
    server.greeting = (goaway(0, 0, b"no"),)
    loop = asyncio.get_running_loop()
    async with pool_of(server) as pool:
        waited = []
        for _ in range(4):
            started = loop.time()
            await failure(ask(server, pool))
            waited.append(loop.time() - started)
        # At once; after 0.25 to 0.5 s; after 0.5 to 1 s; and then they are told at once again,
        # because the pause is too long to wait for.
        assert server.connections <= 4
        assert waited[1] >= 0.2
        assert waited[2] >= 0.4
        before = server.connections
        errors = await asyncio.gather(*(failure(ask(server, pool)) for _ in range(50)))
        assert {str(error) for error in errors} == {f"127.0.0.1:{server.port} said goodbye: no"}
        assert server.connections - before <= 1


async def test_an_answer_ends_the_pauses(server: ScriptedServer) -> None:
    async with pool_of(server) as pool:
        server.greeting = (goaway(0, 0, b"no"),)
        await failure(ask(server, pool))
        await server.accepted()
        server.greeting = (settings(),)
        peer = await opened(server, pool)
        assert pool._backoff.left_s == 0
        peer.abort()
        await eventually(lambda: not pool.is_connected)
        await opened(server, pool)


async def test_a_connection_that_ends_before_any_answer_counts_as_a_failure(
    server: ScriptedServer,
) -> None:
    async with pool_of(server) as pool:
        answer = ask(server, pool)
        peer = await server.accepted()
        await peer.request()
        peer.abort()
        assert isinstance(await failure(answer), AmbiguousError)
        assert 0 < pool._backoff.left_s <= 0.5
        answer = ask(server, pool)
        await serve(await server.accepted(), answer)


async def test_calm_is_a_pause_and_half_as_many_streams(server: ScriptedServer) -> None:
    async with pool_of(server) as pool:
        peer = await opened(server, pool)
        peer.send(goaway(1, CALM))
        await eventually(lambda: not pool.is_connected)
        assert 0 < pool._backoff.left_s <= 1
        answers = [ask(server, pool) for _ in range(60)]
        new = await server.accepted()
        first = await new.requests(50)
        await new.sync()
        assert len(new.began) == 50
        for asked in first:
            new.answer(asked.stream_id)
        for asked in await new.requests(10):
            new.answer(asked.stream_id)
        await asyncio.gather(*answers)


# Names and sockets


NAME = "push.example.com"


async def test_names_are_asked_for_each_connection(ca: ThrowAwayCA) -> None:
    context = ca.server_context(NAME)
    async with (
        ScriptedServer(ca, context).running() as first,
        ScriptedServer(ca, context).running() as second,
    ):
        names = Names({NAME: Found(("127.0.0.1",), first.port)})
        first.route_of(Endpoint(NAME), {})
        async with pool_of(first) as pool:
            pool.route = replace(first.route, lookup=names.lookup)
            peer = await opened(first, pool)
            names.tell(NAME, Found(("127.0.0.1",), second.port))
            peer.close()
            await eventually(lambda: not pool.is_connected)
            answer = first.spawn(pool.request(push(), TIMEOUT_S))
            await serve(await second.accepted(), answer)
            assert len(names.asked) == 2


async def test_a_dead_address_is_overtaken(ca: ThrowAwayCA) -> None:
    async with ScriptedServer(ca, ca.server_context(NAME)).running() as server:
        names = Names({NAME: Found((DEAD_IPV6, "127.0.0.1"), server.port)})
        server.route_of(Endpoint(NAME), {})
        async with pool_of(server) as pool:
            pool.route = replace(server.route, lookup=names.lookup)
            await opened(server, pool)


@pytest.mark.parametrize(
    ("answer", "code"), [(NoSuchName(), "dns_unknown"), (ServerFailure(), "dns_failed")]
)
async def test_a_name_that_fails_is_asked_for_again(
    ca: ThrowAwayCA, answer: NameAnswer, code: str
) -> None:
    async with ScriptedServer(ca, ca.server_context(NAME)).running() as server:
        names = Names()
        names.tell(NAME, answer, Found(("127.0.0.1",), server.port))
        server.route_of(Endpoint(NAME), {})
        async with pool_of(server) as pool:
            pool.route = replace(server.route, lookup=names.lookup)
            failed = await failure(ask(server, pool))
            assert (type(failed), failed.code) == (ConnectError, code)
            await opened(server, pool)


async def test_a_name_server_that_does_not_answer_costs_the_time_for_connecting(
    server: ScriptedServer,
) -> None:
    async with pool_of(server, connect_timeout_s=0.3) as pool:
        names = Names({NAME: NoAnswer(3600)})
        pool.route = replace(server.route, endpoint=Endpoint(NAME), lookup=names.lookup)
        assert (await failure(ask(server, pool))).code == "dns_timeout"


async def test_the_socket_watches_over_itself(server: ScriptedServer) -> None:
    async with pool_of(server) as pool:
        await opened(server, pool)
        (member,) = pool._members
        sock = member.connection._channel.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
