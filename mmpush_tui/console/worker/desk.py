"""The console's side of a worker: finds it, starts it, watches it, stops it."""

import asyncio
import contextlib
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.worker.log_ring import LogRing
from mmpush_tui.console.worker.recent import Failures, Recent
from mmpush_tui.errors import FailedError, MmpushError, UnreachableError
from mmpush_tui.protocol import paths
from mmpush_tui.protocol.event import Event, timestamp
from mmpush_tui.protocol.status import Status
from mmpush_tui.tasks import Tasks
from mmpush_tui.watching import process
from mmpush_tui.watching.client import ControlClient
from mmpush_tui.watching.cursor import EventCursor
from mmpush_tui.watching.lines import clock
from mmpush_tui.watching.rates import Rates
from mmpush_tui.watching.watcher import Watcher

_LOOK_EVERY_S: Final = 2.0
_STOP_TIMEOUT_S: Final = 35.0
_END_TIMEOUT_S: Final = 5.0
_DESCRIBE_TIMEOUT_S: Final = 1.0


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
        problem: why nothing is heard of it, as a sentence; or empty.
        refusal: why the last order could not be carried out, as a sentence; or empty.
        control: its control socket.
        status: what it last said of itself; None where it is silent.
        listen: where it listens, or listened when it was last heard.
        silent_since: local time of day since which it is lost; or empty.
        others: control sockets of the other workers that run on this host.
        is_ours: this console started it.
    """

    phase: Phase = Phase.NONE
    problem: str = ""
    refusal: str = ""
    control: Path | None = None
    status: Status | None = None
    listen: str = ""
    silent_since: str = ""
    others: tuple[Path, ...] = ()
    is_ours: bool = False

    @property
    def words(self) -> str:
        """The phase and the address in a few words."""
        match self.phase:
            case Phase.NONE if len(self.others) > 1:
                return f"{len(self.others)} workers run"
            case Phase.NONE:
                return "no worker"
            case Phase.LOST:
                return "worker silent"
            case _:
                return f"worker {self.phase.value} {self.listen}".rstrip()

    @property
    def silence(self) -> str:
        """Since when nothing is heard of the worker and why, as a sentence; or empty."""
        if self.phase is not Phase.LOST:
            return ""
        # What can be done about it is said by whoever shows this.
        what = self.problem.partition(". ")[0].removesuffix(".")
        if not self.listen:
            return f"{_capital(what)}."
        what = what.replace(f"the worker at {self.control} ", "it ")
        return f"The worker on {self.listen} is silent since {self.silent_since}: {what}."

    @property
    def trouble(self) -> str:
        """What is wrong with worker or order, as a sentence; or empty."""
        return self.refusal or self.silence


class WorkerDesk:
    """Owns the connection to one worker and what is known of its deliveries.

    Args:
        options: what the console was started for.
        on_change: called whenever :attr:`view` has changed.
        on_bug: called with the name and the error of a task that failed.
    """

    def __init__(
        self,
        options: ConsoleOptions,
        on_change: Callable[[], None],
        on_bug: Callable[[str, BaseException], None],
    ) -> None:
        self.view = WorkerView()
        self.ring = LogRing()
        self.rates = Rates()
        self.recent = Recent()
        self.failures = Failures()
        self._options = options
        self._on_change = on_change
        self._tasks = Tasks(on_bug)
        self._watcher: Watcher | None = None
        self._watching: asyncio.Task[None] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._cursor = EventCursor()
        self._heard = ""

    def begin(self) -> None:
        """Watch the named worker, or look for one that runs, now and from time to time."""
        if self._options.control is not None:
            self.attach(self._options.control)
        else:
            self._tasks.spawn("look-for-worker", self._look())

    def reconfigure(self, options: ConsoleOptions) -> None:
        """Go by other options from now on; the worker that is watched stays."""
        self._options = options

    def attach(self, control: Path) -> None:
        """Watch the worker behind ``control`` from now on."""
        left = self.view.control if self._unwatch() and self.view.status else None
        if control != self.view.control:
            self.ring.clear()
            self.failures = Failures()
            self.recent = Recent()
            self.rates = Rates()
            self._cursor, self._heard = EventCursor(), ""
            self._set(listen="", silent_since="")
        running = dict.fromkeys((*self.view.others, *([left] if left else [])))
        others = tuple(path for path in running if path != control)
        self._set(control=control, phase=Phase.NONE, problem="", status=None, others=others)
        self._watcher = Watcher(control, self.take_events, self.take_status)
        self._watching = self._tasks.spawn("watch-worker", self._watcher.run())

    async def described(self) -> dict[Path, Status | None]:
        """Return the workers that run on this host, each with what it says of itself."""
        controls = await asyncio.to_thread(paths.running_workers)
        async with asyncio.TaskGroup() as group:
            answers = {
                path: group.create_task(_status_of(path), name="describe-worker")
                for path in controls
            }
        return {path: task.result() for path, task in answers.items()}

    async def start(self) -> None:
        """Start a worker from the configuration and watch it; the view says what came of it."""
        if self._options.config is None:
            self._set(refusal="There is no configuration yet. Setup (5) makes one.")
            return
        before = self._unwatch()
        self._set(phase=Phase.STARTING, problem="", refusal="", status=None, listen="")
        try:
            child = await asyncio.to_thread(
                process.start_detached, self._options.config, self._options.worker_log
            )
            self._reap()
            self._child = child
            control = await self._control_of(child.pid)
        except MmpushError as error:
            self._set(phase=Phase.NONE, refusal=_sentence(error))
            if before is not None:
                # Whatever kept the new one from starting may be the old one.
                self.attach(before)
            return
        self.attach(control)

    async def _control_of(self, pid: int) -> Path:
        for path, status in (await self.described()).items():
            if status is not None and status.pid == pid:
                return path
        raise UnreachableError(
            "the worker runs, but its control socket cannot be reached",
            fix=f"Its log is {self._options.worker_log}.",
            code="worker-control-unreachable",
        )

    async def stop(self) -> None:
        """Stop the worker once it has answered what is under way; the view says what came of it."""
        control = self.view.control
        if control is None or self.view.status is None:
            return
        self._set(phase=Phase.STOPPING, refusal="")
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S), ControlClient(control) as client:
                with contextlib.suppress(UnreachableError):
                    await client.command("stop")
                    while True:
                        await client.status()
                        await asyncio.sleep(0.1)
                await self._child_ended()
        except (TimeoutError, FailedError) as error:
            late = "The worker did not stop in time. Its log says what it waits for."
            refusal = _sentence(error) if isinstance(error, FailedError) else late
            # The next status says how it really is.
            self._set(phase=Phase.DRAINING, refusal=refusal)
            return
        self._unwatch()
        self._set(
            phase=Phase.NONE, problem="", status=None, listen="", silent_since="", is_ours=False
        )

    async def _child_ended(self) -> None:
        """Wait until our own worker has left the process table, and its port is free."""
        if (child := self._child) is not None and self.view.is_ours:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_END_TIMEOUT_S):
                    while child.poll() is None:  # noqa: ASYNC110 - a process has no event to wait for
                        await asyncio.sleep(0.02)

    async def reload(self) -> str:
        """Let the worker read its configuration again.

        Returns:
            What came of it, as a sentence; empty where it went wrong and the view says why.
        """
        if self.view.control is None:
            return ""
        try:
            async with ControlClient(self.view.control) as client:
                answer = await client.command("reload")
        except MmpushError as error:
            self._set(refusal=_sentence(error))
            return ""
        if not answer.get("reloaded"):
            why = answer.get("error", "the worker does not say why")
            self._set(refusal=f"Not reloaded, the worker goes on as before: {why}")
            return ""
        kept, disabled = answer.get("kept") or [], answer.get("disabled") or []
        parts = []
        if kept:
            parts.append(f"Old credentials stay for {', '.join(kept)}: the new ones are bad.")
        if disabled:
            parts.append(f"Cannot send: {', '.join(disabled)}.")
        if waiting := ", ".join(map(str, answer.get("restart_for") or ())):
            parts.append(f"These change with the next start: {waiting}.")
        self._set(refusal=" ".join(parts))
        return "Configuration and credentials were read again."

    async def aclose(self) -> None:
        """Stop watching; the worker goes on."""
        await self._tasks.aclose()
        self._reap()

    def _reap(self) -> None:
        """Take a worker of ours that has ended out of the process table."""
        if self._child is not None:
            self._child.poll()

    async def _look(self) -> None:
        """Attach to the one worker that runs, whenever none is watched."""
        while True:
            controls = await asyncio.to_thread(paths.running_workers)
            if self._watching is None and self.view.phase is Phase.NONE and len(controls) == 1:
                self.attach(controls[0])
            watched = self.view.control if self._watching is not None else None
            others = tuple(path for path in controls if path != watched)
            if others != self.view.others:
                self._set(others=others)
            await asyncio.sleep(_LOOK_EVERY_S)

    def take_events(self, events: Sequence[Event]) -> None:
        """Take what the watcher hands over."""
        is_live = self._watcher is not None and self._watcher.is_live
        for event in events:
            if not self._cursor.advance(event):
                # Attached anew to the same worker, which tells all it has kept.
                continue
            self.ring.add(event)
            self.rates.add(event, is_live=is_live)
            self.recent.add(event, is_live=is_live)
            self.failures.add(event)
        self._on_change()

    def take_status(self, status: Status | None, problem: str) -> None:
        """Take what the worker says of itself, or why it says nothing."""
        self._reap()
        if status is not None:
            self._take_status(status)
        elif self.view.phase is Phase.STOPPING:
            # Whoever stops it finds out by himself when it is gone.
            self._set(status=None)
        else:
            since = self.view.silent_since or self._heard or _now()
            self._set(phase=Phase.LOST, problem=problem, status=None, silent_since=since)

    def _take_status(self, status: Status) -> None:
        self._heard = _now()
        phase = self.view.phase
        # What kept an earlier worker from starting is over now.
        refusal = self.view.refusal if phase is Phase.RUNNING else ""
        if phase is not Phase.STOPPING:
            is_draining = status.state in ("draining", "drained")
            phase = Phase.DRAINING if is_draining else Phase.RUNNING
            refusal = self.view.refusal if is_draining else refusal
        self._set(
            phase=phase, problem="", refusal=refusal, status=status, silent_since="",
            listen=status.listen.removeprefix("http://"),
            is_ours=self._child is not None and self._child.pid == status.pid,
        )  # fmt: skip

    def _unwatch(self) -> Path | None:
        """Stop watching, and return which control socket that was."""
        if self._watching is None:
            return None
        if self._watcher is not None:
            self._watcher.end()
        self._watching.cancel()
        self._watching = None
        return self.view.control

    def _set(self, **changes: object) -> None:
        self.view = replace(self.view, **changes)  # type: ignore[arg-type] # names and types are those of WorkerView, given in this module only
        self._on_change()


async def _status_of(control: Path) -> Status | None:
    """Return what a worker says of itself; None where it says nothing soon."""
    try:
        async with asyncio.timeout(_DESCRIBE_TIMEOUT_S), ControlClient(control) as client:
            return msgspec.convert(await client.status(), Status)
    except (TimeoutError, MmpushError, msgspec.ValidationError):
        return None


def _now() -> str:
    return clock(timestamp())[:8]


def _sentence(error: MmpushError) -> str:
    return _capital(error.line())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
