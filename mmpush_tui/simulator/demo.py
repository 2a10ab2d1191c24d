"""The demo without a screen: everything runs, is counted, and leaves nothing behind."""

import asyncio
import contextlib
import math
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import psutil

from mmpush_tui.errors import MmpushError
from mmpush_tui.exits import Exit
from mmpush_tui.protocol.event import Event
from mmpush_tui.simulator.fault_words import WantedFault
from mmpush_tui.simulator.folder import rehearsal_folder
from mmpush_tui.simulator.mattermost.poster import Tally
from mmpush_tui.simulator.traffic import OPENING, Traffic
from mmpush_tui.simulator.world import World
from mmpush_tui.tasks import Tasks
from mmpush_tui.watching.client import ControlClient
from mmpush_tui.watching.process import WorkerProcess

RATE_PER_S: Final = 12.0
_SETTLE_S: Final = 30.0


class DemoReport(msgspec.Struct, kw_only=True):
    """What a run came to; the JSON of ``demo --headless``, schema 1.

    Attributes:
        seconds: how long notifications were posted.
        sent: notifications posted; the sum of ok, removed, failed and unanswered.
        acknowledged: receipts of phones that the worker matched to their push.
        duplicates: pushes that reached a phone more than once.
        by_platform: the same counts for each platform.
        leftovers: processes, sockets and files that are still there afterwards.
        interrupted: a signal ended it early.
        violations: what Apple or Google would hold against the worker.
    """

    seed: int
    seconds: float = 0.0
    sent: int = 0
    ok: int = 0
    removed: int = 0
    failed: int = 0
    unanswered: int = 0
    acknowledged: int = 0
    duplicates: int = 0
    by_platform: dict[str, dict[str, int]] = {}
    leftovers: list[str] = []
    interrupted: bool = False
    violations: list[str] = []
    schema: int = 1
    kind: str = "demo"

    def to_json(self) -> str:
        """Return the report on one line, the seconds with one decimal."""
        document = msgspec.to_builtins(self)
        document["seconds"] = round(self.seconds, 1)
        head = {"schema": document.pop("schema"), "kind": document.pop("kind")}
        return msgspec.json.encode(head | document).decode()

    @property
    def exit_code(self) -> Exit:
        """0 only where every notification was answered and nothing was left behind."""
        if self.interrupted:
            return Exit.INTERRUPTED
        return Exit.FAILED if self.unanswered or self.leftovers else Exit.OK


