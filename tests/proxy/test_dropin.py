"""An upstream mattermost-push-proxy.json with all its documented keys, and every bad input, through
the real process over real sockets."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from mmpush_tui.simulator.credentials import TOPIC
from mmpush_tui.watching.process import OURSELVES, WorkerProcess
from tests.proxy.vendors import PROJECT, Serving, Vendors, serving
from tests.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
async def vendors(short_tmp: Path) -> AsyncIterator[Vendors]:
    async with Vendors(short_tmp) as it:
        yield it


def write_upstream(vendors: Vendors, **changes: Any) -> None:
    """Write the reference proxy's configuration, every documented key in it."""
    apple, android = vendors.apple_entry(), vendors.android_entry()
    document = {
        "ListenAddress": "127.0.0.1:0",
        "ThrottlePerSec": 1000,
        "ThrottleMemoryStoreSize": 50000,
        "ThrottleVaryByHeader": "X-Forwarded-For",
        "EnableMetrics": True,
        "SendTimeoutSec": 30,
        "RetryTimeoutSec": 8,
        "ApplePushSettings": [
            {
                "Type": "apple_rn", "ApplePushUseDevelopment": False, "ApplePushTopic": TOPIC,
                "ApplePushCertPrivate": "", "ApplePushCertPassword": "",
                "AppleAuthKeyFile": apple["auth_key_file"],
                "AppleAuthKeyID": apple["auth_key_id"], "AppleTeamID": apple["team_id"],
                "Endpoint": apple["endpoint"], "CAFile": apple["ca_file"],
            },
            {
                "Type": "apple_rnbeta", "ApplePushUseDevelopment": False,
                "ApplePushCertPrivate": "", "ApplePushCertPassword": "", "ApplePushTopic": "",
                "AppleAuthKeyFile": "", "AppleAuthKeyID": "", "AppleTeamID": "",
            },
        ],
        "AndroidPushSettings": [
            {
                "Type": "android_rn", "AndroidApiKey": "legacy",
                "ServiceFileLocation": android["service_account_file"],
                "Endpoint": android["endpoint"], "CAFile": android["ca_file"],
            },
        ],
        "EnableConsoleLog": True,
        "EnableFileLog": True,
        "LogFileLocation": str(vendors.folder / "push.log"),
        "LogFormat": "json",
        "LogLevel": "debug",
    } | changes  # fmt: skip
    vendors.config = vendors.folder / "mattermost-push-proxy.json"
    vendors.config.write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
async def stage(vendors: Vendors) -> AsyncIterator[Serving]:
    write_upstream(vendors)
    async with serving(vendors) as it:
        yield it


REST = '"server_id":"s1","device_id":"TOKEN","platform":"apple_rn","type":"message","message":"m"'
Body = bytes | Callable[[Serving], bytes]
READ = "Failed to read message body: "
TOKEN = "ab" * 32


def push(**fields: Any) -> Callable[[Serving], bytes]:
    """Return the body of a push to a phone that exists, with other fields."""

    def make(stage: Serving) -> bytes:
        phone = stage.vendors.phones.add_apple()
        document = {
            "server_id": "s1", "device_id": phone.token, "platform": "apple_rn-v2",
            "type": "message", "version": "v2", "message": "hello",
        } | fields  # fmt: skip
        return json.dumps(document).encode()

    return make


def raw(text: str) -> Callable[[Serving], bytes]:
    """Return ``text``; REST stands for a push's usual fields and TOKEN for a phone's token."""
    text = text.replace("REST", REST)
    return lambda stage: text.replace("TOKEN", stage.vendors.phones.add_apple().token).encode()


def platform(name: str) -> str:
    return f"Did not send message because of missing platform property type={name} serverId=s1"


BAD_TOKEN = "unknown send response error: this is no APNs device token, "
HEX = BAD_TOKEN + "expected 64 or more hexadecimal digits"

