"""The one sentence over a run, from results alone."""

from typing import Any

import pytest

from mmpush_tui.checks.model.failures import words_at
from mmpush_tui.checks.model.report import CheckResult, Stage, check_id
from mmpush_tui.checks.verdict import verdict
from mmpush_tui.findings import Confidence, Severity
from mmpush_tui.troubleshooting.lookup import by_code
from tests.checks.peers import apple, google, push_proxy

APPLE, GOOGLE, PROXY = apple(), google(), push_proxy("http://proxy:8066")
ALL = (PROXY, APPLE, GOOGLE)


def result(
    target: str, stage: Stage, status: Severity = Severity.PASS, code: str = "ok", **fields: Any
) -> CheckResult:
    return CheckResult(
        id=check_id(stage, target),
        about=target,
        stage=stage,
        severity=status,
        code=code,
        message=fields.pop("message", f"{stage} says {code}"),
        fix="" if status is Severity.PASS else f"Fix {code} of {target}.",
        **fields,
    )


def fail(target: str, stage: Stage, code: str, **fields: Any) -> CheckResult:
    plan = next((plan for plan in ALL if plan.target == target), APPLE)
    said = words_at(plan, code)
    return result(
        target,
        stage,
        Severity.FAIL,
        code,
        summary=said.summary,
        confidence=said.confidence,
        **fields,
    )


def test_all_is_well() -> None:
    found = verdict(ALL, [result(plan.target, Stage.APP) for plan in ALL])
    assert found.severity is Severity.PASS
    assert found.summary == (
        "Everything that was checked can be reached: the push proxy, Apple's push service and "
        "Google's push service."
    )
    assert (found.check, found.why, found.fix) == (None, [], [])


def test_the_earliest_hop_of_the_wire_decides() -> None:
    found = verdict(
        ALL,
        [
            fail("mpns", Stage.APP, "app_not_json"),
            result("apns/apple_rn", Stage.DNS),
            fail("apns/apple_rn", Stage.TCP, "tcp_timeout", why=["not even a refusal"]),
            fail("fcm/android_rn", Stage.TLS, "tls_intercepting"),
        ],
    )
    assert (found.severity, found.code, found.check) == (
        Severity.FAIL, "tcp_timeout", "tcp:apns/apple_rn",
    )  # fmt: skip
    assert found.summary == "Packets to Apple's push service get no answer."
    assert found.why == [
        "tcp says tcp_timeout",
        "not even a refusal",
        "also tls:fcm/android_rn: tls says tls_intercepting",
        "also app:mpns: app says app_not_json",
    ]
    assert found.fix == [
        "Fix tcp_timeout of apns/apple_rn.", "Fix tls_intercepting of fcm/android_rn.",
    ]  # fmt: skip
    assert found.confidence is Confidence.LIKELY


def test_of_one_stage_the_first_target_decides() -> None:
    results = [fail(p.target, Stage.APP, "timeout") for p in (GOOGLE, PROXY)]
    assert verdict(ALL, results).check == "app:mpns"


@pytest.mark.parametrize(("stage", "code", "fields", "summary"), [
    (Stage.DNS, "dns_failed", {}, "This host cannot resolve names outside."),
    (Stage.TCP, "tcp_timeout", {}, "This host gets no connection to the outside."),
    (Stage.TLS, "tls_intercepting", {"evidence": {"issuer": "Corp CA"}},
     'The network breaks TLS open: every certificate is signed by "Corp CA".'),
    (Stage.TLS, "tls_expired", {},
     "This host's clock is wrong, or the certificates outside are not the real ones."),
])  # fmt: skip
def test_several_targets_that_fail_alike_have_one_cause(
    stage: Stage, code: str, fields: dict[str, Any], summary: str
) -> None:
    results = [fail(plan.target, stage, code, **fields) for plan in (APPLE, GOOGLE)]
    results.append(fail("mpns", Stage.APP, "timeout"))
    found = verdict(ALL, results)
    assert (found.summary, found.confidence) == (summary, Confidence.LIKELY)
    assert found.check == f"{stage}:apns/apple_rn"
    assert len(found.fix) == 2
    assert found.why[-1] == "also app:mpns: app says timeout"


def test_different_issuers_are_no_common_cause() -> None:
    results = [
        fail(plan.target, Stage.TLS, "tls_intercepting", evidence={"issuer": plan.host})
        for plan in (APPLE, GOOGLE)
    ]
    assert verdict(ALL, results).summary.startswith(
        "The network breaks TLS open on the way to Apple's"
    )


def test_where_one_name_resolves_the_name_servers_are_not_to_blame() -> None:
    results = [
        result("apns/apple_rn", Stage.DNS),
        fail("fcm/android_rn", Stage.DNS, "dns_unknown"),
        fail("fcm2", Stage.DNS, "dns_unknown"),
    ]
    plans = (APPLE, GOOGLE, google(target="fcm2", url="https://other"))
    found = verdict(plans, results)
    assert found.summary == "The name fcm.googleapis.com does not exist for this host."


