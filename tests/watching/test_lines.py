"""Events as lines for people."""

from typing import Any

import pytest

from mmpush_tui.protocol.event import Event
from mmpush_tui.watching.lines import cells, clock, duration, line, why


def event(**fields: Any) -> Event:
    return Event(v=1, run="r", seq=1, at="2026-11-23T12:00:00.204Z", **fields)


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"kind": "delivery", "phase": "answered", "target": "apple_rn", "status": "OK",
             "http": 200, "ms": {"total": 96.04}, "type": "message", "device": "3f9c1a.."},
            "12:00:00.204 apple_rn   OK       96.0 message      3f9c1a.. 200",
        ),
        (
            {"kind": "delivery", "phase": "answered", "platform": "apple_rnbeta",
             "status": "FAIL", "reason": "unknown_platform", "type": "message"},
            "12:00:00.204 apple_rnbeta FAIL      0.0 message      -        unknown_platform",
        ),
        (
            {"kind": "delivery", "phase": "answered", "target": "android_rn", "status": "FAIL",
             "reason": "tcp_refused", "tries": 2, "type": "clear", "device": "abc123.."},
            "12:00:00.204 android_rn FAIL      0.0 clear        abc123.. "
            "tcp_refused after 2 tries",
        ),
        (
            {"kind": "ack", "id": "7f", "target": "apple_rn", "type": "message",
             "ms": {"device": 1900.0}},
            "12:00:00.204 apple_rn   seen     1900 message               by the phone itself",
        ),
        ({"kind": "ack", "status": "unmatched"}, ""),
        ({"kind": "delivery", "phase": "arrived"}, ""),
        ({"kind": "delivery", "phase": "sent"}, ""),
        ({"kind": "state", "status": "alive"}, ""),
        ({"kind": "state", "status": "draining"}, "12:00:00.204 --      worker draining"),
        ({"kind": "gap", "status": "12", "message": "the reader was too slow"},
         "12:00:00.204 --      12 events missed: the reader was too slow"),
        ({"kind": "alarm", "reason": "reload_failed", "message": "why"},
         "12:00:00.204 ALARM   reload_failed: why"),
    ],
)  # fmt: skip
def test_each_kind_has_its_line(fields: dict[str, Any], text: str) -> None:
    assert line(event(**fields)) == text


def test_a_broken_timestamp_is_shown_as_far_as_it_goes() -> None:
    assert clock("yesterday\x1b[31m") == "yesterday"


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0.6, "0.6 ms"), (99.94, "99.9 ms"), (99.96, "100 ms"), (184.4, "184 ms"),
        (999.6, "1.0 s"), (1900, "1.9 s"), (59_949, "59.9 s"), (59_960, "1 min"),
        (720_000, "12 min"), (3_569_000, "59 min"), (3_600_000, "1.0 h"), (180_000_000, "50.0 h"),
    ],
)  # fmt: skip
def test_a_duration_comes_in_the_unit_a_person_would_use(ms: float, words: str) -> None:
    assert duration(ms) == words


@pytest.mark.parametrize(
    ("fields", "seen_ms", "words"),
    [
        ({"http": 200}, None, "200"),
        ({"http": 200}, 1900.0, "seen 1.9 s"),
        ({"http": 200, "tries": 2}, 110.0, "seen 110 ms after 2 tries"),
        ({"http": 200, "ms": {"device": 85.4}}, None, "seen 85.4 ms"),
        ({"reason": "timeout"}, 40.0, "timeout seen 40.0 ms"),
        ({}, None, ""),
    ],
)
def test_a_receipt_says_more_than_the_answer_before_it(
    fields: dict[str, Any], seen_ms: float | None, words: str
) -> None:
    assert why(event(kind="delivery", phase="answered", **fields), seen_ms) == words


def test_cells_are_the_columns_of_the_line() -> None:
    fields = {"target": "apple_rn", "status": "FAIL", "type": "message", "device": "3f9c1a..",
              "reason": "timeout", "message": "no answer", "ms": {"total": 25_000.04}}  # fmt: skip
    answer = event(kind="delivery", phase="answered", **fields)
    found = cells(answer)
    assert found == (
        "12:00:00.204", "apple_rn", "FAIL", "25000", "message", "3f9c1a..", "timeout", "no answer",
    )  # fmt: skip
    assert line(answer).split() == list(found[:-1])
    refused = event(kind="delivery", phase="answered", status="FAIL",
                    message="unknown transport error: h:443 refused the connection")  # fmt: skip
    found = cells(refused)
    assert found is not None
    assert found.detail == "h:443 refused the connection"
    accepted = event(kind="delivery", phase="answered", status="OK", upstream_id="5E1B")
    found = cells(accepted)
    assert found is not None
    assert found.detail == "5E1B"


def test_a_receipt_after_days_brings_its_unit() -> None:
    found = cells(event(kind="ack", id="7f", ms={"device": 180_000_000.0}))
    assert found is not None
    assert found.ms == "50.0 h"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_at_the_end_of_the_calendar_is_shown_as_it_is(at: str) -> None:
    assert clock(at) == f"{at[:11]}…"
