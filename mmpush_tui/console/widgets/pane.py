"""A part of a screen that opens under or beside the rest, and scrolls."""

from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message

from mmpush_tui.console.safe import Part
from mmpush_tui.console.widgets.frame import Spread
from mmpush_tui.console.widgets.plain import Plain

_COUNTED_FROM = 60
"""Columns from which the head has room for the numbers of the lines."""
_BESIDE = 3
"""Cells beside the text: the padding of the style sheet, and the scrollbar where there is one."""


class Pane(VerticalScroll, can_focus=False):
    """Text under a head that says how it is scrolled and closed.

    Args:
        title: what it is about, for the head.
        id: the widget's own.
    """

    class Resized(Message):
        """It is laid out anew, with other room than before."""

    def __init__(self, title: str, *, id: str) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id, classes="pane")
        self._title = title

    def compose(self) -> ComposeResult:
        """Make head and text."""
        yield Spread(classes="pane-head")
        yield Plain(classes="pane-text")

    def on_mount(self) -> None:
        """Keep the head with the text."""
        for name in ("scroll_y", "virtual_size"):
            self.watch(self, name, self._draw_head, init=False)

    def on_resize(self, _event: events.Resize) -> None:
        """Keep the head with the text, and have the text laid out anew."""
        self.call_after_refresh(self._draw_head)
        self.post_message(self.Resized())

    @property
    def is_open(self) -> bool:
        """Whether it is on the screen."""
        return self.has_class("-open")

    @property
    def room(self) -> int:
        """Cells of one line of the text; 0 before there is a layout."""
        return max(self.size.width - _BESIDE, 0)

    def open(self) -> None:
        """Bring it on the screen."""
        self.add_class("-open")

    def close(self) -> None:
        """Take it off the screen."""
        self.remove_class("-open")

    def show(self, text: Content, *, is_new: bool) -> None:
        """Show ``text``, from its beginning where it is about something new."""
        self.query_one(".pane-text", Plain).show(text)
        if is_new:
            self.scroll_home(animate=False)
        self.call_after_refresh(self._draw_head)

    def _draw_head(self) -> None:
        if not self.is_mounted:
            return
        keys = "Esc close"
        height = self.size.height - 1
        if self.max_scroll_y > 0 and height > 0:
            first = round(self.scroll_y) + 1
            total = self.virtual_size.height - 1
            lines = f"lines {first}-{min(first + height - 1, total)} of {total}   "
            keys = f"{lines if self.size.width >= _COUNTED_FROM else ''}J K scroll   {keys}"
        title: Part = (f" {self._title}", "bold $primary")
        self.query_one(Spread).say_both((title,), ((f"{keys} ", "$quiet"),))
