"""Peers that say what nobody expects: none of it may end the run, or lead to a wrong word."""

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiohappyeyeballs import AddrInfoType
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mmpush_tui.checks.model.report import Stage
from mmpush_tui.checks.model.target import Whose
from mmpush_tui.checks.plan.plan import PlanContext, plan_targets
from mmpush_tui.checks.wire import addresses as names
from mmpush_tui.checks.wire import certificate, chain, clock
from mmpush_tui.configuration.config import NetworkSettings
from mmpush_tui.findings import Severity
from mmpush_tui.http2.connect import Lookup
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.net.connect_proxy import ConnectProxy
from tests.checks.peers import (
    NAME,
    TIMEOUT_S,
    VERSION,
    answer,
    checked,
    of,
    push_proxy,
    server,
    trusting,
)

# Certificates


def _signed() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(5)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
    )
    made = builder.sign(key, hashes.SHA256())
    return key, made.public_bytes(serialization.Encoding.DER)


# What is changed in the certificate's DER, and into what.
BROKEN = {
    "version": (bytes.fromhex("a003020102"), bytes.fromhex("a003020104")),
    "extension-twice": (bytes.fromhex("0603551d13"), bytes.fromhex("0603551d11")),
    "name-of-x400": (b"\x82\x10push", b"\xa3\x10push"),
    "name-not-utf8": (b"\x0c\x10push", b"\x0c\x10\xff\xfesh"),
    "name-no-text": (b"\x0c\x10push", b"\x02\x10push"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_certificate_that_no_library_should_be_asked_about(how: str) -> None:
    _, good = _signed()
    der = good.replace(*BROKEN[how])
    assert der != good
    certificate.facts(der, dt.datetime.now(dt.UTC))
    links = [it for it in (certificate.loaded(der),) if it is not None]
    chain.names(links)
    assert not any(look(links) for look in (chain.is_publicly_issued, chain.lacks_intermediate))


# Those that OpenSSL itself takes.
@pytest.mark.parametrize("how", ["version", "name-of-x400"])
async def test_a_broken_certificate_is_one_that_is_not_trusted(how: str, tmp_path: Path) -> None:
    key, good = _signed()
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + ssl.DER_cert_to_PEM_cert(good.replace(*BROKEN[how])).encode()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    async with server(VERSION, context) as it:
        report = await checked(push_proxy(f"https://{it.address}"))
    assert report.verdict.code == "tls_self_signed"


# Answers


async def test_json_nested_beyond_measure() -> None:
    body = b'{"version":"6.5.0","product":' + b"[" * 900 + b"]" * 900 + b"}"
    async with server(answer("200 OK", body)) as it:
        report = await checked(push_proxy(f"http://{it.address}", Whose.HOSTED))
    assert of(report, Stage.APP).evidence["product"] == [[[[[["…"]]]]]]


@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000", ""])
def test_a_date_is_never_in_this_hosts_own_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.UTC).timestamp()
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        try:
            assert clock.skew(f"Mon, 04 May 2026 03:02:01 {zone}", now) == 0.0
        finally:
            patch.undo()
            time.tzset()


@contextlib.asynccontextmanager
async def _resetting() -> AsyncIterator[int]:
    """Take each connection and break it off at once; yields the port."""

    def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def _both(*addresses: str) -> Lookup:
    async def lookup(_host: str, port: int) -> Sequence[AddrInfoType]:
        return [
            info
            for address in addresses
            for info in socket.getaddrinfo(
                address, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
            )
        ]

    return lookup


async def test_a_connection_that_is_reset_while_others_are_waited_for() -> None:
    async with _resetting() as port:
        with contextlib.ExitStack() as stack:
            # A second address that is silent, so that the first is held a moment.
            sock = stack.enter_context(socket.socket())
            sock.bind(("127.0.0.2", port))
            sock.listen(0)
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(sock.getsockname())
            report = await checked(
                push_proxy(f"http://{NAME}:{port}"),
                lookup=_both("127.0.0.1", "127.0.0.2"),
                step_s=2.0,
            )
    assert of(report, Stage.TCP).evidence["peer"] == f"127.0.0.1:{port}"
    assert of(report, Stage.APP).code == "closed"


# Names and addresses


@pytest.mark.parametrize("host", [".example.com", "push..example.com", f"{'a' * 64}.example.com"])
async def test_a_name_that_only_a_proxy_takes(host: str) -> None:
    async with server(VERSION) as it, ConnectProxy("") as proxy:
        proxy.leads = {f"{host}:443": it.address}
        around = PlanContext(environment={"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"})
        report = await checked(*plan_targets(None, None, (f"https://{host}",), around=around))
    assert of(report, Stage.TLS).severity is Severity.FAIL
    assert of(report, Stage.PROXY).severity is Severity.PASS


async def test_a_dot_at_the_end_of_a_name_is_in_no_certificate(
    ca: ThrowAwayCA, tmp_path: Path
) -> None:
    async with server(VERSION, ca.server_context(NAME, alpn=["http/1.1"])) as it:
        network = NetworkSettings(
            connect_to={f"{NAME}.:443": it.address}, ca_file=trusting(ca, tmp_path).ca_file
        )
        report = await checked(*plan_targets(None, None, (f"https://{NAME}.",)), network=network)
    assert report.verdict.code == "ok"


@pytest.mark.parametrize("source", ["127.0.0.1", "::1"])
async def test_from_one_family_the_other_is_not_dead(source: str) -> None:
    async with server(VERSION) as it:
        six = socket.create_server(("::1", it.port), family=socket.AF_INET6)
        with six:
            target = push_proxy(f"http://{NAME}:{it.port}", source=source)
            report = await checked(target, lookup=_both("::1", "127.0.0.1"), step_s=1.0)
    reached = of(report, Stage.TCP)
    assert (reached.severity, reached.code) == (Severity.PASS, "ok")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("64:ff9b::1101:101", ""),  # NAT64: 17.1.1.1
        ("::ffff:17.1.1.1", ""),
        ("64:ff9b::808:404", "dns_not_apple"),
        ("64:ff9b::a00:1", "dns_private"),
    ],
)
def test_an_address_that_stands_for_one_of_ipv4(address: str, code: str) -> None:
    found = names.odd("api.push.apple.com", [address])
    assert (found[0] if found else "") == code


