import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from h2.errors import ErrorCodes

from mmpush_tui.errors import UsageError
from mmpush_tui.simulator.acts.base import Behaviour
from mmpush_tui.simulator.acts.general import Slow
from mmpush_tui.simulator.credentials import AppleKey, GoogleAccount
from mmpush_tui.simulator.faults import FAULTS
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.phones import Phones
from mmpush_tui.simulator.standins.apns import ApnsStandIn
from mmpush_tui.simulator.standins.fcm import FcmStandIn
from tests.clock import Clock
from tests.simulator.peers import RawClient, assertion, provider_token
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")

TOPIC = "com.example.chat"


class World:
    """Both stand-ins, with a phone each, and clients that obey."""

    def __init__(self, apns: ApnsStandIn, fcm: FcmStandIn, key: AppleKey) -> None:
        self.apns = apns
        self.fcm = fcm
        self.phones = apns.phones
        self.apple = self.phones.add_apple(TOPIC)
        self.android = self.phones.add_android("chat-project")
        self.provider_token = provider_token(key, apns.now())
        self.access_token = ""

    async def to_apple(self, client: httpx.AsyncClient) -> httpx.Response:
        return await client.post(
            f"{self.apns.endpoint}/3/device/{self.apple.token}",
            content=b'{"aps":{"alert":"x"}}',
            headers={
                "authorization": f"bearer {self.provider_token}",
                "apns-topic": TOPIC,
                "apns-push-type": "alert",
            },
        )

    async def to_android(self, client: httpx.AsyncClient) -> httpx.Response:
        if not self.access_token:
            signed = assertion(self.fcm.accounts[0], self.fcm.now())
            granted = await client.post(
                self.fcm.token_uri,
                data={
                    "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                    "assertion": signed,
                },
            )
            self.access_token = granted.json()["access_token"]
        return await client.post(
            f"{self.fcm.endpoint}/v1/projects/chat-project/messages:send",
            content=json.dumps({"message": {"token": self.android.token}}),
            headers={
                "authorization": f"Bearer {self.access_token}",
                "content-type": "application/json",
            },
        )


@pytest.fixture
async def world(
    ca: ThrowAwayCA, apple_key: AppleKey, account: GoogleAccount
) -> AsyncIterator[World]:
    phones, clock = Phones(), Clock()
    async with (
        ApnsStandIn(ca, [apple_key], phones, now=clock) as apns,
        FcmStandIn(ca, account, phones, now=clock) as fcm,
    ):
        yield World(apns, fcm, apple_key)
    for standin in (apns, fcm):
        assert standin.errors == []
        assert standin.violations == []
        assert standin.server.connections == ()


@pytest.fixture
async def client(ca: ThrowAwayCA) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(http2=True, verify=ca.client_context(())) as client:
        yield client


def test_every_fault_is_documented() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert fault.title
        assert fault.help.endswith(".")
        assert issubclass(fault.behaviour, Behaviour)
        assert dataclasses.is_dataclass(fault.behaviour)
        assert isinstance(fault.behaviour(), Behaviour)


async def test_dead_tokens(world: World, client: httpx.AsyncClient) -> None:
    await world.apns.faults.raise_("dead-token")
    await world.fcm.faults.raise_("dead-token")
    response = await world.to_apple(client)
    assert response.status_code == 410
    assert response.content == b'{"reason":"Unregistered","timestamp":1800000000000}'
    response = await world.to_android(client)
    assert response.status_code == 404
    assert response.json()["error"]["details"][0]["errorCode"] == "UNREGISTERED"
    assert world.phones.accepted == 0
    await world.apns.faults.clear("dead-token")
    await world.fcm.faults.clear()
    assert (await world.to_apple(client)).status_code == 200
    assert (await world.to_android(client)).status_code == 200


async def test_upstream_down(world: World, client: httpx.AsyncClient, ca: ThrowAwayCA) -> None:
    for standin, send in ((world.apns, world.to_apple), (world.fcm, world.to_android)):
        endpoint = standin.endpoint
        assert (await send(client)).status_code == 200
        await standin.faults.raise_("upstream-down")
        assert not standin.server.is_listening
        # The pool may find the dropped connection first.
        with pytest.raises(httpx.TransportError):
            await send(client)
        async with httpx.AsyncClient(http2=True, verify=ca.client_context(())) as fresh:
            with pytest.raises(httpx.ConnectError):
                await send(fresh)
            await standin.faults.clear("upstream-down")
            assert standin.endpoint == endpoint
            assert (await send(fresh)).status_code == 200


