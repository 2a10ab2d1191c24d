"""How often a sender may ask."""

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy.door.throttle import RateDecision, SharedThrottle, Throttle
from mmpush_tui.text import Secret
from tests.clock import Clock
from tests.waiting import eventually


def test_so_many_a_second_and_then_no_more() -> None:
    clock = Clock(100.25)
    throttle = Throttle(3, 10, clock)
    assert [throttle.take("a").is_allowed for _ in range(4)] == [True] * 3 + [False]
    assert throttle.take("a") == RateDecision(is_allowed=False, reset_s=0.75)
    assert throttle.take("b").is_allowed
    clock.now += 0.75
    assert throttle.take("a").is_allowed


def test_ever_new_senders_share_what_is_left_and_cost_no_memory() -> None:
    throttle = Throttle(3, 10, Clock(1000))
    allowed = sum(throttle.take(f"sender {n}").is_allowed for n in range(10_000))
    assert allowed == 10 + 3
    assert len(throttle._counts) == 11
    assert throttle.take("sender 1").is_allowed


REDIS = shutil.which("redis-server")
# A server that is not ours to bring along; `.ci/run` installs it.
needs_redis = pytest.mark.skipif(
    REDIS is None, reason="redis-server is not installed; on Debian: apt install redis-server"
)


def _start_redis(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    assert REDIS is not None
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command = ["/usr/bin/setpriv", "--pdeathsig", "KILL", REDIS, *words, "--dir", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


Running = tuple[int, "subprocess.Popen[bytes]"]


@contextlib.asynccontextmanager
async def redis(folder: Path, port: int = 0) -> AsyncIterator[Running]:
    if not port:
        with socket.create_server(("127.0.0.1", 0)) as sock:
            port = sock.getsockname()[1]
    process = _start_redis(folder, port)
    try:
        await eventually(lambda: listens(port))
        yield port, process
    finally:
        process.kill()
        process.wait(10)


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def taken(throttle: Throttle | SharedThrottle, sender: str) -> RateDecision:
    decision = throttle.take(sender)
    return decision if isinstance(decision, RateDecision) else await decision


@needs_redis
@pytest.mark.slow
async def test_workers_share_one_limit_in_redis_and_count_alone_without_it(tmp_path: Path) -> None:
    said: list[str] = []
    decisions: list[RateDecision] = []

    async def take_turns(sender: str) -> bool:
        """Return whether exactly ten were let through; not so where they took two seconds."""
        decisions[:] = [await taken(one if n % 2 else two, sender) for n in range(16)]
        return sum(decision.is_allowed for decision in decisions) == 10

    async with redis(tmp_path) as (port, process), contextlib.AsyncExitStack() as stack:
        store = Secret(f"redis://127.0.0.1:{port}/0")
        one, two = (
            SharedThrottle(store, Throttle(10, 100, Clock(1000)), said.append, within_s=30)
            for _ in range(2)
        )
        for throttle in (one, two):
            stack.push_async_callback(throttle.aclose)
        await eventually(lambda: take_turns("a"))
        refused = next(decision for decision in decisions if not decision.is_allowed)
        assert 0 <= refused.reset_s <= 1
        # More at once than the client's pool has connections, and than may wait.
        await asyncio.gather(*(taken(one, f"sender {n % 50}") for n in range(1000)))
        assert said == []
        process.kill()
        process.wait(10)
        assert [(await taken(one, "b")).is_allowed for _ in range(11)] == [True] * 10 + [False]
        assert len(said) == 1
        assert said[0].startswith(
            "the throttle store does not answer, senders are counted here alone: "
        )
        async with redis(tmp_path, port):
            one._away_until = two._away_until = 0
            assert (await taken(one, "c")).is_allowed
            assert said[1:] == ["the throttle store answers again"]
            await eventually(lambda: take_turns("d"))


STORES = ["memcached://x", "redis", "http://127.0.0.1", "redis://[::1"]


@pytest.mark.parametrize("url", STORES)
def test_what_is_no_redis_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SharedThrottle(Secret(f"{url}?password=canary"), Throttle(1, 1), print)
    assert caught.value.what.startswith("ThrottleStore: ")
    assert "canary" not in caught.value.line()
