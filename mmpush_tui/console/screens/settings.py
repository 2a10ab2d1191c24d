"""The Push Notification Server page of Mattermost's System Console."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Final

from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Select

from mmpush_tui.console.actions import bindings
from mmpush_tui.console.safe import Part, hanging, lines, plain
from mmpush_tui.console.screens.ask import AskScreen, ask
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.widgets.frame import MARKS, Spread
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.fields import Field, FieldError, Kind
from mmpush_tui.settings import page_fields as rows
from mmpush_tui.settings.page import Change, Contents, Mode, Page, Region
from mmpush_tui.text import presentable

_CONTENTS_HEAD: Final = rows.CONTENTS.name


class SettingRow(Vertical):
    """One setting: a mark where it is changed, its label, its control, a line beneath.

    Args:
        field: the setting.
    """

    def __init__(self, field: Field) -> None:
        super().__init__(id=f"row-{field.name}", classes="row")
        self.field = field

    def compose(self) -> Iterable[Widget]:
        """Make the parts."""
        with Horizontal(classes="line"):
            yield Plain(classes="mark")
            yield Plain(self.field.label if self.field.kind is not Kind.BOOLEAN else "",
                        classes="label")  # fmt: skip
            yield self._control()
        yield Plain(classes="under")

    def _control(self) -> Widget:
        match self.field.kind:
            case Kind.CHOICE:
                options = [(choice.label, choice.value) for choice in self.field.choices]
                return Select(options, allow_blank=False, compact=True, id=self.field.name)
            case Kind.BOOLEAN:
                return Checkbox(self.field.label, compact=True, id=self.field.name)
            case kind:
                return Input(
                    id=self.field.name,
                    compact=True,
                    select_on_focus=False,
                    restrict=r"[0-9]{0,19}" if kind is Kind.INTEGER else None,
                    max_length=2048,
                )

    def say_under(self, text: str, *, is_problem: bool = False) -> None:
        """Show a line beneath the control; none where ``text`` is empty."""
        under = self.query_one(".under", Plain)
        under.say(text)
        under.display = bool(text)
        under.set_class(is_problem, "-problem")


class SettingsScreen(ConsoleScreen):
    """Mirrors the web page over the settings' source."""

    name_ = "settings"
    BINDINGS: ClassVar[Any] = bindings("settings")
    AUTO_FOCUS = "#mode"

    def __init__(self) -> None:
        super().__init__()
        self._unreadable = ""

    def body(self) -> Iterable[Widget]:
        """Make the form."""
        yield Spread(id="settings-head", classes="head")
        with VerticalScroll(id="settings-form", can_focus=False):
            for field in rows.FIELDS:
                if field.name == _CONTENTS_HEAD:
                    yield Plain("Notifications", classes="head gap")
                yield SettingRow(field)
            yield Plain(id="settings-advice")
        yield Plain(id="settings-state")

    def draw(self, topics: frozenset[str]) -> None:
        """Show the draft."""
        if "settings" not in topics:
            return
        view = self.console_app.settings.view
        self.query_one("#settings-head", Spread).say_both(
            ("Push Notification Server",), ((view.at or "no file", "$quiet"),)
        )
        draft, saved = view.draft, view.saved
        self.query_one("#settings-form").display = draft is not None
        if draft is not None and saved is not None:
            with self.prevent(Select.Changed, Input.Changed, Checkbox.Changed):
                for row in self.query(SettingRow):
                    self._draw_row(row, draft, saved)
            self._draw_advice()
        self._draw_state()

    def _draw_row(self, row: SettingRow, draft: Page, saved: Page) -> None:
        view, name = self.console_app.settings.view, row.field.name
        row.set_class(not rows.visible(name, draft), "-hidden")
        is_changed = name != rows.ACCEPT_TERMS.name and _value(draft, name) != _value(saved, name)
        row.query_one(".mark", Plain).say("* " if is_changed else "")
        held_by = rows.locked_by(name, view.locked)
        row.set_class(bool(held_by), "-locked")
        control = row.query_one(f"#{name}")
        control.disabled = not rows.enabled(name, draft, view.locked)
        _fill(control, row.field, draft, view.licence)
        was = f"was {_words(name, saved)}" if is_changed else ""
        if held_by:
            row.say_under(f"locked: set by {held_by}")
        elif name == rows.CONTENTS.name and draft.contents in Contents.__members__.values():
            sends = rows.CONTENTS_SENDS[Contents(draft.contents)]
            row.say_under(f"{sends} ({was})" if was else sends)
        else:
            row.say_under(was)

    def _draw_advice(self) -> None:
        notes = self.console_app.settings.view.notes
        shown = []
        for note in notes:
            mark = MARKS["warn"] if note.severity == "warn" else ("note", "$quiet")
            first: Part = (f"  {mark[0]:<5}", mark[1])
            shown.append(hanging((first,), note.message, max(self.size.width - 4, 30)))
        self.query_one("#settings-advice", Plain).show(lines(*shown))

    def _draw_state(self) -> None:
        view = self.console_app.settings.view
        state = self.query_one("#settings-state", Plain)
        if view.problem:
            mark = MARKS["fail" if view.at else "off"]
            state.show(hanging(((f" {mark[0]:<5}", mark[1]),), view.problem, self.size.width - 3))
        elif view.news:
            state.say((" ok   ", "$success"), view.news)
        elif view.changes:
            count = len(view.changes)
            words = "1 change" if count == 1 else f"{count} changes"
            why = view.blocked
            ready = "^s shows what would be written, and writes it."
            state.say((f" {words} not saved. ", "bold $warning"), why or ready)
        elif view.draft != view.saved and view.blocked:
            state.say((" not saved ", "bold $warning"), view.blocked)
        else:
            state.say((" as stored", "$quiet"))

    def on_select_changed(self, event: Select.Changed) -> None:
        """Take a choice."""
        draft = self.console_app.settings.view.draft
        # A choice that was overtaken, such as the one a new dropdown begins with.
        if draft is None or event.value != event.select.value or not isinstance(event.value, str):
            return
        match event.select.id:
            case "mode":
                draft = draft.with_mode(Mode(event.value))
            case "region":
                draft = draft.with_region(Region(event.value))
            case "contents" if event.value in Contents.__members__.values():
                draft = draft.with_contents(Contents(event.value))
        self.console_app.settings.edit(draft)

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        """Take the terms."""
        if (draft := self.console_app.settings.view.draft) is not None:
            self.console_app.settings.edit(draft.with_agreed(event.value))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take what was typed; a number that is none is named under the field."""
        draft = self.console_app.settings.view.draft
        if draft is None or event.input.id is None:
            return
        if event.input.id == rows.SERVER.name:
            self.console_app.settings.edit(draft.with_server(event.value))
            return
        row = self.query_one(f"#row-{event.input.id}", SettingRow)
        try:
            number = row.field.parse(event.value)
        except FieldError as error:
            self._unreadable = f"{row.field.label.rstrip(':')}: {error}."
            row.say_under(f"{error}; {draft.max_notifications} stays", is_problem=True)
            return
        self._unreadable = ""
        self.console_app.settings.edit(draft.with_max_notifications(int(number)))

    def on_descendant_blur(self) -> None:
        """Show the draft's own number again where something else was left standing."""
        if self._unreadable:
            self._unreadable = ""
            self.draw(frozenset({"settings"}))

    def can(self, do: str) -> bool:
        """Saving and reverting need something to save or revert."""
        view = self.console_app.settings.view
        match do:
            case "save" | "diff":
                return view.draft != view.saved
            case "revert" | "revert_all":
                return view.draft != view.saved
            case "check":
                return view.draft is not None and view.draft.mode is not Mode.OFF
            case _:
                return True

    def action_diff(self) -> None:
        """Show what saving would write."""
        view = self.console_app.settings.view
        text = [*_plan(view.changes), "", view.blocked or "^s on the form writes this."]
        self.app.push_screen(AskScreen("What saving would write", text, {"": "Back to the form"}))

    def action_save(self) -> None:
        """Ask with the plan, then write."""
        self.console_app.tasks.spawn("save-settings", self._save())

    async def _save(self) -> None:
        desk = self.console_app.settings
        if why := self._unreadable or desk.view.blocked:
            self.app.push_screen(AskScreen("This cannot be saved yet", [why], {"": "Back"}))
            return
        text = [
            *_plan(desk.view.changes),
            "",
            f"To {desk.view.at}; every other byte of it stays.",
            "A copy with the time in its name is kept beside it.",
        ]
        answers = {"save": "Write it", "": "Back to the form"}
        if await ask(self.app, AskScreen("Save these settings?", text, answers)) == "save":
            await desk.save()

    def action_revert(self) -> None:
        """Put the focused setting back."""
        view = self.console_app.settings.view
        row = next((n for n in self.focused.ancestors_with_self if isinstance(n, SettingRow)),
                   None) if self.focused else None  # fmt: skip
        if row is None or view.draft is None or view.saved is None:
            return
        if row.field.name in (rows.CONTENTS.name, rows.MAX_NOTIFICATIONS.name):
            name = row.field.name
            self.console_app.settings.edit(replace(view.draft, **{name: getattr(view.saved, name)}))
            return
        # Mode, region, terms and address follow from each other: they go back together.
        old = view.saved
        self.console_app.settings.edit(
            replace(view.draft, mode=old.mode, region=old.region, server=old.server,
                    agreed=old.agreed)
        )  # fmt: skip

    def action_revert_all(self) -> None:
        """Put everything back."""
        if (saved := self.console_app.settings.view.saved) is not None:
            self.console_app.settings.edit(saved)

    def action_reread(self) -> None:
        """Read the file again."""
        self.console_app.tasks.spawn("reread-settings", self._reread())

    async def _reread(self) -> None:
        desk = self.console_app.settings
        if desk.view.changes:
            answers = {"read": "Read again and lose them", "": "Keep them"}
            text = [f"{len(desk.view.changes)} changes are not saved."]
            if await ask(self.app, AskScreen("Read the file again?", text, answers)) != "read":
                return
        await desk.load()

    async def action_check(self) -> None:
        """Check the push server of the draft."""
        self.console_app.checks.start()
        await self.console_app.action_goto("checks")


