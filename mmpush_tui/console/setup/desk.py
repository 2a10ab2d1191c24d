"""The console's side of the guided set-up: the draft, the page it stands on, the proofs."""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from mmpush_tui.errors import MmpushError
from mmpush_tui.fields import Field, Value
from mmpush_tui.findings import Finding, Severity, failed
from mmpush_tui.paths import short_path
from mmpush_tui.setup import answers as judged
from mmpush_tui.setup import candidates, credentials, detect, draft, proof, steps, write
from mmpush_tui.setup.candidates import Wanted
from mmpush_tui.setup.detect import Found, Surroundings
from mmpush_tui.setup.draft import Draft
from mmpush_tui.setup.steps import Step, StepId
from mmpush_tui.setup.write import Applied, Plan
from mmpush_tui.tasks import beside

_FILE_TIMEOUT_S: Final = 10.0
_LOOKS: Final = {
    steps.KEY_FILE.key: (Wanted.APPLE_KEY, credentials.look_at_apple_key),
    steps.ACCOUNT_FILE.key: (Wanted.SERVICE_ACCOUNT, credentials.look_at_service_account),
}
WANTED: Final[Mapping[str, Wanted]] = MappingProxyType({k: look[0] for k, look in _LOOKS.items()})
"""The fields that name a credential, and which one."""
_NO_ANSWER: Final = failed(
    "This took too long: a file or folder does not answer.",
    "Is it on a network share that is away? Name another file.",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SetupView:
    """What the screen shows of the set-up.

    Attributes:
        draft: the answers and the page.
        problems: what is wrong with answers of this page, by field key.
        looks: what a look at a named file showed, by field key.
        offers: files that could be meant, by field key.
        finding: what trying this page's answers showed.
        before: what trying the page before showed.
        is_busy: something is being tried or written.
        plan: on the last page, what would be written.
        applied: what was written.
        found: what is on this host; None until that is known.
        news: a sentence about the draft; or empty.
    """

    draft: Draft = dataclasses.field(default_factory=Draft)
    problems: Mapping[str, str] = dataclasses.field(default_factory=dict)
    looks: Mapping[str, Finding] = dataclasses.field(default_factory=dict)
    offers: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    finding: Finding | None = None
    before: Finding | None = None
    is_busy: bool = False
    plan: Plan | None = None
    applied: Applied | None = None
    found: Surroundings | None = None
    news: str = ""

    @property
    def path(self) -> tuple[Step, ...]:
        """The pages that apply."""
        return steps.path(self.draft.answers)

    @property
    def number(self) -> int:
        """Which of them it stands on, from 1."""
        ids = [step.id for step in self.path]
        return ids.index(self.draft.step) + 1 if self.draft.step in ids else 1

    @property
    def step(self) -> Step:
        """The page it stands on."""
        return self.path[self.number - 1]

    @property
    def is_last(self) -> bool:
        """Whether this is the summary."""
        return self.step.id is StepId.SUMMARY

    @property
    def wrong(self) -> tuple[str, ...]:
        """The keys of this page's fields that keep it from being done, as far as is known."""
        failed = {key for key, look in self.looks.items() if look.severity is Severity.FAIL}
        return tuple(
            field.key
            for field in steps.asked(self.step, self.draft.answers)
            if field.key in self.problems or field.key in failed
        )

    @property
    def seen_here(self) -> tuple[str, ...]:
        """What was found on this host that belongs to this page, in sentences."""
        if self.found is None:
            return ()
        match self.step.id:
            case StepId.MATTERMOST:
                return (*map(_place, self.found.mattermost), *self.found.remarks)
            case StepId.EXISTING:
                return tuple(map(_place, self.found.push_proxies))
            case StepId.LISTEN:
                return tuple(
                    f"Port {number} is in use by {holder or 'another program'}."
                    for number, holder in self.found.ports.items()
                )
            case _:
                return ()


class SetupDesk:
    """Owns the draft of the guided set-up.

    Args:
        on_change: called whenever :attr:`view` has changed.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.view = SetupView()
        self._on_change = on_change

    async def begin(self) -> None:
        """Take up the draft of another day, and what is found on this host."""
        kept, sentence = await beside("draft", draft.load_draft)
        if kept.answers and not sentence:
            sentence = "Your answers of another day are here again; nothing was written."
        self._set(draft=kept, news=sentence)
        try:
            async with asyncio.timeout(_FILE_TIMEOUT_S):
                surroundings = await beside("look-around", detect.look_around)
        except TimeoutError:
            surroundings = None
        if surroundings is not None:
            # What was answered meanwhile stays.
            suggested = self.view.draft.with_defaults(detect.suggested(surroundings))
            self._set(draft=suggested, found=surroundings)
        await self._enter()

    def answer(self, field: Field, value: Value) -> None:
        """Take an answer."""
        before = self.view
        after = before.draft.with_answer(field.key, value)
        if field.key in before.draft.answers and after.answers == before.draft.answers:
            return
        self._set(
            draft=after,
            finding=None,
            problems=_without(before.problems, field.key),
            looks=_without(before.looks, field.key),
        )

    async def look(self, field: Field) -> None:
        """Judge an answer that was just given, and take what follows from a file it names."""
        answers = self.view.draft.answers
        named = steps.text(answers, field)
        if not named:
            return
        if problem := judged.problems(self.view.step, answers).get(field.key):
            self._set(problems={**self.view.problems, field.key: problem})
            return
        if field.key not in _LOOKS:
            return
        try:
            async with asyncio.timeout(_FILE_TIMEOUT_S):
                finding = await beside("look", _LOOKS[field.key][1], named)
        except TimeoutError:
            finding = _NO_ANSWER
        changed = self.view.draft
        if steps.text(changed.answers, field) != named:
            return
        for name, value in finding.evidence.items():
            key = f"{field.key.rpartition('.')[0]}.{name}"
            if key in steps.FIELDS and not steps.text(changed.answers, steps.FIELDS[key]):
                changed = changed.with_answer(key, value)
        self._set(draft=changed, looks={**self.view.looks, field.key: finding})

    async def next(self) -> bool:
        """Prove this page's answers and go on; return whether it went on.

        What was changed, or left, while the proof ran is not proved and stays where it is.
        """
        if self.view.is_busy or self.view.is_last:
            return False
        self._set(is_busy=True, finding=None)
        try:
            for field in steps.asked(self.view.step, self.view.draft.answers):
                if field.key not in self.view.looks:
                    await self.look(field)
            view = self.view
            self._set(problems=_problems(view.step, view.draft.answers))
            if self.view.wrong:
                return False
            async with asyncio.timeout(_FILE_TIMEOUT_S):
                finding = await proof.prove_step(view.step, view.draft.answers)
        except TimeoutError:
            finding = _NO_ANSWER
        finally:
            self._set(is_busy=False)
        if self.view.draft != view.draft:
            return False
        if finding is not None and finding.severity is Severity.FAIL:
            self._set(finding=finding)
            return False
        await self._turn_to(view.path[view.number].id, before=finding)
        return True

    async def back(self) -> bool:
        """Go one page back; return whether there was one."""
        if self.view.number == 1:
            return False
        await self._turn_to(self.view.path[self.view.number - 2].id)
        return True

    async def keep(self) -> bool:
        """Write the draft for another day; return whether it is written."""
        try:
            path = await beside("draft", draft.save_draft, self.view.draft)
        except MmpushError as error:
            self._set(finding=error.finding)
            return False
        self._set(news=f"The answers so far are kept in {short_path(path)}.")
        return True

    async def apply(self) -> bool:
        """Write the configuration; return whether it is written."""
        if self.view.plan is None or self.view.is_busy:
            return False
        self._set(is_busy=True, finding=None)
        try:
            applied = await beside("write", write.apply, self.view.plan)
        except MmpushError as error:
            await self.plan()
            self._set(finding=error.finding)
            return False
        finally:
            self._set(is_busy=False)
        self._set(applied=applied)
        try:
            await beside("draft", draft.discard_draft)
        except MmpushError as error:
            # The configuration is written all the same; next time the old answers are offered.
            self._set(finding=msgspec.structs.replace(error.finding, severity=Severity.WARN))
        return True

    async def start_over(self) -> None:
        """Stand on the first page again, with all answers, for the day one of them changes."""
        await self._turn_to(StepId.APPS)

    async def plan(self) -> None:
        """Make the plan of what would be written, anew from the files as they are now."""
        answered = self.view.draft
        try:
            async with asyncio.timeout(_FILE_TIMEOUT_S):
                plan = await beside("plan", write.plan, answered.answers)
        except TimeoutError:
            self._set(plan=None, finding=_NO_ANSWER)
        except MmpushError as error:
            self._set(plan=None, finding=error.finding)
        else:
            if self.view.draft == answered:
                self._set(plan=plan, finding=None)

    async def _turn_to(self, step: StepId, before: Finding | None = None) -> None:
        self._set(
            draft=self.view.draft.at(step), before=before, finding=None, problems={},
            plan=None, applied=None, news="",
        )  # fmt: skip
        await self._enter()

    async def _enter(self) -> None:
        """Prepare the page that is now in front."""
        if self.view.is_last:
            await self.plan()
            return
        offers: dict[str, tuple[str, ...]] = {}
        for field in self.view.step.fields:
            if field.key not in WANTED:
                continue
            try:
                async with asyncio.timeout(_FILE_TIMEOUT_S):
                    paths = await beside("suggest", candidates.suggest_files, WANTED[field.key])
            except TimeoutError:
                continue
            offers[field.key] = tuple(map(short_path, paths))
            await self.look(field)
        self._set(offers={**self.view.offers, **offers})

    def _set(self, **changes: object) -> None:
        self.view = dataclasses.replace(self.view, **changes)  # type: ignore[arg-type] # names and types are those of SetupView, given in this module only
        self._on_change()


def _problems(step: Step, answers: steps.Answers) -> dict[str, str]:
    """Return what is wrong on a page, with what the summary would refuse as soon as it is known."""
    problems = judged.problems(step, answers)
    if step.id is StepId.ANDROID and not problems:
        for sentence in judged.problems(steps.BY_ID[StepId.SUMMARY], answers).values():
            problems[steps.ANDROID_WHEN.key] = sentence
    return problems


def _place(file: Found) -> str:
    return f"{short_path(file.path)}: {file.reason.rstrip('.')}."


def _without(values: Mapping[str, object], key: str) -> dict[str, object]:
    return {k: v for k, v in values.items() if k != key}
