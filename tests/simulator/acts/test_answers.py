"""The faults of answers and of provider tokens, as they stand on the wire."""

import json
import urllib.parse
import uuid
from collections.abc import AsyncIterator

import h2.events
import pytest

from mmpush_tui.errors import UsageError
from mmpush_tui.simulator.acts.base import Side
from mmpush_tui.simulator.credentials import AppleKey, GoogleAccount
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.phones import Phones, PhoneState
from mmpush_tui.simulator.standins.apns import ApnsStandIn
from mmpush_tui.simulator.standins.fcm import FcmStandIn
from tests.clock import Clock
from tests.simulator.peers import Answer, RawClient, assertion, provider_token

pytestmark = pytest.mark.usefixtures("nothing_left")

TOPIC = "com.example.chat"
APNS_ID = "eabeae54-14a8-11e5-b60b-1697f925ec7b"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
SIDES: tuple[Side, ...] = ("apns", "fcm")


class Vendors:
    """Both stand-ins, and how to ask them for a push."""

    def __init__(
        self, apns: ApnsStandIn, fcm: FcmStandIn, ca: ThrowAwayCA, key: AppleKey, clock: Clock
    ) -> None:
        self.sides: dict[Side, ApnsStandIn | FcmStandIn] = {"apns": apns, "fcm": fcm}
        self.phones = apns.phones
        self.clock = clock
        self.apple = self.phones.add_apple(TOPIC)
        self.android = self.phones.add_android("chat-project")
        self.token = provider_token(key, clock())
        self._context = ca.client_context()
        self._access_token = ""

    def client(self, side: Side = "apns") -> RawClient:
        return RawClient(self.sides[side].server.port, self._context)

    async def raise_(self, side: Side, name: str, **parameters: object) -> None:
        await self.sides[side].faults.raise_(name, **parameters)

    async def push(
        self, client: RawClient, side: Side = "apns", *, token: str | None = None
    ) -> Answer:
        await client.until(lambda: bool(client.settings()))
        return await (self.to_apple(client, token) if side == "apns" else self.to_google(client))

    async def to_apple(self, client: RawClient, token: str | None = None) -> Answer:
        token = self.token if token is None else token
        headers = [("apns-topic", TOPIC), ("apns-push-type", "alert"), ("apns-id", APNS_ID)]
        headers += [("authorization", f"bearer {token}")] if token else []
        path = f"/3/device/{self.apple.token}"
        return await client.answer(client.request(headers, b'{"aps":{}}', path=path))

    async def to_google(self, client: RawClient) -> Answer:
        if not self._access_token:
            answer = await self.grant(client)
            self._access_token = json.loads(answer.body)["access_token"]
        headers = [
            ("authorization", f"Bearer {self._access_token}"),
            ("content-type", "application/json"),
        ]
        body = json.dumps({"message": {"token": self.android.token}}).encode()
        path = "/v1/projects/chat-project/messages:send"
        return await client.answer(client.request(headers, body, path=path))

    async def grant(self, client: RawClient) -> Answer:
        """Ask for an access token."""
        fcm = self.sides["fcm"]
        assert isinstance(fcm, FcmStandIn)
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": assertion(fcm.accounts[0], self.clock()),
        }
        headers = [("content-type", "application/x-www-form-urlencoded")]
        body = urllib.parse.urlencode(form).encode()
        return await client.answer(client.request(headers, body, path="/token"))


@pytest.fixture
async def vendors(
    ca: ThrowAwayCA, apple_key: AppleKey, account: GoogleAccount
) -> AsyncIterator[Vendors]:
    phones, clock = Phones(), Clock()
    async with (
        ApnsStandIn(ca, [apple_key], phones, now=clock) as apns,
        FcmStandIn(ca, account, phones, now=clock) as fcm,
    ):
        yield Vendors(apns, fcm, ca, apple_key, clock)
    for standin in (apns, fcm):
        assert standin.errors == []
        assert standin.violations == []


def reason(answer: Answer) -> str:
    """Return Apple's reason, in an answer that is otherwise as Apple's are."""
    assert answer.headers["apns-id"] == APNS_ID
    assert answer.body == b'{"reason":"%b"}' % json.loads(answer.body)["reason"].encode()
    return str(json.loads(answer.body)["reason"])


def code(answer: Answer) -> tuple[str, str]:
    """Return Google's status and the FcmError code, in an answer that is as Google's are."""
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    error = json.loads(answer.body)["error"]
    assert error["code"] == answer.status
    assert error["message"]
    (detail,) = error["details"]
    assert detail["@type"] == FCM_ERROR
    return error["status"], detail["errorCode"]


