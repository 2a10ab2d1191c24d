"""One question with its consequences, answered by a key."""

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mmpush_tui.console.safe import Part, content, hanging, lines
from mmpush_tui.console.screens.box import BoxScreen
from mmpush_tui.console.widgets.plain import Plain

TextLine = str | tuple[Part, str]
"""A line of text, alone or behind a mark; blanks in front indent all its lines."""


class AskScreen(BoxScreen[str]):
    """Asks, and returns the id of the answer; empty where it was left with Esc.

    The answers are always in sight; a text that is too long for the terminal scrolls above them.

    Args:
        title: the question.
        text: what one should know to answer it.
        answers: id and words of each answer; the first one is marked.
    """

    BINDINGS: ClassVar[Any] = [
        Binding("escape", "leave", "back"),
        # Before the list of answers takes them, which is too short to need them.
        Binding("pageup", "page(-1)", "up", show=False, priority=True),
        Binding("pagedown", "page(1)", "down", show=False, priority=True),
    ]

    def __init__(self, title: str, text: Sequence[TextLine], answers: dict[str, str]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._answers = answers
        self.answer = ""
        """The id of the answer, once there is one."""
        self.gone = asyncio.Event()
        """Set when the question is off the screen: going to another screen takes it away, too."""

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="box"):
            yield Plain((self._title, "bold"), classes="title")
            with VerticalScroll(classes="ask-scroll", can_focus=False):
                yield Plain(classes="ask-text")
            options = [Option(content(words), id=id_) for id_, words in self._answers.items()]
            yield OptionList(*options, compact=True, markup=False)
            yield Plain(classes="hint")

    def on_unmount(self) -> None:
        """Tell whoever waits."""
        self.gone.set()

    def lay_out(self) -> None:
        """Give the text the room that the answers leave."""
        scroll = self.scrolled
        scroll.display = bool(self._text)
        answers = self.query_one(OptionList)
        # Such a box does without blank lines.
        is_low = self.has_class("-low")
        most_answers = min(answers.option_count, 12, max(self.size.height // 3, 2))
        answers.styles.max_height = most_answers
        # What is around the text: borders, title and answers, and where there is room for them
        # three blank lines and the hint.
        around = 2 + 1 + most_answers + (0 if is_low else 5)
        room = max(self.size.height - around - (0 if is_low else 2), 1)
        scroll.styles.max_height = room
        width = max(scroll.size.width - 1, 20)
        text = lines(*(_laid_out(row, width) for row in self._text))
        self.query_one(".ask-text", Plain).show(text)
        is_longer = text.plain.count("\n") >= room
        more = "   PgDn PgUp more" if is_longer else ""
        self.query_one(".hint", Plain).say((f"Enter choose   Esc back{more}", "$quiet"))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return the chosen answer."""
        self.answer = event.option_id or ""
        self.dismiss(self.answer)

    def action_leave(self) -> None:
        """Return without an answer."""
        self.dismiss("")


def _laid_out(row: TextLine, width: int) -> Content:
    if isinstance(row, str):
        indent = len(row) - len(row.lstrip(" "))
        return hanging((" " * indent,), row[indent:], width)
    mark, text = row
    return hanging((mark,), text, width)


async def ask(app: App[Any], screen: AskScreen) -> str:
    """Show ``screen`` and return its answer; empty where there is none."""
    app.push_screen(screen)
    await screen.gone.wait()
    return screen.answer