class HeadlessDemo:
    """One run of the demo.

    Args:
        seconds: how long notifications are posted, 12 a second; the first five, which get each
            kind of answer, however short it is.
        seed: phones, ids and order of the notifications follow from it.
        faults: those that are on during the middle half of the run.
        on_event: called with each event of the worker.
    """

    def __init__(
        self,
        seconds: float,
        seed: int,
        faults: Iterable[WantedFault] = (),
        on_event: Callable[[Event], None] = lambda _event: None,
    ) -> None:
        self._seconds = seconds
        self._faults = tuple(faults)
        self._on_event = on_event
        self._report = DemoReport(seed=seed)
        self._stop = asyncio.Event()
        self._worker: WorkerProcess | None = None
        self._failures: list[str] = []
        self._tasks = Tasks(lambda name, error: self._failures.append(f"{name}: {error!r}"))

    async def run(self) -> DemoReport:
        """Run it, whole or until SIGINT, SIGTERM or SIGHUP, and return what it came to.

        Raises:
            MmpushError: the worker could not be started, or stopped talking.
        """
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in signals:
            loop.add_signal_handler(number, self._interrupt)
        folder = rehearsal_folder()
        try:
            await self._rehearse(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            for number in signals:
                loop.remove_signal_handler(number)
        self._report.leftovers = leftovers(folder, self._worker)
        return self._report

    def _interrupt(self) -> None:
        if self._report.interrupted and self._worker is not None:
            self._tasks.spawn("kill", self._worker.kill())
        self._report.interrupted = True
        self._stop.set()

    async def _rehearse(self, folder: Path) -> None:
        world = World(folder, self._report.seed)
        try:
            await world.start()
            self._worker = worker = await WorkerProcess.start(
                world.config, folder / "control.sock", folder / "worker.log", ends_with_us=True
            )
            async with ControlClient(worker.control) as client:
                watching = self._tasks.spawn("watch", self._watch(client))
                traffic = world.connect(worker.url)
                await self._post(world, traffic)
                await world.clear_faults()
                await self._tasks_done(watching)
                await world.settle(_SETTLE_S)
                self._count(world, await self._final_status(client))
                await worker.stop()
        finally:
            await self._tasks.aclose()
            if self._worker is not None:
                await self._worker.stop(timeout_s=5)
            await world.aclose()

    async def _post(self, world: World, traffic: Traffic) -> None:
        started = time.monotonic()
        plan = [(self._seconds / 4, wanted) for wanted in self._faults]
        # Counted, not timed: on a busy host the same run still posts the same notifications.
        count = max(math.ceil(self._seconds * RATE_PER_S), len(OPENING))
        for number in range(1, count + 1):
            elapsed = time.monotonic() - started
            for moment, wanted in [item for item in plan if item[0] <= elapsed]:
                plan.remove((moment, wanted))
                await world.raise_fault(wanted)
            if not plan and elapsed > self._seconds * 3 / 4:
                await world.clear_faults()
            planned = traffic.next()
            assert world.mattermost is not None  # noqa: S101 - connected before, for the type checker
            self._tasks.spawn("post", world.mattermost.post(planned.session, planned.notification))
            due = min(started + number / RATE_PER_S, started + self._seconds)
            if await self._stopped_within(due - time.monotonic()):
                break
        self._report.seconds = time.monotonic() - started

    async def _stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0)):
                await self._stop.wait()
        return self._stop.is_set()

    async def _tasks_done(self, watching: asyncio.Task[Any]) -> None:
        """Wait for every post's answer; the watcher goes on."""
        posts = self._tasks.others(watching)
        if posts:
            await asyncio.wait(posts, timeout=_SETTLE_S)

    async def _watch(self, client: ControlClient) -> None:
        with contextlib.suppress(MmpushError):
            async with client.events() as events:
                async for event in events:
                    self._on_event(event)

    async def _final_status(self, client: ControlClient) -> dict[str, Any]:
        try:
            return await client.status()
        except MmpushError:
            # Killed by a second signal; what Mattermost saw still counts.
            return {"counts": {}, "targets": []}

    def _count(self, world: World, status: dict[str, Any]) -> None:
        report = self._report
        assert world.mattermost is not None  # noqa: S101 - connected before, for the type checker
        total = world.mattermost.total
        report.sent, report.ok, report.removed = total.sent, total.ok, total.removed
        report.failed, report.unanswered = total.failed, total.unanswered
        report.acknowledged = status["counts"].get("acknowledged", 0)
        report.duplicates = world.phones.duplicates
        report.violations = [*world.violations, *world.failures, *self._failures]
        acknowledged = {
            target["type"]: target.get("counts", {}).get("acknowledged", 0)
            for target in status["targets"]
        }
        for platform in ("apple_rn", "android_rn"):
            tally = world.mattermost.by_platform.get(platform, Tally())
            report.by_platform[platform] = tally.to_dict() | {
                "acknowledged": acknowledged.get(platform, 0)
            }


def leftovers(folder: Path, worker: WorkerProcess | None) -> list[str]:
    """Return what is still there of a run: processes, the folder, the worker's port."""
    left = [
        f"process {child.pid}"
        for child in psutil.Process().children(recursive=True)
        if child.is_running() and child.status() != psutil.STATUS_ZOMBIE
    ]
    if folder.exists():
        left.append(f"folder {folder}")
    if worker is not None:
        if worker.is_running:
            left.append(f"worker {worker.pid}")
        address = urlsplit(worker.url)
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((address.hostname or "", address.port or 0)) == 0:
                left.append(f"port {address.port}")
    return left
