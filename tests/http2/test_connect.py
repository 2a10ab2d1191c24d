import asyncio
import contextlib
import datetime
import errno
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from mmpush_tui.errors import ConfigError
from mmpush_tui.http2.channel import Channel
from mmpush_tui.http2.connect import (
    Endpoint,
    Route,
    client_context,
    connect,
    in_seconds,
    tcp_error,
)
from mmpush_tui.http2.errors import ConnectError
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from tests.http2.scripted import TIMEOUT_S, ScriptedServer, push

NAME = "api.push.example.com"
# TLS record, fatal alert: no_application_protocol (RFC 7301).
NO_APPLICATION_PROTOCOL = bytes([21, 3, 3, 0, 2, 2, 120])


async def failure(route: Route, timeout_s: float = TIMEOUT_S) -> ConnectError:
    """Return why there is no connection."""
    async with asyncio.timeout(TIMEOUT_S * 2):
        with pytest.raises(ConnectError) as caught:
            await connect(route, timeout_s)
    return caught.value


def facts(error: ConnectError) -> tuple[str, str, str]:
    return error.stage, error.code, str(error)


@contextlib.asynccontextmanager
async def plain_server(
    act: Callable[[asyncio.StreamWriter], None],
) -> AsyncIterator[int]:
    """Serve TCP where ``act`` is all that happens on a connection."""

    def accepted(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        act(writer)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        async with asyncio.timeout(TIMEOUT_S):
            await server.wait_closed()


# The whole way


async def test_connects_with_http2_agreed_on(server: ScriptedServer) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        channel = await connect(server.route, TIMEOUT_S)
        assert channel.tls.selected_alpn_protocol() == "h2"
        channel.abort()


async def test_connect_to_leads_elsewhere_and_keeps_name_and_certificate(ca: ThrowAwayCA) -> None:
    async with ScriptedServer(ca, ca.server_context(NAME)).running() as server:
        there = {f"{NAME}:443": f"127.0.0.1:{server.port}", "other.example.com:443": "127.0.0.1:1"}
        server.route_of(Endpoint(NAME), there)
        async with server.session() as session:
            answer = session.ask()
            asked = await session.peer.request()
            assert asked.header(":authority") == NAME
            session.peer.answer(asked.stream_id)
            assert (await answer).status == 200


async def test_connect_to_is_for_its_own_port_only(ca: ThrowAwayCA, closed_port: int) -> None:
    route = Route(
        Endpoint("127.0.0.1", closed_port), ca.client_context(), {"127.0.0.1:443": "127.0.0.1:1"}
    )
    assert str(await failure(route)) == f"127.0.0.1:{closed_port} refused the connection"


async def test_an_ipv6_literal_is_reached_and_verified(ca: ThrowAwayCA) -> None:
    async with ScriptedServer(ca).running("::1") as server, server.session() as session:
        answer = session.ask()
        asked = await session.peer.request()
        assert asked.header(":authority") == f"[::1]:{server.port}"
        session.peer.answer(asked.stream_id)
        assert (await answer).status == 200


async def test_connect_to_takes_an_ipv6_literal(ca: ThrowAwayCA) -> None:
    async with ScriptedServer(ca, ca.server_context(NAME)).running("::1") as server:
        server.route_of(Endpoint(NAME, 2197), {f"{NAME}:2197": f"[::1]:{server.port}"})
        async with server.session() as session:
            answer = session.ask(push(b""))
            asked = await session.peer.request()
            assert asked.header(":authority") == f"{NAME}:2197"
            session.peer.answer(asked.stream_id)
            assert (await answer).status == 200


# DNS


@pytest.mark.parametrize(
    ("host", "code", "sentence"),
    [
        # The resolver itself refuses a leading hyphen, whatever DNS there is.
        ("-nowhere.invalid", "dns_unknown", "the name -nowhere.invalid does not exist"),
        ("a..b", "dns_failed", "the name a..b cannot be resolved"),
    ],
)
async def test_a_name_that_does_not_resolve(
    ca: ThrowAwayCA, host: str, code: str, sentence: str
) -> None:
    route = Route(Endpoint(NAME), ca.client_context(), {f"{NAME}:443": f"{host}:443"})
    assert facts(await failure(route)) == ("dns", code, sentence)


# TCP


async def test_nobody_listens(ca: ThrowAwayCA, closed_port: int) -> None:
    route = Route(Endpoint("127.0.0.1", closed_port), ca.client_context())
    sentence = f"127.0.0.1:{closed_port} refused the connection"
    assert facts(await failure(route)) == ("tcp", "tcp_refused", sentence)


async def test_nobody_listens_on_any_address_of_a_name(ca: ThrowAwayCA, closed_port: int) -> None:
    route = Route(Endpoint("localhost", closed_port), ca.client_context())
    sentence = f"localhost:{closed_port} refused the connection"
    assert facts(await failure(route)) == ("tcp", "tcp_refused", sentence)


@pytest.mark.parametrize(
    ("target", "shown"), [("224.0.0.1:443", "224.0.0.1:443"), ("[ff02::1]:443", "[ff02::1]:443")]
)
async def test_no_route(ca: ThrowAwayCA, target: str, shown: str) -> None:
    # Nobody can connect to a multicast address, on any host.
    route = Route(Endpoint(NAME), ca.client_context(), {f"{NAME}:443": target})
    sentence = f"there is no route to {shown}"
    assert facts(await failure(route)) == ("tcp", "tcp_unreachable", sentence)


async def test_tcp_is_never_answered(ca: ThrowAwayCA, full_port: int) -> None:
    route = Route(Endpoint("127.0.0.1", full_port), ca.client_context())
    sentence = f"127.0.0.1:{full_port} did not answer (tcp) within 0.5 s"
    assert facts(await failure(route, 0.5)) == ("tcp", "tcp_timeout", sentence)


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (
            OSError(
                "Multiple exceptions: [Errno 101] Network is unreachable, "
                "[Errno 111] Connect call failed ('192.0.2.1', 443)"
            ),
            "tcp_refused",
            "a.example:443 refused the connection",
        ),
        (
            OSError(
                "Multiple exceptions: [Errno 101] Network is unreachable, [Errno 113] No route"
            ),
            "tcp_unreachable",
            "there is no route to a.example:443",
        ),
        (
            OSError("Multiple exceptions: [Errno 101] Network is unreachable, [Errno 110] x"),
            "tcp_failed",
            "no connection to a.example:443: Connection timed out",
        ),
        (
            OSError(errno.ETIMEDOUT, "Connect call failed ('192.0.2.1', 443)"),
            "tcp_failed",
            "no connection to a.example:443: Connection timed out",
        ),
        (RuntimeError("odd"), "tcp_failed", "no connection to a.example:443: odd"),
    ],
)
async def test_what_failed_addresses_mean_together(
    error: OSError | RuntimeError, code: str, sentence: str
) -> None:
    assert facts(tcp_error(Endpoint("a.example"), error)) == ("tcp", code, sentence)