# By the numbers of the list of bad inputs; what is answered, OK or the error.
CASES: list[tuple[str, Body, str]] = [
    ("1 empty", b"", f"{READ}EOF"),
    ("2 truncated", b'{"server_id":"s1"', f"{READ}unexpected EOF"),
    ("3 null", b"null", "Failed because of missing server Id"),
    ("4 array", b"[]", f"{READ}json: cannot unmarshal array into Go value of type "
     "model.PushNotification"),
    ("4 string", b'"x"', f"{READ}json: cannot unmarshal string into Go value of type "
     "model.PushNotification"),
    ("4 number", b"7", f"{READ}json: cannot unmarshal number into Go value of type "
     "model.PushNotification"),
    ("5 trailing", raw("{REST} and more"), "OK"),
    ("5 second", raw("{REST}{}"), "OK"),
    ("6 BOM", b"\xef\xbb\xbf{}", f"{READ}invalid character 'ï' looking for beginning of value"),
    ("6 UTF-16", "{}".encode("utf-16"),
     f"{READ}invalid character 'ÿ' looking for beginning of value"),
    ("8 case", raw('{"SERVER_ID":"s1","Device_Id":"TOKEN","Platform":"apple_rn","TYPE":"test"}'),
     "OK"),
    ("8 duplicate", raw('{REST,"server_id":"s2","device_id":"x","device_id":"TOKEN"}'), "OK"),
    ("9 unknown", raw('{REST,"future":{"a":[1,2]},"x":null}'), "OK"),
    *(
        (f"10 {written}", raw('{REST,"badge":' + written + "}"),
         f"{READ}json: cannot unmarshal {what} into Go struct field PushNotification.badge of "
         "type int")
        for written, what in (
            ('"1"', "string"), ("1.0", "number 1.0"), ("true", "bool"), ("1e400", "number 1e400"),
            ("1180591620717411303424", "number 1180591620717411303424"),
        )
    ),
    ("10 NaN", raw('{REST,"badge":NaN}'),
     f"{READ}invalid character 'N' looking for beginning of value"),
    ("11 5000 digits", raw('{REST,"badge":' + "9" * 5000 + "}"),
     f"{READ}json: cannot unmarshal number {'9' * 40} into Go struct field PushNotification.badge "
     "of type int"),
    ("12 depth", b"[" * 100_000, f"{READ}invalid character '[' exceeded max depth"),
    ("13 surrogate", raw('{REST,"sender_name":"a\\ud800b"}'), "OK"),
    ("14 hostile", push(message="\x00\x1b[31m\n\u202e", sender_name="\x1b]0;x\x07"), "OK"),
    ("18 gzip", b"\x1f\x8b\x08\x00", f"{READ}invalid character '\\x1f' looking for beginning of "
     "value"),
    ("19 server", push(server_id=""), "Failed because of missing server Id"),
    ("19 device", push(device_id=""), "Failed because of missing device Id serverId=s1"),
    ("20 none", push(platform=""), platform("")),
    ("20 unknown", push(platform="windows_phone-v2"), platform("windows_phone")),
    ("20 -v", push(platform="apple_rn-v"), "OK"),
    ("20 -v2 alone", push(platform="-v2"), platform("")),
    ("20 -v2-v3", push(platform="apple_rn-v2-v3"), "OK"),
    ("20 -vabc", push(platform="apple_rn-vabc"), "OK"),
    ("20 -v-1", push(platform="apple_rn-v-1"), "OK"),
    ("20 digits", push(platform="apple_rn-v" + "9" * 20), "OK"),
    ("20 blank", push(platform="apple_rnbeta-v2"), platform("apple_rnbeta") + ": apple_rnbeta is "
     "not configured: AppleAuthKeyFile, AppleAuthKeyID, AppleTeamID missing."),
    *(
        (f"21 {name}", push(device_id=token), HEX)
        for name, token in (
            ("slash", TOKEN + "/x"), ("question", TOKEN + "?x"), ("hash", TOKEN + "#"),
            ("percent", "%2e%2e"), ("space", TOKEN + " "), ("CRLF", TOKEN + "\r\nx: y"),
            ("10 KB", "ab" * 5000), ("non-hex", "xyz" * 30),
        )
    ),
    ("21 null", push(device_id="null"), BAD_TOKEN + "the app had no token yet"),
    ("22 prefix", push(device_id="apple_rn:" + TOKEN),
     BAD_TOKEN + "it still has its platform in front"),
    *(
        (f"23 {size} {name}", push(message=(char * size)[:size]), "OK")
        for size in (2046, 2047, 2048, 4000)
        for name, char in (("ascii", "a"), ("CJK", "好"), ("ZWJ", "👩‍👩‍👧"), ("escape", "<&>"))
    ),
    ("24 64 bytes", push(channel_name="é" * 32), "OK"),
    ("24 65 bytes", push(channel_name="a" + "é" * 32), "OK"),
    ("25 huge", push(sender_name="好" * 900, override_username="<" * 900,
                     override_icon_url="https://" + "x" * 3000, message="m" * 2000), "OK"),
    ("25 beyond", push(channel_id="x" * 9000),
     "unknown send response error: status=413 reason=PayloadTooLarge, not sent: the payload has "
     "more than 4096 bytes without its text"),
    ("27 type", push(type="carrier_pigeon"), "OK"),
    *((f"28 {kind}", push(type=kind, badge=badge), "OK")
      for kind, badge in (("clear", 0), ("update_badge", 7), ("test", -1), ("session", 0))),
    ("28 id-loaded", push(is_id_loaded=True, message="You've received a new message."), "OK"),
    ("29 unknown transport", push(transport="pigeon"), "OK"),
    ("30 no signature", push(signature=""), "OK"),
]  # fmt: skip


