import pytest

from mmpush_tui.errors import UsageError
from mmpush_tui.simulator.fault_words import describe_faults, find_fault, parse_all, parse_fault
from mmpush_tui.simulator.faults import FAULTS, behaviour


@pytest.mark.parametrize(
    ("words", "name", "sides", "parameters"),
    [
        ("slow", "slow", ("apns", "fcm"), {}),
        (" slow:seconds=3 ", "slow", ("apns", "fcm"), {"seconds": 3.0}),
        ("slow@fcm", "slow", ("fcm",), {}),
        ("slow@apns: seconds = 0.5 ", "slow", ("apns",), {"seconds": 0.5}),
        ("shutdown", "shutdown", ("apns",), {}),
        ("shutdown@apns", "shutdown", ("apns",), {}),
        ("refused-stream:times=3,both=yes", "refused-stream", ("apns", "fcm"),
         {"times": 3, "both": True}),
        ("goaway-close:delivers=off", "goaway-close", ("apns", "fcm"), {"delivers": False}),
        ("unavailable:retry_after=none", "unavailable", ("apns", "fcm"), {"retry_after": None}),
        ("unavailable:retry_after=600", "unavailable", ("apns", "fcm"), {"retry_after": 600.0}),
        ("odd-apns-id:kind=wrong", "odd-apns-id", ("apns",), {"kind": "wrong"}),
        ("goaway-first:reason=Forbidden", "goaway-first", ("apns", "fcm"),
         {"reason": "Forbidden"}),
        ("slow:", "slow", ("apns", "fcm"), {}),
        ("slow:,", "slow", ("apns", "fcm"), {}),
    ],
)  # fmt: skip
def test_words(
    words: str, name: str, sides: tuple[str, ...], parameters: dict[str, object]
) -> None:
    wanted = parse_fault(words)
    assert (wanted.fault.name, wanted.sides, dict(wanted.parameters)) == (name, sides, parameters)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("slw", "there is no fault slw. Did you mean slow?"),
        ("", "there is no fault without a name. `mmpush-tui simulate --list` shows them all."),
        ("\x1b[2Jqqqqqq", "there is no fault qqqqqq. `mmpush-tui simulate --list` shows them "
         "all."),
        ("slow@gcm", "the fault slow is not for gcm. It is for apns and fcm."),
        ("shutdown@fcm", "the fault shutdown is not for fcm. It is for apns."),
        ("slow:second=3", "the fault slow has no parameter second. Did you mean seconds?"),
        ("slow:qqqqqq=3", "the fault slow has no parameter qqqqqq. It has seconds."),
        ("clock-skew:a=1", "the fault clock-skew has no parameter a. It has none."),
        ("slow:3", "3 says nothing to the fault slow. Write slow:seconds=2."),
        ("clock-skew:3", "3 says nothing to the fault clock-skew. It has no parameters."),
        ("slow:seconds=much", "the fault slow takes a number for seconds, not much."),
        ("refused-stream:times=1.5", "the fault refused-stream takes a number for times, not 1.5."),
        ("refused-stream:both=2", "the fault refused-stream takes yes or no for both, not 2."),
        ("slow:seconds=-1", "the fault slow cannot be raised like that: seconds must be from 0 to "
         "3600."),
        ("slow:seconds=nan", "the fault slow cannot be raised like that: seconds must be from 0 to "
         "3600."),
        ("goaway:times=-1", "the fault goaway cannot be raised like that: times must be a whole "
         "number from 0 to 1000000."),
        ("odd-apns-id:kind=lower", "the fault odd-apns-id cannot be raised like that: kind must be "
         "upper, missing or wrong."),
        ("tcp-reset:at=tls", "the fault tcp-reset cannot be raised like that: at must be headers "
         "or body."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_words(words: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_fault(words)
    assert caught.value.line().rstrip(".") == sentence.rstrip(".")


def test_every_default_can_be_typed() -> None:
    for fault in FAULTS:
        words = ":".join(filter(None, (fault.name, ",".join(describe_faults(fault)))))
        wanted = parse_fault(words)
        assert behaviour(fault, wanted.parameters) == fault.behaviour()
        assert parse_fault(wanted.words) == wanted


def test_a_side_stays_in_the_words() -> None:
    assert parse_fault("slow@fcm:seconds=1").words == "slow@fcm:seconds=1.0"
    assert parse_fault("shutdown@apns").words == "shutdown"
    assert [it.fault.name for it in parse_all(["slow", "goaway"])] == ["slow", "goaway"]


def test_faults_are_grouped_by_what_they_break() -> None:
    assert find_fault("too-many-requests").group == find_fault("unavailable").group == "answers"
    assert find_fault("untrusted-ca").group == "tls"
    assert len(FAULTS) >= 45
    assert max(len(fault.title) for fault in FAULTS) <= 30


def test_help_is_short() -> None:
    for fault in FAULTS:
        assert fault.help.endswith("."), fault.name
        assert len(fault.help.split(". ")) <= 2, fault.name
