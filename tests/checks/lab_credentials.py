"""Faults of keys, accounts, clocks and settings."""

from mmpush_tui.checks.model.report import Report
from mmpush_tui.settings.page import Licence, Mode, Page
from mmpush_tui.settings.urls import Region
from mmpush_tui.simulator.credentials import AppleKey, GoogleAccount
from tests.checks.internet import (
    OWN,
    Internet,
)
from tests.checks.lab import CASES, HTML, Case, at_apple, ca_of, fault, own, with_config
from tests.checks.peers import VERSION, answer
from tests.http2.scripted import Peer, settings

# Credentials


@fault("apns_key_refused", "Apple does not take the key of this target.", "auth_key_id")
async def another_key_than_its_id_says(net: Internet) -> Report:
    (net.folder / "other").mkdir()
    with_config(net, "apple", auth_key_file=str(AppleKey.make(9).write(net.folder / "other")))
    return await net.check("apns")


@fault("apns_key_refused", "Apple does not take the key of this target.", "team_id")
async def the_wrong_team(net: Internet) -> Report:
    with_config(net, "apple", team_id="ZZZZZZZZZZ")
    return await net.check("apns")


def refused_by_apple(reason: str, code: str, says: str, fix: str) -> None:
    async def arrange(net: Internet) -> Report:
        await net.fault(f"apple-refuses:reason={reason}")
        return await net.check("apns")

    CASES.append(Case(f"apple_says_{reason}", arrange, code, says, fix))


refused_by_apple("BadEnvironmentKeyIdInToken", "apns_environment", "for Apple's other network",
                 "sandbox")  # fmt: skip
refused_by_apple("TopicDisallowed", "apns_topic", "the topic is not one of its team's apps",
                 "ApplePushTopic")  # fmt: skip
refused_by_apple("BadTopic", "apns_topic", "the topic is not one of its team's apps", "bundle id")
refused_by_apple("Forbidden", "apns_key_refused", "does not take the key", "revoked")
refused_by_apple("SomethingNew", "apns_refused", "for another reason", "mmpush-tui explain")


@fault("apns_topic", "the topic is not one of its team's apps", "ApplePushTopic")
async def the_wrong_topic(net: Internet) -> Report:
    with_config(net, "apple", topic="com.example.other")
    return await net.check("apns")


def refused_by_google(reason: str, code: str, says: str, fix: str) -> None:
    async def arrange(net: Internet) -> Report:
        await net.fault(f"google-refuses:reason={reason}")
        return await net.check("fcm")

    CASES.append(Case(f"google_says_{reason}", arrange, code, says, fix))


refused_by_google("not-found", "fcm_project", "Google knows no project mmpush-demo.",
                  "google-services.json")  # fmt: skip
refused_by_google("forbidden", "fcm_permission", "may not send in the project mmpush-demo",
                  "Firebase Cloud Messaging API Admin")  # fmt: skip
refused_by_google("api-disabled", "fcm_api_disabled",
                  "The Firebase Cloud Messaging API is switched off in the project mmpush-demo.",
                  "Google Cloud console")  # fmt: skip
refused_by_google("unauthenticated", "authorization_stripped", "does not arrive at Google's",
                  "header filters")  # fmt: skip


@fault("fcm_account", "Google does not take the service account's key.", "Make a new key")
async def a_service_account_that_google_does_not_know(net: Internet) -> Report:
    token_uri = f"{net.world.fcm.endpoint}/token"
    account = GoogleAccount.make(77)
    (net.folder / "other").mkdir()
    path = account.at(token_uri).write(net.folder / "other")
    with_config(net, "android", service_account_file=str(path))
    return await net.check("fcm")


def clock(act: str, session: str) -> None:
    async def arrange(net: Internet) -> Report:
        await net.fault(act)
        return await net.check("apns", "fcm")

    CASES.append(
        Case(f"a_clock_two_hours_{session}", arrange, "clock_wrong",
             f"This host's clock is 2 h 0 min {session}", "timedatectl")
    )  # fmt: skip


clock("clock-behind", "ahead")
clock("clock-ahead", "behind")


@fault("timeout", "the request gets no answer", "Run the check again")
async def credentials_without_an_answer(net: Internet) -> Report:
    async def act(peer: Peer) -> None:
        asked = await peer.request()
        if not {name for name, _ in asked.headers} & {b"authorization", "authorization"}:
            body = b'{"reason":"MissingProviderToken"}'
            peer.answer(asked.stream_id, 403, body, ("apns-id", "5E1B"))

    report = await at_apple(net, act, settings())
    assert report.verdict.check == "credential:apns/apple_rn"
    return report


# What the settings say


@fault("tpns_licensed", "can be reached, with one warning", "mode=hpns")
async def the_test_service_in_spite_of_a_licence(net: Internet) -> Report:
    net.page, net.licence = Page(mode=Mode.TPNS), Licence(hpns=True)
    return await net.check("tpns")


@fault("hpns_unlicensed", "HPNS is chosen without a licence for it", "mode=tpns")
async def the_hosted_service_without_a_licence(net: Internet) -> Report:
    net.page, net.licence = Page(mode=Mode.HPNS, region=Region.DE), Licence(hpns=False)
    return await net.check("hpns")


