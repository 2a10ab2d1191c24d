"""Findings that something is wrong at a target, in the catalogue's words for it: pure."""

from collections.abc import Mapping
from typing import Any

from mmpush_tui.checks.model.target import Flaw, TargetKind, TargetPlan, Whose
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.troubleshooting.catalogue import GENERIC
from mmpush_tui.troubleshooting.wording import Words, words_for


def words_at(plan: TargetPlan, code: str, **details: Any) -> Words:
    """Return what is said about ``code`` at a target.

    Args:
        plan: the target.
        code: one that the catalogue has words for, or one of a credential file.
        details: what else names in braces stand for.
    """
    at = "" if plan.whose is Whose.VENDOR else plan.whose.value
    platform = "apple" if plan.kind is TargetKind.APNS else "android"
    # The codes of credential files say themselves what is wrong.
    words = words_for(code, at=at, platform=platform) or words_for("credential_file")
    assert words is not None  # noqa: S101 - the catalogue's own tests hold it to that
    return words.at(_places(plan) | details)


def _places(plan: TargetPlan) -> dict[str, Any]:
    return {
        **GENERIC,
        "who": plan.who,
        "host": plan.host,
        "lookup": plan.host,
        "names": plan.host,
        "port": plan.port if plan.url else "",
        "endpoint": plan.address,
        "path": plan.shown_path,
        "url": plan.shown_url,
        "until": "that",
        "proxy": str(plan.proxy or plan.spare_proxy or "HOST:PORT"),
        "variable": (plan.proxy.source if plan.proxy else "") or "the setting",
        "project": plan.project,
        "source": plan.source,
        "shorter": "",
        "other": "8066" if plan.port == 8086 else "8086",
        "other_url": "",
        "named_by": f"`curl -sSI {plan.shown_url}/version`",
    }


def config_of(plan: TargetPlan) -> Finding | None:
    """Return what is known of a target before anything is sent, in words; None for nothing."""
    flaw = plan.config
    if not isinstance(flaw, Flaw):
        return flaw
    return finding_at(plan, flaw.code, flaw.message, severity=flaw.severity, **flaw.details)


def finding_at(
    plan: TargetPlan,
    code: str,
    message: str,
    evidence: Mapping[str, Any] | None = None,
    *,
    why: tuple[str, ...] = (),
    severity: Severity = Severity.FAIL,
    **details: Any,
) -> Finding:
    """Return the finding that something is wrong, with its words.

    Args:
        plan: the target.
        code: as in :func:`words_at`.
        message: what was observed, in one clause.
        evidence: what was seen.
        why: further clauses, before the catalogue's own.
        severity: ``fail`` or ``warn``.
        details: what names in braces stand for.
    """
    words = words_at(plan, code, **details)
    return Finding(
        severity=severity,
        code=code,
        message=message,
        why=(*why, words.why),
        fix=words.fix,
        see=words.see,
        summary=words.summary,
        confidence=words.confidence,
        evidence=evidence or {},
    )
