"""The sentences that several screens share, made from what the desks know."""

from typing import TYPE_CHECKING, Final

from mmpush_tui.console.safe import Part
from mmpush_tui.console.worker.desk import Phase
from mmpush_tui.findings import Severity
from mmpush_tui.protocol.event import Event
from mmpush_tui.settings.page import Mode
from mmpush_tui.troubleshooting import lookup
from mmpush_tui.watching.lines import clock

if TYPE_CHECKING:
    from mmpush_tui.console.app import ConsoleApp

TOPICS: Final = ("worker", "settings", "checks", "setup")
"""The desks, by the names under which they tell of changes."""

MODE_WORDS: Final = {
    Mode.OFF: "push is off",
    Mode.HPNS: "hosted push (HPNS)",
    Mode.TPNS: "test service (TPNS)",
    Mode.CUSTOM: "own push proxy",
}

_PHASE_STYLES: Final = {
    Phase.RUNNING: "$success", Phase.LOST: "bold $error", Phase.NONE: "$quiet",
}  # fmt: skip


def status(app: "ConsoleApp") -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Return both ends of the status line: host and mode, worker."""
    view = app.worker.view
    saved = app.settings.view.saved
    mode = MODE_WORDS[saved.mode] if saved else "Mattermost settings unknown"
    where = "demo" if app.options.is_demo else app.options.host
    unsaved: tuple[Part, ...] = ()
    if app.settings.view.changes:
        # Before what may be cut where there is little room.
        unsaved = ((" not saved ", "bold $warning"),)
    left: tuple[Part, ...] = ((" mmpush ", "bold $primary"), *unsaved, f" {where} · {mode}")
    return left, ((f"{view.words} ", _PHASE_STYLES.get(view.phase, "$warning")),)


def last_failure(app: "ConsoleApp") -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Return both ends of the line that holds the last failure."""
    if (event := app.worker.rates.last_failure) is not None:
        return (
            (" last failure ", "$quiet"), f"{clock(event.at)[:8]} {event.target} ",
            (f"{event.reason or event.status} ", "bold"), short_meaning(event),
        ), ()  # fmt: skip
    if trouble := app.worker.view.trouble:
        return ((" worker ", "$quiet"), trouble), ()
    if app.checks.view.is_broken:
        return ((" last failure ", "$quiet"), app.checks.view.problem), ()
    failed = [r for r in app.checks.view.results if r.severity is Severity.FAIL]
    if failed:
        return ((" last failure ", "$quiet"), f"{failed[0].id}  {failed[0].message}"), ()
    return ((" no failure seen", "$quiet"),), ()


def short_meaning(event: Event) -> str:
    """Return what the catalogue says about a delivery's reason, in one line; or nothing."""
    entry = lookup.by_reason(event.reason, platform=event.target) if event.reason else None
    return entry.title if entry else ""
