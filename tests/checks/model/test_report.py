"""The check run's JSON is public: its keys and words are pinned here."""

import msgspec
import pytest

from mmpush_tui.checks.model.report import (
    CheckResult,
    Report,
    Stage,
    Verdict,
    check_id,
    exit_code,
    skipped,
    to_json,
)
from mmpush_tui.exits import Exit
from mmpush_tui.findings import Confidence, Severity


def result(status: Severity, stage: Stage = Stage.TLS) -> CheckResult:
    return CheckResult(
        id=check_id(stage, "apns/apple_rn"),
        about="apns/apple_rn",
        stage=stage,
        severity=status,
        code="tls_untrusted",
        message="the certificate is signed by Corp Proxy CA",
        address="api.push.apple.com:443",
        fix="Exempt *.push.apple.com from inspection.",
        ms=41.5,
        evidence={"issuer": "Corp Proxy CA"},
        why=('it is signed by "Corp Proxy CA"',),
        see="network-tls-untrusted",
    )


def test_report_json_has_exactly_the_published_shape() -> None:
    report = Report(
        started_at="2026-11-23T12:00:00.000Z",
        duration_ms=1900.0,
        verdict=Verdict(
            severity=Severity.FAIL,
            code="tls_untrusted",
            check="tls:apns/apple_rn",
            summary="The network breaks TLS on the way to Apple.",
            why=["the certificate is signed by Corp Proxy CA"],
            fix=["Exempt *.push.apple.com from inspection."],
            confidence=Confidence.LIKELY,
        ),
        checks=[result(Severity.FAIL)],
        exit_code=1,
    )
    assert msgspec.json.decode(to_json(report)) == {
        "schema": 1,
        "kind": "check",
        "started_at": "2026-11-23T12:00:00.000Z",
        "duration_ms": 1900.0,
        "verdict": {
            "status": "fail",
            "code": "tls_untrusted",
            "check": "tls:apns/apple_rn",
            "summary": "The network breaks TLS on the way to Apple.",
            "why": ["the certificate is signed by Corp Proxy CA"],
            "fix": ["Exempt *.push.apple.com from inspection."],
            "confidence": "likely",
            "then": "",
            "links": [],
        },
        "checks": [
            {
                "id": "tls:apns/apple_rn",
                "target": "apns/apple_rn",
                "stage": "tls",
                "address": "api.push.apple.com:443",
                "status": "fail",
                "code": "tls_untrusted",
                "message": "the certificate is signed by Corp Proxy CA",
                "fix": "Exempt *.push.apple.com from inspection.",
                "needs": None,
                "ms": 41.5,
                "evidence": {"issuer": "Corp Proxy CA"},
                "why": ['it is signed by "Corp Proxy CA"'],
                "see": "network-tls-untrusted",
                "summary": "",
                "confidence": "certain",
                "began_ms": 0.0,
            }
        ],
        "exit_code": 1,
    }


def test_stages_stand_in_the_order_of_the_wire() -> None:
    assert [stage.value for stage in Stage] == [
        "config", "clock", "dns", "tcp", "proxy", "tls", "alpn", "http2", "app", "credential",
    ]  # fmt: skip


def test_a_child_of_a_failed_check_is_skipped_and_names_it() -> None:
    child = skipped(Stage.HTTP2, "apns/apple_rn", result(Severity.FAIL))
    assert child.severity is Severity.SKIP
    assert child.needs == "tls:apns/apple_rn"
    assert child.message == "skipped (needs tls:apns/apple_rn)"


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([], Exit.OK),
        ([Severity.PASS, Severity.WARN, Severity.SKIP], Exit.OK),
        ([Severity.PASS, Severity.FAIL], Exit.FAILED),
    ],
)
def test_only_a_failure_is_exit_1(statuses: list[Severity], code: Exit) -> None:
    assert exit_code([result(status) for status in statuses]) is code


def test_where_only_the_time_was_over_the_exit_says_so() -> None:
    late = msgspec.structs.replace(result(Severity.FAIL), code="deadline")
    assert exit_code([late, result(Severity.PASS)]) is Exit.DEADLINE
    assert exit_code([late, result(Severity.FAIL)]) is Exit.FAILED
