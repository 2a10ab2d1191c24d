"""The controls of a form: up and down go from field to field, and what is typed is cleaned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import reactive
from textual.suggester import Suggester
from textual.widgets import Input, OptionList, Select
from textual.widgets.option_list import Option

from mmpush_tui.console.safe import hanging, plain
from mmpush_tui.console.widgets.plain import Plain

_ARROWS: Final = (
    Binding("up", "app.focus_previous", "field before", show=False),
    Binding("down", "app.focus_next", "next field", show=False),
)


class FocusableText(Plain, can_focus=True):
    """Text that takes the focus, so that the keys scroll what it stands in."""


class TextField(Input):
    """One line of text.

    Args:
        value: what it begins with.
        id: its name.
        restrict: a pattern that the text matches as a whole.
        max_length: characters it takes.
        suggester: what completes the text.
        is_secret: what is typed shows as dots.
    """

    BINDINGS: ClassVar[Any] = [
        *_ARROWS,
        # Before the keys that wait in this field's queue: what is typed ahead of a slow line
        # after Tab, such as a password, must not land in the field before.
        Binding("tab", "app.focus_next", "next field", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", "field before", show=False, priority=True),
    ]

    @dataclass
    class Refused(Message):
        """Something was typed or pasted that the field does not take."""

        field: "TextField"

    def __init__(
        self,
        value: str = "",
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        restrict: str | None = None,
        max_length: int = 2048,
        suggester: Suggester | None = None,
        is_secret: bool = False,
    ) -> None:
        super().__init__(
            plain(value, max_length), id=id, restrict=restrict, max_length=max_length,
            suggester=suggester, compact=True, select_on_focus=False, password=is_secret,
        )  # fmt: skip
        # A cursor that blinks repaints twice a second, which a slow link pays for.
        self.cursor_blink = False
        self._room = max_length

    def fill(self, value: object) -> None:
        """Show ``value``, which is no news to anybody."""
        text = plain(value, self._room)
        if text != self.value:
            with self.prevent(Input.Changed):
                self.value = text
            self.cursor_position = len(text)

    def replace(self, text: str, start: int, end: int) -> None:
        """Take ``text`` as one line without control characters."""
        super().replace(plain(text, self._room + 1), start, end)

    def restricted(self) -> None:
        """Tell of it; the bell alone says nothing."""
        self.post_message(self.Refused(self))

    def on_paste(self, event: events.Paste) -> None:
        """Take the first line with something in it: what is copied often begins with none."""
        event.prevent_default()
        event.stop()
        line = next((line.strip() for line in event.text.splitlines() if line.strip()), "")
        if line:
            self.replace(line, *self.selection)


class Dropdown(Select[str], inherit_bindings=False):
    """One of several choices, in a list that Enter opens.

    Args:
        options: words and value of each choice.
        id: its name.
    """

    BINDINGS: ClassVar[Any] = [
        Binding("enter,space", "show_overlay", "open", show=False),
        *_ARROWS,
    ]

    @dataclass
    class Chosen(Message):
        """The user chose something else."""

        dropdown: "Dropdown"
        value: str

    def __init__(self, options: Iterable[tuple[str, str]], *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        self.offered = list(options)
        """Words and value of each choice, in order."""
        super().__init__(_select_options(self.offered), allow_blank=False, compact=True, id=id)
        self._has_begun = False

    def fill(self, options: Sequence[tuple[str, str]], value: str) -> None:
        """Offer ``options`` and show ``value``, which is one of them."""
        with self.prevent(Select.Changed):
            if list(options) != self.offered:
                self.offered = list(options)
                self.set_options(_select_options(self.offered))
            self.value = value

    def on_select_changed(self, event: Select.Changed) -> None:
        """Tell of a choice; the first event is the list's own, for the line it begins on."""
        event.stop()
        if self._has_begun and isinstance(event.value, str):
            self.post_message(self.Chosen(self, event.value))
        self._has_begun = True


