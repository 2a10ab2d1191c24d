"""The Mattermost stand-in posts what the real server posts, byte by byte where it matters."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import jwt
import pytest

from mmpush_tui.protocol.wire import read_ack, read_push
from mmpush_tui.simulator.mattermost.poster import MattermostStandIn, PhoneSession
from mmpush_tui.simulator.phones import Phones
from mmpush_tui.simulator.traffic import DECK, Traffic

Serve = Callable[[bytes], Awaitable[None]]


class Recorder:
    """A push proxy that keeps the raw requests and answers as told."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.answer = b'{"status":"OK"}'
        self.status = b"200 OK"
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.requests.append(head + await reader.readexactly(length))
        writer.write(
            b"HTTP/1.1 %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
            % (self.status, len(self.answer), self.answer)
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def proxy() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    server = await asyncio.start_server(recorder.handle, "127.0.0.1", 0)
    recorder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield recorder


@pytest.fixture
async def mattermost(proxy: Recorder) -> AsyncIterator[MattermostStandIn]:
    it = MattermostStandIn(proxy.url + "/", seed=3)
    yield it
    await it.aclose()


IPHONE = PhoneSession("apple_rn-v2:" + "ab" * 32, "apple_voip_rn:" + "cd" * 32)


async def test_the_request_has_gos_headers_and_no_content_type(
    mattermost: MattermostStandIn, proxy: Recorder
) -> None:
    await mattermost.post(IPHONE, mattermost.compose(IPHONE, type="message", message="hi"))
    head, body = proxy.requests[0].split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /api/v1/send_push HTTP/1.1"
    assert sorted(line.partition(":")[0].lower() for line in lines[1:]) == [
        "accept-encoding", "content-length", "host", "user-agent",
    ]  # fmt: skip
    assert "User-Agent: Mattermost-Bot/1.1" in lines
    assert json.loads(body)["message"] == "hi"


async def test_fields_come_in_the_servers_order_and_empty_ones_stay_out(
    mattermost: MattermostStandIn,
) -> None:
    full = mattermost.compose(
        IPHONE, type="message", version="v2", message="<b>", badge=3, category="CAN_REPLY",
        sender_id="u1", sender_name="alice", channel_id="c1", channel_name="Town", team_id="t1",
        root_id="", post_id="p1", is_crt_enabled=True,
    )  # fmt: skip
    assert list(full) == [
        "ack_id", "platform", "server_id", "device_id", "post_id", "category", "message", "badge",
        "team_id", "channel_id", "channel_name", "type", "sender_id", "sender_name", "version",
        "is_crt_enabled", "is_id_loaded", "signature",
    ]  # fmt: skip
    assert (full["platform"], full["device_id"]) == ("apple_rn-v2", "ab" * 32)


async def test_a_test_push_has_neither_ack_id_nor_signature(mattermost: MattermostStandIn) -> None:
    test = mattermost.compose(IPHONE, type="test", version="2", badge=-1)
    assert (test["ack_id"], test["signature"], test["badge"]) == ("", "", -1)


async def test_the_signature_covers_ack_id_and_device(mattermost: MattermostStandIn) -> None:
    push = mattermost.compose(IPHONE, type="clear", version="v2")
    assert jwt.get_unverified_header(push["signature"]) == {"alg": "ES256", "typ": "JWT"}
    claims = jwt.decode(push["signature"], mattermost.public_key, algorithms=["ES256"])
    assert claims == {"ack_id": push["ack_id"], "device_id": "ab" * 32}


async def test_a_call_goes_to_the_voip_token(mattermost: MattermostStandIn) -> None:
    call = mattermost.compose(IPHONE, type="message", sub_type="calls", transport="voip")
    assert (call["platform"], call["device_id"]) == ("apple_voip_rn", "cd" * 32)
    assert call["transport"] == "voip"


@pytest.mark.parametrize(
    ("status", "answer", "result", "logged"),
    [
        (b"200 OK", b'{"status":"OK"}', "ok", None),
        (b"200 OK", b"{}", "ok", None),
        (b"200 OK", b'{"status":"FAIL","error":"why"}', "failed", "why"),
        (b"200 OK", b'{"status":"REMOVE"}', "removed", "device was reported as removed"),
        (b"429 Slow", b"limit exceeded", "failed", "response returned error code: 429"),
        (b"200 OK", b"<html>", "failed", "failed to decode from JSON: "),
        (b"200 OK", b'{"status":1}', "failed", "failed to decode from JSON: "),
    ],
)
async def test_answers_are_taken_as_the_server_takes_them(
    mattermost: MattermostStandIn, proxy: Recorder, status: bytes, answer: bytes, result: str,
    logged: str | None,
) -> None:  # fmt: skip
    proxy.status, proxy.answer = status, answer
    session = PhoneSession("android_rn-v2:x:APA91b")
    assert await mattermost.post(session, mattermost.compose(session, type="message")) == result
    assert session.is_removed is (result == "removed")
    assert getattr(mattermost.total, result) == mattermost.total.sent == 1
    assert mattermost.by_platform["android_rn"].sent == 1
    if logged is None:
        assert mattermost.errors == []
    else:
        assert mattermost.errors[0].startswith(logged)


async def test_no_answer_is_counted_as_unanswered() -> None:
    mattermost = MattermostStandIn("http://127.0.0.1:9")
    assert await mattermost.post(IPHONE, mattermost.compose(IPHONE, type="message")) == "unanswered"
    await mattermost.aclose()


async def test_a_receipt_has_the_servers_shape(
    mattermost: MattermostStandIn, proxy: Recorder
) -> None:
    await mattermost.acknowledge("a1", "apple_rn", "message", "p1")
    head, body = proxy.requests[0].split(b"\r\n\r\n", 1)
    assert head.startswith(b"POST /api/v1/ack HTTP/1.1\r\n")
    assert list(json.loads(body)) == [
        "id", "received_at", "platform", "type", "post_id", "is_id_loaded",
    ]  # fmt: skip
    assert read_ack(body).id == "a1"


def traffic(seed: int, count: int) -> list[dict[str, object]]:
    phones = Phones(seed)
    mattermost = MattermostStandIn("http://127.0.0.1:9", seed)
    source = Traffic(mattermost, phones, topic="com.example", project_id="p", seed=seed)
    return [source.next().notification for _ in range(count)]


def test_the_same_seed_makes_the_same_traffic() -> None:
    def without_signature(push: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in push.items() if key != "signature"}

    first, second = traffic(4, 60), traffic(4, 60)
    assert [*map(without_signature, first)] == [*map(without_signature, second)]
    assert [*map(without_signature, first)] != [*map(without_signature, traffic(5, 60))]


def test_every_kind_of_push_is_in_the_traffic_and_can_be_read() -> None:
    pushes = traffic(1, 2 * len(DECK))
    assert {push["type"] for push in pushes} == {
        "message", "clear", "update_badge", "session", "test",
    }  # fmt: skip
    assert {push["platform"] for push in pushes} >= {"apple_rn-v2", "android_rn-v2"}
    for push in pushes:
        assert read_push(json.dumps(push).encode()).type == push["type"]


def test_what_mattermost_itself_writes_is_in_its_own_words() -> None:
    ended = {push["message"] for push in traffic(1, 2 * len(DECK)) if push["type"] == "session"}
    assert ended == {"Session expired. Log in to continue receiving notifications."}


def test_who_stops_early_has_seen_each_kind_of_answer() -> None:
    devices = [str(push["device_id"]) for push in traffic(1, 5)]
    assert "null" in devices
