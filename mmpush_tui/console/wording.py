"""The sentences that several screens share, made from what the desks know."""

from collections.abc import Sequence
from typing import Final

from mmpush_tui.console.checks.desk import ChecksView
from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.safe import Ends, Part
from mmpush_tui.console.settings.desk import SettingsView
from mmpush_tui.console.worker.desk import Phase, WorkerView
from mmpush_tui.console.worker.recent import Repeated
from mmpush_tui.findings import Severity
from mmpush_tui.protocol.event import Event
from mmpush_tui.settings.page import Mode
from mmpush_tui.troubleshooting import lookup
from mmpush_tui.watching.lines import clock

MODE_WORDS: Final = {
    Mode.OFF: "push is off",
    Mode.HPNS: "hosted push (HPNS)",
    Mode.TPNS: "test service (TPNS)",
    Mode.CUSTOM: "own push proxy",
}

_PHASE_STYLES: Final = {
    Phase.RUNNING: "$success", Phase.LOST: "bold $error", Phase.NONE: "$quiet",
}  # fmt: skip


def status(options: ConsoleOptions, worker: WorkerView, settings: SettingsView) -> Ends:
    """Return the status line: host and mode, worker."""
    saved = settings.saved
    mode = MODE_WORDS[saved.mode] if saved else "Mattermost settings unknown"
    where = "demo" if options.is_demo else options.host
    unsaved: tuple[Part, ...] = ()
    if settings.changes:
        # Before what may be cut where there is little room.
        unsaved = ((" not saved ", "bold $warning"),)
    left: tuple[Part, ...] = ((" mmpush ", "bold $primary"), *unsaved, f" {where} · {mode}")
    return left, ((f"{worker.words} ", _PHASE_STYLES.get(worker.phase, "$warning")),)


def last_failure(failures: Sequence[Repeated], worker: WorkerView, checks: ChecksView) -> Ends:
    """Return the line that holds the last failure.

    Args:
        failures: the kinds of deliveries that failed, the newest first.
        worker, checks: what else may have failed.
    """
    if failures:
        event = failures[0].event
        return (
            (" last failure ", "$quiet"), f"{clock(event.at)[:8]} {event.target} ",
            (f"{event.reason or event.status} ", "bold"), short_meaning(event),
        ), ()  # fmt: skip
    if trouble := worker.trouble:
        return ((" worker ", "$quiet"), trouble), ()
    if checks.is_broken:
        return ((" last failure ", "$quiet"), checks.problem), ()
    failed = [r for r in checks.results if r.severity is Severity.FAIL]
    if failed:
        return ((" last failure ", "$quiet"), f"{failed[0].id}  {failed[0].message}"), ()
    return ((" no failure seen", "$quiet"),), ()


def short_meaning(event: Event) -> str:
    """Return what the catalogue says about a delivery's reason, in one line; or nothing."""
    entry = lookup.by_reason(event.reason, platform=event.target) if event.reason else None
    return entry.title if entry else ""