async def test_every_bad_input_has_its_answer(stage: Serving) -> None:
    for name, body, expected in CASES:
        content = body if isinstance(body, bytes) else body(stage)
        response = await stage.http.post(f"{stage.worker.url}/api/v1/send_push", content=content)
        assert response.status_code == 200, name
        answer = response.json()
        found = answer["error"] if answer["status"] == "FAIL" else answer["status"]
        assert found == expected, name
        assert all(isinstance(value, str) for value in answer.values()), name
    status = await stage.client.status()
    assert status["in_flight"] == 0
    assert (await stage.push(stage.vendors.phones.add_android(PROJECT))) == {"status": "OK"}


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=x"]
)
async def test_the_content_type_does_not_matter(stage: Serving, kind: str) -> None:
    # 7
    headers = {"content-type": kind} if kind else {}
    response = await stage.http.post(
        f"{stage.worker.url}/api/v1/send_push", content=push()(stage), headers=headers
    )
    assert response.json() == {"status": "OK"}


ACKS = [
    (b"", "Failed to read ack body: EOF"),
    (b"{}", "Failed because of missing ack Id"),
    (b'{"id":"a"}', "Failed because of missing ack platform"),
    (b'{"id":"a","platform":"ios"}', "Failed because of missing ack type"),
    (b'{"id":"a","platform":"ios","type":"message","received_at":1.5}',
     "Failed to read ack body: json: cannot unmarshal number 1.5 into Go struct field "
     "PushNotificationAck.received_at of type int64"),
]  # fmt: skip


async def test_every_bad_receipt_has_its_answer(stage: Serving) -> None:
    # 31
    for body, error in ACKS:
        response = await stage.http.post(f"{stage.worker.url}/api/v1/ack", content=body)
        assert response.json() == {"status": "FAIL", "error": error}
    for number in range(200):
        body = b'{"id":"%d","platform":"ios","type":"message"}' % number
        response = await stage.http.post(f"{stage.worker.url}/api/v1/ack", content=body)
        assert response.json() == {"status": "OK"}


PAGES = [
    ("GET", "/api/v1/send_push", 405), ("GET", "/api/v1/ack", 405),
    ("POST", "/api/v1/send_push/", 404), ("HEAD", "/", 200), ("POST", "/", 405),
    ("GET", "/nothing", 404), ("GET", "/version", 200), ("HEAD", "/version", 200),
    ("GET", "/healthz", 200), ("GET", "/metrics", 200), ("HEAD", "/metrics", 200),
    ("PUT", "/api/v1/send_push", 405),
]  # fmt: skip


async def test_pages_and_methods(stage: Serving) -> None:
    # 32
    for method, path, status in PAGES:
        response = await stage.http.request(method, stage.worker.url + path)
        assert response.status_code == status, (method, path)


async def test_all_documented_keys_are_obeyed(stage: Serving) -> None:
    phones = stage.vendors.phones
    assert await stage.push(phones.add_apple()) == {"status": "OK"}
    assert await stage.push(phones.add_android(PROJECT)) == {"status": "OK"}
    metrics = (await stage.http.get(f"{stage.worker.url}/metrics")).text
    for side in ("apple", "android"):
        assert f'service_success_total{{platform="{side}",transport="",type="message"}} 1.0' in (
            metrics
        )
    health = (await stage.http.get(f"{stage.worker.url}/healthz")).json()
    assert health == {"status": "ok", "targets": {"apple_rn": "ready", "android_rn": "ready"}}
    await stage.worker.stop()
    lines = [json.loads(it) for it in (stage.vendors.folder / "push.log").read_text().splitlines()]
    said = " ".join(str(line) for line in lines)
    assert {line["level"] for line in lines} >= {"debug", "info"}
    assert "AndroidApiKey is ignored" in said
    assert "ThrottleVaryByHeader X-Forwarded-For is not believed" in said
    assert "push OK" in said
    assert '"msg":"listening"' in (stage.vendors.folder / "worker.log").read_text()


async def test_the_throttle_counts_by_address_whatever_a_header_says(vendors: Vendors) -> None:
    # 33
    write_upstream(vendors, ThrottlePerSec=1)
    async with serving(vendors) as stage:

        async def ask(number: int) -> httpx.Response:
            return await stage.http.post(
                f"{stage.worker.url}/api/v1/ack", content=b"{}",
                headers={"x-forwarded-for": f"192.0.2.{number}"},
            )  # fmt: skip

        found = await asyncio.gather(*(ask(number) for number in range(40)))
        refused = [it for it in found if it.status_code == 429]
        assert len(refused) >= 20
        assert refused[0].text == "limit exceeded\n"
        assert refused[0].headers["retry-after"] == "1"
        assert refused[0].headers["x-ratelimit-limit"] == "1"
        assert (await stage.http.get(f"{stage.worker.url}/version")).status_code == 200


