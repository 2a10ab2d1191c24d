"""The console over a running demo, or over workers of its own between the stand-ins."""

import asyncio
import contextlib
import json
import socket
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import tomli_w

from mmpush_tui.console.app import ConsoleApp
from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.terminal.session import Session
from mmpush_tui.console.widgets.frame import KeyLine
from mmpush_tui.simulator.stage import DemoStage
from mmpush_tui.simulator.world import World
from mmpush_tui.watching.client import ControlClient
from tests.console.forms import SMALL, USUAL, WIDE, Bench
from tests.waiting import eventually

__all__ = ["SMALL", "USUAL", "WIDE", "Hosts", "Watch", "demo", "hosts", "received", "watch"]

SESSION = Session(is_remote=False, theme="mmpush", flush_s=0.05, mouse=False)
PATIENCE_S = 40.0


class Watch(Bench):
    """One console, and what a test asks of it."""

    @property
    def keys(self) -> str:
        """The line of keys."""
        return str(self.one("KeyLine", KeyLine).content).strip()

    @property
    def key_words(self) -> set[str]:
        """The keys that are offered, each with its label."""
        return {" ".join(word.split()) for word in self.keys.split("  ")}

    def pane(self, selector: str) -> str:
        """The text of a pane, whole, whatever of it is in sight."""
        return self.text(f"{selector} .pane-text")

    async def status(self) -> dict[str, Any]:
        """Return what the watched worker says of itself, past the console."""
        control = self.app.worker.view.control
        assert control is not None
        async with ControlClient(control) as client:
            return await client.status()

    async def sees(self, *texts: str) -> None:
        """Wait until all of ``texts`` stand on the screen, whatever the wrapping."""
        try:
            await self.until(lambda: all(text in self.words for text in texts))
        except TimeoutError:
            missing = [text for text in texts if text not in self.words]
            raise AssertionError(f"never saw {missing}:\n{self.shown}") from None

    async def goes(self, screen: str) -> None:
        """Go to a screen by its key, as the user does."""
        number = ("overview", "settings", "worker", "checks", "setup").index(screen) + 1
        await self.press(f"f{number}")
        await self.until(lambda: getattr(self.app.screen, "name_", "") == screen)
        await self.until(lambda: bool(self.keys))


@contextlib.asynccontextmanager
async def demo(
    folder: Path, *, screen: str = "worker", size: tuple[int, int] = USUAL, pushes: int = 0
) -> AsyncIterator[tuple[Watch, DemoStage]]:
    """Open the demo's console, with ``pushes`` notifications posted and shown."""
    stage = DemoStage(folder, seed=7, rate_per_s=0)
    options = ConsoleOptions(
        is_demo=True, first_screen=screen, config=stage.config, control=stage.control,
        mattermost_config=stage.mattermost_config, host="push.example.com", keep_folder=folder,
    )  # fmt: skip
    app = ConsoleApp(options, SESSION, stage)
    async with app.run_test(size=size) as pilot:
        console = Watch(app, pilot)
        await console.until(lambda: app.worker.view.status is not None)
        await console.until(lambda: app.settings.view.saved is not None)
        for _ in range(pushes):
            await stage.post_one()
        await console.until(lambda: received(app) >= pushes and app.worker.ring.kept > pushes)
        yield console, stage
    assert stage.failures == []


def received(app: ConsoleApp) -> int:
    """Return how many pushes the worker has received, as far as the console knows."""
    status = app.worker.view.status
    return status.counts.received if status else 0


@dataclass(frozen=True)
class Hosts:
    """Stand-ins for everybody else, and a configuration that leads to them."""

    world: World
    folder: Path
    config: Path
    mattermost_config: Path
    port: int

    @property
    def options(self) -> ConsoleOptions:
        return ConsoleOptions(
            config=self.config, mattermost_config=self.mattermost_config, host="push.example.com",
            first_screen="worker", keep_folder=self.folder,
        )  # fmt: skip

    def change(self, edit: Callable[[dict[str, Any]], None], name: str = "config.toml") -> Path:
        """Write the configuration with a change of ``edit``, to the same file or another one."""
        document = tomllib.loads(self.config.read_text("utf-8"))
        edit(document)
        path = self.folder / name
        path.write_text(tomli_w.dumps(document), encoding="utf-8")
        return path

    async def post(self, count: int = 1) -> None:
        """Post notifications to the worker, and wait until their receipts are through."""
        traffic = self.world.connect(f"http://127.0.0.1:{self.port}")
        assert self.world.mattermost is not None
        for _ in range(count):
            planned = traffic.next()
            await self.world.mattermost.post(planned.session, planned.notification)
        await self.world.settle(5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def hosts(folder: Path) -> AsyncIterator[Hosts]:
    """Start the stand-ins; in the end, end every worker that a test has left."""
    world = World(folder, seed=7)
    await world.start()
    port = free_port()
    mattermost = folder / "mattermost.json"
    found = Hosts(world, folder, world.config, mattermost, port)
    found.change(lambda document: document["proxy"].update(listen_address=f"127.0.0.1:{port}"))
    email = {"SendPushNotifications": True, "PushNotificationServer": f"http://127.0.0.1:{port}"}
    mattermost.write_text(json.dumps({"EmailSettings": email}), encoding="utf-8")
    try:
        yield found
    finally:
        for worker in workers_of(folder):
            worker.kill()
            worker.wait(10)
        await world.aclose()


def workers_of(folder: Path) -> list[psutil.Process]:
    """Return the workers that run on a configuration in ``folder``."""
    return list(_workers_of(folder))


def _workers_of(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            command = process.cmdline()
            if "serve" in command and any(str(folder) in word for word in command):
                yield process


@contextlib.asynccontextmanager
async def watch(
    options: ConsoleOptions, *, screen: str = "worker", size: tuple[int, int] = USUAL
) -> AsyncIterator[Watch]:
    """Open a console that is no demo; a worker it started last is stopped in the end."""
    app = ConsoleApp(replace(options, first_screen=screen), SESSION)
    async with app.run_test(size=size) as pilot:
        console = Watch(app, pilot)
        await console.until(
            lambda: bool(console.app.settings.view.at) or not options.mattermost_config
        )
        await console.until(lambda: bool(console.keys))
        try:
            yield console
        finally:
            if (child := app.worker._child) is not None:
                child.terminate()
                await asyncio.to_thread(child.wait, 20)


async def wait_for(is_true: Callable[[], bool]) -> None:
    """Wait until something holds, outside of any console."""

    async def holds() -> bool:
        return is_true()

    await eventually(holds, PATIENCE_S)
