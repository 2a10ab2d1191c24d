"""A report as a file for the textfile collector of Prometheus' node exporter. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from mmpush_tui.checks.model.report import Report
from mmpush_tui.findings import Severity

_STATUSES: Final = {Severity.PASS: 0, Severity.WARN: 1, Severity.FAIL: 2, Severity.SKIP: 3}

Sample = tuple[Mapping[str, str], float]


def render(report: Report) -> str:
    """Return the metrics, in the text format, with an empty line at the end."""
    verdict = report.verdict
    began = datetime.fromisoformat(report.started_at).timestamp()
    days = [
        ({"check": check.id, "target": check.about}, float(check.evidence["days_left"]))
        for check in report.checks
        if isinstance(check.evidence.get("days_left"), int)
    ]
    lines = [
        *_family("mmpush_check_up", "1 where nothing failed.", [
            ({}, float(verdict.severity is not Severity.FAIL)),
        ]),
        *_family("mmpush_check_verdict", "1; the labels say what is broken.", [
            ({"code": verdict.code, "status": verdict.severity.value}, 1.0),
        ]),
        *_family("mmpush_check_status", "0 pass, 1 warn, 2 fail, 3 skipped.", [
            ({"check": check.id, "target": check.about, "stage": check.stage.value},
             float(_STATUSES[check.severity]))
            for check in report.checks
        ]),
        *_family("mmpush_check_duration_seconds", "How long each check took.", [
            ({"check": check.id, "target": check.about, "stage": check.stage.value},
             check.ms / 1000)
            for check in report.checks if check.severity is not Severity.SKIP
        ]),
        *_family("mmpush_check_certificate_days_left", "Until a certificate ends.", days),
        *_family("mmpush_check_run_duration_seconds", "How long all of it took.", [
            ({}, report.duration_ms / 1000),
        ]),
        *_family("mmpush_check_last_run_timestamp_seconds", "When it began.", [({}, began)]),
    ]  # fmt: skip
    return "\n".join((*lines, ""))


def _family(name: str, help_: str, samples: Sequence[Sample]) -> Iterator[str]:
    if not samples:
        return
    yield f"# HELP {name} {help_}"
    yield f"# TYPE {name} gauge"
    for labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{inside}}} {value:g}" if inside else f"{name} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