# In the vendor's words


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("fault", "parameters", "status", "apple", "google", "retry_after"),
    [
        ("too-many-requests", {}, 429, "TooManyRequests",
         ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), None),
        ("too-many-requests", {"retry_after": 60}, 429, "TooManyRequests",
         ("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), "60"),
        ("unavailable", {}, 503, "ServiceUnavailable", ("UNAVAILABLE", "UNAVAILABLE"), "1"),
        ("unavailable", {"retry_after": None}, 503, "ServiceUnavailable",
         ("UNAVAILABLE", "UNAVAILABLE"), None),
        ("internal-error", {}, 500, "InternalServerError", ("INTERNAL", "INTERNAL"), None),
    ],
)  # fmt: skip
async def test_a_vendor_in_trouble(
    vendors: Vendors,
    side: Side,
    fault: str,
    parameters: dict[str, object],
    status: int,
    apple: str,
    google: tuple[str, str],
    retry_after: str | None,
) -> None:
    await vendors.raise_(side, fault, **parameters)
    async with vendors.client(side) as client:
        answer = await vendors.push(client, side)
        assert answer.status == status
        assert answer.headers.get("retry-after") == retry_after
        assert (reason(answer) if side == "apns" else code(answer)) == (
            apple if side == "apns" else google
        )
        assert vendors.phones.accepted == 0
        assert (await vendors.push(client, side)).status == 200
    assert vendors.phones.accepted == 1


async def test_an_access_token_is_granted_all_the_same(vendors: Vendors) -> None:
    await vendors.raise_("fcm", "unavailable", times=0)
    async with vendors.client("fcm") as client:
        await client.until(lambda: bool(client.settings()))
        assert (await vendors.grant(client)).status == 200
        assert (await vendors.push(client, "fcm")).status == 503


async def test_shutdown_says_goodbye(vendors: Vendors) -> None:
    await vendors.raise_("apns", "shutdown", times=2)
    async with vendors.client() as client:
        answer = await vendors.push(client)
        assert (answer.status, reason(answer)) == (503, "Shutdown")
        await client.until(lambda: bool(client.seen(h2.events.ConnectionTerminated)))
        (goodbye,) = client.seen(h2.events.ConnectionTerminated)
        assert goodbye.additional_data == b'{"reason":"Shutdown"}'
        assert (goodbye.error_code, goodbye.last_stream_id) == (0, 1)
    async with vendors.client() as client:
        assert (await vendors.push(client)).status == 503
    async with vendors.client() as client:
        assert (await vendors.push(client)).status == 200


async def test_idle_timeout(vendors: Vendors) -> None:
    await vendors.raise_("apns", "idle-timeout")
    async with vendors.client() as client:
        answer = await vendors.push(client)
        assert (answer.status, reason(answer)) == (400, "IdleTimeout")
        assert (await vendors.push(client)).status == 200


@pytest.mark.parametrize("asked", ["", "not-a-uuid", APNS_ID.upper()])
async def test_an_apns_id_is_made_up_where_none_can_be_repeated(
    vendors: Vendors, asked: str
) -> None:
    await vendors.raise_("apns", "internal-error")
    async with vendors.client() as client:
        await client.until(lambda: bool(client.settings()))
        headers = [("apns-id", asked)] if asked else []
        answer = await client.answer(client.request(headers, b"{}", path="/3/device/00"))
        made_up = answer.headers["apns-id"]
        assert made_up != asked
        assert made_up == str(uuid.UUID(made_up)).upper()


# By somebody else


@pytest.mark.parametrize(
    ("fault", "side", "status", "start", "frames"),
    [
        *(
            row
            for side in SIDES
            for row in (
                ("error-500-empty", side, 500, b"", [b""]),
                ("error-500-html", side, 500, b"<!DOCTYPE html>", None),
                ("bad-400", side, 400, b'{"reason":', None),
                ("empty-400", side, 400, b"", [b""]),
            )
        ),
        ("html-200", "apns", 200, b"<!DOCTYPE html>", None),
    ],
)
async def test_answers_of_somebody_else(
    vendors: Vendors, fault: str, side: Side, status: int, start: bytes, frames: list[bytes] | None
) -> None:
    await vendors.raise_(side, fault, times=2)
    async with vendors.client(side) as client:
        for _ in range(2):
            answer = await vendors.push(client, side)
            assert answer.status == status
            assert "apns-id" not in answer.headers
            assert answer.body.startswith(start)
            assert not answer.ended_on_headers
            if frames is None:
                with pytest.raises(ValueError, match="line 1"):
                    json.loads(answer.body)
            else:
                assert answer.frames == frames
        assert vendors.phones.accepted == 0
        assert (await vendors.push(client, side)).status == 200
    assert vendors.phones.accepted == 1


