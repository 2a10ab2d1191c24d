"""The whole chain in words: Mattermost, push proxy, Apple and Google, phones. Pure.

What the desks know becomes hops with a state each, one sentence over all, and what needs the
reader. Nothing is called good that was not seen to be good.
"""

from dataclasses import dataclass
from typing import Final

from mmpush_tui.checks.model.report import Report
from mmpush_tui.console.overview.needs import Need, needs
from mmpush_tui.console.overview.path import (
    State,
    TargetPath,
    Views,
    host_and_port,
    troubles,
    vendor,
)  # fmt: skip
from mmpush_tui.console.worker.desk import Phase
from mmpush_tui.findings import Severity
from mmpush_tui.settings.page import Mode, Page
from mmpush_tui.watching.lines import duration
from mmpush_tui.watching.rates import RATES_OVER_S

_MANY: Final = 3
"""Failures from which on they are no accident."""


@dataclass(frozen=True, slots=True)
class HopView:
    """One place on the way to the phones.

    Attributes:
        name: what stands in the picture.
        state: how it is.
        facts: up to two short lines beneath.
    """

    name: str
    state: State
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """The way behind the proxy: a vendor, and its phones."""

    vendor: HopView
    phones: HopView


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The picture of the Overview."""

    sentence: str
    state: State
    mattermost: HopView
    proxy: HopView
    branches: tuple[Branch, ...]
    needs: tuple[Need, ...]


_OF_STATUS: Final = {
    Severity.PASS: State.OK, Severity.WARN: State.WARN, Severity.FAIL: State.FAIL,
}  # fmt: skip


def chain(views: Views) -> Chain:
    """Return the picture that the desks' views add up to."""
    sentence, state = _sentence(views)
    return Chain(
        sentence=sentence,
        state=state,
        mattermost=_mattermost(views),
        proxy=_proxy(views),
        branches=_branches(views),
        needs=needs(views),
    )


def _mattermost(views: Views) -> HopView:
    name, settings = "Mattermost", views.settings
    saved = settings.saved
    if saved is None:
        state = State.FAIL if settings.at and settings.problem else State.UNKNOWN
        return HopView(name, state, ("not known",))
    mode = {
        Mode.OFF: "push is off", Mode.HPNS: "to HPNS", Mode.TPNS: "to TPNS",
        Mode.CUSTOM: "own proxy",
    }[saved.mode]  # fmt: skip
    state = State.OFF if saved.mode is Mode.OFF else State.OK
    is_elsewhere = saved.mode is Mode.CUSTOM and views.sends_here is False
    if is_elsewhere:
        mode = f"sends to :{host_and_port(saved.server)[1]}"
    is_warned = is_elsewhere or any(note.severity is Severity.WARN for note in settings.notes)
    state = State.WARN if is_warned and state is State.OK else state
    return HopView(name, state, (mode, settings.kind_word))


