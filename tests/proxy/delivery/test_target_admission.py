"""What stands in front of a target: which pushes may go, and what their ends mean."""

import pytest

from mmpush_tui.http2.connect import Endpoint, Route, client_context
from mmpush_tui.http2.pool import Pool
from mmpush_tui.protocol.wire import OK, REMOVE, fail
from mmpush_tui.proxy.apple.sender import AppleTarget
from mmpush_tui.proxy.delivery.breaker import OPENS_AFTER, Breaker
from mmpush_tui.proxy.delivery.guard import THRESHOLD
from mmpush_tui.proxy.delivery.target_admission import TargetAdmission
from mmpush_tui.proxy.upstream.outcome import Outcome
from tests.clock import Clock

TRANSPORT = "unknown transport error: "
ACCEPTED = Outcome(answer=OK, http=200)
AWAY = Outcome(answer=fail(f"{TRANSPORT}nobody is there"), reason="tcp_refused", is_unreached=True)
REFUSED = Outcome(answer=fail("no"), reason="InvalidProviderToken", http=403)
UNSENT = Outcome(answer=fail("too large"), reason="PayloadTooLarge")
DOUBTFUL = Outcome(answer=REMOVE, reason="BadDeviceToken", http=400)
GONE = Outcome(answer=REMOVE, reason="Unregistered", http=410)


def admission(*, limit: int = 10, is_guarded: bool = True) -> TargetAdmission:
    """Return one for a target that is asked nothing here."""
    pool = Pool(Route(Endpoint.from_url("https://127.0.0.1:1"), client_context()))
    target = AppleTarget("apple_rn", "com.example", None, pool)
    return TargetAdmission(target, limit, is_guarded=is_guarded)


def test_no_more_than_the_limit_are_under_way() -> None:
    it = admission(limit=2)
    assert it.refusal() is None
    it.in_flight = 2
    refusal = it.refusal()
    assert refusal is not None
    assert refusal.reason == "overloaded"
    assert refusal.answer == fail(f"{TRANSPORT}overloaded, 2 pushes to apple_rn are under way")


def test_while_the_breaker_is_open_pushes_are_told_why_and_until_when() -> None:
    it = admission()
    changes = [it.judge(AWAY, "device")[1] for _ in range(OPENS_AFTER)]
    assert changes == [""] * (OPENS_AFTER - 1) + ["opened"]
    assert it.state == "open"
    refusal = it.refusal()
    assert refusal is not None
    assert refusal.reason == "breaker_open"
    assert refusal.answer.error.startswith(f"{TRANSPORT}nobody is there; tried again in ")


def test_while_one_push_tries_the_others_are_told_so_and_no_time() -> None:
    it = admission()
    clock = Clock(1000)
    it.breaker = Breaker(clock)
    for _ in range(OPENS_AFTER):
        it.judge(AWAY, "device")
    clock.now += 1
    assert it.refusal() is None
    assert it.state == "half-open"
    assert it.refusal() == Outcome(
        answer=fail(f"{TRANSPORT}nobody is there; another push tries"), reason="breaker_open"
    )


# Ends of pushes of as many devices; what changed by the last one, and the state then.
ENDS = [
    ("accepted", [ACCEPTED], "", "ready"),
    ("refused again and again", [REFUSED] * 20, "", "ready"),
    ("not even sent", [UNSENT] * 20, "", "ready"),
    ("nobody there", [AWAY] * 5, "opened", "open"),
    ("nobody there for long", [AWAY] * 6, "", "open"),
    ("refused between", [*[AWAY] * 4, REFUSED, AWAY], "", "ready"),
    ("nothing learnt between", [*[AWAY] * 4, UNSENT, AWAY], "opened", "open"),
    ("refused by who was away", [*[AWAY] * 5, REFUSED], "closed", "ready"),
    ("many removals", [DOUBTFUL] * 6, "holding", "holding"),
    ("more of them", [DOUBTFUL] * 7, "", "holding"),
    ("accepted then", [*[DOUBTFUL] * 7, ACCEPTED], "released", "ready"),
    ("one that is gone then", [*[DOUBTFUL] * 7, GONE], "released", "ready"),
    ("held, and away", [*[DOUBTFUL] * 6, *[AWAY] * 5], "opened", "open"),
]


@pytest.mark.parametrize(("ends", "change", "state"), [row[1:] for row in ENDS],
                         ids=[row[0] for row in ENDS])  # fmt: skip
def test_what_the_ends_of_pushes_change(ends: list[Outcome], change: str, state: str) -> None:
    it = admission()
    changes = [it.judge(end, f"device {number}")[1] for number, end in enumerate(ends)]
    assert changes[-1] == change
    assert it.state == state


def test_a_removal_that_is_held_is_answered_as_a_failure() -> None:
    it = admission()
    for number in range(THRESHOLD):
        assert it.judge(DOUBTFUL, f"device {number}")[0] is DOUBTFUL
    held, _ = it.judge(DOUBTFUL, "another")
    assert (held.answer.status, held.reason, held.http) == ("FAIL", "BadDeviceToken", 400)
    assert held.is_held
    assert held.answer.error.startswith(
        "unknown send response error: status=400 reason=BadDeviceToken, not removed: "
        "every device of apple_rn gets this answer, so "
    )
    assert it.judge(DOUBTFUL, "device 0")[0].is_held


def test_without_the_guard_none_is_held() -> None:
    it = admission(is_guarded=False)
    ends = [it.judge(DOUBTFUL, f"device {number}") for number in range(THRESHOLD + 3)]
    assert ends == [(DOUBTFUL, "")] * (THRESHOLD + 3)
