"""The console's side of a worker: finds it, starts it, watches it, stops it."""

import asyncio
import contextlib
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from mmpush_tui.console.log_ring import LogRing
from mmpush_tui.console.place import Place
from mmpush_tui.errors import FailedError, MmpushError, UnreachableError
from mmpush_tui.proxy import paths, process
from mmpush_tui.proxy.events import Event
from mmpush_tui.proxy.rates import Rates
from mmpush_tui.proxy.watch import Status, Watcher
from mmpush_tui.tasks import Tasks

_FAILURES: Final = 5
_LOOK_EVERY_S: Final = 2.0
_STOP_TIMEOUT_S: Final = 35.0


class Phase(StrEnum):
    """Where the worker stands, as the console sees it."""

    NONE = "none"
    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPING = "stopping"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerView:
    """What the screens show of the worker.

    Attributes:
        phase: where it stands.
        problem: why it could not be started, reached or obeyed, as a sentence; or empty.
        control: its control socket.
        status: what it last said of itself.
        is_ours: this console started it.
    """

    phase: Phase = Phase.NONE
    problem: str = ""
    control: Path | None = None
    status: Status | None = None
    is_ours: bool = False

    @property
    def words(self) -> str:
        """The phase and the address in a few words."""
        listen = self.status.listen.removeprefix("http://") if self.status else ""
        match self.phase:
            case Phase.NONE:
                return "no worker"
            case Phase.LOST:
                return "worker gone"
            case _:
                return f"worker {self.phase.value} {listen}".rstrip()


class WorkerDesk:
    """Owns the connection to one worker and what is known of its deliveries.

    Args:
        place: what the console was started for.
        on_change: called whenever :attr:`view` has changed.
        on_bug: called with the name and the error of a task that failed.
    """

    def __init__(
        self,
        place: Place,
        on_change: Callable[[], None],
        on_bug: Callable[[str, BaseException], None],
    ) -> None:
        self.view = WorkerView()
        self.ring = LogRing()
        self.rates = Rates()
        self.failures: deque[Event] = deque(maxlen=_FAILURES)
        """The latest deliveries that failed, the newest last."""
        self.place = place
        self._on_change = on_change
        self._tasks = Tasks(on_bug)
        self._watcher: Watcher | None = None
        self._watching: asyncio.Task[None] | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Watch the named worker, or look for one that runs, now and from time to time."""
        if self.place.control is not None:
            self.attach(self.place.control)
        else:
            self._tasks.spawn("look-for-worker", self._look())

    def attach(self, control: Path) -> None:
        """Watch the worker behind ``control`` from now on."""
        if self._watching is not None:
            self._watching.cancel()
        if control != self.view.control:
            self.ring.clear()
            self.failures.clear()
            self.rates = Rates()
        self._set(control=control, problem="", status=None)
        self._watcher = Watcher(control, self.take_events, self.take_status)
        self._watching = self._tasks.spawn("watch-worker", self._watcher.run())

    @staticmethod
    async def running() -> list[Path]:
        """Return the control sockets of the workers that run on this host."""
        return await asyncio.to_thread(paths.running)

    async def start(self) -> None:
        """Start a worker from the configuration and watch it; the view says what came of it."""
        if self.place.config is None:
            self._set(problem="There is no configuration yet. Setup (5) makes one.")
            return
        before = set(await self.running())
        self._set(phase=Phase.STARTING, problem="")
        try:
            self._child = await asyncio.to_thread(
                process.start_detached, self.place.config, self.place.worker_log
            )
            control = await self._new_control(before)
        except MmpushError as error:
            self._set(phase=Phase.NONE, problem=error.line())
            return
        self._set(is_ours=True)
        self.attach(control)

    async def _new_control(self, before: set[Path]) -> Path:
        found = [path for path in await self.running() if path not in before]
        if not found:
            raise UnreachableError(
                "the worker runs, but its control socket cannot be reached",
                fix=f"Its log is {self.place.worker_log}.",
            )
        return found[0]

    async def stop(self) -> None:
        """Stop the worker once it has answered what is under way; the view says what came of it."""
        control = self.view.control
        if control is None or self.view.status is None:
            return
        self._set(phase=Phase.STOPPING, problem="")
        from mmpush_tui.proxy.client import ControlClient

        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S), ControlClient(control) as client:
                with contextlib.suppress(UnreachableError):
                    await client.command("stop")
                    while self.view.phase is not Phase.LOST:
                        await client.status()
                        await asyncio.sleep(0.1)
        except TimeoutError:
            self._set(problem="The worker did not stop in time. Its log says what it waits for.")
            return
        except FailedError as error:
            self._set(problem=error.line())
            return
        self._ended()

    async def reload(self) -> str:
        """Let the worker read its configuration again and return what came of it."""
        if self.view.control is None:
            return "There is no worker to reload."
        from mmpush_tui.proxy.client import ControlClient

        try:
            async with ControlClient(self.view.control) as client:
                answer = await client.command("reload")
        except MmpushError as error:
            return error.line()
        if not answer.get("reloaded"):
            return f"Nothing changed: {answer.get('error', 'the worker does not say why')}"
        kept, disabled = answer.get("kept") or [], answer.get("disabled") or []
        parts = ["Configuration and credentials were read again."]
        if kept:
            parts.append(f"Old credentials stay for {', '.join(kept)}: the new ones are bad.")
        if disabled:
            parts.append(f"Cannot send: {', '.join(disabled)}.")
        if answer.get("needs_restart"):
            parts.append("The listen address changes with the next start.")
        return " ".join(parts)

    async def aclose(self) -> None:
        """Stop watching; the worker goes on."""
        await self._tasks.aclose()

    async def _look(self) -> None:
        """Attach to the one worker that runs, whenever none is watched."""
        while True:
            if self._watching is None and self.view.phase is Phase.NONE:
                self._attach_to_the_one(await self.running())
            await asyncio.sleep(_LOOK_EVERY_S)

    def _attach_to_the_one(self, found: Sequence[Path]) -> None:
        if len(found) == 1:
            self.attach(found[0])
        elif len(found) > 1 and not self.view.problem:
            self._set(problem=f"{len(found)} workers run here. Press a to choose one.")

    def take_events(self, events: Sequence[Event]) -> None:
        """Take what the watcher hands over."""
        is_live = self._watcher is not None and self._watcher.is_live
        for event in events:
            self.ring.add(event)
            self.rates.add(event, is_live=is_live)
            if event.kind == "delivery" and event.status == "FAIL":
                self.failures.append(event)
        self._on_change()

    def take_status(self, status: Status | None, problem: str) -> None:
        """Take what the worker says of itself, or why it says nothing."""
        if self._child is not None:
            self._child.poll()
        if status is None:
            if self.view.phase is Phase.STOPPING:
                self._ended()
            elif self.view.phase is not Phase.NONE:
                self._set(phase=Phase.LOST, problem=problem, status=None)
            else:
                self._set(problem=problem, status=None)
            return
        phase = self.view.phase
        if phase is not Phase.STOPPING:
            is_draining = status.state in ("draining", "drained")
            phase = Phase.DRAINING if is_draining else Phase.RUNNING
        self._set(phase=phase, problem="", status=status)

    def _ended(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        self._set(phase=Phase.NONE, problem="", status=None, is_ours=False)
        if self._child is not None:
            self._child.poll()

    def _set(self, **changes: object) -> None:
        self.view = replace(self.view, **changes)  # type: ignore[arg-type] # names and types are those of WorkerView, given in this module only
        self._on_change()
