"""Whether this host's clock is right, by the ``Date`` of those who answered: pure."""

import statistics
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from mmpush_tui.checks.model.failures import finding_at
from mmpush_tui.checks.model.report import CheckResult, Stage
from mmpush_tui.checks.model.target import TargetPlan, Whose
from mmpush_tui.findings import Finding, Severity, passed

SKEW: Final = "clock_skew_s"
"""The evidence that holds seconds by which this host is ahead of who answered."""
WARN_ABOVE_S: Final = 60
FAIL_ABOVE_S: Final = 300
"""More, and sign-in tokens are in danger: Google takes none from the future, and Apple none that
is an hour old."""


def skew(date: str, now: float) -> float | None:
    """Return by how many seconds ``now`` is ahead of a ``Date`` header; None where that is none.

    Args:
        date: the header, of whole seconds (RFC 9110, 6.6.1).
        now: seconds since 1970 when it came.
    """
    try:
        when = parsedate_to_datetime(date)
        # Without a zone, or with -0000, it is UTC all the same, and never this host's own time.
        then = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    # It was true for the whole of its second.
    ahead = now - then
    return 0.0 if -1 <= ahead <= 2 else round(ahead, 1)


def findings(
    plans: Sequence[TargetPlan], results: Sequence[CheckResult]
) -> list[tuple[TargetPlan, Finding]]:
    """Return what the answers of a run say about clocks, each with the target it is told at."""
    skews = [
        (plan, float(result.evidence[SKEW]))
        for plan in plans
        for result in results
        if result.about == plan.target and result.stage is Stage.APP and SKEW in result.evidence
    ]
    outside = [(plan, it) for plan, it in skews if plan.whose in (Whose.VENDOR, Whose.HOSTED)]
    judgements = []
    if outside:
        ahead = statistics.median(it for _, it in outside)
        judgements.append((outside[0][0], _of_this_host(outside[0][0], ahead)))
        if abs(ahead) > WARN_ABOVE_S:
            return judgements
    for plan, ahead in skews:
        if plan.whose in (Whose.OWN, Whose.RELAY) and abs(ahead) > WARN_ABOVE_S:
            message = f"this host's clock is {skew_in_words(ahead)} of that at {plan.address}"
            finding = finding_at(
                plan, "clock_differs", message, {SKEW: ahead}, severity=Severity.WARN,
                skew=f"this one is {skew_in_words(ahead)}",
            )  # fmt: skip
            judgements.append((plan, finding))
    return judgements


def _of_this_host(plan: TargetPlan, ahead: float) -> Finding:
    evidence = {SKEW: ahead}
    if abs(ahead) <= WARN_ABOVE_S:
        return passed(f"this host's clock agrees with {plan.host}", **evidence)
    is_bad = abs(ahead) > FAIL_ABOVE_S
    return finding_at(
        plan, "clock_wrong" if is_bad else "clock_off",
        f"{plan.host} says that this host's clock is {skew_in_words(ahead)}", evidence,
        severity=Severity.FAIL if is_bad else Severity.WARN, skew=skew_in_words(ahead),
    )  # fmt: skip


def skew_in_words(ahead: float) -> str:
    """Return a skew in words: ``2 h 0 min ahead``, ``75 s behind``."""
    seconds = round(abs(ahead))
    minutes = round(seconds / 60)
    hours = minutes // 60
    if hours >= 48:
        size = f"{hours // 24} days"
    elif hours:
        size = f"{hours} h {minutes % 60} min"
    elif minutes >= 2:
        size = f"{minutes} min"
    else:
        size = f"{seconds} s"
    return f"{size} {'ahead' if ahead > 0 else 'behind'}"
