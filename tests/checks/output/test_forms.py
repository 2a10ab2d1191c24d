"""The report's other forms: for monitoring, for Prometheus, for a ticket."""

import re

import msgspec
import pytest

from mmpush_tui.checks.model.report import CheckResult, Report, Stage, Verdict, check_id
from mmpush_tui.checks.output import markdown, nagios, prometheus
from mmpush_tui.checks.output import plain as lines
from mmpush_tui.findings import Severity

HOSTILE = "![x](http://evil) <b> | `a` *b* [c] 'd'=9;; \"e\" # f"


def check(
    status: Severity, stage: Stage = Stage.TLS, message: str = "as it should be", **evidence: object
) -> CheckResult:
    return CheckResult(
        id=check_id(stage, "apns/apple_rn"), about="apns/apple_rn", stage=stage, severity=status,
        code="ok", message=message, address="api.push.apple.com:443", ms=12.5,
        evidence=evidence, fix="Mend it." if status is Severity.FAIL else "",
    )  # fmt: skip


def report(status: Severity, *checks: CheckResult, exit_code: int = 0, **verdict: object) -> Report:
    said = {"code": "ok", "summary": "All is well."} | verdict
    return Report(
        started_at="2026-11-27T12:00:00.000Z", duration_ms=150.0, checks=list(checks),
        verdict=msgspec.convert({"status": status.value} | said, Verdict), exit_code=exit_code,
    )  # fmt: skip


LINES = [
    (report(Severity.PASS, check(Severity.PASS, days_left=90)), 0,
     "PUSH OK - All is well. | 'time'=150ms 'tls:apns/apple_rn'=12.5ms "
     "'tls:apns/apple_rn_days'=90"),
    (report(Severity.WARN, summary="It ends soon.", fix=["Renew it."]), 1,
     "PUSH WARNING - It ends soon. Renew it. | 'time'=150ms"),
    (report(Severity.FAIL, check(Severity.FAIL), summary="a | b", fix=["c"], exit_code=1), 2,
     "PUSH CRITICAL - a / b c | 'time'=150ms"),
    (report(Severity.FAIL, summary="Not done.", exit_code=4), 3, "PUSH UNKNOWN - Not done."),
    (report(Severity.WARN, summary="Stopped.", exit_code=130), 3, "PUSH UNKNOWN - Stopped."),
]  # fmt: skip


@pytest.mark.parametrize(("made", "code", "line"), LINES)
def test_one_line_for_monitoring(made: Report, code: int, line: str) -> None:
    assert nagios.render(made) == (line, code)


def test_hostile_words_stay_out_of_the_performance_data() -> None:
    line, _ = nagios.render(report(Severity.FAIL, summary=HOSTILE + "\nsecond", exit_code=1))
    assert line.count("|") == 1
    assert "\n" not in line


def test_metrics_for_the_textfile_collector() -> None:
    text = prometheus.render(
        report(Severity.FAIL, check(Severity.PASS, days_left=9), check(Severity.SKIP, Stage.APP),
               code='odd"\\code')
    )  # fmt: skip
    lines = text.splitlines()
    assert text.endswith("\n")
    assert "mmpush_check_up 0.0" in lines
    assert 'mmpush_check_verdict{code="odd\\"\\\\code",status="fail"} 1' in lines
    labels = 'check="tls:apns/apple_rn",target="apns/apple_rn"'
    assert f'mmpush_check_status{{{labels},stage="tls"}} 0' in lines
    assert f'mmpush_check_duration_seconds{{{labels},stage="tls"}} 0.0125' in lines
    assert f"mmpush_check_certificate_days_left{{{labels}}} 9" in lines
    assert "mmpush_check_last_run_timestamp_seconds 1795780800.0" in lines
    assert sum(line.startswith("mmpush_check_duration_seconds{") for line in lines) == 1
    assert all(re.fullmatch(r"# (HELP|TYPE) .*|\w+(\{.*\})? [-\d.e+]+", line) for line in lines)


def test_a_report_for_a_ticket() -> None:
    text = markdown.render(
        report(
            Severity.FAIL,
            check(Severity.FAIL, message=HOSTILE, issuer=HOSTILE, names=["a", "b"]),
            check(Severity.SKIP, Stage.APP),
            summary=HOSTILE,
            why=["because"],
            fix=["do", "then"],
            then="It works.",
            links=["https://docs.example/push"],
        )
    )
    assert text.startswith(
        "## Push: \\!\\[x\\]\\(http://evil\\) \\<b\\> \\| \\`a\\` \\*b\\* \\[c\\]"
    )
    assert "- because\n" in text
    assert "1. do\n2. then\n" in text
    assert "Mended, it looks like this: It works." in text
    assert "- <https://docs.example/push>" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [6] * 3
    assert "### tls:apns/apple\\_rn" in text
    assert "- names: a, b" in text
    assert not re.search(r"(?<!\\)[<`!]", text.replace("<https://docs.example/push>", ""))


@pytest.mark.parametrize(("value", "said"), [
    ({"enable_push": 0, "max_frame_size": 16384}, "enable_push 0, max_frame_size 16384"),
    (["17.1.1.1 open", "17.1.1.2 refused"], "17.1.1.1 open, 17.1.1.2 refused"),
    (True, "True"),
])  # fmt: skip
def test_evidence_is_told_without_brackets(value: object, said: str) -> None:
    assert lines.in_words(value) == said
