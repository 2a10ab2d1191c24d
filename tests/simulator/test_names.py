import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mmpush_tui.http2.connect import Endpoint, Route, connect
from mmpush_tui.http2.errors import ConnectError
from mmpush_tui.simulator.credentials import AppleKey
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.phones import Phones
from mmpush_tui.simulator.standins.apns import ApnsStandIn
from tests.simulator.peers import TIMEOUT_S
from tests.standins.names import (
    DEAD_IPV6,
    Found,
    NameAnswer,
    Names,
    NoAnswer,
    NoSuchName,
    ServerFailure,
)

pytestmark = pytest.mark.usefixtures("nothing_left")

HOST = "api.push.apple.com"


@pytest.fixture
async def apns(ca: ThrowAwayCA, apple_key: AppleKey) -> AsyncIterator[ApnsStandIn]:
    async with ApnsStandIn(ca, [apple_key], Phones()) as apns:
        yield apns
    assert apns.errors == []


@pytest.fixture
def route(apns: ApnsStandIn, ca: ThrowAwayCA) -> Route:
    return Route(Endpoint(HOST, apns.server.port), ca.client_context())


async def reach(route: Route, names: Names, timeout_s: float = TIMEOUT_S) -> str:
    """Connect, as a worker does, and return the address that was reached."""
    channel = await connect(replace(route, lookup=names.lookup), timeout_s)
    address: str = channel.transport.get_extra_info("peername")[0]
    channel.abort()
    return address


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_number_is_found_as_getaddrinfo_finds_it(host: str) -> None:
    found = await asyncio.get_running_loop().getaddrinfo(
        host, 443, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    assert await Names().lookup(host, 443) == found
    assert await Names({"here.example": Found((host,))}).lookup("here.example", 443) == found


async def test_several_addresses_in_their_order() -> None:
    names = Names({"Push.Example.": Found(("::1", "127.0.0.1", "127.0.0.2"), port=8443)})
    found = await names.lookup("push.EXAMPLE", 443)
    assert [info[4][:2] for info in found] == [
        ("::1", 8443), ("127.0.0.1", 8443), ("127.0.0.2", 8443),
    ]  # fmt: skip
    assert names.asked == [("push.EXAMPLE", 443)]


@pytest.mark.parametrize(
    ("answer", "number", "words"),
    [
        (NoSuchName(), socket.EAI_NONAME, "Name or service not known"),
        (ServerFailure(), socket.EAI_AGAIN, "Temporary failure in name resolution"),
        (NoAnswer(0.01), socket.EAI_AGAIN, "Temporary failure in name resolution"),
        (Found(()), socket.EAI_NODATA, "No address associated with hostname"),
    ],
)
async def test_errors_are_those_of_getaddrinfo(answer: NameAnswer, number: int, words: str) -> None:
    with pytest.raises(socket.gaierror) as caught:
        await Names({HOST: answer}).lookup(HOST, 443)
    assert caught.value.errno == number
    assert caught.value.strerror == words


async def test_a_name_that_nobody_told_does_not_exist() -> None:
    with pytest.raises(socket.gaierror) as caught:
        await Names({HOST: Found(("127.0.0.1",))}).lookup("fcm.googleapis.com", 443)
    assert caught.value.errno == socket.EAI_NONAME


async def test_what_is_no_name_is_refused_as_python_refuses_it() -> None:
    with pytest.raises(UnicodeError):
        await asyncio.get_running_loop().getaddrinfo("a..b", 443)
    with pytest.raises(UnicodeError):
        await Names({"a..b": Found(("127.0.0.1",))}).lookup("a..b", 443)


def test_what_cannot_be_told() -> None:
    with pytest.raises(ValueError, match="'localhost' does not appear to be an IPv4 or IPv6"):
        Found(("localhost",))
    with pytest.raises(ValueError, match="seconds must be from 0 to 3600"):
        NoAnswer(-1)
    with pytest.raises(ValueError, match="expected at least one answer"):
        Names().tell(HOST)


async def test_answers_follow_each_other_and_the_last_stays(
    route: Route,
) -> None:
    names = Names()
    names.tell(HOST, NoSuchName(), ServerFailure(), Found(("127.0.0.1",)))
    for code in ("dns_unknown", "dns_failed"):
        with pytest.raises(ConnectError) as caught:
            await reach(route, names)
        assert (caught.value.stage, caught.value.code) == ("dns", code)
    assert [await reach(route, names) for _ in range(2)] == ["127.0.0.1"] * 2
    assert names.asked == [(HOST, route.endpoint.port)] * 4


async def test_no_name_server_answers(route: Route) -> None:
    with pytest.raises(ConnectError) as caught:
        await reach(route, Names({HOST: NoAnswer(3600)}), 0.05)
    assert caught.value.code == "dns_timeout"


async def test_a_dead_ipv6_address_comes_first(route: Route) -> None:
    assert await reach(route, Names({HOST: Found((DEAD_IPV6, "127.0.0.1"))})) == "127.0.0.1"


async def test_the_next_lookup_finds_another_address(
    route: Route, ca: ThrowAwayCA, apple_key: AppleKey
) -> None:
    names = Names()
    async with ApnsStandIn(ca, [apple_key], Phones()) as other:
        names.tell(HOST, Found(("127.0.0.1",)), Found(("127.0.0.1",), port=other.server.port))
        await reach(route, names)
        assert other.server.counts.connections == 0
        await reach(route, names)
        assert other.server.counts.connections == 1