CONFIGURATIONS = [
    (None, "there is no such file"), (b"", "this is no JSON"), (b"null", "expected a JSON object"),
    (b'{"ListenAddress": 8066}', "expected text, got a number"),
    (b'{"ThrottlePerSec": "s3cret"}', "expected a whole number, got text"),
    (b'// s3cret\n{"ListenAddress": ":0"}', "line 1, column 1"),
    (b'{"ListenAddress": "s3cret here"}', "expected host:port"),
    (b'{"TLSCertificateFile": "/none", "ListenAddress": "127.0.0.1:0"}', "cannot be read"),
    (b'{"AllowedAddresses": ["office"], "ListenAddress": "127.0.0.1:0"}',
     "office is neither an address nor a network"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), CONFIGURATIONS)
async def test_a_configuration_that_cannot_be_obeyed_is_one_line_and_exit_2(
    short_tmp: Path, content: bytes | None, words: str
) -> None:
    # 48
    path = short_tmp / "mattermost-push-proxy.json"
    if content is not None:
        path.write_bytes(content)
    process = await asyncio.create_subprocess_exec(
        *OURSELVES, "serve", "--config", str(path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert out == b""
    assert len(err.decode().strip().splitlines()) == 1
    assert words in err.decode()
    if content is None or b"ListenAddress" not in content:
        assert b"s3cret" not in err


async def test_a_port_in_use_names_who_has_it(vendors: Vendors) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        write_upstream(vendors, ListenAddress=f"127.0.0.1:{sock.getsockname()[1]}")
        with pytest.raises(Exception, match=r"the port is in use by .* \(pid [0-9]+\)"):
            await WorkerProcess.start(
                vendors.config, vendors.folder / "c.sock", vendors.folder / "w.log",
                ends_with_us=True,
            )  # fmt: skip


async def test_a_client_that_hangs_up_leaves_its_push_to_be_told(stage: Serving) -> None:
    # 17, 51
    stage.vendors.apple.may_answer.clear()
    reader, writer = await asyncio.open_connection(*address(stage))
    body = push(ack_id="gone")(stage)
    writer.write(b"POST /api/v1/send_push HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body), body))  # fmt: skip
    await writer.drain()
    await eventually(lambda: stage.has("in_flight", 1))
    writer.transport.abort()
    del reader
    stage.vendors.apple.may_answer.set()
    await eventually(lambda: stage.has("in_flight", 0))
    assert [end.status for end in await stage.ends()] == ["OK"]


def address(stage: Serving) -> tuple[str, int]:
    host, _, port = stage.worker.url.removeprefix("http://").rpartition(":")
    return host, int(port)


async def test_fifty_under_way_at_the_end_are_all_answered_once(stage: Serving) -> None:
    # 50, 51
    stage.vendors.apple.may_answer.clear()
    bodies = [push()(stage) for _ in range(50)]
    async with asyncio.TaskGroup() as group:
        posts = [
            group.create_task(stage.http.post(f"{stage.worker.url}/api/v1/send_push", content=body))
            for body in bodies
        ]
        await eventually(lambda: stage.has("in_flight", 50))
        stopping = group.create_task(stage.worker.stop(30))
        await asyncio.sleep(0.3)
        stage.vendors.apple.may_answer.set()
    assert [post.result().json() for post in posts] == [{"status": "OK"}] * 50
    assert stopping.result() == 0
    assert len(stage.vendors.phones.received) == 50


async def test_a_slow_drip_holds_up_nobody(stage: Serving) -> None:
    # 15, 16
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            sock = stack.enter_context(socket.create_connection(address(stage)))
            sock.sendall(b"POST /api/v1/send_push HTTP/1.1\r\nContent-Length: 100\r\n")
        assert await stage.push(stage.vendors.phones.add_apple()) == {"status": "OK"}


async def test_payloads_are_within_apples_limit_and_valid(stage: Serving) -> None:
    # 23, 26
    for message in ("好" * 4000, "<" * 4000, ":smile:" * 290, "é" * 3000):
        assert (await post(stage, push(message=message)))["status"] == "OK"
    for received in stage.vendors.phones.received:
        body = received.body
        assert len(body) <= 4096
        document = msgspec.json.decode(body)
        assert "\ufffd" not in document["aps"]["alert"]


async def post(stage: Serving, body: Callable[[Serving], bytes]) -> dict[str, str]:
    response = await stage.http.post(f"{stage.worker.url}/api/v1/send_push", content=body(stage))
    answer: dict[str, str] = response.json()
    return answer
