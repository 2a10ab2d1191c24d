"""The worker's HTTP server: requests in any pieces, limits, a peer that behaves badly, the end."""

import asyncio
import contextlib
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable

import pytest

from mmpush_tui.proxy.door.http1 import ConnectionLimits, IncomingRequest, Reply, query_of
from mmpush_tui.proxy.door.server import HttpServer
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.tasks import Tasks
from tests.waiting import eventually

PATIENT = ConnectionLimits(body_bytes=1000, connections=50)
QUICK = PATIENT._replace(head_s=1.0, body_s=1.0, idle_s=1.0)


class Bench:
    """A server with an application that tells what it was asked."""

    def __init__(self, server: HttpServer, port: int) -> None:
        self.server = server
        self.port = port
        self.asked: list[IncomingRequest] = []
        self.go_on = asyncio.Event()
        self.bugs: list[Exception] = []
        self.troubles: list[str] = []

    def app(self, request: IncomingRequest) -> Reply | Awaitable[Reply]:
        self.asked.append(request)
        match request.path:
            case "/late":
                return self._late()
            case "/bug":
                raise RuntimeError("canary")
            case "/late-bug":
                return self._bug()
            case "/stream":
                return Reply(200, self._parts(), b"text/plain")
            case _:
                words = f"{request.method} {request.path} {len(request.body)}"
                words += " too large" if request.is_too_large else ""
                return Reply(200, words.encode(), b"text/plain")

    async def _late(self) -> Reply:
        await self.go_on.wait()
        return Reply(200, b"late", b"text/plain", ((b"x-more", b"yes"),))

    async def _bug(self) -> Reply:
        await asyncio.sleep(0)
        raise RuntimeError("canary")

    async def _parts(self) -> AsyncIterator[bytes]:
        yield b"one"
        await self.go_on.wait()
        yield b"three"

    async def connect(
        self, tls: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = "localhost" if tls else None
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=tls, server_hostname=name)

    async def say(self, data: bytes) -> bytes:
        """Send ``data`` and return all that comes until the server closes."""
        reader, writer = await self.connect()
        writer.write(data)
        try:
            async with asyncio.timeout(30):
                return await reader.read()
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def serving(
    limits: ConnectionLimits = PATIENT, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Bench]:
    sock = socket.create_server(("127.0.0.1", 0))
    port: int = sock.getsockname()[1]
    bench: Bench

    server = HttpServer(
        lambda request: bench.app(request), sock, lambda error: bench.bugs.append(error),
        limits=limits, tls=tls, on_trouble=lambda words: bench.troubles.append(words),
    )  # fmt: skip
    bench = Bench(server, port)
    tasks = Tasks(lambda _name, error: bench.bugs.append(RuntimeError(repr(error))))
    running = tasks.spawn("serve", server.serve(5))
    await server.accepting.wait()
    try:
        yield bench
    finally:
        bench.go_on.set()
        server.drain()
        async with asyncio.timeout(10):
            await running
        await server.aclose()
    assert server.connections == 0


CLOSE = b"Connection: close\r\n\r\n"


