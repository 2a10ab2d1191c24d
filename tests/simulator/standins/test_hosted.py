"""The hosted push services' stand-ins: what they answer, and to whom they deliver."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from mmpush_tui.configuration import config as configuration
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.phones import Phones, PhoneState
from mmpush_tui.simulator.standins.hosted import BODY_LIMIT, HPNS_HOSTS, TPNS_HOSTS, HostedStandIn
from mmpush_tui.simulator.world import World

pytestmark = pytest.mark.usefixtures("nothing_left")

PUSH = {"server_id": "srv1", "platform": "apple_rn-v2", "type": "message", "ack_id": "a1"}


@pytest.fixture
def phones() -> Phones:
    return Phones(seed=3)


@pytest.fixture
async def hosted(ca: ThrowAwayCA, phones: Phones) -> AsyncIterator[HostedStandIn]:
    async with HostedStandIn(ca, phones, TPNS_HOSTS) as hosted:
        yield hosted


@pytest.fixture
async def http(ca: ThrowAwayCA, hosted: HostedStandIn) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=hosted.endpoint, verify=ca.client_context(()), trust_env=False
    ) as client:
        yield client


async def posted(http: httpx.AsyncClient, body: bytes | dict[str, Any]) -> dict[str, str]:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    response = await http.post("/api/v1/send_push", content=data)
    assert response.status_code == 200
    answer: dict[str, str] = response.json()
    return answer


async def test_it_says_what_it_is(http: httpx.AsyncClient, hosted: HostedStandIn) -> None:
    version = await http.get("/version")
    assert version.http_version == "HTTP/1.1"
    assert version.json() == {"hash": "0" * 40, "version": "6.5.0"}
    assert "Mattermost Push Proxy" in (await http.get("/")).text
    assert (await http.head("/version")).content == b""
    assert (await http.get("/metrics")).status_code == 404
    assert (await http.get("/api/v1/send_push")).status_code == 404
    assert hosted.requests == [
        ("GET", "/version"), ("GET", "/"), ("HEAD", "/version"), ("GET", "/metrics"),
        ("GET", "/api/v1/send_push"),
    ]  # fmt: skip


async def test_a_push_to_a_known_phone_is_delivered(
    http: httpx.AsyncClient, hosted: HostedStandIn, phones: Phones
) -> None:
    iphone, android = phones.add_apple(), phones.add_android("project")
    assert await posted(http, PUSH | {"device_id": iphone.token}) == {"status": "OK"}
    push = PUSH | {"platform": "android_rn-v2", "device_id": android.token}
    assert await posted(http, push) == {"status": "OK"}
    assert hosted.accepted == 2
    assert [(r.token, r.ack_id, r.kind) for r in phones.received] == [
        (iphone.token, "a1", "message"), (android.token, "a1", "message"),
    ]  # fmt: skip


async def test_the_token_of_somebody_elses_app_is_removed(
    http: httpx.AsyncClient, hosted: HostedStandIn, phones: Phones
) -> None:
    gone = phones.add_apple(state=PhoneState.DEAD)
    assert await posted(http, PUSH | {"device_id": "ab" * 32}) == {"status": "REMOVE"}
    assert await posted(http, PUSH | {"device_id": gone.token}) == {"status": "REMOVE"}
    assert hosted.accepted == 0


@pytest.mark.parametrize(("body", "error"), [
    (b"", "Failed to read message body: EOF"),
    ({"platform": "apple_rn"}, "Failed because of missing server Id"),
    ({"server_id": "s"}, "Failed because of missing device Id serverId=s"),
    (PUSH | {"platform": "windows_rn", "device_id": "x"},
     "Did not send message because of missing platform property type=windows_rn serverId=srv1"),
])  # fmt: skip
async def test_refusals_are_those_of_the_reference_proxy(
    http: httpx.AsyncClient, body: bytes | dict[str, str], error: str
) -> None:
    assert await posted(http, body) == {"status": "FAIL", "error": error}


async def test_a_body_beyond_measure_ends_the_connection(http: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.TransportError):
        await http.post("/api/v1/send_push", content=b"x" * (BODY_LIMIT * 4))
    assert (await http.get("/version")).status_code == 200


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01", b"HELO\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
async def test_what_is_no_http_is_closed(
    ca: ThrowAwayCA, hosted: HostedStandIn, said: bytes
) -> None:
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", hosted.port, ssl=ca.client_context(()), server_hostname="127.0.0.1"
        )
        writer.write(said)
        writer.write_eof() if writer.can_write_eof() else writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            assert await reader.read() == b""
        writer.transport.abort()


async def test_http_2_is_not_spoken(ca: ThrowAwayCA, hosted: HostedStandIn) -> None:
    async with asyncio.timeout(30):
        _, writer = await asyncio.open_connection(
            "127.0.0.1", hosted.port, ssl=ca.client_context(), server_hostname=TPNS_HOSTS[0]
        )
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() is None
        writer.transport.abort()


async def test_closing_ends_what_is_open(ca: ThrowAwayCA, phones: Phones) -> None:
    hosted = HostedStandIn(ca, phones, HPNS_HOSTS)
    await hosted.aclose()
    async with asyncio.timeout(30):
        await hosted.start()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", hosted.port, ssl=ca.client_context(()), server_hostname=HPNS_HOSTS[0]
        )
        await hosted.aclose()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.transport.abort()
        with pytest.raises(OSError, match="111"):
            await asyncio.open_connection("127.0.0.1", hosted.port)


async def test_a_world_leads_the_real_names_to_its_stand_ins(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.start()
    try:
        config = configuration.load(world.config, {})
        assert config.network.connect_to == world.connect_to
        assert config.network.ca_file == str(world.ca_file)
        assert {address.rpartition(":")[0] for address in world.connect_to.values()} == {
            "127.0.0.1"
        }
        assert set(world.connect_to) == {
            f"{host}:443"
            for host in (
                "api.push.apple.com",
                "api.sandbox.push.apple.com",
                "fcm.googleapis.com",
                "oauth2.googleapis.com",
                "push-test.mattermost.com",
                "global.push.mattermost.com",
                "us.push.mattermost.com",
                "eu.push.mattermost.com",
                "ap.push.mattermost.com",
                "push.mattermost.com",
                "hpns-de.mattermost.com",
            )
        }
        for host, address in world.connect_to.items():
            name = host.rpartition(":")[0]
            address_host, _, port = address.rpartition(":")
            async with asyncio.timeout(30):
                _, writer = await asyncio.open_connection(
                    address_host,
                    int(port),
                    ssl=ssl.create_default_context(cafile=world.ca_file),
                    server_hostname=name,
                )
            writer.transport.abort()
    finally:
        await world.aclose()
