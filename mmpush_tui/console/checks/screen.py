"""The reachability checks: the verdict first, then what was found in the order of the wire."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, ClassVar

from textual import on
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mmpush_tui.checks.model import report as reports
from mmpush_tui.checks.model.report import CheckResult, Report
from mmpush_tui.checks.output import markdown
from mmpush_tui.console.actions import Action, bindings
from mmpush_tui.console.checks import words
from mmpush_tui.console.checks.desk import ChecksDesk, ChecksView
from mmpush_tui.console.checks.explain import ExplainScreen
from mmpush_tui.console.context import Context
from mmpush_tui.console.keep import keep_and_tell
from mmpush_tui.console.safe import content
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.widgets.frame import Spread
from mmpush_tui.console.widgets.pane import Pane
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.findings import Severity


class ChecksScreen(ConsoleScreen):
    """Runs the checks and shows what came of them."""

    name_ = "checks"
    BINDINGS: ClassVar[Any] = bindings("checks")
    AUTO_FOCUS = "#checks-list"

    def __init__(self, context: Context, checks: ChecksDesk) -> None:
        super().__init__(context)
        self._checks = checks
        self._rows: dict[str, Content] = {}
        self._judged: Report | None = None
        self._drawn: tuple[CheckResult | None, int] = None, 0

    def body(self) -> Iterable[Widget]:
        """Make the verdict, the list and the pane for evidence."""
        yield Spread(id="checks-head", classes="head")
        with VerticalScroll(id="checks-verdict", can_focus=False):
            yield Plain(id="checks-verdict-text")
        yield OptionList(id="checks-list", compact=True, markup=False)
        yield Pane("Evidence", id="checks-evidence")

    @property
    def list_(self) -> OptionList:
        """The checks."""
        return self.query_one("#checks-list", OptionList)

    @property
    def pane(self) -> Pane:
        """The evidence."""
        return self.query_one("#checks-evidence", Pane)

    def draw(self) -> None:
        """Show the run as far as it is."""
        view = self._checks.view
        self.query_one("#checks-head", Spread).say_both(("Checks",), words.totals(view))
        width = max(self.size.width - 3, 20)
        self.query_one("#checks-verdict-text", Plain).show(words.verdict_rows(view, width))
        self._draw_list(view, width)
        self._draw_evidence()

    def _draw_list(self, view: ChecksView, width: int) -> None:
        rows = dict(words.rows(view, width - 1))
        list_ = self.list_
        if list(rows) == list(self._rows):
            for index, (id_, row) in enumerate(rows.items()):
                if not row.is_same(self._rows[id_]):
                    list_.replace_option_prompt_at_index(index, row)
        else:
            marked = self._marked_id()
            list_.set_options(
                Option(row, id=id_, disabled=id_.startswith("/")) for id_, row in rows.items()
            )
            if marked in rows:
                list_.highlighted = list_.get_option_index(marked)
        self._rows = rows
        report = view.shown_report
        if report is not self._judged:
            self._judged = report
            bad = words.first_bad(view.results)
            if report and view.results and (bad or self._marked() is None):
                list_.highlighted = list_.get_option_index(bad or view.results[0].id)

    def _marked_id(self) -> str | None:
        option = self.list_.highlighted_option
        return option.id if option is not None else None

    def _marked(self) -> CheckResult | None:
        by_id = {result.id: result for result in self._checks.view.results}
        return by_id.get(self._marked_id() or "")

    def _draw_evidence(self) -> None:
        pane, result = self.pane, self._marked()
        if not pane.is_open or not pane.room or (result, pane.room) == self._drawn:
            return
        is_new = self._drawn[0] is None or result is None or result.id != self._drawn[0].id
        self._drawn = result, pane.room
        text = words.evidence_rows(result, pane.room) if result else content("Nothing is marked.")
        pane.show(text, is_new=is_new)

    def on_option_list_option_highlighted(self) -> None:
        """Keep the evidence with the mark."""
        self._draw_evidence()
        self.refresh_keys()

    def can(self, do: str) -> bool:
        """What makes sense depends on whether a run is under way, and what it found."""
        view = self._checks.view
        match do:
            case "run":
                return not view.is_running
            case "run_failed":
                return not view.is_running and bool(view.failed)
            case "cancel":
                return view.is_running or self.pane.is_open
            case "keep" | "keep_markdown" | "copy":
                return view.shown_report is not None
            case "run_one":
                return not view.is_running and self._marked() is not None
            case "evidence":
                return self._marked() is not None or self.pane.is_open
            case _:
                return super().can(do)

    def worded(self, action: Action) -> Action:
        """Say what a key does now."""
        view = self._checks.view
        if action.do == "run" and view.report is None and not view.results:
            return replace(action, label="run")
        if action.do == "cancel" and self.pane.is_open:
            return replace(action, label="close")
        if action.do == "watch" and view.is_watching:
            return replace(action, label="stop watching")
        return action

    def action_run(self) -> None:
        """Run all checks."""
        self._checks.start()

    def action_run_failed(self) -> None:
        """Run the failed targets again."""
        self._checks.start(self._checks.view.failed)

    def action_run_one(self) -> None:
        """Run the marked target again."""
        if (result := self._marked()) is not None:
            self._checks.start([result.about])

    def action_watch(self) -> None:
        """Run again and again, or stop doing so."""
        self._checks.toggle_watch()
        self.refresh_keys()

    def action_search(self) -> None:
        """Search the catalogue, beginning with what is known about the marked finding."""
        result = self._marked()
        is_bad = result is not None and result.severity in (Severity.WARN, Severity.FAIL)
        query = (result.see or result.code) if result is not None and is_bad else ""
        self.app.push_screen(ExplainScreen(query))

    def action_copy(self) -> None:
        """Copy the report."""
        if (report := self._checks.view.shown_report) is not None:
            self.app.copy_to_clipboard(markdown.render(report))
            self.app.notify("The report was handed to the terminal's clipboard, as Markdown.")

    def action_keep(self) -> None:
        """Write the report to a file."""
        self._keep("json", reports.to_json)

    def action_keep_markdown(self) -> None:
        """Write the report to a file for a ticket."""
        self._keep("md", lambda report: markdown.render(report).encode())

    def _keep(self, suffix: str, written: Callable[[Report], bytes]) -> None:
        report, folder = self._checks.view.shown_report, self.context.options.keep_folder
        if report is not None:
            work = keep_and_tell(self.app, folder, "checks", suffix, lambda: written(report))
            self.context.tasks.spawn("keep-report", work)

    def action_cancel(self) -> None:
        """Close the evidence, or stop the run."""
        if self.pane.is_open:
            self.pane.close()
        else:
            self._checks.cancel()
        self.refresh_keys()

    @on(OptionList.OptionSelected, "#checks-list")
    def action_evidence(self) -> None:
        """Open or close the evidence of the marked check."""
        if self.pane.is_open:
            self.pane.close()
        else:
            self.pane.open()
            self._drawn = None, 0
            self._draw_evidence()
        self.refresh_keys()

    def on_pane_resized(self) -> None:
        """Fill the pane, and keep what it is about in sight."""
        self._draw_evidence()
        self.list_.scroll_to_highlight()

    @property
    def scrolled(self) -> Widget:
        """The evidence where it is open, else the verdict."""
        return self.pane if self.pane.is_open else self.query_one("#checks-verdict")
