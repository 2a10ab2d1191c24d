"""Faults of names, connections and outbound proxies."""

import socket

from mmpush_tui.checks.model.report import Report
from mmpush_tui.settings.page import Mode, Page
from tests.checks.internet import (
    APPLE,
    APPLE_V6,
    GOOGLE,
    OWN,
    PROXY,
    TPNS,
    Internet,
)
from tests.checks.lab import CASES, HTML, Case, ca_of, fault, own, with_config
from tests.checks.peers import VERSION

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


@fault(
    "dns_not_apple",
    "an address for api.push.apple.com that is not Apple's",
    "split DNS, DNS filter",
)
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


@fault(
    "tcp_refused", "The way to Mattermost's test push service (TPNS) is refused.", "Allow TCP 443"
)
async def port_443_is_blocked_and_80_open(net: Internet) -> Report:
    (address,) = net.names[TPNS]  # type: ignore[misc] # an address
    await net.close(address)
    await net.answers(address, HTML, 80)
    report = await net.check("tpns")
    assert any("443 alone is blocked" in clause for clause in report.verdict.why)
    return report


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
       "Start the push proxy there, or correct the port in the address")  # fmt: skip
async def no_push_proxy_is_there(net: Internet) -> Report:
    net.page = own(f"http://{OWN}:8000")
    return await net.check("mpns")


@fault("tcp_refused", "Nothing listens at push.corp:8000, the address of the push proxy.",
       "Start the push proxy there, or correct the port in the address")  # fmt: skip
async def one_address_refuses_and_the_other_is_silent(net: Internet) -> Report:
    await net.filter(PROXY, 8000)
    net.names["push.corp"] = [PROXY, OWN]
    net.page = own("http://push.corp:8000")
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
        "the proxy's own DNS, route or firewall")  # fmt: skip
through("unavailable", "proxy_upstream", "cannot reach api.push.apple.com:443 itself",
        "the proxy's own DNS, route or firewall")  # fmt: skip
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
