"""The way from the worker to Apple or Google, as deliveries and checks saw it. Pure.

What was seen last counts most: a delivery tells more than a check from before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, partial
from typing import Final
from urllib.parse import urlsplit

from mmpush_tui.checks.model.report import Report
from mmpush_tui.console.checks.desk import ChecksView
from mmpush_tui.console.settings.desk import SettingsView
from mmpush_tui.console.worker.desk import WorkerView
from mmpush_tui.console.worker.recent import End, Outlook
from mmpush_tui.findings import Severity
from mmpush_tui.protocol.status import TargetStatus
from mmpush_tui.settings.page import Mode
from mmpush_tui.watching.lines import duration
from mmpush_tui.watching.rates import Reading

SLOW_MS: Final = 1000.0
"""From here on an answer of Apple or Google is slow: they usually take a tenth of it."""
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class State(StrEnum):
    """How a hop is, as far as it was seen."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    OFF = "off"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TargetPath:
    """The way to one target.

    Attributes:
        target: what the worker says of it.
        outlook: how it did in the last minute.
        state: how it is.
        fact: that in one or two words.
        trouble: what is wrong with it, as what is said of one or of several; or empty.
        reason: the machine's word for that, where there is one.
    """

    target: TargetStatus
    outlook: Outlook
    state: State
    fact: str
    trouble: str = ""
    reason: str = ""

    @property
    def whose(self) -> str:
        """Who is in trouble: the vendor, or the target itself."""
        return vendor(self.target) if self.target.state == "ready" else self.target.type

    @property
    def is_seen_broken(self) -> bool:
        """Whether worker or deliveries say that nothing gets through, and not a check alone."""
        is_off = self.target.state != "ready"
        return is_off or self.outlook.last is End.UNREACHED or self.outlook.is_refusing


def vendor(target: TargetStatus) -> str:
    """Return whose network a target sends to."""
    return "Apple" if target.platform == "apple" else "Google"


def troubles(paths: Sequence[TargetPath]) -> str:
    """Return what is wrong with these ways in one clause, what they share once."""
    shared: dict[str, list[str]] = {}
    for way in paths:
        subjects = shared.setdefault(way.trouble, [])
        if way.whose not in subjects:
            subjects.append(way.whose)
    return " and ".join(f"{' and '.join(whose)} {what}" for what, whose in shared.items())


def _way(target: TargetStatus, outlook: Outlook, checks: ChecksView) -> TargetPath:
    path = partial(TargetPath, target, outlook)
    hop = "apns" if vendor(target) == "Apple" else "fcm"
    checked = checks.status_of(f"{hop}/{target.type}")
    if target.state != "ready":
        return path(State.FAIL, "cannot send", "cannot send")
    if outlook.last is End.UNREACHED:
        return path(State.FAIL, "not reached", "cannot be reached", outlook.reason)
    if outlook.is_refusing:
        return path(State.FAIL, "refuses all", "will not take any push", outlook.reason)
    if checked is Severity.FAIL and checks.ended_s >= outlook.last_s:
        return path(State.FAIL, "check failed", "did not pass the check")
    if outlook.unreached:
        count = f"{outlook.unreached} push" + ("" if outlook.unreached == 1 else "es")
        trouble = f"could not be reached for {count} of the last minute"
        return path(State.WARN, f"{outlook.unreached} lost", trouble, outlook.reason)
    if outlook.upstream_ms is not None and outlook.upstream_ms >= SLOW_MS:
        took = duration(outlook.upstream_ms)
        return path(State.WARN, f"slow, {took}", f"took {took} to answer")
    if target.connected:
        return path(State.OK, "connected")
    if outlook.last is not None or checked in (Severity.PASS, Severity.WARN):
        return path(State.OK, "reached")
    return path(State.UNKNOWN, "not tried yet")


@dataclass(frozen=True)
class Views:
    """What the desks know of the chain.

    Attributes:
        settings, worker, checks: their views.
        rates: how fast deliveries come.
        recent: how each target did in the last minute.
    """

    settings: SettingsView
    worker: WorkerView
    checks: ChecksView
    rates: Reading
    recent: Mapping[str, Outlook]

    @cached_property
    def ways(self) -> tuple[TargetPath, ...]:
        """The ways to all targets of the worker."""
        targets = self.worker.status.targets if self.worker.status else ()
        return tuple(
            _way(target, self.recent.get(target.type) or Outlook(), self.checks)
            for target in targets
        )

    @property
    def broken(self) -> Report | None:
        """The report that found something broken; None where deliveries have healed it since."""
        report, ended_s = self.checks.report, self.checks.ended_s
        if report is None or report.verdict.severity is not Severity.FAIL:
            return None
        by_type = {way.target.type: way.outlook for way in self.ways}
        first = (report.verdict.check or "").partition(":")[2]
        vendors, _, type_ = first.partition("/")
        if vendors == "mpns":
            came_s = max((outlook.last_s for outlook in by_type.values()), default=0.0)
            is_healed = self.sends_here is True and came_s > ended_s
        else:
            outlook = by_type.get(type_) or Outlook()
            is_healed = outlook.last in (End.OK, End.REMOVED) and outlook.last_s > ended_s
        return None if is_healed else report

    @property
    def sends_here(self) -> bool | None:
        """Whether Mattermost's settings lead to the watched worker; None where unknown.

        An address of another host may well be this one, or something before it.
        """
        saved, status = self.settings.saved, self.worker.status
        if saved is None or status is None:
            return None
        if saved.mode is not Mode.CUSTOM:
            return False
        host, port = host_and_port(saved.server)
        here = host_and_port(status.listen)[1]
        if host not in _LOOPBACK or not here:
            return None
        return port == here

    @property
    def is_hosted(self) -> bool:
        """Whether Mattermost sends to a push service that is run for it."""
        saved = self.settings.saved
        return saved is not None and saved.mode in (Mode.HPNS, Mode.TPNS)


def host_and_port(url: str) -> tuple[str, int]:
    """Return host and port of an address as far as it has them; neither where it is none."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return "", 0
