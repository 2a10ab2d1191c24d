"""One sentence over a whole run: which hop is broken first, how that is known, what to change.

Pure: from the results alone, so that a saved report can be judged again.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from mmpush_tui.checks.model.report import CheckResult, Stage, Verdict
from mmpush_tui.checks.model.target import TargetPlan, Whose
from mmpush_tui.findings import Confidence, Severity
from mmpush_tui.text import presentable
from mmpush_tui.troubleshooting.lookup import by_code

_ORDER: Final = {stage: index for index, stage in enumerate(Stage)}
_OTHERS_LIMIT: Final = 4
_BY_THE_CLOCK: Final = {"tls_expired", "tls_not_yet_valid"}
_BY_A_TOKEN: Final = {"apns_token_expired", "apns_key_refused", "fcm_clock", "fcm_account"}
_LIES: Final = {"dns_private", "dns_not_apple"}


def verdict(
    plans: Sequence[TargetPlan], results: Sequence[CheckResult], *, is_stopped: bool = False
) -> Verdict:
    """Return the verdict over ``results``.

    Args:
        plans: the targets, in the order of a push's way.
        results: their checks.
        is_stopped: the run was ended before it was through.
    """
    targets = {plan.target: index for index, plan in enumerate(plans)}
    broken = [result for result in results if result.severity is Severity.FAIL]
    # Time that ran out says least about what is wrong.
    broken.sort(key=lambda r: (r.code == "deadline", _ORDER[r.stage], targets[r.about]))
    if broken:
        return _with_more(
            _explained(results, broken)
            or _common(plans, results, broken)
            or _first(results, broken),
            results,
        )
    if is_stopped:
        return _stopped(results)
    warned = [result for result in results if result.severity is Severity.WARN]
    return _with_more(_good(plans, warned), results)


def _with_more(verdict: Verdict, results: Sequence[CheckResult]) -> Verdict:
    """Return ``verdict`` with what the catalogue knows of the check that decided."""
    see = next((result.see for result in results if result.id == verdict.check), "")
    entry = by_code(see) if see else None
    if entry is None:
        return verdict
    then, links = presentable(entry.fixed_when, 400), list(entry.links[:3])
    return msgspec.structs.replace(verdict, then=then, links=links)


def _first(results: Sequence[CheckResult], broken: Sequence[CheckResult]) -> Verdict:
    first, *others = broken
    # Mattermost's own log, where it tells of the same.
    agreed = [
        f"Mattermost's log agrees: {result.message}"
        for result in results
        if result.code == "log_failures" and first.see and result.see == first.see
    ]
    return Verdict(
        severity=Severity.FAIL,
        code=first.code,
        check=first.id,
        summary=first.summary or f"{first.message[:1].upper()}{first.message[1:]}.",
        why=[*([first.message] if first.summary else []), *first.why, *agreed, *_also(others)],
        fix=_fixes(broken),
        confidence=Confidence.CERTAIN if agreed else first.confidence,
    )


def _explained(results: Sequence[CheckResult], broken: Sequence[CheckResult]) -> Verdict | None:
    """Return the verdict where something that only looked odd explains the first failure."""
    first = broken[0]
    for odd in results:
        if odd.severity is not Severity.WARN:
            continue
        is_lie = odd.code in _LIES and odd.about == first.about
        is_time = odd.code == "clock_off" and first.code in _BY_A_TOKEN
        if (is_lie and _ORDER[first.stage] > _ORDER[Stage.DNS]) or is_time:
            return Verdict(
                severity=Severity.FAIL,
                code=odd.code,
                check=odd.id,
                summary=odd.summary or odd.message,
                why=[odd.message, *odd.why, *_also(broken)],
                fix=_fixes([odd, *broken]),
                confidence=Confidence.LIKELY,
            )
    return None


def _common(
    plans: Sequence[TargetPlan], results: Sequence[CheckResult], broken: Sequence[CheckResult]
) -> Verdict | None:
    """Return the verdict where one cause explains the failures of several targets."""
    stage = broken[0].stage
    outside = {p.target: p for p in plans if p.whose in (Whose.VENDOR, Whose.HOSTED)}
    here = [r for r in broken if r.stage is stage and r.about in outside]
    hosts = {outside[result.about].host for result in here}
    passed = [
        result
        for result in results
        if result.stage is stage and result.about in outside and result.severity is Severity.PASS
    ]
    if len(hosts) < 2 or passed or broken[0] not in here or broken[0].code == "deadline":
        return None
    if not (summary := _summary_of(stage, here)):
        return None
    rest = [result for result in broken if result not in here]
    return Verdict(
        severity=Severity.FAIL,
        code=here[0].code,
        check=here[0].id,
        summary=summary,
        why=[*(f"{result.id}: {result.message}" for result in here), *_also(rest)],
        fix=_fixes([here[0], *rest]),
        confidence=Confidence.LIKELY,
    )


def _summary_of(stage: Stage, here: Sequence[CheckResult]) -> str:
    codes = {result.code for result in here}
    match stage:
        case Stage.DNS:
            return "This host cannot resolve names outside."
        case Stage.TCP:
            return "This host gets no connection to the outside."
        case Stage.TLS if codes <= _BY_THE_CLOCK:
            return "This host's clock is wrong, or the certificates outside are not the real ones."
        case Stage.TLS if codes == {"tls_intercepting"}:
            issuers = {str(result.evidence.get("issuer", "")) for result in here}
            if len(issuers) == 1 and (issuer := issuers.pop()):
                return f'The network breaks TLS open: every certificate is signed by "{issuer}".'
    return ""


def _also(others: Iterable[CheckResult]) -> list[str]:
    """Return the failures that the verdict is not about, a clause each."""
    clauses = [f"also {result.id}: {result.message}" for result in others]
    more = len(clauses) - _OTHERS_LIMIT
    return [*clauses[:_OTHERS_LIMIT], *([f"and {more} more"] if more > 0 else [])]


def _fixes(broken: Sequence[CheckResult]) -> list[str]:
    return list(dict.fromkeys(result.fix for result in broken if result.fix))[:2]


def _stopped(results: Sequence[CheckResult]) -> Verdict:
    done = len(results)
    return Verdict(
        severity=Severity.WARN,
        code="interrupted",
        summary="The checks were stopped; "
        + (f"the {done} that were done found nothing broken." if done else "none was done."),
        fix=["Run them again, to the end."],
        confidence=Confidence.POSSIBLE,
    )


def _good(plans: Sequence[TargetPlan], warned: Sequence[CheckResult]) -> Verdict:
    if not plans:
        return Verdict(severity=Severity.WARN, code="nothing", summary="Nothing was checked.")
    reached = _listed(dict.fromkeys(plan.who for plan in plans))
    if not warned:
        summary = f"Everything that was checked can be reached: {reached}."
        return Verdict(severity=Severity.PASS, code="ok", summary=summary)
    first = warned[0]
    number = "one warning" if len(warned) == 1 else f"{len(warned)} warnings"
    tail = f": {first.summary}" if first.summary else "."
    is_seen = any(not plan.is_blocked for plan in plans)
    summary = f"Everything that was checked can be reached, with {number}{tail}"
    return Verdict(
        severity=Severity.WARN,
        code=first.code,
        check=first.id,
        summary=summary if is_seen else first.summary or summary,
        why=[f"{result.id}: {result.message}" for result in warned],
        fix=_fixes(warned),
    )


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