@pytest.mark.parametrize("side", SIDES)
async def test_a_refusal_that_ends_with_its_headers(vendors: Vendors, side: Side) -> None:
    await vendors.raise_(side, "error-headers-only", status=503)
    async with vendors.client(side) as client:
        answer = await vendors.push(client, side)
        assert (answer.status, answer.ended_on_headers, answer.frames) == (503, True, [])
        assert (await vendors.push(client, side)).status == 200


# How often, and for how long


@pytest.mark.parametrize("name", ["internal-error", "error-500-html", "error-headers-only"])
async def test_always_until_cleared(vendors: Vendors, name: str) -> None:
    await vendors.raise_("apns", name, times=0)
    async with vendors.client() as client:
        for _ in range(5):
            assert (await vendors.push(client)).status >= 400
        await vendors.sides["apns"].faults.clear(name)
        assert (await vendors.push(client)).status == 200


async def test_raised_again_it_is_counted_again(vendors: Vendors) -> None:
    async with vendors.client() as client:
        for _ in range(2):
            await vendors.raise_("apns", "internal-error", times=2)
            statuses = [(await vendors.push(client)).status for _ in range(3)]
            assert statuses == [500, 500, 200]


async def test_pushes_on_all_connections_are_counted_together(vendors: Vendors) -> None:
    await vendors.raise_("apns", "unavailable", times=2)
    async with vendors.client() as one, vendors.client() as other:
        assert (await vendors.push(one)).status == 503
        assert (await vendors.push(other)).status == 503
        assert (await vendors.push(one)).status == 200


@pytest.mark.parametrize(
    ("name", "parameters", "why"),
    [
        ("too-many-requests", {"times": -1}, "times must be a whole number from 0 to 1000000"),
        ("too-many-requests", {"times": True}, "times must be a whole number from 0 to 1000000"),
        ("too-many-requests", {"retry_after": -1}, "retry_after must be from 0 to 86400"),
        ("unavailable", {"retry_after": "soon"}, "retry_after must be from 0 to 86400"),
        ("unavailable", {"retry_after": float("nan")}, "retry_after must be from 0 to 86400"),
        ("error-500-empty", {"times": 1.5}, "times must be a whole number from 0 to 1000000"),
        ("error-headers-only", {"status": 200}, "status must be a whole number from 400 to 599"),
        ("odd-apns-id", {"kind": "lower"}, "kind must be upper, missing or wrong"),
        ("clock-ahead", {"hours": -2}, "hours must be from 0 to 8760"),
        ("clock-behind", {"hours": 9000}, "hours must be from 0 to 8760"),
    ],
)
async def test_parameters_that_make_no_sense(
    vendors: Vendors, name: str, parameters: dict[str, object], why: str
) -> None:
    with pytest.raises(UsageError) as caught:
        await vendors.raise_("apns", name, **parameters)
    assert caught.value.what == f"the fault {name} cannot be raised like that"
    assert caught.value.why == why
    async with vendors.client() as client:
        assert (await vendors.push(client)).status == 200


# The shape of honest answers


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("upper", APNS_ID.upper()),
        ("missing", None),
        ("wrong", "00000000-0000-4000-8000-000000000000"),
    ],
)
async def test_odd_apns_ids(vendors: Vendors, kind: str, expected: str | None) -> None:
    await vendors.raise_("apns", "odd-apns-id", kind=kind)
    async with vendors.client() as client:
        answer = await vendors.push(client)
        assert answer.status == 200
        assert answer.headers.get("apns-id") == expected
        await vendors.sides["apns"].faults.clear()
        assert (await vendors.push(client)).headers["apns-id"] == APNS_ID
    assert vendors.phones.accepted == 2


@pytest.mark.parametrize("side", SIDES)
async def test_a_refusal_in_pieces_says_the_same(vendors: Vendors, side: Side) -> None:
    phone = vendors.apple if side == "apns" else vendors.android
    vendors.phones.set_state(phone.token, PhoneState.DEAD)
    async with vendors.client(side) as client:
        whole = await vendors.push(client, side)
        await vendors.raise_(side, "split-error")
        before = len(client.seen(h2.events.DataReceived))
        pieces = await vendors.push(client, side)
        assert pieces.body == whole.body
        assert pieces.status == whole.status
        assert [bool(frame) for frame in pieces.frames] == [True, True, True, False]
        frames = client.seen(h2.events.DataReceived)[before:]
        assert all(frame.flow_controlled_length > len(frame.data) for frame in frames)


# Provider tokens


