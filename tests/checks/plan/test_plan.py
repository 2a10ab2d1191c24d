"""Which targets follow from settings, configuration and the command line's words."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.checks.model.failures import config_of
from mmpush_tui.checks.model.report import Stage
from mmpush_tui.checks.model.target import TargetKind, TargetPlan, Whose
from mmpush_tui.checks.plan.plan import WORDS, PlanContext, plan_targets
from mmpush_tui.checks.proof.credential_files import CredentialFile
from mmpush_tui.configuration.config import ProxyConfig, convert_document
from mmpush_tui.configuration.document import parse_document
from mmpush_tui.errors import UsageError
from mmpush_tui.findings import Severity, passed
from mmpush_tui.settings.page import Mode, Page
from mmpush_tui.settings.urls import Region
from mmpush_tui.text import Secret

OFF = Page(mode=Mode.OFF, server="https://push-test.mattermost.com")
TPNS = Page(mode=Mode.TPNS, server="https://push-test.mattermost.com")
OWN = Page(mode=Mode.CUSTOM, server=" http://proxy.example.com:8066/ ")

TOML = """
[[proxy.apple]]
type = "apple_rn"
auth_key_file = "AuthKey.p8"
[[proxy.apple]]
type = "apple_rnbeta"
auth_key_file = "AuthKey.p8"
sandbox = true
[[proxy.apple]]
type = "apple_blank"
[[proxy.android]]
type = "android_rn"
service_account_file = "account.json"
[[proxy.android]]
type = "android_blank"
"""
ACCOUNT = CredentialFile(
    finding=passed("good"), token_uri="https://oauth2.googleapis.com/token", project="chat-project"
)


def config(text: str = TOML, **changes: Any) -> ProxyConfig:
    return replace(convert_document(parse_document(text, Path("/etc/config.toml")), {}), **changes)


def ids(plans: tuple[TargetPlan, ...]) -> list[str]:
    return [target.target for target in plans]


def refused(page: Page | None, config: ProxyConfig | None, *wanted: str) -> str:
    with pytest.raises(UsageError) as caught:
        plan_targets(page, config, wanted)
    return caught.value.line()


# What is needed


@pytest.mark.parametrize(("page", "target", "url", "whose", "advised"), [
    (TPNS, "tpns", "https://push-test.mattermost.com", Whose.HOSTED, ""),
    (Page(mode=Mode.HPNS, region=Region.DE), "hpns", "https://eu.push.mattermost.com",
     Whose.HOSTED, ""),
    (OWN, "mpns", "http://proxy.example.com:8066/", Whose.OWN, "url_plain_remote"),
])  # fmt: skip
def test_the_page_names_its_push_service(
    page: Page, target: str, url: str, whose: Whose, advised: str
) -> None:
    (found,) = plan_targets(page, None)
    assert (found.target, found.url, found.whose) == (target, url, whose)
    assert found.kind is TargetKind.PUSH_PROXY
    assert (found.config.code if found.config else "") == advised


def test_a_configuration_names_its_targets_and_their_token_servers() -> None:
    found = plan_targets(None, config(), credentials={"android_rn": ACCOUNT})
    assert [(target.target, target.url) for target in found] == [
        ("apns/apple_rn", "https://api.push.apple.com"),
        ("apns/apple_rnbeta", "https://api.sandbox.push.apple.com"),
        ("fcm-token/android_rn", "https://oauth2.googleapis.com/token"),
        ("fcm/android_rn", "https://fcm.googleapis.com"),
    ]
    assert {target.whose for target in found} == {Whose.VENDOR}
    assert found[3].project == "chat-project"
    assert found[3].config is ACCOUNT.finding


def test_without_its_account_a_target_has_no_token_server() -> None:
    assert ids(plan_targets(None, config())) == [
        "apns/apple_rn",
        "apns/apple_rnbeta",
        "fcm/android_rn",
    ]


def test_settings_and_configuration_stand_in_the_order_of_a_push() -> None:
    found = plan_targets(TPNS, config(), credentials={"android_rn": ACCOUNT})
    assert ids(found)[0] == "tpns"
    assert len(found) == 5


def test_an_endpoint_is_a_relay_and_keeps_its_ca_file() -> None:
    text = '[[proxy.apple]]\ntype = "apple_rn"\nauth_key_file = "k"\nsandbox = true\n' + (
        'endpoint = "https://relay:2197"\nca_file = "/ca.pem"\n'
    )
    (found,) = plan_targets(None, config(text))
    assert (found.url, found.whose, found.ca_file) == ("https://relay:2197", Whose.RELAY, "/ca.pem")
    assert found.who == "the endpoint of apple_rn"
    assert found.address == "relay:2197"


def test_a_token_server_of_ones_own_is_a_relay() -> None:
    mine = replace(ACCOUNT, token_uri="https://127.0.0.1:9/token")
    token = plan_targets(None, config(), ["fcm"], credentials={"android_rn": mine})[0]
    assert (token.whose, token.who) == (Whose.RELAY, "the token server of android_rn")


def test_a_name_in_other_letters_is_the_one_that_name_servers_know() -> None:
    (found,) = plan_targets(
        Page(mode=Mode.CUSTOM, server="https://us:pa@pr\u00f6xy.corp:8066/x"), None
    )
    assert found.url == "https://us:pa@xn--prxy-6qa.corp:8066/x"
    (named,) = plan_targets(None, None, ["http://fa\u00df"])
    assert (named.target, named.url) == ("xn--fa-hia:80", "http://xn--fa-hia")


@pytest.mark.parametrize(("server", "said"), [
    ("", "the address is empty"),
    ("  ", "the address is empty"),
    ("proxy:8066", "proxy:8066 lacks http:// or https://"),
    ("ftp://proxy", "ftp://proxy is no address"),
    ("http://", "http:// is no address"),
    ("http://proxy:port", "http://proxy:port is no address"),
    ("http://proxy:99999", "http://proxy:99999 is no address"),
    ("http://pro xy", "http://pro xy is no address"),
    ("http://-\u00f6", "http://-\u00f6 is no address"),
    ("http://pr\u00f6xy/\u00f6", "http://xn--prxy-6qa/\u00f6 is no address"),
    ("http://[::1", "http://[::1 is no address"),
    ("http://user:pa/ss@proxy:8066", "[secret]@proxy:8066 is no address"),
    ("user:pa ss@proxy:8066", "[secret]@proxy:8066 lacks http:// or https://"),
])  # fmt: skip
def test_an_address_that_is_none_is_a_failed_check(server: str, said: str) -> None:
    (found,) = plan_targets(Page(mode=Mode.CUSTOM, server=server), None)
    assert found.stages == (Stage.CONFIG,)
    told = config_of(found)
    assert told is not None
    assert (told.severity, told.code) == (Severity.FAIL, "url_invalid")
    assert told.message == said
    assert told.see == "settings-url-scheme"
    assert told.fix == (
        "Write it in full, as http://HOST:8066 or https://HOST: `mmctl config set "
        "EmailSettings.PushNotificationServer ADDRESS`."
    )


# Words


@pytest.mark.parametrize(("word", "expected"), [
    ("tpns", ["tpns"]), ("hpns", ["hpns"]), ("apns", ["apns"]), ("fcm", ["fcm-token", "fcm"]),
])  # fmt: skip
def test_a_word_needs_neither_settings_nor_configuration(word: str, expected: list[str]) -> None:
    assert ids(plan_targets(None, None, [word])) == expected


def test_without_settings_hpns_is_the_global_region() -> None:
    assert plan_targets(OWN, None, ["hpns"])[0].url == "https://global.push.mattermost.com"


def test_words_give_their_targets_once() -> None:
    found = plan_targets(OWN, config(), ["mpns", "apns", "tpns", "apns"])
    assert ids(found) == ["mpns", "apns/apple_rn", "apns/apple_rnbeta", "tpns"]


@pytest.mark.parametrize(("listen", "url"), [
    ("127.0.0.1:8086", "http://127.0.0.1:8086"),
    (":8066", "http://127.0.0.1:8066"),
    ("0.0.0.0:8066", "http://127.0.0.1:8066"),
    ("[::1]:8066", "http://[::1]:8066"),
    ("10.0.0.5:80", "http://10.0.0.5:80"),
])  # fmt: skip
def test_the_worker_is_asked_where_it_listens(listen: str, url: str) -> None:
    assert plan_targets(None, config(listen_address=listen), ["worker"])[0].url == url


@pytest.mark.parametrize(
    ("changes", "is_warned"),
    [
        ({}, True),
        ({"allowed_addresses": ("0.0.0.0/0", "::/0")}, True),
        ({"allowed_addresses": ("192.0.2.0/24",)}, False),
        ({"access_user": "mm", "access_password": Secret("secret")}, False),
        ({"path_prefix": Secret("/canary")}, False),
        ({"signature_key_file": "server.pem"}, False),
        # Such a worker does not start, and says why.
        ({"access_user": "mm"}, False),
    ],
)
def test_a_worker_that_everybody_may_ask_is_warned_of(
    changes: dict[str, Any], is_warned: bool
) -> None:
    (plan,) = plan_targets(None, config(listen_address="0.0.0.0:8086", **changes), ["worker"])
    finding = config_of(plan)
    assert (finding is not None and finding.code == "listen_open") is is_warned


@pytest.mark.parametrize(("url", "target"), [
    ("http://proxy:8066", "proxy:8066"), ("https://Proxy.example.com/p/", "proxy.example.com:443"),
    ("http://[::1]", "[::1]:80"),
])  # fmt: skip
def test_an_address_is_a_target(url: str, target: str) -> None:
    (found,) = plan_targets(None, None, [url])
    assert (found.target, found.address, found.url) == (target, target, url)
    assert found.whose is Whose.OWN


def test_mattermost_is_asked_at_its_own_address() -> None:
    (found,) = plan_targets(OFF, None, ["mattermost"], mattermost_url="https://chat.example.com")
    assert (found.kind, found.address) == (TargetKind.MATTERMOST, "chat.example.com:443")


# Refusals


def test_push_is_off_and_there_is_no_configuration() -> None:
    assert refused(OFF, None) == (
        "there is nothing to check: push notifications are switched off in Mattermost and no "
        "configuration of a push proxy was found. Name them with --mattermost-config FILE or "
        "--config FILE, or name a target: mmpush-tui check tpns."
    )


def test_nothing_is_known_at_all() -> None:
    assert refused(None, None).startswith(
        "there is nothing to check: no Mattermost configuration was named and no configuration of "
        "a push proxy was found."
    )


def test_a_configuration_of_blank_targets() -> None:
    assert "and /etc/config.toml holds no Apple or Android target with a key" in refused(
        None, config('[[proxy.apple]]\ntype = "apple_rn"\n')
    )


@pytest.mark.parametrize(("word", "sentence"), [
    ("apn", "there is no target 'apn'. Did you mean apns? Known are "),
    ("xyzzy", "there is no target 'xyzzy'. Known are mattermost, tpns, hpns, mpns, apns, fcm, "),
    ("mpns", "Mattermost's settings name no push proxy of your own. Name its address: "
     "mmpush-tui check http://HOST:8086."),
    ("worker", "the worker cannot be asked: its configuration was not found. "),
    ("mattermost", "the address of the Mattermost server is not known. "),
    ("http://", "this is no address that can be checked. Write http://HOST:PORT or "),
    ("http//u:my/secret@h", "there is no target '[secret]@h'. Known are "),
    ("https://u:secret@h", "this is no address that can be checked. Write http://HOST:PORT or "),
])  # fmt: skip
def test_a_word_that_cannot_be_obeyed(word: str, sentence: str) -> None:
    line = refused(TPNS, None, word)
    assert line.startswith(sentence)
    assert "secret" not in line.replace("[secret]", "")


def test_a_worker_without_a_port() -> None:
    assert refused(None, config(listen_address="127.0.0.1:0"), "worker").startswith(
        "the worker cannot be asked: its configuration names no TCP port. "
    )


def test_a_worker_at_a_unix_socket() -> None:
    assert refused(None, config(listen_address="unix:/run/proxy.sock"), "worker") == (
        "the worker cannot be asked: it listens on a Unix socket. Name the address of the server "
        "in front of it, mmpush-tui check https://HOST; "
        "`curl --unix-socket /run/proxy.sock http://worker/version` asks the worker itself."
    )


def test_every_word_is_known() -> None:
    for word in WORDS:
        around = PlanContext(log=passed("no push failed"))
        found = plan_targets(OWN, config(), [word], mattermost_url="https://chat", around=around)
        assert found, word


# Targets


@pytest.mark.parametrize(("url", "address", "path", "shown"), [
    ("http://h", "h:80", "", "http://h"),
    ("HTTPS://H:8443/a/b/?q#f", "h:8443", "/a/b", "https://h:8443/PATH"),
    ("http://h/s/api/v1/send_push", "h:80", "/s/api/v1/send_push",
     "http://h/PATH/api/v1/send_push"),
    ("http://h/api/v1/send_push", "h:80", "/api/v1/send_push", "http://h/api/v1/send_push"),
    ("https://u:p@[::1]:1/", "[::1]:1", "", "https://[::1]:1"),
])  # fmt: skip
def test_an_address_and_its_parts(url: str, address: str, path: str, shown: str) -> None:
    target = TargetPlan(
        target="x", title="", who="", url=url, kind=TargetKind.PUSH_PROXY, whose=Whose.OWN
    )
    assert (target.address, target.path, target.shown_url) == (address, path, shown)


@pytest.mark.parametrize(("url", "kind", "expected"), [
    ("http://h", TargetKind.PUSH_PROXY, "dns tcp app"),
    ("https://h", TargetKind.PUSH_PROXY, "dns tcp tls app"),
    ("https://h", TargetKind.APNS, "dns tcp tls alpn http2 app"),
    ("https://h", TargetKind.TOKEN, "dns tcp tls alpn http2 app"),
    ("", TargetKind.PUSH_PROXY, ""),
])  # fmt: skip
def test_the_stages_of_a_target(url: str, kind: TargetKind, expected: str) -> None:
    target = TargetPlan(target="x", title="", who="", url=url, kind=kind, whose=Whose.OWN)
    assert " ".join(target.stages) == expected


def test_a_target_is_known_by_its_id() -> None:
    (found,) = plan_targets(None, config(), ["apns/apple_rnbeta"])
    assert found.target == "apns/apple_rnbeta"
    with pytest.raises(UsageError, match="there is no target 'apns/none'"):
        plan_targets(None, config(), ["apns/none"])
