"""Text on the screen. No other module draws a Static or a Label."""

from textual.content import Content
from textual.widgets import Static

from mmpush_tui.console.safe import Part, content, lines


class Plain(Static):
    """Shows lines of plain text, each made of parts with their own styles."""

    def __init__(self, *parts: Part, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(content(*parts), id=id, classes=classes, markup=False)

    def say(self, *parts: Part) -> None:
        """Show one line."""
        self.show(content(*parts))

    def say_lines(self, *rows: tuple[Part, ...]) -> None:
        """Show several lines."""
        self.show(lines(*(content(*row) for row in rows)))

    def show(self, text: Content) -> None:
        """Show what the functions of ``safe`` made; nothing is painted where it is the same."""
        before = self.content
        if not isinstance(before, Content) or not before.is_same(text):
            self.update(text)
