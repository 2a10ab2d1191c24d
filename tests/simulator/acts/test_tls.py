"""The faults of TLS and ALPN, as a client meets them."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator

import pytest

from mmpush_tui.simulator.acts.base import Side
from mmpush_tui.simulator.credentials import AppleKey, GoogleAccount
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.phones import Phones
from mmpush_tui.simulator.standins.apns import ApnsStandIn
from mmpush_tui.simulator.standins.fcm import FcmStandIn
from tests.simulator.peers import TIMEOUT_S, RawClient
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("nothing_left")

TLS_FAULTS = (
    "untrusted-ca", "expired-certificate", "wrong-name", "old-tls", "client-certificate",
    "no-alpn", "http1-answer",
)  # fmt: skip

StandIn = ApnsStandIn | FcmStandIn


@pytest.fixture(params=["apns", "fcm"])
async def standin(
    request: pytest.FixtureRequest, ca: ThrowAwayCA, apple_key: AppleKey, account: GoogleAccount
) -> AsyncIterator[StandIn]:
    side: Side = request.param
    made: StandIn = (
        ApnsStandIn(ca, [apple_key], Phones())
        if side == "apns"
        else FcmStandIn(ca, account, Phones())
    )
    async with made:
        yield made
    assert made.errors == []
    assert made.violations == []


async def is_honest(standin: StandIn, context: ssl.SSLContext) -> None:
    """See SETTINGS and an answer on a new connection."""
    async with RawClient(standin.server.port, context) as client:
        await client.until(lambda: bool(client.settings()))
        answer = await client.answer(client.request([], b"{}", path="/nowhere"))
        assert answer.status == 404


async def heard(standin: StandIn, context: ssl.SSLContext) -> tuple[ssl.SSLObject, bytes]:
    """Shake hands, say nothing, and return all that the server says."""
    async with asyncio.timeout(TIMEOUT_S):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", standin.server.port, ssl=context
        )
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        try:
            return tls, await reader.read()
        finally:
            writer.transport.abort()


async def refusal(standin: StandIn, context: ssl.SSLContext) -> ssl.SSLError:
    """Return why a client cannot shake hands."""
    with pytest.raises(ssl.SSLError) as caught:
        await heard(standin, context)
    return caught.value


@pytest.mark.parametrize("fault", TLS_FAULTS)
async def test_those_connected_are_dropped_and_those_that_come_later_are_served(
    standin: StandIn, ca: ThrowAwayCA, fault: str
) -> None:
    context = ca.client_context()
    async with RawClient(standin.server.port, context) as client:
        await client.until(lambda: bool(client.settings()))
        await standin.faults.raise_(fault)
        await client.closed()
        assert client.is_closed
    await standin.faults.clear(fault)
    await is_honest(standin, context)


async def test_an_unknown_authority(standin: StandIn, ca: ThrowAwayCA) -> None:
    await standin.faults.raise_("untrusted-ca")
    error = await refusal(standin, ca.client_context())
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert error.verify_message == "unable to get local issuer certificate"


async def test_an_expired_certificate(standin: StandIn, ca: ThrowAwayCA) -> None:
    await standin.faults.raise_("expired-certificate")
    error = await refusal(standin, ca.client_context())
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert error.verify_message == "certificate has expired"
    # Nothing else is wrong with it.
    lenient = ca.client_context()
    lenient.check_hostname = False
    lenient.verify_mode = ssl.CERT_NONE
    await is_honest(standin, lenient)


async def test_a_certificate_of_another_host(standin: StandIn, ca: ThrowAwayCA) -> None:
    await standin.faults.raise_("wrong-name")
    error = await refusal(standin, ca.client_context())
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert "certificate is not valid for '127.0.0.1'" in error.verify_message
    # Nothing else is wrong with it.
    lenient = ca.client_context()
    lenient.check_hostname = False
    await is_honest(standin, lenient)


async def test_tls_1_1_at_most(standin: StandIn, ca: ThrowAwayCA) -> None:
    await standin.faults.raise_("old-tls")
    assert "alert protocol version" in str(await refusal(standin, ca.client_context()))
    old = ca.client_context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = ssl.TLSVersion.TLSv1
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    async with RawClient(standin.server.port, old) as client:
        assert client.version == "TLSv1.1"


async def test_a_client_certificate_is_missed_after_the_handshake(
    standin: StandIn, ca: ThrowAwayCA
) -> None:
    await standin.faults.raise_("client-certificate")
    async with asyncio.timeout(TIMEOUT_S):
        # The client believes that it is connected.
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", standin.server.port, ssl=ca.client_context()
        )
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        with pytest.raises(ssl.SSLError, match="alert certificate required"):
            await reader.read()
        writer.transport.abort()


async def test_a_client_certificate_is_missed_within_the_handshake_of_tls_1_2(
    standin: StandIn, ca: ThrowAwayCA
) -> None:
    await standin.faults.raise_("client-certificate")
    context = ca.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert "alert handshake failure" in str(await refusal(standin, context))


async def test_no_protocol_is_chosen(standin: StandIn, ca: ThrowAwayCA) -> None:
    await standin.faults.raise_("no-alpn")
    for offered in (("h2",), ("h2", "http/1.1"), ()):
        tls, said = await heard(standin, ca.client_context(offered))
        assert tls.selected_alpn_protocol() is None
        assert said == b""


async def test_http_1_where_http_2_was_agreed_on(standin: StandIn, ca: ThrowAwayCA) -> None:
    await standin.faults.raise_("http1-answer")
    tls, said = await heard(standin, ca.client_context())
    assert tls.selected_alpn_protocol() == "h2"
    assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert said.endswith(b"\r\n\r\n")


async def test_the_latest_certificate_is_shown_until_it_is_cleared(
    standin: StandIn, ca: ThrowAwayCA
) -> None:
    context = ca.client_context()
    await standin.faults.raise_("untrusted-ca")
    await standin.faults.raise_("expired-certificate")
    assert "certificate has expired" in str(await refusal(standin, context))
    await standin.faults.clear("expired-certificate")
    assert "unable to get local issuer" in str(await refusal(standin, context))
    await standin.faults.clear("untrusted-ca")
    await is_honest(standin, context)


@pytest.mark.parametrize("fault", TLS_FAULTS)
async def test_a_stand_in_that_is_down_stays_down(standin: StandIn, fault: str) -> None:
    await standin.faults.raise_("upstream-down")
    await standin.faults.raise_(fault)
    assert not standin.server.is_listening
    await standin.faults.clear(fault)
    assert not standin.server.is_listening


async def test_a_certificate_changes_under_a_handshake_that_is_under_way(
    standin: StandIn, ca: ThrowAwayCA
) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", standin.server.port)
        await eventually(lambda: standin.server.connections)
        await standin.faults.raise_("untrusted-ca")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.transport.abort()
    await standin.faults.clear()
    await is_honest(standin, ca.client_context())
