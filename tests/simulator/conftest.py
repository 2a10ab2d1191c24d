import asyncio
from collections.abc import AsyncIterator

import pytest

from mmpush_tui.simulator.credentials import AppleKey, ServiceAccount
from mmpush_tui.simulator.net.ca import ThrowAwayCA


@pytest.fixture(scope="session")
def ca() -> ThrowAwayCA:
    return ThrowAwayCA()


@pytest.fixture(scope="session")
def apple_key() -> AppleKey:
    return AppleKey.make(1, topics=("com.example.chat",))


@pytest.fixture(scope="session")
def other_key() -> AppleKey:
    return AppleKey.make(2, topics=("com.example.chat",))


@pytest.fixture(scope="session")
def account() -> ServiceAccount:
    return ServiceAccount.make(1, project_id="chat-project")


@pytest.fixture(scope="session")
def other_account() -> ServiceAccount:
    return ServiceAccount.make(2, project_id="other-project")


@pytest.fixture
async def _nothing_left() -> AsyncIterator[None]:
    """Fails a test after which a task or a socket is left, or the loop has seen an error."""
    loop = asyncio.get_running_loop()
    complaints: list[object] = []
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before - {asyncio.current_task()} == set()
    assert complaints == []
