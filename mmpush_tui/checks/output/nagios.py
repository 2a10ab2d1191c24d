"""A report as one line for monitoring: status, sentence, performance data. Pure.

By the Monitoring Plugins Development Guidelines: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
"""

import re
from typing import Final

from mmpush_tui.checks.model.report import Report
from mmpush_tui.exits import Exit
from mmpush_tui.findings import Severity

UNKNOWN: Final = 3
_STATES: Final = {
    Severity.PASS: ("OK", 0),
    Severity.WARN: ("WARNING", 1),
    Severity.FAIL: ("CRITICAL", 2),
}
_LABEL: Final = re.compile(r"[='\"|\s]")


def render(report: Report) -> tuple[str, int]:
    """Return the line and its exit code; a run that was not through is UNKNOWN."""
    if report.exit_code in (Exit.INTERRUPTED, Exit.DEADLINE):
        return unknown(report.verdict.summary)
    word, code = _STATES[report.verdict.severity]
    text = f"PUSH {word} - {_plain(report.verdict.summary)}"
    if report.verdict.severity is not Severity.PASS and report.verdict.fix:
        text += f" {_plain(report.verdict.fix[0])}"
    measured = [
        f"'{_LABEL.sub('_', check.id)}'={check.ms:g}ms"
        for check in report.checks
        if check.severity in (Severity.PASS, Severity.WARN) and check.ms > 0
    ]
    days = [
        f"'{_LABEL.sub('_', check.id)}_days'={check.evidence['days_left']}"
        for check in report.checks
        if isinstance(check.evidence.get("days_left"), int)
    ]
    numbers = " ".join((f"'time'={report.duration_ms:g}ms", *measured, *days))
    return f"{text} | {numbers}", code


def unknown(sentence: str) -> tuple[str, int]:
    """Return the line for a run that says nothing about push."""
    return f"PUSH UNKNOWN - {_plain(sentence)}", UNKNOWN


def _plain(text: str) -> str:
    # What follows a bar is performance data to whoever reads the line.
    return " ".join(text.replace("|", "/").split())
