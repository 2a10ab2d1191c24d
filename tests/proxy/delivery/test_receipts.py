"""Receipts of phones, and the deliveries that they are for."""

import pytest

from mmpush_tui.protocol.wire import PushNotificationAck
from mmpush_tui.proxy.delivery.receipts import MEMORY, Receipts, SentPush
from mmpush_tui.proxy.records.journal_queries import JournalEntry
from tests.clock import Clock

Unmatched = list[tuple[str, JournalEntry | None]]


def receipts(clock: Clock | None = None) -> tuple[Receipts, Unmatched]:
    unmatched: Unmatched = []
    known = Receipts(
        None, lambda ack, entry: unmatched.append((ack.id, entry)), clock or Clock(1000)
    )
    return known, unmatched


def receipt(id_: str) -> PushNotificationAck:
    return PushNotificationAck(id=id_)


def test_a_receipt_is_for_the_push_of_its_id_and_knows_when_that_went_out() -> None:
    clock = Clock(1000)
    known, unmatched = receipts(clock)
    known.expect("ack-1", "delivery-1", "apple_rn")
    clock.now += 5
    known.expect("ack-2", "delivery-2", "android_rn")
    assert known.match(receipt("ack-1")) == SentPush("delivery-1", "apple_rn", 1000.0)
    assert known.match(receipt("ack-2")) == SentPush("delivery-2", "android_rn", 1005.0)
    assert unmatched == []


def test_a_second_receipt_is_told_from_the_first() -> None:
    known, _ = receipts()
    known.expect("ack-1", "delivery-1", "apple_rn")
    first = known.match(receipt("ack-1"))
    assert first is not None
    assert not first.is_acknowledged
    first.is_acknowledged = True
    assert known.match(receipt("ack-1")) == first


@pytest.mark.parametrize("id_", ["", "ack-2", "ack-3"])
def test_without_a_journal_what_was_not_sent_is_unmatched_at_once(id_: str) -> None:
    known, unmatched = receipts()
    known.expect("", "delivery-1", "apple_rn")
    known.expect("ack-2", "delivery-2", "apple_rn")
    known.forget("ack-2")
    known.forget("never expected")
    assert known.match(receipt(id_)) is None
    assert unmatched == [(id_, None)]


def test_of_too_many_the_oldest_are_forgotten() -> None:
    known, unmatched = receipts()
    for number in range(MEMORY + 1):
        known.expect(f"ack-{number}", f"delivery-{number}", "apple_rn")
    matched = [known.match(receipt(f"ack-{number}")) for number in (0, 1, MEMORY)]
    assert [sent and sent.id for sent in matched] == [None, "delivery-1", f"delivery-{MEMORY}"]
    assert unmatched == [("ack-0", None)]
