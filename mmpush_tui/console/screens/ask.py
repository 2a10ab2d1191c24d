"""One question with its consequences, answered by a key."""

import asyncio
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mmpush_tui.console.safe import content
from mmpush_tui.console.widgets.plain import Plain


class AskScreen(ModalScreen[str]):
    """Asks, and returns the id of the answer; empty where it was left with Esc.

    Args:
        title: the question.
        text: what one should know to answer it, one line each.
        answers: id and words of each answer; the first one is marked.
    """

    BINDINGS: ClassVar[Any] = [Binding("escape", "leave", "back")]

    def __init__(self, title: str, text: list[str], answers: dict[str, str]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._answers = answers

    def compose(self) -> ComposeResult:
        """Make the box."""
        with Vertical(classes="box"):
            yield Plain((self._title, "bold"), classes="title")
            if self._text:
                text = Plain(classes="text")
                text.say_lines(*((line,) for line in self._text))
                yield text
            options = [Option(_shown(words), id=id_) for id_, words in self._answers.items()]
            yield OptionList(*options, compact=True, markup=False)
            yield Plain(("Enter choose   Esc back", "$quiet"), classes="hint")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return the chosen answer."""
        self.dismiss(event.option_id or "")

    def action_leave(self) -> None:
        """Return without an answer."""
        self.dismiss("")


def _shown(words: str) -> Content:
    return content(words)


async def ask(app: App[Any], screen: AskScreen) -> str:
    """Show ``screen`` and return its answer; empty where there is none."""
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def take(answer: str | None) -> None:
        if not answered.done():
            answered.set_result(answer or "")

    app.push_screen(screen, take)
    return await answered
