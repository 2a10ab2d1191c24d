"""What needs the reader, the worst first. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mmpush_tui.checks.model.report import Report
from mmpush_tui.console.checks.desk import ChecksView
from mmpush_tui.console.overview.path import State, TargetPath, sends_here, troubles
from mmpush_tui.console.settings.desk import SettingsView
from mmpush_tui.console.worker.desk import Phase, WorkerView
from mmpush_tui.findings import Severity
from mmpush_tui.settings.page import Mode
from mmpush_tui.text import presentable
from mmpush_tui.troubleshooting import lookup
from mmpush_tui.watching.lines import clock

_ORDER: Final = (Severity.FAIL, Severity.WARN, Severity.INFO)


@dataclass(frozen=True, slots=True, kw_only=True)
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


def needs(
    settings: SettingsView,
    worker: WorkerView,
    checks: ChecksView,
    found: Sequence[TargetPath],
    broken: Report | None,
) -> tuple[Need, ...]:
    """Return what needs the reader.

    Args:
        settings, worker, checks: what the desks know.
        found: the ways to the worker's targets.
        broken: the report that found something which is still broken.
    """
    every = [
        *_of_worker(worker, checks, found, broken),
        *_of_checks(settings, checks, found, broken),
        *_of_settings(settings, worker),
    ]
    return tuple(sorted(every, key=lambda need: _ORDER.index(need.severity)))


def _of_worker(
    worker: WorkerView, checks: ChecksView, found: Sequence[TargetPath], broken: Report | None
) -> Iterator[Need]:
    if worker.trouble:
        yield Need(severity=Severity.FAIL, text=worker.trouble, screen="worker", todo="worker")
    elif worker.phase is Phase.NONE and len(worker.others) > 1:
        text = f"{len(worker.others)} workers run on this host, and none of them is shown here."
        yield Need(severity=Severity.INFO, text=text, screen="worker", todo="choose one")
    for way in found:
        if way.target.state != "ready":
            why = way.target.reason or "the worker does not say why"
            text = f"{way.whose} cannot send: {why}"
            yield Need(severity=Severity.FAIL, text=text, screen="worker", todo="worker")
    if gone := [way.target.type for way in found if way.outlook.is_gone]:
        text = (
            f"The devices of the latest pushes for {' and '.join(gone)} are all gone: the app was "
            "removed there, or it belongs to another key or topic."
        )
        yield Need(severity=Severity.WARN, text=text, screen="worker", todo="deliveries")
    if broken is None:
        yield from _unreached(found, checks)


def _unreached(found: Sequence[TargetPath], checks: ChecksView) -> Iterator[Need]:
    bad = [way for way in found if way.is_seen_broken and way.target.state == "ready"]
    for reason in dict.fromkeys(way.reason for way in bad):
        same = [way for way in bad if way.reason == reason]
        entry = lookup.by_reason(reason, platform=same[0].target.type)
        meaning = f" {entry.title}." if entry else ""
        text = f"{troubles(same)} ({reason or 'no reason was given'}).{meaning}"
        yield Need(severity=Severity.FAIL, text=text, screen="checks", todo="check it",
                   begins=not checks.is_running)  # fmt: skip


def _of_checks(
    settings: SettingsView, checks: ChecksView, found: Sequence[TargetPath], broken: Report | None
) -> Iterator[Need]:
    report = checks.report
    is_healed = not any(way.state is State.FAIL for way in found)
    if report is None:
        if settings.saved is not None and not checks.is_running:
            text = "The hops have not been checked since this console started."
            yield Need(
                severity=Severity.INFO, text=text, screen="checks", todo="check them", begins=True
            )
    elif report.verdict.severity is Severity.WARN or broken is not None:
        yield Need(severity=report.verdict.severity, text=report.verdict.summary, screen="checks",
                   todo="what to do")  # fmt: skip
    elif report.verdict.severity is Severity.FAIL and is_healed and not checks.is_running:
        text = (
            f"What the checks of {clock(report.started_at)[:8]} found broken works again, as "
            "deliveries show."
        )
        yield Need(
            severity=Severity.INFO, text=text, screen="checks", todo="check again", begins=True
        )


def _of_settings(settings: SettingsView, worker: WorkerView) -> Iterator[Need]:
    saved = settings.saved
    if settings.problem and settings.at:
        yield Need(
            severity=Severity.FAIL, text=settings.problem, screen="settings", todo="settings"
        )
    if count := len(settings.changes):
        text = "1 changed setting is not saved." if count == 1 else (
            f"{count} changed settings are not saved."
        )  # fmt: skip
        yield Need(severity=Severity.WARN, text=text, screen="settings", todo="save or revert")
    if saved is not None and sends_here(settings, worker) is False and worker.listen:
        goes = {
            Mode.OFF: "nothing at all", Mode.CUSTOM: f"to {presentable(saved.server)}",
        }.get(saved.mode, "to a hosted push service")  # fmt: skip
        text = f"Mattermost sends {goes}, and not to the worker here, which listens on "
        yield Need(severity=Severity.WARN, text=f"{text}{worker.listen}.", screen="settings",
                   todo="settings")  # fmt: skip
    for note in settings.notes:
        if note.severity is Severity.WARN:
            yield Need(
                severity=Severity.WARN, text=note.message, screen="settings", todo="settings"
            )
    is_idle = worker.phase is Phase.NONE and not worker.others and not worker.trouble
    if saved is None and not settings.at and is_idle:
        text = "Nothing is configured: Setup asks a few questions and proves each answer."
        yield Need(severity=Severity.INFO, text=text, screen="setup", todo="begin")
    elif saved is not None and saved.mode is Mode.CUSTOM and is_idle:
        text = "No push proxy worker runs on this host."
        yield Need(severity=Severity.INFO, text=text, screen="worker", todo="start one")
    yield from (
        Need(severity=Severity.INFO, text=note.message, screen="settings", todo="settings")
        for note in settings.notes
        if note.code == "legacy-address"
    )