# TLS


async def test_tls_is_never_answered(ca: ThrowAwayCA, mute_port: int) -> None:
    route = Route(Endpoint("127.0.0.1", mute_port), ca.client_context())
    sentence = f"127.0.0.1:{mute_port} did not answer (tls) within 0.5 s"
    assert facts(await failure(route, 0.5)) == ("tls", "tls_timeout", sentence)


@pytest.mark.parametrize("turns", range(8))
async def test_a_caller_who_gives_up_leaves_nothing_behind(ca: ThrowAwayCA, turns: int) -> None:
    accepted = asyncio.Event()
    async with plain_server(lambda _writer: accepted.set()) as port:
        route = Route(Endpoint("127.0.0.1", port), ca.client_context())
        async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as group:
            task = group.create_task(connect(route, TIMEOUT_S))
            await accepted.wait()
            # Each number of turns is another place on the way to TLS to be interrupted at.
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
        assert task.cancelled()


async def test_an_authority_that_nobody_knows(server: ScriptedServer) -> None:
    route = replace(server.route, tls=ThrowAwayCA().client_context())
    sentence = (
        "the certificate of 127.0.0.1 is not accepted: unable to get local issuer certificate"
    )
    assert facts(await failure(route)) == ("tls", "tls_untrusted", sentence)


async def test_a_certificate_for_another_name(ca: ThrowAwayCA) -> None:
    async with ScriptedServer(ca, ca.server_context("other.example.com")).running() as server:
        target = f"127.0.0.1:{server.port}"
        route = Route(Endpoint(NAME), ca.client_context(), {f"{NAME}:443": target})
        sentence = (
            f"the certificate of {NAME} is not accepted: "
            f"Hostname mismatch, certificate is not valid for '{NAME}'"
        )
        assert facts(await failure(route)) == ("tls", "tls_untrusted", sentence)


async def test_an_expired_certificate(ca: ThrowAwayCA) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    authority.issue_cert("127.0.0.1", not_after=past).configure_cert(tls)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with ScriptedServer(ca, tls).running() as server:
        error = await failure(replace(server.route, tls=trusting))
    sentence = "the certificate of 127.0.0.1 is not accepted: certificate has expired"
    assert facts(error) == ("tls", "tls_untrusted", sentence)


@pytest.mark.parametrize("reset", [False, True])
async def test_tls_is_broken_off(ca: ThrowAwayCA, reset: bool) -> None:
    def hang_up(writer: asyncio.StreamWriter) -> None:
        if reset:
            writer.transport.abort()
        else:
            writer.close()

    async with plain_server(hang_up) as port:
        error = await failure(Route(Endpoint("127.0.0.1", port), ca.client_context()))
        assert facts(error) == ("tls", "tls_closed", f"127.0.0.1:{port} broke off TLS")


