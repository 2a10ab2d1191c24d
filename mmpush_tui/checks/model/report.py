"""The shape of a check run: every check's result, and the one verdict over all of them.

Schema 1 of the ``check`` command's JSON. Fields may be added, never changed.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from mmpush_tui.exits import Exit
from mmpush_tui.findings import Confidence, Finding, Severity


class Stage(StrEnum):
    """Where on the wire a check looks; the order is the order of the wire."""

    CONFIG = "config"
    CLOCK = "clock"
    DNS = "dns"
    TCP = "tcp"
    PROXY = "proxy"
    TLS = "tls"
    ALPN = "alpn"
    HTTP2 = "http2"
    APP = "app"
    CREDENTIAL = "credential"


class CheckResult(Finding, frozen=True, kw_only=True):
    """What one check found: a finding, where on the wire, and when.

    It is about a target, as ``apns/apple_rn``, ``fcm/android_rn``, ``tpns``.

    Attributes:
        id: ``STAGE:TARGET``, as ``tls:apns/apple_rn``; the same on the screen, in plain output
            and in JSON.
        stage: where on the wire it looked.
        address: host:port it looked at, or empty.
        needs: id of the check that had to pass before; with severity skip, the one that did not.
        ms: how long it took.
        began_ms: milliseconds from the begin of the run to that of the check.
    """

    id: str
    stage: Stage
    address: str = ""
    needs: str | None = None
    ms: float = 0.0
    began_ms: float = 0.0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The one sentence over a whole run.

    Attributes:
        severity: the worst that matters: pass, warn or fail.
        code: stable name of the cause.
        check: id of the check that decided, or None.
        summary: what is broken, in one sentence.
        why: the evidence for it, one clause each.
        fix: what to change, one step each.
        confidence: how sure it is.
        then: how it looks once it is mended; empty where the catalogue has no entry.
        links: documentation about it.
    """

    severity: Severity = msgspec.field(name="status")
    code: str
    summary: str
    check: str | None = None
    why: list[str] = []
    fix: list[str] = []
    confidence: Confidence = Confidence.CERTAIN
    then: str = ""
    links: list[str] = []


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the checks, as ``check --json`` prints it."""

    started_at: str
    duration_ms: float
    verdict: Verdict
    checks: list[CheckResult]
    exit_code: int
    schema: int = 1
    kind: str = "check"


def check_id(stage: Stage, target: str) -> str:
    """Return the id of the check of ``stage`` at ``target``."""
    return f"{stage.value}:{target}"


def skipped(stage: Stage, target: str, needs: CheckResult) -> CheckResult:
    """Return the result of a check that could not run because ``needs`` did not pass."""
    return CheckResult(
        id=check_id(stage, target),
        about=target,
        stage=stage,
        severity=Severity.SKIP,
        code="skipped",
        message=f"skipped (needs {needs.id})",
        needs=needs.id,
    )


def exit_code(checks: Sequence[CheckResult]) -> Exit:
    """Return whether any check failed; warnings and skipped checks are no failure.

    Where the run's time alone is what failed, that is what is returned.
    """
    codes = {check.code for check in checks if check.severity is Severity.FAIL}
    if codes == {"deadline"}:
        return Exit.DEADLINE
    return Exit.FAILED if codes else Exit.OK


def to_json(report: Report) -> bytes:
    """Return ``report`` on one line, as ``--json`` and ``--watch --json`` print it."""
    return msgspec.json.encode(report)
