"""The worker as a process, between a Mattermost that posts and an Apple and a Google that judge."""

import asyncio
import os
import signal
import stat
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
import tomli_w

from mmpush_tui.errors import UnreachableError
from mmpush_tui.protocol.event import Event
from mmpush_tui.simulator.credentials import TOPIC
from mmpush_tui.simulator.phones import PhoneState
from mmpush_tui.watching.client import ControlClient
from tests.proxy.rehearsal import Rehearsal, rehearsal
from tests.waiting import eventually

pytestmark = pytest.mark.slow

PROJECT = "mmpush-demo"


@pytest.fixture
async def stage(short_tmp: Path) -> AsyncIterator[Rehearsal]:
    async with rehearsal(short_tmp) as it:
        yield it


async def events_until(stage: Rehearsal, count: int, after: str = "") -> list[Event]:
    """Return the next ``count`` events."""
    found: list[Event] = []
    async with asyncio.timeout(10), stage.client.events(after) as events:
        async for event in events:
            found.append(event)
            if len(found) == count:
                break
    return found


async def run_of(stage: Rehearsal) -> str:
    return str((await stage.client.status())["run"])


async def test_accepted_by_apple_and_google_is_ok(stage: Rehearsal) -> None:
    assert await stage.push(stage.world.phones.add_apple(TOPIC)) == {"status": "OK"}
    assert await stage.push(stage.world.phones.add_android(PROJECT)) == {"status": "OK"}
    assert [received.kind for received in stage.world.phones.received] == ["message", "message"]


async def test_a_call_goes_to_the_voip_topic_of_the_same_target(stage: Rehearsal) -> None:
    phone = stage.world.phones.add_apple(f"{TOPIC}.voip")
    answer = await stage.push(
        f"apple_voip_rn:{phone.token}", transport="voip", sub_type="calls", channel_id="c1"
    )
    assert answer == {"status": "OK"}


@pytest.mark.parametrize("state", [PhoneState.DEAD, PhoneState.EXPIRED])
async def test_a_dead_device_is_removed(stage: Rehearsal, state: PhoneState) -> None:
    phones = stage.world.phones
    assert await stage.push(phones.add_apple(TOPIC, state=state)) == {"status": "REMOVE"}
    assert await stage.push(phones.add_android(PROJECT, state=state)) == {"status": "REMOVE"}


async def test_what_apple_declines_keeps_upstreams_prefix_and_names_the_reason(
    stage: Rehearsal,
) -> None:
    phone = stage.world.phones.add_apple(TOPIC)
    await stage.world.apns.faults.raise_("apple-refuses", reason="PayloadTooLarge")
    answer = await stage.push(phone)
    assert answer == {
        "status": "FAIL",
        "error": "unknown send response error: status=413 reason=PayloadTooLarge",
    }
    await stage.world.clear_faults()


async def test_what_google_declines_is_answered_in_googles_words(stage: Rehearsal) -> None:
    phone = stage.world.phones.add_android(PROJECT, state=PhoneState.BAD)
    assert await stage.push(phone) == {
        "status": "FAIL",
        "error": "The registration token is not a valid FCM registration token",
    }


@pytest.mark.parametrize(
    ("token", "hint"),
    [
        ("null", "the app had no token yet"),
        ("apple_rn-v2:" + "ab" * 32, "it still has its platform in front"),
        ("../../3/device/x", "expected 64 or more hexadecimal digits"),
        ("ab" * 32 + "?x=1", "expected 64 or more hexadecimal digits"),
        ("ab" * 32 + "\r\nhost: evil", "expected 64 or more hexadecimal digits"),
    ],
)
async def test_a_token_that_is_none_never_leaves_the_host(
    stage: Rehearsal, token: str, hint: str
) -> None:
    answer = await stage.push(f"apple_rn-v2:{token}")
    assert answer == {
        "status": "FAIL",
        "error": f"unknown send response error: this is no APNs device token, {hint}",
    }
    assert not stage.world.apns.violations


