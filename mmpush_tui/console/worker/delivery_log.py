"""The live delivery log: a line-API widget over a ring of rows."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mmpush_tui.console.worker.log_columns import Piece, fitted, pieces
from mmpush_tui.console.worker.log_position import Position
from mmpush_tui.console.worker.log_ring import LogRing, LogRow
from mmpush_tui.watching.filters import Matcher

_WHEEL_ROWS: Final = 3
_STRIPS: Final = 256


_Line = tuple[int, float | None, bool]
"""What a line of the widget shows: row, receipt, mark. Equal lines need no painting."""


class DeliveryLog(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows the rows of a ring, follows the newest or stands still.

    Textual's own scrolling is left alone: the place is a row's number, so that rows which come
    or go do not move the text. While it stands still even rows that the ring has dropped stay on
    the screen until the reader moves.

    Args:
        ring: the rows; others may add to it at any time.
        flush_every_s: seconds between two looks for what is new.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "delivery-log--time",
        "delivery-log--fail",
        "delivery-log--remove",
        "delivery-log--alarm",
        "delivery-log--cursor",
    }
    DEFAULT_CSS = """
    DeliveryLog {
        height: 1fr;
        overflow: hidden hidden;
        scrollbar-size: 0 0;
        & > .delivery-log--time { text-style: dim; }
        & > .delivery-log--fail { color: $text-error; text-style: bold; }
        & > .delivery-log--remove { color: $text-warning; }
        & > .delivery-log--alarm { color: $text-error; text-style: bold; }
        & > .delivery-log--cursor { text-style: reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="log.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="log.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="log.page-up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="log.page-down"),
        Binding("home,g", "oldest", "Oldest", show=False, id="log.oldest"),
        Binding("end,G,f", "follow", "Follow", id="log.follow"),
        Binding("space", "freeze", "Freeze", id="log.freeze"),
        Binding("n", "next_failure", "Next failure", show=False, id="log.next-failure"),
        Binding("N", "previous_failure", "Previous failure", show=False, id="log.previous-failure"),
        Binding("enter", "open", "Detail", id="log.open"),
    ]

    @dataclass
    class Opened(Message):
        """Enter or a double click on a row."""

        row: LogRow

    @dataclass
    class Moved(Message):
        """Place, cursor, follow mode or the number of new rows have changed."""

        position: Position

        def can_replace(self, message: Message) -> bool:
            """Only the latest counts."""
            return isinstance(message, DeliveryLog.Moved)

    @dataclass
    class Refused(Message):
        """A key that could do nothing here, and why, as a sentence."""

        reason: str

    def __init__(self, ring: LogRing, *, flush_every_s: float) -> None:
        super().__init__()
        self.ring = ring
        self.is_following = True
        self._flush_every_s = flush_every_s
        self._page: list[LogRow] = []
        self._lines: list[_Line] = []
        self._top = self._cursor = 0
        self._newest_shown = 0
        self._revision = -1
        self._posted = Position(), 0
        self._strips: LRUCache[object, Strip] = LRUCache(_STRIPS)

    def on_mount(self) -> None:
        """Begin to look for what is new."""
        self.set_interval(self._flush_every_s, self.flush)

    @property
    def position(self) -> Position:
        """Where the log stands now."""
        ring, page = self.ring, self._page
        last = ring.position(page[-1].number + 1) if page else 0
        first = min(ring.position(page[0].number) + 1, last) if page else 0
        new, failed = (0, 0) if self.is_following else ring.since(self._newest_shown)
        return Position(
            first=first, last=last, total=len(ring), is_following=self.is_following,
            new=new, failed=failed,
        )  # fmt: skip

    @property
    def current(self) -> LogRow | None:
        """The row the cursor is on; None where nothing is shown."""
        return next((row for row in self._page if row.number == self._cursor), None)

    def flush(self) -> None:
        """Show what has come, where that can be seen and there is anything."""
        if self._revision == self.ring.revision or not self._is_visible():
            return
        self._revision = self.ring.revision
        if self.is_following:
            self._choose_rows()
        self._draw()

    def set_filter(self, matcher: Matcher | None) -> None:
        """Show only what ``matcher`` lets pass, around the same row where it is among it."""
        self.ring.set_filter(matcher)
        self._show()

    def action_move(self, rows: int) -> None:
        """Move the cursor; upwards stops following."""
        self._go(self.ring.position(self._cursor) + rows)

    def action_page(self, pages: int) -> None:
        """Move by what the widget shows, less one row that stays in sight."""
        self._scroll_by(max(self.size.height - 1, 1) * pages)

    def action_oldest(self) -> None:
        """Go to the oldest row."""
        self._go(0)

    def action_follow(self) -> None:
        """Go to the newest row and stay with what comes."""
        self.is_following = True
        self._show()

    def action_freeze(self) -> None:
        """Hold still; again to follow."""
        if self.is_following:
            self.is_following = False
            self._tell()
        else:
            self.action_follow()

    def action_next_failure(self) -> None:
        """Go to the next delivery that failed."""
        self._go_to_failure(self.ring.next_failure(self._cursor), "No failure below this line.")

    def action_previous_failure(self) -> None:
        """Go to the delivery before that failed."""
        self._go_to_failure(self.ring.previous_failure(self._cursor), "No failure above this line.")

    def action_open(self) -> None:
        """Ask for the journey of the row the cursor is on."""
        if row := self.current:
            self.post_message(self.Opened(row))

    def on_resize(self, _event: events.Resize) -> None:
        """Keep the cursor's row in sight."""
        self._show()

    def on_click(self, event: events.Click) -> None:
        """Go to the row under the mouse; a second click opens it."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y >= len(self._page):
            return
        number = self._page[offset.y].number
        if event.chain == 1:
            self._go(self.ring.position(number))
        elif number == self._cursor:
            self.action_open()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move towards the older rows."""
        event.stop().prevent_default()
        self._scroll_by(-_WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move towards the newer rows."""
        event.stop().prevent_default()
        self._scroll_by(_WHEEL_ROWS)

    def notify_style_update(self) -> None:
        """Draw every line anew, because the colours may be others."""
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        width = self.size.width
        if y < len(self._page):
            return self._strip(self._page[y], width)
        empty = " No row passes the filter." if self.ring.kept else " No deliveries yet."
        text = empty if y == 0 and not self._page else ""
        return Strip([Segment(fitted(text, width), self.rich_style)], width)

    def _strip(self, row: LogRow, width: int) -> Strip:
        is_marked = row.number == self._cursor
        key = (row.number, row.seen_ms, width, is_marked, self.has_focus)
        strip = self._strips.get(key)
        if strip is None:
            segments = self._segments(pieces(row, width - 1), is_marked=is_marked)
            strip = Strip(segments).adjust_cell_length(width, self.rich_style)
            self._strips[key] = strip
        return strip

    def _segments(self, parts: list[Piece], *, is_marked: bool) -> list[Segment]:
        """Return a row's parts with their styles, the mark in front; few, as each costs bytes."""
        base = self.rich_style
        is_reverse = is_marked and self.has_focus
        if is_reverse:
            base += self._style("cursor")
        mark = ">" if is_marked else " "
        segments = []
        for text, kind in parts:
            # Reversed and dim would hardly be legible.
            is_plain = not kind or (is_reverse and kind == "time")
            segments.append(
                Segment(f"{mark}{text}", base if is_plain else base + self._style(kind))
            )
            mark = ""
        return segments

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"delivery-log--{name}", partial=True)

    def _show(self) -> None:
        self._choose_rows()
        self._draw()

    def _choose_rows(self) -> None:
        """Decide which rows are shown, from cursor, top and the size of the widget."""
        ring, height = self.ring, self.size.height
        count = len(ring)
        if self.is_following:
            cursor = top = count - 1
            self._newest_shown = ring.newest
        else:
            cursor = min(ring.position(self._cursor), count - 1)
            top = min(ring.position(self._top), cursor)
        top = max(min(max(top, cursor - height + 1), count - height), 0)
        self._page = [ring[index] for index in range(top, min(top + height, count))]
        if self._page:
            self._top, self._cursor = self._page[0].number, ring[cursor].number
            self._newest_shown = max(self._newest_shown, self._page[-1].number)

    def _draw(self) -> None:
        """Have those lines painted that show something else than before."""
        before = self._lines
        self._lines = [
            (row.number, row.seen_ms, row.number == self._cursor) for row in self._page
        ] or [(0, None, self.ring.kept > 0)]
        changed = [y for y, (old, new) in enumerate(zip_longest(before, self._lines)) if old != new]
        if len(changed) > self.size.height // 2:
            self.refresh()
        else:
            for y in changed:
                self.refresh_lines(y)
        self._tell()

    def _tell(self) -> None:
        if (now := (self.position, self._cursor)) != self._posted:
            self._posted = now
            self.post_message(self.Moved(now[0]))

    def _go(self, index: int) -> None:
        """Put the cursor on a place of the view and keep it in sight."""
        if not self.ring or (self.is_following and index >= self.ring.position(self._cursor)):
            return
        self.is_following = False
        self._cursor = self.ring[min(max(index, 0), len(self.ring) - 1)].number
        self._show()

    def _scroll_by(self, rows: int) -> None:
        """Move cursor and text together, so that the cursor stays on its line of the screen."""
        ring = self.ring
        if not ring or (self.is_following and rows > 0):
            return
        last = len(ring) - 1
        self._top = ring[min(max(ring.position(self._top) + rows, 0), last)].number
        self._go(ring.position(self._cursor) + rows)

    def _go_to_failure(self, row: LogRow | None, refusal: str) -> None:
        if row is None:
            self.post_message(self.Refused(refusal))
            return
        index = self.ring.position(row.number)
        if row not in self._page:
            # With what came before and after it in sight.
            self._top = self.ring[max(index - self.size.height // 2, 0)].number
        self.is_following = False
        self._go(index)

    def _is_visible(self) -> bool:
        # At the end of the console a timer may still come when there is no screen any more.
        in_front = self.app.screen_stack[-1:]
        return self.is_attached and [self.screen] == in_front and self.is_on_screen
