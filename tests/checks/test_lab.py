"""The fault lab: each way in which push is known to break, and what the verdict says of it.

Each fault is arranged in a small internet of its own, on real sockets; the right cause must be
the one that is named first, with what to change. At the end, what is healthy raises no alarm.
"""

import re
import socket
import ssl
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import trustme

from mmpush_tui.checks.apps import NO_DEVICE
from mmpush_tui.checks.pace import Pace
from mmpush_tui.checks.proof import NO_PHONE
from mmpush_tui.checks.report import Report, Stage, Status
from mmpush_tui.proxy.config import NetworkSettings
from mmpush_tui.settings.page import Licence, Mode, Page, Region
from mmpush_tui.simulator.ca import ThrowAwayCA
from mmpush_tui.simulator.credentials import AppleKey, ServiceAccount
from mmpush_tui.simulator.world import World
from mmpush_tui.text import Secret
from tests.checks.certificates import expires_in, self_signed, without_intermediate
from tests.checks.internet import (
    APPLE,
    APPLE_V6,
    GOOGLE,
    NOBODY,
    OWN,
    PROXY,
    TPNS,
    Internet,
    in_namespace,
)
from tests.checks.peers import REFUSAL, VERSION, answer
from tests.checks.test_http2 import Acting, nothing
from tests.http2.scripted import Peer, goaway, settings

HTML: Final = answer("200 OK", b"<!doctype html><title>Log in</title>", "content-type: text/html")
Arrange = Callable[[Internet], Awaitable[Report]]


@dataclass(frozen=True)
class Case:
    """One fault.

    Attributes:
        name: of the fault.
        arrange: breaks the internet and checks it.
        code: what the verdict must name.
        says: a part of its sentence.
        fix: a part of what it says to change.
    """

    name: str
    arrange: Arrange
    code: str
    says: str
    fix: str


CASES: list[Case] = []
HEALTHY: list[tuple[str, Arrange]] = []


def fault(code: str, says: str, fix: str) -> Callable[[Arrange], Arrange]:
    def keep(arrange: Arrange) -> Arrange:
        CASES.append(Case(arrange.__name__, arrange, code, says, fix))
        return arrange

    return keep


def healthy(arrange: Arrange) -> Arrange:
    HEALTHY.append((arrange.__name__, arrange))
    return arrange


def own(url: str) -> Page:
    return Page(mode=Mode.CUSTOM, server=url)


def ca_of(net: Internet) -> ThrowAwayCA:
    return net.world._ca


def corporate(net: Internet) -> ThrowAwayCA:
    """Return the authority of the company, which nobody trusts yet."""
    it = ThrowAwayCA()
    it._ca = trustme.CA(organization_name="Corp Proxy CA")
    return it


def trust(net: Internet, *authorities: ThrowAwayCA) -> None:
    """Install authorities on this host, beside the public one."""
    file = net.folder / "trusted.pem"
    file.write_text("".join(it.root_pem for it in (ca_of(net), *authorities)))


async def at_apple(net: Internet, act: Callable[[Peer], Awaitable[None]], *greeting: Any) -> Report:
    """Let Apple's address be a scripted HTTP/2 server."""
    it = Acting(ca_of(net), ca_of(net).server_context(APPLE))
    it.greeting = greeting
    address = await net.enter(it.with_act(act))
    await net.relay("17.1.1.1", 443, int(address.rpartition(":")[2]))
    return await net.check("apns")


def with_config(net: Internet, side: str, **changes: Any) -> None:
    """Change the only Apple or Android target."""
    assert net.config is not None
    (entry,) = getattr(net.config, side)
    changed: dict[str, Any] = {side: (replace(entry, **changes),)}
    net.config = replace(net.config, **changed)


# Names


@fault("dns_unknown", "The name api.push.apple.com does not exist for this host.", "name server")
async def a_name_that_does_not_exist(net: Internet) -> Report:
    del net.names[APPLE]
    return await net.check("apns")


@fault("dns_failed", "cannot be resolved on this host", "/etc/resolv.conf")
async def name_servers_that_fail(net: Internet) -> Report:
    net.names[APPLE] = socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
    return await net.check("apns")


@fault("dns_timeout", "The name servers of this host do not answer.", "UDP and TCP 53")
async def name_servers_that_are_silent(net: Internet) -> Report:
    net.names[APPLE] = []
    return await net.check("apns")


