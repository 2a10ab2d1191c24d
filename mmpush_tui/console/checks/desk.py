"""The console's side of the reachability checks: one run at a time, its results as they come."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from mmpush_tui.checks.in_time import in_time
from mmpush_tui.checks.model.report import CheckResult, Report, Verdict, exit_code
from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.settings.desk import SettingsDesk
from mmpush_tui.errors import MmpushError
from mmpush_tui.findings import Severity
from mmpush_tui.tasks import Tasks

if TYPE_CHECKING:
    # The network stack takes a tenth of a second to load, which no first frame need wait for.
    from mmpush_tui.checks.model.target import TargetPlan
    from mmpush_tui.checks.proof.credential_files import CredentialFile
    from mmpush_tui.configuration.config import ProxyConfig
    from mmpush_tui.findings import Finding

DEADLINE_S: Final = 10.0
WATCH_EVERY_S: Final = 30.0
_HISTORY: Final = 50


class Past(NamedTuple):
    """A run that came to its end: when it began, as in its report, and what it came to."""

    at: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksView:
    """What the screens show of the checks.

    Attributes:
        is_running: a run is under way.
        was_cancelled: the last run was stopped before its end.
        plans: the targets of the last or the running run, in order.
        results: what has come of that run, in the order of the wire.
        report: the last run that came to its end; stays until the next one does.
        ended_s: when that was, on the clock that only goes forward.
        problem: why there is nothing to check, as a sentence; or empty.
        is_broken: and that is a fault of the configuration.
        is_watching: runs follow one another.
        history: the runs over everything so far, the latest last.
    """

    is_running: bool = False
    was_cancelled: bool = False
    plans: "tuple[TargetPlan, ...]" = ()
    results: tuple[CheckResult, ...] = ()
    report: Report | None = None
    ended_s: float = 0.0
    problem: str = ""
    is_broken: bool = False
    is_watching: bool = False
    history: tuple[Past, ...] = ()

    @property
    def shown_report(self) -> Report | None:
        """The report over what :attr:`results` holds; None where that is not complete."""
        return None if self.is_running or self.was_cancelled else self.report

    @property
    def failed(self) -> frozenset[str]:
        """The targets that did not pass."""
        return frozenset(r.about for r in self.results if r.severity is Severity.FAIL)

    def of(self, target: str) -> tuple[CheckResult, ...]:
        """Return the results of one target."""
        return tuple(result for result in self.results if result.about == target)

    def status_of(self, target: str) -> Severity | None:
        """Return the worst status of one target in the last complete run; None without any."""
        checks = self.report.checks if self.report is not None else []
        severities = {check.severity for check in checks if check.about == target}
        worst = (Severity.FAIL, Severity.WARN, Severity.PASS)
        return next((status for status in worst if status in severities), None)


class ChecksDesk:
    """Owns the runs of the checks.

    Args:
        options: what the console was started for.
        settings: what gives the page to be checked, read anew first: a run is for seeing it mended.
        on_change: called whenever :attr:`view` has changed.
        on_bug: called with the name and the error of a task that failed.
    """

    def __init__(
        self,
        options: ConsoleOptions,
        settings: SettingsDesk,
        on_change: Callable[[], None],
        on_bug: Callable[[str, BaseException], None],
    ) -> None:
        self.view = ChecksView()
        self._options = options
        self._settings = settings
        self._watching: asyncio.Task[None] | None = None
        self._on_change = on_change
        self._tasks = Tasks(on_bug)
        self._running: asyncio.Task[None] | None = None

    def reconfigure(self, options: ConsoleOptions) -> None:
        """Go by other options from the next run on."""
        self._options = options

    def start(self, wanted: Collection[str] = ()) -> None:
        """Begin a run over ``wanted`` target ids, or over all; a run under way goes on.

        What is known of the targets that are not wanted stays, and counts for the verdict.
        """
        if self.view.is_running:
            return
        self._set(is_running=True, problem="", is_broken=False, was_cancelled=False)
        self._running = self._tasks.spawn("checks", self._run(frozenset(wanted)))

    def toggle_watch(self) -> None:
        """Run again and again from now on, or stop doing so."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
            self._set(is_watching=False)
            return
        self._set(is_watching=True)
        self._watching = self._tasks.spawn("checks-watch", self._watch())

    async def _watch(self) -> None:
        while True:
            self.start()
            await asyncio.sleep(WATCH_EVERY_S)

    def cancel(self) -> None:
        """Stop the run under way."""
        if self._running is not None and self.view.is_running:
            self._running.cancel()
            self._running = None
            self._set(is_running=False, was_cancelled=True)

    async def aclose(self) -> None:
        """Stop what runs."""
        await self._tasks.aclose()

    async def _run(self, wanted: frozenset[str]) -> None:
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DEADLINE_S):
                    await self._settings.refresh()
            config, credentials, log = await in_time(self._load, DEADLINE_S)
            from mmpush_tui.checks.plan.plan import PlanContext, plan_targets
            from mmpush_tui.checks.run import run_checks
            from mmpush_tui.configuration.config import NetworkSettings

            # The demo's stand-ins are on this host, whatever proxy leads out of it.
            environment = {} if self._options.is_demo else os.environ
            settings = self._settings.view
            around = PlanContext(
                licence=settings.licence, environment=environment, log=log, unread=settings.unread
            )
            plans = plan_targets(settings.draft, config, credentials=credentials, around=around)
            chosen = tuple(p for p in plans if p.target in wanted) or plans
            again = {p.target for p in chosen}
            left = {p.target for p in plans} - again
            kept = tuple(r for r in self.view.results if r.about in left)
            self._set(plans=plans, results=kept)
            network = config.network if config else NetworkSettings(connect_to={}, ca_file="")
            report = await run_checks(
                chosen, network=network, deadline_s=DEADLINE_S, on_result=self.take
            )
            self.finish(_together(plans, kept, report))
        except MmpushError as error:
            is_nothing = error.code == "check-nothing"
            # Named, but not readable, is no "nothing was named".
            unread = self._settings.view.unread if is_nothing else ""
            line = unread or error.line()
            self._set(
                problem=_sentence(line), is_broken=bool(unread) or not is_nothing,
                plans=(), results=(), report=None,
            )  # fmt: skip
        self._set(is_running=False)

    def _load(self) -> "tuple[ProxyConfig | None, Mapping[str, CredentialFile], Finding | None]":
        # In a thread, like the files: loading the network stack for the first time takes long.
        from mmpush_tui.checks import mattermost_log
        from mmpush_tui.checks import run as _run  # noqa: F401 - loaded for the next step
        from mmpush_tui.checks.proof import credential_files as credentials
        from mmpush_tui.configuration import config as configuration

        named = self._options.mattermost_config
        log = mattermost_log.of_config(named) if named else None
        if self._options.config is None:
            return None, {}, log
        config = configuration.load(self._options.config)
        return config, credentials.read_credentials(config), log

    def finish(self, report: Report) -> None:
        """Take the report at the end of a run."""
        history = (*self.view.history, Past(report.started_at, report.verdict))[-_HISTORY:]
        self._set(
            report=report, results=tuple(report.checks), ended_s=time.monotonic(), history=history
        )

    def take(self, result: CheckResult) -> None:
        """Take a result as it comes."""
        if self.view.is_running:
            self._set(results=(*self.view.results, result))

    def _set(self, **changes: object) -> None:
        self.view = replace(self.view, **changes)  # type: ignore[arg-type] # names and types are those of ChecksView, given in this module only
        self._on_change()


def _sentence(line: str) -> str:
    """Return ``line`` with a capital, unless it begins with the name of a file."""
    return line[:1].upper() + line[1:] if line.partition(" ")[0].isalpha() else line


def _together(plans: "Sequence[TargetPlan]", kept: Sequence[CheckResult], report: Report) -> Report:
    """Return ``report`` with the results that were kept, and the verdict over all of them."""
    if not kept:
        return report
    from mmpush_tui.checks.run import in_order
    from mmpush_tui.checks.verdict import verdict

    checks = in_order(plans, [*kept, *report.checks])
    return msgspec.structs.replace(
        report, checks=checks, verdict=verdict(plans, checks), exit_code=int(exit_code(checks))
    )