async def test_no_target_for_the_platform_is_upstreams_text(stage: Rehearsal) -> None:
    body = b'{"server_id":"s1","device_id":"d1","platform":"apple_rnbeta-v2"}'
    assert (await stage.post(body))["error"] == (
        "Did not send message because of missing platform property type=apple_rnbeta serverId=s1"
    )


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("/api/v1/send_push", b"", "Failed to read message body: EOF"),
        ("/api/v1/send_push", b'{"server_id"', "Failed to read message body: unexpected EOF"),
        ("/api/v1/send_push", b"null", "Failed because of missing server Id"),
        ("/api/v1/send_push", b'{"server_id":"s1"}',
         "Failed because of missing device Id serverId=s1"),
        ("/api/v1/send_push", b"x" * 300_000,
         "Failed to read message body: more than 262144 bytes"),
        ("/api/v1/ack", b"{", "Failed to read ack body: unexpected EOF"),
        ("/api/v1/ack", b"{}", "Failed because of missing ack Id"),
        ("/api/v1/ack", b'{"id":"a"}', "Failed because of missing ack platform"),
        ("/api/v1/ack", b'{"id":"a","platform":"ios"}', "Failed because of missing ack type"),
    ],
)  # fmt: skip
async def test_bad_input_is_refused_in_upstreams_words(
    stage: Rehearsal, path: str, body: bytes, error: str
) -> None:
    assert await stage.post(body, path) == {"status": "FAIL", "error": error}


async def test_apple_down_is_a_failure_with_its_cause_and_google_goes_on(stage: Rehearsal) -> None:
    phones = stage.world.phones
    await stage.world.apns.faults.raise_("upstream-down")
    port = stage.world.apns.endpoint.rpartition(":")[2]
    assert await stage.push(phones.add_apple(TOPIC)) == {
        "status": "FAIL",
        "error": f"unknown transport error: 127.0.0.1:{port} refused the connection",
    }
    assert await stage.push(phones.add_android(PROJECT)) == {"status": "OK"}
    await stage.world.apns.faults.clear()
    assert await stage.push(phones.add_apple(TOPIC)) == {"status": "OK"}


async def test_the_pages_mattermost_asks_for(stage: Rehearsal) -> None:
    async with httpx.AsyncClient(base_url=stage.worker.url, trust_env=False) as http:
        root = await http.get("/")
        assert root.status_code == 200
        assert "Mattermost Push Proxy" in root.text
        version = (await http.get("/version")).json()
        assert version["version"] == "6.5.0"
        assert version["product"].startswith("mmpush-tui ")
        head = await http.head("/")
        assert (head.status_code, head.content) == (200, b"")
        assert (await http.get("/api/v1/send_push")).status_code == 405
        assert (await http.post("/api/v1/send_push/")).status_code == 404
        assert (await http.get("/metrics")).status_code == 404


async def test_a_push_is_told_as_arrived_sent_and_answered(stage: Rehearsal) -> None:
    phone = stage.world.phones.add_apple(TOPIC)
    run = await run_of(stage)
    await stage.push(phone)
    state, arrived, sent, answered = await events_until(stage, 4, f"{run}:0")
    assert (state.kind, state.status) == ("state", "running")
    assert [event.phase for event in (arrived, sent, answered)] == ["arrived", "sent", "answered"]
    assert len({event.id for event in (arrived, sent, answered)}) == 1
    assert sent.stream > 0
    assert answered.device == f"{phone.token[:6]}.."
    assert (answered.target, answered.status, answered.http) == ("apple_rn", "OK", 200)
    assert answered.tries == 1
    assert answered.upstream_id
    assert answered.ms["total"] >= answered.ms["upstream"] > 0


async def test_a_receipt_is_matched_to_its_delivery(stage: Rehearsal) -> None:
    phone = stage.world.phones.add_apple(TOPIC)
    await stage.push(phone)
    await stage.world.settle(10)
    status = await stage.client.status()
    assert status["counts"]["acknowledged"] == 1
    (delivery,) = (await stage.client.deliveries())["deliveries"]
    assert delivery["ms"]["device"] > 0
    stranger = b'{"id":"unknown","received_at":1,"platform":"ios","type":"message"}'
    assert await stage.post(stranger, "/api/v1/ack") == {"status": "OK"}
    counts = (await stage.client.status())["counts"]
    assert (counts["acknowledged"], counts["unmatched_acks"]) == (1, 1)


async def test_neither_message_nor_token_reaches_log_event_or_status(stage: Rehearsal) -> None:
    phones = stage.world.phones
    run = await run_of(stage)
    devices = [phones.add_apple(TOPIC), phones.add_android(PROJECT),
               phones.add_apple(TOPIC, state=PhoneState.DEAD),
               phones.add_android(PROJECT, state=PhoneState.BAD)]  # fmt: skip
    for phone in devices:
        await stage.push(phone, message="canary-text", sender_name="canary-name",
                         channel_name="canary-channel")  # fmt: skip
    seen = await events_until(stage, 1 + 3 * len(devices), f"{run}:0")
    everything = (
        stage.log() + str(await stage.client.status()) + str(await stage.client.deliveries())
        + msgspec.json.encode(seen).decode()
    )  # fmt: skip
    assert "canary" not in everything
    for phone in devices:
        assert phone.token not in everything
        assert phone.token[:12] not in everything


