"""One run of the checks: every target at once, results as they come, one report at the end."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mmpush_tui.checks.model.report import CheckResult, Report, Stage, exit_code
from mmpush_tui.checks.model.target import TargetPlan
from mmpush_tui.checks.proof.credential_probe import ProofContext
from mmpush_tui.checks.proof.limiter import ProbeLimiter, default_limits
from mmpush_tui.checks.verdict import verdict
from mmpush_tui.checks.wire import clock
from mmpush_tui.checks.wire.probe import CheckContext, Limits, Probe, result_of
from mmpush_tui.configuration.config import NetworkSettings
from mmpush_tui.exits import Exit
from mmpush_tui.http2 import names
from mmpush_tui.http2.connect import Lookup
from mmpush_tui.proxy.apple.token_store import default_tokens
from mmpush_tui.tasks import beside
from mmpush_tui.troubleshooting.catalogue import entries

DEADLINE_S: Final = 10.0
STEP_S: Final = 4.0
"""Seconds for one step; after that, what is being looked at does not answer."""


async def run_checks(
    plans: Sequence[TargetPlan],
    *,
    network: NetworkSettings,
    deadline_s: float = DEADLINE_S,
    step_s: float = STEP_S,
    on_start: Callable[[str], None] = lambda _check: None,
    on_result: Callable[[CheckResult], None] = lambda _result: None,
    stop: asyncio.Event | None = None,
    lookup: Lookup = names.addresses,
    limiter: ProbeLimiter | None = None,
    tokens: Path | None = None,
) -> Report:
    """Check every target and return the report.

    Cancelling the task that awaits this ends all of it at once.

    Args:
        plans: the targets.
        network: how connections are made.
        deadline_s: seconds for the whole run.
        step_s: seconds for one step.
        on_start: called with the id of each check that begins.
        on_result: called with each result as it comes; targets mix.
        stop: once it is set, the run ends, and the report holds what there is.
        lookup: asks for addresses.
        limiter: how often credentials are tried; that of this user unless given.
        tokens: the file of Apple's sign-in tokens; that of this user's worker unless given.
    """
    # Else the first failure would read the book, and that time would count as the network's.
    await beside("book", entries)
    began = time.monotonic()
    started_at = datetime.now(UTC)
    results: list[CheckResult] = []

    def take(result: CheckResult) -> None:
        results.append(result)
        on_result(result)

    limits = Limits(ends_at=began + deadline_s, whole_s=deadline_s, step_s=step_s)
    proofs = ProofContext(
        network=network,
        limiter=limiter or ProbeLimiter(default_limits()),
        tokens=tokens or default_tokens(),
        targets=frozenset(plan.target for plan in plans),
    )
    means = CheckContext(
        network=network, lookup=lookup, limits=limits, on_start=on_start, on_result=take,
        proofs=proofs,
    )  # fmt: skip
    is_stopped = await _until_stopped([Probe(plan, means) for plan in plans], stop)
    for plan, finding in clock.findings(plans, results):
        take(result_of(plan, Stage.CLOCK, finding))
    checks = in_order(plans, results)
    return Report(
        started_at=started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        duration_ms=round((time.monotonic() - began) * 1000, 1),
        verdict=verdict(plans, checks, is_stopped=is_stopped),
        checks=checks,
        exit_code=Exit.INTERRUPTED if is_stopped else exit_code(checks),
    )


def in_order(plans: Sequence[TargetPlan], results: Sequence[CheckResult]) -> list[CheckResult]:
    """Return ``results`` in the order of the plans, and of the wire for each."""
    targets = {plan.target: index for index, plan in enumerate(plans)}
    stages = {stage: index for index, stage in enumerate(Stage)}
    return sorted(results, key=lambda result: (targets[result.about], stages[result.stage]))


async def _until_stopped(probes: Sequence[Probe], stop: asyncio.Event | None) -> bool:
    """Run ``probes`` to their end, or until ``stop``; return whether it was that."""
    stop = stop or asyncio.Event()
    async with asyncio.TaskGroup() as group:
        tasks = {group.create_task(probe.run(), name="probe") for probe in probes}
        stopping = group.create_task(stop.wait(), name="probe-stop")
        left = set(tasks)
        while left and not stopping.done():
            await asyncio.wait({*left, stopping}, return_when=asyncio.FIRST_COMPLETED)
            left = {task for task in tasks if not task.done()}
        stopping.cancel()
        for task in left:
            task.cancel()
    return bool(left)
