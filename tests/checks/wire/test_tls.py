"""TLS that fails: the certificate that was shown, who may have signed it, what to change."""

import datetime
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from mmpush_tui.checks.model.report import Report, Stage
from mmpush_tui.checks.model.target import TargetPlan, Whose
from mmpush_tui.configuration.config import NetworkSettings
from mmpush_tui.findings import Severity
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from tests.checks.certificates import self_signed
from tests.checks.peers import (
    NAME,
    VERSION,
    apple,
    checked,
    google,
    hanging_up,
    of,
    only_failure,
    push_proxy,
    server,
    trusting,
)

UNTRUSTED = "is not accepted: unable to get local issuer certificate"
DAY = datetime.timedelta(days=1)


def valid(
    ca: trustme.CA,
    *names: str,
    not_before: datetime.datetime | None = None,
    not_after: datetime.datetime | None = None,
) -> ssl.SSLContext:
    """Return a server's context with a certificate of its own dates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf = ca.issue_cert(*names, not_before=not_before, not_after=not_after)
    leaf.configure_cert(context)
    return context


async def seen(
    plan: TargetPlan, tls: ssl.SSLContext, network: NetworkSettings | None = None
) -> Report:
    """Return what a run says where ``tls`` answers for the host of ``plan``."""
    async with server(VERSION, tls) as it:
        network = network or NetworkSettings(connect_to={}, ca_file="")
        leads = {plan.address: it.address}
        return await checked(
            plan, network=NetworkSettings(connect_to=leads, ca_file=network.ca_file)
        )


# Who signed it


async def test_the_push_proxy_has_a_certificate_of_a_private_authority(ca: ThrowAwayCA) -> None:
    report = await seen(push_proxy(f"https://{NAME}"), ca.server_context(NAME))
    failed = only_failure(report, Stage.TLS)
    assert failed.code == "tls_untrusted"
    assert failed.message == f"the certificate of {NAME} {UNTRUSTED}"
    assert failed.why == ('it is signed by "mmpush-tui simulator"',)
    assert failed.evidence["issuer"] == "mmpush-tui simulator"
    assert failed.evidence["names"] == [NAME]
    assert failed.fix == (
        "Install its authority's certificate, or a self-signed one itself, on the Mattermost "
        "server and restart Mattermost; for this check name it with --ca-file."
    )
    assert failed.see == "network-proxy-certificate"


async def test_the_network_breaks_tls_open(ca: ThrowAwayCA) -> None:
    report = await seen(apple(), ca.server_context("api.push.apple.com"))
    failed = only_failure(report, Stage.TLS)
    assert (failed.code, failed.see) == ("tls_intercepting", "network-tls-untrusted")
    assert failed.fix == (
        "Exempt api.push.apple.com from TLS inspection and content filtering in the firewall."
    )
    assert report.verdict.summary == (
        "The network breaks TLS open on the way to Apple's push service: it shows a certificate by "
        '"mmpush-tui simulator".'
    )
    assert report.verdict.why == [
        failed.message, 'it is signed by "mmpush-tui simulator"',
        "api.push.apple.com itself shows a certificate of a public authority",
    ]  # fmt: skip


async def test_the_network_breaks_all_tls_open(ca: ThrowAwayCA) -> None:
    tls = ca.server_context("api.push.apple.com", "fcm.googleapis.com")
    async with server(VERSION, tls) as it:
        leads = {plan.address: it.address for plan in (apple(), google())}
        network = NetworkSettings(connect_to=leads, ca_file="")
        report = await checked(apple(), google(), network=network)
    assert report.verdict.summary == (
        'The network breaks TLS open: every certificate is signed by "mmpush-tui simulator".'
    )
    assert report.verdict.confidence == "likely"


async def test_the_endpoint_of_a_relay_is_judged_by_its_own_ca_file(
    ca: ThrowAwayCA, tmp_path: Path
) -> None:
    relay = replace(apple("relay.example.com"), whose=Whose.RELAY, who="the endpoint of apple_rn")
    tls = ca.server_context("relay.example.com")
    failed = only_failure(await seen(relay, tls), Stage.TLS)
    assert failed.fix == "Name the authority's certificate in the target's ca_file."
    trusted = replace(relay, ca_file=str(ca.write_root(tmp_path / "relay.pem")))
    report = await seen(trusted, tls)
    assert of(report, Stage.TLS).severity is Severity.PASS


async def test_a_certificate_signed_by_itself(tmp_path: Path) -> None:
    report = await seen(push_proxy(f"https://{NAME}"), self_signed(tmp_path, NAME))
    failed = only_failure(report, Stage.TLS)
    assert failed.code == "tls_self_signed"
    assert failed.message == f"the certificate of {NAME} is not accepted: self-signed certificate"
    assert failed.why == (f'it is signed by "{NAME}"',)
    assert failed.fix == (
        "Install its authority's certificate, or a self-signed one itself, on the Mattermost "
        "server and restart Mattermost; for this check name it with --ca-file."
    )
    assert report.verdict.summary == "The certificate of the push proxy is signed by itself."


async def test_apple_never_shows_a_certificate_signed_by_itself(tmp_path: Path) -> None:
    report = await seen(apple(), self_signed(tmp_path, "api.push.apple.com"))
    failed = only_failure(report, Stage.TLS)
    assert failed.code == "tls_self_signed"
    assert failed.why[-1] == (
        "api.push.apple.com itself never shows such a certificate: something answers in its place"
    )
    assert failed.fix == (
        "Exempt api.push.apple.com from TLS inspection and content filtering in the firewall."
    )


# For whom, and until when


async def test_a_certificate_for_another_name(ca: ThrowAwayCA, tmp_path: Path) -> None:
    tls = ca.server_context("www.example.com", "example.com")
    report = await seen(push_proxy(f"https://{NAME}"), tls, trusting(ca, tmp_path))
    failed = only_failure(report, Stage.TLS)
    assert failed.code == "tls_wrong_name"
    assert failed.message == (
        f"the certificate of {NAME} is not accepted: "
        f"Hostname mismatch, certificate is not valid for '{NAME}'"
    )
    assert failed.why[0] == "it is for www.example.com, example.com"
    assert failed.fix == (
        f"Use a name of the certificate in the address, or renew the certificate for {NAME}, where "
        "the server is your own."
    )
    assert failed.see == "network-tls-name"


async def test_a_certificate_for_a_name_and_not_for_the_address(
    ca: ThrowAwayCA, tmp_path: Path
) -> None:
    async with server(VERSION, ca.server_context(NAME)) as it:
        report = await checked(push_proxy(f"https://{it.address}"), network=trusting(ca, tmp_path))
    failed = only_failure(report, Stage.TLS)
    assert failed.code == "tls_wrong_name"
    assert failed.why[0] == f"it is for {NAME}"


async def test_a_worker_with_a_certificate_for_its_public_name(
    ca: ThrowAwayCA, tmp_path: Path
) -> None:
    async with server(VERSION, ca.server_context(NAME)) as it:
        plan = push_proxy(f"https://{it.address}", target="worker")
        report = await checked(plan, network=trusting(ca, tmp_path))
        other = await checked(plan)
    assert report.verdict.severity is Severity.PASS
    assert f'certificate of "{NAME}"' in of(report, Stage.TLS).message
    assert only_failure(other, Stage.TLS).code == "tls_untrusted"


async def test_somebody_else_answers_for_apple(ca: ThrowAwayCA, tmp_path: Path) -> None:
    report = await seen(apple(), ca.server_context("portal.hotel.example"), trusting(ca, tmp_path))
    failed = only_failure(report, Stage.TLS)
    assert failed.code == "tls_wrong_name"
    assert failed.fix == (
        "Compare `getent hosts api.push.apple.com` here and on another network. Other addresses "
        "mean a name server that lies or a captive portal, the same ones a firewall: exempt "
        "api.push.apple.com there."
    )


@pytest.mark.parametrize(
    ("dates", "code", "words", "own_fix"),
    [
        (
            lambda now: {"not_after": now - 30 * DAY},
            "tls_expired",
            "certificate has expired",
            f"Renew the certificate of {NAME}:443, and reload what serves it.",
        ),
        (
            lambda now: {"not_before": now + 2 * DAY, "not_after": now + 30 * DAY},
            "tls_not_yet_valid",
            "certificate is not yet valid",
            "Set this host's clock: `timedatectl set-ntp true`. `timedatectl` must then say "
            '"System clock synchronized: yes".',
        ),
    ],
    ids=["expired", "not yet valid"],
)
async def test_a_certificate_out_of_its_time(
    tmp_path: Path,
    dates: Callable[[datetime.datetime], dict[str, datetime.datetime]],
    code: str,
    words: str,
    own_fix: str,
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "root.pem")
    network = NetworkSettings(connect_to={}, ca_file=str(tmp_path / "root.pem"))
    when = dates(datetime.datetime.now(datetime.UTC))
    report = await seen(push_proxy(f"https://{NAME}"), valid(authority, NAME, **when), network)
    failed = only_failure(report, Stage.TLS)
    assert failed.code == code
    assert failed.message == f"the certificate of {NAME} is not accepted: {words}"
    assert failed.why[0].startswith("it is valid from ")
    assert failed.fix == own_fix
    assert failed.see == "network-tls-expired"


async def test_all_certificates_out_of_their_time_are_the_clock(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "root.pem")
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    tls = valid(authority, "api.push.apple.com", "fcm.googleapis.com", not_after=past)
    async with server(VERSION, tls) as it:
        leads = {plan.address: it.address for plan in (apple(), google())}
        network = NetworkSettings(connect_to=leads, ca_file=str(tmp_path / "root.pem"))
        report = await checked(apple(), google(), network=network)
    assert report.verdict.summary == (
        "This host's clock is wrong, or the certificates outside are not the real ones."
    )
    assert report.verdict.fix[0].startswith("Set this host's clock: ")


@pytest.mark.parametrize(("days", "status"), [(13.5, Severity.WARN), (14.5, Severity.PASS)])
async def test_a_certificate_that_ends_soon_is_a_warning(
    tmp_path: Path, days: float, status: Severity
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "root.pem")
    network = NetworkSettings(connect_to={}, ca_file=str(tmp_path / "root.pem"))
    until = datetime.datetime.now(datetime.UTC) + days * DAY
    tls = valid(authority, NAME, not_after=until)
    report = await seen(push_proxy(f"https://{NAME}"), tls, network)
    found = of(report, Stage.TLS)
    assert found.severity is status
    assert found.evidence["days_left"] == int(days)
    assert of(report, Stage.APP).severity is Severity.PASS
    assert report.exit_code == 0
    assert report.verdict.severity is status
    if status is Severity.WARN:
        assert found.code == "tls_expiring"
        assert found.message.endswith("expires in 13 days")
        assert found.fix == f"Renew the certificate of {NAME}:443, and reload what serves it."
        assert found.why == (f"its last day is {until:%Y-%m-%d}",)
        assert report.verdict.summary == (
            "Everything that was checked can be reached, with one warning: The certificate of "
            "push.example.com expires soon."
        )
        assert report.verdict.why == [f"tls:mpns: {found.message}"]
        assert report.verdict.check == "tls:mpns"


# No TLS at all


@pytest.mark.parametrize("is_patient", [False, True])
async def test_https_to_a_plain_port(is_patient: bool) -> None:
    async with server(VERSION, is_patient=is_patient) as it:
        plan = push_proxy(f"https://{it.address}/some/path")
        report = await checked(plan, step_s=2.0 if is_patient else 20.0)
    failed = only_failure(report, Stage.TLS)
    assert failed.code == "tls_plain_http"
    assert failed.message == f"{it.address} speaks plain HTTP, not HTTPS"
    assert failed.fix == f"Change the address to http://{it.address}/PATH"
    assert failed.see == "settings-http-or-https"
    assert report.verdict.summary == (
        f"The address says https, and {it.address} speaks plain HTTP."
    )
    assert it.heads[-1].startswith(b"GET / HTTP/1.1\r\nhost: ")


async def test_plain_http_where_apple_speaks_tls() -> None:
    async with server(b"HTTP/1.1 302 Found\r\nlocation: http://portal/\r\n\r\n") as it:
        network = NetworkSettings(connect_to={apple().address: it.address}, ca_file="")
        failed = only_failure(await checked(apple(), network=network), Stage.TLS)
    assert failed.code == "tls_plain_http"
    assert failed.fix == (
        "Find out what answers at api.push.apple.com:443, a captive portal or an outbound proxy, "
        "and let this host pass it."
    )
    assert all(NAME.encode() not in head and b"/3/device" not in head for head in it.heads)


async def test_tls_that_is_broken_off() -> None:
    async with hanging_up() as address:
        network = NetworkSettings(connect_to={apple().address: address}, ca_file="")
        failed = only_failure(await checked(apple(), network=network), Stage.TLS)
    assert failed.code == "tls_closed"
    assert failed.message == "api.push.apple.com:443 broke off TLS"
    assert failed.fix == (
        "Allow api.push.apple.com by name in the firewall's filter of TLS names (SNI), not by "
        "address alone."
    )


async def test_tls_that_is_never_answered(mute_port: int) -> None:
    report = await checked(push_proxy(f"https://127.0.0.1:{mute_port}"), step_s=0.3)
    failed = only_failure(report, Stage.TLS)
    assert failed.code == "tls_timeout"
    assert failed.message == f"127.0.0.1:{mute_port} did not answer (tls) within 0.3 s"
    assert failed.fix == (
        f"See how far TLS gets: `openssl s_client -connect 127.0.0.1:{mute_port} </dev/null`."
    )
    assert report.verdict.summary == (
        f"127.0.0.1:{mute_port} takes the connection and then says nothing."
    )
