"""Every key that works here."""

from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from mmpush_tui.console.actions import ACTIONS, SCREENS, Action, of_screen, shown_key
from mmpush_tui.console.safe import content, hanging, lines
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.widgets.plain import Plain

_HABITS: Final = (
    "Tab and the arrow keys go through a screen; Enter opens what is marked.",
    "In a field every letter is text: Tab leaves the field, F1 to F5 leave the screen.",
    "Shift and drag select text with the mouse, as in any terminal program.",
)


class HelpScreen(ModalScreen[None]):
    """The keys of the screen behind it, then those of every screen."""

    BINDINGS: ClassVar[Any] = [
        Binding("escape,question_mark,q", "dismiss", "back"),
    ]

    def compose(self) -> ComposeResult:
        """Make the list."""
        behind = self.app.screen_stack[-2] if len(self.app.screen_stack) > 1 else self.app.screen
        name = behind.name_ if isinstance(behind, ConsoleScreen) else ""
        is_demo = behind.console_app.place.is_demo if isinstance(behind, ConsoleScreen) else False
        rows: list[Content] = []
        width = min(self.app.size.width * 96 // 100, 100) - 8
        if name:
            rows.append(content((f"On the {SCREENS[name]} screen", "bold")))
            rows += [_row(action, width) for action in of_screen(name, is_demo=is_demo)]
            rows.append(content(""))
        rows.append(content(("Everywhere", "bold")))
        rows += [_row(action, width) for action in ACTIONS if not action.screen]
        rows.append(content(""))
        rows += [hanging((), sentence, width) for sentence in _HABITS]
        shown = Plain(classes="text")
        shown.show(lines(*rows))
        with VerticalScroll(classes="box wide"):
            yield Plain(("Keys", "bold $primary"), classes="title")
            yield shown
            yield Plain(("Esc back", "$quiet"), classes="hint")


def _row(action: Action, width: int) -> Content:
    keys = " ".join(shown_key(key) for key in action.keys)
    return hanging(((f"  {keys:<10} ", "bold $primary"),), action.help, width)
