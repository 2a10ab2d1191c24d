"""Faults of Mattermost's API as they are typed: what is meant, and what makes no sense."""

import pytest

from mmpush_tui.errors import UsageError
from mmpush_tui.simulator.fault_words import WantedFault
from mmpush_tui.simulator.mattermost.fault_words import (
    describe_mattermost_faults,
    is_meant,
    mattermost_fault_words,
    parse_any,
    parse_mattermost_fault,
)
from mmpush_tui.simulator.mattermost.faults import RestFault, Trouble

KEYS = frozenset({"EmailSettings.PushNotificationContents"})


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("expired@mattermost", Trouble(RestFault.EXPIRED, keys=KEYS)),
        (" slow@mattermost: seconds = 3 ", Trouble(RestFault.SLOW, seconds=3.0, keys=KEYS)),
        ("hang-up:path=/api/v4/config,times=2",
         Trouble(RestFault.HANG_UP, path="/api/v4/config", times=2, keys=KEYS)),
        ("hang-up:path=none,times=none", Trouble(RestFault.HANG_UP, keys=KEYS)),
        ("skips:keys=A.B+C.D", Trouble(RestFault.SKIPS, keys=frozenset({"A.B", "C.D"}))),
    ],
)  # fmt: skip
def test_words(text: str, trouble: Trouble) -> None:
    assert parse_mattermost_fault(text) == trouble
    assert parse_mattermost_fault(mattermost_fault_words(trouble)) == trouble


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("expird", "Mattermost has no fault expird. Did you mean expired?"),
        ("\x1b[2J", "Mattermost has no fault without a name. `mmpush-tui simulate --mattermost "
         "--list` shows them all."),
        ("slow:second=3", "the fault slow@mattermost has no parameter second. Did you mean "
         "seconds?"),
        ("expired:seconds=3", "the fault expired@mattermost has no parameter seconds. It has path, "
         "times."),
        ("slow:seconds=much", "the fault slow@mattermost takes a number for seconds, not much."),
        ("slow:seconds=-1", "the fault slow@mattermost cannot be raised like that: seconds must be "
         "from 0 to 3600."),
        ("slow:times=0", "the fault slow@mattermost cannot be raised like that: times must be a "
         "whole number from 1 to 1000000."),
        ("slow:path=api", "the fault slow@mattermost cannot be raised like that: path must begin "
         "with /."),
        ("skips:keys=SiteURL", "the fault skips@mattermost cannot be raised like that: keys must "
         "be like EmailSettings.PushNotificationServer, joined by +."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_words(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_mattermost_fault(text)
    assert caught.value.line().rstrip(".") == sentence.rstrip(".")


@pytest.mark.parametrize(
    ("text", "beside_vendors", "alone"),
    [
        ("slow", False, True),
        ("slow@mattermost", True, True),
        ("slow@fcm", False, False),
        ("expired", True, True),
        ("goaway", False, True),
    ],
)
def test_who_is_meant(text: str, beside_vendors: bool, alone: bool) -> None:
    assert is_meant(text, has_vendors=True) is beside_vendors
    assert is_meant(text, has_vendors=False) is alone


def test_faults_are_of_whom_is_played() -> None:
    vendors = parse_any("slow", has_vendors=True, has_mattermost=True)
    assert isinstance(vendors, WantedFault)
    trouble = parse_any("slow", has_vendors=False, has_mattermost=True)
    assert isinstance(trouble, Trouble)


def test_every_default_can_be_typed() -> None:
    for fault in RestFault:
        assert parse_mattermost_fault(describe_mattermost_faults(fault)) == Trouble(
            fault, keys=KEYS
        )
        assert fault.help.endswith(".")
