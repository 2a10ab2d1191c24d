"""A worker process between the stand-ins, for the tests that need all of it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from mmpush_tui.simulator.mattermost.poster import PhoneSession
from mmpush_tui.simulator.phones import Phone
from mmpush_tui.simulator.world import World
from mmpush_tui.watching.client import ControlClient
from mmpush_tui.watching.process import WorkerProcess


@dataclass
class Rehearsal:
    """Everything a test can pull at."""

    world: World
    worker: WorkerProcess
    client: ControlClient
    folder: Path
    http: httpx.AsyncClient

    async def post(self, body: bytes, path: str = "/api/v1/send_push") -> dict[str, Any]:
        """Post a raw body and return the JSON answer, which always comes with a 200."""
        response = await self.http.post(self.worker.url + path, content=body)
        assert response.status_code == 200
        answer: dict[str, Any] = response.json()
        return answer

    async def push(self, phone: Phone | str, **fields: Any) -> dict[str, Any]:
        """Post a notification to a phone, as Mattermost would."""
        device_id = phone if isinstance(phone, str) else f"{phone.platform}-v2:{phone.token}"
        mattermost = self.world.mattermost
        assert mattermost is not None
        fields = {"type": "message", "version": "v2", "message": "hello"} | fields
        notification = mattermost.compose(PhoneSession(device_id, device_id), **fields)
        return await self.post(msgspec.json.encode(notification))

    def log(self) -> str:
        """Return what the worker wrote to standard error so far."""
        return (self.folder / "worker.log").read_text()


@contextlib.asynccontextmanager
async def rehearsal(folder: Path, **options: Any) -> AsyncIterator[Rehearsal]:
    """Start the stand-ins and a worker; end both, whatever the test did."""
    world = World(folder)
    await world.start()
    try:
        worker = await WorkerProcess.start(
            world.config, folder / "c.sock", folder / "worker.log", ends_with_us=True, **options
        )
        try:
            world.connect(worker.url)
            async with (
                ControlClient(worker.control) as client,
                httpx.AsyncClient(trust_env=False, timeout=30) as http,
            ):
                yield Rehearsal(world, worker, client, folder, http)
        finally:
            await worker.stop(timeout_s=10)
    finally:
        await world.aclose()
    assert world.violations == []
    assert world.failures == []
