"""What the Checks screen says about a run, as rows of text. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from textual.content import Content

from mmpush_tui.checks.model.report import CheckResult, Stage
from mmpush_tui.checks.output.plain import in_words
from mmpush_tui.console.checks.desk import DEADLINE_S, WATCH_EVERY_S, ChecksView, Past
from mmpush_tui.console.safe import Part, content, hanging, lines, spread
from mmpush_tui.console.widgets.frame import MARKS
from mmpush_tui.findings import Severity
from mmpush_tui.watching.lines import clock

if TYPE_CHECKING:
    from mmpush_tui.checks.model.target import TargetPlan

_BAR: Final = 8
_WIDE: Final = 100
_WIDE_BAR: Final = 20
_RUNS: Final = 4
"""How many changes of the runs before are told."""
_VERDICTS: Final = {
    Severity.PASS: ("GOOD  ", "bold $success"),
    Severity.WARN: ("WARN  ", "bold $warning"),
    Severity.FAIL: ("FAIL  ", "bold $error"),
    Severity.SKIP: ("SKIP  ", "bold"),
}


def totals(view: ChecksView) -> tuple[Part, ...]:
    """Return when the run was and how many checks ended how."""
    parts: list[Part] = []
    if view.is_running:
        planned = sum(len(plan.stages) for plan in view.plans)
        done = f"{len(view.results)} of {planned}, " if planned else ""
        parts.append((f"running, {done}at most {DEADLINE_S:.0f} s   ", "$warning"))
    else:
        facts = []
        if (report := view.shown_report) is not None:
            facts.append(f"{clock(report.started_at)[:8]}, {report.duration_ms / 1000:.1f} s")
        if view.is_watching:
            facts.append(f"again every {WATCH_EVERY_S:.0f} s")
        if facts:
            parts.append((f"{', '.join(facts)}   ", "$quiet"))
    for status in Severity:
        count = sum(result.severity is status for result in view.results)
        if count:
            mark, style = MARKS[status]
            parts.append((f"{count} {mark}  ", style))
    return tuple(parts)


def verdict_rows(view: ChecksView, width: int) -> Content:
    """Return the one sentence over the run, why it says so, and what to do."""
    if view.problem:
        mark: Part = ("FAIL  ", "bold $error") if view.is_broken else ("--    ", "$quiet")
        rows = [hanging((mark,), view.problem, width)]
        if not view.is_broken:
            rows += [content(""), content("      ", ("5", "bold $primary"), " sets them up here.")]
        return lines(*rows)
    if view.is_running:
        return hanging((), "Following the wire from Mattermost to Apple and Google.", width)
    if view.was_cancelled:
        text = "Cancelled. What was seen until then stands below."
        return hanging((("--    ", "$quiet"),), text, width)
    if view.report is None:
        return _invitation(width)
    verdict = view.report.verdict
    rows = [hanging((_VERDICTS[verdict.severity],), verdict.summary, width)]
    rows += _listed("why   ", "$quiet", verdict.why, width)
    rows += _listed("fix   ", "bold", verdict.fix, width)
    rows += _listed("then  ", "$quiet", [verdict.then] if verdict.then else [], width)
    if len(view.history) > 1:
        rows.append(hanging((("runs  ", "$quiet"),), _history(view.history), width))
    return lines(*rows)


def _history(history: Sequence[Past]) -> str:
    """Return the latest runs in words: how many were alike, and since when."""
    by_end = groupby(history, key=lambda past: (past.verdict.severity, past.verdict.code))
    phrases = []
    for alike in [list(runs) for _, runs in by_end][-_RUNS:]:
        at, verdict = alike[0]
        word = MARKS[verdict.severity][0]
        is_good = verdict.severity is Severity.PASS
        what = word if is_good else f"{word} {verdict.check or verdict.code}"
        phrases.append(f"{clock(at)[:8]} {what}{f' x{len(alike)}' if len(alike) > 1 else ''}")
    return ", ".join(phrases)


def _invitation(width: int) -> Content:
    text = (
        "DNS, TCP, TLS, ALPN, HTTP/2, one request and then the credentials, for every hop that "
        "the settings and the configuration need. Nothing is sent to a device."
    )
    key: tuple[Part, ...] = ("Nothing has been checked yet. ", ("r", "bold $primary"))
    return lines(content(*key, " runs the checks."), content(""), hanging((), text, width))


def _listed(head: str, style: str, texts: Iterable[str], width: int) -> list[Content]:
    """Return ``texts`` behind one head, each with its own hanging indent."""
    heads = (head, *[" " * len(head)] * 99)
    return [
        hanging(((first, style),), text, width) for first, text in zip(heads, texts, strict=False)
    ]


def rows(view: ChecksView, width: int) -> Iterator[tuple[str, Content]]:
    """Return id and line of every target and check, in the order of the wire.

    Checks that have not come yet have their lines already, so that nothing moves when they do.
    A target's id begins with a slash.
    """
    for plan in view.plans:
        yield f"/{plan.target}", _heading(plan, width)
        by_stage = {result.stage: result for result in view.of(plan.target)}
        for stage in dict.fromkeys((*plan.stages, *by_stage)):
            yield f"{stage.value}:{plan.target}", _row(stage, by_stage.get(stage), view, width)


def _heading(plan: "TargetPlan", width: int) -> Content:
    """Return whom the checks are about, with as much of the address as fits whole."""
    if plan.shown_url in plan.title:
        return content((plan.title, "bold")).truncate(width, ellipsis=True)
    room = width - len(plan.title) - 2
    address = next((text for text in (plan.shown_url, plan.address) if len(text) <= room), "")
    return content((plan.title, "bold"), (f"  {address}", "$quiet")).truncate(width, ellipsis=True)


def _row(stage: Stage, result: CheckResult | None, view: ChecksView, width: int) -> Content:
    if result is None:
        word = "" if view.is_running else "not done"
        return content((f" {'..':<5}{stage.value:<11}{word}", "$quiet")).truncate(width)
    mark, style = MARKS[result.severity]
    first: tuple[Part, ...] = ((f" {mark:<5}", style), f"{result.stage.value:<11}")
    took: Part = (
        ""
        if result.severity is Severity.SKIP
        else (f"{_took(result.ms)}  {_bar(result, view, width)}", "$quiet")
    )
    if result.severity in (Severity.WARN, Severity.FAIL):
        return hanging(first, result.message, width, took)
    return spread(content(*first, result.message), content(took), width)


def _bar(result: CheckResult, view: ChecksView, width: int) -> str:
    """Return when in the run the check was, as a bar below those before it."""
    room = _BAR if width < _WIDE else _WIDE_BAR
    whole = max((it.began_ms + it.ms for it in view.results), default=0.0)
    if whole <= 0 or result.ms <= 0:
        return " " * room
    start = min(int(result.began_ms / whole * room), room - 1)
    size = max(round(result.ms / whole * room), 1)
    return (" " * start + "#" * size)[:room].ljust(room)


def _took(ms: float) -> str:
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.1f} ms"


def first_bad(results: Iterable[CheckResult]) -> str | None:
    """Return the id of the worst check, the first of its kind; None where all are good."""
    ranked = {Severity.FAIL: 0, Severity.WARN: 1}
    bad = [result for result in results if result.severity in ranked]
    return min(bad, key=lambda result: ranked[result.severity]).id if bad else None


def evidence_rows(result: CheckResult, width: int) -> Content:
    """Return all that one check saw."""
    mark, style = MARKS[result.severity]
    rows = [
        content((f"{result.id}  ", "bold"), (result.address, "$quiet")),
        hanging(((f"{mark:<6}", style),), result.message, width),
    ]
    rows += _listed("why   ", "$quiet", result.why, width)
    rows += _listed("fix   ", "bold", [result.fix] if result.fix else [], width)
    for name, value in result.evidence.items():
        text = in_words(value)
        rows.append(hanging(((f"{name.replace('_', ' '):<16} ", "$quiet"),), text, width))
    if result.see:
        rows.append(content(("more  ", "$quiet"), f"mmpush-tui explain {result.see}"))
    return lines(*rows)
