"""A worker whose standard error nobody reads: it serves, and it ends."""

import asyncio
import contextlib
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from mmpush_tui.proxy.records.log import QUEUE_LIMIT
from mmpush_tui.watching.client import ControlClient
from tests.commands.running import COMMAND
from tests.proxy.vendors import Vendors, notification
from tests.waiting import eventually

pytestmark = pytest.mark.slow

BATCH = 500
REFUSED = b"POST /api/v1/send_push HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nnull"


@pytest.fixture(params=["full", "closed"])
def stderr(request: pytest.FixtureRequest) -> Iterator[int]:
    """A pipe that takes not one byte more, or that nobody is at the other end of."""
    reading, writing = os.pipe()
    if request.param == "full":
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x")
        os.set_blocking(writing, True)
    else:
        os.close(reading)
    yield writing
    os.close(writing)
    if request.param == "full":
        os.close(reading)


@pytest.fixture
async def vendors(short_tmp: Path) -> AsyncIterator[Vendors]:
    async with Vendors(short_tmp) as it:
        it.write(
            it.apple_entry(), throttle_per_sec=1_000_000,
            enable_console_log=True, enable_file_log=True,
            log_file_location=str(short_tmp / "push.log"),
        )  # fmt: skip
        yield it


@contextlib.asynccontextmanager
async def started(vendors: Vendors, stderr: int) -> AsyncIterator[tuple[Process, str, Path]]:
    """Start a worker; yield it, its address and its control socket."""
    control = vendors.folder / "c.sock"
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "serve", "--config", str(vendors.config), "--control", str(control),
        stdin=DEVNULL, stdout=PIPE, stderr=stderr,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        assert line.startswith("listening on http://127.0.0.1:")
        yield process, line.removeprefix("listening on ").strip(), control
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def refuse(url: str, count: int) -> None:
    """Post ``count`` notifications that are none, each of which is a line in the log."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    async with asyncio.timeout(120):
        for _ in range(count // BATCH):
            writer.write(REFUSED * BATCH)
            for _ in range(BATCH):
                await reader.readuntil(b'"FAIL","error":"Failed because of missing server Id"}\n')
    writer.close()
    await writer.wait_closed()


async def post(http: httpx.AsyncClient, url: str, token: str) -> object:
    response = await http.post(f"{url}/api/v1/send_push", content=notification(token))
    return response.json()


async def test_a_worker_whose_log_nobody_reads_serves_and_ends_with_0(
    vendors: Vendors, stderr: int
) -> None:
    token = vendors.phones.add_apple().token
    failed = QUEUE_LIMIT + 2 * BATCH
    async with (
        started(vendors, stderr) as (process, url, control),
        ControlClient(control) as client,
        httpx.AsyncClient(trust_env=False, timeout=30) as http,
    ):
        assert await post(http, url, token) == {"status": "OK"}
        await refuse(url, failed)
        counts = (await client.status())["counts"]
        assert (counts["ok"], counts["failed"]) == (1, failed)
        assert (await client.command("reload"))["reloaded"] is True

        vendors.apple.may_answer.clear()
        async with asyncio.TaskGroup() as group:
            under_way = group.create_task(post(http, url, token))
            await eventually(lambda: is_under_way(client))
            process.terminate()
            await asyncio.sleep(0.2)
            assert process.returncode is None
            vendors.apple.may_answer.set()
            async with asyncio.timeout(30):
                assert await process.wait() == 0
        assert under_way.result() == {"status": "OK"}
        assert not control.exists()
    # What one output does not take is not lost to the other.
    lines = (vendors.folder / "push.log").read_text().splitlines()
    assert any("push FAIL" in line for line in lines)
    assert lines[-1].endswith(" stopped")


async def is_under_way(client: ControlClient) -> bool:
    return bool((await client.status())["in_flight"] == 1)
