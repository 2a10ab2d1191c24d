"""Checks and verdict as lines for people: appended as they come, never drawn again. Pure."""

from collections.abc import Iterator
from typing import Final

from mmpush_tui.checks.model.report import CheckResult, Report
from mmpush_tui.findings import Confidence, Severity

_MARKS: Final = {
    Severity.PASS: "[ok]  ",
    Severity.WARN: "[WARN]",
    Severity.FAIL: "[FAIL]",
    Severity.SKIP: "[skip]",
}
_INDENT: Final = " " * 7


def render(result: CheckResult, shown_before: set[str]) -> Iterator[str]:
    """Return the lines of one check: mark, id, address, finding, time; under a failure what to do.

    The ids are those of the JSON.

    Args:
        result: the check.
        shown_before: what stood under earlier checks of the run, and is not said again: five
            names that nobody resolves have one remedy. What is said of this check is added.
    """
    parts = [f"{_MARKS[result.severity]} {result.id}", result.address, result.message]
    if result.severity is not Severity.SKIP and result.address:
        parts.append(milliseconds(result.ms))
    yield "  ".join(part for part in parts if part)
    if result.severity not in (Severity.WARN, Severity.FAIL):
        return
    below = [f"why: {clause}" for clause in result.why]
    if result.fix:
        below.append(f"fix: {result.fix}")
    if result.see:
        below.append(f"see: mmpush-tui explain {result.see}")
    for line in below:
        if line not in shown_before:
            shown_before.add(line)
            yield f"{_INDENT}{line}"


def in_words(value: object) -> str:
    """Return a value of the evidence for people, who read no brackets and quotes."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {its}" for name, its in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def ending(report: Report) -> Iterator[str]:
    """Return the lines after the last check: an empty one, the verdict, the counts, the time."""
    verdict = report.verdict
    sure = "" if verdict.confidence is Confidence.CERTAIN else f" ({verdict.confidence})"
    yield ""
    yield f"VERDICT{sure}  {verdict.summary}"
    for clause in verdict.why:
        yield f"{_INDENT}why: {clause}"
    for step in verdict.fix:
        yield f"{_INDENT}fix: {step}"
    if verdict.then:
        yield f"{_INDENT}then: {verdict.then}"
    for link in verdict.links:
        yield f"{_INDENT}docs: {link}"
    yield f"{counts(report)} in {report.duration_ms / 1000:.1f} s"


def counts(report: Report) -> str:
    """Return how many checks ended how, in words."""
    names = {
        Severity.PASS: "ok",
        Severity.WARN: "with a warning",
        Severity.FAIL: "failed",
        Severity.SKIP: "skipped",
    }
    number = {status: sum(c.severity is status for c in report.checks) for status in names}
    return ", ".join(f"{number[s]} {name}" for s, name in names.items() if number[s]) or "0 checks"


def milliseconds(ms: float) -> str:
    """Return a time with as many digits as it deserves."""
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"
