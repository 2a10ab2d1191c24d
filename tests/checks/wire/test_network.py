"""Names and connections that fail: the stage, the code, the sentence, the fix."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohappyeyeballs import AddrInfoType

from mmpush_tui.checks.model.failures import finding_at
from mmpush_tui.checks.model.report import Stage
from mmpush_tui.checks.model.target import Whose
from mmpush_tui.configuration.config import NetworkSettings
from mmpush_tui.findings import Finding, Severity
from tests.checks.peers import (
    NAME,
    VERSION,
    answer,
    apple,
    checked,
    google,
    of,
    only_failure,
    push_proxy,
    server,
)

# The resolver itself refuses a leading hyphen, whatever name servers there are.
NOWHERE = "-nowhere.invalid"


def led(plan_host: str, address: str, port: int = 443) -> NetworkSettings:
    return NetworkSettings(connect_to={f"{plan_host}:{port}": address}, ca_file="")


# Names


async def test_a_name_that_does_not_exist() -> None:
    failed = only_failure(await checked(push_proxy(f"http://{NOWHERE}:8066")), Stage.DNS)
    assert failed.code == "dns_unknown"
    assert failed.message == f"the name {NOWHERE} does not exist"
    assert failed.fix == (
        f"Correct the name where it is entered, or enter {NOWHERE} in your DNS where it is your "
        "own."
    )
    assert failed.see == "network-dns"


async def test_a_name_outside_that_does_not_exist() -> None:
    report = await checked(apple(), network=led("api.push.apple.com", f"{NOWHERE}:443"))
    failed = only_failure(report, Stage.DNS)
    assert failed.fix == (
        f"Give this host a name server that knows {NOWHERE} (/etc/resolv.conf): "
        f"`getent hosts {NOWHERE}` must print an address."
    )
    assert report.verdict.summary == f"The name {NOWHERE} does not exist for this host."
    assert report.verdict.confidence == "likely"


async def test_a_name_that_is_none() -> None:
    failed = only_failure(await checked(push_proxy("http://a..b:8066")), Stage.DNS)
    assert (failed.code, failed.message) == ("dns_failed", "the name a..b cannot be resolved")
    assert failed.fix == (
        "Give this host a name server that knows a..b (/etc/resolv.conf): `getent hosts a..b` must "
        "print an address."
    )


async def test_name_servers_that_do_not_answer() -> None:
    async def never(_host: str, _port: int) -> Sequence[AddrInfoType]:
        await asyncio.Event().wait()
        return []

    failed = only_failure(await checked(apple(), lookup=never, step_s=0.05), Stage.DNS)
    assert failed.code == "dns_timeout"
    assert failed.message == "no name server answered within 0.1 s"
    assert failed.fix == (
        "Allow UDP and TCP 53 from this host to the name servers in /etc/resolv.conf."
    )


async def test_an_address_needs_no_name_server(closed_port: int) -> None:
    report = await checked(push_proxy(f"http://127.0.0.1:{closed_port}"))
    assert of(report, Stage.DNS).message == "127.0.0.1 is an address already"


async def test_a_name_is_looked_up(closed_port: int) -> None:
    dns = of(await checked(push_proxy(f"http://localhost:{closed_port}")), Stage.DNS)
    assert dns.severity is Severity.PASS
    assert dns.evidence["name"] == "localhost"
    assert "127.0.0.1" in dns.evidence["addresses"]


async def test_several_names_that_fail_are_one_cause() -> None:
    network = NetworkSettings(
        connect_to={
            "api.push.apple.com:443": f"{NOWHERE}:443",
            "fcm.googleapis.com:443": f"{NOWHERE}:443",
        },
        ca_file="",
    )
    report = await checked(apple(), google(), network=network)
    assert report.verdict.summary == "This host cannot resolve names outside."
    assert report.verdict.check == "dns:apns/apple_rn"
    assert report.verdict.why == [
        f"dns:apns/apple_rn: the name {NOWHERE} does not exist",
        f"dns:fcm/android_rn: the name {NOWHERE} does not exist",
    ]
    assert len(report.verdict.fix) == 1


# TCP


async def test_nobody_listens_at_the_push_proxy(closed_port: int) -> None:
    failed = only_failure(await checked(push_proxy(f"http://127.0.0.1:{closed_port}")), Stage.TCP)
    assert failed.code == "tcp_refused"
    assert failed.message == f"127.0.0.1:{closed_port} refused the connection"
    assert failed.why == ("its host answers, and the port is closed",)
    assert failed.fix == (
        "Start the push proxy there, or correct the port in the address: `ss -ltnp` on its host "
        "shows what listens."
    )
    assert failed.see == "proxy-connection-refused"


async def test_a_firewall_refuses_the_way_to_apple(closed_port: int) -> None:
    network = led("api.push.apple.com", f"127.0.0.1:{closed_port}")
    report = await checked(apple(), network=network)
    failed = only_failure(report, Stage.TCP)
    assert failed.code == "tcp_refused"
    assert failed.fix == "Allow TCP 443 from this host to api.push.apple.com in the firewall."
    assert failed.see == "network-upstream-blocked"
    assert report.verdict.summary == "The way to Apple's push service is refused."


async def test_a_hosted_service_is_refused(closed_port: int) -> None:
    plan = push_proxy(f"https://127.0.0.1:{closed_port}", Whose.HOSTED, target="tpns")
    failed = only_failure(await checked(plan), Stage.TCP)
    assert failed.see == "network-proxy-unreachable"
    assert failed.fix == f"Allow TCP {closed_port} from this host to 127.0.0.1 in the firewall."


async def test_packets_are_dropped(full_port: int) -> None:
    network = led("api.push.apple.com", f"127.0.0.1:{full_port}")
    report = await checked(apple(), network=network, step_s=0.3)
    failed = only_failure(report, Stage.TCP)
    assert failed.code == "tcp_timeout"
    assert failed.message == "api.push.apple.com:443 did not answer (tcp) within 0.3 s"
    assert failed.why == (
        "not even a refusal came back: a firewall drops the packets, or the address is dead",
    )
    assert failed.fix == "Allow TCP 443 from this host to api.push.apple.com in the firewall."
    assert report.verdict.confidence == "likely"


async def test_there_is_no_route() -> None:
    # Nobody can connect to a multicast address, on any host.
    report = await checked(apple(), network=led("api.push.apple.com", "224.0.0.1:443"))
    failed = only_failure(report, Stage.TCP)
    assert (failed.code, failed.message) == (
        "tcp_unreachable",
        "there is no route to 224.0.0.1:443",
    )
    assert failed.fix == (
        "Give this host a route there: `ip route get ADDRESS` shows what is missing."
    )


# 8066 and 8086


def proxy_at(port: int, closed_port: int, other: str) -> tuple[str, NetworkSettings]:
    """Return an address whose port is closed, and the network where the other port leads on."""
    connect_to = {
        f"{NAME}:{port}": f"127.0.0.1:{closed_port}",
        f"{NAME}:{8066 if port == 8086 else 8086}": other,
    }
    return f"http://{NAME}:{port}", NetworkSettings(connect_to=connect_to, ca_file="")


@pytest.mark.parametrize(("port", "other"), [(8086, 8066), (8066, 8086)])
async def test_the_push_proxy_listens_on_the_other_usual_port(
    closed_port: int, port: int, other: int
) -> None:
    async with server(VERSION) as it:
        url, network = proxy_at(port, closed_port, it.address)
        report = await checked(push_proxy(url), network=network)
    failed = only_failure(report, Stage.TCP)
    assert failed.code == "tcp_other_port"
    assert failed.message == f"{NAME}:{port} refused the connection"
    assert failed.why == (f"a push proxy answers on port {other}",)
    assert failed.fix == f"Change the address to http://{NAME}:{other}"
    assert failed.see == "proxy-connection-refused"
    assert report.verdict.summary == (
        f"The push proxy listens on port {other}, and the address says {port}."
    )


async def test_something_else_on_the_other_port_is_no_push_proxy(closed_port: int) -> None:
    async with server(answer("200 OK", b"<html>Mattermost</html>")) as it:
        url, network = proxy_at(8086, closed_port, it.address)
        failed = only_failure(await checked(push_proxy(url), network=network), Stage.TCP)
    assert failed.code == "tcp_refused"
    assert failed.why[0] == "no push proxy answers on port 8066 either"


async def test_nothing_on_the_other_port_either(closed_port: int) -> None:
    url, network = proxy_at(8066, closed_port, f"127.0.0.1:{closed_port}")
    failed = only_failure(await checked(push_proxy(url), network=network), Stage.TCP)
    assert failed.code == "tcp_refused"
    assert failed.why[0] == "no push proxy answers on port 8086 either"


async def test_other_peoples_ports_are_not_tried(closed_port: int) -> None:
    async with server(VERSION) as it:
        url, network = proxy_at(8086, closed_port, it.address)
        plan = push_proxy(url, Whose.HOSTED)
        failed = only_failure(await checked(plan, network=network), Stage.TCP)
        assert it.heads == []
    assert failed.code == "tcp_refused"


# Files


async def test_a_target_whose_ca_file_is_bad_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nothing")
    plan = apple(ca_file=str(tmp_path / "bad.pem"))
    report = await checked(plan, network=led("api.push.apple.com", "127.0.0.1:1"))
    failed = only_failure(report, Stage.CONFIG)
    assert failed.code == "ca_file"
    assert failed.message == f"CA file {tmp_path}/bad.pem: holds no readable certificate"
    assert failed.fix == (
        "Correct ca_file in the configuration: it names the certificates of authorities, as PEM."
    )


async def test_a_target_whose_credential_is_bad_is_still_reached() -> None:
    bad = Finding(
        severity=Severity.FAIL, code="apple-key-invalid", message="no key", fix="Mend it."
    )
    async with server(VERSION) as it:
        plan = push_proxy(f"http://{it.address}", config=bad)
        report = await checked(plan)
    config = of(report, Stage.CONFIG)
    assert (config.severity, config.code, config.fix) == (
        Severity.FAIL, "apple-key-invalid", "Mend it.",
    )  # fmt: skip
    assert of(report, Stage.APP).severity is Severity.PASS
    assert report.verdict.check == config.id
    assert report.exit_code == 1


async def test_a_target_without_an_address_is_not_asked() -> None:
    flaw = finding_at(push_proxy(""), "url_invalid", "the address is empty")
    report = await checked(push_proxy("", config=flaw))
    assert [check.id for check in report.checks] == ["config:mpns"]
    assert report.checks[0].address == ""
    assert report.verdict.summary == "The push proxy's address in Mattermost is no address."
