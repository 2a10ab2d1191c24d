"""One target's checks, one after the other: each timed, each bounded, none after a failure."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from mmpush_tui.checks.model.failures import config_of, finding_at
from mmpush_tui.checks.model.report import CheckResult, Stage, check_id, skipped
from mmpush_tui.checks.model.target import TargetPlan
from mmpush_tui.checks.proof.credential_probe import ProofContext, prove
from mmpush_tui.checks.wire.diagnosis import Diagnosis
from mmpush_tui.checks.wire.session import ProbeSession
from mmpush_tui.configuration.config import NetworkSettings
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.http2.connect import Lookup, in_seconds
from mmpush_tui.http2.errors import TransportError
from mmpush_tui.text import clip

_TEXT_LIMIT: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long things may take.

    Attributes:
        ends_at: ``time.monotonic()`` when the whole run must be over.
        whole_s: how long that was at its start.
        step_s: seconds for one step, and half of that for a second look.
    """

    ends_at: float
    whole_s: float
    step_s: float

    def since_ms(self) -> float:
        """Return the milliseconds since the run began."""
        return (time.monotonic() - self.ends_at + self.whole_s) * 1000

    def left_s(self) -> float:
        """Return the seconds that are left of the run."""
        return self.ends_at - time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What every probe of a run works with.

    Attributes:
        network: how connections are made.
        lookup: asks for addresses.
        limits: how long things may take.
        on_start: called with a check's id when it begins.
        on_result: called with each result as it comes.
        proofs: what credentials are tried with.
    """

    network: NetworkSettings
    lookup: Lookup
    limits: Limits
    on_start: Callable[[str], None]
    on_result: Callable[[CheckResult], None]
    proofs: ProofContext


class Probe:
    """Checks one target, stage by stage.

    Args:
        plan: the target.
        means: what to work with.
    """

    def __init__(self, plan: TargetPlan, means: CheckContext) -> None:
        self._plan = plan
        self._means = means
        self._last: CheckResult | None = None
        self._blocked: CheckResult | None = None

    async def run(self) -> None:
        """Go through the stages; what cannot be looked at any more is skipped."""
        stages: list[Stage] = [s for s in self._plan.stages if s is not Stage.CONFIG]
        config, means = config_of(self._plan), self._means
        if config is not None and self._plan.stages == (self._plan.told_at,):
            self._emit(self._plan.told_at, config, 0.0)
            return
        try:
            # Files can hang too, those of a network file system for one.
            async with asyncio.timeout(max(means.limits.left_s(), 0)):
                session = await ProbeSession.prepare(self._plan, means.network, means.lookup)
                session.ping_s = means.limits.step_s / 4
        except (ConfigError, TimeoutError) as error:
            self._emit(Stage.CONFIG, self._unprepared(error), 0.0)
            self._skip(stages)
            return
        if config is not None:
            # A target whose credentials are bad is still worth reaching.
            self._emit(Stage.CONFIG, config, 0.0, blocks=False)
        try:
            await self._go(session, stages)
        except asyncio.CancelledError:
            session.drop()
            raise
        finally:
            await session.aclose()

    async def _go(self, session: ProbeSession, stages: list[Stage]) -> None:
        for index, stage in enumerate(stages):
            if self._blocked is not None:
                self._skip(stages[index:])
                return
            if stage is Stage.HTTP2 and not session.is_http2:
                continue
            self._means.on_start(check_id(stage, self._plan.target))
            began = time.monotonic()
            finding = await self._look(session, stage)
            self._emit(stage, finding, (time.monotonic() - began) * 1000)

    async def _look(self, session: ProbeSession, stage: Stage) -> Finding:
        limits = self._means.limits
        left_s = limits.left_s()
        # A sign-in and a request: as much as two steps.
        step_s = limits.step_s * (2 if stage is Stage.CREDENTIAL else 1)
        limit_s = min(step_s, left_s)
        diagnosis = Diagnosis(session, lambda: max(min(limits.step_s / 2, limits.left_s()), 0))
        try:
            async with asyncio.timeout(max(limit_s, 0)):
                if stage is Stage.CREDENTIAL and self._plan.proof is not None:
                    finding = await prove(self._plan.proof, session, self._means.proofs)
                else:
                    finding = await session.step(stage)
            return await diagnosis.reconsider(finding)
        except TimeoutError:
            if limits.left_s() > 0:
                return await diagnosis.late(stage, limit_s)
            return self._too_late(stage)
        except TransportError as error:
            return await diagnosis.diagnose(stage, error)

    def _unprepared(self, error: ConfigError | TimeoutError) -> Finding:
        if isinstance(error, TimeoutError):
            return self._too_late(Stage.CONFIG)
        return finding_at(self._plan, "ca_file", error.what, why=(error.why,))

    def _too_late(self, stage: Stage) -> Finding:
        whole = in_seconds(self._means.limits.whole_s)
        message = f"not done ({stage}) when the {whole} for all checks were over"
        return finding_at(self._plan, "deadline", message)

    def _skip(self, stages: list[Stage]) -> None:
        assert self._blocked is not None  # noqa: S101 - nothing is skipped before a failure
        for stage in stages:
            self._means.on_result(skipped(stage, self._plan.target, self._blocked))

    def _emit(self, stage: Stage, finding: Finding, ms: float, *, blocks: bool = True) -> None:
        last = self._last.id if self._last and stage is not Stage.DNS else None
        began_ms = self._means.limits.since_ms() - ms
        needed = finding.about if finding.severity is Severity.SKIP else ""
        result = result_of(
            self._plan, stage, finding, needs=needed or last, ms=ms, began_ms=began_ms
        )
        self._last = result
        if blocks and finding.severity is Severity.FAIL:
            self._blocked = result
        self._means.on_result(result)


def result_of(
    plan: TargetPlan,
    stage: Stage,
    finding: Finding,
    *,
    needs: str | None = None,
    ms: float = 0.0,
    began_ms: float = 0.0,
) -> CheckResult:
    """Return ``finding`` as the check of ``stage`` at a target, fit for every output.

    Args:
        plan: the target.
        stage: where on the wire.
        finding: what was found.
        needs: id of the check that had to pass before.
        ms: how long it took.
        began_ms: when it began, counted from the begin of the run.
    """
    fields = {
        **msgspec.structs.asdict(finding),
        "about": plan.target,
        "message": clip(finding.message, _TEXT_LIMIT),
        "why": tuple(clip(clause, _TEXT_LIMIT) for clause in finding.why),
    }
    return CheckResult(
        id=check_id(stage, plan.target),
        stage=stage,
        address=plan.address,
        needs=needs,
        ms=round(ms, 1),
        began_ms=round(began_ms, 1),
        **fields,
    )
