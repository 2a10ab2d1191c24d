"""What needs the reader, the worst first. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mmpush_tui.console.overview.path import State, Views, troubles
from mmpush_tui.console.worker.desk import Phase
from mmpush_tui.findings import Severity
from mmpush_tui.settings.page import Mode
from mmpush_tui.text import presentable
from mmpush_tui.troubleshooting import lookup
from mmpush_tui.watching.lines import clock

_ORDER: Final = (Severity.FAIL, Severity.WARN, Severity.INFO)


@dataclass(frozen=True, slots=True)
class Need:
    """Something that wants the reader.

    Attributes:
        severity: how bad it is.
        text: what it is, in a sentence.
        screen: where it is dealt with.
        todo: two or three words for what happens there.
        begins: the checks are run on the way there.
    """

    severity: Severity
    text: str
    screen: str
    todo: str
    begins: bool = False


def needs(views: Views) -> tuple[Need, ...]:
    """Return what needs the reader."""
    every = [*_of_worker(views), *_of_checks(views), *_of_settings(views)]
    return tuple(sorted(every, key=lambda need: _ORDER.index(need.severity)))


def _of_worker(views: Views) -> Iterator[Need]:
    worker = views.worker
    if worker.trouble:
        yield Need(Severity.FAIL, worker.trouble, "worker", "worker")
    elif worker.phase is Phase.NONE and len(worker.others) > 1:
        text = f"{len(worker.others)} workers run on this host, and none of them is shown here."
        yield Need(Severity.INFO, text, "worker", "choose one")
    for way in views.ways:
        if way.target.state != "ready":
            why = way.target.reason or "the worker does not say why"
            yield Need(Severity.FAIL, f"{way.whose} cannot send: {why}", "worker", "worker")
    if gone := [way.target.type for way in views.ways if way.outlook.is_gone]:
        text = (
            f"The devices of the latest pushes for {' and '.join(gone)} are all gone: the app was "
            "removed there, or it belongs to another key or topic."
        )
        yield Need(Severity.WARN, text, "worker", "deliveries")
    if views.broken is None:
        yield from _unreached(views)


def _unreached(views: Views) -> Iterator[Need]:
    bad = [way for way in views.ways if way.is_seen_broken and way.target.state == "ready"]
    for reason in dict.fromkeys(way.reason for way in bad):
        same = [way for way in bad if way.reason == reason]
        entry = lookup.by_reason(reason, platform=same[0].target.type)
        meaning = f" {entry.title}." if entry else ""
        text = f"{troubles(same)} ({reason or 'no reason was given'}).{meaning}"
        yield Need(Severity.FAIL, text, "checks", "check it", begins=not views.checks.is_running)


def _of_checks(views: Views) -> Iterator[Need]:
    checks, report = views.checks, views.checks.report
    is_healed = not any(way.state is State.FAIL for way in views.ways)
    if report is None:
        if views.settings.saved is not None and not checks.is_running:
            text = "The hops have not been checked since this console started."
            yield Need(Severity.INFO, text, "checks", "check them", begins=True)
    elif report.verdict.severity is Severity.WARN or views.broken is not None:
        yield Need(report.verdict.severity, report.verdict.summary, "checks", "what to do")
    elif report.verdict.severity is Severity.FAIL and is_healed and not checks.is_running:
        text = (
            f"What the checks of {clock(report.started_at)[:8]} found broken works again, as "
            "deliveries show."
        )
        yield Need(Severity.INFO, text, "checks", "check again", begins=True)


def _of_settings(views: Views) -> Iterator[Need]:
    settings, worker = views.settings, views.worker
    saved = settings.saved
    if settings.problem and settings.at:
        yield Need(Severity.FAIL, settings.problem, "settings", "settings")
    if count := len(settings.changes):
        are = "1 changed setting is" if count == 1 else f"{count} changed settings are"
        yield Need(Severity.WARN, f"{are} not saved.", "settings", "save or revert")
    if saved is not None and views.sends_here is False and worker.listen:
        goes = {
            Mode.OFF: "nothing at all", Mode.CUSTOM: f"to {presentable(saved.server)}",
        }.get(saved.mode, "to a hosted push service")  # fmt: skip
        text = f"Mattermost sends {goes}, and not to the worker here, which listens on "
        yield Need(Severity.WARN, f"{text}{worker.listen}.", "settings", "settings")
    for note in settings.notes:
        if note.severity is Severity.WARN:
            yield Need(Severity.WARN, note.message, "settings", "settings")
    is_idle = worker.phase is Phase.NONE and not worker.others and not worker.trouble
    if saved is None and not settings.at and is_idle:
        text = "Nothing is configured: Setup asks a few questions and proves each answer."
        yield Need(Severity.INFO, text, "setup", "begin")
    elif saved is not None and saved.mode is Mode.CUSTOM and is_idle:
        text = "No push proxy worker runs on this host."
        yield Need(Severity.INFO, text, "worker", "start one")
    yield from (
        Need(Severity.INFO, note.message, "settings", "settings")
        for note in settings.notes
        if note.code == "legacy-address"
    )