def _value(page: Page, name: str) -> object:
    return page.agreed if name == rows.ACCEPT_TERMS.name else getattr(page, name)


def _words(name: str, page: Page) -> str:
    value = _value(page, name)
    return rows.words(name, value) or presentable(value) or "empty"


def _fill(control: Widget, field: Field, draft: Page, licence: Any) -> None:
    value = _value(draft, field.name)
    match control:
        case Select():
            offered = rows.choices(field.name, draft, licence)
            options = [(choice.label, choice.value) for choice in offered]
            if value not in {choice.value for choice in offered}:
                options.append((f"{plain(value, 40)} (unknown to this page)", str(value)))
            if options != getattr(control, "shown_options", None):
                control.set_options(options)
                control.shown_options = options  # type: ignore[attr-defined] # rebuilt only when it differs
            control.value = str(value)
        case Checkbox():
            control.value = bool(value)
        case Input() if field.kind is Kind.INTEGER:
            if not control.has_focus or not control.value:
                control.value = str(value)
        case Input():
            text = plain(value, 2048)
            if control.value != text and not (control.has_focus and control.value.strip() == text):
                control.value = text


def _plan(changes: Iterable[Change]) -> list[str]:
    text = []
    for change in changes:
        text += [change.key, f"  old  {_shown(change.old)}", f"  new  {_shown(change.new)}"]
    return text or ["Nothing is changed."]


def _shown(value: str | int | bool | None) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    # An address may hold a password.
    return presentable(value) or "empty"
