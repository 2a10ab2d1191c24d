"""The console's side of the guided set-up: the draft, the page it stands on, the proofs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from mmpush_tui.errors import MmpushError
from mmpush_tui.fields import Field, Value
from mmpush_tui.setup import answers as judged
from mmpush_tui.setup import candidates, credentials, detect, draft, proof, steps, write
from mmpush_tui.setup.candidates import Wanted
from mmpush_tui.setup.draft import Draft
from mmpush_tui.setup.finding import Finding, Status
from mmpush_tui.setup.steps import Step, StepId
from mmpush_tui.setup.write import Applied, Plan

_PROOF_TIMEOUT_S: Final = 10.0
_LOOKS: Final = {
    steps.KEY_FILE.key: (Wanted.APPLE_KEY, credentials.look_at_apple_key),
    steps.ACCOUNT_FILE.key: (Wanted.SERVICE_ACCOUNT, credentials.look_at_service_account),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupView:
    """What the screen shows of the set-up.

    Attributes:
        draft: the answers and the page.
        problems: what is wrong with answers of this page, by field key.
        looks: what a look at a named file showed, by field key.
        offers: files that could be meant, by field key.
        finding: what trying this page's answers showed.
        before: what trying the page before showed.
        is_busy: something is being tried.
        plan: on the last page, what would be written.
        applied: what was written.
        news: a sentence about the draft; or empty.
    """

    draft: Draft = field(default_factory=Draft)
    problems: dict[str, str] | None = None
    looks: dict[str, Finding] | None = None
    offers: dict[str, tuple[str, ...]] | None = None
    finding: Finding | None = None
    before: Finding | None = None
    is_busy: bool = False
    plan: Plan | None = None
    applied: Applied | None = None
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
        kept, sentence = await asyncio.to_thread(draft.load_draft)
        found = await asyncio.to_thread(detect.look_around)
        self._set(draft=kept.with_defaults(detect.suggested(found)), news=sentence)
        await self._enter()

    def answer(self, asked: Field, value: Value) -> None:
        """Take an answer."""
        before = self.view.draft
        if steps.answer(before.answers, asked) == value and asked.key in before.answers:
            return
        problems = {k: v for k, v in (self.view.problems or {}).items() if k != asked.key}
        self._set(draft=before.with_answer(asked.key, value), finding=None, problems=problems)

    async def look(self, asked: Field) -> None:
        """Look into the file that ``asked`` names, and take what follows from it."""
        named = steps.text(self.view.draft.answers, asked)
        if asked.key not in _LOOKS or not named:
            return
        finding = await asyncio.to_thread(_LOOKS[asked.key][1], named)
        changed = self.view.draft
        for name, value in finding.derived.items():
            key = f"{asked.key.rpartition('.')[0]}.{name}"
            if key in steps.FIELDS and not steps.text(changed.answers, steps.FIELDS[key]):
                changed = changed.with_answer(key, value)
        self._set(draft=changed, looks=(self.view.looks or {}) | {asked.key: finding})

    async def next(self) -> bool:
        """Prove this page's answers and go on; return whether it went on."""
        view = self.view
        if problems := judged.problems(view.step, view.draft.answers):
            self._set(problems=problems)
            return False
        self._set(is_busy=True, problems=None)
        try:
            async with asyncio.timeout(_PROOF_TIMEOUT_S):
                finding = await proof.prove(view.step, view.draft.answers)
        except TimeoutError:
            finding = Finding(
                status=Status.FAIL,
                message="This took too long: a file or folder does not answer.",
                fix="Is it on a network share that is away? Name another file.",
            )
        finally:
            self._set(is_busy=False)
        if finding is not None and finding.status is Status.FAIL:
            self._set(finding=finding)
            return False
        following = view.path[min(view.number, len(view.path) - 1)]
        self._set(draft=replace(self.view.draft, step=following.id), before=finding, finding=None)
        await self._enter()
        return True

    async def back(self) -> bool:
        """Go one page back; return whether there was one."""
        if self.view.number == 1:
            return False
        previous = self.view.path[self.view.number - 2]
        self._set(
            draft=replace(self.view.draft, step=previous.id), before=None, finding=None,
            problems=None, plan=None, applied=None,
        )  # fmt: skip
        await self._enter()
        return True

    async def keep(self) -> None:
        """Write the draft for another day."""
        try:
            path = await asyncio.to_thread(draft.save_draft, self.view.draft)
            self._set(news=f"The answers so far are kept in {path}.")
        except MmpushError as error:
            self._set(news=error.line())

    async def apply(self) -> bool:
        """Write the configuration; return whether it is written."""
        if self.view.plan is None:
            return False
        try:
            applied = await asyncio.to_thread(write.apply, self.view.plan)
        except MmpushError as error:
            self._set(finding=Finding.of(error))
            await self._enter()
            return False
        await asyncio.to_thread(draft.discard_draft)
        self._set(applied=applied, finding=None)
        return True

    async def _enter(self) -> None:
        """Prepare the page that is now in front."""
        if self.view.is_last:
            try:
                made = await asyncio.to_thread(write.plan, self.view.draft.answers)
                self._set(plan=made)
            except MmpushError as error:
                self._set(plan=None, finding=Finding.of(error))
            return
        offers: dict[str, tuple[str, ...]] = {}
        for asked in self.view.step.fields:
            if asked.key in _LOOKS:
                found = await asyncio.to_thread(candidates.suggest, _LOOKS[asked.key][0])
                offers[asked.key] = tuple(candidate.shown for candidate in found)
        self._set(offers=offers)

    def _set(self, **changes: object) -> None:
        self.view = replace(self.view, **changes)  # type: ignore[arg-type] # names and types are those of SetupView, given in this module only
        self._on_change()
