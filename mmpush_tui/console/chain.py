"""The whole chain in words: Mattermost, push proxy, Apple and Google, phones. Pure.

What the desks know becomes hops with a state each, one sentence over all, and what needs the
reader. Nothing is called good that was not seen to be good.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal
from urllib.parse import urlsplit

from mmpush_tui.checks.report import Report, Status
from mmpush_tui.console.checks_desk import ChecksView
from mmpush_tui.console.settings_desk import SettingsView
from mmpush_tui.console.worker_desk import Phase, WorkerView
from mmpush_tui.proxy.rates import Reading
from mmpush_tui.proxy.watch import TargetStatus
from mmpush_tui.settings.page import Mode
from mmpush_tui.settings.urls import region_of


class State(StrEnum):
    """How a hop is, as far as it was seen."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    OFF = "off"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One place on the way to the phones.

    Attributes:
        name: what stands in the picture.
        state: how it is.
        facts: up to two short lines beneath.
    """

    name: str
    state: State
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """The way behind the proxy: a vendor, and its phones."""

    vendor: Hop
    phones: Hop


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Something that wants the reader.

    Attributes:
        severity: how bad it is.
        text: what it is, in a sentence.
        screen: where it is dealt with.
        todo: two or three words for what happens there.
    """

    severity: Literal["fail", "warn", "info"]
    text: str
    screen: str
    todo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The picture of the Overview."""

    sentence: str
    state: State
    mattermost: Hop
    proxy: Hop
    branches: tuple[Branch, ...]
    needs: tuple[Need, ...]


_OF_STATUS: Final = {
    Status.PASS: State.OK, Status.WARN: State.WARN, Status.FAIL: State.FAIL,
    None: State.UNKNOWN,
}  # fmt: skip


def chain(settings: SettingsView, worker: WorkerView, checks: ChecksView, rates: Reading) -> Chain:
    """Return the picture that the desks' views add up to."""
    mattermost = _mattermost(settings)
    proxy = _proxy(settings, worker, checks, rates)
    branches = _branches(settings, worker, checks)
    needs = _needs(settings, worker, checks)
    sentence, state = _sentence(settings, worker, checks, rates)
    return Chain(
        sentence=sentence, state=state, mattermost=mattermost, proxy=proxy, branches=branches,
        needs=needs,
    )  # fmt: skip


def _mattermost(settings: SettingsView) -> Hop:
    name = "Mattermost"
    if settings.saved is None:
        state = State.FAIL if settings.at else State.UNKNOWN
        return Hop(name=name, state=state, facts=("unknown",))
    mode = {
        Mode.OFF: "push is off", Mode.HPNS: "sends to HPNS", Mode.TPNS: "sends to TPNS",
        Mode.CUSTOM: "own push proxy",
    }[settings.saved.mode]  # fmt: skip
    state = State.OFF if settings.saved.mode is Mode.OFF else State.OK
    warned = any(note.severity == "warn" for note in settings.notes)
    return Hop(
        name=name, state=State.WARN if warned and state is State.OK else state,
        facts=(mode, "config.json"),
    )  # fmt: skip


def _is_hosted(settings: SettingsView) -> bool:
    return settings.saved is not None and settings.saved.mode in (Mode.HPNS, Mode.TPNS)


