"""What the faults put on the wire, as a client sees it that does nothing wrong."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import h2.events
import pytest

from mmpush_tui.simulator.credentials import AppleKey, GoogleAccount
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.phones import Phones
from mmpush_tui.simulator.standins.apns import ApnsStandIn
from mmpush_tui.simulator.standins.fcm import FcmStandIn
from tests.simulator.peers import RawClient, provider_token
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")

TOPIC = "com.example.chat"
MAX_STREAMS = 3


class Apple:
    """APNs, and how to ask it for a push."""

    def __init__(self, apns: ApnsStandIn, ca: ThrowAwayCA, key: AppleKey) -> None:
        self.apns = apns
        self.phone = apns.phones.add_apple(TOPIC)
        self.context = ca.client_context()
        self._token = provider_token(key, apns.now())

    def client(self) -> RawClient:
        return RawClient(self.apns.server.port, self.context)

    def ask(self, client: RawClient, count: int = 1, body: bytes = b'{"aps":{}}') -> list[int]:
        headers = [
            ("authorization", f"bearer {self._token}"),
            ("apns-topic", TOPIC),
            ("apns-push-type", "alert"),
        ]
        path = f"/3/device/{self.phone.token}"
        return [client.request(headers, body, path=path) for _ in range(count)]

    async def warm(self, client: RawClient) -> None:
        """Get the connection trusted."""
        await client.until(lambda: bool(client.settings()))
        (first,) = self.ask(client)
        assert (await client.answer(first)).status == 200
        await client.until(lambda: len(client.settings()) > 1)

    @property
    def delivered(self) -> int:
        return self.apns.phones.accepted


@pytest.fixture
async def apple(ca: ThrowAwayCA, apple_key: AppleKey) -> AsyncIterator[Apple]:
    async with ApnsStandIn(ca, [apple_key], Phones()) as apns:
        yield Apple(apns, ca, apple_key)
    assert apns.errors == []
    assert apns.violations == []


def goodbyes(client: RawClient) -> list[tuple[int, int, bytes]]:
    return [
        (it.last_stream_id, int(it.error_code), it.additional_data or b"")
        for it in client.seen(h2.events.ConnectionTerminated)
    ]


async def test_a_goodbye_comes_before_the_answers(apple: Apple) -> None:
    async with apple.client() as client:
        await apple.warm(client)
        await apple.apns.faults.raise_("goaway")
        ids = apple.ask(client, 3)
        await client.until(lambda: bool(goodbyes(client)))
        assert goodbyes(client) == [(ids[-1], 0, b"")]
    assert apple.delivered == 4


async def test_a_goodbye_to_all_but_the_first(apple: Apple) -> None:
    async with apple.client() as client:
        await apple.warm(client)
        await apple.apns.faults.raise_("goaway-unprocessed")
        ids = apple.ask(client, 3)
        await client.until(lambda: bool(goodbyes(client)))
        assert goodbyes(client) == [(ids[0], 0, b"")]
        await eventually(lambda: apple.delivered == 2)
        # A second connection is served as if nothing were.
        async with apple.client() as other:
            await apple.warm(other)
    assert apple.delivered == 3


@pytest.mark.parametrize("delivers", [False, True])
async def test_a_goodbye_that_breaks_its_promise(apple: Apple, delivers: bool) -> None:
    async with apple.client() as client:
        await apple.warm(client)
        await apple.apns.faults.raise_("goaway-close", delivers=delivers)
        (one,) = apple.ask(client)
        await client.closed()
        assert goodbyes(client) == [(one, 0, b"")]
        assert not client.answers[one].is_ended
    assert apple.delivered == 1 + delivers


async def test_a_goodbye_in_place_of_settings(apple: Apple) -> None:
    await apple.apns.faults.raise_("goaway-first", reason="Forbidden")
    async with apple.client() as client:
        await client.closed()
        assert goodbyes(client) == [(0, 0, b'{"reason":"Forbidden"}')]
        assert client.settings() == []


async def test_calm(apple: Apple) -> None:
    async with apple.client() as client:
        await apple.warm(client)
        await apple.apns.faults.raise_("goaway-calm")
        ids = apple.ask(client, 2)
        await client.closed()
        assert goodbyes(client) == [(ids[0] - 2, 11, b"")]
    assert apple.delivered == 1


@pytest.mark.parametrize("both", [False, True])
async def test_a_refused_stream(apple: Apple, both: bool) -> None:
    async with apple.client() as client:
        await apple.warm(client)
        await apple.apns.faults.raise_("refused-stream", both=both)
        (one,) = apple.ask(client)
        assert (await client.answer(one)).reset == 7
        # Once only, and the connection goes on.
        (two,) = apple.ask(client)
        assert (await client.answer(two)).status == 200
    assert apple.delivered == 2


@pytest.mark.parametrize(("code", "delivers"), [(2, False), (8, True)])
async def test_a_reset_after_the_body(apple: Apple, code: int, delivers: bool) -> None:
    async with apple.client() as client:
        await apple.warm(client)
        await apple.apns.faults.raise_("reset-after-body", code=code, delivers=delivers)
        (one,) = apple.ask(client)
        assert (await client.answer(one)).reset == code
    assert apple.delivered == 1 + delivers


async def test_the_stream_limit_swings(apple: Apple) -> None:
    async with apple.client() as client:
        await apple.warm(client)
        await apple.apns.faults.raise_("streams-swing", low=1)
        ids = apple.ask(client, 4)
        answers = [await client.answer(each) for each in ids]
        assert [answer.reset for answer in answers].count(7) == 2
        assert [answer.status for answer in answers].count(200) == 2
        await client.until(lambda: len(client.settings()) > 3)
        assert [it[MAX_STREAMS] for it in client.settings()] == [1, 1000, 1, 1000]
    assert apple.delivered == 3


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("streams-swing", {"low": 0}), ("goaway-unprocessed", {}), ("goaway-calm", {})],
)
async def test_what_was_acted_on_is_never_called_unprocessed(
    apple: Apple, name: str, parameters: dict[str, int]
) -> None:
    async with apple.client() as client:
        await apple.warm(client)
        # A lower stream is under way of which nobody knows what it will ask.
        client.request([], end=False)
        await apple.apns.faults.raise_("mute-stream", delivers=True)
        (mute,) = apple.ask(client)
        await eventually(lambda: apple.delivered == 2)
        await apple.apns.faults.clear()
        await apple.apns.faults.raise_(name, **parameters)
        apple.ask(client)
        await client.until(lambda: bool(goodbyes(client)) or len(client.settings()) > 3)
        assert client.answers[mute].reset is None
        assert all(last >= mute for last, _, _ in goodbyes(client))


async def test_no_streams_for_those_connected_and_those_that_come(apple: Apple) -> None:
    async with apple.client() as client:
        await apple.warm(client)
        await apple.apns.faults.raise_("streams-zero")
        await client.until(lambda: len(client.settings()) > 2)
        assert client.settings()[-1] == {MAX_STREAMS: 0}
        async with apple.client() as other:
            await other.until(lambda: bool(other.settings()))
            assert other.settings()[0][MAX_STREAMS] == 0
        await apple.apns.faults.clear()
        await client.until(lambda: len(client.settings()) > 3)
        assert client.settings()[-1] == {MAX_STREAMS: 1000}


@pytest.mark.parametrize("fault", ["no-settings", "black-hole"])
async def test_silence(apple: Apple, fault: str) -> None:
    await apple.apns.faults.raise_(fault)
    async with apple.client() as client:
        client.h2.ping(b"12345678")
        client.flush()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.until(lambda: bool(client.events))
    await apple.apns.faults.clear()


async def test_those_connected_fall_silent_too(apple: Apple) -> None:
    async with apple.client() as client:
        await apple.warm(client)
        before = len(client.events)
        await apple.apns.faults.raise_("black-hole")
        apple.ask(client)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.until(lambda: len(client.events) > before)
        await apple.apns.faults.clear()
        await client.closed()
    assert apple.delivered == 1


async def test_a_tiny_window_opens_late(apple: Apple) -> None:
    await apple.apns.faults.raise_("tiny-window", size=10, delay=0.05)
    async with apple.client() as client:
        await client.until(lambda: bool(client.settings()))
        assert client.settings()[0][4] == 10
        assert client.h2.remote_settings.initial_window_size == 10


async def test_odd_frames(apple: Apple) -> None:
    await apple.apns.faults.raise_("odd-frames")
    async with apple.client() as client:
        await client.until(lambda: bool(client.settings()))
        assert client.settings()[0][1] == 0
        (one,) = apple.ask(client)
        answer = await client.answer(one)
        assert answer.status == 200
        assert len(answer.headers["x-filler"]) == 12_000
        assert len(client.seen(h2.events.PingReceived)) == 50
        assert len(client.seen(h2.events.InformationalResponseReceived)) == 1
        assert len(client.seen(h2.events.UnknownFrameReceived)) == 2


async def test_a_refusal_in_pieces(apple: Apple) -> None:
    await apple.apns.faults.raise_("dead-token")
    await apple.apns.faults.raise_("split-error")
    async with apple.client() as client:
        await client.until(lambda: bool(client.settings()))
        (one,) = apple.ask(client)
        answer = await client.answer(one)
        assert answer.status == 410
        assert len(answer.frames) == 4
        assert answer.frames[-1] == b""
        padded = [it.flow_controlled_length - len(it.data)
                  for it in client.seen(h2.events.DataReceived)]  # fmt: skip
        assert padded == [10, 10, 10, 10]


async def test_an_idle_connection_is_closed_without_a_word(apple: Apple) -> None:
    await apple.apns.faults.raise_("half-close-idle")
    async with apple.client() as client:
        await apple.warm(client)
        await client.closed()
        assert goodbyes(client) == []


@pytest.mark.parametrize("at", ["headers", "body"])
async def test_a_tcp_reset(apple: Apple, at: str) -> None:
    async with apple.client() as client:
        await apple.warm(client)
        await apple.apns.faults.raise_("tcp-reset", at=at)
        apple.ask(client)
        await client.closed()
    assert apple.delivered == 1


@pytest.mark.parametrize("at", ["tls", "handshake"])
async def test_a_reset_of_tls(apple: Apple, at: str) -> None:
    await apple.apns.faults.raise_("tls-reset", at=at)
    with pytest.raises((ConnectionError, ssl.SSLError)):
        async with apple.client():
            pass
    async with apple.client() as client:
        await apple.warm(client)


@pytest.mark.parametrize(
    ("fault", "goodbye"),
    [
        ("session-timeout", (0, b"session_timed_out")),
        ("max-age", (0, b"max_age")),
        ("too-many-pings", (11, b"too_many_pings")),
    ],
)
async def test_googles_goodbyes(
    ca: ThrowAwayCA, account: GoogleAccount, fault: str, goodbye: tuple[int, bytes]
) -> None:
    async with FcmStandIn(ca, account, Phones()) as fcm:
        await fcm.faults.raise_(fault)
        async with RawClient(fcm.server.port, ca.client_context()) as client:
            await client.until(lambda: bool(client.settings()))
            client.request([], b"{}", path="/nowhere")
            await client.until(lambda: bool(goodbyes(client)))
            assert goodbyes(client)[0][1:] == goodbye


async def test_requests_and_connections_are_counted(apple: Apple) -> None:
    async with apple.client() as client:
        await apple.warm(client)
        for each in apple.ask(client, 3):
            await client.answer(each)
    counts = apple.apns.server.counts
    assert (counts.connections, counts.secured, counts.begun, counts.completed) == (1, 1, 4, 4)