async def test_the_token_in_use_has_expired(vendors: Vendors, apple_key: AppleKey) -> None:
    later = provider_token(apple_key, vendors.clock() + 1)
    async with vendors.client() as wedged, vendors.client() as other:
        assert (await vendors.push(wedged)).status == 200
        await vendors.raise_("apns", "expired-provider-token")
        for token in (vendors.token, later, vendors.token):
            answer = await vendors.push(wedged, token=token)
            assert (answer.status, reason(answer)) == (403, "ExpiredProviderToken")
        # On a new connection the new token is taken, and not the old one.
        assert (await vendors.push(other, token=later)).status == 200
        assert (await vendors.push(other, token=later)).status == 200
        async with vendors.client() as another:
            answer = await vendors.push(another)
            assert (answer.status, reason(answer)) == (403, "ExpiredProviderToken")
        await vendors.sides["apns"].faults.clear()
        assert (await vendors.push(wedged)).status == 200


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("clock-skew", 403, "ExpiredProviderToken"),
        ("invalid-provider-token", 403, "InvalidProviderToken"),
        ("unrelated-key", 403, "UnrelatedKeyIdInToken"),
        ("too-many-token-updates", 429, "TooManyProviderTokenUpdates"),
    ],
)
async def test_no_token_is_taken(
    vendors: Vendors, apple_key: AppleKey, name: str, status: int, expected: str
) -> None:
    await vendors.raise_("apns", name)
    tokens = [provider_token(apple_key, vendors.clock() + each) for each in range(2)]
    for token in tokens:
        async with vendors.client() as client:
            answer = await vendors.push(client, token=token)
            assert (answer.status, reason(answer)) == (status, expected)
    assert vendors.phones.accepted == 0
    await vendors.sides["apns"].faults.clear()
    async with vendors.client() as client:
        assert (await vendors.push(client)).status == 200


@pytest.mark.parametrize(
    "name",
    [
        "expired-provider-token",
        "clock-skew",
        "invalid-provider-token",
        "unrelated-key",
        "too-many-token-updates",
    ],
)
async def test_a_check_without_a_token_hears_that_it_has_none(vendors: Vendors, name: str) -> None:
    await vendors.raise_("apns", name)
    async with vendors.client() as client:
        answer = await vendors.push(client, token="")
        assert (answer.status, reason(answer)) == (403, "MissingProviderToken")
        # It is not this one's token that counts as the first.
        assert (await vendors.push(client)).status in (403, 429)


# Clocks


@pytest.mark.parametrize(
    ("name", "expected"),
    [("clock-ahead", "ExpiredProviderToken"), ("clock-behind", "InvalidProviderToken")],
)
async def test_apples_clock(
    vendors: Vendors, apple_key: AppleKey, name: str, expected: str
) -> None:
    await vendors.raise_("apns", name, hours=3)
    async with vendors.client() as client:
        answer = await vendors.push(client)
        assert (answer.status, reason(answer)) == (403, expected)
    # A token by Apple's own clock is good.
    theirs = vendors.clock() + (3 if name == "clock-ahead" else -3) * 3600
    async with vendors.client() as client:
        assert (await vendors.push(client, token=provider_token(apple_key, theirs))).status == 200
    await vendors.sides["apns"].faults.clear()
    async with vendors.client() as client:
        assert (await vendors.push(client)).status == 200


@pytest.mark.parametrize("name", ["clock-ahead", "clock-behind"])
async def test_googles_clock(vendors: Vendors, name: str) -> None:
    await vendors.raise_("fcm", name)
    async with vendors.client("fcm") as client:
        await client.until(lambda: bool(client.settings()))
        answer = await vendors.grant(client)
        assert answer.status == 400
        refusal = json.loads(answer.body)
        assert refusal["error"] == "invalid_grant"
        assert refusal["error_description"].startswith("Invalid JWT: Token must be a short-lived")
        # The Date tells by how much.
        hour = "10" if name == "clock-ahead" else "06"
        assert answer.headers["date"] == f"Fri, 15 Jan 2027 {hour}:00:00 GMT"
        await vendors.sides["fcm"].faults.clear()
        assert (await vendors.push(client, "fcm")).status == 200


async def test_an_access_token_ends_by_googles_clock(vendors: Vendors) -> None:
    async with vendors.client("fcm") as client:
        assert (await vendors.push(client, "fcm")).status == 200
        await vendors.raise_("fcm", "clock-ahead", hours=0.5)
        assert (await vendors.push(client, "fcm")).status == 200
        await vendors.raise_("fcm", "clock-ahead", hours=1)
        assert (await vendors.push(client, "fcm")).status == 401
