"""Every key that works here."""

from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from mmpush_tui.console.actions import ACTIONS, SCREENS, Action, shown_key
from mmpush_tui.console.safe import content, hanging, lines, spread
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.screens.box import BoxScreen
from mmpush_tui.console.widgets.plain import Plain

_LAST: Final = len(SCREENS)
"""The number of the last screen's key."""
_HABITS: Final = (
    "Tab and the arrow keys go through a screen; Enter opens what is marked; Esc goes back.",
    f"In a field every letter is text: Tab leaves the field, F1 to F{_LAST} leave the screen.",
    "Shift and drag select text with the mouse, as in any terminal program.",
)


class HelpScreen(BoxScreen[None]):
    """The keys of the screen behind it, then those of every screen."""

    BINDINGS: ClassVar[Any] = [
        Binding("escape,question_mark,q", "dismiss", "back"),
        Binding("down,j,J", "scroll(1)", "down", show=False),
        Binding("up,k,K", "scroll(-1)", "up", show=False),
        Binding("pagedown,space", "page(1)", "page down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
    ]

    def compose(self) -> ComposeResult:
        """Make the list."""
        with Vertical(classes="box wide"):
            yield Plain(classes="keys-head")
            with VerticalScroll(classes="keys", can_focus=False):
                yield Plain(classes="keys-text")

    def action_scroll(self, direction: int) -> None:
        """Scroll by a line."""
        self.scrolled.scroll_relative(y=direction, animate=False)

    def lay_out(self) -> None:
        """List the keys."""
        width = max(self.scrolled.scrollable_content_region.width - 1, 20)
        rows = self._rows(width)
        self.query_one(".keys-text", Plain).show(lines(*rows))
        more = "Up Down more   " if len(rows) > self.size.height - 4 else ""
        hint = content((f"{more}Esc close", "$quiet"))
        title = content(("Keys", "bold $primary"))
        self.query_one(".keys-head", Plain).show(spread(title, hint, width + 1))

    def _rows(self, width: int) -> list[Content]:
        behind = self.app.screen_stack[-2]
        rows: list[Content] = []
        if isinstance(behind, ConsoleScreen):
            rows.append(content((f"On the {SCREENS[behind.name_]} screen", "bold")))
            rows += [_row(action, width) for action in behind.actions]
        rows.append(content(("Everywhere", "bold")))
        names = ", ".join(SCREENS.values())
        from_field = f"F1 to F{_LAST} do too, also from a field."
        rows.append(_line(f"1 to {_LAST}", f"Go to {names}; {from_field}", width))
        rows += [
            _row(action, width)
            for action in ACTIONS
            if not action.screen and not action.do.startswith("goto")
        ]
        rows += [hanging((), sentence, width) for sentence in _HABITS]
        return [row for hung in rows for row in hung.split("\n")]


def _row(action: Action, width: int) -> Content:
    return _line(" ".join(shown_key(key) for key in action.keys), action.help, width)


def _line(keys: str, text: str, width: int) -> Content:
    return hanging(((f"  {keys:<9} ", "bold $primary"),), text, width)
