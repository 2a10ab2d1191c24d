"""Which removals are passed on."""

import pytest

from mmpush_tui.proxy.delivery.guard import DOUBTFUL, PROOF, THRESHOLD, RemoveGuard, suspect

BAD, GONE, TOPIC = "BadDeviceToken", "Unregistered", "DeviceTokenNotForTopic"
FIVE = [(device, BAD) for device in "abcde"]

# Device and reason of each removal, or ("", "") for a push that was accepted; who is passed on.
HISTORIES = [
    ("five of five devices", FIVE, "yyyyy"),
    ("the sixth device", [*FIVE, ("f", BAD), ("g", BAD)], "yyyyynn"),
    ("mixed reasons of that kind", [*FIVE, ("f", TOPIC)], "yyyyyn"),
    ("one device again and again", [("a", BAD)] * 8, "y" * 8),
    ("a device of the five again", [*FIVE, ("a", BAD), ("f", BAD)], "yyyyyyn"),
    ("held once, none passes", [*FIVE, ("f", BAD), ("a", BAD)], "yyyyynn"),
    ("a success before", [("", ""), *FIVE, ("f", BAD)], "-yyyyyy"),
    ("a success between", [*FIVE, ("", ""), ("f", BAD), ("g", BAD)], "yyyyy-yy"),
    ("a success while held", [*FIVE, ("f", BAD), ("", ""), ("g", BAD)], "yyyyyn-y"),
    ("a device that is gone before", [("z", GONE), *FIVE, ("f", BAD)], "yyyyyyy"),
    ("a device that is gone while held", [*FIVE, ("f", BAD), ("z", GONE), ("g", BAD)],
     "yyyyynyy"),
    ("other reasons", [(device, "MissingDeviceToken") for device in "abcdefgh"], "y" * 8),
]  # fmt: skip


@pytest.mark.parametrize(("removals", "passed"), [row[1:] for row in HISTORIES],
                         ids=[row[0] for row in HISTORIES])  # fmt: skip
def test_which_removals_are_passed_on(removals: list[tuple[str, str]], passed: str) -> None:
    guard = RemoveGuard()
    seen = ""
    for device, reason in removals:
        if reason:
            seen += "y" if guard.removes(device, reason) else "n"
        else:
            guard.release()
            seen += "-"
    assert seen == passed


@pytest.mark.parametrize("reason", sorted(PROOF))
def test_every_proof_proves(reason: str) -> None:
    guard = RemoveGuard()
    assert guard.removes("z", reason)
    assert all(guard.removes(str(number), BAD) for number in range(THRESHOLD + 3))


@pytest.mark.parametrize("reason", sorted(DOUBTFUL))
def test_it_says_what_it_holds_until_released(reason: str) -> None:
    guard = RemoveGuard()
    assert guard.release() is False
    guard = RemoveGuard()
    passed = [guard.removes(str(number), reason) for number in range(THRESHOLD + 3)]
    assert passed == [True] * THRESHOLD + [False] * 3
    assert (guard.is_holding, guard.held, guard.reason) == (True, 3, reason)
    assert f"refused with {reason} and none was accepted" in guard.alarm("apple_rn")
    assert suspect(reason) in guard.alarm("apple_rn")
    assert guard.release() is True
    assert guard.is_holding is False
    assert guard.release() is False
    assert guard.removes("another", reason)
