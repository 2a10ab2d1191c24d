"""What answers at a push proxy's address, and what Mattermost would make of it."""

import asyncio
from pathlib import Path

import pytest

from mmpush_tui.checks.model.report import Stage, to_json
from mmpush_tui.checks.model.target import TargetKind, Whose
from mmpush_tui.findings import Severity
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from tests.checks.peers import (
    NAME,
    VERSION,
    answer,
    checked,
    hanging_up,
    of,
    only_failure,
    push_proxy,
    server,
    stages,
    trusting,
)

HTML = b"<!doctype html><title>Sign in</title>"
FRONT = b"<html><body>Mattermost Push Proxy</body></html>"


async def test_a_push_proxy_in_clear_text() -> None:
    async with server(VERSION) as it:
        report = await checked(push_proxy(f"http://{it.address}/"))
    assert stages(report) == ["dns", "tcp", "app"]
    assert of(report, Stage.APP).message == ("a push proxy 6.5.0, refuses a push for nobody")
    assert of(report, Stage.APP).needs == "tcp:mpns"
    assert report.verdict.summary == "Everything that was checked can be reached: the push proxy."
    head, asked = it.heads
    assert head.startswith(b"GET /version HTTP/1.1\r\nhost: " + it.address.encode() + b"\r\n")
    assert asked.startswith(b"POST /api/v1/send_push HTTP/1.1\r\n")
    assert b"connection: close" in head


async def test_a_push_proxy_behind_a_path(ca: ThrowAwayCA, tmp_path: Path) -> None:
    async with server(VERSION, ca.server_context(NAME, alpn=("http/1.1",))) as it:
        network = trusting(ca, tmp_path, push_example_com=it.address)
        report = await checked(push_proxy(f"https://{NAME}/push/"), network=network)
    assert report.exit_code == 0
    assert it.heads[0].startswith(b"GET /push/version HTTP/1.1\r\nhost: push.example.com\r\n")


async def test_http_2_is_not_offered_to_a_push_proxy(ca: ThrowAwayCA, tmp_path: Path) -> None:
    """As Mattermost's own client does not."""
    async with server(VERSION, ca.server_context(NAME, alpn=("h2", "http/1.1"))) as it:
        network = trusting(ca, tmp_path, push_example_com=it.address)
        report = await checked(push_proxy(f"https://{NAME}"), network=network)
    assert report.exit_code == 0
    assert set(it.protocols) == {"http/1.1"}


async def test_a_web_page_is_no_push_proxy() -> None:
    async with server(answer("200 OK", HTML)) as it:
        failed = only_failure(await checked(push_proxy(f"http://{it.address}")), Stage.APP)
    assert failed.code == "app_not_json"
    assert failed.message == "GET /version answered 200 with a web page"
    assert failed.fix == (
        f"Correct host and port of the address: `curl -sS http://{it.address}/version` must print "
        "JSON with a version."
    )
    assert failed.see == "mattermost-answer-not-json"
    assert [head.split()[1] for head in it.heads] == [b"/version", b"/"]


async def test_a_server_without_the_page() -> None:
    async with server(answer("404 Not Found", b"404 page not found")) as it:
        report = await checked(push_proxy(f"http://{it.address}"))
    failed = only_failure(report, Stage.APP)
    assert failed.code == "app_not_found"
    assert failed.message == "GET /version answered 404 with text"
    assert failed.fix == (
        f"Check host, port and path of the address: `curl -sS http://{it.address}/version` must "
        "print JSON with a version."
    )
    assert report.verdict.summary == (
        f"A web server answers at {it.address}, and no push proxy is at that address."
    )


async def test_the_address_ends_in_what_mattermost_appends() -> None:
    async with server(answer("404 Not Found")) as it:
        plan = push_proxy(f"http://{it.address}/api/v1/send_push")
        failed = only_failure(await checked(plan), Stage.APP)
    assert failed.code == "app_path"
    assert failed.fix == f"Remove /api/v1/send_push from the address: http://{it.address}"
    assert failed.see == "settings-url-path"


async def test_an_old_push_proxy_is_a_warning() -> None:
    def old(head: bytes) -> bytes:
        return answer("200 OK", FRONT) if head.startswith(b"GET / ") else answer("404 Not Found")

    async with server(old) as it:
        report = await checked(push_proxy(f"http://{it.address}"))
    found = of(report, Stage.APP)
    assert (found.severity, found.code) == (Severity.WARN, "proxy_old")
    assert report.exit_code == 0
    assert report.verdict.severity is Severity.WARN


async def test_a_redirect_is_not_followed() -> None:
    elsewhere = answer("308 Permanent Redirect", b"", "location: https://push.example.com/version")
    async with server(elsewhere) as it:
        failed = only_failure(await checked(push_proxy(f"http://{it.address}")), Stage.APP)
    assert len(it.heads) == 1
    assert failed.code == "app_redirect"
    assert failed.message == (
        "GET /version is redirected (308) to https://push.example.com/version"
    )
    assert failed.why == ("a redirect turns Mattermost's POST into a GET",)
    assert failed.fix == (
        "Enter the final address, which this redirect to https://push.example.com/version names."
    )
    assert failed.see == "settings-http-or-https"


async def test_a_gate_in_front_refuses() -> None:
    async with server(answer("403 Forbidden", HTML, "server: nginx")) as it:
        failed = only_failure(await checked(push_proxy(f"http://{it.address}")), Stage.APP)
    assert (failed.code, failed.see) == ("app_status", "mattermost-http-status")
    assert failed.message == "GET /version answered 403 with a web page"
    assert failed.evidence == {"http_status": 403, "server": "nginx"}


