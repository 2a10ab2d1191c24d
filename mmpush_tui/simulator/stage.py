"""The demo that goes on until it is closed: the stand-ins, a worker, and steady traffic."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mmpush_tui.simulator.fault_words import WantedFault, parse_fault
from mmpush_tui.tasks import Tasks, beside
from mmpush_tui.watching.process import WorkerProcess

if TYPE_CHECKING:
    from mmpush_tui.simulator.mattermost.rehearsal import MattermostRehearsal
    from mmpush_tui.simulator.traffic import Traffic
    from mmpush_tui.simulator.world import World

RATE_PER_S: Final = 2.5
"""Slow enough that a person can follow single deliveries."""


class DemoStage:
    """Everything around the console in a demo.

    Args:
        folder: where everything is written; the caller removes it.
        seed: phones, ids and traffic follow from it.
        faults: those that are on from the beginning.
        rate_per_s: notifications posted in a second; 0 for :meth:`post_one` alone.
    """

    def __init__(
        self,
        folder: Path,
        seed: int = 1,
        faults: Iterable[WantedFault] = (),
        rate_per_s: float = RATE_PER_S,
    ) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.mattermost_config = folder / "mattermost" / "config.json"
        self.control = folder / "control.sock"
        self.faults: frozenset[str] = frozenset()
        """Names of the faults in force."""
        self.failures: list[str] = []
        """Faults of the stage's own; empty unless there is a bug."""
        self._first_faults = tuple(faults)
        self._rate_per_s = rate_per_s
        self._seed = seed
        self._world: World | None = None
        self._worker: WorkerProcess | None = None
        self._traffic: Traffic | None = None
        self._mattermost: MattermostRehearsal | None = None
        self._opening = asyncio.Lock()
        self._tasks = Tasks(lambda name, error: self.failures.append(f"{name}: {error!r}"))

    async def start(self) -> None:
        """Start the stand-ins and the worker, point Mattermost at it, and begin to post.

        Raises:
            FailedError: the worker did not start.
        """
        # The stand-ins take longer to load than the console to show its first frame.
        from mmpush_tui.simulator.world import World

        self._world = world = World(self.folder, self._seed)
        await world.start()
        self._worker = worker = await WorkerProcess.start(
            self.config, self.control, self.folder / "worker.log", ends_with_us=True
        )
        self.mattermost_config.parent.mkdir()
        self.mattermost_config.write_bytes(self._first_mattermost_config(worker.url))
        self._traffic = world.connect(worker.url)
        for wanted in self._first_faults:
            await world.raise_fault(wanted)
            self.faults |= {wanted.fault.name}
        if self._rate_per_s:
            self._tasks.spawn("traffic", self._post_on())

    async def post_one(self) -> None:
        """Post the next notification and wait until it and its receipt are through."""
        if self._world is not None:
            await self._post()
            await self._world.settle(5)

    async def toggle(self, name: str) -> bool:
        """Switch a fault on or off and return whether it is on now; ``name`` as it is typed.

        Raises:
            UsageError: there is no such fault.
        """
        if self._world is None:
            return False
        wanted = parse_fault(name)
        name = wanted.fault.name
        if name in self.faults:
            await self._world.clear_fault(wanted.fault)
            self.faults -= {name}
            return False
        await self._world.raise_fault(wanted)
        self.faults |= {name}
        return True

    async def mattermost(self) -> "MattermostRehearsal":
        """Return the server that reads :attr:`mattermost_config`; it runs from the first call on.

        Raises:
            MmpushError: it cannot be started.
        """
        async with self._opening:
            if self._mattermost is None:
                server = await beside("mattermost", self._mattermost_made)
                await server.start()
                self._mattermost = server
            return self._mattermost

    async def aclose(self) -> None:
        """End everything: the traffic, the worker, the stand-ins."""
        await self._tasks.aclose()
        if self._mattermost is not None:
            await self._mattermost.aclose()
        if self._worker is not None:
            await self._worker.stop(timeout_s=5)
        if self._world is not None:
            await self._world.aclose()

    def _mattermost_made(self) -> "MattermostRehearsal":
        # Most sessions never need it, and it takes a moment to load.
        from mmpush_tui.simulator.mattermost.rehearsal import MattermostRehearsal

        return MattermostRehearsal(self.mattermost_config.parent)

    def _first_mattermost_config(self, proxy_url: str) -> bytes:
        """Return a config.json as Mattermost writes it, pointing at ``proxy_url``."""
        from mmpush_tui.simulator.mattermost.schema import (
            SOCKET,
            VERSION,
            default_config,
            written,
        )

        document = default_config(VERSION)
        document["TeamSettings"]["SiteName"] = "Example"
        document["EmailSettings"]["PushNotificationServer"] = proxy_url
        document["ServiceSettings"]["EnableLocalMode"] = True
        document["ServiceSettings"]["LocalModeSocketLocation"] = str(
            self.mattermost_config.with_name(SOCKET)
        )
        return written(document)

    async def _post_on(self) -> None:
        started = time.monotonic()
        number = 0
        while True:
            number += 1
            self._tasks.spawn("post", self._post())
            await asyncio.sleep(max(started + number / self._rate_per_s - time.monotonic(), 0))

    async def _post(self) -> None:
        world, traffic = self._world, self._traffic
        if world is not None and traffic is not None and world.mattermost is not None:
            planned = traffic.next()
            await world.mattermost.post(planned.session, planned.notification)
