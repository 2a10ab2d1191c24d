"""The lines around every screen: status, tabs, last failure, keys."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from mmpush_tui.console.actions import SCREENS, Action
from mmpush_tui.console.safe import Part, content, spread
from mmpush_tui.console.widgets.plain import Plain

MARKS = {
    "ok": ("ok", "$success"),
    "pass": ("ok", "$success"),
    "info": ("next", "$primary"),
    "warn": ("warn", "bold $warning"),
    "fail": ("FAIL", "bold $error"),
    "skip": ("skip", "$quiet"),
    "off": ("--", "$quiet"),
    "unknown": ("?", "$quiet"),
}
"""Words for states and severities, by their values; colour only repeats them."""


def mark(state: str) -> tuple[str, str]:
    """Return a state's word as the column before a sentence, and its style."""
    word, style = MARKS[state]
    return f"{word:<5}", style


_NAMES_FROM = 70
"""Columns from which every tab has its name."""


class Spread(Plain):
    """One line with text at both ends; the right one is never cut."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id, classes=classes)
        self._left: tuple[Part, ...] = ()
        self._right: tuple[Part, ...] = ()

    def say_both(self, left: tuple[Part, ...], right: tuple[Part, ...]) -> None:
        """Show ``left`` and ``right`` at the ends of the line."""
        self._left, self._right = left, right
        width = self.size.width
        if width:
            self.show(spread(content(*left), content(*right), width))

    def on_resize(self, _event: events.Resize) -> None:
        """Lay the parts out anew."""
        self.say_both(self._left, self._right)


class Tab(Plain):
    """One screen's key and name; a click goes there."""

    def __init__(self, number: int, name: str, *, is_here: bool) -> None:
        super().__init__(classes="tab -here" if is_here else "tab")
        self._number, self._target, self._is_here = number, name, is_here

    def on_mount(self) -> None:
        """Show key and name."""
        self.show_name(True)

    def show_name(self, has_room: bool) -> None:
        """Show key and name, or where there is no room and it is not in front the key alone."""
        title = f"{self._number} {SCREENS[self._target]}" if has_room or self._is_here else (
            str(self._number)
        )  # fmt: skip
        self.say((f"[{title}]", "bold") if self._is_here else f" {title} ")

    async def on_click(self) -> None:
        """Go to the screen."""
        await self.run_action(f"app.goto('{self._target}')")


class Tabs(Horizontal):
    """The screens and their keys."""

    def __init__(self, here: str) -> None:
        super().__init__(id="tabs")
        self._here = here

    def compose(self) -> ComposeResult:
        """Make one tab for each screen."""
        for number, name in enumerate(SCREENS, 1):
            yield Tab(number, name, is_here=name == self._here)

    def on_resize(self, event: events.Resize) -> None:
        """Shorten the names where they do not fit."""
        for tab in self.query(Tab):
            tab.show_name(event.size.width >= _NAMES_FROM)


class KeyLine(Plain):
    """The keys that work here, as many as fit, the general ones always."""

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._actions: tuple[Action, ...] = ()

    def offer(self, actions: list[Action]) -> None:
        """Show ``actions``, given in the order of their importance, general ones last."""
        self._actions = tuple(actions)
        self._lay_out()

    def on_resize(self, _event: events.Resize) -> None:
        """Show as many as fit now."""
        self._lay_out()

    def _lay_out(self) -> None:
        always = [a for a in self._actions if not a.screen]
        chosen: list[Action] = []
        for action in (a for a in self._actions if a.screen):
            if _width([*chosen, action, *always]) > self.size.width:
                break
            chosen.append(action)
        parts: list[Part] = [" "]
        for action in (*chosen, *always):
            parts += [(action.key, "bold $primary"), f" {action.label}  "]
        self.say(*parts)


def _width(actions: list[Action]) -> int:
    return 1 + sum(len(a.key) + len(a.label) + 3 for a in actions)
