"""The guided set-up: one question a page, each answer proved."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, Final

from textual import events, on
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList

from mmpush_tui.console.actions import Action, bindings
from mmpush_tui.console.checks.desk import ChecksDesk
from mmpush_tui.console.context import Context
from mmpush_tui.console.safe import content, hanging, lines
from mmpush_tui.console.screens.ask import AskScreen, ask
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.settings.desk import SettingsDesk
from mmpush_tui.console.setup.desk import WANTED, SetupDesk, SetupView
from mmpush_tui.console.setup.question import Question
from mmpush_tui.console.widgets.form import Choices, FocusableText, TextField
from mmpush_tui.console.widgets.frame import Spread, mark
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.findings import Finding
from mmpush_tui.paths import short_path
from mmpush_tui.settings import page_fields
from mmpush_tui.settings.page import Mode, Page
from mmpush_tui.setup import steps
from mmpush_tui.setup.answers import answer_notes, is_own
from mmpush_tui.setup.handover import on_page
from mmpush_tui.setup.steps import Answers, StepId
from mmpush_tui.setup.write import Applied, Plan

_HEIGHTS: Final = [(0, "-low"), (22, "-high")]
_TOO_LONG: Final = "That is too long, and was not taken."


class SetupScreen(ConsoleScreen):
    """Asks, proves, writes."""

    name_ = "setup"
    VERTICAL_BREAKPOINTS = _HEIGHTS
    BINDINGS: ClassVar[Any] = bindings("setup")
    AUTO_FOCUS = ""

    def __init__(
        self, context: Context, setup: SetupDesk, settings: SettingsDesk, checks: ChecksDesk
    ) -> None:
        super().__init__(context)
        self._setup, self._settings, self._checks = setup, settings, checks
        self._questions: dict[str, Question] = {}
        """By field key, once they are made."""
        self._page_in_front = ""
        """The page on the screen, by its step and whether it is done."""
        self._last: Widget | None = None
        """What had the focus last; a terminal that is too small for a while takes it away."""
        self._finding_in_sight: Finding | None = None
        """What the last proof showed, once it was brought into sight."""

    def body(self) -> Iterable[Widget]:
        """Make the page; the questions come after the first frame."""
        yield Spread(id="setup-head", classes="head")
        with VerticalScroll(id="setup-form", can_focus=False):
            yield Plain(id="setup-before")
            yield Plain(id="setup-title")
            yield Plain(id="setup-why", classes="quiet")
            yield Vertical(id="setup-questions")
            yield FocusableText(id="setup-summary")
            yield Plain(id="setup-proof")

    def on_mount(self) -> None:
        """Look around on this host first."""
        self.context.tasks.spawn("setup", self._setup.begin())
        self.call_after_refresh(self._make_questions)

    async def _make_questions(self) -> None:
        fields = [field for step in steps.STEPS for field in step.fields]
        questions = {field.key: Question(field, WANTED.get(field.key)) for field in fields}
        for question in questions.values():
            question.display = False
        await self.query_one("#setup-questions", Vertical).mount_all(questions.values())
        self._questions = questions
        self.draw()

    def draw(self) -> None:
        """Show the page in front."""
        view = self._setup.view
        back = "Esc back, nothing is lost" if view.number > 1 else ""
        if self.has_class("-narrow"):
            back = back.partition(",")[0]
        self.query_one("#setup-head", Spread).say_both(
            (f"Setup   {view.number} of {len(view.path)}",), ((back, "not bold $quiet"),)
        )
        self._draw_results(view)
        title, why = view.step.title, view.step.why
        if view.applied is not None:
            title, why = "What is left to do", f"{short_path(view.applied.path)} is written."
        self.query_one("#setup-title", Plain).say((title, "bold"))
        self.query_one("#setup-why", Plain).say_lines((why,), *((s,) for s in view.seen_here))
        self._draw_questions(view)
        self._draw_summary(view)

    def _draw_results(self, view: SetupView) -> None:
        """Show what trying the page before, and this page, has shown."""
        width = max(self.size.width - 4, 30)
        before = self.query_one("#setup-before", Plain)
        proof = self.query_one("#setup-proof", Plain)
        above = [content((view.news, "bold"))] if view.news else []
        above += [_result(view.before, width)] if view.before else []
        before.display = bool(above)
        before.show(lines(*above))
        proof.display = view.is_busy or view.finding is not None
        if view.is_busy:
            word = "Writing." if view.is_last else "Trying this answer."
            proof.say((word, "bold $warning"))
        elif view.finding is not None:
            proof.show(_result(view.finding, width))
            if view.finding is not self._finding_in_sight:
                self.call_after_refresh(proof.scroll_visible, animate=False)
        self._finding_in_sight = view.finding

    def _draw_questions(self, view: SetupView) -> None:
        if not self._questions:
            return
        keys = {field.key for field in steps.asked(view.step, view.draft.answers)}
        self.query_one("#setup-questions").display = bool(keys)
        for key, question in self._questions.items():
            question.display = key in keys
            if key in keys:
                value = steps.answer(view.draft.answers, question.field)
                question.draw(value, view.offers.get(key, ()))
                self._draw_under(question, view)
        if self._page_in_front != (page := _page(view)):
            self._page_in_front = page
            self._go_to_top(view)
        elif self.focused is None and self._last in self.focus_chain:
            self.set_focus(self._last)

    def _go_to_top(self, view: SetupView) -> None:
        """Begin a page that has just come."""
        self.query_one("#setup-form", VerticalScroll).scroll_home(animate=False)
        if view.is_last:
            self.query_one("#setup-summary", FocusableText).focus(scroll_visible=False)
        elif first := self._on_page():
            first[0].take_focus()

    def _draw_under(self, question: Question, view: SetupView) -> None:
        field, answers = question.field, view.draft.answers
        look = view.looks.get(field.key)
        note = answer_notes(view.step, answers).get(field.key, "")
        if problem := view.problems.get(field.key):
            question.say_under(problem, is_problem=True)
        elif look is not None and steps.text(answers, field):
            question.say_under(mark(look.severity), look.line())
        elif note:
            question.say_under((note, "$quiet"))
        elif question.has_offers:
            question.say_under(("Found on this host, or name another one:", "$quiet"))
        elif question.has_focus_within:
            question.say_under((field.help, "$quiet"))
        else:
            question.say_under()

    def _draw_summary(self, view: SetupView) -> None:
        summary = self.query_one("#setup-summary", FocusableText)
        summary.display = view.is_last
        if view.is_last:
            summary.show(lines(*_summary(view, max(self.size.width - 4, 30))))

    def on_descendant_focus(self) -> None:
        """Show the question in front as a whole, and its help."""
        self._last = self.focused
        for question in self._on_page():
            self._draw_under(question, self._setup.view)
        self._keep_in_sight()

    @on(Question.Resized)
    def _keep_in_sight(self) -> None:
        """Have the question in front where it can be read: lines came or went around it."""
        if (in_front := _question_of(self.focused) if self.focused else None) is not None:
            self.call_after_refresh(in_front.scroll_visible, animate=False)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Look at what was named."""
        question = _question_of(event.widget)
        if question is not None and isinstance(event.widget, TextField):
            self.context.tasks.spawn("setup-look", self._setup.look(question.field))
            self.context.tell_of("setup")

    def on_choices_marked(self, event: Choices.Marked) -> None:
        """Take a choice and stay."""
        question = _question_of(event.choices)
        if question is not None and question in self._on_page():
            self._setup.answer(question.field, question.value_of(event.value))
            self.draw()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take a choice, or an offered file, and go on."""
        question = _question_of(event.option_list)
        if question not in self._on_page() or question is None:
            return
        desk = self._setup
        if isinstance(event.option_list, Choices):
            desk.answer(question.field, question.value_of(event.option_id or ""))
            self.draw()
            self._go_on(question)
        else:
            desk.answer(question.field, question.offered(event.option_index))
            question.take_focus()
            self.context.tasks.spawn("setup-look", desk.look(question.field))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take what was typed."""
        question = _question_of(event.input)
        if question is not None:
            self._setup.answer(question.field, question.take(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on."""
        question = _question_of(event.input)
        if question is not None and question in self._on_page():
            self._go_on(question)

    def on_text_field_refused(self, event: TextField.Refused) -> None:
        """Say what a field does not take."""
        if (question := _question_of(event.field)) is not None:
            question.say_under(_TOO_LONG, is_problem=True)

    def _go_on(self, question: Question) -> None:
        """Go to the next field of the page, or after the last one to the next page."""
        page = self._on_page()
        following = page[page.index(question) + 1 :]
        if following:
            following[0].take_focus()
        else:
            self.action_next()

    def _on_page(self) -> list[Question]:
        """Return the questions of the page in front, in order."""
        return [question for question in self._questions.values() if question.display]

    def can(self, do: str) -> bool:
        """There is nothing before the first page, and nothing to keep of what is written."""
        view = self._setup.view
        match do:
            case "back":
                return view.number > 1
            case "next":
                return bool(self._questions) and not view.is_busy
            case "later":
                return view.applied is None
            case _:
                return True

    def worded(self, action: Action) -> Action:
        """Say what Enter does on the last page."""
        view = self._setup.view
        if action.do != "next" or not view.is_last:
            return action
        return replace(action, label="go on" if view.applied is not None else "write")

    def action_next(self) -> None:
        """Prove and go on; on the last page write. A page that nobody has seen stays in front."""
        view, tasks = self._setup.view, self.context.tasks
        if not self.can("next") or _page(view) != self._page_in_front:
            return
        if view.applied is not None:
            tasks.spawn("setup-leave", self._after())
        elif view.is_last:
            tasks.spawn("setup-write", self._write())
        else:
            tasks.spawn("setup-next", self._next(view.step.id))

    async def _next(self, seen: StepId) -> None:
        desk = self._setup
        if desk.view.step.id is not seen:
            return
        if not await desk.next() and (wrong := desk.view.wrong):
            self._questions[wrong[0]].take_focus()

    async def _write(self) -> None:
        desk = self._setup
        plan = desk.view.plan
        if plan is None:
            # What stood in its way may be gone by now.
            await desk.plan()
            return
        if plan.is_change:
            text = [
                f"{short_path(plan.path)} is written. A new file can be read by you alone; of one "
                "that is there a copy is kept beside it.",
                "Mattermost is not changed by this.",
            ]
            answers = {"write": "Write it", "": "Back"}
            if not await ask(self.app, AskScreen("Write the configuration?", text, answers)):
                return
        if await desk.apply():
            self.context.use_configuration(plan.serve, plan.path)

    async def _after(self) -> None:
        """Carry the answers on: to the worker they configure, or to the Settings screen."""
        view, settings = self._setup.view, self._settings
        await settings.load(keep_draft=True)
        draft, held = settings.view.draft, settings.view.held
        if draft is not None and view.plan is not None:
            if not page_fields.locked_by(page_fields.MODE.name, held):
                settings.edit(on_page(view.draft.answers, draft, view.plan.address))
            if _is_elsewhere(view.draft.answers, settings.view.draft):
                self.app.notify(
                    "This Mattermost server is older and has other regions. Choose one of its own "
                    "on the Settings screen (2)."
                )
            elif settings.view.is_edited:
                self.app.notify(
                    "The Settings screen (2) holds what Mattermost needs. Save it there."
                )
        self._checks.start()
        await self._setup.start_over()
        is_own_proxy = is_own(view.draft.answers)
        await self.action_goto("worker" if is_own_proxy else "settings" if draft else "checks")

    def action_back(self) -> None:
        """Go one page back."""
        self.context.tasks.spawn("setup-back", self._setup.back())

    def action_later(self) -> None:
        """Keep the draft and leave."""
        self.context.tasks.spawn("setup-later", self._later())

    async def _later(self) -> None:
        desk = self._setup
        if await desk.keep():
            self.app.notify(desk.view.news)
            await self.action_goto("overview")


def _is_elsewhere(answers: Answers, draft: Page | None) -> bool:
    """Return whether the region that was asked for is none that the server offers."""
    if is_own(answers):
        return False
    wanted = on_page(answers, Page(mode=Mode.OFF))
    return wanted.mode is Mode.HPNS and draft is not None and wanted.region is not draft.region


def _page(view: SetupView) -> str:
    return f"{view.step.id} {view.applied is not None}"


def _question_of(widget: Widget) -> Question | None:
    return next((node for node in widget.ancestors_with_self if isinstance(node, Question)), None)


def _result(finding: Finding, width: int) -> Content:
    return hanging((mark(finding.severity),), finding.line(), width)


def _summary(view: SetupView, width: int) -> list[Content]:
    """Return what will be written, or was, and what is left to do."""
    if view.plan is None:
        return []
    rows = _written(view.plan, view.applied, width)
    rows += [
        hanging((mark("warn"),), sentence, width)
        # The worker's words, which without one of our own mean nothing.
        for sentence in (view.plan.warnings if is_own(view.draft.answers) else ())
    ]
    if rows:
        rows.append(content(""))
    if view.applied is None:
        rows.append(content(("Left to do then", "bold")))
    for number, item in enumerate(view.plan.remaining, 1):
        rows.append(hanging((f" {number}. ",), item.sentence, width))
        rows += [hanging((("    $ ", "$quiet"),), command, width) for command in item.commands]
    return rows


def _written(plan: Plan, applied: Applied | None, width: int) -> list[Content]:
    if applied is not None:
        backup = f"The old file is {short_path(applied.backup)}. " if applied.backup else ""
        sentence = f"{backup}Enter goes on, and checks every hop."
        return [hanging((mark("ok"),), sentence, width)]
    if not plan.is_change:
        return [content(f"{short_path(plan.path)} is already as it should be. Enter goes on.")]
    rows = [content((f"Enter writes {short_path(plan.path)}:", "bold"))]
    for line in plan.diff:
        if not line.startswith(("---", "+++", "@@")):
            style = {"+": "$success", "-": "$error"}.get(line[:1], "$quiet")
            rows.append(hanging(((f"  {line[:1]} ", style),), line[1:], width))
    return rows
