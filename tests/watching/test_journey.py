"""The journey of a delivery, as its reader sees it."""

import time
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpush_tui.protocol.event import Event
from mmpush_tui.troubleshooting.lookup import by_code
from mmpush_tui.watching.journey import Journey, JourneyVerdict, journey

DELIVERY: dict[str, Any] = {
    "id": "7f3a91c02b4d", "target": "apple_rn", "type": "message", "platform": "apple_rn",
    "device": "3f9c1a..", "bytes": 1100,
}  # fmt: skip
ARRIVED_AT = "2026-11-23T12:00:00.204Z"


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def event(kind: Any = "delivery", at: str = ARRIVED_AT, **fields: Any) -> Event:
    return Event(v=1, run="r", seq=1, at=at, kind=kind, **fields)


def arrived(**fields: Any) -> Event:
    return event(phase="arrived", **DELIVERY | fields)


def sent(ms: int, stream: int, **fields: Any) -> Event:
    at = f"2026-11-23T12:00:00.{204 + ms:03}Z"
    return event(at=at, phase="sent", stream=stream, **DELIVERY | fields)


def answered(status: str = "OK", **fields: Any) -> Event:
    standard = {
        "at": "2026-11-23T12:00:00.300Z", "status": status, "http": 200, "tries": 1,
        "ms": {"total": 96.4, "upstream": 95.8}, "upstream_id": "5E1B-77",
    }  # fmt: skip
    return event(phase="answered", **DELIVERY | standard | fields)


def ack(ms: float = 1900.0) -> Event:
    return event("ack", "2026-11-23T12:00:02.104Z", id="7f3a91c02b4d", target="apple_rn",
                 status="received", ms={"device": ms}, type="message")  # fmt: skip


def code_of(found: Journey) -> str:
    return found.entry.code if found.entry else ""


def steps(found: Journey) -> list[tuple[str, str]]:
    return [(step.at, step.text) for step in found.steps]


def test_the_whole_way_to_the_phone() -> None:
    found = journey([arrived(), sent(1, 1841), answered(), ack()])
    assert found.head == "Delivery 7f3a91c02b4d message -> apple_rn 3f9c1a.."
    assert found.verdict is JourneyVerdict.DELIVERED
    assert steps(found) == [
        ("12:00:00.204", "arrived: message for apple_rn, 1.1 KB"),
        ("+ 1.0 ms", "sent to Apple on stream 1841"),
        ("+ 96.4 ms", "Apple answered 200 after 95.8 ms, apns-id 5E1B-77"),
        ("+ 96.4 ms", "told Mattermost OK"),
        ("+ 1.9 s", "received by the phone"),
    ]
    assert found.meaning == "Apple accepted it and the phone confirmed it."
    assert found.entry is None


def test_accepted_without_a_receipt_promises_nothing() -> None:
    found = journey([arrived(), sent(1, 1841), answered()])
    assert found.verdict is JourneyVerdict.ACCEPTED
    assert found.meaning.startswith("Apple accepted it. No receipt came from the phone so far")
    found = journey([answered(type="test")])
    assert found.meaning == "Apple accepted it. A test push asks the phone for no receipt."


def test_under_way_is_said() -> None:
    found = journey([arrived()])
    assert found.verdict is JourneyVerdict.UNDER_WAY
    assert found.meaning == (
        "No answer was seen so far. Mattermost gets one within half a minute of the arrival."
    )


def test_a_receipt_that_overtakes_the_answer_stands_before_it() -> None:
    found = journey([arrived(), sent(1, 3), ack(50.0), answered()])
    assert [text for _, text in steps(found)][1:] == [
        "sent to Apple on stream 3",
        "received by the phone",
        "Apple answered 200 after 95.8 ms, apns-id 5E1B-77",
        "told Mattermost OK",
    ]
    assert found.verdict is JourneyVerdict.DELIVERED


def test_a_refusal_is_explained_by_the_catalogue_with_its_fix() -> None:
    entry = by_code("apns-topic-refused")
    assert entry is not None
    message = "unknown send response error: status=400 reason=TopicDisallowed"
    found = journey([
        arrived(), sent(1, 5),
        answered("FAIL", http=400, reason="TopicDisallowed", message=message),
    ])  # fmt: skip
    assert found.verdict is JourneyVerdict.FAILED
    assert [text for _, text in steps(found)][2:] == [
        "Apple answered 400 TopicDisallowed after 95.8 ms, apns-id 5E1B-77",
        f"told Mattermost FAIL: {message}",
    ]
    assert found.meaning == f"{entry.title}. {entry.cause}"
    assert found.entry is entry


def test_the_same_word_is_read_as_the_vendors_who_said_it() -> None:
    google = {"target": "android_rn", "platform": "android_rn"}
    found = journey([answered("REMOVE", http=404, reason="UNREGISTERED", **google)])
    assert (found.verdict, code_of(found)) == (JourneyVerdict.REMOVED, "fcm-device-gone")
    assert found.steps[1].text.startswith("Google answered 404 UNREGISTERED")
    assert "apns-id" not in found.steps[1].text
    found = journey([answered("REMOVE", http=410, reason="Unregistered")])
    assert (found.verdict, code_of(found)) == (JourneyVerdict.REMOVED, "apns-device-gone")


def test_no_answer_after_two_tries_is_told_with_the_cause() -> None:
    message = "unknown transport error: api.push.apple.com:443 refused the connection"
    found = journey([
        arrived(), sent(1, 5), sent(3, 1),
        answered("FAIL", http=0, tries=2, reason="tcp_refused", message=message, upstream_id=""),
    ])  # fmt: skip
    assert [text for _, text in steps(found)][1:] == [
        "sent to Apple on stream 5",
        "sent to Apple again on stream 1",
        "no answer from Apple after 95.8 ms and 2 tries: tcp_refused",
        f"told Mattermost FAIL: {message}",
    ]
    assert code_of(found) == "network-upstream-blocked"