class Tick(Horizontal, can_focus=True):
    """A box to tick, with its words beside it in as many lines as they need.

    Args:
        label: the words.
        id: its name.
    """

    BINDINGS: ClassVar[Any] = [
        Binding("enter,space", "tick", "tick", show=False),
        *_ARROWS,
    ]

    value: reactive[bool] = reactive(False, init=False)
    """Whether it is ticked."""

    @dataclass
    class Changed(Message):
        """It was ticked, or the tick was taken back."""

        tick: "Tick"
        value: bool

    def __init__(self, label: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._label = label

    def compose(self) -> ComposeResult:
        """Make the box and the words."""
        yield Plain(_box(self.value), classes="box-tick")
        yield Plain(self._label, classes="words")

    def watch_value(self, value: bool) -> None:
        """Draw the tick and tell of it."""
        if self.is_mounted:
            self.query_one(".box-tick", Plain).say(_box(value))
            self.post_message(self.Changed(self, value))

    def fill(self, value: bool) -> None:
        """Show ``value``, which is no news to anybody."""
        with self.prevent(self.Changed):
            self.value = value

    def action_tick(self) -> None:
        """Tick it, or take the tick back."""
        self.value = not self.value

    def on_click(self) -> None:
        """Take a click as the keys."""
        self.action_tick()


class ShortList(OptionList):
    """A few lines to choose one from with Enter or Space; up and down lead out of its ends."""

    BINDINGS: ClassVar[Any] = [Binding("space", "select", "choose", show=False)]

    def __init__(self, *, classes: str | None = None) -> None:
        super().__init__(compact=True, markup=False, classes=classes)

    def on_focus(self) -> None:
        """Stand somewhere, so that Enter chooses something."""
        if self.highlighted is None and self.option_count:
            self.highlighted = 0

    def action_cursor_up(self) -> None:
        """Go one line up, and from the first one to the field before."""
        if self.highlighted:
            super().action_cursor_up()
        else:
            self.screen.focus_previous()

    def action_cursor_down(self) -> None:
        """Go one line down, and from the last one to the next field."""
        if self.highlighted is not None and self.highlighted < self.option_count - 1:
            super().action_cursor_down()
        else:
            self.screen.focus_next()


class Choices(ShortList):
    """A short list of which one choice holds.

    Args:
        choices: value and words of each.
        chosen: the value that holds.
    """

    BINDINGS: ClassVar[Any] = [Binding("space", "mark", "choose", show=False)]

    @dataclass
    class Marked(Message):
        """A line was chosen with Space, without going on as Enter does."""

        choices: "Choices"
        value: str

    def __init__(self, choices: Sequence[tuple[str, str]], chosen: str) -> None:
        super().__init__()
        self._choices = tuple(choices)
        self._chosen = chosen

    def on_mount(self) -> None:
        """Stand on the choice that holds."""
        self._lay_out()
        self.stand_on_choice()

    def on_resize(self, _event: events.Resize) -> None:
        """Wrap the words anew."""
        self._lay_out()

    def on_blur(self) -> None:
        """Stand on the choice that holds again: a mark that wandered chose nothing."""
        self.stand_on_choice()

    def choose(self, value: str) -> None:
        """Show ``value`` as the choice that holds."""
        if value != self._chosen:
            self._chosen = value
            self._lay_out()
            if not self.has_focus:
                self.stand_on_choice()

    def action_mark(self) -> None:
        """Choose the line in front and stay."""
        if self.highlighted is not None:
            self.post_message(self.Marked(self, self._choices[self.highlighted][0]))

    def stand_on_choice(self) -> None:
        """Mark the choice that holds."""
        values = [value for value, _ in self._choices]
        self.highlighted = values.index(self._chosen) if self._chosen in values else 0

    def _lay_out(self) -> None:
        marked = self.highlighted
        width = self.size.width or 60
        options = [
            Option(
                hanging((" (o) " if value == self._chosen else " ( ) ",), words, width), id=value
            )
            for value, words in self._choices
        ]
        self.clear_options()
        self.add_options(options)
        self.highlighted = marked


def _select_options(options: Iterable[tuple[str, str]]) -> list[tuple[Text, str]]:
    # Plain words would be read as markup; Text is not, and can be found by typing.
    return [(Text(plain(words, 200)), value) for words, value in options]


def _box(is_ticked: bool) -> str:
    return "[x]" if is_ticked else "[ ]"
