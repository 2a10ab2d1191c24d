"""Rolling rates and times, on a clock the test turns."""

import itertools
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpush_tui.protocol.event import Event, timestamp
from mmpush_tui.watching.rates import Rates
from tests.clock import Clock

_seq = itertools.count(1)

MONDAY_S = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()


class Clocks(Clock):
    """A monotonic clock and the wall clock beside it."""

    def __init__(self) -> None:
        super().__init__(1000.0)

    def wall(self) -> float:
        return MONDAY_S + self.now - 1000.0

    def meter(self) -> Rates:
        return Rates(self, self.wall)


def delivery(phase: str = "answered", status: str = "OK", **fields: Any) -> Event:
    fields = {"at": "2026-11-23T12:00:00.000Z", "tries": 1} | fields
    if phase == "arrived":
        status = ""
    seq = next(_seq)
    return Event(v=1, run="r", seq=seq, kind="delivery", phase=phase, status=status, **fields)  # type: ignore[arg-type] # the phase is one of the three in every call below


def test_without_events_all_is_zero_and_no_time_is_known() -> None:
    rates = Clocks().meter().read()
    assert (rates.arrived_per_s, rates.ok_per_s, rates.removed_per_s, rates.failed_per_s) == (
        0.0, 0.0, 0.0, 0.0,
    )  # fmt: skip
    assert (rates.p50_ms, rates.p95_ms) == (None, None)


def test_each_answer_counts_for_itself_over_ten_seconds() -> None:
    clock = Clocks()
    meter = clock.meter()
    for _ in range(20):
        for _ in range(6):
            meter.add(delivery("arrived"), is_live=True)
        for status in ("OK", "OK", "OK", "REMOVE", "FAIL", "FAIL"):
            meter.add(delivery(status=status), is_live=True)
        meter.add(delivery("sent"), is_live=True)
        clock.now += 1
    rates = meter.read()
    # The second under way has only begun: nine whole ones count.
    assert rates.arrived_per_s == pytest.approx(6)
    assert rates.ok_per_s == pytest.approx(3)
    assert rates.removed_per_s == pytest.approx(1)
    assert rates.failed_per_s == pytest.approx(2)


def test_what_is_ten_seconds_old_is_forgotten() -> None:
    clock = Clocks()
    meter = clock.meter()
    meter.add(delivery("arrived"), is_live=True)
    clock.now += 9.5
    assert meter.read().arrived_per_s > 0
    clock.now += 0.5
    assert meter.read().arrived_per_s == 0


def test_times_are_kept_a_minute_and_only_of_what_was_sent_upstream() -> None:
    clock = Clocks()
    meter = clock.meter()
    for ms in range(1, 101):
        meter.add(delivery(ms={"total": float(ms)}), is_live=True)
        meter.add(delivery(status="FAIL", tries=0, ms={"total": 0.1}), is_live=True)
    rates = meter.read()
    assert rates.p50_ms == pytest.approx(50, rel=0.01)
    assert rates.p95_ms == pytest.approx(95, rel=0.01)
    clock.now += 59
    assert meter.read().p95_ms == pytest.approx(95, rel=0.01)
    clock.now += 1
    assert meter.read().p95_ms is None


@given(st.lists(st.floats(0.1, 3_600_000), min_size=1, max_size=200), st.sampled_from([50, 95]))
def test_percentiles_are_within_one_per_cent_of_the_nearest_rank(
    times: list[float], percent: int
) -> None:
    meter = Clocks().meter()
    for ms in times:
        meter.add(delivery(ms={"total": ms}), is_live=True)
    rates = meter.read()
    found = rates.p50_ms if percent == 50 else rates.p95_ms
    exact = sorted(times)[math.ceil(len(times) * percent / 100) - 1]
    assert found == pytest.approx(exact, rel=0.01)


def test_a_past_event_counts_when_it_happened() -> None:
    clock = Clocks()
    meter = clock.meter()
    for age_s, rounds in ((5, 9), (30, 7), (300, 100)):
        at = timestamp(datetime.fromtimestamp(clock.wall() - age_s, UTC))
        for _ in range(rounds):
            meter.add(delivery(at=at, ms={"total": float(age_s)}))
    rates = meter.read()
    assert rates.ok_per_s == pytest.approx(1)
    # Nine took 5 ms, seven 30 ms; the hundred of five minutes ago are not among them.
    assert rates.p50_ms == pytest.approx(5, rel=0.01)
    assert rates.p95_ms == pytest.approx(30, rel=0.01)


def test_a_past_event_does_not_take_the_place_of_a_newer_second() -> None:
    clock = Clocks()
    meter = clock.meter()
    meter.add(delivery(ms={"total": 10.0}), is_live=True)
    at = timestamp(datetime.fromtimestamp(clock.wall() - 60, UTC))
    meter.add(delivery(at=at, ms={"total": 900.0}))
    assert meter.read().p95_ms == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize("at", ["", "yesterday", "0001-01-01T00:00:00+14:00"])
def test_a_past_event_without_a_readable_time_counts_for_nothing(at: str) -> None:
    clock = Clocks()
    meter = clock.meter()
    meter.add(delivery(at=at))
    assert meter.read().ok_per_s == 0


def test_a_live_event_counts_now_whatever_the_workers_clock_says() -> None:
    clock = Clocks()
    meter = clock.meter()
    meter.add(delivery(at="2026-11-23T08:00:00.000Z"), is_live=True)
    meter.add(delivery(at="2036-11-23T08:00:00.000Z"), is_live=True)
    assert meter.read().ok_per_s == pytest.approx(2 / 9)


@pytest.mark.parametrize("ms", [-5.0, 0.0, 1e300])
def test_a_time_beyond_belief_breaks_nothing(ms: float) -> None:
    meter = Clocks().meter()
    meter.add(delivery(ms={"total": ms}), is_live=True)
    found = meter.read().p50_ms
    assert found is not None
    assert 0.09 < found < 3_700_000