@fault("dns_unknown", "This host cannot resolve names outside.", "name server")
async def no_names_at_all(net: Internet) -> Report:
    net.names.clear()
    return await net.check("apns", "fcm", "tpns")


@fault("dns_private", "give a false address for api.push.apple.com", "split DNS, DNS filter")
async def a_sinkhole(net: Internet) -> Report:
    net.names[APPLE] = ["0.0.0.0"]  # noqa: S104 - nobody binds
    return await net.check("apns")


@fault("dns_private", "give a false address for fcm.googleapis.com", "split DNS, DNS filter")
async def a_captive_portal_by_name(net: Internet) -> Report:
    net.names[GOOGLE] = ["10.66.0.1"]
    await net.answers("10.66.0.1", HTML, tls=ca_of(net).server_context("login.hotel.example"))
    return await net.check("fcm")


@fault("dns_not_apple", "an address for api.push.apple.com that is not Apple's", "begin with 17.")
async def an_address_that_is_not_apples(net: Internet) -> Report:
    net.names[APPLE] = ["8.8.4.4"]
    await net.answers("8.8.4.4", HTML, tls=ca_of(net).server_context("ads.example"))
    return await net.check("apns")


@fault("tcp_unreachable", "This host has no route to Apple's push service.", "ip route get")
async def only_an_address_without_a_route(net: Internet) -> Report:
    net.names[APPLE] = ["2620:149:ffff::9"]
    return await net.check("apns")


# TCP


@fault("tcp_family_dead", "IPv6 to Apple's push service is broken; IPv4 works.", "Repair IPv6")
async def ipv6_is_dead_and_ipv4_fine(net: Internet) -> Report:
    net.names[APPLE] = [APPLE_V6, "17.1.1.1"]
    return await net.check("apns")


@fault("tcp_refused", "The way to Apple's push service is refused.", "Allow TCP 443")
async def apple_is_refused(net: Internet) -> Report:
    await net.close("17.1.1.1")
    return await net.check("apns")


@fault("tcp_timeout", "Packets to Google's push service get no answer.", "Allow TCP 443")
async def google_is_filtered(net: Internet) -> Report:
    await net.filter("142.250.1.1")
    return await net.check("fcm")


@fault("tcp_unreachable", "no route to Apple's push service", "ip route get")
async def apple_has_no_route(net: Internet) -> Report:
    net.names[APPLE] = ["17.200.0.1"]
    return await net.check("apns")


@fault("tcp_port_policy", "Port 443 to Apple's push service is blocked, and port 2197 is open.",
       'endpoint = "https://api.push.apple.com:2197"')  # fmt: skip
async def port_443_is_blocked_and_2197_open(net: Internet) -> Report:
    await net.close("17.1.1.1")
    await net.relay("17.1.1.1", 2197, int(net.world.apns.endpoint.rpartition(":")[2]))
    return await net.check("apns")


@fault("tcp_timeout", "This host gets no connection to the outside.", "firewall")
async def everything_outside_is_filtered(net: Internet) -> Report:
    net.page = Page(mode=Mode.TPNS)
    for host in (APPLE, GOOGLE, TPNS):
        (address,) = net.names[host]  # type: ignore[misc] # addresses all
        await net.filter(address)
    return await net.check()


@fault("tcp_refused", "Nothing listens at 10.0.0.5:8000, the address of the push proxy.",
       "Start the push proxy there")  # fmt: skip
