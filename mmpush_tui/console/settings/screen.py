"""The Push Notification Server page of Mattermost's System Console."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget

from mmpush_tui.console.actions import bindings
from mmpush_tui.console.context import Context
from mmpush_tui.console.safe import content, hanging, lines
from mmpush_tui.console.screens.ask import AskScreen, TextLine, ask
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.settings import source, writing
from mmpush_tui.console.settings.desk import SettingsDesk
from mmpush_tui.console.settings.setting_row import Advice, SettingRow
from mmpush_tui.console.widgets.form import Dropdown, FocusableText, TextField, Tick
from mmpush_tui.console.widgets.frame import Spread, mark
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.fields import FieldError
from mmpush_tui.settings import page_fields as rows
from mmpush_tui.settings.page import Contents, Mode
from mmpush_tui.settings.urls import Region
from mmpush_tui.troubleshooting import lookup

if TYPE_CHECKING:
    from mmpush_tui.simulator.stage import DemoStage

_NOTIFICATIONS: Final = rows.CONTENTS.name
"""The row before which the web has another page."""
_HEIGHTS: Final = [(0, "-low"), (22, "-high")]
"""Below the second one there is no room for the help of the setting in front."""
_NO_NUMBER: Final = "Enter a whole number of 1 or more, in digits."
_TOO_LONG: Final = "That is too long for an address, and was not taken."


class SettingsScreen(ConsoleScreen):
    """Mirrors the web page over the settings' source."""

    name_ = "settings"
    VERTICAL_BREAKPOINTS = _HEIGHTS
    BINDINGS: ClassVar[Any] = bindings("settings")
    AUTO_FOCUS = "#mode"

    def __init__(
        self,
        context: Context,
        settings: SettingsDesk,
        start_checks: Callable[[], None],
        stage: "DemoStage | None",
    ) -> None:
        super().__init__(context)
        self._settings = settings
        self._start_checks = start_checks
        self._stage = stage
        self._misfits: dict[str, str] = {}
        """What is wrong with what stands in a field and is no value of it, by the field."""
        self._shown_place: tuple[str, str] = ("", "")
        self._last: Widget | None = None
        """What had the focus last; a terminal that is too small for a while takes it away."""

    def body(self) -> Iterable[Widget]:
        """Make the form."""
        yield Spread(id="settings-head", classes="head")
        with VerticalScroll(id="settings-form", can_focus=False):
            yield FocusableText(id="settings-unread")
            with Vertical(id="settings-rows"):
                for field in rows.FIELDS:
                    if field.name == _NOTIFICATIONS:
                        yield Plain("Notifications", classes="head gap")
                    yield SettingRow(field)
                yield Advice(id="settings-advice")
        yield Plain(id="settings-help", classes="quiet")
        yield Plain(id="settings-state")

    def draw(self) -> None:
        """Show the draft."""
        view = self._settings.view
        if (view.kind, view.at) != self._shown_place:
            # What was mistyped elsewhere is no mistake here.
            self._shown_place = (view.kind, view.at)
            self._forget()
        if view.draft is not None:
            for row in self.query(SettingRow):
                row.draw(view, self._misfits.get(row.field.name, ""))
            self.query_one(Advice).draw(view.notes, max(self.size.width - 4, 30))
        state = self._state(max(self.size.width - 4, 30))
        self.query_one("#settings-state", Plain).show(state)
        self.query_one("#settings-unread", FocusableText).show(state)
        self._turn_to(is_unread=view.draft is None)
        self._draw_head()
        self._draw_help()
        # The lines under the row in front may have become more.
        self._keep_in_sight()

    def _turn_to(self, *, is_unread: bool) -> None:
        """Show the rows, or why there are none, and have the focus somewhere."""
        form, unread = self.query_one("#settings-rows"), self.query_one("#settings-unread")
        if form.display is is_unread:
            # What is about to be hidden would pass the focus on to anything.
            self.set_focus(None)
            self._last = None
        form.display, unread.display = not is_unread, is_unread
        self.set_class(is_unread, "-unread")
        stops = self.focus_chain
        if self.focused not in stops and not self.has_class("-too-small"):
            # In the order they are made in: what was just shown has no place of its own yet.
            first = next((widget for widget in self.query("*") if widget in stops), None)
            self.set_focus(self._last if self._last in stops else first)

    def _draw_head(self) -> None:
        view = self._settings.view
        title = "Push Notification Server"
        room = self.size.width - len(title) - 5
        where = _end_of(view.shown_at, room) if view.at else "no place known"
        version = view.loaded.version if view.loaded else None
        if version and len(where) + len(version) + 2 <= room:
            where = f"{where}  {version}"
        self.query_one("#settings-head", Spread).say_both((title,), ((where, "not bold $quiet"),))

    def _draw_help(self) -> None:
        """Show what the setting in front is for."""
        row = self._row_in_front()
        self.query_one("#settings-help", Plain).say(row.field.help if row is not None else "")

    def _state(self, width: int) -> Content:
        """Return what became of saving, or of reading, or what saving would do."""
        view = self._settings.view
        parts: list[Content] = []
        if view.news:
            parts.append(hanging((mark("ok"),), view.news, width))
        if view.problem:
            after = " r reads it again." if view.at else ""
            after = " r reads it again and can keep your changes." if view.is_edited else after
            state = mark("fail" if view.at else "off")
            parts.append(hanging((state,), f"{view.problem}{after}", width))
        if view.is_saving:
            parts.append(content(("Writing the changes.", "bold")))
        elif why := self._misfit() or (view.is_edited and view.blocked):
            parts.append(content(("Not saved. ", "bold $warning"), why))
        elif view.changes:
            keys = "1 key" if len(view.changes) == 1 else f"{len(view.changes)} keys"
            plan = f"^s shows the plan, and writes {keys}."
            parts.append(content(("Not saved. ", "bold $warning"), plan))
        return lines(*(parts or [content(("As stored.", "$quiet"))]))

    def on_dropdown_chosen(self, event: Dropdown.Chosen) -> None:
        """Take a choice."""
        draft = self._settings.view.draft
        if draft is None:
            return
        match event.dropdown.id:
            case "mode":
                draft = draft.with_mode(Mode(event.value))
            case "region":
                draft = draft.with_region(Region(event.value))
            case "contents" if event.value in Contents.__members__.values():
                draft = draft.with_contents(Contents(event.value))
        self._settings.edit(draft)

    def on_tick_changed(self, event: Tick.Changed) -> None:
        """Take the terms."""
        if (draft := self._settings.view.draft) is not None:
            self._settings.edit(draft.with_agreed(event.value))

    def on_input_changed(self, event: TextField.Changed) -> None:
        """Take what was typed; what is no value stays in the field and is named under it."""
        draft, row = self._settings.view.draft, _row_of(event.input)
        if draft is None or row is None:
            return
        row.last_taken = event.value
        if row.field.name == rows.SERVER.name:
            self._settings.edit(draft.with_server(event.value))
            return
        try:
            number = int(row.field.parse(event.value))
        except FieldError:
            # Kept here, where it is seen, and not in the draft, which holds numbers only.
            self._misfits[row.field.name] = _NO_NUMBER
            self.draw()
            self.refresh_keys()
            return
        if self._misfits.pop(row.field.name, ""):
            self.context.tell_of("settings")
        self._settings.edit(draft.with_max_notifications(number))

    def on_text_field_refused(self, event: TextField.Refused) -> None:
        """Say what a field does not take."""
        if (row := _row_of(event.field)) is not None:
            is_number = row.field.name == rows.MAX_NOTIFICATIONS.name
            row.say_under(_NO_NUMBER if is_number else _TOO_LONG, is_problem=True)

    def on_input_submitted(self, _event: TextField.Submitted) -> None:
        """Go on to the next row."""
        self.focus_next()

    def on_descendant_focus(self) -> None:
        """Show the whole row, what it is for, and which keys make sense there."""
        self._last = self.focused
        self._draw_help()
        self.refresh_keys()
        self._keep_in_sight()

    @on(SettingRow.Resized)
    def _keep_in_sight(self) -> None:
        """Have the row in front whole in sight: lines came or went in it, or above it."""
        if (row := self._row_in_front()) is not None:
            self.call_after_refresh(row.scroll_visible, animate=False)

    def _misfit(self) -> str:
        """Return what is wrong with what stands in a field, with the field's label; or nothing."""
        draft = self._settings.view.draft
        if draft is None:
            return ""
        for row in self.query(SettingRow):
            if problem := self._misfits.get(row.field.name):
                return f"{rows.label(row.field, draft)} {problem}"
        return ""

    def _row_in_front(self) -> SettingRow | None:
        return _row_of(self.focused) if self.focused is not None else None

    def can(self, do: str) -> bool:
        """Saving and reverting need something to save or revert."""
        view = self._settings.view
        match do:
            case "save":
                return (view.is_edited or bool(self._misfits)) and not view.is_saving
            case "diff":
                return view.is_edited
            case "revert" | "revert_all":
                return view.draft != view.saved or bool(self._misfits)
            case "leave_field":
                return isinstance(self.focused, TextField)
            case "explain":
                return bool(view.notes) and isinstance(self.focused, Advice)
            case "preview":
                return view.draft is not None and not view.hides(_NOTIFICATIONS)
            case "source" | "reload" if self.context.options.is_demo and self._stage is None:
                # What else is on this host is none of the demo's business.
                return False
            case "source":
                return not view.is_saving
            case "restore" | "reload":
                return view.loaded is not None and not view.is_saving
            case "check":
                return view.draft is not None and view.draft.mode is not Mode.OFF
            case _:
                return True

    def action_leave_field(self) -> None:
        """Stand on the row of the field."""
        if (row := self._row_in_front()) is not None:
            row.action_leave_field()

    def action_diff(self) -> None:
        """Show what saving would write."""
        view = self._settings.view
        text = [
            *writing.change_rows(view.changes),
            "",
            view.blocked or "^s on the form writes this.",
        ]
        self.app.push_screen(AskScreen("What saving would write", text, {"": "Back to the form"}))

    def action_save(self) -> None:
        """Ask with the plan, then write."""
        if why := self._misfit() or self._settings.view.blocked:
            self.app.push_screen(AskScreen("This cannot be saved yet", [why], {"": "Back"}))
            return
        self.context.tasks.spawn("save-settings", writing.save(self.app, self._settings))

    def action_restore(self) -> None:
        """Bring back what was before a save."""
        self.context.tasks.spawn("restore-settings", self._restore())

    async def _restore(self) -> None:
        if await writing.restore_former(self.app, self._settings):
            self._forget()
            self.context.tell_of("settings")

    def _forget(self) -> None:
        """Let every field show the draft, whatever was typed into it."""
        self._misfits.clear()
        for row in self.query(SettingRow):
            row.last_taken = None

    def action_reload(self) -> None:
        """Let Mattermost read its configuration anew."""
        self.context.tasks.spawn("reload-mattermost", self._reload())

    async def _reload(self) -> None:
        if self._stage is None or await source.demo_server(self.app, self._stage):
            await writing.reload_mattermost(self.app, self._settings)

    def action_source(self) -> None:
        """Choose where the settings are."""
        self.context.tasks.spawn(
            "choose-source",
            source.choose_place(self.app, self.context, self._settings, self._stage),
        )

    def action_explain(self) -> None:
        """Show what the troubleshooting catalogue says of the advice."""
        text: list[TextLine] = []
        for note in self._settings.view.notes:
            if (entry := lookup.by_reason(note.code)) is not None:
                text += [*([""] if text else []), (("> ", "bold"), note.message), entry.cause]
                text += [f"  - {step}" for step in entry.steps]
        text = text or ["There is no more to say of it than stands there."]
        self.app.push_screen(AskScreen("More on the advice", text, {"": "Back to the form"}))

    def action_preview(self) -> None:
        """Show what Apple and Google get."""
        draft = self._settings.view.draft
        if draft is None or draft.contents not in Contents.__members__.values():
            return
        from mmpush_tui.console.settings.preview import preview_lines as preview

        contents = Contents(draft.contents)
        text: list[TextLine] = [
            f"\u201c{rows.page_words(rows.CONTENTS.name, contents)}\u201d: "
            f"{rows.CONTENTS_SENDS[contents]}",
            "An example; > marks what tells who writes, where, and what.",
            "",
        ]
        for line, is_telling in preview(contents):
            text.append((("> ", "bold $warning"), line) if is_telling else f"  {line}")
        self.app.push_screen(AskScreen("What Apple and Google get", text, {"": "Back to the form"}))

    def action_revert(self) -> None:
        """Put the setting in front back."""
        row, view = self._row_in_front(), self._settings.view
        if row is None or view.draft is None or view.saved is None:
            return
        name, old = row.field.name, view.saved
        self._misfits.pop(name, "")
        if name in (rows.CONTENTS.name, rows.MAX_NOTIFICATIONS.name):
            draft = replace(view.draft, **{name: getattr(old, name)})
        else:
            # Mode, region, terms and address follow from each other: they go back together.
            draft = replace(
                view.draft, mode=old.mode, region=old.region, server=old.server, agreed=old.agreed
            )
        self._settings.edit(draft)
        self.context.tell_of("settings")

    def action_revert_all(self) -> None:
        """Put everything back."""
        if (saved := self._settings.view.saved) is not None:
            self._misfits.clear()
            self._settings.edit(saved)
            self.context.tell_of("settings")

    def action_reread(self) -> None:
        """Read the file again."""
        self.context.tasks.spawn("reread-settings", self._reread())

    async def _reread(self) -> None:
        desk, answer = self._settings, ""
        if desk.view.is_edited:
            answers = {
                "keep": "Read it again and keep my changes",
                "lose": "Read it again and give my changes up",
                "": "Back to the form",
            }
            text = ["What you changed is not saved."]
            answer = await ask(self.app, AskScreen("Read the settings again?", text, answers))
            if not answer:
                return
        if answer != "keep":
            self._misfits.clear()
        await desk.load(keep_draft=answer == "keep")

    async def action_check(self) -> None:
        """Check the push server of the draft."""
        self._start_checks()
        await self.action_goto("checks")


def _row_of(widget: Widget) -> SettingRow | None:
    return next((node for node in widget.ancestors_with_self if isinstance(node, SettingRow)), None)


def _end_of(path: str, room: int) -> str:
    """Return ``path``, or where there is no room for it its end, which tells more."""
    return path if len(path) <= room else f"…{path[-max(room - 1, 1) :]}"
