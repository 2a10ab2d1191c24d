import email.utils
import json
import re
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

import h2.events
import httpx
import jwt
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st

from mmpush_tui.simulator.credentials import GoogleAccount, seeded
from mmpush_tui.simulator.fcm.rules import FcmRules
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.simulator.phones import Phone, Phones, PhoneState
from mmpush_tui.simulator.standins.fcm import FcmStandIn
from tests.clock import Clock
from tests.simulator.peers import RawClient, assertion

pytestmark = pytest.mark.usefixtures("nothing_left")

PROJECT = "chat-project"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
SKEWED = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)


class Sender:
    """A well-behaved sender; what each test changes is what it does wrong."""

    def __init__(self, fcm: FcmStandIn, client: httpx.AsyncClient, clock: Clock) -> None:
        self.fcm = fcm
        self.client = client
        self.clock = clock
        self.account = fcm.accounts[0]
        self.access_token = ""

    async def grant(self, form: Any = None, **headers: str) -> httpx.Response:
        if form is None:
            form = {"grant_type": GRANT, "assertion": assertion(self.account, self.clock.now)}
        content = form if isinstance(form, bytes) else urllib.parse.urlencode(form).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await self.client.post(self.fcm.token_uri, content=content, headers=headers)

    async def sign_in(self) -> None:
        self.access_token = (await self.grant()).json()["access_token"]

    async def send(
        self, body: Any, *, project: str = PROJECT, **headers: str | None
    ) -> httpx.Response:
        if not self.access_token:
            await self.sign_in()
        all_headers = {
            "authorization": f"Bearer {self.access_token}",
            "content-type": "application/json",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(
            f"{self.fcm.endpoint}/v1/projects/{project}/messages:send",
            content=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={name: value for name, value in all_headers.items() if value is not None},
        )


def message(token: str, **changes: Any) -> dict[str, Any]:
    return {
        "message": {
            "token": token,
            "data": {"ack_id": "ack1", "type": "message", "message": "hi"},
            "android": {"priority": "high"},
        }
        | changes
    }


def error(code: int, status: str, text: str, *details: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"code": code, "message": text, "status": status}
    return {"error": body | ({"details": list(details)} if details else {})}


def fcm_error(code: str) -> dict[str, Any]:
    return {"@type": FCM_ERROR, "errorCode": code}


def violation(field: str, text: str) -> dict[str, Any]:
    fields = {"field": field, "description": text} if field else {"description": text}
    return {"@type": BAD_REQUEST, "fieldViolations": [fields]}


def check(response: httpx.Response, content: dict[str, Any]) -> None:
    """The status, the exact body as Google prints it, its type, and a date."""
    assert json.loads(response.content) == content
    assert response.content == json.dumps(content, indent=2).encode() + b"\n"
    if "error" in content and isinstance(content["error"], dict):
        assert response.status_code == content["error"]["code"]
    assert response.http_version == "HTTP/2"
    assert list(response.headers) == ["content-type", "date"]
    assert response.headers["content-type"] == "application/json; charset=UTF-8"


@pytest.fixture
def phones() -> Phones:
    return Phones(seed=7)


@pytest.fixture
def phone(phones: Phones) -> Phone:
    return phones.add_android(PROJECT)


@pytest.fixture
async def sender(
    ca: ThrowAwayCA, account: GoogleAccount, other_account: GoogleAccount, phones: Phones
) -> AsyncIterator[Sender]:
    clock = Clock()
    async with (
        FcmStandIn(ca, [account, other_account], phones, now=clock) as fcm,
        httpx.AsyncClient(http2=True, verify=ca.client_context(())) as client,
    ):
        yield Sender(fcm, client, clock)
    assert fcm.errors == []
    assert fcm.violations == []


async def test_a_push_is_accepted_and_delivered(
    sender: Sender, phone: Phone, phones: Phones
) -> None:
    response = await sender.send(message(phone.token))
    name = response.json()["name"]
    assert re.fullmatch(r"projects/chat-project/messages/0:1800000000000000%[0-9a-f]{16}", name)
    check(response, {"name": name})
    assert response.status_code == 200
    (received,) = phones.received
    assert (received.platform, received.token) == ("android_rn", phone.token)
    assert (received.ack_id, received.kind, received.name) == ("ack1", "message", name)
    assert json.loads(received.body) == message(phone.token)
    await sender.send(message(phone.token))
    assert (phones.accepted, phones.duplicates) == (2, 1)


async def test_a_dry_run_delivers_nothing(sender: Sender, phone: Phone, phones: Phones) -> None:
    response = await sender.send(message(phone.token) | {"validate_only": True})
    check(response, {"name": "projects/chat-project/messages/fake_message_id"})
    response = await sender.send({"validate_only": True} | message("x"))
    assert response.status_code == 400
    assert phones.accepted == 0


async def test_a_success_comes_in_two_frames(ca: ThrowAwayCA, sender: Sender, phone: Phone) -> None:
    await sender.sign_in()
    headers = [
        ("authorization", f"Bearer {sender.access_token}"),
        ("content-type", "application/json; charset=utf-8"),
    ]
    path = "/v1/projects/chat-project/messages:send"
    async with RawClient(sender.fcm.server.port, ca.client_context()) as client:
        body = json.dumps(message(phone.token)).encode()
        answer = await client.answer(client.request(headers, body, path=path))
        assert answer.status == 200
        assert len(answer.frames) == 2
        assert answer.frames[1] == b""
        refused = await client.answer(client.request([], body, path=path))
        assert (refused.status, len(refused.frames)) == (401, 1)
        assert client.settings()[0][SettingCodes.MAX_CONCURRENT_STREAMS] == 100


async def test_the_third_idle_ping_is_too_many(
    ca: ThrowAwayCA, account: GoogleAccount, phones: Phones
) -> None:
    async with FcmStandIn(ca, account, phones) as fcm:
        async with RawClient(fcm.server.port, ca.client_context()) as client:
            for _ in range(3):
                client.h2.ping(b"12345678")
            client.flush()
            await client.closed()
            (goaway,) = client.seen(h2.events.ConnectionTerminated)
            assert goaway.error_code == ErrorCodes.ENHANCE_YOUR_CALM
            assert goaway.additional_data == b"too_many_pings"
        assert fcm.violations == ["3 PINGs without a request"]


async def test_all_answers_are_dated_by_its_clock(sender: Sender) -> None:
    sender.clock.now += 7200
    await sender.client.get(f"{sender.fcm.endpoint}/")
    for response in (
        await sender.grant(),
        await sender.grant({}),
        await sender.send({}),
        await sender.client.get(f"{sender.fcm.endpoint}/"),
    ):
        date = email.utils.parsedate_to_datetime(response.headers["date"])
        assert date.timestamp() == sender.clock.now


async def test_addresses_that_no_api_has(sender: Sender) -> None:
    for method, path in (
        ("POST", "/"),
        ("POST", "/v1/projects/p/messages"),
        ("POST", "/v1/projects//messages:send"),
        ("POST", "/v1/projects/a/b/messages:send"),
        ("POST", "/v1/projects/p/messages:send?alt=json"),
        ("POST", "/fcm/send"),
        ("GET", "/token"),
        ("GET", "/v1/projects/chat-project/messages:send"),
    ):
        response = await sender.client.request(method, sender.fcm.endpoint + path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "text/html; charset=UTF-8"
        assert response.content.startswith(b"<!DOCTYPE html>")


async def test_who_may_send(sender: Sender, phone: Phone) -> None:
    body = message(phone.token)
    missing = f"Request is missing required authentication credential. {EXPECTED}"
    check(await sender.send(body, authorization=None), error(401, "UNAUTHENTICATED", missing))
    invalid = f"Request had invalid authentication credentials. {EXPECTED}"
    for value in (
        "Bearer ya29.unknown",
        f"bearer {sender.access_token}",
        f"Basic {sender.access_token}",
        "Bearer",
        "",
    ):
        check(await sender.send(body, authorization=value), error(401, "UNAUTHENTICATED", invalid))
    check(
        await sender.send(body, project="no-such"),
        error(404, "NOT_FOUND", "Requested entity was not found."),
    )
    denied = (
        "Permission 'cloudmessaging.messages.create' denied on resource "
        "'//cloudresourcemanager.googleapis.com/projects/other-project' (or it may not exist)."
    )
    check(
        await sender.send(body, project="other-project"),
        error(403, "PERMISSION_DENIED", denied),
    )
    assert (await sender.send(body)).status_code == 200
    sender.clock.now += 3598
    assert (await sender.send(body)).status_code == 200
    sender.clock.now += 1
    check(await sender.send(body), error(401, "UNAUTHENTICATED", invalid))
    await sender.sign_in()
    assert (await sender.send(body)).status_code == 200
    sender.fcm.oauth.revoke_all()
    check(await sender.send(body), error(401, "UNAUTHENTICATED", invalid))


async def test_states_of_a_token(sender: Sender, phones: Phones) -> None:
    gone = error(404, "NOT_FOUND", "Requested entity was not found.", fcm_error("UNREGISTERED"))
    bad = error(
        400,
        "INVALID_ARGUMENT",
        "The registration token is not a valid FCM registration token",
        fcm_error("INVALID_ARGUMENT"),
    )
    for phone, answer in (
        (phones.add_android(PROJECT, state=PhoneState.DEAD), gone),
        (phones.add_android(PROJECT, state=PhoneState.EXPIRED), gone),
        (Phones(seed=8).add_android(PROJECT), gone),
        (phones.add_android(PROJECT, state=PhoneState.BAD), bad),
        (
            phones.add_android("other-project"),
            error(403, "PERMISSION_DENIED", "SenderId mismatch", fcm_error("SENDER_ID_MISMATCH")),
        ),
    ):
        check(await sender.send(message(phone.token)), answer)
    for token in ("x", phones.add_apple().token, "x" * 22 + ":APA91b", " " * 163):
        check(await sender.send(message(token)), bad)


def parse_error(field: str, text: str) -> dict[str, Any]:
    return error(400, "INVALID_ARGUMENT", text, violation(field, text))


def fcm_refusal(field: str, text: str) -> dict[str, Any]:
    details = fcm_error("INVALID_ARGUMENT"), violation(field, text)
    return error(400, "INVALID_ARGUMENT", text, *details)


def unknown(name: str, at: str) -> dict[str, Any]:
    where = f" at '{at}'" if at else ""
    text = f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'
    return parse_error(at, text)


def invalid(field: str, kind: str, value: str) -> dict[str, Any]:
    return parse_error(field, f"Invalid value at '{field}' ({kind}), {value}")


def data(**data: Any) -> dict[str, Any]:
    return {"message": {"token": "TOKEN", "data": data}}


def android(**android: Any) -> dict[str, Any]:
    return {"message": {"token": "TOKEN", "android": android}}


NO_JSON = parse_error("", "Invalid JSON payload received. Unexpected token.")
V1 = "type.googleapis.com/google.firebase.fcm.v1."
DATA = V1 + "Message.DataEntry"
ANDROID = V1 + "AndroidConfig"
PRIORITY = V1 + "AndroidConfig.AndroidMessagePriority"
TTL = "type.googleapis.com/google.protobuf.Duration"
TOO_BIG = fcm_refusal("message", "Android message is too big")
REFUSED: list[tuple[str, Any, dict[str, Any]]] = [
    ("no body", b"", NO_JSON),
    ("no JSON", b"{message:{}}", NO_JSON),
    ("no UTF-8", b'{"message":"\xff"}', NO_JSON),
    ("key twice", b'{"message":{},"message":{}}', NO_JSON),
    ("array", [], invalid("", V1 + "SendMessageRequest", "[]")),
    ("unknown name", {"mesage": {}}, unknown("mesage", "")),
    ("camel case", {"validateOnly": True}, unknown("validateOnly", "")),
    ("text as validate_only", {"validate_only": "x"}, invalid("validate_only", "TYPE_BOOL", '"x"')),
    ("no message", {}, fcm_refusal("message", "Recipient of the message is not set.")),
    ("text as message", {"message": "x"}, invalid("message", V1 + "Message", '"x"')),
    ("unknown field", {"message": {"to": "x"}}, unknown("to", "message")),
    ("a topic", {"message": {"topic": "x"}}, unknown("topic", "message")),
    (
        "empty token",
        {"message": {"token": ""}},
        fcm_refusal("message", "Recipient of the message is not set."),
    ),
    ("number as token", {"message": {"token": 1}}, invalid("message.token", "TYPE_STRING", "1")),
    ("list as data", {"message": {"data": []}}, invalid("message.data", DATA, "[]")),
    ("number in data", data(a=12), invalid("message.data[0].value", "TYPE_STRING", "12")),
    ("second in data", data(a="", b=True), invalid("message.data[1].value", "TYPE_STRING", "true")),
    ("null in data", data(a=None), invalid("message.data[0].value", "TYPE_STRING", "null")),
    ("object in data", data(a={}), invalid("message.data[0].value", "TYPE_STRING", "{}")),
    *(
        (key or "empty key", data(**{key: "x"}), fcm_refusal("message.data[0].key", text))
        for key in ("from", "message_type", "google", "google.sent", "gcm", "gcm.x", "")
        for text in [f"Invalid data payload key: {key}"]
    ),
    ("4097 bytes", data(key="x" * 4094), TOO_BIG),
    ("4098 bytes of UTF-8", data(key="é" * 2047 + "x"), TOO_BIG),
    ("a megabyte", data(key="x" * 1_000_000), TOO_BIG),
    ("text as android", {"message": {"android": "x"}}, invalid("message.android", ANDROID, '"x"')),
    ("unknown in android", android(notification={}), unknown("notification", "message.android")),
    ("priority 10", android(priority=10), invalid("message.android.priority", PRIORITY, "10")),
    ("priority x", android(priority="x"), invalid("message.android.priority", PRIORITY, '"x"')),
    ("ttl of 60", android(ttl=60), invalid("message.android.ttl", TTL, "60")),
    ("ttl in ms", android(ttl="60ms"), invalid("message.android.ttl", TTL, '"60ms"')),
    (
        "collapse key 1",
        android(collapse_key=1),
        invalid("message.android.collapse_key", "TYPE_STRING", "1"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "answer"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
async def test_what_google_refuses_is_refused(
    sender: Sender, phone: Phone, phones: Phones, body: Any, answer: dict[str, Any]
) -> None:
    if isinstance(body, dict):
        body = json.loads(json.dumps(body).replace("TOKEN", phone.token))
    check(await sender.send(body), answer)
    assert phones.accepted == 0


async def test_what_google_documents_is_accepted(sender: Sender, phone: Phone) -> None:
    for body in (
        message(phone.token),
        {"message": {"token": phone.token}},
        message(phone.token, data={"key": "x" * 4093}),
        message(phone.token, data={"from_webhook": "", "ack_id": "", "googol": "x"}),
        message(phone.token, android={"priority": "NORMAL", "ttl": "3.5s", "collapse_key": "x"}),
        message(phone.token) | {"validate_only": False},
    ):
        assert (await sender.send(body)).status_code == 200


async def test_a_body_must_be_called_json(sender: Sender, phone: Phone) -> None:
    answer = parse_error("", "Content-Type must be application/json.")
    for kind in (None, "text/json", "application/json; charset=latin-1", "application/jsonp"):
        check(await sender.send(message(phone.token), content_type=kind), answer)
    check(await sender.send(message(phone.token), content_encoding="gzip"), answer)
    kind = "application/json; charset=UTF-8"
    assert (await sender.send(message(phone.token), content_type=kind)).status_code == 200


async def test_an_access_token_is_granted(sender: Sender) -> None:
    response = await sender.grant()
    content = response.json()
    token = content["access_token"]
    check(response, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
    assert response.status_code == 200
    assert token.startswith("ya29.")
    assert (await sender.grant()).json()["access_token"] != token
    assert sender.fcm.oauth.granted == 2


async def test_assertions_at_the_edge_of_what_is_good(sender: Sender) -> None:
    now = int(sender.clock.now)
    for changes in (
        {"iat": now - 10, "exp": now + 3590},
        {"iat": now + 60, "exp": now + 3660},
        {"iat": now - 3599, "exp": now + 1},
        {"aud": "https://oauth2.googleapis.com/token"},
    ):
        form = {"grant_type": GRANT, "assertion": assertion(sender.account, now, **changes)}
        assert (await sender.grant(form)).status_code == 200


async def test_assertions_that_google_refuses(
    sender: Sender, account: GoogleAccount, other_account: GoogleAccount
) -> None:
    now = int(sender.clock.now)
    good = sender.account
    audiences = ", ".join(sorted({good.token_uri, "https://oauth2.googleapis.com/token"}))
    not_found = "Invalid grant: account not found"
    audience = f"Invalid JWT: Failed audience check. The right audience is {audiences}"
    scope = "Invalid OAuth scope or ID token audience provided."
    claims = "Invalid JWT: claims other than aud, exp, iat, iss, scope."
    bad_key = "Invalid JWT Signature."
    private, kid = good.private_key, {"kid": good.private_key_id}
    plain = jwt.decode(assertion(good, now), options={"verify_signature": False})
    firebase = "https://www.googleapis.com/auth/firebase"
    cases = {
        "no JWT": ("x", "invalid_grant", bad_key),
        "other kid": (assertion(good, now, kid="0" * 40), "invalid_grant", bad_key),
        "no kid": (jwt.encode(plain, private, "RS256"), "invalid_grant", bad_key),
        "RS512": (jwt.encode(plain, private, "RS512", kid), "invalid_grant", bad_key),
        "other key": (
            jwt.encode(plain, other_account.private_key, "RS256", kid),
            "invalid_grant",
            bad_key,
        ),
        "cut": (assertion(good, now)[:-4], "invalid_grant", bad_key),
        "unknown account": (assertion(good, now, iss="x@y"), "invalid_grant", not_found),
        "account 1": (assertion(good, now, iss=None), "invalid_grant", not_found),
        "from the future": (assertion(good, now + 61), "invalid_grant", SKEWED),
        "expired": (assertion(good, now - 3600), "invalid_grant", SKEWED),
        "too long": (assertion(good, now, exp=now + 3601), "invalid_grant", SKEWED),
        "backwards": (assertion(good, now, iat=now + 30, exp=now + 20), "invalid_grant", SKEWED),
        "no iat": (assertion(good, now, iat=None), "invalid_grant", SKEWED),
        "no exp": (assertion(good, now, exp=None), "invalid_grant", SKEWED),
        "exp as text": (assertion(good, now, exp=str(now + 60)), "invalid_grant", SKEWED),
        "exp true": (assertion(good, now, exp=True), "invalid_grant", SKEWED),
        "other audience": (assertion(good, now, aud="https://x/token"), "invalid_grant", audience),
        "two audiences": (assertion(good, now, aud=[good.token_uri]), "invalid_grant", audience),
        "no audience": (assertion(good, now, aud=None), "invalid_grant", audience),
        "other scope": (assertion(good, now, scope=firebase), "invalid_scope", scope),
        "no scope": (assertion(good, now, scope=None), "invalid_scope", scope),
        "on behalf": (assertion(good, now, sub="a@b"), "invalid_grant", claims),
    }
    for name, (value, code, text) in cases.items():
        response = await sender.grant({"grant_type": GRANT, "assertion": value})
        assert response.json() == {"error": code, "error_description": text}, name
        check(response, response.json())
        assert response.status_code == 400


async def test_forms_that_google_refuses(sender: Sender) -> None:
    value = assertion(sender.account, sender.clock.now)
    good = {"grant_type": GRANT, "assertion": value}
    unread = "The form cannot be read."
    more = "Unknown or repeated parameter."
    for form, code, text in (
        ({"assertion": value}, "invalid_request", "Required parameter is missing: grant_type"),
        ({"grant_type": GRANT}, "invalid_request", "Required parameter is missing: assertion"),
        (
            good | {"grant_type": "password"},
            "unsupported_grant_type",
            "Invalid grant_type: password",
        ),
        (good | {"scope": "x"}, "invalid_request", more),
        ([*good.items(), ("assertion", value)], "invalid_request", more),
        (b"", "invalid_request", "Required parameter is missing: grant_type"),
        (b"\xff", "invalid_request", unread),
        (b"grant_type", "invalid_request", unread),
        (b"a=1&" * 20, "invalid_request", unread),
    ):
        response = await sender.grant(form)
        check(response, {"error": code, "error_description": text})
        assert response.status_code == 400
    response = await sender.grant(good, content_type="application/json")
    text = "Content-Type must be application/x-www-form-urlencoded."
    check(response, {"error": "invalid_request", "error_description": text})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
names = st.sampled_from(["token", "data", "android"])
bodies = (
    st.binary(max_size=80)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(names, json_values).map(lambda m: json.dumps({"message": m}).encode())
)


@given(body=bodies)
def test_any_body_has_an_answer(account: GoogleAccount, body: bytes) -> None:
    phones = Phones(seed=7)
    rules = FcmRules(
        projects={PROJECT: account},
        holder=lambda _token, _now: account,
        find=lambda token: phones.find("android_rn", token),
        random=seeded(1, "test"),
    )
    request = ServedRequest(
        headers=(("authorization", "Bearer x"), ("content-type", "application/json")),
        body=body,
        size=len(body),
    )
    verdict = rules.judge(request, PROJECT, 0.0)
    assert verdict.push is None
    assert verdict.response.status == 400
    assert isinstance(verdict.response, ServedResponse)


@given(
    content=st.binary(max_size=80) | st.text(max_size=60).map(lambda t: f"assertion={t}".encode())
)
def test_any_form_has_an_answer(ca: ThrowAwayCA, account: GoogleAccount, content: bytes) -> None:
    fcm = FcmStandIn(ca, account, Phones())
    request = ServedRequest(
        headers=(("content-type", "application/x-www-form-urlencoded"),),
        body=content,
        size=len(content),
    )
    assert fcm.oauth.judge(request, 0.0).status == 400