def _proxy(views: Views) -> HopView:
    saved, worker, rates = views.settings.saved, views.worker, views.rates
    if saved is not None and views.is_hosted:
        name = "hosted HPNS" if saved.mode is Mode.HPNS else "hosted TPNS"
        host = host_and_port(saved.server)[0].split(".mattermost")[0]
        return _checked(name, host, views.checks.status_of(saved.mode.value))
    name = "push proxy"
    if worker.phase is Phase.LOST:
        return HopView(name, State.FAIL, ("silent", f"since {worker.silent_since}"))
    if worker.phase is Phase.STARTING:
        return HopView(name, State.UNKNOWN, ("starting",))
    if (status := worker.status) is None:
        return _checked(name, _elsewhere(saved), views.checks.status_of("mpns"))
    if worker.phase is not Phase.RUNNING:
        return HopView(name, State.WARN, (worker.phase.value, "takes no more"))
    if views.sends_here is False:
        return HopView(name, State.WARN, (worker.listen, "gets nothing"))
    host, port = host_and_port(status.listen)
    is_here = host in ("127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104 - compared
    p95 = f"  p95 {duration(rates.p95_ms)}" if rates.p95_ms is not None else ""
    where = f":{port}" if is_here and port else worker.listen
    return HopView(name, State.OK, (where, f"{rates.arrived_per_s:.1f}/s{p95}"))


def _elsewhere(saved: Page | None) -> str:
    """Return where Mattermost sends, while no worker of ours is there to be seen."""
    if saved is None or saved.mode is not Mode.CUSTOM:
        return "no worker"
    host, port = host_and_port(saved.server)
    is_here = host in ("127.0.0.1", "localhost", "::1")
    return f":{port}" if is_here else host or "no address"


def _checked(name: str, where: str, status: Severity | None) -> HopView:
    state = _OF_STATUS[status] if status is not None else State.UNKNOWN
    word = {State.UNKNOWN: "not checked", State.FAIL: "check failed"}.get(state, "reached")
    return HopView(name, state, (where, word))


def _branches(views: Views) -> tuple[Branch, ...]:
    if views.is_hosted:
        both = HopView("Apple, Google", State.UNKNOWN, ("behind it", "not seen here"))
        return (Branch(both, HopView("phones", State.UNKNOWN, ("store apps",))),)
    if not views.ways:
        phones = HopView("phones", State.UNKNOWN)
        return tuple(
            Branch(HopView(name, State.UNKNOWN, ("not known",)), phones)
            for name in ("Apple APNs", "Google FCM")
        )
    return tuple(_branch(way) for way in views.ways)


def _branch(way: TargetPath) -> Branch:
    name = "Apple APNs" if vendor(way.target) == "Apple" else "Google FCM"
    counts = way.target.counts
    state = State.UNKNOWN
    facts: tuple[str, ...] = ("nothing sent",)
    if way.outlook.is_gone:
        state, facts = State.WARN, (f"{counts.ok} sent", "now all gone")
    elif counts.ok:
        state = State.OK if counts.acknowledged else State.UNKNOWN
        facts = (f"{counts.ok} sent", f"{counts.acknowledged} confirmed")
    elif counts.removed:
        facts = (f"{counts.removed} gone",)
    at = HopView(name, way.state, (way.target.type, way.fact))
    return Branch(at, HopView("phones", state, facts))


def _sentence(views: Views) -> tuple[str, State]:
    settings, worker, report = views.settings, views.worker, views.checks.report
    saved = settings.saved
    if saved is not None and saved.mode is Mode.OFF:
        return "Push is switched off in Mattermost.", State.OFF
    if views.is_hosted:
        return _of_report(report, "Mattermost sends to its hosted push service.")
    if worker.phase is Phase.LOST:
        return f"The push proxy worker is silent since {worker.silent_since}.", State.FAIL
    if worker.phase is Phase.STARTING:
        return "The push proxy worker is starting.", State.UNKNOWN
    if worker.status is not None:
        return _of_worker(views)
    if saved is None and not settings.at and not worker.others and worker.phase is Phase.NONE:
        return "Push is not set up on this host yet.", State.UNKNOWN
    if saved is not None:
        where = saved.server or "no address"
        return _of_report(report, f"Mattermost sends to a push proxy at {where}.")
    if settings.at and settings.problem:
        return "Mattermost's settings cannot be read.", State.FAIL
    return _of_report(report, "Nothing has been seen or checked yet.")


def _of_report(report: Report | None, otherwise: str) -> tuple[str, State]:
    if report is None:
        return otherwise, State.UNKNOWN
    return report.verdict.summary, _OF_STATUS[report.verdict.severity]


def _of_worker(views: Views) -> tuple[str, State]:
    """Return the sentence where a worker answers: the worst of what is seen."""
    if views.worker.phase is Phase.STOPPING:
        return "The push proxy worker is stopping.", State.WARN
    if views.worker.phase is not Phase.RUNNING:
        return "The push proxy worker takes no more pushes.", State.WARN
    if not any(way.target.state == "ready" for way in views.ways):
        return "The push proxy worker runs, and none of its targets can send.", State.FAIL
    if bad := [way for way in views.ways if way.is_seen_broken]:
        is_all = all(way.state is State.FAIL for way in views.ways)
        how = "is failing" if is_all else "works in part"
        return f"Push {how}: {troubles(bad)}.", State.FAIL
    if (broken := views.broken) is not None:
        return broken.verdict.summary, State.FAIL
    if views.sends_here is False:
        return "Mattermost sends elsewhere, and not to the worker that runs here.", State.WARN
    return _of_deliveries(views)


def _of_deliveries(views: Views) -> tuple[str, State]:
    """Return the sentence where nothing stands in the way."""
    rates, status = views.rates, views.worker.status
    delivered = rates.ok_per_s + rates.removed_per_s
    is_many = rates.failed_per_s * RATES_OVER_S >= _MANY
    if is_many and not delivered:
        return "Push is failing: nothing was delivered in the last seconds.", State.FAIL
    if is_many and rates.failed_per_s > delivered / 3:
        return "Push works in part: many deliveries fail.", State.WARN
    active = [way for way in views.ways if way.outlook.all]
    if active and all(way.outlook.is_gone for way in active):
        return "Nothing is delivered: the devices of the latest pushes are all gone.", State.WARN
    if warned := [way for way in views.ways if way.state is State.WARN and way.trouble]:
        return f"Push is working, with trouble: {troubles(warned)}.", State.WARN
    if any(way.outlook.ok for way in active):
        return "Push is working.", State.OK
    if active:
        return "Push is tried, and nothing was delivered in the last minute.", State.UNKNOWN
    if status is not None and status.counts.ok:
        return "Push is quiet: nothing was to be sent in the last minute.", State.UNKNOWN
    return "The push proxy worker runs; nothing has been delivered yet.", State.UNKNOWN