async def test_clear_text_where_tls_belongs(ca: ThrowAwayCA) -> None:
    def speak(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with plain_server(speak) as port:
        error = await failure(Route(Endpoint("127.0.0.1", port), ca.client_context()))
        assert (error.stage, error.code) == ("tls", "tls_failed")
        assert str(error).startswith(f"TLS with 127.0.0.1:{port} failed: ")


# ALPN


@pytest.mark.parametrize("alpn", [("http/1.1",), ()])
async def test_a_server_without_http2(ca: ThrowAwayCA, alpn: tuple[str, ...]) -> None:
    async with ScriptedServer(ca, ca.server_context("127.0.0.1", alpn=alpn)).running() as server:
        error = await failure(server.route)
        sentence = f"127.0.0.1:{server.port} does not offer HTTP/2 (ALPN h2)"
        assert facts(error) == ("alpn", "alpn_missing", sentence)


async def test_a_server_that_refuses_http2_by_alert(ca: ThrowAwayCA) -> None:
    def refuse(writer: asyncio.StreamWriter) -> None:
        writer.write(NO_APPLICATION_PROTOCOL)

    async with plain_server(refuse) as port:
        error = await failure(Route(Endpoint("127.0.0.1", port), ca.client_context()))
        sentence = f"127.0.0.1:{port} does not offer HTTP/2 (ALPN h2)"
        assert facts(error) == ("alpn", "alpn_missing", sentence)


# Certificates on disk


async def test_a_ca_file_is_added_to_the_trusted(
    ca: ThrowAwayCA, server: ScriptedServer, tmp_path: Path
) -> None:
    file = ca.write_root(tmp_path / "root.pem")
    route = replace(server.route, tls=client_context("", str(file)))
    async with asyncio.timeout(TIMEOUT_S):
        channel = await connect(route, TIMEOUT_S)
    channel.abort()


async def test_without_the_ca_file_it_is_not_trusted(server: ScriptedServer) -> None:
    error = await failure(replace(server.route, tls=client_context()))
    assert (error.stage, error.code) == ("tls", "tls_untrusted")


def test_a_ca_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        client_context(str(tmp_path / "none.pem"))
    assert caught.value.code == "ca-file-missing"
    assert str(caught.value) == (
        f"CA file {tmp_path}/none.pem: cannot be read: No such file or directory."
    )


def test_a_ca_file_without_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN NOTHING-----\nsecret\n")
    with pytest.raises(ConfigError) as caught:
        client_context(str(tmp_path / "ca.pem"))
    assert caught.value.code == "ca-file-invalid"
    assert str(caught.value) == (
        f"CA file {tmp_path}/ca.pem: holds no readable certificate. "
        "Give a PEM file with -----BEGIN CERTIFICATE-----."
    )


# Names


@pytest.mark.parametrize(
    ("url", "shown", "authority"),
    [
        ("https://api.push.apple.com", "api.push.apple.com:443", "api.push.apple.com"),
        ("https://api.push.apple.com:2197", "api.push.apple.com:2197", "api.push.apple.com:2197"),
        ("https://[::1]", "[::1]:443", "[::1]"),
        ("https://[::1]:8443/", "[::1]:8443", "[::1]:8443"),
    ],
)
def test_an_endpoint_is_read_from_an_address(url: str, shown: str, authority: str) -> None:
    endpoint = Endpoint.from_url(url)
    assert (str(endpoint), endpoint.authority) == (shown, authority)


@pytest.mark.parametrize(
    "url", ["http://a.example", "a.example:443", "https://", "https://a.example:port", "https://["]
)
def test_what_is_no_endpoint(url: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        Endpoint.from_url(url)


@pytest.mark.parametrize(
    ("value", "words"), [(0.25, "0.2 s"), (1.0, "1 s"), (7.98, "8 s"), (25.0, "25 s")]
)
def test_a_timeout_in_words(value: float, words: str) -> None:
    assert in_seconds(value) == words


# What comes before anybody listens


class Heard:
    """Keeps what a channel tells."""

    def __init__(self) -> None:
        self.data = b""
        self.errors: list[Exception | None] = []

    def received(self, data: bytes) -> None:
        self.data += data

    def ended(self, error: Exception | None) -> None:
        self.errors.append(error)

    def writable(self, *, is_ready: bool) -> None:
        del is_ready


SIZE = 2_000_000


async def poured(server: ScriptedServer) -> Channel:
    """Return a channel whose peer has sent all it can, and wants to send more."""
    server.greeting = (b"x" * SIZE,)
    channel = await connect(server.route, TIMEOUT_S)
    peer = await server.accepted()
    peer.close()
    await asyncio.sleep(0.2)
    assert len(channel._early) < SIZE / 2
    return channel


async def test_an_early_flood_is_left_to_the_peer(server: ScriptedServer) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        channel = await poured(server)
        heard = Heard()
        channel.listen(heard)
        while not heard.errors:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)
        assert (len(heard.data), heard.errors) == (SIZE, [None])
        channel.abort()


async def test_streams_get_all_that_came_before(server: ScriptedServer) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        channel = await poured(server)
        reader, writer = channel.streams()
        assert len(await reader.read()) == SIZE
        channel.abort()
        del writer
