"""What becomes of a worker's Unix sockets when it ends, a successor's among them."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from mmpush_tui.protocol.paths import is_alive
from mmpush_tui.proxy.door.listen import bind_unix, remover
from mmpush_tui.watching.client import ControlClient
from mmpush_tui.watching.process import WorkerProcess
from tests.proxy.vendors import Vendors, notification
from tests.waiting import eventually


@pytest.fixture
async def vendors(short_tmp: Path) -> AsyncIterator[Vendors]:
    async with Vendors(short_tmp) as it:
        it.write(it.apple_entry())
        yield it


@contextlib.asynccontextmanager
async def worker_at(
    vendors: Vendors, incoming: Path, control: Path
) -> AsyncIterator[WorkerProcess]:
    worker = await WorkerProcess.start(
        vendors.config, control, vendors.folder / "worker.log", listen=f"unix:{incoming}",
        ends_with_us=True,
    )  # fmt: skip
    try:
        yield worker
    finally:
        await worker.stop(timeout_s=10)


async def answers(incoming: Path) -> bool:
    transport = httpx.AsyncHTTPTransport(uds=str(incoming))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as http:
        return (await http.get("/version")).status_code == 200


async def pid_at(control: Path) -> int:
    async with ControlClient(control) as client:
        return int((await client.status())["pid"])


@pytest.mark.slow
async def test_a_worker_that_ends_removes_its_sockets(vendors: Vendors, short_tmp: Path) -> None:
    incoming, control = short_tmp / "in.sock", short_tmp / "c.sock"
    async with worker_at(vendors, incoming, control) as worker:
        assert await answers(incoming)
        assert await pid_at(control) == worker.pid
        assert await worker.stop(timeout_s=20) == 0
        assert not incoming.exists()
        assert not control.exists()


@pytest.mark.slow
async def test_a_worker_that_ends_leaves_the_sockets_of_its_successor(
    vendors: Vendors, short_tmp: Path
) -> None:
    incoming, control = short_tmp / "in.sock", short_tmp / "c.sock"
    async with worker_at(vendors, incoming, control) as old:
        incoming.unlink()
        control.unlink()
        async with worker_at(vendors, incoming, control) as new:
            assert await old.stop(timeout_s=20) == 0
            assert await answers(incoming)
            assert await pid_at(control) == new.pid
            assert await new.stop(timeout_s=20) == 0
    assert not incoming.exists()
    assert not control.exists()


@pytest.mark.slow
async def test_a_worker_that_drains_leaves_the_socket_that_a_successor_takes_meanwhile(
    vendors: Vendors, short_tmp: Path
) -> None:
    incoming = short_tmp / "in.sock"
    vendors.write(vendors.apple_entry(), send_timeout_sec=25, retry_timeout_sec=25)
    vendors.apple.may_answer.clear()
    async with (
        worker_at(vendors, incoming, short_tmp / "old.sock") as old,
        ControlClient(old.control) as client,
        asyncio.TaskGroup() as group,
    ):
        push = group.create_task(pushed(incoming, vendors.phones.add_apple().token))
        await eventually(lambda: has(client, "in_flight", 1))
        os.kill(old.pid, signal.SIGTERM)

        async def is_free() -> bool:
            return not is_alive(incoming)

        await eventually(is_free)
        # It takes nothing any more, so its socket is dead and may be replaced.
        async with worker_at(vendors, incoming, short_tmp / "new.sock") as new:
            assert await has(client, "in_flight", 1)
            vendors.apple.may_answer.set()
            assert await old.wait(20) == 0
            assert await push == {"status": "OK"}
            assert await answers(incoming)
            assert await new.stop(timeout_s=20) == 0
    assert not incoming.exists()


async def has(client: ControlClient, key: str, value: object) -> bool:
    return bool((await client.status())[key] == value)


async def pushed(incoming: Path, token: str) -> object:
    transport = httpx.AsyncHTTPTransport(uds=str(incoming))
    async with httpx.AsyncClient(transport=transport, base_url="http://worker", timeout=30) as http:
        response = await http.post("/api/v1/send_push", content=notification(token))
    return response.json()


def test_removes_the_socket_that_it_is_for(short_tmp: Path) -> None:
    path = short_tmp / "c.sock"
    with bind_unix(path, 0o600):
        remove = remover(path)
        remove()
    assert not path.exists()


def test_leaves_a_socket_that_was_bound_while_the_first_still_listened(short_tmp: Path) -> None:
    path = short_tmp / "c.sock"
    with bind_unix(path, 0o600):
        remove = remover(path)
        path.unlink()
        with bind_unix(path, 0o600):
            remove()
            assert is_alive(path)


def test_leaves_a_socket_that_was_bound_after_the_first_was_closed(short_tmp: Path) -> None:
    path = short_tmp / "c.sock"
    with bind_unix(path, 0o600):
        remove = remover(path)
    # Nobody listens, so this one replaces the file; many file systems give out the first one's
    # number again.
    with bind_unix(path, 0o600):
        remove()
        assert is_alive(path)


@pytest.mark.parametrize("left", ["nothing", "a file", "a file for a folder"])
def test_leaves_what_is_no_socket_of_its_own(short_tmp: Path, left: str) -> None:
    folder = short_tmp / "workers"
    folder.mkdir()
    path = folder / "c.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        remove = remover(path)
        path.unlink()
        if left == "a file":
            path.write_text("precious")
        elif left == "a file for a folder":
            folder.rmdir()
            folder.write_text("precious")
        remove()
    assert [found.read_text() for found in short_tmp.rglob("*") if found.is_file()] == (
        [] if left == "nothing" else ["precious"]
    )
