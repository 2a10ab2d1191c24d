"""The console's side of the reachability checks: one run at a time, its results as they come."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mmpush_tui.checks.report import CheckResult, Report, Status
from mmpush_tui.console.place import Place
from mmpush_tui.errors import MmpushError
from mmpush_tui.settings.page import Page
from mmpush_tui.tasks import Tasks

if TYPE_CHECKING:
    # The network stack takes a tenth of a second to load, which no first frame need wait for.
    from mmpush_tui.checks.credentials import Credential
    from mmpush_tui.checks.target import TargetPlan
    from mmpush_tui.proxy.config import ProxyConfig

DEADLINE_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksView:
    """What the screens show of the checks.

    Attributes:
        is_running: a run is under way.
        plans: the targets of the last or the running run, in order.
        results: by id, those that have come.
        report: the last complete run; None before the first and while one runs.
        problem: why there is nothing to check, as a sentence; or empty.
        was_cancelled: the last run was stopped before its end.
    """

    is_running: bool = False
    plans: "tuple[TargetPlan, ...]" = ()
    results: tuple[CheckResult, ...] = ()
    report: Report | None = None
    problem: str = ""
    was_cancelled: bool = False

    def of(self, target: str) -> tuple[CheckResult, ...]:
        """Return the results of one target."""
        return tuple(result for result in self.results if result.target == target)

    def status_of(self, target: str) -> Status | None:
        """Return the worst status of one target; None where it was not checked."""
        found = [result.status for result in self.of(target)]
        for status in (Status.FAIL, Status.WARN, Status.PASS):
            if status in found:
                return status
        return None


class ChecksDesk:
    """Owns the runs of the checks.

    Args:
        place: what the console was started for.
        page: returns the settings page to be checked, or None.
        on_change: called whenever :attr:`view` has changed.
        on_bug: called with the name and the error of a task that failed.
    """

    def __init__(
        self,
        place: Place,
        page: Callable[[], Page | None],
        on_change: Callable[[], None],
        on_bug: Callable[[str, BaseException], None],
    ) -> None:
        self.view = ChecksView()
        self.place = place
        self._page = page
        self._on_change = on_change
        self._tasks = Tasks(on_bug)
        self._running: asyncio.Task[None] | None = None

    def start(self, wanted: Sequence[str] = ()) -> None:
        """Begin a run over ``wanted`` target ids, or over all; a run under way goes on."""
        if not self.view.is_running:
            self._set(is_running=True, problem="", was_cancelled=False)
            self._running = self._tasks.spawn("checks", self._run(tuple(wanted)))

    def start_failed(self) -> None:
        """Begin a run over the targets that did not pass the last time."""
        failed = {r.target for r in self.view.results if r.status is Status.FAIL}
        if failed:
            self.start([plan.target for plan in self.view.plans if plan.target in failed])

    def cancel(self) -> None:
        """Stop the run under way."""
        if self._running is not None and self.view.is_running:
            self._running.cancel()

    async def aclose(self) -> None:
        """Stop what runs."""
        await self._tasks.aclose()

    async def _run(self, wanted: tuple[str, ...]) -> None:
        try:
            config, found = await asyncio.to_thread(self._load)
            from mmpush_tui.checks.plan import plan
            from mmpush_tui.checks.run import run
            from mmpush_tui.proxy.config import NetworkSettings

            chosen = plan(self._page(), config, credentials=found)
            chosen = tuple(p for p in chosen if not wanted or p.target in wanted)
            self._set(plans=chosen, results=(), report=None)
            network = config.network if config else NetworkSettings(connect_to={}, ca_file="")
            report = await run(chosen, network=network, deadline_s=DEADLINE_S, on_result=self.take)
            self.finish(report)
        except MmpushError as error:
            self._set(problem=error.line(), plans=(), results=(), report=None)
        except asyncio.CancelledError:
            self._set(was_cancelled=True)
            raise
        finally:
            self._set(is_running=False)

    def _load(self) -> "tuple[ProxyConfig | None, Mapping[str, Credential]]":
        # In a thread, like the files: loading the network stack for the first time takes long.
        from mmpush_tui.checks import credentials
        from mmpush_tui.checks import run as _run  # noqa: F401 - loaded for the next step
        from mmpush_tui.proxy import config as configuration

        if self.place.config is None:
            return None, {}
        config = configuration.load(self.place.config)
        return config, credentials.read(config)

    def finish(self, report: Report) -> None:
        """Take the report at the end of a run."""
        self._set(report=report, results=tuple(report.checks))

    def take(self, result: CheckResult) -> None:
        """Take a result as it comes."""
        self._set(results=(*self.view.results, result))

    def _set(self, **changes: object) -> None:
        self.view = replace(self.view, **changes)  # type: ignore[arg-type] # names and types are those of ChecksView, given in this module only
        self._on_change()
