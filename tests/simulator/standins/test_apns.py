import asyncio
import base64
import json
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st

from mmpush_tui.simulator.apns.rules import ApnsRules, ApnsState
from mmpush_tui.simulator.credentials import AppleKey
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.net.exchange import ServedRequest
from mmpush_tui.simulator.phones import Phone, Phones, PhoneState, Received
from mmpush_tui.simulator.standins.apns import ApnsStandIn
from tests.clock import Clock
from tests.simulator.peers import RawClient, provider_token

pytestmark = pytest.mark.usefixtures("nothing_left")

TOPIC = "com.example.chat"
ALERT = b'{"aps":{"alert":"x"},"ack_id":"ack1","type":"message"}'
ID = "123e4567-e89b-12d3-a456-4266554400a0"
UPPER_ID = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}")


class Sender:
    """A well-behaved provider; what each test changes is what it does wrong."""

    def __init__(self, apns: ApnsStandIn, client: httpx.AsyncClient, key: AppleKey) -> None:
        self.apns = apns
        self.client = client
        self.key = key
        self.clock = Clock()
        self._minted: dict[float, str] = {}

    def current(self) -> str:
        """Return this second's token; two of the same second have different signatures."""
        return self._minted.setdefault(self.clock.now, self.token())

    def token(self, age_s: float = 0, **claims: Any) -> str:
        return provider_token(self.key, self.clock.now - age_s, **claims)

    def headers(self, **changes: str | None) -> dict[str, str]:
        headers = {
            "authorization": f"bearer {self.current()}",
            "apns-topic": TOPIC,
            "apns-push-type": "alert",
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        return {name: value for name, value in headers.items() if value is not None}

    async def send(
        self, device: Phone | str, body: bytes = ALERT, **changes: str | None
    ) -> httpx.Response:
        token = device if isinstance(device, str) else device.token
        return await self.post(f"/3/device/{token}", body, self.headers(**changes))

    async def post(self, path: str, body: bytes, headers: Any) -> httpx.Response:
        return await self.client.post(self.apns.endpoint + path, content=body, headers=headers)


@pytest.fixture
def phones() -> Phones:
    return Phones(seed=7)


@pytest.fixture
def phone(phones: Phones) -> Phone:
    return phones.add_apple(TOPIC)


@pytest.fixture
async def apns(
    ca: ThrowAwayCA, apple_key: AppleKey, other_key: AppleKey, phones: Phones
) -> AsyncIterator[ApnsStandIn]:
    clock = Clock()
    async with ApnsStandIn(ca, [apple_key, other_key], phones, now=clock) as apns:
        yield apns
    assert apns.errors == []


@pytest.fixture
async def sender(ca: ThrowAwayCA, apns: ApnsStandIn, apple_key: AppleKey) -> AsyncIterator[Sender]:
    async with httpx.AsyncClient(http2=True, verify=ca.client_context(())) as client:
        sender = Sender(apns, client, apple_key)
        assert isinstance(apns.now, Clock)
        sender.clock = apns.now
        yield sender


def check(response: httpx.Response, reason: str, status: int) -> None:
    """The status, the exact body and an ``apns-id``, nothing else."""
    assert (response.status_code, response.content) == (status, f'{{"reason":"{reason}"}}'.encode())
    assert response.http_version == "HTTP/2"
    assert list(response.headers) == ["apns-id"]


async def test_a_push_is_accepted_and_delivered(
    sender: Sender, phone: Phone, phones: Phones
) -> None:
    seen: list[Received] = []
    stop = phones.on_accepted(seen.append)
    response = await sender.send(phone)
    assert (response.status_code, response.content) == (200, b"")
    assert list(response.headers) == ["apns-id"]
    assert UPPER_ID.fullmatch(response.headers["apns-id"])
    (received,) = seen
    assert (received.platform, received.token, received.body) == ("apple_rn", phone.token, ALERT)
    assert (received.ack_id, received.kind) == ("ack1", "message")
    assert received.name == response.headers["apns-id"]
    assert received.at_monotonic > 0
    assert list(phones.received) == seen
    stop()
    await sender.send(phone)
    assert len(seen) == 1
    assert phones.accepted == 2


async def test_an_id_is_echoed_also_where_the_push_is_refused(sender: Sender, phone: Phone) -> None:
    assert (await sender.send(phone, apns_id=ID)).headers["apns-id"] == ID
    refused = await sender.send(phone, apns_id=ID, apns_topic=None)
    assert (refused.status_code, refused.headers["apns-id"]) == (400, ID)


async def test_duplicates_are_counted_where_there_is_an_ack_id(
    sender: Sender, phone: Phone, phones: Phones
) -> None:
    other = phones.add_apple(TOPIC)
    bodies = [
        b'{"aps":{},"ack_id":"a","type":"message"}',
        b'{"aps":{},"ack_id":"a","type":"clear"}',
        b'{"aps":{},"ack_id":"b","type":"message"}',
        b'{"aps":{},"ack_id":"","type":"message"}',
        b'{"aps":{},"type":"message"}',
        b'{"aps":{},"ack_id":1,"type":null}',
    ]
    for body in bodies * 2:
        await sender.send(phone, body)
    await sender.send(other, bodies[0])
    assert phones.accepted == 13
    assert phones.duplicates == 3
    assert [received.is_duplicate for received in phones.latest(7)] == [True] * 3 + [False] * 4


MORE_ACCEPTED: list[tuple[str, dict[str, str], bytes]] = [
    ("priority", {"apns_priority": "10"}, ALERT),
    ("low priority", {"apns_priority": "1"}, ALERT),
    ("no storage", {"apns_expiration": "0"}, ALERT),
    ("storage", {"apns_expiration": "1800003600"}, ALERT),
    ("collapse id", {"apns_collapse_id": "x" * 64}, ALERT),
    ("content type", {"content_type": "application/json; charset=utf-8"}, ALERT),
    (
        "background",
        {"apns_push_type": "background", "apns_priority": "5"},
        b'{"aps":{"content-available":1}}',
    ),
    ("empty aps", {}, b'{"aps":{}}'),
    (
        "a message with a title",
        {},
        b'{"ack_id":"ack1","aps":{"alert":{"body":"@alice: hi \xf0\x9f\x98\x84 ","title":"Town '
        b'Square"},"badge":3,"category":"CAN_REPLY","content-available":1,"mutable-content":1,'
        b'"sound":"default","thread-id":"ch1"},"channel_id":"ch1","is_crt_enabled":false}',
    ),
    ("a clear", {}, b'{"aps":{"badge":0,"content-available":1,"thread-id":"ch1"},"type":"clear"}'),
    ("a sound in full", {}, b'{"aps":{"sound":{"critical":1,"name":"a","volume":0.5}}}'),
    ("exactly 4096 bytes", {}, b'{"aps":{},"x":"' + b"x" * 4079 + b'"}'),
    ("escaped pairs", {}, b'{"aps":{"alert":"\\ud83d\\ude04"}}'),
]


@pytest.mark.parametrize(
    ("changes", "body"),
    [case[1:] for case in MORE_ACCEPTED],
    ids=[case[0] for case in MORE_ACCEPTED],
)
async def test_what_apple_documents_is_accepted(
    sender: Sender, phone: Phone, changes: dict[str, str], body: bytes
) -> None:
    response = await sender.send(phone, body, **changes)
    assert (response.status_code, response.content) == (200, b"")


async def test_calls_have_their_own_topic_token_and_size(sender: Sender, phones: Phones) -> None:
    phone = phones.add_apple(f"{TOPIC}.voip")
    body = b'{"aps":{},"x":"' + b"x" * 5103 + b'"}'
    assert len(body) == 5120
    voip = {"apns_topic": f"{TOPIC}.voip", "apns_push_type": "voip"}
    assert (await sender.send(phone, body, **voip)).status_code == 200
    check(await sender.send(phone, body[:-2] + b'y"}', **voip), "PayloadTooLarge", 413)
    check(await sender.send(phone), "DeviceTokenNotForTopic", 400)


async def test_a_key_that_lists_the_voip_topic_too_keeps_it_for_calls(
    ca: ThrowAwayCA, phones: Phones
) -> None:
    key = AppleKey.make(3, topics=(TOPIC, f"{TOPIC}.voip"))
    phone = phones.add_apple(f"{TOPIC}.voip")
    async with (
        ApnsStandIn(ca, [key], phones, now=Clock()) as apns,
        httpx.AsyncClient(http2=True, verify=ca.client_context(())) as client,
    ):
        sender = Sender(apns, client, key)
        voip = f"{TOPIC}.voip"
        check(await sender.send(phone, apns_topic=voip), "InvalidPushType", 400)
        response = await sender.send(phone, apns_topic=voip, apns_push_type="voip")
        assert response.status_code == 200


REFUSED: list[tuple[str, dict[str, str | None], bytes, str, int]] = [
    ("no authorization", {"authorization": None}, ALERT, "MissingProviderToken", 403),
    ("basic", {"authorization": "basic eDp5"}, ALERT, "MissingProviderToken", 403),
    ("capital bearer", {"authorization": "Bearer x"}, ALERT, "MissingProviderToken", 403),
    ("bearer of nothing", {"authorization": "bearer"}, ALERT, "MissingProviderToken", 403),
    ("no jwt", {"authorization": "bearer x"}, ALERT, "InvalidProviderToken", 403),
    ("no topic", {"apns_topic": None}, ALERT, "MissingTopic", 400),
    ("empty topic", {"apns_topic": ""}, ALERT, "MissingTopic", 400),
    ("other topic", {"apns_topic": "com.example.other"}, ALERT, "TopicDisallowed", 400),
    ("longer topic", {"apns_topic": f"{TOPIC}2"}, ALERT, "TopicDisallowed", 400),
    ("no push type", {"apns_push_type": None}, ALERT, "InvalidPushType", 400),
    ("unknown push type", {"apns_push_type": "Alert"}, ALERT, "InvalidPushType", 400),
    ("voip, plain topic", {"apns_push_type": "voip"}, ALERT, "InvalidPushType", 400),
    ("alert, voip topic", {"apns_topic": f"{TOPIC}.voip"}, ALERT, "InvalidPushType", 400),
    ("priority 7", {"apns_priority": "7"}, ALERT, "BadPriority", 400),
    ("priority high", {"apns_priority": "high"}, ALERT, "BadPriority", 400),
    ("background at 10", {"apns_push_type": "background"}, ALERT, "BadPriority", 400),
    ("expiration tomorrow", {"apns_expiration": "tomorrow"}, ALERT, "BadExpirationDate", 400),
    ("expiration -1", {"apns_expiration": "-1"}, ALERT, "BadExpirationDate", 400),
    ("expiration in ms", {"apns_expiration": "1800000000000"}, ALERT, "BadExpirationDate", 400),
    ("id in upper case", {"apns_id": ID.upper()}, ALERT, "BadMessageId", 400),
    ("id without dashes", {"apns_id": ID.replace("-", "")}, ALERT, "BadMessageId", 400),
    ("long collapse id", {"apns_collapse_id": "x" * 65}, ALERT, "BadCollapseId", 400),
    ("empty collapse id", {"apns_collapse_id": ""}, ALERT, "BadCollapseId", 400),
    ("unknown apns header", {"apns_urgency": "1"}, ALERT, "BadMessage", 400),
    ("form", {"content_type": "application/x-www-form-urlencoded"}, ALERT, "BadMessage", 400),
    ("gzip", {"content_encoding": "gzip"}, ALERT, "BadMessage", 400),
    ("no body", {}, b"", "PayloadEmpty", 400),
    ("4097 bytes", {}, b'{"aps":{},"x":"' + b"x" * 4080 + b'"}', "PayloadTooLarge", 413),
    ("a megabyte", {}, b"x" * 1_000_000, "PayloadTooLarge", 413),
    ("no JSON", {}, b"{aps:{}}", "BadMessage", 400),
    ("two documents", {}, b'{"aps":{}}{}', "BadMessage", 400),
    ("Latin-1", {}, '{"aps":{"alert":"é"}}'.encode("latin-1"), "BadMessage", 400),
    ("BOM", {}, b'\xef\xbb\xbf{"aps":{}}', "BadMessage", 400),
    ("UTF-16", {}, '{"aps":{}}'.encode("utf-16"), "BadMessage", 400),
    ("half a pair", {}, b'{"aps":{"alert":"\\ud83d"}}', "BadMessage", 400),
    ("NaN", {}, b'{"aps":{},"x":NaN}', "BadMessage", 400),
    ("infinity", {}, b'{"aps":{},"x":1e999}', "BadMessage", 400),
    ("key twice", {}, b'{"aps":{},"aps":{}}', "BadMessage", 400),
    ("too deep", {}, b'{"aps":' + b"[" * 2000 + b"]" * 2000 + b"}", "BadMessage", 400),
    ("array", {}, b'[{"aps":{}}]', "BadMessage", 400),
    ("no aps", {}, b'{"alert":"x"}', "BadMessage", 400),
    ("aps null", {}, b'{"aps":null}', "BadMessage", 400),
    ("unknown aps key", {}, b'{"aps":{"content_available":1}}', "BadMessage", 400),
    ("alert 1", {}, b'{"aps":{"alert":1}}', "BadMessage", 400),
    ("alert body 1", {}, b'{"aps":{"alert":{"body":1}}}', "BadMessage", 400),
    ("alert text", {}, b'{"aps":{"alert":{"text":"x"}}}', "BadMessage", 400),
    ("badge -1", {}, b'{"aps":{"badge":-1}}', "BadMessage", 400),
    ("badge text", {}, b'{"aps":{"badge":"1"}}', "BadMessage", 400),
    ("badge true", {}, b'{"aps":{"badge":true}}', "BadMessage", 400),
    ("badge 1.0", {}, b'{"aps":{"badge":1.0}}', "BadMessage", 400),
    ("sound 1", {}, b'{"aps":{"sound":1}}', "BadMessage", 400),
    ("sound at 2", {}, b'{"aps":{"sound":{"name":"a","volume":2}}}', "BadMessage", 400),
    ("content-available 0", {}, b'{"aps":{"content-available":0}}', "BadMessage", 400),
    ("content-available true", {}, b'{"aps":{"content-available":true}}', "BadMessage", 400),
    ("mutable-content 2", {}, b'{"aps":{"mutable-content":2}}', "BadMessage", 400),
    ("category 1", {}, b'{"aps":{"category":1}}', "BadMessage", 400),
    ("thread-id null", {}, b'{"aps":{"thread-id":null}}', "BadMessage", 400),
    (
        "background with an alert",
        {"apns_push_type": "background", "apns_priority": "5"},
        b'{"aps":{"content-available":1,"alert":"x"}}',
        "BadMessage",
        400,
    ),
    (
        "background without content",
        {"apns_push_type": "background", "apns_priority": "5"},
        b'{"aps":{}}',
        "BadMessage",
        400,
    ),
]


@pytest.mark.parametrize(
    ("changes", "body", "reason", "status"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
async def test_what_apple_refuses_is_refused(
    sender: Sender,
    phone: Phone,
    phones: Phones,
    changes: dict[str, str | None],
    body: bytes,
    reason: str,
    status: int,
) -> None:
    check(await sender.send(phone, body, **changes), reason, status)
    assert phones.accepted == 0


DEVICES = [
    ("64 zeros", "0" * 64, "BadDeviceToken", 400),
    ("no hexadecimal", "x" * 64, "BadDeviceToken", 400),
    ("odd", "0" * 65, "BadDeviceToken", 400),
    ("short", "0" * 62, "BadDeviceToken", 400),
    ("long", "0" * 202, "BadDeviceToken", 400),
    ("none", "", "MissingDeviceToken", 400),
    ("two", f"{'0' * 64}/{'0' * 64}", "BadPath", 404),
    ("query", f"{'0' * 64}?x=1", "BadPath", 404),
]


@pytest.mark.parametrize(
    ("device", "reason", "status"),
    [case[1:] for case in DEVICES],
    ids=[case[0] for case in DEVICES],
)
async def test_other_device_tokens_are_refused(
    sender: Sender, device: str, reason: str, status: int
) -> None:
    check(await sender.send(device), reason, status)


async def test_states_of_a_token(sender: Sender, phones: Phones, phone: Phone) -> None:
    bad = phones.add_apple(TOPIC, state=PhoneState.BAD)
    check(await sender.send(bad), "BadDeviceToken", 400)
    sandbox = phones.add_apple(TOPIC, environment="sandbox")
    check(await sender.send(sandbox), "BadDeviceToken", 400)
    check(await sender.send(phones.add_apple("com.example.other")), "DeviceTokenNotForTopic", 400)
    check(await sender.send(phones.add_android("p").token), "BadDeviceToken", 400)
    check(await sender.send(phone.token.upper()), "BadDeviceToken", 400)
    phones.set_state(phone.token, PhoneState.DEAD, gone_at=1_700_000_000.5)
    response = await sender.send(phone)
    assert response.status_code == 410
    assert response.content == b'{"reason":"Unregistered","timestamp":1700000000500}'
    phones.set_state(phone.token, PhoneState.EXPIRED)
    response = await sender.send(phone)
    assert response.status_code == 410
    assert response.content == b'{"reason":"ExpiredToken","timestamp":1800000000000}'


async def test_other_addresses_and_methods(sender: Sender, phone: Phone) -> None:
    for path in ("/", "/3/devices/00", "/3/device", f"/4/device/{phone.token}"):
        check(await sender.post(path, ALERT, sender.headers()), "BadPath", 404)
    for method in ("GET", "PUT", "DELETE"):
        url = f"{sender.apns.endpoint}/3/device/{phone.token}"
        check(
            await sender.client.request(method, url, headers=sender.headers()),
            "MethodNotAllowed",
            405,
        )


async def test_authentication_is_judged_before_the_device(sender: Sender) -> None:
    """The probe without credentials, and the probe with a token that no device has."""
    probe = f"/3/device/{'0' * 64}"
    check(await sender.post(probe, b'{"aps":{}}', {}), "MissingProviderToken", 403)
    check(await sender.send("0" * 64, b'{"aps":{}}'), "BadDeviceToken", 400)


async def test_no_header_comes_twice(sender: Sender, phone: Phone) -> None:
    for name in ("authorization", "apns-topic", "apns-priority", "x-anything"):
        headers = [*sender.headers(apns_priority="10", x_anything="1").items()]
        headers.append((name, dict(headers)[name]))
        response = await sender.post(f"/3/device/{phone.token}", ALERT, headers)
        check(response, "DuplicateHeaders", 400)


async def test_the_development_network_adds_its_id(
    ca: ThrowAwayCA, apple_key: AppleKey, phones: Phones, phone: Phone
) -> None:
    sandbox = phones.add_apple(TOPIC, environment="sandbox")
    async with (
        ApnsStandIn(ca, [apple_key], phones, environment="sandbox", now=Clock()) as apns,
        httpx.AsyncClient(http2=True, verify=ca.client_context(())) as client,
    ):
        sender = Sender(apns, client, apple_key)
        response = await sender.send(sandbox)
        assert response.status_code == 200
        assert uuid.UUID(response.headers["apns-unique-id"]).version == 4
        check(await sender.send(phone), "BadDeviceToken", 400)


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _forged(key: AppleKey, header: dict[str, Any], claims: object) -> str:
    """Return a token with any header and payload, and a good signature."""
    signed = f"{_segment(header)}.{_segment(claims)}"
    private = serialization.load_pem_private_key(key.private_pem.encode(), None)
    signature = jwt.get_algorithm_by_name("ES256").sign(signed.encode(), private)
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _der(key: AppleKey, claims: object) -> str:
    signed = f"{_segment({'alg': 'ES256', 'kid': key.key_id})}.{_segment(claims)}"
    private = serialization.load_pem_private_key(key.private_pem.encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    signature = private.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


async def test_bad_provider_tokens(sender: Sender, phone: Phone, other_key: AppleKey) -> None:
    key, now = sender.key, int(sender.clock.now)
    good: dict[str, Any] = {"alg": "ES256", "kid": key.key_id}
    claims: dict[str, Any] = {"iss": key.team_id, "iat": now}
    tokens = {
        "no iat": sender.token(iat=None),
        "no iss": sender.token(iss=None),
        "iat as text": sender.token(iat=str(now)),
        "iat as fraction": sender.token(iat=now + 0.5),
        "iat true": sender.token(iat=True),
        "further claim": sender.token(exp=now + 60),
        "other team": sender.token(iss=other_key.team_id),
        "no kid": jwt.encode(claims, key.private_pem, "ES256"),
        "unknown kid": _forged(key, good | {"kid": "AAAAAAAAAA"}, claims),
        "other key's kid": _forged(key, good | {"kid": other_key.key_id}, claims),
        "kid 1": _forged(key, good | {"kid": 1}, claims),
        "other typ": _forged(key, good | {"typ": "at+jwt"}, claims),
        "further header": _forged(key, good | {"crit": []}, claims),
        "claims are a list": _forged(key, good, [claims]),
        "HS256": jwt.encode(claims, "x" * 32, "HS256", {"kid": key.key_id}),
        "none": _forged(key, good | {"alg": "none"}, claims),
        "DER": _der(key, claims),
        "padded": sender.token() + "==",
        "no signature": sender.token().rpartition(".")[0] + ".",
        "cut": sender.token()[:-4],
        "two parts": sender.token().rpartition(".")[0],
        "from the future": sender.token(age_s=-61),
        "repeated": ".".join(
            [
                base64.urlsafe_b64encode(b'{"alg":"ES256","alg":"ES256"}').rstrip(b"=").decode(),
                *sender.token().split(".")[1:],
            ]
        ),
    }
    for name, token in tokens.items():
        response = await sender.send(phone, authorization=f"bearer {token}")
        assert response.content == b'{"reason":"InvalidProviderToken"}', name
        assert response.status_code == 403
    # None of them has bound the connection.
    assert (await sender.send(phone)).status_code == 200


@pytest.mark.parametrize("age_s", [-60, 0, 3600])
async def test_a_token_is_good_for_an_hour(sender: Sender, phone: Phone, age_s: int) -> None:
    token = sender.token(age_s)
    assert (await sender.send(phone, authorization=f"bearer {token}")).status_code == 200


async def test_an_expired_token_leaves_its_connection_useless(
    sender: Sender, phone: Phone, ca: ThrowAwayCA
) -> None:
    token = f"bearer {sender.current()}"
    assert (await sender.send(phone, authorization=token)).status_code == 200
    sender.clock.now += 3601
    check(await sender.send(phone, authorization=token), "ExpiredProviderToken", 403)
    check(await sender.send(phone), "ExpiredProviderToken", 403)
    async with httpx.AsyncClient(http2=True, verify=ca.client_context(())) as client:
        sender.client = client
        check(await sender.send(phone, authorization=token), "ExpiredProviderToken", 403)
    async with httpx.AsyncClient(http2=True, verify=ca.client_context(())) as client:
        sender.client = client
        assert (await sender.send(phone)).status_code == 200


async def test_a_token_is_renewed_no_sooner_than_after_20_minutes(
    sender: Sender, phone: Phone
) -> None:
    first = f"bearer {sender.current()}"
    assert (await sender.send(phone, authorization=first)).status_code == 200
    sender.clock.now += 1199
    check(await sender.send(phone), "TooManyProviderTokenUpdates", 429)
    check(await sender.send(phone, authorization=first), "TooManyProviderTokenUpdates", 429)
    sender.clock.now += 1200
    assert (await sender.send(phone)).status_code == 200
    sender.clock.now += 1200
    assert (await sender.send(phone)).status_code == 200


async def test_a_connection_belongs_to_one_key(
    sender: Sender, phone: Phone, other_key: AppleKey, ca: ThrowAwayCA
) -> None:
    assert (await sender.send(phone)).status_code == 200
    token = f"bearer {provider_token(other_key, sender.clock.now)}"
    check(await sender.send(phone, authorization=token), "UnrelatedKeyIdInToken", 403)
    assert (await sender.send(phone)).status_code == 200
    async with httpx.AsyncClient(http2=True, verify=ca.client_context(())) as client:
        sender.client = client
        assert (await sender.send(phone, authorization=token)).status_code == 200


async def test_one_stream_until_the_first_valid_token_then_a_thousand(
    ca: ThrowAwayCA, apns: ApnsStandIn, sender: Sender, phone: Phone
) -> None:
    path = f"/3/device/{phone.token}"
    headers = list(sender.headers().items())
    async with RawClient(apns.server.port, ca.client_context()) as client:
        answer = await client.answer(client.request([], ALERT, path=path))
        assert answer.status == 403
        assert client.settings() == [
            {
                SettingCodes.HEADER_TABLE_SIZE: 4096,
                SettingCodes.MAX_CONCURRENT_STREAMS: 1,
                SettingCodes.INITIAL_WINDOW_SIZE: 65535,
                SettingCodes.MAX_FRAME_SIZE: 16384,
                SettingCodes.MAX_HEADER_LIST_SIZE: 8000,
            }
        ]
        answer = await client.answer(client.request(headers, ALERT, path=path))
        assert (answer.status, answer.ended_on_headers, answer.frames) == (200, True, [])
        assert client.settings()[1:] == [{SettingCodes.MAX_CONCURRENT_STREAMS: 1000}]
        ids = [client.request(headers, ALERT, path=path) for _ in range(100)]
        assert {(await client.answer(i)).status for i in ids} == {200}
        assert len(client.settings()) == 2
    assert apns.violations == []


async def test_streams_over_the_limit_are_refused_and_recorded(
    ca: ThrowAwayCA, apns: ApnsStandIn, sender: Sender, phone: Phone
) -> None:
    path = f"/3/device/{phone.token}"
    headers = list(sender.headers().items())
    async with RawClient(apns.server.port, ca.client_context()) as client:
        # Sent at once, before any SETTINGS of the server have been read.
        ids = [client.request(headers, path=path, end=False) for _ in range(3)]
        client.h2.send_data(ids[0], ALERT, end_stream=True)
        client.flush()
        assert (await client.answer(ids[0])).status == 200
        for stream_id in ids[1:]:
            assert (await client.answer(stream_id)).reset == ErrorCodes.REFUSED_STREAM
    assert apns.violations == [
        "stream 3: over the limit of 1",
        "stream 5: over the limit of 1",
    ]


async def test_many_pushes_at_once_by_a_client_that_obeys(
    sender: Sender, phone: Phone, phones: Phones, apns: ApnsStandIn
) -> None:
    assert (await sender.send(phone)).status_code == 200
    responses = await asyncio.gather(*(sender.send(phone) for _ in range(200)))
    assert {response.status_code for response in responses} == {200}
    assert phones.accepted == 201
    assert apns.violations == []


def test_a_body_of_another_length_than_announced_is_refused(
    apple_key: AppleKey, phone: Phone, phones: Phones
) -> None:
    """HTTP/2 itself catches this before the rules do; they do not rely on it."""
    rules = rules_for(apple_key, phones)
    request = request_for(apple_key, phone, ALERT, ("content-length", "3"))
    verdict = rules.judge(request, ApnsState.new(), Clock().now)
    assert (verdict.response.status, verdict.push) == (400, None)
    assert verdict.response.body == b'{"reason":"BadMessage"}'


def rules_for(key: AppleKey, phones: Phones) -> ApnsRules:
    return ApnsRules(
        keys={key.key_id: key},
        environment="production",
        find=lambda token: phones.find("apple_rn", token),
    )


def request_for(
    key: AppleKey, phone: Phone, body: bytes, *headers: tuple[str, str]
) -> ServedRequest:
    return ServedRequest(
        headers=(
            (":method", "POST"),
            (":scheme", "https"),
            (":path", f"/3/device/{phone.token}"),
            ("authorization", f"bearer {provider_token(key, Clock().now)}"),
            ("apns-topic", TOPIC),
            ("apns-push-type", "alert"),
            *headers,
        ),
        body=body,
        size=len(body),
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
aps_names = st.sampled_from(
    ["alert", "badge", "sound", "category", "thread-id", "content-available", "mutable-content"]
)
bodies = (
    st.binary(max_size=80)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(aps_names, json_values).map(lambda aps: json.dumps({"aps": aps}).encode())
)


@given(body=bodies)
def test_any_body_has_an_answer(apple_key: AppleKey, body: bytes) -> None:
    phones = Phones(seed=7)
    phone = phones.add_apple(TOPIC)
    request = request_for(apple_key, phone, body)
    verdict = rules_for(apple_key, phones).judge(request, ApnsState.new(), Clock().now)
    assert verdict.response.status in (200, 400, 413)
    assert (verdict.push is not None) == (verdict.response.status == 200)


@given(authorization=st.text(max_size=60) | st.text(max_size=60).map(lambda text: "bearer " + text))
def test_any_authorization_has_an_answer(apple_key: AppleKey, authorization: str) -> None:
    rules = rules_for(apple_key, Phones(seed=7))
    request = ServedRequest(
        headers=(
            (":method", "POST"),
            (":path", f"/3/device/{'0' * 64}"),
            ("authorization", authorization),
        )
    )
    assert rules.judge(request, ApnsState.new(), 0.0).response.status == 403
