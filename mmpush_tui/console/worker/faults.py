"""The demo's faults: what can fail, found by typing, and switched on and off."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from mmpush_tui.console.safe import content, hanging, lines, spread
from mmpush_tui.console.screens.box import BoxScreen
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.errors import UsageError
from mmpush_tui.simulator.acts.base import Fault
from mmpush_tui.simulator.fault_words import describe_faults
from mmpush_tui.simulator.faults import FAULTS

if TYPE_CHECKING:
    from mmpush_tui.simulator.stage import DemoStage

_GROUPS: Final = {
    "general": "The vendor as a whole",
    "answers": "Answers",
    "refusals": "Devices, topics, projects",
    "provider": "Apple's sign-in token",
    "goodbyes": "Goodbyes (GOAWAY)",
    "streams": "Streams and connections",
    "silence": "Silence",
    "oddities": "Odd but legal",
    "tls": "TLS and certificates",
    "clock": "Clocks",
}
"""By the module that acts them out; what is not here needs what the demo has not."""
_WHERE: Final = {"apns": "Apple", "fcm": "Google", "both": "Apple and Google"}
_HELP_ROWS: Final = 4
_HEIGHTS: Final = [(0, "-low"), (30, "-high")]


class FaultsScreen(BoxScreen[None]):
    """All faults by what they break; Enter switches the marked one.

    Args:
        stage: whose faults they are.
    """

    VERTICAL_BREAKPOINTS = _HEIGHTS
    BINDINGS: ClassVar[Any] = [
        Binding("escape", "leave", "back", priority=True),
        Binding("down", "move('cursor_down')", "down", show=False, priority=True),
        Binding("up", "move('cursor_up')", "up", show=False, priority=True),
        Binding("pagedown", "move('page_down')", "page down", show=False, priority=True),
        Binding("pageup", "move('page_up')", "page up", show=False, priority=True),
        Binding("enter", "switch", "switch", priority=True),
        Binding("ctrl+x", "clear", "all off", priority=True),
    ]

    def __init__(self, stage: "DemoStage") -> None:
        super().__init__()
        self._stage = stage
        self._outcome = ""
        self._outcome_of = ""

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="box wide"):
            yield Plain(classes="title")
            yield Input(id="fault-filter", compact=True, placeholder="type to find a fault")
            yield OptionList(id="fault-list", compact=True, markup=False)
            yield Plain(classes="fault-help")
            yield Plain(classes="hint")

    def on_mount(self) -> None:
        """List all of them."""
        self.query_one(OptionList).can_focus = False
        # Each blink would be a frame over SSH.
        self.query_one(Input).cursor_blink = False
        self._list()

    @on(Input.Changed)
    def filter_changed(self) -> None:
        """List what matches."""
        self._outcome = ""
        self._list()

    @on(OptionList.OptionHighlighted)
    def marked(self, event: OptionList.OptionHighlighted) -> None:
        """Explain what is marked."""
        if event.option_id != self._outcome_of:
            self._outcome = ""
        self._lay_out()

    def action_move(self, how: str) -> None:
        """Move the mark."""
        getattr(self.query_one(OptionList), f"action_{how}")()

    @on(OptionList.OptionSelected)
    async def action_switch(self) -> None:
        """Switch the marked fault, with the parameters that were typed, if any."""
        typed = self.query_one(Input).value.strip()
        fault = self._marked()
        if fault is None:
            return
        is_named = typed.partition(":")[0].partition("@")[0] == fault.name
        words = typed if is_named else fault.name
        try:
            is_on = await self._stage.toggle(words)
        except UsageError as error:
            self._outcome = f"{error.what}. {error.why or error.fix}".strip()
        else:
            self._outcome = f"{fault.title}: {'on' if is_on else 'off'}."
        self._outcome_of = fault.name
        self._list(keep=fault.name)

    async def action_clear(self) -> None:
        """Switch all of them off."""
        for name in sorted(self._stage.faults):
            await self._stage.toggle(name)
        self._outcome = "All faults are off."
        marked = self._marked()
        self._outcome_of = marked.name if marked else ""
        self._list(keep=self._outcome_of)

    def action_leave(self) -> None:
        """Take the filter away, or go back."""
        typed = self.query_one(Input)
        if typed.value:
            typed.value = ""
        else:
            self.dismiss()

    def _matching(self) -> Iterator[Fault]:
        typed = self.query_one(Input).value.lower().strip()
        words = typed.partition(":")[0].partition("@")[0].split()
        for fault in FAULTS:
            if fault.group not in _GROUPS:
                continue
            text = f"{fault.name} {fault.title} {_GROUPS[fault.group]} {fault.help}".lower()
            if all(word in text for word in words):
                yield fault

    def _list(self, keep: str = "") -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        group = ""
        for fault in self._matching():
            if fault.group != group:
                group = fault.group
                options.add_option(Option(content((_GROUPS[group], "bold")), disabled=True))
            is_on = fault.name in self._stage.faults
            state = ("[on] ", "bold $warning") if is_on else ("[  ] ", "$quiet")
            name = (fault.name, "bold" if is_on else "")
            line = content("  ", state, f"{fault.title:<31}", name)
            options.add_option(Option(line, id=fault.name))
        if options.option_count:
            options.highlighted = 1 if not keep else options.get_option_index(keep)
        self._lay_out()

    def _marked(self) -> Fault | None:
        option = self.query_one(OptionList).highlighted_option
        return next((fault for fault in FAULTS if option and fault.name == option.id), None)

    def lay_out(self) -> None:
        """Explain the marked fault."""
        help_ = self.query_one(".fault-help", Plain)
        width = max(help_.size.width - 1, 30)
        fault = self._marked()
        if self._outcome:
            text = self._outcome
        elif fault is None:
            text = "Nothing matches. Esc shows all of them."
        else:
            parameters = ", ".join(describe_faults(fault))
            given = f" {fault.name}:{parameters}." if parameters else ""
            text = f"{_WHERE[fault.where]}: {fault.help}{given}"
        help_.show(lines(*hanging((), text, width).split("\n")[:_HELP_ROWS]))
        count = len(self._stage.faults)
        state = content((f"{count} on" if count else "none is on", "bold" if count else "$quiet"))
        title = content(("Let the demo fail on purpose", "bold"))
        self.query_one(".title", Plain).show(spread(title, state, width + 1))
        self.query_one(".hint", Plain).say(("Enter on/off  ^X all off  Esc back", "$quiet"))