def _proxy(settings: SettingsView, worker: WorkerView, checks: ChecksView, rates: Reading) -> Hop:
    if settings.saved is not None and _is_hosted(settings):
        mode = settings.saved.mode
        name = "hosted HPNS" if mode is Mode.HPNS else "hosted TPNS"
        host = urlsplit(settings.saved.server).hostname or ""
        state = _OF_STATUS[checks.status_of(mode.value)]
        return Hop(name=name, state=state, facts=(host.split(".mattermost")[0], _checked(state)))
    status = worker.status
    if status is None:
        state = _OF_STATUS[checks.status_of("mpns")]
        if worker.phase is Phase.LOST:
            return Hop(name="push proxy", state=State.FAIL, facts=("worker gone",))
        return Hop(name="push proxy", state=state, facts=("no worker here", _checked(state)))
    state = State.OK if worker.phase is Phase.RUNNING else State.WARN
    parts = urlsplit(status.listen)
    is_here = parts.hostname in ("127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104 - compared
    listen = f":{parts.port}" if is_here and parts.port else parts.netloc or status.listen
    p95 = f"  p95 {rates.p95_ms:.0f} ms" if rates.p95_ms is not None else ""
    return Hop(name="push proxy", state=state, facts=(listen, f"{rates.arrived_per_s:.1f}/s{p95}"))


def _checked(state: State) -> str:
    return {
        State.UNKNOWN: "not checked", State.OK: "reached", State.WARN: "reached",
        State.FAIL: "not reached",
    }.get(state, "")  # fmt: skip


def _branches(settings: SettingsView, worker: WorkerView, checks: ChecksView) -> tuple[Branch, ...]:
    if _is_hosted(settings):
        phones = Hop(name="phones", state=State.UNKNOWN, facts=("store apps",))
        vendor = Hop(name="Apple and Google", state=State.UNKNOWN, facts=("behind the host",))
        return (Branch(vendor=vendor, phones=phones),)
    targets = worker.status.targets if worker.status else []
    if not targets:
        return tuple(
            Branch(
                vendor=Hop(name=name, state=State.UNKNOWN, facts=("no target",)),
                phones=Hop(name="phones", state=State.UNKNOWN),
            )
            for name in ("Apple APNs", "Google FCM")
        )
    return tuple(_branch(target, checks) for target in targets[:4])


def _branch(target: TargetStatus, checks: ChecksView) -> Branch:
    is_apple = target.platform == "apple"
    name = "Apple APNs" if is_apple else "Google FCM"
    checked = checks.status_of(f"{'apns' if is_apple else 'fcm'}/{target.type}")
    counts = target.counts
    answered = counts.ok + counts.removed
    if target.state != "ready":
        vendor = Hop(name=name, state=State.FAIL, facts=(target.type, "cannot send"))
    elif checked is Status.FAIL:
        vendor = Hop(name=name, state=State.FAIL, facts=(target.type, "check failed"))
    elif target.connected or checked is Status.PASS:
        fact = "connected" if target.connected else "reached"
        vendor = Hop(name=name, state=State.OK, facts=(target.type, fact))
    else:
        vendor = Hop(name=name, state=State.UNKNOWN, facts=(target.type, "not tried yet"))
    if not answered:
        phones = Hop(name="phones", state=State.UNKNOWN, facts=("nothing sent",))
    else:
        phones = Hop(
            name="phones",
            state=State.OK if counts.acknowledged else State.UNKNOWN,
            facts=(f"{counts.ok} sent", f"{counts.acknowledged} confirmed"),
        )
    return Branch(vendor=vendor, phones=phones)


def _sentence(
    settings: SettingsView, worker: WorkerView, checks: ChecksView, rates: Reading
) -> tuple[str, State]:
    saved, status = settings.saved, worker.status
    if saved is None and status is None and worker.phase is Phase.NONE and not settings.at:
        return "Push is not set up on this host yet.", State.UNKNOWN
    if saved is not None and saved.mode is Mode.OFF:
        return "Push is switched off in Mattermost.", State.OFF
    if worker.phase is Phase.LOST:
        return "The push proxy worker is gone.", State.FAIL
    if (report := checks.report) is not None and report.verdict.status is Status.FAIL:
        return report.verdict.summary, State.FAIL
    if status is not None:
        return _of_deliveries(worker, rates)
    if saved is not None and saved.mode is Mode.CUSTOM:
        return "Mattermost sends to a push proxy of your own.", _of_report(report)
    if report is not None:
        return report.verdict.summary, _of_report(report)
    return "Nothing has been seen or checked yet.", State.UNKNOWN


def _of_report(report: Report | None) -> State:
    return _OF_STATUS[report.verdict.status] if report is not None else State.UNKNOWN


def _of_deliveries(worker: WorkerView, rates: Reading) -> tuple[str, State]:
    delivered, failed = rates.ok_per_s + rates.removed_per_s, rates.failed_per_s
    if worker.phase is not Phase.RUNNING:
        return "The push proxy worker takes no more pushes.", State.WARN
    if worker.status is not None and not any(t.state == "ready" for t in worker.status.targets):
        return "The push proxy worker runs, and none of its targets can send.", State.FAIL
    if failed and not delivered:
        return "Push is failing: nothing was delivered in the last seconds.", State.FAIL
    if failed > delivered / 3:
        return "Push works in part: many deliveries fail.", State.WARN
    if delivered:
        return "Push is working.", State.OK
    if worker.status is not None and worker.status.counts.ok:
        return "Push is quiet: what came before was delivered.", State.OK
    return "The push proxy worker runs; nothing has been delivered yet.", State.UNKNOWN


def _needs(settings: SettingsView, worker: WorkerView, checks: ChecksView) -> tuple[Need, ...]:
    needs: list[Need] = []
    is_own = settings.saved is not None and settings.saved.mode is Mode.CUSTOM
    if settings.problem and settings.at:
        needs.append(
            Need(severity="fail", text=settings.problem, screen="settings", todo="settings")
        )
    if worker.problem:
        needs.append(Need(severity="fail", text=worker.problem, screen="worker", todo="worker"))
    for target in worker.status.targets if worker.status else []:
        if target.state != "ready" and target.reason:
            text = f"{target.type} cannot send: {target.reason}"
            needs.append(Need(severity="fail", text=text, screen="worker", todo="worker"))
    if checks.report is not None and checks.report.verdict.status is not Status.PASS:
        verdict = checks.report.verdict
        severity: Literal["fail", "warn"] = "fail" if verdict.status is Status.FAIL else "warn"
        needs.append(
            Need(severity=severity, text=verdict.summary, screen="checks", todo="what to do")
        )
    if settings.changes:
        text = f"{len(settings.changes)} changed settings are not saved."
        needs.append(Need(severity="warn", text=text, screen="settings", todo="save or revert"))
    needs += [
        Need(severity="warn", text=note.message, screen="settings", todo="settings")
        for note in settings.notes
        if note.severity == "warn"
    ]
    has_worker = worker.phase is not Phase.NONE
    if settings.saved is None and not settings.at and not has_worker:
        text = "Nothing is configured: Setup asks a few questions and proves each answer."
        needs.append(Need(severity="info", text=text, screen="setup", todo="begin"))
    elif is_own and not has_worker and not worker.problem:
        needs.append(
            Need(severity="info", text="No push proxy worker runs on this host.",
                 screen="worker", todo="start one")
        )  # fmt: skip
    if checks.report is None and not checks.is_running and settings.saved is not None:
        text = "The hops have not been checked since this console started."
        needs.append(Need(severity="info", text=text, screen="checks", todo="check them"))
    if settings.saved is not None and (region_of(settings.saved.server) is not None):
        needs += [
            Need(severity="info", text=note.message, screen="settings", todo="settings")
            for note in settings.notes
            if note.severity == "info"
        ][:1]
    return tuple(needs)
