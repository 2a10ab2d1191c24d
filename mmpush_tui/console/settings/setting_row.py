"""One setting of the page in its row, and the advice beneath all rows."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from textual import events
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from mmpush_tui.console.safe import hanging, lines
from mmpush_tui.console.settings.desk import SettingsView
from mmpush_tui.console.widgets.form import Dropdown, TextField, Tick
from mmpush_tui.console.widgets.frame import mark
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.fields import Field, FieldError, Kind
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.settings import page_fields as rows
from mmpush_tui.settings.page import Contents, Page
from mmpush_tui.text import presentable

_DIGITS: Final = r"[0-9]{0,18}"
_ADDRESS_LIMIT: Final = 2048


class SettingRow(Vertical):
    """One setting: a mark where it is changed, its label, its control, lines beneath.

    The row itself takes the focus where the control cannot be edited, so that every row can be
    reached and read, and where Esc has left a text field, so that letters are keys again.

    Args:
        field: the setting.
    """

    BINDINGS: ClassVar[Any] = [
        Binding("escape", "leave_field", "leave field", show=False),
        Binding("enter", "enter_field", "edit", show=False),
        Binding("up", "app.focus_previous", "row before", show=False),
        Binding("down", "next_row", "next row", show=False),
    ]

    class Resized(Message):
        """The row has more or fewer lines than before."""

    def __init__(self, field: Field) -> None:
        super().__init__(id=f"row-{field.name}", classes="row")
        self.field = field
        self.last_taken: str | None = None
        """What the draft was last told of the text field: the text itself may be ahead of it."""

    def compose(self) -> Iterable[Widget]:
        """Make the parts."""
        with Horizontal(classes="line"):
            if self.field.kind is not Kind.BOOLEAN:
                yield Plain(classes="label")
            yield self._control()
        yield Plain(classes="was")
        yield Plain(classes="under")

    def _control(self) -> Widget:
        name = self.field.name
        match self.field.kind:
            case Kind.CHOICE:
                return Dropdown([(c.label, c.value) for c in self.field.choices], id=name)
            case Kind.BOOLEAN:
                return Tick(self.field.label, id=name)
            case Kind.INTEGER:
                return TextField(id=name, restrict=_DIGITS)
            case _:
                return TextField(id=name, max_length=_ADDRESS_LIMIT)

    @property
    def control(self) -> Widget:
        """What the setting is edited with."""
        return self.query_one(f"#{self.field.name}")

    def draw(self, view: SettingsView, misfit: str) -> None:
        """Show the draft.

        Args:
            view: what is known of the settings; the draft is there.
            misfit: what is wrong with what stands in the field; empty where nothing is.
        """
        if view.draft is None or view.saved is None:
            return
        name, draft, saved = self.field.name, view.draft, view.saved
        self.display = rows.visible(name, draft)
        held_by = rows.locked_by(name, view.held)
        self.set_class(bool(held_by), "-locked")
        self._let_edit(rows.enabled(name, draft, view.held))
        changed = is_changed(name, saved, draft)
        for label in self.query(".label").results(Plain):
            label.say(("* " if changed else "  ", "bold $warning"), rows.label(self.field, draft))
        was = self.query_one(".was", Plain)
        was.display = changed and rows.visible(name, saved)
        if changed:
            was.say(f"was {shown_setting(name, saved)}")
        if not misfit:
            self._fill(view)
        self.say_under(misfit or _beneath(name, draft, held_by), is_problem=bool(misfit))

    def say_under(self, text: str, *, is_problem: bool = False) -> None:
        """Show a line beneath the control; none where ``text`` is empty."""
        under = self.query_one(".under", Plain)
        under.say(text)
        under.set_class(bool(text), "-shown")
        under.set_class(is_problem, "-problem")

    def _fill(self, view: SettingsView) -> None:
        draft, control = view.draft, self.control
        if draft is None:
            return
        match control:
            case Dropdown():
                control.fill(*_offered(self.field, draft, view))
            case Tick():
                control.fill(draft.agreed)
            case TextField() if view.hides(self.field.name):
                control.fill("")
            case TextField():
                value = getattr(draft, self.field.name)
                if not (control.has_focus and _means(self.field, self.last_taken) == value):
                    control.fill(value)

    def _let_edit(self, is_enabled: bool) -> None:
        control = self.control
        if self.has_focus or (control.has_focus_within and not is_enabled):
            self.can_focus = True
            # At once: a control that is disabled gives the focus to any other row.
            self.screen.set_focus(self)
        else:
            self.can_focus = not is_enabled
        control.disabled = not is_enabled

    def on_resize(self, _event: events.Resize) -> None:
        """Tell of it."""
        self.post_message(self.Resized())

    def on_blur(self, _event: events.Blur) -> None:
        """Be no stop on the way any more, unless the control is none."""
        self.can_focus = self.control.disabled

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let through what makes sense now."""
        del parameters
        match action:
            case "leave_field":
                return isinstance(self.control, TextField) and self.control.has_focus
            case "enter_field":
                return self.has_focus and not self.control.disabled
            case _:
                return True

    def action_leave_field(self) -> None:
        """Stand on the row, where letters are keys."""
        self.can_focus = True
        self.focus()

    def action_enter_field(self) -> None:
        """Go back into the field."""
        self.control.focus()

    def action_next_row(self) -> None:
        """Go past the field that was left."""
        if self.has_focus and not self.control.disabled:
            self.screen.set_focus(self.control)
        self.screen.focus_next()


