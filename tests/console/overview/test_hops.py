"""The picture of the Overview, as tables: what the desks know, and what must be said of it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.checks.model.report import CheckResult, Report, Stage, Verdict
from mmpush_tui.console.checks.desk import ChecksView
from mmpush_tui.console.overview.hops import Chain, HopView, chain
from mmpush_tui.console.overview.path import State, Views
from mmpush_tui.console.overview.picture import picture_rows
from mmpush_tui.console.settings.desk import SettingsView
from mmpush_tui.console.worker.desk import Phase, WorkerView
from mmpush_tui.console.worker.recent import End, Outlook
from mmpush_tui.findings import Severity
from mmpush_tui.protocol.status import Counts, TargetStatus
from mmpush_tui.protocol.status import Status as WorkerStatus
from mmpush_tui.settings.page import Licence, Mode, Page, Stored
from mmpush_tui.settings.sources.source import Loaded
from mmpush_tui.settings.urls import REGION_URLS, Region
from mmpush_tui.watching.rates import Reading

HERE = "http://127.0.0.1:8086"
NO_REPORT = ChecksView()
AT_S = 1000.0
"""When the checks ended."""


def settings(mode: Mode = Mode.CUSTOM, server: str = HERE, **more: Any) -> SettingsView:
    saved = Page(mode=mode, server=server)
    loaded = Loaded(
        stored=Stored(send=mode is not Mode.OFF, server=server),
        licence=Licence(), locked={}, fingerprint="",
    )  # fmt: skip
    return SettingsView(at="/c.json", saved=saved, draft=saved, loaded=loaded, **more)


def target(type_: str, **fields: Any) -> TargetStatus:
    platform = "apple" if type_.startswith("apple") else "android"
    known: dict[str, Any] = {"state": "ready", "connected": True, "counts": Counts(ok=5)}
    return TargetStatus(type=type_, platform=platform, **(known | fields))


def worker(*targets: TargetStatus, listen: str = HERE, **more: Any) -> WorkerView:
    found = targets or (target("apple_rn"), target("android_rn"))
    status = WorkerStatus(
        run="r", seq=1, state="running", listen=listen, targets=found,
        counts=Counts(received=10, ok=10),
    )  # fmt: skip
    known: dict[str, Any] = {
        "phase": Phase.RUNNING, "status": status, "control": Path("/c"),
        "listen": listen.removeprefix("http://"),
    }  # fmt: skip
    return WorkerView(**(known | more))


def silent() -> WorkerView:
    return WorkerView(
        phase=Phase.LOST, control=Path("/w.sock"), listen="127.0.0.1:8086",
        silent_since="02:14:05",
        problem="the worker at /w.sock does not answer: Connection refused. Is it running?",
    )  # fmt: skip


def check(target_: str, status: Severity, stage: Stage = Stage.TCP) -> CheckResult:
    return CheckResult(
        id=f"{stage}:{target_}", about=target_, stage=stage, severity=status, code="x", message="m"
    )


def checked(*results: CheckResult, summary: str = "Everything can be reached.") -> ChecksView:
    worst = next(
        (r for s in (Severity.FAIL, Severity.WARN) for r in results if r.severity is s), results[0]
    )
    verdict = Verdict(
        severity=worst.severity, code="x", summary=summary,
        check=worst.id if worst.severity is not Severity.PASS else None,
    )  # fmt: skip
    report = Report(
        started_at="2026-11-24T02:00:00.000Z", duration_ms=1, verdict=verdict,
        checks=list(results), exit_code=0,
    )  # fmt: skip
    return ChecksView(report=report, results=results, ended_s=AT_S)


def seen(end: End, count: int = 4, *, at_s: float = AT_S + 10, **more: Any) -> Outlook:
    known: dict[str, Any] = {end.value: count, "last": end, "last_s": at_s}
    return Outlook(**(known | more))


FINE = {"apple_rn": seen(End.OK), "android_rn": seen(End.OK)}
RATES = Reading(arrived_per_s=2.0, ok_per_s=2.0)


def made(
    settings_: SettingsView | None = None,
    worker_: WorkerView | None = None,
    checks_: ChecksView = NO_REPORT,
    recent: Mapping[str, Outlook] | None = None,
    rates: Reading = RATES,
) -> Chain:
    seen_lately = FINE if recent is None else recent
    views = Views(settings_ or settings(), worker_ or worker(), checks_, rates, seen_lately)
    return chain(views)


def test_all_is_well() -> None:
    found = made(checks_=checked(check("mpns", Severity.PASS)))
    assert (found.sentence, found.state) == ("Push is working.", State.OK)
    assert found.needs == ()
    assert found.mattermost == HopView(
        name="Mattermost", state=State.OK, facts=("own proxy", "config.json")
    )
    assert found.proxy == HopView(name="push proxy", state=State.OK, facts=(":8086", "2.0/s"))
    assert [branch.vendor.name for branch in found.branches] == ["Apple APNs", "Google FCM"]
    assert {branch.vendor.state for branch in found.branches} == {State.OK}
    assert [branch.phones.state for branch in found.branches] == [State.UNKNOWN] * 2


UNREACHED = {
    "apple_rn": seen(End.UNREACHED, reason="tcp_refused"),
    "android_rn": seen(End.UNREACHED, reason="tcp_refused"),
}


@pytest.mark.parametrize(
    ("recent", "rates", "sentence", "state"),
    [
        (UNREACHED, Reading(failed_per_s=2.0),
         "Push is failing: Apple and Google cannot be reached.", State.FAIL),
        (FINE | {"apple_rn": UNREACHED["apple_rn"]}, Reading(ok_per_s=1, failed_per_s=1),
         "Push works in part: Apple cannot be reached.", State.FAIL),
        (FINE | {"android_rn": seen(End.REFUSED, is_refusing=True, reason="THIRD_PARTY")}, RATES,
         "Push works in part: Google will not take any push.", State.FAIL),
        (FINE | {"apple_rn": seen(End.OK, upstream_ms=2010.0)}, RATES,
         "Push is working, with trouble: Apple took 2.0 s to answer.", State.WARN),
        (FINE | {"apple_rn": seen(End.OK, unreached=1)}, RATES,
         "Push is working, with trouble: Apple could not be reached for 1 push of the last "
         "minute.", State.WARN),
        ({"apple_rn": seen(End.REMOVED, is_gone=True)}, Reading(removed_per_s=1),
         "Nothing is delivered: the devices of the latest pushes are all gone.", State.WARN),
        (FINE | {"apple_rn": seen(End.REMOVED, is_gone=True)}, RATES,
         "Push is working.", State.OK),
        ({"apple_rn": seen(End.REMOVED, 1)}, Reading(removed_per_s=0.1),
         "Push is tried, and nothing was delivered in the last minute.", State.UNKNOWN),
        (FINE, Reading(ok_per_s=0.5, failed_per_s=0.5),
         "Push works in part: many deliveries fail.", State.WARN),
        (FINE, Reading(ok_per_s=0.2, failed_per_s=0.1), "Push is working.", State.OK),
        ({}, Reading(failed_per_s=1),
         "Push is failing: nothing was delivered in the last seconds.", State.FAIL),
        ({}, Reading(), "Push is quiet: nothing was to be sent in the last minute.",
         State.UNKNOWN),
    ],
)  # fmt: skip
def test_the_sentence_says_what_the_deliveries_say(
    recent: dict[str, Outlook], rates: Reading, sentence: str, state: State
) -> None:
    found = made(recent=recent, rates=rates)
    assert (found.sentence, found.state) == (sentence, state)


DISABLED = target("apple_rn", state="disabled", reason="the key is bad", connected=False)


@pytest.mark.parametrize(
    ("settings_", "worker_", "sentence", "state"),
    [
        (settings(Mode.OFF), worker(), "Push is switched off in Mattermost.", State.OFF),
        (settings(), silent(), "The push proxy worker is silent since 02:14:05.", State.FAIL),
        (settings(), WorkerView(phase=Phase.STARTING), "The push proxy worker is starting.",
         State.UNKNOWN),
        (settings(), worker(phase=Phase.DRAINING), "The push proxy worker takes no more pushes.",
         State.WARN),
        (settings(), worker(phase=Phase.STOPPING), "The push proxy worker is stopping.",
         State.WARN),
        (settings(), worker(DISABLED),
         "The push proxy worker runs, and none of its targets can send.", State.FAIL),
        (settings(), worker(DISABLED, target("android_rn")),
         "Push works in part: apple_rn cannot send.", State.FAIL),
        (settings(server="http://127.0.0.1:9999"), worker(),
         "Mattermost sends elsewhere, and not to the worker that runs here.", State.WARN),
        (settings(server="http://push.example.com:9999"), worker(), "Push is working.", State.OK),
        (settings(Mode.TPNS, "https://push-test.mattermost.com"), worker(),
         "Mattermost sends to its hosted push service.", State.UNKNOWN),
        (settings(), WorkerView(),
         "Mattermost sends to a push proxy at http://127.0.0.1:8086.", State.UNKNOWN),
        (SettingsView(), WorkerView(), "Push is not set up on this host yet.", State.UNKNOWN),
        (SettingsView(at="/c.json"), WorkerView(), "Nothing has been seen or checked yet.",
         State.UNKNOWN),
        (SettingsView(at="/c.json", problem="It cannot be read."), WorkerView(),
         "Mattermost's settings cannot be read.", State.FAIL),
        (SettingsView(), worker(), "Push is working.", State.OK),
    ],
)  # fmt: skip
def test_the_sentence_follows_settings_and_worker(
    settings_: SettingsView, worker_: WorkerView, sentence: str, state: State
) -> None:
    found = made(settings_, worker_)
    assert (found.sentence, found.state) == (sentence, state)


BROKEN = checked(check("apns/apple_rn", Severity.FAIL), summary="Apple's name is not found.")


def test_a_failed_check_is_believed_until_a_delivery_proves_it_wrong() -> None:
    before = FINE | {"apple_rn": seen(End.OK, at_s=AT_S - 1)}
    found = made(checks_=BROKEN, recent=before)
    assert (found.sentence, found.state) == ("Apple's name is not found.", State.FAIL)
    assert found.branches[0].vendor.facts == ("apple_rn", "check failed")
    assert [need.severity for need in found.needs] == ["fail"]

    found = made(checks_=BROKEN)
    assert found.sentence == "Push is working."
    assert found.branches[0].vendor.state is State.OK
    (need,) = found.needs
    assert need.severity == "info"
    assert need.begins
    assert "works again" in need.text


def test_a_failed_check_of_the_proxy_is_healed_by_pushes_that_arrive() -> None:
    broken = checked(check("mpns", Severity.FAIL), summary="Nothing listens.")
    assert made(checks_=broken).sentence == "Push is working."
    elsewhere = settings(server="http://push.example.com")
    assert made(elsewhere, checks_=broken).sentence == "Nothing listens."


def test_what_still_fails_is_not_called_healed() -> None:
    found = made(checks_=BROKEN, recent=FINE | {"android_rn": UNREACHED["android_rn"]})
    assert not any("works again" in need.text for need in found.needs)
    assert any("Google cannot be reached (tcp_refused)" in need.text for need in found.needs)


def test_one_cause_is_one_line() -> None:
    found = made(recent=UNREACHED, checks_=checked(check("mpns", Severity.PASS)))
    (need,) = found.needs
    assert need.text.startswith("Apple and Google cannot be reached (tcp_refused). ")
    assert (need.severity, need.screen, need.begins) == ("fail", "checks", True)


@pytest.mark.parametrize(
    ("status", "is_connected", "state", "fact"),
    [
        (None, True, State.OK, "connected"),
        (None, False, State.UNKNOWN, "not tried yet"),
        (Severity.PASS, False, State.OK, "reached"),
        (Severity.FAIL, True, State.FAIL, "check failed"),
    ],
)
def test_a_vendor_without_deliveries_is_as_the_check_says(
    status: Severity | None, is_connected: bool, state: State, fact: str
) -> None:
    checks = checked(check("apns/apple_rn", status)) if status else NO_REPORT
    found = made(
        worker_=worker(target("apple_rn", connected=is_connected)), checks_=checks, recent={}
    )
    (branch,) = found.branches
    assert (branch.vendor.state, branch.vendor.facts) == (state, ("apple_rn", fact))


def test_nothing_is_called_reached_by_a_run_that_did_not_end() -> None:
    partial = ChecksView(results=(check("mpns", Severity.PASS),), was_cancelled=True)
    found = made(worker_=WorkerView(), checks_=partial)
    assert found.proxy.state is State.UNKNOWN
    assert found.proxy.facts == (":8086", "not checked")


@pytest.mark.parametrize(
    ("counts", "outlook", "state", "facts"),
    [
        (Counts(), Outlook(), State.UNKNOWN, ("nothing sent",)),
        (Counts(ok=7, acknowledged=3), seen(End.OK), State.OK, ("7 sent", "3 confirmed")),
        (Counts(ok=7), seen(End.OK), State.UNKNOWN, ("7 sent", "0 confirmed")),
        (Counts(removed=2), seen(End.REMOVED, 2), State.UNKNOWN, ("2 gone",)),
        (Counts(ok=7, acknowledged=3), seen(End.REMOVED, is_gone=True), State.WARN,
         ("7 sent", "now all gone")),
    ],
)  # fmt: skip
def test_phones_are_good_where_they_confirm(
    counts: Counts, outlook: Outlook, state: State, facts: tuple[str, ...]
) -> None:
    found = made(worker_=worker(target("apple_rn", counts=counts)), recent={"apple_rn": outlook})
    assert found.branches[0].phones == HopView(name="phones", state=state, facts=facts)


def test_a_silent_worker_says_since_when_and_why() -> None:
    found = made(worker_=silent(), checks_=checked(check("mpns", Severity.PASS)))
    assert found.proxy == HopView(
        name="push proxy", state=State.FAIL, facts=("silent", "since 02:14:05")
    )
    (need,) = found.needs
    assert need.text == (
        "The worker on 127.0.0.1:8086 is silent since 02:14:05: it does not answer: "
        "Connection refused."
    )
    assert (need.severity, need.screen) == ("fail", "worker")


def test_a_refused_start_needs_the_reader() -> None:
    found = made(worker_=WorkerView(refusal="The worker did not start: the port is in use."))
    assert found.needs[0].text == "The worker did not start: the port is in use."
    assert not any("No push proxy worker runs" in need.text for need in found.needs)


def test_a_worker_that_gets_nothing_is_named_with_both_addresses() -> None:
    found = made(settings(server="http://127.0.0.1:9999"), recent={})
    assert found.proxy.facts == ("127.0.0.1:8086", "gets nothing")
    assert (found.mattermost.state, found.mattermost.facts[0]) == (State.WARN, "sends to :9999")
    assert any(
        "http://127.0.0.1:9999" in need.text and "127.0.0.1:8086" in need.text
        for need in found.needs
    )


def test_the_hosted_service_stands_for_all_behind_it() -> None:
    hosted = settings(Mode.HPNS, REGION_URLS[Region.DE])
    found = made(hosted, WorkerView(), checked(check("hpns", Severity.PASS)))
    assert found.proxy == HopView(name="hosted HPNS", state=State.OK, facts=("eu.push", "reached"))
    (branch,) = found.branches
    assert branch.vendor.state is State.UNKNOWN
    assert found.sentence == "Everything can be reached."


def test_the_worst_comes_first() -> None:
    changed = settings(server="http://127.0.0.1:9999")
    assert changed.draft is not None
    changed = replace(changed, draft=replace(changed.draft, max_notifications=1))
    found = made(changed, worker(DISABLED, target("android_rn")), NO_REPORT)
    severities = [need.severity for need in found.needs]
    assert severities == sorted(severities, key=("fail", "warn", "info").index)
    assert found.needs[0].text == "apple_rn cannot send: the key is bad"
    assert any(need.text == "1 changed setting is not saved." for need in found.needs)


def test_two_workers_ask_to_be_chosen_from() -> None:
    found = made(worker_=WorkerView(others=(Path("/a.sock"), Path("/b.sock"))))
    assert any(need.todo == "choose one" for need in found.needs)
    assert not any("No push proxy worker" in need.text for need in found.needs)


@pytest.mark.parametrize("width", [38, 68, 78, 118, 198])
def test_the_picture_fits(width: int) -> None:
    long = worker(target("apple_rnbeta", connected=False), target("android_rn"))
    found = made(worker_=long, recent=UNREACHED, rates=Reading(arrived_per_s=999.9, p95_ms=25_000))
    shown = [
        "".join(part if isinstance(part, str) else part[0] for part in row)
        for row in picture_rows(found, width)
    ]
    assert max(len(line) for line in shown) <= width
    whole = "\n".join(shown)
    assert "not reached" in whole
    for name in ("Mattermost", "push proxy", "Apple APNs", "Google FCM", "phones"):
        assert name in whole
