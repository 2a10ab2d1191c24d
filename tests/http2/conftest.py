import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from mmpush_tui.simulator.net.ca import ThrowAwayCA
from tests.http2.scripted import TIMEOUT_S, ScriptedServer

FILES = Path("/proc/self/fd")


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test on both loops: the worker has uvloop, the checks may not."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def _sockets() -> int:
    count = 0
    for name in os.listdir(FILES):
        # The folder was open itself while it was listed.
        with contextlib.suppress(OSError):
            count += os.readlink(FILES / name).startswith("socket:")
    return count


@pytest.fixture(autouse=True)
async def _nothing_left() -> AsyncIterator[None]:
    """Fail a test after which a task or a socket is left, or the loop has seen an error."""
    loop = asyncio.get_running_loop()
    complaints: list[object] = []
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    tasks, sockets = asyncio.all_tasks(), _sockets()
    yield
    gc.collect()
    async with asyncio.timeout(TIMEOUT_S):
        # A closed transport gives up its socket a few turns later.
        while _sockets() > sockets:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)
    assert asyncio.all_tasks() - tasks - {asyncio.current_task()} == set()
    assert complaints == []


@pytest.fixture(scope="session")
def ca() -> ThrowAwayCA:
    return ThrowAwayCA()


@pytest.fixture
async def server(ca: ThrowAwayCA) -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(ca).running() as server:
        yield server
