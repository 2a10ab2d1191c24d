"""The whole chain in one picture, and what needs the reader."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mmpush_tui.console import wording
from mmpush_tui.console.actions import bindings
from mmpush_tui.console.chain import Branch, Chain, Hop, Need, State, chain
from mmpush_tui.console.safe import Part, content, hanging, lines
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.widgets.frame import MARKS, Spread
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.proxy.lines import clock
from mmpush_tui.text import clip

_STATES: Final[dict[State, tuple[str, str]]] = {
    State.OK: MARKS["ok"],
    State.WARN: MARKS["warn"],
    State.FAIL: MARKS["fail"],
    State.OFF: MARKS["off"],
    State.UNKNOWN: ("?", "$quiet"),
}
_SEVERITIES: Final = {"fail": MARKS["fail"], "warn": MARKS["warn"], "info": ("next", "$primary")}


class OverviewScreen(ConsoleScreen):
    """Which hop, and what needs me."""

    name_ = "overview"
    BINDINGS: ClassVar[Any] = bindings("overview")
    AUTO_FOCUS = "#needs"

    def __init__(self) -> None:
        super().__init__()
        self._needs: tuple[Need, ...] = ()

    def body(self) -> Iterable[Widget]:
        """Make the picture and the lists."""
        yield Spread(id="sentence")
        yield Plain(id="chain")
        yield Plain("Needs you", classes="head")
        yield OptionList(id="needs", compact=True, markup=False)
        yield Plain("Last failures", classes="head gap", id="failures-head")
        yield Plain(id="failures")

    def draw(self, topics: frozenset[str]) -> None:
        """Draw the picture anew."""
        del topics
        app = self.console_app
        rates = app.worker.rates.read()
        picture = chain(app.settings.view, app.worker.view, app.checks.view, rates)
        self._draw_sentence(picture)
        width = (self.size.width - 4) // 4
        self.query_one("#chain", Plain).say_lines(*_rows(picture, max(width, 9)))
        self._draw_needs(picture.needs)
        self._draw_failures()

    def _draw_sentence(self, picture: Chain) -> None:
        style = {State.OK: "bold $success", State.FAIL: "bold $error"}.get(picture.state, "bold")
        status = self.console_app.worker.view.status
        right: tuple[Part, ...] = ()
        if status is not None and (counts := status.counts).received:
            ended = counts.ok + counts.removed + counts.failed
            failed = counts.failed / ended * 100 if ended else 0
            confirmed = counts.acknowledged / counts.ok * 100 if counts.ok else 0
            right = (
                ("failed ", "$quiet"), f"{failed:.1f} %  ",
                ("confirmed ", "$quiet"), f"{confirmed:.0f} %",
            )  # fmt: skip
        self.query_one("#sentence", Spread).say_both(((picture.sentence, style),), right)

    def _draw_needs(self, needs: tuple[Need, ...]) -> None:
        list_ = self.query_one("#needs", OptionList)
        width = max(self.size.width - 4, 30)
        options = []
        for need in needs:
            mark, style = _SEVERITIES[need.severity]
            first: tuple[Part, ...] = ((f" {mark:<5}", style),)
            options.append(Option(hanging(first, need.text, width, (need.todo, "$primary"))))
        if not needs:
            options.append(Option(content((" Nothing. ", "$quiet")), disabled=True))
        if needs != self._needs or list_.option_count != len(options):
            marked = list_.highlighted
            list_.clear_options()
            list_.add_options(options)
            if needs:
                list_.highlighted = min(marked or 0, len(needs) - 1)
        self._needs = needs

    def _draw_failures(self) -> None:
        failures = reversed(self.console_app.worker.failures)
        width = max(self.size.width - 4, 30)
        rows = [
            hanging(
                (
                    f" {clock(event.at)[:8]}  {event.target or event.platform:<11} ",
                    (f"{event.reason or event.status:<20} ", "bold"),
                ),
                wording.short_meaning(event),
                width,
            )
            for event in failures
        ]
        self.query_one("#failures-head").display = bool(rows)
        self.query_one("#failures", Plain).show(lines(*rows))

    def can(self, do: str) -> bool:
        """Opening needs something to open."""
        return bool(self._needs) if do == "open" else True

    def on_option_list_option_selected(self) -> None:
        """Go where the marked line is dealt with."""
        self.app.call_later(self.action_open)

    async def action_open(self) -> None:
        """Go where the marked line is dealt with."""
        index = self.query_one("#needs", OptionList).highlighted
        if index is not None and index < len(self._needs):
            need = self._needs[index]
            if need.screen == "checks" and self.console_app.checks.view.report is None:
                self.console_app.checks.start()
            await self.console_app.action_goto(need.screen)

    async def action_check_all(self) -> None:
        """Check every hop."""
        self.console_app.checks.start()
        await self.console_app.action_goto("checks")


def _rows(picture: Chain, width: int) -> list[tuple[Part, ...]]:
    """Return the picture: for each branch a line of names, one of states, one of facts."""
    rows: list[tuple[Part, ...]] = []
    for number, branch in enumerate(picture.branches):
        hops = _hops(picture, branch, is_first=not number)
        rows.append(tuple(part for index, hop in enumerate(hops)
                          for part in _name(hop, width, index, len(hops), number)))  # fmt: skip
        rows.append(tuple(_state(hop, width) for hop in hops))
        rows.append(tuple(_cell(_fact(hop, 1), width, "$quiet") for hop in hops))
    return rows


def _hops(picture: Chain, branch: Branch, *, is_first: bool) -> list[Hop | None]:
    before: list[Hop | None] = [picture.mattermost, picture.proxy] if is_first else [None, None]
    return [*before, branch.vendor, branch.phones]


def _name(hop: Hop | None, width: int, index: int, count: int, number: int) -> list[Part]:
    """Return a hop's name and the arrow to the next one."""
    if hop is None:
        # Under the proxy the way to the next vendor begins.
        return (
            [" " * width] if index != 1 else [(" " * (width // 2) + "└" + _dashes(width), "$quiet")]
        )
    name = clip(hop.name, width - 1)
    if index == count - 1:
        return [(name.ljust(width), "bold")]
    line = width - len(name) - 1
    arrow = " " + "─" * (line - 2) + "> " if line >= 4 else " " * (line + 1)
    del number
    return [(name, "bold"), (arrow, "$quiet")]


def _dashes(width: int) -> str:
    line = width - width // 2 - 1
    return "─" * (line - 2) + "> "


def _state(hop: Hop | None, width: int) -> Part:
    if hop is None:
        return " " * width
    word, style = _STATES[hop.state]
    return (clip(f"{word}  {_fact(hop, 0)}", width - 1).ljust(width), style)


def _fact(hop: Hop | None, index: int) -> str:
    return hop.facts[index] if hop is not None and index < len(hop.facts) else ""


def _cell(text: str, width: int, style: str) -> Part:
    return (clip(text, width - 1).ljust(width), style)