def head(answer: bytes) -> list[str]:
    return [it.lower() for it in answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")]


async def test_answers_with_length_type_and_date() -> None:
    async with serving() as bench:
        answer = await bench.say(b"GET /x HTTP/1.1\r\nHost: h\r\n" + CLOSE)
    assert head(answer)[0] == "http/1.1 200 ok"
    assert "content-length: 8" in head(answer)
    assert "connection: close" in head(answer)
    assert any(line.startswith("date: ") and line.endswith(" gmt") for line in head(answer))
    assert answer.endswith(b"\r\n\r\nGET /x 0")


async def test_a_head_has_no_body() -> None:
    async with serving() as bench:
        answer = await bench.say(b"HEAD /xy HTTP/1.1\r\nHost: h\r\n" + CLOSE)
    assert "content-length: 10" in head(answer)
    assert answer.endswith(b"\r\n\r\n")


POST = b"POST /p?a=1&a=2 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize("size", [1, 2, 7, 50, 500])
async def test_a_request_may_come_in_any_pieces(size: int) -> None:
    async with serving() as bench:
        reader, writer = await bench.connect()
        for start in range(0, len(POST), size):
            writer.write(POST[start : start + size])
            await writer.drain()
            await asyncio.sleep(0)
        assert (await reader.readuntil(b"/p 5")).endswith(b"POST /p 5")
        request = bench.asked[0]
        assert (request.body, request.query) == (b"hello", "a=1&a=2")
        assert query_of(request) == {"a": "2"}
        assert request.header(b"x-a") == b"1, 2"
        assert request.peer == "127.0.0.1"
        assert "hello" not in repr(request)
        writer.close()


async def test_chunks_are_a_body_too() -> None:
    async with serving() as bench:
        answer = await bench.say(
            b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n" + CLOSE
            + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )  # fmt: skip
    assert answer.endswith(b"POST /c 5")


async def test_many_requests_at_once_are_answered_in_their_order() -> None:
    async with serving() as bench:
        reader, writer = await bench.connect()
        writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % n for n in range(100)))
        for n in range(100):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(f"GET /{n} 0")) == f"GET /{n} 0".encode()
        writer.close()


async def test_a_late_answer_holds_up_those_behind_it_and_nobody_else() -> None:
    async with serving() as bench:
        reader, writer = await bench.connect()
        writer.write(b"GET /late HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n" + CLOSE)
        assert (await bench.say(b"GET /1 HTTP/1.1\r\nHost: h\r\n" + CLOSE)).endswith(b"GET /1 0")
        bench.go_on.set()
        answers = await reader.read()
        assert b"x-more: yes\r\n" in answers
        assert answers.index(b"late") < answers.index(b"GET /2 0")
        writer.close()


@pytest.mark.parametrize("path", [b"/bug", b"/late-bug"])
async def test_a_fault_of_ours_is_told_and_answered(path: bytes) -> None:
    async with serving() as bench:
        answer = await bench.say(b"GET %b HTTP/1.1\r\nHost: h\r\n" % path + CLOSE)
        assert head(answer)[0] == "http/1.1 500 internal server error"
        assert b"canary" not in answer
        assert [str(it) for it in bench.bugs] == ["canary"]
        assert (await bench.say(b"GET /1 HTTP/1.1\r\nHost: h\r\n" + CLOSE)).endswith(b"GET /1 0")


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001,
        b"POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999\r\n\r\nx",
        b"POST /big HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1f4\r\n" + b"x" * 500 + b"\r\n" + b"1f5\r\n" + b"x" * 501 + b"\r\n",
        b"POST /big HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\nExpect: 100-continue\r\n\r\n",
    ],
    ids=["length", "absurd length", "chunks", "expect"],
)  # fmt: skip
async def test_a_body_beyond_the_limit_is_answered_at_once(request_: bytes) -> None:
    async with serving() as bench:
        answer = await bench.say(request_)
    assert answer.endswith(b"POST /big 0 too large")
    assert "connection: close" in head(answer)
    assert b"100 Continue" not in answer


async def test_endless_bytes_cost_no_memory_and_end() -> None:
    async with serving() as bench:
        reader, writer = await bench.connect()
        writer.write(b"POST /big HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                await writer.drain()
        assert b"too large" in await reader.read(2000)
        writer.transport.abort()
        await eventually(lambda: no_connections(bench))


async def no_connections(bench: Bench) -> bool:
    return bench.server.connections == 0


async def test_who_expects_it_is_told_to_go_on() -> None:
    async with serving() as bench:
        reader, writer = await bench.connect()
        writer.write(
            b"POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
        )
        writer.write(b"\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hi")
        assert (await reader.readuntil(b"/e 2")).endswith(b"POST /e 2")
        writer.close()


GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"hello\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: two\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
]


