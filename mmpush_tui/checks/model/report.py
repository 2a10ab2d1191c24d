"""The shape of a check run: every check's result, and the one verdict over all of them.

Schema 1 of the ``check`` command's JSON. Fields may be added, never changed.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from mmpush_tui.exits import Exit

SCHEMA: Final = 1


class Status(StrEnum):
    """How one check ended."""

    PASS = "pass"  # noqa: S105 - a status word
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


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


class Confidence(StrEnum):
    """How sure a verdict is of its cause."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found.

    Attributes:
        id: ``STAGE:TARGET``, as ``tls:apns/apple_rn``; the same on the screen, in plain output
            and in JSON.
        target: whom it was about, as ``apns/apple_rn``, ``fcm/android_rn``, ``tpns``.
        stage: where on the wire it looked.
        address: host:port it looked at, or empty.
        status: how it ended.
        code: stable name of the finding, also a code or reason of the catalogue where that has
            an entry.
        message: the finding in one clause.
        fix: what to change, in one sentence; empty where nothing is to be done.
        needs: id of the check that had to pass before; with status skip, the one that did not.
        ms: how long it took.
        evidence: what was seen, ready for JSON: cleaned, without secrets.
        why: what the finding means or rests on, one clause each.
        see: code of the catalogue's entry that explains it, or empty.
        summary: what is broken, as a sentence; empty where nothing is.
        confidence: how sure that is.
        began_ms: milliseconds from the begin of the run to that of the check.
    """

    id: str
    target: str
    stage: Stage
    status: Status
    code: str
    message: str
    address: str = ""
    fix: str = ""
    needs: str | None = None
    ms: float = 0.0
    evidence: dict[str, Any] = {}
    why: list[str] = []
    see: str = ""
    summary: str = ""
    confidence: Confidence = Confidence.CERTAIN
    began_ms: float = 0.0


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The one sentence over a whole run.

    Attributes:
        status: the worst that matters: pass, warn or fail.
        code: stable name of the cause.
        check: id of the check that decided, or None.
        summary: what is broken, in one sentence.
        why: the evidence for it, one clause each.
        fix: what to change, one step each.
        confidence: how sure it is.
        then: how it looks once it is mended; empty where the catalogue has no entry.
        links: documentation about it.
    """

    status: Status
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
    schema: int = SCHEMA
    kind: str = "check"


def check_id(stage: Stage, target: str) -> str:
    """Return the id of the check of ``stage`` at ``target``."""
    return f"{stage.value}:{target}"


def skipped(stage: Stage, target: str, needs: CheckResult) -> CheckResult:
    """Return the result of a check that could not run because ``needs`` did not pass."""
    return CheckResult(
        id=check_id(stage, target),
        target=target,
        stage=stage,
        status=Status.SKIP,
        code="skipped",
        message=f"skipped (needs {needs.id})",
        needs=needs.id,
    )


def exit_code(checks: Sequence[CheckResult]) -> Exit:
    """Return 1 where any check failed, else 0: warnings and skipped checks are no failure."""
    failed = any(check.status is Status.FAIL for check in checks)
    return Exit.FAILED if failed else Exit.OK


def to_json(report: Report) -> bytes:
    """Return ``report`` on one line, as ``--json`` and ``--watch --json`` print it."""
    return msgspec.json.encode(report)