def test_two_addresses_of_one_host_are_two_targets() -> None:
    found = plan_targets(None, None, ("http://h:8066/a", "http://h:8066/b", "http://h:8066/a"))
    assert [(it.target, it.path) for it in found] == [("h:8066", "/a"), ("h:8066#2", "/b")]


# Proxy variables, as Go reads them for Mattermost


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({"HTTP_PROXY": "http://10.0.0.9"}, "10.0.0.9:80"),
        ({"HTTP_PROXY": "10.0.0.9:3128", "NO_PROXY": NAME, "no_proxy": "other"}, "None"),
        ({"HTTP_PROXY": "10.0.0.9:3128", "NO_PROXY": "other", "no_proxy": NAME}, "10.0.0.9:3128"),
        ({"HTTP_PROXY": "http://us\udcffer:pass@10.0.0.9:3128"}, "10.0.0.9:3128"),
    ],
)
def test_a_variable_is_read_as_mattermost_does(environment: dict[str, str], proxy: str) -> None:
    (target,) = plan_targets(
        None, None, (f"http://{NAME}",), around=PlanContext(environment=environment)
    )
    assert str(target.proxy) == proxy


async def test_a_proxy_that_only_mattermost_speaks_to_is_no_failure() -> None:
    environment = {"HTTPS_PROXY": "socks5://user:hidden@10.0.0.9:1080"}
    around = PlanContext(environment=environment)
    (target,) = plan_targets(None, None, (f"https://{NAME}",), around=around)
    report = await checked(target)
    assert (report.verdict.severity, report.verdict.code) == (Severity.WARN, "proxy_unseen")
    assert report.verdict.summary == (
        "The outbound proxy on the way to the push proxy speaks what these checks do not: nothing "
        "behind it was looked at."
    )
    assert report.verdict.fix == [
        "Nothing where pushes arrive. To have this hop checked, name an http:// proxy in "
        "HTTPS_PROXY."
    ]
    assert "HTTPS_PROXY names a socks5:// proxy" in report.verdict.why[0]
    assert "hidden" not in str(report)


@pytest.mark.parametrize("spare", ["socks5://10.0.0.9:1080", "ftp://10.0.0.9", "http://"])
def test_a_variable_that_mattermost_passes_over_stops_nothing(spare: str) -> None:
    for variable in ("HTTPS_PROXY", "ALL_PROXY"):
        around = PlanContext(environment={variable: spare})
        (target,) = plan_targets(None, None, (f"http://{NAME}",), around=around)
        assert (target.config, target.is_blocked, target.spare_proxy) == (None, False, None)


# Time


async def test_second_looks_keep_to_the_time_of_the_run() -> None:
    is_over = asyncio.Event()
    looks = 0

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal looks
        looks += 1
        # The first is hung up on, and whoever looks again is kept waiting.
        if looks > 1:
            await is_over.wait()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        target = push_proxy(f"https://{address}", Whose.HOSTED)
        # A second look may take half a step, and this run is over long before that.
        report = await checked(target, deadline_s=3.0, step_s=10 * TIMEOUT_S)
    finally:
        is_over.set()
        listening.close()
    assert looks > 1
    assert report.verdict.code == "tls_closed"
