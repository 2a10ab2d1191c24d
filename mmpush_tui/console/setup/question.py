"""One question of the guided set-up: its label, its control, what is known about the answer."""

import asyncio
from collections.abc import Iterable
from typing import Final

from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets.option_list import Option

from mmpush_tui.console.safe import Part, content
from mmpush_tui.console.widgets.form import Choices, ShortList, TextField
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.fields import Choice, Field, Kind, Value
from mmpush_tui.paths import full_path
from mmpush_tui.settings.page_fields import ACCEPT_TERMS
from mmpush_tui.setup import candidates, steps
from mmpush_tui.setup.answers import LENGTH_LIMIT, looks_like_content
from mmpush_tui.setup.candidates import Wanted
from mmpush_tui.tasks import beside

_LONG: Final = 40
"""Characters of a label from which it stands above its control."""
_OFFERED: Final = 5
_YES_NO: Final = {
    steps.SANDBOX.key: ("Production", "Sandbox, for apps run from Xcode"),
    ACCEPT_TERMS.key: ("Not accepted", "Accepted"),
}


class Question(Horizontal):
    """One field of a page.

    Args:
        field: what is asked.
        wanted: the credential that it names, if it is one.
    """

    class Resized(Message):
        """It has more or fewer lines than before."""

    def __init__(self, field: Field, wanted: Wanted | None = None) -> None:
        is_long = len(field.label) > _LONG
        super().__init__(classes="question -long" if is_long else "question")
        self.field = field
        self._wanted = wanted
        self._offers: tuple[str, ...] = ()
        self._agreed: Value | None = None
        """The draft's value that was last shown or told: the text itself may be ahead of it."""

    def compose(self) -> Iterable[Widget]:
        """Make the parts."""
        yield Plain(self.field.label.rstrip(":"), classes="label")
        with Vertical(classes="answer"):
            if choices := self._choices():
                chosen = _word(self.field.default)
                yield Choices([(choice.value, choice.label) for choice in choices], chosen)
            else:
                completion = Completion(self._wanted) if self._wanted else None
                yield TextField(max_length=LENGTH_LIMIT, suggester=completion)
            yield Plain(classes="under")
            if self._wanted:
                yield ShortList(classes="offers")

    def on_resize(self) -> None:
        """Tell of it: where the others stand has changed."""
        self.post_message(self.Resized())

    def draw(self, value: Value, offers: tuple[str, ...]) -> None:
        """Show the answer, and while there is none the files that could be it."""
        for choices in self.query(Choices):
            choices.choose(_word(value))
        for text in self.query(TextField):
            # A path is kept in full, and stays as it is typed until the field is left.
            if not (text.has_focus and self._agreed == value):
                text.fill(value)
                self._agreed = value
        for list_ in self.query(".offers").results(ShortList):
            if offers != self._offers:
                self._offers = offers
                list_.clear_options()
                list_.add_options(Option(content(f" {path}")) for path in offers[:_OFFERED])
            list_.display = bool(offers) and not str(value).strip()

    @property
    def has_offers(self) -> bool:
        """Whether files are offered now."""
        return any(list_.display for list_ in self.query(".offers"))

    def offered(self, index: int) -> str:
        """Return an offered file."""
        return self._offers[index]

    def value_of(self, id_: str) -> Value:
        """Return the answer that a choice stands for."""
        return id_ == "true" if self.field.kind is Kind.BOOLEAN else id_

    def say_under(self, *parts: Part, is_problem: bool = False) -> None:
        """Show a line beneath."""
        under = self.query_one(".under", Plain)
        under.say(*parts)
        under.set_class(is_problem, "-problem")
        under.set_class(bool(parts), "-shown")

    def take_focus(self) -> None:
        """Let the control have the focus."""
        self.query_one("Choices, TextField").focus()

    def take(self, text: str) -> str:
        """Return the answer that a typed text stands for, which the draft is told of now."""
        is_path = self.field.kind is Kind.PATH and not looks_like_content(text)
        taken = full_path(text) if is_path else text
        self._agreed = taken
        return taken

    def _choices(self) -> tuple[Choice, ...]:
        if self.field.kind is Kind.BOOLEAN:
            no, yes = _YES_NO.get(self.field.key, ("No", "Yes"))
            return Choice(value="false", label=no), Choice(value="true", label=yes)
        return self.field.choices


class Completion(Suggester):
    """Completes a path to a credential of the right kind.

    Args:
        wanted: the kind.
    """

    def __init__(self, wanted: Wanted) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._wanted = wanted
        self._one_at_a_time = asyncio.Lock()
        self._latest = ""

    async def get_suggestion(self, value: str) -> str | None:
        """Return the first file that begins as typed."""
        self._latest = value
        if "/" not in value or looks_like_content(value):
            return None
        # On a file system that does not answer each look would hold a thread.
        async with self._one_at_a_time:
            if value != self._latest:
                return None
            paths = await beside("suggest", candidates.suggest_files, self._wanted, value)
        if not paths:
            return None
        folder, _, begun = value.rpartition("/")
        name = paths[0].name
        if str(paths[0].parent) == full_path(value):
            return f"{value.rstrip('/')}/{name}"
        return f"{folder}/{name}" if name.startswith(begun) else None


def _word(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
