"""The throttle where the store that workers share does not do what it should."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isawaitable

import pytest

from mmpush_tui.proxy.door.gate import Gate
from mmpush_tui.proxy.door.http1 import IncomingRequest
from mmpush_tui.proxy.door.throttle import SharedThrottle, Throttle
from mmpush_tui.text import Secret
from tests.clock import Clock
from tests.proxy.settings import default_config

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Store:
    """What listens where Redis should, and how many connected."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.connected = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        with contextlib.suppress(ConnectionError):
            await self.talk(reader, writer)
        writer.close()


@contextlib.asynccontextmanager
async def store(talk: Talk) -> AsyncIterator[Store]:
    it = Store(talk)
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    async with server:
        yield it


async def says_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def hangs_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def knows_another_password(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while await reader.read(4096):
        writer.write(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")


async def speaks_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4096)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read()


def shared(port: int, complain: Callable[[str], None], within_s: float) -> SharedThrottle:
    url = Secret(f"redis://:canary@127.0.0.1:{port}/0")
    return SharedThrottle(url, Throttle(2, 100, Clock()), complain, within_s)


async def allowed(throttle: SharedThrottle, sender: str, times: int) -> list[bool]:
    return [(await throttle.take(sender)).is_allowed for _ in range(times)]


@pytest.mark.parametrize("talk", [says_nothing, hangs_up, knows_another_password, speaks_http])
async def test_a_store_that_does_not_count_is_done_without(talk: Talk) -> None:
    said: list[str] = []
    async with store(talk) as it:
        # Only the one that says nothing is not waited for.
        throttle = shared(it.port, said.append, 0.1 if talk is says_nothing else 30)
        async with asyncio.timeout(60):
            assert (await throttle.take("a")).is_allowed
        connected = it.connected
        assert await allowed(throttle, "b", 3) == [True, True, False]
        assert it.connected == connected
        await throttle.aclose()
    assert len(said) == 1
    assert said[0].startswith("the throttle store does not answer, senders are counted here alone")
    assert "canary" not in said[0]
    assert (talk is says_nothing) is said[0].endswith(": nothing came within 0.1 s")


async def test_one_request_alone_finds_out_whether_the_store_is_back() -> None:
    said: list[str] = []
    async with store(says_nothing) as it:
        throttle = shared(it.port, said.append, 0.1)
        await throttle.take("a")
        assert it.connected == 1
        throttle._away_until = 0
        await asyncio.gather(*(throttle.take(f"sender {n}") for n in range(20)))
        assert it.connected == 2
        await throttle.aclose()
    assert len(said) == 1


def test_without_its_client_redis_cannot_be_used_and_that_is_said() -> None:
    script = (
        "import sys; sys.modules['redis'] = None\n"
        "from mmpush_tui.errors import ConfigError\n"
        "from mmpush_tui.proxy.door.throttle import SharedThrottle, Throttle\n"
        "from mmpush_tui.text import Secret\n"
        "try: SharedThrottle(Secret('redis://127.0.0.1/0'), Throttle(1, 1), print)\n"
        "except ConfigError as error: print(error.line())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == (
        "ThrottleStore: Redis cannot be used: its client is not installed. "
        "pip install 'mmpush-tui[redis]'\n"
    )


async def test_where_a_store_is_set_it_counts() -> None:
    config = default_config(throttle_store=Secret("redis://127.0.0.1:1/0"))
    gate = Gate.from_config(config, print)
    # Only a store has to be waited for.
    waiting = gate.admit(IncomingRequest("127.0.0.1"), is_counted=True, is_open=True)
    assert isawaitable(waiting)
    assert await waiting == ""
    await gate.aclose()
