"""A report as Markdown, for a ticket or a message. Pure.

What servers said stands in it as they said it, cleaned: nothing of that can become markup.
"""

import re
from collections.abc import Iterator
from typing import Final

from mmpush_tui.checks.model.report import CheckResult, Report
from mmpush_tui.checks.output.plain import counts, in_words, milliseconds
from mmpush_tui.findings import Confidence, Severity

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]()#+!|<>~@&$])")
_WORDS: Final = {
    Severity.PASS: "ok",
    Severity.WARN: "**warn**",
    Severity.FAIL: "**FAIL**",
    Severity.SKIP: "skipped",
}


def render(report: Report) -> str:
    """Return the report: verdict, every check, and what was seen where something is wrong."""
    return "\n".join((*_lines(report), ""))


def _lines(report: Report) -> Iterator[str]:
    verdict = report.verdict
    sure = "" if verdict.confidence is Confidence.CERTAIN else f" ({verdict.confidence})"
    yield f"## Push: {_escaped(verdict.summary)}"
    yield ""
    yield f"{report.started_at}, {counts(report)} in {report.duration_ms / 1000:.1f} s{sure}"
    if verdict.why:
        yield from ("", "Why:", "")
        yield from (f"- {_escaped(clause)}" for clause in verdict.why)
    if verdict.fix:
        yield from ("", "What to change:", "")
        yield from (f"{number}. {_escaped(step)}" for number, step in enumerate(verdict.fix, 1))
    if verdict.then:
        yield from ("", f"Mended, it looks like this: {_escaped(verdict.then)}")
    if verdict.links:
        yield ""
        yield from (f"- <{link}>" for link in verdict.links)
    yield from ("", "| | check | address | finding | time |", "|---|---|---|---|---|")
    for check in report.checks:
        took = "" if check.severity is Severity.SKIP else milliseconds(check.ms)
        cells = (check.id, check.address, check.message)
        inside = " | ".join(_escaped(cell) for cell in cells)
        yield f"| {_WORDS[check.severity]} | {inside} | {took} |"
    for check in report.checks:
        if check.severity in (Severity.WARN, Severity.FAIL):
            yield from _evidence_of(check)


def _evidence_of(check: CheckResult) -> Iterator[str]:
    yield from ("", f"### {_escaped(check.id)}", "")
    yield _escaped(check.message)
    if check.fix:
        yield from ("", f"Fix: {_escaped(check.fix)}")
    if check.evidence:
        yield ""
        yield from (
            f"- {_escaped(name)}: {_escaped(in_words(value))}"
            for name, value in check.evidence.items()
        )


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)
