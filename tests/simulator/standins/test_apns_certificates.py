"""Apple's stand-in, asked by clients that show a certificate in place of a token."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.phones import Phones
from mmpush_tui.simulator.standins.apns import ApnsStandIn
from tests.clock import Clock
from tests.standins.apple_certificate import AppleCertificate

pytestmark = pytest.mark.usefixtures("nothing_left")

TOPIC = "com.example.chat"
BODY = b'{"aps":{"alert":"x"}}'


@pytest.fixture
async def apns(ca: ThrowAwayCA) -> AsyncIterator[ApnsStandIn]:
    async with ApnsStandIn(ca, [], Phones(seed=7), environment="sandbox", now=Clock()) as apns:
        yield apns
    assert (apns.errors, apns.violations) == ([], [])


def showing(ca: ThrowAwayCA, folder: Path, pair: AppleCertificate) -> ssl.SSLContext:
    context = ca.client_context(())
    context.load_cert_chain(pair.write(folder))
    return context


async def push(apns: ApnsStandIn, tls: ssl.SSLContext, **changes: str) -> Any:
    topic = changes.get("apns_topic", TOPIC)
    phone = apns.phones.add_apple(topic, environment="sandbox")
    headers = {"apns-topic": topic, "apns-push-type": "alert"} | {
        name.replace("_", "-"): value for name, value in changes.items()
    }
    async with httpx.AsyncClient(http2=True, verify=tls) as client:
        url = f"{apns.endpoint}/3/device/{phone.token}"
        response = await client.post(url, content=BODY, headers=headers)
    return response.status_code, response.json()["reason"] if response.content else ""


async def test_a_certificate_stands_for_a_token(
    ca: ThrowAwayCA, apns: ApnsStandIn, tmp_path: Path
) -> None:
    for how in ({}, {"environments": ["sandbox"]}, {"environments": ()}, {"topics": ()}):
        tls = showing(ca, tmp_path, AppleCertificate.make(ca, TOPIC, **how))
        assert await push(apns, tls) == (200, "")
    assert apns.phones.accepted == 4


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"apns_topic": "com.example.other"}, (400, "TopicDisallowed")),
        ({"apns_topic": f"{TOPIC}.voip", "apns_push_type": "voip"}, (400, "TopicDisallowed")),
        # Apple ignores it; whoever sends both has mixed something up.
        ({"authorization": "bearer x"}, (400, "BadMessage")),
    ],
)
async def test_it_is_for_the_topics_that_it_lists(
    changes: dict[str, str], answer: tuple[int, str], ca: ThrowAwayCA, apns: ApnsStandIn,
    tmp_path: Path,
) -> None:  # fmt: skip
    tls = showing(ca, tmp_path, AppleCertificate.make(ca, TOPIC, topics=[TOPIC]))
    assert await push(apns, tls, **changes) == answer


async def test_without_one_a_token_is_needed(ca: ThrowAwayCA, apns: ApnsStandIn) -> None:
    assert await push(apns, ca.client_context(())) == (403, "MissingProviderToken")


async def test_one_for_the_other_network_gets_a_goodbye(
    ca: ThrowAwayCA, apns: ApnsStandIn, tmp_path: Path
) -> None:
    pair = AppleCertificate.make(ca, TOPIC, environments=["production"])
    # What it says, a client may or may not read before it writes to a closed connection.
    with pytest.raises(httpx.TransportError):
        await push(apns, showing(ca, tmp_path, pair))
    assert apns.server.counts.begun == 0


async def test_one_of_another_authority_is_not_let_in(
    ca: ThrowAwayCA, apns: ApnsStandIn, tmp_path: Path
) -> None:
    pair = AppleCertificate.make(ThrowAwayCA(), TOPIC)
    with pytest.raises(httpx.TransportError):
        await push(apns, showing(ca, tmp_path, pair))
    assert apns.phones.accepted == 0