async def test_an_outage_of_a_hosted_service() -> None:
    async with server(answer("502 Bad Gateway")) as it:
        plan = push_proxy(f"http://{it.address}", Whose.HOSTED)
        failed = only_failure(await checked(plan), Stage.APP)
    assert failed.fix == (
        f"Try it from another network: `curl -sS -i http://{it.address}/version`. The same answer "
        "there means an outage of the service: wait."
    )


# http and https


@pytest.mark.parametrize("is_told", [False, True])
async def test_http_to_a_tls_port(ca: ThrowAwayCA, is_told: bool) -> None:
    """Some close without a word, some say what is wrong in clear text."""
    tls = ca.server_context(NAME)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        if first == b"G":
            if is_told:
                said = b"Client sent an HTTP request to an HTTPS server."
                writer.write(answer("400 Bad Request", said))
            writer.close()
            return
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", secure.port)
        upstream.write(first)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(4096):
                    sink.write(data)
            except OSError:
                pass
            sink.close()

        async with asyncio.TaskGroup() as group:
            group.create_task(pump(reader, upstream))
            group.create_task(pump(upstream_reader, writer))

    async with server(VERSION, tls) as secure:
        front = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = front.sockets[0].getsockname()[1]
        report = await checked(push_proxy(f"http://127.0.0.1:{port}/p"))
        front.close()
        await front.wait_closed()
    failed = only_failure(report, Stage.APP)
    assert failed.code == "http_to_tls"
    assert failed.message == f"127.0.0.1:{port} speaks TLS, and the address says http"
    assert failed.fix == f"Change the address to https://127.0.0.1:{port}/PATH"
    assert failed.see == "settings-http-or-https"
    assert failed.evidence["names"] == [NAME]


async def test_http_to_a_real_tls_server(ca: ThrowAwayCA) -> None:
    async with server(VERSION, ca.server_context(NAME)) as it:
        failed = only_failure(await checked(push_proxy(f"http://{it.address}")), Stage.APP)
    assert failed.code == "http_to_tls"


async def test_a_tls_alert_as_the_answer() -> None:
    async with server(b"\x15\x03\x01\x00\x02\x02\x46") as it:
        failed = only_failure(await checked(push_proxy(f"http://{it.address}")), Stage.APP)
    assert (failed.code, failed.message) == ("http_to_tls", "the answer is TLS, not HTTP")


# What is no answer


async def test_something_else_listens_there() -> None:
    async with server(b"SSH-2.0-OpenSSH_9.6\r\n") as it:
        failed = only_failure(await checked(push_proxy(f"http://{it.address}")), Stage.APP)
    assert (failed.code, failed.message) == ("not_http", "the answer is no HTTP")
    assert failed.fix == (
        f"Correct host and port of the address: `curl -sS http://{it.address}/version` must print "
        "JSON with a version."
    )


async def test_the_connection_is_closed_without_a_word() -> None:
    async with hanging_up() as address:
        failed = only_failure(await checked(push_proxy(f"http://{address}")), Stage.APP)
    assert failed.code == "closed"
    assert failed.message.endswith("without an answer")


async def test_no_answer_comes(mute_port: int) -> None:
    report = await checked(push_proxy(f"http://127.0.0.1:{mute_port}"), step_s=0.3)
    failed = only_failure(report, Stage.APP)
    assert failed.code == "timeout"
    assert failed.message == f"127.0.0.1:{mute_port} did not answer (app) within 0.3 s"


async def test_hostile_text_never_gets_through() -> None:
    evil = "\x1b]0;owned\x07\x9b2J\u202e" + "A" * 100_000
    said = ('{"version":"' + evil + '","product":"\\u001b[31mred\\u009b1m"}').encode()
    head = ("server: \x1b[2J\x9bevil", "via: " + "B" * 5000)
    async with server(answer("200 OK", said[:1_000_000], *head)) as it:
        report = await checked(push_proxy(f"http://{it.address}"))
    text = str(report)
    assert not any(char in text for char in "\x1b\x9b\x07\u202e")
    assert len(text) < 5000


async def test_a_megabyte_is_not_read_to_its_end() -> None:
    async with server(answer("200 OK", b"x" * 1_000_000)) as it:
        failed = only_failure(await checked(push_proxy(f"http://{it.address}")), Stage.APP)
    assert failed.message == "GET /version answered 200 with text"


async def test_a_password_in_the_address_is_used_and_never_shown() -> None:
    async with server(answer("401 Unauthorized")) as it:
        plan = push_proxy(f"http://user:hunter2@{it.address}")
        report = await checked(plan)
    assert b"authorization: Basic dXNlcjpodW50ZXIy" in it.heads[0]
    assert "hunter2" not in str(report)
    assert "hunter2" not in repr(plan)


# Mattermost itself


async def test_mattermost_answers_its_ping() -> None:
    async with server(answer("200 OK", b'{"status":"OK"}')) as it:
        plan = push_proxy(
            f"http://{it.address}",
            target="mattermost",
            kind=TargetKind.MATTERMOST,
            who="Mattermost",
        )
        report = await checked(plan)
    assert report.exit_code == 0
    assert it.heads[0].startswith(b"GET /api/v4/system/ping ")


@pytest.mark.parametrize("status", ["404 Not Found", "302 Found", "503 Busy"])
async def test_a_secret_path_is_not_shown(status: str) -> None:
    say = answer(status, b"no", "location: https://other.example.com/s3cretPath/version")
    async with server(say) as it:
        report = await checked(push_proxy(f"http://{it.address}/s3cretPath"))
    said = to_json(report).decode()
    assert "/PATH/version" in said
    assert "s3cretPath" not in said
