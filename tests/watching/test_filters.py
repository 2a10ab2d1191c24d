"""The filter language, as a table."""

import pytest

from mmpush_tui.errors import UsageError
from mmpush_tui.protocol.event import Event
from mmpush_tui.watching.filters import parse_filter

EVENT = Event(
    v=1, run="r", seq=1, at="2026-11-23T12:00:00.000Z", kind="delivery", id="7f3a",
    target="apple_rn", phase="answered", status="FAIL", reason="TopicDisallowed",
    ms={"total": 184.0}, type="message",
    platform="apple_rn", device="3f9c1a..", http=400,
)  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("", True), ("status:fail", True), ("status:OK", False), ("platform:apple", True),
        ("platform:android", False), (">100ms", True), (">184ms", False), ("<200ms", True),
        ("<1s", True), (">1s", False), ("topicdis", True), ("nowhere", False), ("-nowhere", True),
        ("-status:fail", False), ("status:fail >100ms topic", True), ("http:400", True),
        ("type:mess", True), ("device:3f9c", True), ("id:7f3a", True), ("kind:ack", False),
        ("reason:Topic -platform:android", True), ("-", False),
    ],
)  # fmt: skip
def test_words_must_all_match(expression: str, matches: bool) -> None:
    assert parse_filter(expression)(EVENT) is matches


def test_an_event_without_a_duration_is_neither_short_nor_long() -> None:
    event = Event(v=1, run="r", seq=1, at="", kind="alarm")
    assert not parse_filter(">0ms")(event)
    assert not parse_filter("<999s")(event)


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("stats:x", "filter 'stats:x': no key 'stats'"),
        ("reason:", "filter 'reason:': nothing follows the colon"),
        ("zzz:1", "filter 'zzz:1': no key 'zzz'"),
    ],
)
def test_what_it_cannot_read_it_explains(expression: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter(expression)
    assert caught.value.what == what
    assert "Words that must all match" in caught.value.fix
