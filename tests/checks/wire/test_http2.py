"""Where TLS stands and HTTP/2 does not, or the answer is not the vendor's."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from hyperframe.frame import SettingsFrame

from mmpush_tui.checks.model.report import Report, Stage
from mmpush_tui.checks.model.target import TargetPlan
from mmpush_tui.configuration.config import NetworkSettings
from mmpush_tui.findings import Severity
from mmpush_tui.http2.connect import Endpoint
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from tests.checks.peers import (
    APPLE,
    VERSION,
    apple,
    checked,
    google,
    hanging_up,
    of,
    only_failure,
    server,
    token_server,
    trusting,
)
from tests.http2.scripted import MAX_STREAMS, Peer, ScriptedServer, goaway, settings

EXEMPT = f"Exempt {APPLE} from TLS inspection and content filtering in the firewall."
NO_TOKEN = b'{"reason":"MissingProviderToken"}'
HOSTS = (APPLE, "fcm.googleapis.com", "oauth2.googleapis.com")


class Acting(ScriptedServer):
    """A scripted server that acts on each connection by itself."""

    @contextlib.asynccontextmanager
    async def with_act(self, act: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[str]:
        async def go_on() -> None:
            while True:
                await act(await self.accepted())

        async with self.running():
            self.spawn(go_on())
            yield f"127.0.0.1:{self.port}"


async def nothing(_peer: Peer) -> None:
    """Say no more than the greeting."""


async def seen(
    ca: ThrowAwayCA,
    folder: Path,
    act: Callable[[Peer], Awaitable[None]],
    *greeting: SettingsFrame | bytes,
    plan: TargetPlan | None = None,
    **options: float,
) -> Report:
    plan = plan or apple()
    it = Acting(ca, ca.server_context(*HOSTS))
    it.greeting = greeting
    async with it.with_act(act) as address:
        network = trusting(ca, folder)
        network = NetworkSettings(connect_to={plan.address: address}, ca_file=network.ca_file)
        return await checked(plan, network=network, **options)


# ALPN


@pytest.mark.parametrize("alpn", [("http/1.1",), ()])
async def test_something_on_the_way_speaks_http_1_only(
    ca: ThrowAwayCA, tmp_path: Path, alpn: tuple[str, ...]
) -> None:
    async with server(VERSION, ca.server_context(APPLE, alpn=alpn)) as it:
        network = trusting(ca, tmp_path, api_push_apple_com=it.address)
        failed = only_failure(await checked(apple(), network=network), Stage.ALPN)
    assert failed.code == "alpn_missing"
    assert failed.message == f"{APPLE}:443 does not offer HTTP/2 (ALPN h2), it chose nothing"
    assert failed.evidence == {"offered": ["h2"]}
    assert failed.fix == EXEMPT
    assert failed.see == "network-http2-broken"


async def test_the_certificate_is_seen_where_http_2_is_refused_by_alert(
    ca: ThrowAwayCA, tmp_path: Path
) -> None:
    # OpenSSL servers in Python never refuse by alert, so this one's answer to h2 alone is canned.
    import asyncio

    refused = bytes([21, 3, 3, 0, 2, 2, 120])
    async with server(VERSION, ca.server_context(APPLE, alpn=("http/1.1",))) as behind:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            hello = await reader.read(4096)
            if b"http/1.1" not in hello:
                writer.write(refused)
                writer.close()
                return
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", behind.port)
            inner_writer.write(hello)

            async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                with contextlib.suppress(OSError):
                    while data := await source.read(4096):
                        sink.write(data)
                sink.close()

            async with asyncio.TaskGroup() as group:
                group.create_task(pump(reader, inner_writer))
                group.create_task(pump(inner_reader, writer))

        front = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = f"127.0.0.1:{front.sockets[0].getsockname()[1]}"
        network = trusting(ca, tmp_path, api_push_apple_com=address)
        report = await checked(apple(), network=network)
        front.close()
        await front.wait_closed()
    failed = only_failure(report, Stage.ALPN)
    assert failed.message.endswith("it chose http/1.1")
    assert APPLE in of(report, Stage.TLS).evidence["names"]


# The beginning of HTTP/2


async def test_settings_are_withheld(ca: ThrowAwayCA, tmp_path: Path) -> None:
    report = await seen(ca, tmp_path, nothing, step_s=0.5)
    failed = only_failure(report, Stage.HTTP2)
    assert failed.code == "http2_no_settings"
    assert failed.message == f"{APPLE}:443 sent no HTTP/2 SETTINGS within 0.5 s"
    assert failed.why == ("no SETTINGS came, the first thing an HTTP/2 server says",)
    assert failed.fix == EXEMPT
    assert report.verdict.summary == (
        "HTTP/2 with Apple's push service is agreed on and then does not begin."
    )


async def test_http_1_where_http_2_was_agreed_on(ca: ThrowAwayCA, tmp_path: Path) -> None:
    report = await seen(ca, tmp_path, nothing, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    failed = only_failure(report, Stage.HTTP2)
    assert failed.code == "http1_answer"
    assert failed.message == f"{APPLE}:443 answered in HTTP/1 where HTTP/2 was agreed on"
    assert failed.fix == EXEMPT


async def test_goodbye_instead_of_a_beginning(ca: ThrowAwayCA, tmp_path: Path) -> None:
    bye = goaway(0, 0, b'{"reason":"\x1b[31mBadCertificateEnvironment"}').serialize()
    report = await seen(ca, tmp_path, nothing, bye)
    failed = only_failure(report, Stage.HTTP2)
    assert failed.code == "http2_goaway"
    assert failed.message == (f'{APPLE}:443 said goodbye: {{"reason":"BadCertificateEnvironment"}}')
    assert failed.fix == (
        "Run the check again (`mmpush-tui check`); if it stays, look at the firewall between here "
        "and api.push.apple.com."
    )


async def test_the_connection_ends_before_it_begins(ca: ThrowAwayCA, tmp_path: Path) -> None:
    async with hanging_up(ca.server_context(APPLE)) as address:
        network = trusting(ca, tmp_path, api_push_apple_com=address)
        failed = only_failure(await checked(apple(), network=network), Stage.HTTP2)
    assert failed.code in ("closed", "connection_lost", "tls_closed")
    assert failed.fix


async def test_bytes_that_are_no_frames(ca: ThrowAwayCA, tmp_path: Path) -> None:
    failed = only_failure(await seen(ca, tmp_path, nothing, b"\xff" * 100), Stage.HTTP2)
    assert failed.code == "http2_protocol"


# The request


async def test_goodbye_instead_of_an_answer(ca: ThrowAwayCA, tmp_path: Path) -> None:
    async def bye(peer: Peer) -> None:
        await peer.request()
        peer.send(goaway(0, 0, b'{"reason":"Shutdown"}'))

    report = await seen(ca, tmp_path, bye, settings())
    failed = only_failure(report, Stage.APP)
    assert failed.code == "goaway"
    assert failed.message == f'{APPLE}:443 said goodbye: {{"reason":"Shutdown"}}'
    assert of(report, Stage.HTTP2).severity is Severity.PASS


async def test_no_answer_comes(ca: ThrowAwayCA, tmp_path: Path) -> None:
    failed = only_failure(await seen(ca, tmp_path, nothing, settings(), step_s=0.5), Stage.APP)
    assert failed.code == "timeout"
    assert failed.message == f"{APPLE}:443 did not answer (app) within 0.5 s"


async def test_settings_are_named_as_far_as_they_have_names(
    ca: ThrowAwayCA, tmp_path: Path
) -> None:
    async def answer(peer: Peer) -> None:
        asked = await peer.request()
        peer.answer(asked.stream_id, 403, NO_TOKEN, ("apns-id", "5E1B"))

    report = await seen(ca, tmp_path, answer, settings({MAX_STREAMS: 7, 0xFE: 9}))
    named = of(report, Stage.HTTP2).evidence["settings"]
    assert named["max_concurrent_streams"] == 7
    assert 9 not in named.values()
    assert of(report, Stage.HTTP2).message == (
        "SETTINGS came, up to 7 at once; a PING got no answer"
    )


async def test_no_stream_is_ever_allowed(ca: ThrowAwayCA, tmp_path: Path) -> None:
    report = await seen(ca, tmp_path, nothing, settings({MAX_STREAMS: 0}), step_s=0.5)
    failed = only_failure(report, Stage.APP)
    assert failed.code == "timeout"
    assert of(report, Stage.HTTP2).evidence["settings"]["max_concurrent_streams"] == 0


async def test_a_reset_instead_of_an_answer(ca: ThrowAwayCA, tmp_path: Path) -> None:
    async def reset(peer: Peer) -> None:
        peer.reset((await peer.request()).stream_id, 2)

    failed = only_failure(await seen(ca, tmp_path, reset, settings()), Stage.APP)
    assert failed.code == "stream_reset"
    assert failed.message == f"{APPLE}:443 reset the stream (INTERNAL_ERROR)"


async def test_an_answer_without_an_apns_id_is_not_apples(ca: ThrowAwayCA, tmp_path: Path) -> None:
    async def answer(peer: Peer) -> None:
        asked = await peer.request()
        peer.answer(asked.stream_id, 403, NO_TOKEN, ("server", "squid\x1b]0;x\x07/6"))

    report = await seen(ca, tmp_path, answer, settings())
    failed = only_failure(report, Stage.APP)
    assert failed.code == "not_apns"
    assert failed.message == "the answer is 403 with JSON, not Apple's"
    assert failed.evidence["server"] == "squid/6"
    assert failed.fix == EXEMPT
    assert report.verdict.summary == (
        "What answers for api.push.apple.com is not Apple's push service."
    )


@pytest.mark.parametrize(
    ("plan", "code", "summary"),
    [
        (
            google(),
            "not_fcm",
            "What answers for fcm.googleapis.com is not Google's push service.",
        ),
        (
            token_server(),
            "not_token_server",
            "What answers for oauth2.googleapis.com is not Google's token server.",
        ),
    ],
)
async def test_a_web_page_is_not_googles(
    ca: ThrowAwayCA, tmp_path: Path, plan: TargetPlan, code: str, summary: str
) -> None:
    async def answer(peer: Peer) -> None:
        asked = await peer.request()
        peer.answer(asked.stream_id, 200, b"<html>Sign in")

    report = await seen(ca, tmp_path, answer, settings(), plan=plan)
    failed = only_failure(report, Stage.APP)
    assert (failed.code, report.verdict.summary) == (code, summary)


async def test_apple_in_trouble_is_not_the_network(ca: ThrowAwayCA, tmp_path: Path) -> None:
    async def answer(peer: Peer) -> None:
        asked = await peer.request()
        body = b'{"reason":"ServiceUnavailable"}'
        peer.answer(asked.stream_id, 503, body, ("apns-id", "5E1B"))

    failed = only_failure(await seen(ca, tmp_path, answer, settings()), Stage.APP)
    assert (failed.code, failed.see) == ("vendor_busy", "apns-busy")
    assert failed.message == "Apple answered 503 ServiceUnavailable"


async def test_hostile_answers_are_cut_and_cleaned(ca: ThrowAwayCA, tmp_path: Path) -> None:
    async def answer(peer: Peer) -> None:
        asked = await peer.request()
        peer.answer(asked.stream_id, 403, b'{"reason":"\x9b31m' + b"A" * 30_000 + b'"}')

    report = await seen(ca, tmp_path, answer, settings())
    failed = only_failure(report, Stage.APP)
    assert all(len(str(value)) < 300 for value in failed.evidence.values())


def test_an_endpoint_of_a_target_is_that_of_its_address() -> None:
    plan = apple(f"{APPLE}:2197")
    assert Endpoint(plan.host, plan.port) == Endpoint(APPLE, 2197)
    assert plan.address == f"{APPLE}:2197"