async def test_a_stand_in_that_is_closed_while_down_stays_closed(
    ca: ThrowAwayCA, apple_key: AppleKey
) -> None:
    async with ApnsStandIn(ca, [apple_key], Phones()) as apns:
        await apns.faults.raise_("upstream-down")
    await apns.faults.clear()
    assert not apns.server.is_listening
    assert apns.faults.active() == ()


async def test_slow(world: World, client: httpx.AsyncClient) -> None:
    loop = asyncio.get_running_loop()
    for standin, send in ((world.apns, world.to_apple), (world.fcm, world.to_android)):
        await standin.faults.raise_("slow", seconds=0.2)
        started = loop.time()
        assert (await send(client)).status_code == 200
        assert loop.time() - started >= 0.2
        await standin.faults.clear("slow")


async def test_a_client_that_gives_up_on_a_slow_answer_gets_no_push(
    world: World, ca: ThrowAwayCA
) -> None:
    await world.apns.faults.raise_("slow", seconds=3600)
    headers = [("authorization", f"bearer {world.provider_token}")]
    async with RawClient(world.apns.server.port, ca.client_context()) as client:
        stream_id = client.request(headers, b"{}", path=f"/3/device/{world.apple.token}")
        await eventually(lambda: open_streams(world.apns))
        client.h2.reset_stream(stream_id, ErrorCodes.CANCEL)
        client.flush()
        await eventually(lambda: not open_streams(world.apns))
    assert world.phones.accepted == 0


async def test_closing_does_not_wait_for_slow_answers(
    ca: ThrowAwayCA, apple_key: AppleKey, client: httpx.AsyncClient
) -> None:
    async with ApnsStandIn(ca, [apple_key], Phones()) as apns:
        await apns.faults.raise_("slow", seconds=3600)

        async def close() -> None:
            await eventually(lambda: open_streams(apns))
            await apns.aclose()

        sent, _ = await asyncio.gather(
            client.post(f"{apns.endpoint}/3/device/00"), close(), return_exceptions=True
        )
        assert isinstance(sent, httpx.TransportError)


def open_streams(standin: ApnsStandIn) -> int:
    return sum(connection.open_streams for connection in standin.server.connections)


async def test_faults_add_up_and_are_replaced(world: World, client: httpx.AsyncClient) -> None:
    board = world.apns.faults
    await board.raise_("slow", seconds=3600)
    await board.raise_("slow", seconds=0)
    await board.raise_("dead-token")
    assert [active.fault.name for active in board.active()] == ["slow", "dead-token"]
    assert board.active()[0].behaviour == Slow(seconds=0)
    assert (await world.to_apple(client)).status_code == 410
    await board.clear()
    assert board.active() == ()
    await board.clear("slow")


async def test_down_and_up_again_at_once(world: World, client: httpx.AsyncClient) -> None:
    board = world.apns.faults
    await asyncio.gather(
        board.raise_("upstream-down"),
        board.clear(),
        board.raise_("upstream-down"),
        board.raise_("upstream-down"),
        board.clear("upstream-down"),
    )
    assert (await world.to_apple(client)).status_code == 200


async def test_unknown_faults_are_named_with_the_nearest_known(world: World) -> None:
    board = world.apns.faults
    with pytest.raises(UsageError, match="there is no fault 'dead-tokn' at apns") as caught:
        await board.raise_("dead-tokn")
    assert caught.value.fix == "Did you mean dead-token?"
    with pytest.raises(UsageError) as caught:
        await board.clear("xyz")
    known = ", ".join(fault.name for fault in FAULTS if fault.is_for("apns"))
    assert caught.value.fix == f"Known are {known}."
    with pytest.raises(UsageError) as caught:
        await board.raise_("slow", second=1)
    assert caught.value.fix == "Did you mean seconds?"
    for value in (-1, 3601, float("nan"), "2"):
        with pytest.raises(UsageError, match="the fault slow cannot be raised like that"):
            await board.raise_("slow", seconds=value)
    assert board.active() == ()
    assert {"dead-token", "upstream-down", "slow"} < {fault.name for fault in board.known}
    assert "max-age" not in {fault.name for fault in board.known}
    assert FAULTS[2].parameters == {"seconds": 2.0}
