"""What tests of several rooms are given: folders, ports that fail in their ways, and proof of
tidiness."""

import asyncio
import contextlib
import gc
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mmpush_tui.simulator.net.ca import ThrowAwayCA
from tests import rights

_OPEN_FILES = Path("/proc/self/fd")
_TIDIED_WITHIN_S = 15.0


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A folder whose path leaves room for a Unix socket's 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="mp-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def open_tmp(short_tmp: Path) -> Path:
    """A folder that every user may enter and read, but not write."""
    short_tmp.chmod(0o755)
    return short_tmp


@pytest.fixture
def without_rights() -> Iterator[None]:
    """Run as somebody who may not do everything, where this is run by somebody who may."""
    with rights.without_rights():
        yield


@pytest.fixture(scope="session")
def ca() -> ThrowAwayCA:
    """An authority for all tests that need none of their own."""
    return ThrowAwayCA()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, but where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A port where the kernel accepts and nobody ever speaks."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose queue is full, so that not even TCP is answered."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket())
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
        yield sock.getsockname()[1]


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Fail a test after which a task or a socket is left, or the loop has seen an error."""
    loop = asyncio.get_running_loop()
    complaints: list[object] = []
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    tasks, sockets = asyncio.all_tasks(), _open_sockets()
    yield
    gc.collect()  # what no test holds any more is closed
    async with asyncio.timeout(_TIDIED_WITHIN_S):
        # A closed transport gives up its socket a few turns later.
        while _open_sockets() > sockets:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)
    assert asyncio.all_tasks() - tasks - {asyncio.current_task()} == set()
    assert complaints == []


def _open_sockets() -> int:
    count = 0
    for name in os.listdir(_OPEN_FILES):
        # The folder was open itself while it was listed.
        with contextlib.suppress(OSError):
            count += os.readlink(_OPEN_FILES / name).startswith("socket:")
    return count