def test_what_was_never_sent_on_says_so() -> None:
    bare = event(phase="answered", id="7f", status="FAIL", reason="bad_request", bytes=2,
                 ms={"total": 0.0}, message="Failed because of missing server Id")  # fmt: skip
    found = journey([bare])
    assert found.head == "Delivery 7f push -> (no platform) (no device)"
    assert steps(found) == [
        ("12:00:00.204", "arrived: push, 2 bytes"),
        ("+ 0.0 ms", "not sent on: bad_request"),
        ("+ 0.0 ms", "told Mattermost FAIL: Failed because of missing server Id"),
    ]
    assert code_of(found) == "proxy-bad-request"


def test_a_reason_without_an_entry_is_admitted() -> None:
    found = journey([answered("FAIL", http=499, reason="Mystery", message="?")])
    assert found.meaning == (
        "The push was not delivered. The catalogue knows nothing about Mystery."
    )
    found = journey([answered("FAIL", http=499)])
    assert found.meaning.endswith("nothing about a refusal without a reason.")
    found = journey([answered("REMOVE", http=499, reason="Mystery")])
    assert code_of(found) == "mattermost-device-removed"


def test_without_a_reason_of_its_own_the_refusals_words_are_looked_up() -> None:
    message = "The registration token is not a valid FCM registration token"
    found = journey([answered("FAIL", http=400, message=message, target="android_rn")])
    assert code_of(found) == "fcm-invalid-argument"


def test_the_arrival_is_worked_out_where_only_the_answer_is_known() -> None:
    found = journey([answered()])
    assert steps(found)[0] == ("12:00:00.203", "arrived: message for apple_rn, 1.1 KB")


@pytest.mark.parametrize(
    ("alone", "head", "text", "meaning"),
    [
        (event("alarm", reason="reload_failed", message="line 3"), "Alarm reload_failed",
         "line 3", "The new configuration is bad, so the worker goes on with the old one."),
        (event("alarm", target="apple_rn", reason="reload_kept_old", message="m"),
         "Alarm apple_rn reload_kept_old", "m",
         "The new credentials are bad, so the worker goes on with the old ones."),
        (event("gap", status="12", message="the reader was too slow"), "Gap",
         "12 events missed: the reader was too slow", "These events went by before they could"),
        (event("state", status="draining"), "Worker", "draining",
         "The worker takes no more pushes and answers those under way."),
        (event("state", status="new-one"), "Worker", "new-one",
         "The state of the worker changed."),
        (event("ack", id="7f", target="apple_rn", type="message", ms={"device": 1.0}),
         "Receipt message apple_rn", "received by the phone",
         "A phone confirmed a push that is no longer in this log."),
        (event("ack", type="message", platform="apple_rn", status="unmatched"),
         "Receipt message apple_rn", "received by the phone",
         "A phone confirmed a push that this worker does not know"),
    ],
)  # fmt: skip
def test_what_is_no_delivery_is_told_too(alone: Event, head: str, text: str, meaning: str) -> None:
    found = journey([alone])
    assert (found.head, found.verdict) == (head, JourneyVerdict.NOTICE)
    assert steps(found) == [("12:00:00.204", text)]
    assert found.meaning.startswith(meaning)


def test_no_event_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least one event"):
        journey([])


def test_a_device_that_is_gone_reads_from_top_to_bottom() -> None:
    found = journey([answered("REMOVE", http=410, reason="Unregistered")])
    assert found.head == "Delivery 7f3a91c02b4d message -> apple_rn 3f9c1a.."
    assert found.verdict == "REMOVED"
    assert steps(found)[0] == ("12:00:00.203", "arrived: message for apple_rn, 1.1 KB")
    assert found.meaning.startswith("The app was deleted from this iPhone")
    assert found.entry is not None
    assert found.entry.steps[0] == "Nothing to do for a phone that is gone."
    assert found.entry.code == "apns-device-gone"


HOSTILE = "\x1b]52;c;aGk=\x07\x9b31m\u202e[/x]\x00" + "x" * 10_000
WORDS = st.sampled_from(["", "OK", "FAIL", "TopicDisallowed", "apple_rn", "hostile", "\u6f22"])
TEXTS = ("id", "target", "status", "reason", "message", "type", "platform", "device", "upstream_id")


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "kind": st.sampled_from(["delivery", "ack", "alarm", "state", "gap"]),
                "phase": st.sampled_from(["", "arrived", "sent", "answered"]),
                "at": st.sampled_from([ARRIVED_AT, "hostile", "0001-01-01T00:00:00Z"]),
                "http": st.integers(0, 999),
                "tries": st.integers(0, 3),
                "ms": st.dictionaries(
                    st.sampled_from(["total", "device", "upstream"]), st.floats(-1e300, 1e300)
                ),
            }
            | dict.fromkeys(TEXTS, WORDS)
        ),
        min_size=1,
        max_size=4,
    )
)
def test_no_event_breaks_it_and_nothing_hostile_leaves_it(drawn: list[dict[str, Any]]) -> None:
    events = [
        event(**{name: HOSTILE if value == "hostile" else value for name, value in fields.items()})
        for fields in drawn
    ]
    found = journey(events)
    for text in (found.head, found.verdict, found.meaning, *(step.text for step in found.steps)):
        assert not {unicodedata.category(char) for char in text} & {"Cc", "Cs"}
        assert "\u202e" not in text
        assert len(text) < 4000
