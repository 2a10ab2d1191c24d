"""When a target that nobody reaches is asked again."""

import pytest

from mmpush_tui.proxy.delivery.breaker import OPENS_AFTER, Breaker
from tests.clock import Clock


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    assert [breaker.unreached("away") for _ in range(OPENS_AFTER)] == [False] * 4 + [True]
    return breaker


# u: unreached, a: answered, n: undecided; the state afterwards.
HISTORIES = [
    ("", "closed"), ("uuuu", "closed"), ("uuuuu", "open"), ("uuuuau", "closed"),
    ("uuuuauuuu", "closed"), ("uuuuauuuuu", "open"), ("uuuunu", "open"), ("nnnnnnnn", "closed"),
    ("aaaaaaaa", "closed"), ("uuuuuuuu", "open"), ("uuuuua", "closed"), ("uuuuuauuuu", "closed"),
]  # fmt: skip


@pytest.mark.parametrize(("history", "state"), HISTORIES)
def test_five_in_a_row_that_found_nobody_open_it_and_an_answer_closes_it(
    history: str, state: str
) -> None:
    breaker = Breaker(Clock(1000))
    for end in history:
        match end:
            case "u":
                breaker.unreached("away")
            case "a":
                breaker.answered()
            case _:
                breaker.undecided()
    assert breaker.state == state
    assert breaker.admits() is (state == "closed")


def test_one_push_tries_after_pauses_that_double_up_to_half_a_minute() -> None:
    clock = Clock(1000)
    breaker = opened(clock)
    for pause_s in (1, 2, 4, 8, 16, 30, 30):
        assert breaker.left_s == pause_s
        clock.now += pause_s - 0.01
        assert not breaker.admits()
        clock.now += 0.01
        assert (breaker.left_s, breaker.state) == (0, "open")
        assert [breaker.admits() for _ in range(3)] == [True, False, False]
        assert breaker.state == "half-open"
        assert breaker.unreached("still away") is False
        assert (breaker.state, breaker.cause) == ("open", "still away")


def test_late_ends_of_pushes_from_before_neither_prolong_nor_double_the_pause() -> None:
    clock = Clock(1000)
    breaker = opened(clock)
    clock.now += 0.5
    assert breaker.unreached("away") is False
    assert breaker.left_s == 0.5


def test_an_answer_closes_it_and_the_next_pause_is_short_again() -> None:
    clock = Clock(1000)
    breaker = opened(clock)
    clock.now += 1
    assert breaker.admits()
    breaker.unreached("away")
    clock.now += 2
    assert breaker.admits()
    assert [breaker.answered(), breaker.answered()] == [True, False]
    assert (breaker.state, breaker.left_s) == ("closed", 0)
    assert [breaker.unreached("away") for _ in range(OPENS_AFTER)][-1] is True
    assert breaker.left_s == 1


def test_a_try_that_told_nothing_lets_the_next_one_try_at_once() -> None:
    clock = Clock(1000)
    breaker = opened(clock)
    clock.now += 1
    assert breaker.admits()
    breaker.undecided()
    assert breaker.state == "open"
    assert breaker.admits()