@pytest.mark.parametrize("data", GARBAGE)
async def test_what_is_no_request_is_refused(data: bytes) -> None:
    async with serving() as bench:
        answer = await bench.say(data)
        assert head(answer)[0] == "http/1.1 400 bad request"
        assert bench.bugs == []


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-Y: z\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
    ],
    ids=["target", "headers", "header"],
)
async def test_a_head_beyond_measure_is_refused(data: bytes) -> None:
    async with serving() as bench:
        assert head(await bench.say(data))[0].startswith("http/1.1 431")


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [b"", b"POST / HT", b"POST / HTTP/1.1\r\nX:", b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe",
     b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"],
    ids=["nothing", "line", "headers", "body", "idle"],
)  # fmt: skip
async def test_who_is_too_slow_is_let_go_and_others_are_served(data: bytes) -> None:
    async with serving(QUICK) as bench:
        reader, writer = await bench.connect()
        writer.write(data)
        await asyncio.sleep(0.1)
        assert (await bench.say(b"GET /o HTTP/1.1\r\nHost: h\r\n" + CLOSE)).endswith(b"/o 0")
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(20):
                await reader.read()
        writer.close()


@pytest.mark.slow
async def test_drops_now_and_then_do_not_keep_a_connection() -> None:
    async with serving(QUICK) as bench:
        reader, writer = await bench.connect()
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(8):
                for byte in b"POST / HTTP/1.1\r\nX-Slow: " + b"y" * 100:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    if reader.at_eof():
                        break
                    await asyncio.sleep(0.1)
                else:
                    pytest.fail("it was kept")
        writer.close()


async def test_the_idle_make_room_at_the_limit() -> None:
    async with serving(PATIENT._replace(connections=3)) as bench:
        idle = [await bench.connect() for _ in range(3)]
        for reader, writer in idle:
            writer.write(b"GET /i HTTP/1.1\r\nHost: h\r\n\r\n")
            await reader.readuntil(b"/i 0")
        for n in range(5):
            answer = await bench.say(b"GET /%d HTTP/1.1\r\nHost: h\r\n" % n + CLOSE)
            assert answer.endswith(b"GET /%d 0" % n)
        assert bench.server.connections <= 3
        for _, writer in idle:
            writer.close()


async def test_the_busy_do_not_and_the_next_waits() -> None:
    async with serving(PATIENT._replace(connections=2)) as bench:
        busy = [await bench.connect() for _ in range(2)]
        for _, writer in busy:
            writer.write(b"GET /late HTTP/1.1\r\nHost: h\r\n" + CLOSE)
        await eventually(lambda: asked_for(bench, "/late", 2))
        reader, writer = await bench.connect()
        writer.write(b"GET /n HTTP/1.1\r\nHost: h\r\n" + CLOSE)
        await asyncio.sleep(0.2)
        assert [it.path for it in bench.asked] == ["/late", "/late"]
        bench.go_on.set()
        async with asyncio.timeout(10):
            assert (await reader.read()).endswith(b"GET /n 0")
        for _, each in (*busy, (reader, writer)):
            each.close()


@pytest.mark.slow
async def test_without_descriptors_accepting_pauses() -> None:
    async with serving() as bench:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        kept = []
        try:
            used = len(os.listdir("/proc/self/fd"))
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + 11, hard))
            with contextlib.suppress(OSError):
                while True:
                    kept.append(await bench.connect())
            await asyncio.sleep(0.2)
            assert bench.troubles == ["no more connections can be accepted: Too many open files"]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for _, writer in kept:
                writer.close()
        answer = await bench.say(b"GET /after HTTP/1.1\r\nHost: h\r\n" + CLOSE)
        assert answer.endswith(b"GET /after 0")


