"""What works, in all its kinds."""

import socket
from urllib.parse import urlsplit

from mmpush_tui.checks.model.report import Report
from mmpush_tui.configuration.config import NetworkSettings
from mmpush_tui.settings.page import Licence, Mode, Page
from mmpush_tui.settings.urls import Region
from mmpush_tui.text import Secret
from tests.checks.certificates import expires_in
from tests.checks.internet import (
    APPLE,
    APPLE_V6,
    GOOGLE,
    NOBODY,
    OWN,
    PROXY,
    Internet,
)
from tests.checks.lab import (
    ca_of,
    corporate,
    healthy,
    own,
    trust,
    with_certificate,
    with_config,
)
from tests.checks.peers import REFUSAL, VERSION, answer
from tests.standins.apple_certificate import AppleCertificate

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
async def a_certificate_instead_of_a_key(net: Internet) -> Report:
    with_certificate(net, AppleCertificate.make(ca_of(net)))
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