async def test_the_control_socket_is_the_owners_alone_and_goes_with_the_worker(
    short_tmp: Path,
) -> None:
    async with rehearsal(short_tmp) as stage:
        mode = stage.worker.control.stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
        control = stage.worker.control
    assert not control.exists()
    async with ControlClient(control) as client:
        with pytest.raises(UnreachableError, match="does not answer"):
            await client.status()


async def test_reload_takes_what_is_good_and_keeps_the_old_where_the_new_is_bad(
    stage: Rehearsal,
) -> None:
    config = stage.world.config
    document = tomllib.loads(config.read_text())
    beta = document["proxy"]["apple"][0] | {"type": "apple_rnbeta"}
    document["proxy"]["apple"].append(beta)
    document["proxy"]["android"][0]["service_account_file"] = "/missing.json"
    config.write_text(tomli_w.dumps(document))
    outcome = await stage.client.command("reload")
    assert outcome == {
        "reloaded": True,
        "kept": ["android_rn"],
        "disabled": [],
        "needs_restart": False,
        "restart_for": [],
    }
    phones = stage.world.phones
    assert await stage.push(phones.add_android(PROJECT)) == {"status": "OK"}
    phone = phones.add_apple(TOPIC)
    assert await stage.push(f"apple_rnbeta-v2:{phone.token}") == {"status": "OK"}

    config.write_text("proxy = [")
    os.kill(stage.worker.pid, signal.SIGHUP)
    async with asyncio.timeout(10), stage.client.events(f"{await run_of(stage)}:0") as events:
        async for event in events:
            if event.reason == "reload_failed":
                assert "this is no TOML" in event.message
                break
    assert await stage.push(phones.add_android(PROJECT)) == {"status": "OK"}


async def test_drain_refuses_new_pushes_and_the_socket_still_answers(stage: Rehearsal) -> None:
    assert await stage.client.command("drain") == {"accepted": "drain"}
    await eventually(lambda: is_status(stage, "state", "drained"))
    async with httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(stage.worker.url)
    await stage.client.command("stop")
    assert await stage.worker.wait(10) == 0


async def test_sigterm_answers_what_is_under_way_and_exits_0(stage: Rehearsal) -> None:
    await stage.world.apns.faults.raise_("slow")
    phone = stage.world.phones.add_apple(TOPIC)
    async with asyncio.TaskGroup() as group:
        under_way = [group.create_task(stage.push(phone)) for _ in range(20)]
        await eventually(lambda: is_status(stage, "in_flight", 20))
        assert await stage.worker.stop(timeout_s=25) == 0
    assert [push.result() for push in under_way] == [{"status": "OK"}] * 20


async def test_a_second_signal_does_not_wait_and_still_answers(stage: Rehearsal) -> None:
    await stage.world.apns.faults.raise_("slow", seconds=20)
    phone = stage.world.phones.add_apple(TOPIC)
    async with asyncio.TaskGroup() as group:
        under_way = group.create_task(stage.push(phone))
        await eventually(lambda: is_status(stage, "in_flight", 1))
        os.kill(stage.worker.pid, signal.SIGTERM)
        await eventually(lambda: is_status(stage, "state", "draining"))
        os.kill(stage.worker.pid, signal.SIGTERM)
        assert await stage.worker.wait(10) == 130
    assert under_way.result()["status"] == "FAIL"
    await stage.world.clear_faults()


async def is_status(stage: Rehearsal, key: str, value: object) -> bool:
    return bool((await stage.client.status())[key] == value)


async def test_ten_readers_and_a_slow_one_do_not_hold_up_a_push(stage: Rehearsal) -> None:
    phone = stage.world.phones.add_apple(TOPIC)
    reader, writer = await asyncio.open_unix_connection(stage.worker.control)
    writer.write(b"GET /events HTTP/1.1\r\nhost: x\r\n\r\n")
    await reader.readexactly(12)
    for _ in range(50):
        assert await stage.push(phone) == {"status": "OK"}
    writer.close()
    await writer.wait_closed()
