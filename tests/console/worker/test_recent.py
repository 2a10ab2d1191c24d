"""What the latest deliveries say about a target, and which failures are remembered."""

from typing import Any

import pytest

from mmpush_tui.console.worker.recent import OVER_S, End, Failures, Recent
from mmpush_tui.protocol.event import Event
from mmpush_tui.proxy.upstream.outcome import TRANSPORT_PREFIX
from tests.clock import Clock

AT = "2026-11-24T14:00:00.000Z"
EPOCH_S = 1795528800.0
LOST = f"{TRANSPORT_PREFIX}: api.push.apple.com:443 refused the connection"


def answered(status: str, **fields: Any) -> Event:
    known: dict[str, Any] = {
        "v": 1, "run": "r", "seq": 1, "at": AT, "kind": "delivery", "phase": "answered",
        "id": "i", "target": "apple_rn", "status": status, "device": "aaaaaa..",
    }  # fmt: skip
    return Event(**(known | fields))


@pytest.fixture
def clock() -> Clock:
    return Clock(5000)


@pytest.fixture
def recent(clock: Clock) -> Recent:
    return Recent(clock=clock, wall_clock=lambda: EPOCH_S)


@pytest.mark.parametrize(
    ("event", "end"),
    [
        (answered("OK", http=200), End.OK),
        (answered("REMOVE", http=410), End.REMOVED),
        (answered("FAIL", http=400, message="x"), End.REFUSED),
        (answered("FAIL", tries=2, message=LOST), End.UNREACHED),
        (answered("FAIL", message=f"{TRANSPORT_PREFIX}: the token server"), End.UNREACHED),
    ],
)
def test_how_a_delivery_ended(recent: Recent, event: Event, end: End) -> None:
    recent.add(event, is_live=True)
    outlook = recent.read()["apple_rn"]
    assert (outlook.last, outlook.last_s, outlook.all) == (end, 5000.0, 1)


@pytest.mark.parametrize(
    "event",
    [
        answered("FAIL", message="this is no APNs device token"),
        answered("FAIL", target="", message=LOST),
        answered("OK", phase="sent"),
        answered("OK", kind="ack"),
    ],
)
def test_what_says_nothing_about_the_way_is_passed_over(recent: Recent, event: Event) -> None:
    recent.add(event, is_live=True)
    assert recent.read() == {}


def test_a_minute_is_kept(recent: Recent, clock: Clock) -> None:
    recent.add(answered("OK", http=200), is_live=True)
    clock.now += OVER_S - 1
    recent.add(answered("FAIL", message=LOST, reason="tcp_refused"), is_live=True)
    assert (recent.read()["apple_rn"].ok, recent.read()["apple_rn"].unreached) == (1, 1)
    clock.now += 2
    assert (recent.read()["apple_rn"].ok, recent.read()["apple_rn"].reason) == (0, "tcp_refused")
    clock.now += OVER_S
    assert recent.read() == {}


def test_what_happened_before_counts_by_its_own_time(recent: Recent) -> None:
    recent.add(answered("OK", at="2026-11-24T13:59:30.000Z"), is_live=False)
    recent.add(answered("OK", at="2026-11-24T13:50:00.000Z"), is_live=False)
    recent.add(answered("OK", at="no time at all"), is_live=False)
    outlook = recent.read()["apple_rn"]
    assert (outlook.ok, outlook.last_s) == (1, 5000.0 - 30)


def test_a_single_bad_device_is_no_refusing_target(recent: Recent) -> None:
    for _ in range(5):
        recent.add(answered("FAIL", http=400, reason="Bad"), is_live=True)
    assert not recent.read()["apple_rn"].is_refusing


@pytest.mark.parametrize(
    ("http", "devices", "is_refusing"),
    [(400, "abc", True), (400, "ab", False), (400, "aab", False), (403, "aaa", True),
     (503, "aaa", True), (429, "aaa", True)],
)  # fmt: skip
def test_refusals_in_a_row_are_the_targets_fault(
    recent: Recent, http: int, devices: str, is_refusing: bool
) -> None:
    recent.add(answered("OK", http=200), is_live=True)
    for device in devices:
        recent.add(answered("FAIL", http=http, device=device), is_live=True)
    assert recent.read()["apple_rn"].is_refusing is is_refusing
    recent.add(answered("OK", http=200), is_live=True)
    assert not recent.read()["apple_rn"].is_refusing


def test_all_gone_is_judged_by_the_latest(recent: Recent) -> None:
    recent.add(answered("OK", http=200), is_live=True)
    for _ in range(9):
        recent.add(answered("REMOVE", http=410), is_live=True)
    assert not recent.read()["apple_rn"].is_gone
    recent.add(answered("REMOVE", http=410), is_live=True)
    assert recent.read()["apple_rn"].is_gone


def test_slowness_is_judged_by_the_latest_answers(recent: Recent) -> None:
    for ms in (5.0,) * 20 + (2000.0,) * 10:
        recent.add(answered("OK", http=200, ms={"upstream": ms}), is_live=True)
    recent.add(answered("FAIL", message=LOST, ms={"upstream": 9.0}), is_live=True)
    assert recent.read()["apple_rn"].upstream_ms == 2000.0


def test_targets_are_kept_apart_and_bounded(recent: Recent) -> None:
    for number in range(100):
        recent.add(answered("OK", target=f"t{number}"), is_live=True)
    assert len(recent.read()) < 50
    assert "t99" in recent.read()


def test_a_flood_of_one_failure_leaves_the_others_in_sight() -> None:
    failures = Failures()
    failures.add(answered("FAIL", reason="BadDeviceToken"))
    for _ in range(500):
        failures.add(answered("FAIL", reason="tcp_refused", target="android_rn"))
    failures.add(answered("OK"))
    found = [(kind.event.reason, kind.count) for kind in failures.latest()]
    assert found == [("tcp_refused", 500), ("BadDeviceToken", 1)]


def test_kinds_of_failures_are_bounded() -> None:
    failures = Failures()
    for number in range(50):
        failures.add(answered("FAIL", reason=f"reason{number}"))
    assert [kind.event.reason for kind in failures.latest()] == [
        f"reason{number}" for number in (49, 48, 47, 46, 45)
    ]


def test_the_last_failure_is_kept_until_another_comes() -> None:
    failures = Failures()
    assert failures.latest() == []
    first = answered("FAIL", id="a")
    failures.add(first)
    failures.add(answered("REMOVE", id="b"))
    failures.add(answered("FAIL", run="other", at="", kind="alarm", phase=""))
    assert failures.latest()[0].event is first
    failures.add(answered("FAIL", id="c"))
    assert failures.latest()[0].event.id == "c"
