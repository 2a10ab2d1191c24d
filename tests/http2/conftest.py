import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from mmpush_tui.simulator.net.ca import ThrowAwayCA
from tests.http2.scripted import ScriptedServer


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every test on both loops: the worker has uvloop, the checks may not."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> None:
    """Hold every test with a loop to it."""
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("nothing_left")


@pytest.fixture
async def server(ca: ThrowAwayCA) -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(ca).running() as server:
        yield server
