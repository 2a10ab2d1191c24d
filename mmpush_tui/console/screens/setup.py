"""The guided set-up: one question a page, each answer proved."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from textual.containers import Vertical, VerticalScroll
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from mmpush_tui.console.actions import bindings
from mmpush_tui.console.safe import Part, content, plain
from mmpush_tui.console.screens.ask import AskScreen, ask
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.setup_desk import SetupView
from mmpush_tui.console.widgets.frame import MARKS, Spread
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.fields import Choice, Field, Kind, Value
from mmpush_tui.settings.page_fields import ACCEPT_TERMS
from mmpush_tui.setup import steps
from mmpush_tui.setup.answers import is_own, notes
from mmpush_tui.setup.finding import Finding, Status
from mmpush_tui.setup.handover import on_page

_MARKS: Final = {Status.OK: MARKS["ok"], Status.WARN: MARKS["warn"], Status.FAIL: MARKS["fail"]}
_YES_NO: Final = {
    steps.SANDBOX.key: ("Production", "Sandbox, for apps run from Xcode"),
    ACCEPT_TERMS.key: ("Not accepted", "Accepted"),
}


class Question(Vertical):
    """One field of a page: its label, its control, and a line beneath.

    Args:
        field: what is asked.
        value: the answer so far.
        offers: files that could be meant.
    """

    def __init__(self, field: Field, value: Value, offers: tuple[str, ...]) -> None:
        super().__init__(classes="question")
        self.field = field
        self._value = value
        self._offers = offers

    def compose(self) -> Iterable[Widget]:
        """Make the parts."""
        yield Plain(self.field.label.rstrip(":"), classes="label")
        if self._choices():
            yield OptionList(compact=True, markup=False)
        else:
            suggester = SuggestFromList(self._offers) if self._offers else None
            yield Input(
                plain(self._value, 1024), compact=True, suggester=suggester,
                select_on_focus=False, max_length=1024,
            )  # fmt: skip
        yield Plain(classes="under")

    def on_mount(self) -> None:
        """Mark the answer so far."""
        if choices := self._choices():
            values = [choice.value for choice in choices]
            self.mark(self._value)
            chosen = _word(self._value)
            list_ = self.query_one(OptionList)
            list_.highlighted = values.index(chosen) if chosen in values else 0

    def mark(self, value: Value) -> None:
        """Show which choice is the answer."""
        list_ = self.query_one(OptionList)
        marked = list_.highlighted
        list_.clear_options()
        for choice in self._choices():
            sign = "(o)" if choice.value == _word(value) else "( )"
            list_.add_option(Option(content(f" {sign} ", choice.label), id=choice.value))
        list_.highlighted = marked

    def value_of(self, id_: str) -> Value:
        """Return the answer that a choice stands for."""
        return id_ == "true" if self.field.kind is Kind.BOOLEAN else id_

    def say_under(self, *parts: Part, is_problem: bool = False) -> None:
        """Show a line beneath."""
        under = self.query_one(".under", Plain)
        under.say(*parts)
        under.display = bool(parts)
        under.set_class(is_problem, "-problem")

    def _choices(self) -> tuple[Choice, ...]:
        if self.field.kind is Kind.BOOLEAN:
            no, yes = _YES_NO.get(self.field.key, ("No", "Yes"))
            return Choice(value="false", label=no), Choice(value="true", label=yes)
        return self.field.choices


class SetupScreen(ConsoleScreen):
    """Asks, proves, writes."""

    name_ = "setup"
    BINDINGS: ClassVar[Any] = bindings("setup")

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Any, ...] = ()

    def body(self) -> Iterable[Widget]:
        """Make the page."""
        yield Spread(id="setup-head", classes="head")
        yield Plain(id="setup-before")
        yield Plain(id="setup-title")
        yield Plain(id="setup-why", classes="quiet")
        with VerticalScroll(id="setup-form", can_focus=False):
            yield Vertical(id="setup-questions")
            yield Plain(id="setup-summary")
        yield Plain(id="setup-proof")

    def on_mount(self) -> None:
        """Look around on this host first."""
        super().on_mount()
        self.console_app.tasks.spawn("setup", self.console_app.setup.begin())

    def draw(self, topics: frozenset[str]) -> None:
        """Show the page in front."""
        if "setup" not in topics:
            return
        view = self.console_app.setup.view
        right = view.news or "Esc back, nothing is lost"
        self.query_one("#setup-head", Spread).say_both(
            (f"Setup   {view.number} of {len(view.path)}",), ((right, "$quiet"),)
        )
        self._say_finding("#setup-before", view.before)
        self.query_one("#setup-title", Plain).say((view.step.title, "bold"))
        self.query_one("#setup-why", Plain).say(view.step.why)
        self._draw_questions(view)
        self._draw_summary(view)
        if view.is_busy:
            self.query_one("#setup-proof", Plain).say(("Trying this answer.", "$warning"))
        else:
            self._say_finding("#setup-proof", view.finding)

    def _say_finding(self, where: str, finding: Finding | None) -> None:
        line = self.query_one(where, Plain)
        line.display = finding is not None
        if finding is not None:
            mark, style = _MARKS[finding.status]
            line.say((f"{mark:<5}", style), f"{finding.message} {finding.fix}".rstrip())

    def _draw_questions(self, view: SetupView) -> None:
        asked = () if view.is_last else steps.asked(view.step, view.draft.answers)
        offers = view.offers or {}
        shape = (view.step.id, tuple(field.key for field in asked), tuple(offers.items()))
        if shape != self._shown:
            self._shown = shape
            self.run_worker(self._rebuild(view, asked, offers), exclusive=True, description="")
            return
        for question in self.query(Question):
            self._draw_under(question, view)

    async def _rebuild(
        self, view: SetupView, asked: tuple[Field, ...], offers: dict[str, tuple[str, ...]]
    ) -> None:
        focused = self.focused.parent if self.focused else None
        key = focused.field.key if isinstance(focused, Question) else ""
        box = self.query_one("#setup-questions", Vertical)
        with self.prevent(Input.Changed):
            await box.remove_children()
            await box.mount_all(
                Question(field, steps.answer(view.draft.answers, field), offers.get(field.key, ()))
                for field in asked
            )
        questions = list(self.query(Question))
        for question in questions:
            self._draw_under(question, self.console_app.setup.view)
        again = [question for question in questions if question.field.key == key]
        for question in (again or questions)[:1]:
            question.query_one("OptionList, Input").focus()

    def _draw_under(self, question: Question, view: SetupView) -> None:
        field = question.field
        value = steps.answer(view.draft.answers, field)
        for list_ in question.query(OptionList):
            if list_.option_count:
                question.mark(value)
        for input_ in question.query(Input):
            if not input_.has_focus and input_.value != plain(value, 1024):
                input_.value = plain(value, 1024)
        look = (view.looks or {}).get(field.key)
        note = notes(view.step, view.draft.answers).get(field.key, "")
        offers = (view.offers or {}).get(field.key, ())
        if problem := (view.problems or {}).get(field.key):
            question.say_under(problem, is_problem=True)
        elif look is not None and steps.text(view.draft.answers, field):
            mark, style = _MARKS[look.status]
            question.say_under((f"{mark:<5}", style), f"{look.message} {look.fix}".rstrip())
        elif note:
            question.say_under((note, "$quiet"))
        elif offers and not steps.text(view.draft.answers, field):
            question.say_under((f"found here: {', '.join(offers[:3])}", "$quiet"))
        elif question.has_focus_within:
            question.say_under((field.help, "$quiet"))
        else:
            question.say_under()

    def _draw_summary(self, view: SetupView) -> None:
        summary = self.query_one("#setup-summary", Plain)
        summary.display = view.is_last
        if not view.is_last:
            return
        rows: list[tuple[Part, ...]] = []
        if view.plan is not None:
            rows += _written(view)
            rows.append(("",))
            rows.append((("Left to do", "bold"),))
            for number, item in enumerate(view.plan.remaining, 1):
                rows.append((f" {number}. {item.sentence}",))
                rows += [((f"      {command}", "$secondary"),) for command in item.commands]
            rows += [((" warn ", "$warning"), sentence) for sentence in view.plan.warnings]
        summary.say_lines(*rows)

    def on_descendant_focus(self) -> None:
        """Show the help of the field in front."""
        view = self.console_app.setup.view
        for question in self.query(Question):
            self._draw_under(question, view)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take a choice and go on."""
        question = event.option_list.parent
        if isinstance(question, Question) and event.option_id is not None:
            self.console_app.setup.answer(question.field, question.value_of(event.option_id))
            self._go_on(question)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take what was typed."""
        question = event.input.parent
        if isinstance(question, Question):
            self.console_app.setup.answer(question.field, event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Look at what was named and go on."""
        question = event.input.parent
        if isinstance(question, Question):
            self._go_on(question)

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """Look at what was named."""
        question = event.input.parent
        if isinstance(question, Question):
            desk = self.console_app.setup
            self.console_app.tasks.spawn("setup-look", desk.look(question.field))

    def _go_on(self, question: Question) -> None:
        """Go to the next field of the page, or after the last one to the next page."""
        asked = steps.asked(
            self.console_app.setup.view.step, self.console_app.setup.view.draft.answers
        )
        keys = [field.key for field in asked]
        index = keys.index(question.field.key) if question.field.key in keys else len(keys) - 1
        if index == len(keys) - 1:
            self.action_next()
            return
        following = [q for q in self.query(Question) if q.field.key == keys[index + 1]]
        if following:
            following[0].query_one("OptionList, Input").focus()
        # Where the answer changes what is asked, the page is being rebuilt and keeps the focus.

    def can(self, do: str) -> bool:
        """There is nothing before the first page."""
        view = self.console_app.setup.view
        match do:
            case "back":
                return view.number > 1
            case "next":
                return not view.is_busy
            case _:
                return True

    def action_next(self) -> None:
        """Prove and go on; on the last page write."""
        view = self.console_app.setup.view
        if view.applied is not None:
            self.console_app.tasks.spawn("setup-leave", self._after())
        elif view.is_last:
            self.console_app.tasks.spawn("setup-write", self._write())
        else:
            self.console_app.tasks.spawn("setup-next", self._next())

    async def _next(self) -> None:
        desk = self.console_app.setup
        if not await desk.next() and desk.view.problems:
            for question in self.query(Question):
                if question.field.key in desk.view.problems:
                    question.query_one("OptionList, Input").focus()
                    return

    async def _write(self) -> None:
        desk = self.console_app.setup
        plan = desk.view.plan
        if plan is None:
            return
        text = [f"{plan.path} is written, readable by you alone.", "Nothing else is changed yet."]
        answers = {"write": "Write it", "": "Back"}
        if await ask(self.app, AskScreen("Write the configuration?", text, answers)) != "write":
            return
        if await desk.apply():
            self.console_app.use_configuration(plan.serve, plan.path)

    async def _after(self) -> None:
        """Carry the answers on: to the Settings screen, or to the checks."""
        app, view = self.console_app, self.console_app.setup.view
        await app.settings.load()
        draft = app.settings.view.draft
        if draft is not None and view.plan is not None:
            app.settings.edit(on_page(view.draft.answers, draft, view.plan.address))
        app.checks.start()
        is_own_proxy = is_own(view.draft.answers)
        await app.action_goto("worker" if is_own_proxy else "settings" if draft else "checks")

    def action_back(self) -> None:
        """Go one page back."""
        self.console_app.tasks.spawn("setup-back", self.console_app.setup.back())

    def action_later(self) -> None:
        """Keep the draft and leave."""
        self.console_app.tasks.spawn("setup-later", self._later())

    async def _later(self) -> None:
        await self.console_app.setup.keep()
        self.app.notify(self.console_app.setup.view.news)
        await self.console_app.action_goto("overview")


def _word(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _written(view: SetupView) -> list[tuple[Part, ...]]:
    plan, applied = view.plan, view.applied
    if plan is None:
        return []
    if applied is not None:
        backup = f" The old file is {applied.backup}." if applied.backup else ""
        return [((" ok   ", "$success"), f"{applied.path} is written.{backup} "
                 "Enter goes on, and checks every hop.")]  # fmt: skip
    if not plan.is_change:
        return [(f" {plan.path} is already as it should be. Enter goes on.",)]
    rows: list[tuple[Part, ...]] = [((f"Enter writes {plan.path}:", "bold"),)]
    rows += [((f"  {line}", "$success" if line.startswith("+") else "$quiet"),)
             for line in plan.diff if not line.startswith(("---", "+++", "@@"))]  # fmt: skip
    return rows