class Advice(Vertical, can_focus=True):
    """What one should know about the draft; it takes the focus, so that it can be scrolled."""

    def compose(self) -> Iterable[Widget]:
        """Make the parts."""
        yield Plain("Advice", classes="head")
        yield Plain(classes="text")

    def draw(self, notes: Iterable[Finding], width: int) -> None:
        """Show ``notes`` in lines of ``width`` cells."""
        shown_rows: list[Content] = []
        for note in notes:
            word = mark("warn") if note.severity is Severity.WARN else ("note ", "$quiet")
            shown_rows.append(hanging((word,), note.message, width))
        self.display = bool(shown_rows)
        self.query_one(".text", Plain).show(lines(*shown_rows))


def is_changed(name: str, saved: Page, draft: Page) -> bool:
    """Return whether a row is marked as changed; the terms never are, being stored nowhere."""
    return name != rows.ACCEPT_TERMS.name and getattr(draft, name) != getattr(saved, name)


def shown_setting(name: str, page: Page) -> str:
    """Return what a row holds, in words."""
    value = getattr(page, name)
    return rows.page_words(name, value) or presentable(value) or "(empty)"


def _beneath(name: str, draft: Page, held_by: str) -> str:
    if held_by:
        return f"locked: {held_by}"
    if name == rows.ACCEPT_TERMS.name:
        # Shown where there is no room for the help, which has them too.
        return f"{rows.TERMS_URL} {rows.PRIVACY_URL}"
    if name == rows.CONTENTS.name and draft.contents in Contents.__members__.values():
        return rows.CONTENTS_SENDS[Contents(draft.contents)]
    return ""


def _offered(field: Field, draft: Page, view: SettingsView) -> tuple[list[tuple[str, str]], str]:
    """Return what a dropdown offers, and what is chosen."""
    value = str(getattr(draft, field.name))
    if view.hides(field.name):
        return [("not to be seen with this token", value)], value
    offered = [(c.label, c.value) for c in rows.choices(field.name, draft, view.licence)]
    if value not in [known for _, known in offered]:
        words = presentable(value, 40) or "empty"
        offered.append((f"unknown to this page: {words}", value))
    return offered, value


def _means(field: Field, text: str | None) -> object:
    """Return the value that ``text`` stands for; None where there is none."""
    try:
        return None if text is None else field.parse(text)
    except FieldError:
        return None