async def test_a_stream_comes_in_chunks_and_ends_with_its_reader() -> None:
    async with serving() as bench:
        reader, writer = await bench.connect()
        writer.write(b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
        assert b"transfer-encoding: chunked" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(8) == b"3\r\none\r\n"
        bench.go_on.set()
        assert await reader.read() == b"5\r\nthree\r\n0\r\n\r\n"
        writer.close()
        bench.go_on.clear()
        reader, writer = await bench.connect()
        writer.write(b"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n")
        await reader.readuntil(b"one\r\n")
        writer.transport.abort()
        await eventually(lambda: nothing_runs(bench))


async def nothing_runs(bench: Bench) -> bool:
    # What ticks is one of them.
    return len(bench.server.tasks) == 1


async def test_who_hangs_up_before_the_answer_leaves_nothing_behind() -> None:
    async with serving() as bench:
        _reader, writer = await bench.connect()
        writer.write(b"GET /late HTTP/1.1\r\nHost: h\r\n\r\n")
        await eventually(lambda: was_asked(bench))
        writer.transport.abort()
        bench.go_on.set()
        await eventually(lambda: no_connections(bench))
        assert bench.bugs == []


async def was_asked(bench: Bench) -> bool:
    return bool(bench.asked)


async def test_who_closes_its_half_still_gets_its_answer() -> None:
    async with serving() as bench:
        reader, writer = await bench.connect()
        writer.write(b"GET /late HTTP/1.1\r\nHost: h\r\n\r\n")
        writer.write_eof()
        await eventually(lambda: was_asked(bench))
        bench.go_on.set()
        await reader.readuntil(b"late")
        # Kept open like any other that has nothing to do: for 90 s, or until the end.
        bench.server.drain()
        assert await reader.read() == b""
        writer.close()


async def test_at_the_end_what_is_owed_is_answered_and_the_idle_are_let_go() -> None:
    async with serving() as bench:
        idle_reader, idle = await bench.connect()
        idle.write(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
        await idle_reader.readuntil(b"/1 0")
        reader, writer = await bench.connect()
        writer.write(b"GET /late HTTP/1.1\r\nHost: h\r\n\r\n")
        await eventually(lambda: asked_for(bench, "/late"))
        bench.server.drain()
        assert await idle_reader.read() == b""
        with pytest.raises(ConnectionError):
            await eventually(lambda: refuses(bench))
        bench.go_on.set()
        answer = await reader.read()
        assert answer.endswith(b"late")
        assert "connection: close" in head(answer)
        for each in (idle, writer):
            each.close()


async def asked_for(bench: Bench, path: str, times: int = 1) -> bool:
    return sum(request.path == path for request in bench.asked) == times


async def refuses(bench: Bench) -> bool:
    _, writer = await bench.connect()
    writer.close()
    return False


async def test_an_upgrade_is_not_made() -> None:
    async with serving() as bench:
        answer = await bench.say(
            b"GET /u HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        )
        assert head(answer)[0] == "http/1.1 200 ok"
        assert "connection: close" in head(answer)


async def test_speaks_tls_and_changes_its_certificate_while_it_serves() -> None:
    first, second = ThrowAwayCA(), ThrowAwayCA()
    async with serving(tls=first.server_context("localhost", alpn=("http/1.1",))) as bench:

        async def asks(ca: ThrowAwayCA) -> bytes:
            reader, writer = await bench.connect(ca.client_context(alpn=("http/1.1",)))
            writer.write(b"GET /t HTTP/1.1\r\nHost: h\r\n" + CLOSE)
            try:
                return await reader.read()
            finally:
                writer.close()

        assert (await asks(first)).endswith(b"GET /t 0")
        with pytest.raises(ssl.SSLError):
            await asks(second)
        assert bench.server.use_certificate(second.server_context("localhost"))
        assert (await asks(second)).endswith(b"GET /t 0")
        assert not bench.server.use_certificate(None)
        assert b"HTTP" not in await bench.say(b"GET / HTTP/1.1\r\n\r\n")
        assert bench.bugs == []
