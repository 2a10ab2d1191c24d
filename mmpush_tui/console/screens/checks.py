"""The reachability checks: the verdict first, then what was found in the order of the wire."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Final

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mmpush_tui.checks import report as reports
from mmpush_tui.checks.report import CheckResult, Report, Status
from mmpush_tui.console.actions import bindings
from mmpush_tui.console.checks_desk import DEADLINE_S, ChecksView
from mmpush_tui.console.keep import keep
from mmpush_tui.console.safe import Part, content, spread
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.widgets.frame import MARKS, Spread
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.proxy.lines import clock

_MARKS: Final = {
    Status.PASS: MARKS["ok"],
    Status.WARN: MARKS["warn"],
    Status.FAIL: MARKS["fail"],
    Status.SKIP: ("skip", "$quiet"),
}
_VERDICTS: Final = {
    Status.PASS: (" GOOD ", "bold $success"),
    Status.WARN: (" WARN ", "bold $warning"),
    Status.FAIL: (" FAIL ", "bold $error"),
    Status.SKIP: (" SKIP ", "bold"),
}


class ChecksScreen(ConsoleScreen):
    """Runs the checks and shows what came of them."""

    name_ = "checks"
    BINDINGS: ClassVar[Any] = bindings("checks")
    AUTO_FOCUS = "#checks-list"

    def body(self) -> Iterable[Widget]:
        """Make the verdict, the list and the pane for evidence."""
        yield Spread(id="checks-head", classes="head")
        yield Plain(id="checks-verdict")
        yield OptionList(id="checks-list", compact=True, markup=False)
        with VerticalScroll(id="checks-evidence", can_focus=False):
            yield Plain(id="checks-evidence-text")

    def draw(self, topics: frozenset[str]) -> None:
        """Show the run as far as it is."""
        if "checks" not in topics:
            return
        view = self.console_app.checks.view
        self.query_one("#checks-head", Spread).say_both(("Checks",), _totals(view))
        self.query_one("#checks-verdict", Plain).say_lines(*_verdict(view))
        self._draw_list(view)
        self._draw_evidence()

    def _draw_list(self, view: ChecksView) -> None:
        chosen = self._highlighted_id()
        width = max(self.size.width - 4, 30)
        options: list[Option] = []
        for plan in view.plans:
            address = "" if plan.shown_url in plan.title else f"  {plan.shown_url}"
            title = content((plan.title, "bold"), (address, "$quiet"))
            options.append(Option(title.truncate(width, ellipsis=True), disabled=True))
            options += [
                Option(_row(result, width), id=result.id) for result in view.of(plan.target)
            ]
        list_ = self.query_one("#checks-list", OptionList)
        list_.clear_options()
        list_.add_options(options)
        ids = [option.id for option in options]
        if chosen in ids:
            list_.highlighted = ids.index(chosen)
        elif not view.is_running and view.results:
            list_.highlighted = ids.index(_first_bad(view.results) or view.results[0].id)

    def _highlighted_id(self) -> str | None:
        list_ = self.query_one("#checks-list", OptionList)
        if list_.highlighted is None or list_.highlighted >= list_.option_count:
            return None
        return list_.get_option_at_index(list_.highlighted).id

    def _draw_evidence(self) -> None:
        found = {result.id: result for result in self.console_app.checks.view.results}
        result = found.get(self._highlighted_id() or "")
        text = self.query_one("#checks-evidence-text", Plain)
        if result is None:
            text.say(("Nothing is marked.", "$quiet"))
        else:
            text.say_lines(*_evidence(result))

    def on_option_list_option_highlighted(self) -> None:
        """Keep the evidence with the mark."""
        self._draw_evidence()

    def on_option_list_option_selected(self) -> None:
        """Open or close the evidence."""
        self.action_evidence()

    def can(self, do: str) -> bool:
        """What makes sense depends on whether a run is under way."""
        view = self.console_app.checks.view
        match do:
            case "run":
                return not view.is_running
            case "run_failed":
                return not view.is_running and any(
                    result.status is Status.FAIL for result in view.results
                )
            case "cancel":
                is_open = self.query_one("#checks-evidence").has_class("-open")
                return view.is_running or is_open
            case "keep":
                return view.report is not None
            case "evidence":
                return bool(view.results)
            case _:
                return True

    def action_run(self) -> None:
        """Run all checks."""
        self.console_app.checks.start()

    def action_run_failed(self) -> None:
        """Run the failed targets again."""
        self.console_app.checks.start_failed()

    def action_cancel(self) -> None:
        """Close the evidence, or stop the run."""
        pane = self.query_one("#checks-evidence")
        if pane.has_class("-open"):
            pane.remove_class("-open")
        else:
            self.console_app.checks.cancel()
        self.refresh_keys()

    def action_evidence(self) -> None:
        """Open or close the evidence of the marked check."""
        self.query_one("#checks-evidence").toggle_class("-open")
        self._draw_evidence()
        self.refresh_keys()

    def action_keep(self) -> None:
        """Write the report to a file."""
        report = self.console_app.checks.view.report
        if report is not None:
            self.console_app.tasks.spawn("keep-report", self._keep(report))

    async def _keep(self, report: Report) -> None:
        folder: Path = self.console_app.place.keep_folder
        said = await asyncio.to_thread(keep, folder, "checks", "json", reports.to_json(report))
        self.app.notify(said)


def _totals(view: ChecksView) -> tuple[Part, ...]:
    parts: list[Part] = []
    if view.is_running:
        parts.append((f"running, at most {DEADLINE_S:.0f} s   ", "$warning"))
    elif view.report is not None:
        ended = clock(view.report.started_at)[:8]
        parts.append((f"{ended}, {view.report.duration_ms / 1000:.1f} s   ", "$quiet"))
    for status in Status:
        count = sum(result.status is status for result in view.results)
        if count:
            mark, style = _MARKS[status]
            parts.append((f"{count} {mark}  ", style))
    return tuple(parts)


def _verdict(view: ChecksView) -> list[tuple[Part, ...]]:
    if view.problem:
        return [((" -- ", "$quiet"), view.problem)]
    if view.is_running:
        return [("Following the wire from Mattermost to Apple and Google.",)]
    if view.was_cancelled:
        return [((" -- ", "$quiet"), "Cancelled. What was seen until then stands below.")]
    if view.report is None:
        return [("Nothing has been checked yet. ", ("r", "bold $primary"), " runs the checks.")]
    verdict = view.report.verdict
    shown: list[tuple[Part, ...]] = [(_VERDICTS[verdict.status], f" {verdict.summary}")]
    shown += [(("  why   ", "$quiet"), line) for line in verdict.why]
    shown += [(("  fix   ", "bold"), line) for line in verdict.fix]
    return shown


def _row(result: CheckResult, width: int) -> Content:
    mark, style = _MARKS[result.status]
    left = content((f" {mark:<5}", style), f"{result.stage.value:<11}", result.message)
    took = "" if result.status is Status.SKIP else _took(result.ms)
    return spread(left, content((took, "$quiet")), width)


def _took(ms: float) -> str:
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"


def _first_bad(results: Iterable[CheckResult]) -> str | None:
    ranked = {Status.FAIL: 0, Status.WARN: 1}
    bad = [result for result in results if result.status in ranked]
    return min(bad, key=lambda result: ranked[result.status]).id if bad else None


def _evidence(result: CheckResult) -> list[tuple[Part, ...]]:
    shown: list[tuple[Part, ...]] = [((f"{result.id}  ", "bold"), (result.address, "$quiet"))]
    shown.append((result.message,))
    if result.fix:
        shown.append((("fix   ", "bold"), result.fix))
    for name, value in result.evidence.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        shown.append(((f"{name.replace('_', ' '):<16} ", "$quiet"), text))
    return shown
