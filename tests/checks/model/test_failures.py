"""Every code says what is broken and what to change, in words that fit each kind of target."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import mmpush_tui
from mmpush_tui.checks.model.failures import finding_at, words_at
from mmpush_tui.checks.model.target import TargetKind, TargetPlan, Whose
from mmpush_tui.troubleshooting.lookup import by_code, by_reason
from mmpush_tui.troubleshooting.wording import codes
from tests.checks.peers import apple, google, push_proxy, token_server

CHECKS = Path(mmpush_tui.__file__).parent / "checks"
PLANS = [
    apple(),
    google(),
    token_server(),
    apple("relay:1", whose=Whose.RELAY, who="the endpoint of apple_rn"),
    push_proxy("http://proxy:8066"),
    push_proxy("https://push-test.mattermost.com", Whose.HOSTED),
    push_proxy("https://chat", kind=TargetKind.MATTERMOST, who="the Mattermost server"),
]
EACH = pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.kind}-{plan.whose}")
CODES = codes()


@EACH
@pytest.mark.parametrize("code", CODES)
def test_a_code_is_said_in_whole_sentences(plan: TargetPlan, code: str) -> None:
    said = words_at(plan, code)
    for text in (said.summary, said.fix):
        assert text[0].isupper() or text[0] in "`0123456789"
        assert "{" not in text
        assert "  " not in text
        assert text.count("`") % 2 == 0
        assert text.isascii()
        assert "!" not in text
    assert said.summary.endswith((".", '"'))
    assert not said.why.endswith(".")


@EACH
@pytest.mark.parametrize("code", CODES)
def test_a_code_leads_into_the_catalogue(plan: TargetPlan, code: str) -> None:
    assert by_code(words_at(plan, code).see) is not None


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_a_reason_of_the_catalogue(code: str) -> None:
    assert by_reason(code) is not None


def test_every_code_that_a_check_can_give_has_its_words() -> None:
    source = "".join(path.read_text() for path in CHECKS.rglob("*.py"))
    used = set(re.findall(r'finding_at\(\s*(?:self\._)?(?:self\.)?plan,\s*"(\w+)"', source))
    used |= set(re.findall(r'TransportError\([^)]*?"(\w+)"\s*\)', source))
    assert len(used) > 15
    assert used <= set(CODES)


def test_every_code_of_the_connection_has_its_words() -> None:
    http2 = CHECKS.parent / "http2"
    source = "".join(path.read_text() for path in http2.glob("*.py"))
    used = set(re.findall(r'"((?:dns|tcp|tls|alpn|http2|http1)_[a-z_]+)"', source))
    assert len(used) > 12
    # A pool's own word; a probe has no pool.
    assert used - {"tcp_nodelay"} <= set(CODES)


def test_what_differs_for_ones_own_differs() -> None:
    code = "tcp_refused"
    fixes = {plan.whose: words_at(plan, code).fix for plan in PLANS}
    assert fixes[Whose.VENDOR] == (
        "Allow TCP 443 from this host to oauth2.googleapis.com in the firewall."
    )
    assert fixes[Whose.RELAY] == "Start what serves relay:1, or correct the address."
    assert words_at(PLANS[4], code).summary == (
        "Nothing listens at proxy:8066, the address of the push proxy."
    )


def test_a_target_without_an_address_has_words_too() -> None:
    said = words_at(push_proxy(""), "url_invalid")
    assert said.summary == "The push proxy's address in Mattermost is no address."


def test_hostile_details_are_cleaned() -> None:
    plan = replace(push_proxy("http://proxy:1"), who="the \x1b[31mpush\x9b proxy")
    found = finding_at(plan, "app_redirect", "x", named_by="this\x1b]0;x\x07 " + "A" * 5000)
    assert "\x1b" not in found.fix
    assert len(found.fix) <= 400
    assert "\x9b" not in words_at(plan, "tcp_refused").summary


def test_an_unknown_code_of_a_credential_file_has_words_too() -> None:
    assert words_at(apple(), "apple-key-invalid").summary == (
        "A file that Apple's push service needs cannot be used."
    )