@fault("app_path", "The address has a path that Mattermost appends by itself.",
       "Remove /api/v1/send_push from the address: http://10.0.0.5:8066")  # fmt: skip
async def the_path_is_in_the_address(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8066/api/v1/send_push")
    await net.answers(OWN, answer("404 Not Found", b"404 page not found"), 8066)
    return await net.check("mpns")


@fault("http_to_tls", "The address says http, and 10.0.0.5:8066 speaks TLS.",
       "Change the address to https://10.0.0.5:8066")  # fmt: skip
async def http_to_a_server_that_speaks_tls(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8066")
    await net.answers(OWN, VERSION, 8066, tls=ca_of(net).server_context(OWN))
    return await net.check("mpns")


@fault("tls_plain_http", "The address says https, and 10.0.0.5:8066 speaks plain HTTP.",
       "Change the address to http://10.0.0.5:8066")  # fmt: skip
async def https_to_a_server_that_speaks_http(net: Internet) -> Report:
    net.page = own(f"https://{OWN}:8066")
    await net.answers(OWN, VERSION, 8066)
    return await net.check("mpns")


@fault("app_redirect", "redirects to another address", "Enter the final address")
async def a_redirect(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8066")
    say = answer("301 Moved", b"", "location: https://push.corp/version")
    await net.answers(OWN, say, 8066)
    return await net.check("mpns")


@fault("app_not_json", "What answers at 10.0.0.5:8066 is not a push proxy.", "curl -sS")
async def a_web_page_at_the_address(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8066")
    await net.answers(OWN, HTML, 8066)
    return await net.check("mpns")


@fault("app_not_found", "no push proxy is at that address", "Check host, port and path")
async def a_web_server_that_knows_no_push(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8066")
    await net.answers(OWN, answer("404 Not Found", b"nginx"), 8066)
    return await net.check("mpns")


@fault("url_invalid", "The push proxy's address in Mattermost is no address.", "Write it in full")
async def an_address_without_a_scheme(net: Internet) -> Report:
    net.page = own("push.corp:8066")
    return await net.check("mpns")


@fault("url_invalid", "The push proxy's address in Mattermost is no address.", "Write it in full")
async def an_empty_address(net: Internet) -> Report:
    net.page = own("")
    return await net.check("mpns")


@fault(
    "url_wildcard",
    "can be reached, with one warning",
    "own name or address as the Mattermost server sees it, with its port",
)
async def the_address_to_listen_on(net: Internet) -> Report:
    net.page = own("http://0.0.0.0:8066")
    await net.answers("127.0.0.1", VERSION, 8066)
    return await net.check("mpns")


@fault("url_loopback", "can be reached, with one warning", "as the Mattermost server sees it")
async def the_address_of_another_hosts_loopback(net: Internet) -> Report:
    net.page, net.is_elsewhere = own("http://127.0.0.1:8066"), True
    await net.answers("127.0.0.1", VERSION, 8066)
    return await net.check("mpns")


@fault("url_plain_remote", "can be reached, with one warning", "tls_certificate_file")
async def plain_http_to_another_host(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8066")
    await net.answers(OWN, VERSION, 8066)
    return await net.check("mpns")


@fault("proxy_credentials", "wants user and password", "before 10.0.0.5:8066")
async def a_push_proxy_that_asks_for_a_password(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8066")
    await net.answers(OWN, answer("401 Unauthorized", b"401"), 8066)
    return await net.check("mpns")


@fault("proxy_forbidden", "does not take pushes from this host", "allowed_addresses")
async def a_push_proxy_that_knows_us_not(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8066")
    say = answer("403 Forbidden", b"403 this address may not send here\n")
    await net.answers(OWN, say, 8066)
    return await net.check("mpns")


@fault("proxy_odd_answer", "does not take pushes as a push proxy does", "reverse proxy")
async def a_reverse_proxy_that_passes_get_alone(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8066")

    def say(head: bytes) -> bytes:
        return VERSION if head.startswith(b"GET") else answer("405 Method Not Allowed")

    await net.answers(OWN, say, 8066)
    return await net.check("mpns")


@fault(
    "proxy_accepts_all", "can be reached, with", "the real one refuses a push to nobody's device"
)
async def something_that_accepts_every_push(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")

    def say(head: bytes) -> bytes:
        return VERSION if head.startswith(b"GET") else answer("200 OK", b'{"status":"OK"}')

    await net.answers(OWN, say, tls=ca_of(net).server_context("push.corp", alpn=()))
    return await net.check("mpns")


@fault("proxy_old", "can be reached, with", "Update it")
async def an_old_push_proxy(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")

    def say(head: bytes) -> bytes:
        is_front = head.startswith(b"GET / ")
        page = b"<html>Mattermost Push Proxy</html>"
        return answer("200 OK", page) if is_front else answer("404 Not Found", b"404")

    await net.answers(OWN, say, tls=ca_of(net).server_context("push.corp", alpn=()))
    return await net.check("mpns")


@fault("apple-key-invalid", "this is a private key that is damaged", "")
async def a_key_file_that_is_none(net: Internet) -> Report:
    path = net.folder / "AuthKey_BROKEN1234.p8"
    path.write_text("-----BEGIN PRIVATE KEY-----\nnone\n-----END PRIVATE KEY-----\n")
    with_config(net, "apple", auth_key_file=str(path))
    return await net.check("apns")