def test_two_targets_at_one_host_are_one_failure() -> None:
    plans = (APPLE, apple(target="apns/beta"))
    results = [fail(plan.target, Stage.DNS, "dns_unknown") for plan in plans]
    found = verdict(plans, results)
    assert found.summary == "The name api.push.apple.com does not exist for this host."


def test_ones_own_proxy_and_apple_have_no_common_cause() -> None:
    results = [fail(plan.target, Stage.TCP, "tcp_refused") for plan in (PROXY, APPLE)]
    assert verdict(ALL, results).summary == (
        "Nothing listens at proxy:8066, the address of the push proxy."
    )


def test_time_that_ran_out_says_least() -> None:
    results = [
        fail("apns/apple_rn", Stage.DNS, "deadline"),
        fail("mpns", Stage.APP, "app_not_found"),
    ]
    assert verdict(ALL, results).check == "app:mpns"


def test_time_that_ran_out_everywhere_is_no_common_cause() -> None:
    results = [fail(plan.target, Stage.DNS, "deadline") for plan in (APPLE, GOOGLE)]
    assert verdict(ALL, results).summary == "The checks did not finish in the time they had."


def test_many_failures_are_not_all_named() -> None:
    plans = [push_proxy(f"http://h{n}:1", target=f"t{n}") for n in range(9)]
    found = verdict(plans, [fail(plan.target, Stage.APP, "timeout") for plan in plans])
    assert found.why[-1] == "and 4 more"
    assert len(found.why) == 6


def test_warnings_do_not_spoil_it() -> None:
    warned = result("mpns", Stage.TLS, Severity.WARN, "tls_expiring")
    found = verdict(ALL, [warned, result("mpns", Stage.APP, Severity.WARN, "proxy_old")])
    assert (found.severity, found.code, found.check) == (Severity.WARN, "tls_expiring", "tls:mpns")
    assert found.summary == "Everything that was checked can be reached, with 2 warnings."
    assert len(found.why) == len(found.fix) == 2


def test_a_failure_counts_more_than_that_the_run_was_stopped() -> None:
    found = verdict(ALL, [fail("mpns", Stage.TCP, "tcp_refused")], is_stopped=True)
    assert found.severity is Severity.FAIL
    assert verdict(ALL, [], is_stopped=True).code == "interrupted"


# What explains what


def test_an_odd_address_explains_what_fails_behind_it() -> None:
    said = words_at(APPLE, "dns_private")
    lie = result(
        "apns/apple_rn", Stage.DNS, Severity.WARN, "dns_private", summary=said.summary,
        message="the name leads to 10.0.0.1",
    )  # fmt: skip
    found = verdict(ALL, [lie, fail("apns/apple_rn", Stage.TLS, "tls_wrong_name")])
    assert (found.severity, found.code, found.check) == (
        Severity.FAIL, "dns_private", "dns:apns/apple_rn",
    )  # fmt: skip
    assert found.summary == (
        "The name servers of this host give a false address for api.push.apple.com."
    )
    assert found.why[0] == "the name leads to 10.0.0.1"
    assert "also tls:apns/apple_rn: tls says tls_wrong_name" in found.why
    assert found.fix[0] == "Fix dns_private of apns/apple_rn."


def test_an_odd_address_does_not_explain_another_target() -> None:
    lie = result("apns/apple_rn", Stage.DNS, Severity.WARN, "dns_private", summary="Lie.")
    assert verdict(ALL, [lie, fail("mpns", Stage.TCP, "tcp_refused")]).code == "tcp_refused"


@pytest.mark.parametrize("code", ["apns_token_expired", "apns_key_refused", "fcm_clock"])
def test_the_clock_explains_a_refused_token(code: str) -> None:
    target = "fcm/android_rn" if code.startswith("fcm") else "apns/apple_rn"
    slow = result("fcm/android_rn", Stage.CLOCK, Severity.WARN, "clock_off", summary="It is off.")
    found = verdict(ALL, [slow, fail(target, Stage.CREDENTIAL, code)])
    assert (found.severity, found.code, found.summary) == (Severity.FAIL, "clock_off", "It is off.")


def test_the_clock_does_not_explain_a_wrong_topic() -> None:
    slow = result("fcm/android_rn", Stage.CLOCK, Severity.WARN, "clock_off", summary="It is off.")
    found = verdict(ALL, [slow, fail("apns/apple_rn", Stage.CREDENTIAL, "apns_topic")])
    assert found.code == "apns_topic"


def test_it_says_how_it_looks_once_mended_and_where_to_read_on() -> None:
    found = verdict(ALL, [fail("mpns", Stage.TCP, "tcp_refused", see="proxy-connection-refused")])
    entry = by_code("proxy-connection-refused")
    assert entry is not None
    assert found.then == entry.fixed_when
    assert found.links == list(entry.links[:3])
