"""The whole chain in one picture, and what needs the reader."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from textual import on
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mmpush_tui.console import wording
from mmpush_tui.console.actions import bindings
from mmpush_tui.console.checks.desk import ChecksDesk
from mmpush_tui.console.context import Context
from mmpush_tui.console.overview import picture
from mmpush_tui.console.overview.hops import Chain, chain
from mmpush_tui.console.overview.needs import Need
from mmpush_tui.console.overview.path import State, Views
from mmpush_tui.console.safe import Part, content, hanging, lines, spread
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.settings.desk import SettingsDesk
from mmpush_tui.console.widgets.frame import MARKS
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.console.worker.desk import WorkerDesk
from mmpush_tui.console.worker.recent import Repeated
from mmpush_tui.watching.lines import clock

_SENTENCES: Final = {
    State.OK: "bold $success", State.WARN: "bold $warning", State.FAIL: "bold $error",
}  # fmt: skip
_WIDEST: Final = 124
"""Cells of a line at most: eyes do not follow a longer one."""
_HINT_FROM: Final = 60
"""Columns from which there is room for what Enter leads to."""


class OverviewScreen(ConsoleScreen):
    """Which hop, and what needs me."""

    name_ = "overview"
    BINDINGS: ClassVar[Any] = bindings("overview")
    AUTO_FOCUS = "#needs"

    def __init__(
        self, context: Context, worker: WorkerDesk, settings: SettingsDesk, checks: ChecksDesk
    ) -> None:
        super().__init__(context)
        self._worker, self._settings, self._checks = worker, settings, checks
        self._needs: tuple[Need, ...] = ()
        self._width = 0

    def body(self) -> Iterable[Widget]:
        """Make the picture and the lists."""
        with VerticalScroll(id="overview", can_focus=False):
            yield Plain(id="sentence")
            yield Plain(id="chain")
            yield Plain("Needs you", classes="head", id="needs-head")
            yield OptionList(id="needs", compact=True, markup=False)
            yield Plain("Last failures", classes="head gap", id="failures-head")
            yield Plain(id="failures")

    def draw(self) -> None:
        """Draw the picture anew."""
        # The last cell is the scrollbar's, where there is one.
        width = min(self.scrolled.size.width - 1, _WIDEST)
        if width < 1:
            # Not laid out yet: a size follows, and this again.
            return
        worker, settings, checks = self._worker, self._settings, self._checks
        rates, recent = worker.rates.read(), worker.recent.read()
        whole_chain = chain(Views(settings.view, worker.view, checks.view, rates, recent))
        self._order()
        self._draw_sentence(whole_chain, width)
        self.query_one("#chain", Plain).say_lines(*picture.picture_rows(whole_chain, width))
        self._draw_needs(whole_chain.needs, width)
        self._draw_failures(width)

    def _order(self) -> None:
        """Where there is little height, put what needs the reader before the picture."""
        chain_, head = self.query_one("#chain"), self.query_one("#needs-head")
        children = list(self.scrolled.children)
        is_first = children.index(chain_) < children.index(head)
        if self.has_class("-low") == is_first:
            after = self.query_one("#needs") if is_first else self.query_one("#sentence")
            self.scrolled.move_child(chain_, after=after)

    def _draw_sentence(self, whole_chain: Chain, width: int) -> None:
        style = _SENTENCES.get(whole_chain.state, "bold")
        figures = content(*self._figures())
        is_beside = len(whole_chain.sentence) + figures.cell_length + 2 <= width
        if is_beside:
            sentence = spread(content((whole_chain.sentence, style)), figures, width)
        else:
            sentence = hanging((), whole_chain.sentence, width).stylize(style)
            if figures.cell_length:
                sentence = lines(sentence, figures.truncate(width, ellipsis=True))
        self.query_one("#sentence", Plain).show(sentence)

    def _figures(self) -> tuple[Part, ...]:
        """Return how many deliveries came to what since the worker started."""
        status = self._worker.view.status
        if status is None or not status.counts.received:
            return ()
        counts = status.counts
        sent = counts.ok + counts.failed
        parts: list[Part] = []
        if sent:
            parts += [("delivered ", "$quiet"), _percent(counts.ok, sent)]
        if counts.ok:
            parts += [("  confirmed ", "$quiet"), _percent(counts.acknowledged, counts.ok)]
        return tuple(parts)

    def _draw_needs(self, needs: tuple[Need, ...], width: int) -> None:
        if needs == self._needs and width == self._width:
            return
        list_ = self.query_one("#needs", OptionList)
        marked = list_.highlighted
        options = [Option(_need(need, width)) for need in needs]
        if not needs:
            options = [Option(content((" Nothing.", "$quiet")), disabled=True)]
        self._needs, self._width = needs, width
        list_.set_options(options)
        if needs:
            list_.highlighted = min(marked or 0, len(needs) - 1)

    def _draw_failures(self, width: int) -> None:
        rows = [_failure(kind, width) for kind in self._worker.failures.latest()]
        self.query_one("#failures-head").display = bool(rows)
        self.query_one("#failures", Plain).show(lines(*rows))

    @property
    def scrolled(self) -> Widget:
        """The whole page."""
        return self.query_one("#overview")

    def can(self, do: str) -> bool:
        """Opening needs something to open."""
        match do:
            case "open":
                return bool(self._needs)
            case "check_all":
                return not self._checks.view.is_running
            case _:
                return super().can(do)

    @on(OptionList.OptionSelected, "#needs")
    def go_to_chosen(self) -> None:
        """Go where the marked line is dealt with."""
        self.app.call_later(self.action_open)

    async def action_open(self) -> None:
        """Go where the marked line is dealt with."""
        index = self.query_one("#needs", OptionList).highlighted
        if index is not None and index < len(self._needs):
            need = self._needs[index]
            if need.begins:
                self._checks.start()
            await self.action_goto(need.screen)

    async def action_check_all(self) -> None:
        """Check every hop."""
        self._checks.start()
        await self.action_goto("checks")


def _percent(part: int, whole: int) -> str:
    """Return a share that is never rounded up to all of it."""
    return f"{min(part / whole * 100, 100.0 if part == whole else 99.9):.1f} %"


def _need(need: Need, width: int) -> Content:
    mark, style = MARKS[need.severity]
    todo: Part = (need.todo, "$primary") if width >= _HINT_FROM else ""
    return hanging(((f" {mark:<5}", style),), need.text, width, todo)


def _failure(kind: Repeated, width: int) -> Content:
    event = kind.event
    reason = event.reason or event.status
    often = f", {kind.count} times" if kind.count > 1 else ""
    meaning = wording.short_meaning(event)
    target = event.target or event.platform
    is_narrow = width < _HINT_FROM
    head = f" {clock(event.at)[:8]}  " + ("" if is_narrow else f"{target:<10}  ")
    what = f"{target} {reason}" if is_narrow else reason
    text = f"{what}{often}: {meaning}" if meaning else f"{what}{often}"
    return hanging((head,), text, width).stylize("bold", len(head), len(head) + len(what))
