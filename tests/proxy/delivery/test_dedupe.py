"""The same push twice within a short time."""

import asyncio
import contextlib

import pytest

from mmpush_tui.protocol.wire import OK, REMOVE, Answer, fail
from mmpush_tui.proxy.delivery.dedupe import LIMIT, Dedupe, Key
from tests.clock import Clock

KEY: Key = ("server-1", "apple_rn", "device", "ack", "message")
OTHERS: list[Key] = [(*KEY[:place], "other", *KEY[place + 1 :]) for place in range(len(KEY))]  # type: ignore[misc] # still five of them


def settle(known: Dedupe, key: Key, answer: Answer) -> None:
    with known.first(key) as settled:
        settled(answer)


@pytest.mark.parametrize(("answer", "kept"), [(OK, True), (REMOVE, True), (fail("x"), False)])
async def test_all_but_a_refusal_is_answered_again(answer: Answer, kept: bool) -> None:
    known = Dedupe(30, Clock(1000))
    assert known.find(KEY) is None
    settle(known, KEY, answer)
    assert known.find(KEY) == (answer if kept else None)


@pytest.mark.parametrize("other", OTHERS)
async def test_whatever_differs_it_is_another_push(other: Key) -> None:
    known = Dedupe(30, Clock(1000))
    settle(known, KEY, OK)
    assert known.find(other) is None


@pytest.mark.parametrize(("later_s", "kept"), [(0, True), (29.9, True), (30, False), (90, False)])
async def test_it_is_remembered_for_so_long_from_its_arrival(later_s: float, kept: bool) -> None:
    clock = Clock(1000)
    known = Dedupe(30, clock)
    settle(known, KEY, OK)
    clock.now += later_s
    assert (known.find(KEY) is not None) is kept


async def test_the_time_counts_from_the_arrival_and_not_from_the_answer() -> None:
    clock = Clock(1000)
    known = Dedupe(30, clock)
    with known.first(KEY) as settled:
        clock.now += 20
        settled(OK)
    clock.now += 10
    assert known.find(KEY) is None


async def test_who_comes_while_it_is_under_way_waits_for_the_same_answer() -> None:
    known = Dedupe(30, Clock(1000))
    with known.first(KEY) as settled:
        coming = known.find(KEY)
        assert isinstance(coming, asyncio.Future)
        settled(REMOVE)
    assert coming.result() == REMOVE


async def test_a_push_that_was_broken_off_is_refused_and_forgotten() -> None:
    known = Dedupe(30, Clock(1000))
    with contextlib.suppress(asyncio.CancelledError), known.first(KEY):
        coming = known.find(KEY)
        raise asyncio.CancelledError
    assert isinstance(coming, asyncio.Future)
    assert coming.result() == fail("unknown transport error: the push proxy was stopped")
    assert known.find(KEY) is None


async def test_of_too_many_the_oldest_are_forgotten() -> None:
    known = Dedupe(30, Clock(1000))
    keys: list[Key] = [(*KEY[:3], str(number), KEY[4]) for number in range(LIMIT + 1)]
    for key in keys:
        settle(known, key, OK)
    assert [known.find(key) for key in (keys[0], keys[1], keys[-1])] == [None, OK, OK]
