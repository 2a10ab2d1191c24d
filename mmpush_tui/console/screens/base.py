"""What every screen has: the frame, the registry's keys, and news from the desks."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from mmpush_tui.console.actions import ACTIONS, Action, in_field, of_screen
from mmpush_tui.console.context import TOPICS, Context
from mmpush_tui.console.safe import content
from mmpush_tui.console.widgets.frame import KeyLine, Spread, Tabs
from mmpush_tui.console.widgets.plain import Plain

_WIDTHS: Final = [(0, "-narrow"), (72, "-normal"), (110, "-wide")]
_HEIGHTS: Final = [(0, "-low"), (18, "-high")]
SMALLEST: Final = (40, 12)
"""Columns and lines below which only the state is shown."""


class ConsoleScreen(Screen[None]):
    """One of the screens that have a key.

    A screen composes its body, draws itself from the desks in :meth:`draw`, and says in
    :meth:`can` which of its actions make sense now.

    It is told of changes by the console's own signal, and not by reactive attributes: a worker
    under load sends thousands of events a second, and each of them would have to be watched,
    compared and drawn. A desk only says that it has changed; the console collects that for a
    moment, and once in it the screen in front reads the views as they are then.

    Args:
        context: the console around it.
    """

    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    name_: ClassVar[str] = ""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context

    @abstractmethod
    def body(self) -> Iterable[Widget]:
        """Return the widgets between the frame's lines."""

    @abstractmethod
    def draw(self) -> None:
        """Draw the body, because what it is about has changed."""

    @property
    def scrolled(self) -> Widget | None:
        """What J and K scroll now; None for nothing."""
        return None

    def can(self, do: str) -> bool:
        """Return whether an action of this screen makes sense now."""
        if do.startswith("pane("):
            return self.scrolled is not None and self.scrolled.max_scroll_y > 0
        return True

    def worded(self, action: Action) -> Action:
        """Return ``action`` with the label that fits now."""
        return action

    def compose(self) -> ComposeResult:
        """Make the frame around the body."""
        yield Spread(id="status")
        yield Tabs(self.name_)
        with Vertical(id="body"):
            yield from self.body()
        yield Spread(id="last")
        yield KeyLine()
        yield Plain(id="too-small")

    def on_mount(self) -> None:
        """Listen for news and draw for the first time."""
        self.context.changed.subscribe(self, self._changed)
        for scroll in self.query(VerticalScroll):
            # Whether there is something to scroll is known once it is laid out, after the keys
            # were drawn.
            self.watch(scroll, "show_vertical_scrollbar", self._scrolls_anew, init=False)
        self.call_after_refresh(self._changed, TOPICS)

    def _scrolls_anew(self) -> None:
        if self.is_mounted:
            self.refresh_keys()

    def on_screen_resume(self) -> None:
        """Draw what changed while another screen was in front."""
        self._changed(TOPICS)

    def on_resize(self, event: events.Resize) -> None:
        """Lay everything out anew; show the state alone where there is no room for more."""
        too_small = event.size.width < SMALLEST[0] or event.size.height < SMALLEST[1]
        self.set_class(too_small, "-too-small")
        self.call_after_refresh(self._changed, TOPICS)

    async def action_goto(self, name: str) -> None:
        """Bring a screen to the front; here too, because a screen's own keys look no further."""
        await self.context.action_goto(name)

    def action_pane(self, direction: int) -> None:
        """Scroll by what is in sight."""
        if self.scrolled is not None:
            scroll_page(self.scrolled, direction)

    def refresh_keys(self) -> None:
        """Show which keys make sense now."""
        own = sorted((a for a in self.actions_now() if a.rank), key=lambda action: action.rank)
        general = [a for a in ACTIONS if not a.screen and a.rank]
        offered = [*map(self.worded, own), *general]
        if isinstance(self.focused, Input):
            # There a letter is text.
            offered = [typed for action in offered if (typed := in_field(action)) is not None]
        self.query_one(KeyLine).offer(offered)

    def on_descendant_focus(self) -> None:
        """Show which keys make sense there."""
        self.refresh_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let through what makes sense now."""
        given = f"{action}({parameters[0]!r})" if parameters else action
        return self.can(given) if given in {own.do for own in self.actions} else True

    @property
    def actions(self) -> list[Action]:
        """This screen's own actions."""
        return of_screen(self.name_, is_demo=self.context.options.is_demo)

    def actions_now(self) -> list[Action]:
        """Return this screen's actions that make sense now."""
        return [action for action in self.actions if self.can(action.do)]

    def _changed(self, topics: frozenset[str]) -> None:
        # A screen that is not in front is drawn when it comes there, and one without a size
        # when it gets one.
        if self.is_mounted and self.size.width and self in self.app.screen_stack:
            self._draw_frame()
            # The Overview is about every desk, each other screen about the one of its own name.
            if self.name_ in topics or self.name_ not in TOPICS:
                self.draw()
            self.refresh_keys()

    def _draw_frame(self) -> None:
        left, right = self.context.status_line
        self.query_one("#status", Spread).say_both(left, right)
        self.query_one("#last", Spread).say_both(*self.context.last_failure_line)
        too_small = self.query_one("#too-small", Plain)
        if self.has_class("-too-small"):
            width, height = self.app.size
            too_small.say_lines(
                (f"This terminal has {width} columns and {height} lines;",),
                (f"the console needs {SMALLEST[0]} and {SMALLEST[1]}.",),
                (content(*right).plain.rstrip(),),
            )


def scroll_page(scrolled: Widget, direction: int) -> None:
    """Scroll by what is in sight, less one line; ``direction`` is 1 for down, -1 for up."""
    docked = sum(widget.size.height for widget in scrolled.children if widget.styles.is_docked)
    rows = max(scrolled.size.height - docked - 1, 1)
    scrolled.scroll_relative(y=direction * rows, animate=False)


def explain_action(action: Action) -> str:
    """Return the key and the sentence of ``action``, for help and palette."""
    return f"{action.help[:-1]}  ({action.key})"