async def no_push_proxy_is_there(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8000")
    return await net.check("mpns")


@fault("tcp_other_port", "The push proxy listens on port 8066, and the address says 8086.",
       "Change the address to http://10.0.0.5:8066")  # fmt: skip
async def the_ports_are_swapped(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8086")
    await net.answers(OWN, VERSION, 8066)
    return await net.check("mpns")


@fault("tcp_timeout", "Packets to the push proxy get no answer.", "Allow TCP 8066")
async def the_push_proxy_is_filtered(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8066")
    await net.filter(OWN, 8066)
    return await net.check("mpns")


# Outbound proxies


def through(mood: str, code: str, says: str, fix: str) -> None:
    async def arrange(net: Internet) -> Report:
        net.environment["HTTPS_PROXY"] = f"http://{PROXY}:3128"
        await net.outbound(mood=mood)
        await net.close("17.1.1.1")
        return await net.check("apns")

    CASES.append(Case(f"an_outbound_proxy_that_says_{mood}", arrange, code, says, fix))


through("forbidden", "proxy_refused",
        "The outbound proxy 10.0.0.9:3128 does not allow connections to api.push.apple.com:443.",
        "Allow CONNECT to api.push.apple.com:443")  # fmt: skip
through("auth", "proxy_auth", "wants credentials, or others than it was given",
        "into HTTPS_PROXY, between http:// and 10.0.0.9:3128")  # fmt: skip
through("bad-gateway", "proxy_upstream", "cannot reach api.push.apple.com:443 itself",
        "its own DNS, route or firewall")  # fmt: skip
through("unavailable", "proxy_upstream", "cannot reach api.push.apple.com:443 itself",
        "its own DNS, route or firewall")  # fmt: skip
through("html", "proxy_not_http", "What answers at 10.0.0.9:3128 is no HTTP proxy.",
        "host and port in HTTPS_PROXY")  # fmt: skip
through("no-http", "proxy_not_http", "is no HTTP proxy", "host and port in HTTPS_PROXY")
through("hang", "proxy_timeout", "The outbound proxy 10.0.0.9:3128 does not answer.", "proxy's log")
through("hang-up", "proxy_closed", "hangs up instead of connecting", "proxy's log")


@fault("proxy_auth", "wants credentials, or others than it was given", "HTTPS_PROXY")
async def a_proxy_with_another_password(net: Internet) -> Report:
    net.environment["https_proxy"] = f"http://ann:old@{PROXY}:3128"
    net.environment["HTTPS_PROXY"] = "http://ignored:1"
    await net.outbound(credentials="ann:new")
    await net.close("17.1.1.1")
    report = await net.check("apns")
    assert "https_proxy" in report.verdict.fix[0]
    return replace_fix(report)


def replace_fix(report: Report) -> Report:
    """Return ``report`` with the variable's spelling as the table writes it."""
    import msgspec

    fix = [step.replace("https_proxy", "HTTPS_PROXY") for step in report.verdict.fix]
    return msgspec.structs.replace(report, verdict=msgspec.structs.replace(report.verdict, fix=fix))


@fault("proxy_tcp", "The outbound proxy 10.0.0.9:3129 cannot be reached.", "Correct ALL_PROXY")
async def a_proxy_that_is_not_there(net: Internet) -> Report:
    net.environment["ALL_PROXY"] = f"http://{PROXY}:3129"
    await net.close("17.1.1.1")
    return await net.check("apns")


@fault("proxy_dns", "The name of the outbound proxy proxy.corp:3128 cannot be resolved.",
       "Correct the name in HTTPS_PROXY")  # fmt: skip
async def a_proxy_that_has_no_name(net: Internet) -> Report:
    net.environment["HTTPS_PROXY"] = "http://proxy.corp:3128"
    await net.close("17.1.1.1")
    return await net.check("apns")


@fault("proxy_needless", "and Apple's push service can be reached without it",
       "Name api.push.apple.com in NO_PROXY")  # fmt: skip
async def a_proxy_that_nobody_needs(net: Internet) -> Report:
    net.environment["HTTPS_PROXY"] = f"http://{PROXY}:3128"
    await net.outbound(mood="forbidden")
    return await net.check("apns")


@fault("proxy_half_set", "the proxy is set for other addresses only", "Set HTTPS_PROXY too")
async def only_half_of_the_variables(net: Internet) -> Report:
    net.environment["HTTP_PROXY"] = f"http://{PROXY}:3128"
    await net.outbound()
    await net.filter("8.8.4.4")
    net.names[TPNS] = ["8.8.4.4"]
    return await net.check("tpns")


@fault("proxy_port", "allows connections to port 443 only, not to 2197", "SSL_ports")
async def a_proxy_that_knows_443_alone(net: Internet) -> Report:
    net.environment["HTTPS_PROXY"] = f"http://{PROXY}:3128"
    proxy = await net.outbound()
    proxy.ports = frozenset({443})
    with_config(net, "apple", endpoint=f"https://{APPLE}:2197")
    return await net.check("apns")


@fault("proxy_setting", "The outbound proxy on the way to", "http://host:port")
async def a_proxy_that_is_no_address(net: Internet) -> Report:
    net.environment["HTTPS_PROXY"] = "socks5://proxy.corp:1080"
    return await net.check("apns")


# TLS


@fault("tls_intercepting", 'it shows a certificate by "Corp Proxy CA"', "Exempt api.push.apple.com")
async def inspection_whose_authority_is_not_installed(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=corporate(net).server_context(APPLE))
    return await net.check("apns")


@fault("tls_intercepted", 'The network reads what goes to Apple\'s push service',
       "Exempt api.push.apple.com")  # fmt: skip
async def inspection_whose_authority_is_installed(net: Internet) -> Report:
    return await inspected(net)


async def inspected(net: Internet) -> Report:
    corp = corporate(net)
    trust(net, corp)
    it = Acting(corp, corp.server_context(APPLE))
    it.greeting = (settings(),)
    address = await net.enter(it.with_act(as_apple))
    await net.relay("17.1.1.1", 443, int(address.rpartition(":")[2]))
    return await net.check("apns")


async def as_apple(peer: Peer) -> None:
    asked = await peer.request()
    names = {name for name, _ in asked.headers}
    status, reason = 403, b"MissingProviderToken"
    if names & {b"authorization", "authorization"}:
        status, reason = 400, b"BadDeviceToken"
    peer.answer(asked.stream_id, status, b'{"reason":"%s"}' % reason, ("apns-id", "5E1B"))


@fault("tls_intercepting", "The network breaks TLS open: every certificate is signed by",
       "TLS inspection")  # fmt: skip
async def all_of_tls_is_inspected(net: Internet) -> Report:
    tls = corporate(net).server_context(APPLE, GOOGLE, "oauth2.googleapis.com")
    for address in ("17.1.1.1", "142.250.1.1"):
        await net.answers(address, HTML, tls=tls)
    return await net.check("apns", "fcm")


@fault("tls_old_store", "list of authorities is too old for the certificate of", "ca-certificates")
async def the_list_of_authorities_is_old(net: Internet) -> Report:
    (net.folder / "trusted.pem").write_text(corporate(net).root_pem)
    return await net.check("apns")


@fault("tls_expired", "has expired, or this host's clock is ahead", "timedatectl")
async def an_expired_certificate_outside(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=ca_of(net).expired_context(APPLE))
    return await net.check("apns")


@fault("tls_expired", "The certificate of the push proxy has expired.", "Renew the certificate")
async def an_expired_certificate_of_ones_own(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.answers(OWN, VERSION, tls=ca_of(net).expired_context("push.corp"))
    return await net.check("mpns")


@fault("tls_not_yet_valid", "This host's clock is behind", "timedatectl")
async def a_certificate_of_tomorrow(net: Internet) -> Report:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca_of(net)._ca.issue_cert(APPLE, not_before=tomorrow).configure_cert(tls)
    await net.answers("17.1.1.1", HTML, tls=tls)
    return await net.check("apns")


@fault("tls_wrong_name", "shows a certificate for another name", "getent hosts api.push.apple.com")
async def a_certificate_for_another_name(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=ca_of(net).server_context("firewall.example"))
    return await net.check("apns")


@fault("tls_wrong_name", "is for another name than push.corp", "Use a name of the certificate")
async def ones_own_certificate_is_for_another_name(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.answers(OWN, VERSION, tls=ca_of(net).server_context("www.corp"))
    return await net.check("mpns")


@fault("tls_self_signed", "is signed by itself", "Exempt api.push.apple.com")
async def a_certificate_signed_by_itself(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=self_signed(net.folder, APPLE))
    return await net.check("apns")


@fault("tls_untrusted", "The certificate of the push proxy is signed by an authority that this "
       "host does not trust.", "--ca-file")  # fmt: skip
async def ones_own_authority_is_not_installed(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.answers(OWN, VERSION, tls=corporate(net).server_context("push.corp"))
    return await net.check("mpns")


@fault("tls_missing_intermediate", "sends its certificate without the one that signed it",
       "fullchain.pem")  # fmt: skip
async def the_intermediate_is_missing(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.answers(OWN, VERSION, tls=without_intermediate(net.folder, "push.corp"))
    return await net.check("mpns")


@fault("tls_old_version", "offers TLSv1.1 only", "Enable TLS 1.2 or 1.3")
async def tls_1_1_alone(net: Internet) -> Report:
    tls = ca_of(net).server_context(APPLE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        tls.minimum_version = ssl.TLSVersion.TLSv1_1
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    tls.set_ciphers("ALL:@SECLEVEL=0")
    await net.answers("17.1.1.1", HTML, tls=tls)
    return await net.check("apns")


@fault("tls_client_certificate", "refuses our client certificate, or wants one", "reverse proxy")
async def a_reverse_proxy_that_wants_a_client_certificate(net: Internet) -> Report:
    tls = ca_of(net).server_context("push.corp", alpn=())
    ca_of(net).asks_for_certificate(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.demand(OWN, tls)
    return await net.check("mpns")


@fault("tls_sni_filtered", "The firewall breaks TLS off for the name api.push.apple.com.", "(SNI)")
async def a_firewall_that_reads_names(net: Internet) -> Report:
    tls = ca_of(net).server_context("www.example.com")
    await net.cut("17.1.1.1", APPLE, tls)
    return await net.check("apns")


@fault("tls_closed", "Something breaks TLS off on the way to Apple's push service.", "TLS names")
async def tls_is_broken_off_for_every_name(net: Internet) -> Report:
    await net.cut("17.1.1.1", "")
    return await net.check("apns")


@fault("tls_timeout", "takes the connection and then says nothing", "Exempt api.push.apple.com")
async def nobody_speaks_tls(net: Internet) -> Report:
    await net.mute("17.1.1.1")
    return await net.check("apns")


@fault("tls_plain_http", "answers in plain HTTP where Apple's push service speaks TLS",
       "captive portal")  # fmt: skip
async def a_captive_portal_in_plain_http(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML)
    return await net.check("apns")


@fault("tls_expiring", "can be reached, with one warning", "Renew the certificate of push.corp:443")
async def a_certificate_that_ends_soon(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.answers(OWN, VERSION, tls=expires_in(ca_of(net), 5, "push.corp"))
    return await net.check("mpns")


# HTTP/2


@fault("alpn_missing", "does not pass HTTP/2", "Exempt api.push.apple.com")
async def no_http_2_is_offered(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=ca_of(net).server_context(APPLE, alpn=("http/1.1",)))
    return await net.check("apns")


@fault("alpn_missing", "does not pass HTTP/2", "Exempt api.push.apple.com")
async def no_protocol_is_chosen(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=ca_of(net).server_context(APPLE, alpn=()))
    return await net.check("apns")


@fault("http1_answer", "answers in HTTP/1 where HTTP/2 was agreed on", "Exempt api.push.apple.com")
async def http_1_answers_where_2_was_agreed_on(net: Internet) -> Report:
    await net.answers("17.1.1.1", HTML, tls=ca_of(net).server_context(APPLE))
    return await net.check("apns")


@fault("http2_no_settings", "is agreed on and then does not begin", "Exempt api.push.apple.com")
async def settings_are_withheld(net: Internet) -> Report:
    return await at_apple(net, nothing)


@fault("goaway", "was ended instead of an answer", "Run the check again")
async def goaway_with_a_reason(net: Internet) -> Report:
    async def act(peer: Peer) -> None:
        await peer.request()
        peer.send(goaway(0, 0, b'{"reason":"Shutdown"}'))

    report = await at_apple(net, act, settings())
    assert "Shutdown" in " ".join(report.verdict.why)
    return report


@fault("timeout", "the request gets no answer", "Run the check again")
async def a_request_without_an_answer(net: Internet) -> Report:
    return await at_apple(net, nothing, settings())


@fault("not_apns", "What answers for api.push.apple.com is not Apple's push service.", "Exempt")
async def a_portal_that_speaks_http_2(net: Internet) -> Report:
    async def act(peer: Peer) -> None:
        asked = await peer.request()
        peer.answer(asked.stream_id, 200, b"<!doctype html>", ("content-type", "text/html"))

    return await at_apple(net, act, settings())


@fault("vendor_busy", "The network is fine, and Apple's push service is having trouble",
       "system-status")  # fmt: skip
async def apple_has_an_outage(net: Internet) -> Report:
    async def act(peer: Peer) -> None:
        asked = await peer.request()
        body = b'{"reason":"ServiceUnavailable"}'
        peer.answer(asked.stream_id, 503, body, ("apns-id", "5E1B"))

    return await at_apple(net, act, settings())


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
    account = ServiceAccount.make(77)
    (net.folder / "other").mkdir()
    path = account.at(token_uri).write(net.folder / "other")
    with_config(net, "android", service_account_file=str(path))
    return await net.check("fcm")


def clock(act: str, way: str) -> None:
    async def arrange(net: Internet) -> Report:
        await net.fault(act)
        return await net.check("apns", "fcm")

    CASES.append(
        Case(f"a_clock_two_hours_{way}", arrange, "clock_wrong",
             f"This host's clock is 2 h 0 min {way}", "timedatectl")
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


@fault("url_wildcard", "can be reached, with one warning", "own name or address, with its port")
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


@fault("proxy_accepts_all", "can be reached, with", "a real push proxy refuses it")
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


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_cause_is_named_first(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = in_namespace(case.arrange, tmp_path, monkeypatch)
    verdict = report.verdict
    assert verdict.code == case.code, verdict
    assert case.says in verdict.summary
    assert case.fix in verdict.fix[0]
    assert verdict.status in (Status.FAIL, Status.WARN)


# What is healthy


@healthy
async def everything(net: Internet) -> Report:
    net.page = Page(mode=Mode.TPNS)
    return await net.check()


@healthy
async def every_region_with_a_licence(net: Internet) -> Report:
    net.licence = Licence(hpns=True)
    net.page = Page(mode=Mode.HPNS, region=Region.DE)
    return await net.check()


@healthy
async def the_global_region(net: Internet) -> Report:
    net.page = Page(mode=Mode.HPNS, region=Region.GLOBAL)
    return await net.check("hpns")


@healthy
async def the_test_service_without_a_licence(net: Internet) -> Report:
    net.page, net.licence = Page(mode=Mode.TPNS), Licence(hpns=False)
    return await net.check("tpns")


@healthy
async def a_proxy_for_everything(net: Internet) -> Report:
    net.page = Page(mode=Mode.TPNS)
    net.environment["HTTPS_PROXY"] = f"http://{PROXY}:3128"
    token = urlsplit(net.world.fcm.endpoint)
    net.environment["NO_PROXY"] = token.hostname or ""
    await net.outbound()
    for host in (APPLE, GOOGLE):
        net.names[host] = socket.gaierror(socket.EAI_NONAME, "the proxy alone knows it")
    return await net.check()


@healthy
async def a_proxy_with_a_password(net: Internet) -> Report:
    net.environment["https_proxy"] = f"http://ann:s3cret@{PROXY}:3128"
    await net.outbound(credentials="ann:s3cret")
    return await net.check("apns")


@healthy
async def a_proxy_of_one_target_alone(net: Internet) -> Report:
    with_config(net, "apple", proxy=Secret(f"http://{PROXY}:3128"))
    await net.outbound()
    return await net.check("apns", "fcm")


@healthy
async def a_dead_proxy_that_no_proxy_exempts_from(net: Internet) -> Report:
    net.environment |= {"HTTPS_PROXY": "http://10.0.0.9:1", "NO_PROXY": ".apple.com"}
    return await net.check("apns")


@healthy
async def both_families(net: Internet) -> Report:
    net.names[APPLE] = [APPLE_V6, "17.1.1.1"]
    await net.relay(APPLE_V6, 443, int(net.world.apns.endpoint.rpartition(":")[2]))
    return await net.check("apns")


@healthy
async def an_ipv6_address_without_a_route(net: Internet) -> Report:
    net.names[APPLE] = ["2620:149:ffff::9", "17.1.1.1"]
    return await net.check("apns")


@healthy
async def one_of_several_addresses_is_dead(net: Internet) -> Report:
    net.names[APPLE] = [NOBODY, "17.1.1.1"]
    return await net.check("apns")


@healthy
async def apples_other_port(net: Internet) -> Report:
    await net.relay("17.1.1.1", 2197, int(net.world.apns.endpoint.rpartition(":")[2]))
    await net.close("17.1.1.1")
    with_config(net, "apple", endpoint=f"https://{APPLE}:2197")
    return await net.check("apns")


@healthy
async def a_push_proxy_on_this_host(net: Internet) -> Report:
    net.page = own("http://127.0.0.1:8066")
    await net.answers("127.0.0.1", VERSION, 8066)
    return await net.check("mpns")


@healthy
async def a_push_proxy_on_this_host_in_spite_of_a_proxy(net: Internet) -> Report:
    net.page = own("http://localhost:8066")
    net.environment["HTTP_PROXY"] = "http://10.0.0.9:1"
    net.names["localhost"] = ["127.0.0.1"]
    await net.answers("127.0.0.1", VERSION, 8066)
    return await net.check("mpns")


@healthy
async def a_push_proxy_with_an_authority_of_the_company(net: Internet) -> Report:
    corp = corporate(net)
    trust(net, corp)
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp/path/")
    await net.answers(OWN, VERSION, tls=corp.server_context("push.corp", alpn=()))
    return await net.check("mpns")


@healthy
async def a_push_proxy_whose_authority_is_named(net: Internet) -> Report:
    corp = corporate(net)
    corp.write_root(net.folder / "corp.pem")
    net.network = NetworkSettings(connect_to={}, ca_file=str(net.folder / "corp.pem"))
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.answers(OWN, VERSION, tls=corp.server_context("push.corp", alpn=()))
    return await net.check("mpns", "tpns")


@healthy
async def a_push_proxy_that_throttles(net: Internet) -> Report:
    net.page = own("http://127.0.0.1:8066")

    def say(head: bytes) -> bytes:
        return VERSION if head.startswith(b"GET") else answer("429 Too Many Requests")

    await net.answers("127.0.0.1", say, 8066)
    return await net.check("mpns")


@healthy
async def a_clock_that_is_half_a_minute_off(net: Internet) -> Report:
    await net.fault("clock-ahead:hours=0.008")
    return await net.check("fcm")


@healthy
async def a_clock_of_the_push_proxy_that_says_nothing(net: Internet) -> Report:
    net.page = own("http://127.0.0.1:8066")
    say = VERSION.replace(b"\r\n\r\n", b"\r\ndate: yesterday\r\n\r\n", 1)
    await net.answers("127.0.0.1", lambda head: say if head.startswith(b"GET") else REFUSAL, 8066)
    return await net.check("mpns")


@healthy
async def a_certificate_that_lasts_two_weeks_and_more(net: Internet) -> Report:
    net.names["push.corp"] = [OWN]
    net.page = own("https://push.corp")
    await net.answers(OWN, VERSION, tls=expires_in(ca_of(net), 15, "push.corp"))
    return await net.check("mpns")


@healthy
async def google_knows_the_phone_not(net: Internet) -> Report:
    await net.fault("google-refuses:reason=unregistered")
    return await net.check("fcm")


@healthy
async def a_slow_network(net: Internet) -> Report:
    await net.fault("slow:seconds=0.3")
    return await net.check("apns", "fcm")


@pytest.mark.slow
@pytest.mark.parametrize("arrange", [it for _, it in HEALTHY], ids=[name for name, _ in HEALTHY])
def test_what_is_healthy_raises_no_alarm(
    arrange: Arrange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = in_namespace(arrange, tmp_path, monkeypatch)
    bad = [(check.id, check.message) for check in report.checks if check.status is not Status.PASS]
    assert bad == []
    assert (report.verdict.status, report.verdict.code) == (Status.PASS, "ok")


def test_there_are_many() -> None:
    assert len(CASES) >= 60
    assert len(HEALTHY) >= 20


# Nobody is reached


def _all_that_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: int
) -> tuple[World, list[Report]]:
    async def act(net: Internet) -> tuple[World, list[Report]]:
        net.page = Page(mode=Mode.TPNS)
        pace = Pace(net.folder / "pace.json")
        kept = {"pace": pace, "tokens": net.folder / "tokens.json"}
        return net.world, [await net.check(**kept) for _ in range(runs)]  # type: ignore[arg-type]

    return in_namespace(act, tmp_path, monkeypatch)


@pytest.mark.slow
def test_no_probe_can_reach_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = _all_that_is_sent(tmp_path, monkeypatch, 1)
    assert list(world.phones.received) == []
    assert world.violations == []
    assert NO_DEVICE == "0" * 64
    # Every phone of the stand-ins is another, and whatever is sent to Google is validated only.
    assert not any(phone.token in (NO_DEVICE, NO_PHONE) for phone in world.phones)


@pytest.mark.slow
def test_credentials_are_tried_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, reports = _all_that_is_sent(tmp_path, monkeypatch, 3)
    assert world.fcm.oauth.granted == 1
    tried = [
        [check.message for check in report.checks if check.stage is Stage.CREDENTIAL]
        for report in reports
    ]
    assert all(len(it) == 3 for it in tried)
    assert not any("asked" in message for message in tried[0])
    assert all(re.search(r", asked \d+ s ago$", message) for message in (*tried[1], *tried[2]))
    assert [report.verdict.status for report in reports] == [Status.PASS] * 3
    assert (tmp_path / "pace.json").stat().st_mode & 0o777 == 0o600
    kept = (tmp_path / "pace.json").read_text()
    assert "PRIVATE" not in kept
    assert "eyJ" not in kept
