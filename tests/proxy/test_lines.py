"""Events as lines for people."""

from typing import Any

import pytest

from mmpush_tui.proxy.events import Event
from mmpush_tui.proxy.lines import clock, line


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
