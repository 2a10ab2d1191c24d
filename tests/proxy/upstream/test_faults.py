"""What Mattermost is answered, what goes upstream and how things stand afterwards, for each way in
which Apple and Google are known to fail."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mmpush_tui.proxy.delivery import guard
from mmpush_tui.simulator.acts.base import Answer, Exchange, Side
from mmpush_tui.simulator.net.exchange import ServedResponse
from tests.proxy.upstream_bench import Upstream, upstream
from tests.waiting import eventually

TRANSPORT = "unknown transport error: "
RESPONSE = "unknown send response error: "
NOT_APPLE = " without a reason; this may not be Apple's server"
NOT_GOOGLE = " without a reason; this may not be Google's server"
PEER = "127.0.0.1:PORT"


@dataclass(frozen=True)
class Case:
    """One behaviour.

    Attributes:
        faults: what is raised, with parameters.
        expected: how often each answer is given; OK, REMOVE, or the error of a FAIL.
        requests: how many requests were begun upstream; None where chance decides.
        delivered: how many pushes reached a phone; as many as are answered OK by default.
        duplicates: how many of these a phone had before.
        opened: how many connections were opened.
        alarms: reasons of the alarms.
        is_warm: whether a push went through before.
        within: seconds for the answer and for one try.
    """

    faults: Mapping[str, Mapping[str, object]]
    expected: Mapping[str, int]
    requests: int | None
    side: Side = "apns"
    delivered: int | None = None
    duplicates: int = 0
    opened: int = 0
    alarms: tuple[str, ...] = ()
    is_warm: bool = True
    within: tuple[float, float] = (25.0, 8.0)
    size: int = 5
    slow: bool = field(default=False)

    @property
    def name(self) -> str:
        words = [
            f"{fault}{''.join(f' {k}={v}' for k, v in parameters.items())}"
            for fault, parameters in self.faults.items()
        ]
        return f"{self.side} {', '.join(words) or 'nothing'}"


def case(
    fault: str,
    expected: Mapping[str, int] | str,
    requests: int | None,
    *,
    parameters: Mapping[str, object] | None = None,
    **more: object,
) -> Case:
    answers = {expected: 1} if isinstance(expected, str) else expected
    return Case({fault: parameters or {}}, answers, requests, **more)  # type: ignore[arg-type]


def both(
    fault: str, expected: Mapping[str, int] | str, requests: int | None, **more: object
) -> list[Case]:
    """Return the same behaviour of both vendors."""
    return [
        case(fault, expected, requests, side=side, **more)  # type: ignore[arg-type]
        for side in ("apns", "fcm")
    ]


CLOSED = f"{TRANSPORT}{PEER} closed the connection"
REFUSED = f"{TRANSPORT}{PEER} refused the stream"
NO_CONNECTION = f"{TRANSPORT}no connection to {PEER} in time"
HOST = "127.0.0.1"
UNTRUSTED = f"{TRANSPORT}the certificate of {HOST} is not accepted: "

IAM = (
    "Permission 'cloudmessaging.messages.create' denied on resource "
    "'//cloudresourcemanager.googleapis.com/projects/mmpush-demo' (or it may not exist)."
)
DISABLED = (
    "Firebase Cloud Messaging API has not been used in project 123456789012 before or it is "
    "disabled."
)
UNAUTHENTICATED = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
    "or other valid authentication credential."
)
QUOTA = "Quota exceeded for quota metric 'Messages' of service 'fcm.googleapis.com'."

CASES = [
    *both("goaway", {"OK": 10}, 10),
    *both("goaway-unprocessed", {"OK": 10}, 19, opened=1),
    *both("goaway-close", "OK", 2, parameters={"delivers": True}, delivered=2, duplicates=1,
          opened=1),
    *both("goaway-close", CLOSED, 2, parameters={"delivers": True, "times": 2}, delivered=2,
          duplicates=1, opened=1),
    *both("goaway-close", "OK", 2, opened=1),
    case("goaway-first",
         f'{TRANSPORT}{PEER} said goodbye: {{"reason":"BadCertificateEnvironment"}}', 0,
         is_warm=False, opened=1, alarms=("BadCertificateEnvironment",)),
    *both("goaway-twice", {"OK": 10}, 19, opened=1),
    *both("goaway-calm", {"OK": 10}, 20, opened=1),
    *both("refused-stream", "OK", 2),
    *both("refused-stream", "OK", 2, parameters={"both": True}),
    *both("refused-stream", "OK", 5, parameters={"times": 4}),
    *both("refused-stream", REFUSED, 5, parameters={"times": 0}),
    *both("reset-after-body", "OK", 2, parameters={"delivers": True}, delivered=2, duplicates=1),
    *both("reset-after-body", "OK", 2, parameters={"code": 8}),
    *both("reset-after-body", f"{TRANSPORT}{PEER} reset the stream (INTERNAL_ERROR)", 2,
          parameters={"times": 2}),
    *both("reset-after-body", f"{TRANSPORT}{PEER} reset the stream (CANCEL)", 2,
          parameters={"times": 2, "code": 8, "delivers": True}, delivered=2, duplicates=1),
    *both("streams-swing", {"OK": 30}, None),
    *both("streams-swing", {"OK": 30}, None, parameters={"low": 0}),
    case("streams-zero", f"{TRANSPORT}{PEER} allowed no further stream", 0, is_warm=False,
         within=(3.4, 1), opened=3, slow=True),
    case("slow", {"OK": 50}, 50, parameters={"seconds": 0.01}, is_warm=False, opened=1),
    case("no-settings", "OK", 1, parameters={"times": 1}, is_warm=False, opened=2, slow=True),
    *both("slow", "OK", 1, parameters={"seconds": 1.5}, within=(8, 3), slow=True),
    *both("slow", f"{TRANSPORT}{PEER} did not answer within 1 s", 2,
          parameters={"seconds": 60}, within=(8, 1), opened=1, slow=True),
    *both("mute-stream", {"OK": 10}, 11, within=(8, 1), slow=True),
    *both("mute-stream", "OK", 2, parameters={"delivers": True}, delivered=2, duplicates=1,
          within=(8, 1), opened=1, slow=True),
    *both("black-hole", NO_CONNECTION, 0, within=(4, 1), opened=1, slow=True),
    case("tls-reset", "OK", 1, parameters={"at": "tls"}, is_warm=False, opened=2, slow=True),
    case("tls-reset", "OK", 1, parameters={"at": "handshake"}, is_warm=False, opened=2,
         slow=True),
    *both("tcp-reset", "OK", 2, parameters={"at": "headers"}, opened=1),
    *both("tcp-reset", "OK", 2, parameters={"at": "body", "delivers": True}, delivered=2,
          duplicates=1, opened=1),
    *both("tcp-reset", f"{TRANSPORT}{PEER} dropped the connection", 2,
          parameters={"at": "body", "times": 2}, opened=1),
    Case({"dead-token": {}, "split-error": {}}, {"REMOVE": 1}, 1, delivered=0),
    Case({"dead-token": {}, "split-error": {}}, {"REMOVE": 1}, 1, delivered=0, side="fcm"),
    Case({"internal-error": {"times": 3}, "split-error": {}},
         {f"{RESPONSE}status=500 reason=InternalServerError": 1}, 3, slow=True),
    *both("error-500-empty", "OK", 3, slow=True),
    *both("error-500-html", "OK", 3, slow=True),
    case("error-500-html", f"{RESPONSE}status=500{NOT_APPLE}", 3, parameters={"times": 3},
         slow=True),
    case("error-500-html", f"{TRANSPORT}status=500{NOT_GOOGLE}", 3, parameters={"times": 3},
         side="fcm", slow=True),
    case("html-200", "OK", 2, slow=True),
    case("html-200", f"{RESPONSE}status=200{NOT_APPLE}", 2, parameters={"times": 2},
         slow=True),
    case("bad-400", f"{RESPONSE}status=400{NOT_APPLE}", 1),
    case("bad-400", f"{TRANSPORT}status=400{NOT_GOOGLE}", 1, side="fcm"),
    case("empty-400", f"{RESPONSE}status=400{NOT_APPLE}", 1),
    case("empty-400", f"{TRANSPORT}status=400{NOT_GOOGLE}", 1, side="fcm"),
    case("error-headers-only", f"{RESPONSE}status=400{NOT_APPLE}", 1),
    case("error-headers-only", f"{TRANSPORT}status=403{NOT_GOOGLE}", 1,
         parameters={"status": 403}, side="fcm"),
    case("too-many-requests", "OK", 2, slow=True),
    *both("too-many-requests", "OK", 2, parameters={"retry_after": 1}, slow=True),
    case("too-many-requests", f"{RESPONSE}status=429 reason=TooManyRequests", 2,
         parameters={"times": 2}, slow=True),
    case("too-many-requests", f"{RESPONSE}status=429 reason=TooManyRequests", 1,
         parameters={"retry_after": 600}),
    *both("unavailable", "OK", 2, slow=True),
    case("unavailable", f"{RESPONSE}status=503 reason=ServiceUnavailable", 1,
         parameters={"retry_after": 600}),
    case("unavailable", "The service is currently unavailable.", 1,
         parameters={"retry_after": 600}, side="fcm"),
    case("internal-error", f"{RESPONSE}status=500 reason=InternalServerError", 3,
         parameters={"times": 3}, slow=True),
    case("shutdown", "OK", 2, opened=1),
    case("idle-timeout", "OK", 2, opened=1),
    case("clock-skew", f"{RESPONSE}status=403 reason=ExpiredProviderToken", 1,
         alarms=("ExpiredProviderToken",)),
    case("invalid-provider-token", f"{RESPONSE}status=403 reason=InvalidProviderToken", 1,
         alarms=("InvalidProviderToken",)),
    case("unrelated-key", f"{RESPONSE}status=403 reason=UnrelatedKeyIdInToken", 1,
         alarms=("UnrelatedKeyIdInToken",)),
    case("too-many-token-updates", f"{RESPONSE}status=429 reason=TooManyProviderTokenUpdates",
         1, alarms=("TooManyProviderTokenUpdates",)),
    case("apple-refuses", "REMOVE", 1),
    case("apple-refuses", {"REMOVE": 10}, 10, parameters={"reason": "Unregistered"}),
    case("apple-refuses", "REMOVE", 1,
         parameters={"reason": "Unregistered", "timestamp": "text"}),
    case("apple-refuses", "REMOVE", 1,
         parameters={"reason": "Unregistered", "timestamp": "none"}),
    case("apple-refuses", {"REMOVE": 10}, 10, parameters={"reason": "ExpiredToken"}),
    case("apple-refuses",
         {"REMOVE": 5, f"{RESPONSE}status=400 reason=BadDeviceToken, not removed: every device of "
          f"apple_rn gets this answer, so {guard.suspect('BadDeviceToken')}": 5}, 10,
         is_warm=False, opened=1, alarms=("remove_guard",)),
    case("google-refuses",
         {"REMOVE": 5, f"{RESPONSE}status=403 reason=SENDER_ID_MISMATCH, not removed: every device "
          f"of android_rn gets this answer, so {guard.suspect('SENDER_ID_MISMATCH')}": 5}, 10,
         parameters={"reason": "sender-mismatch"}, side="fcm", is_warm=False, opened=1,
         alarms=("remove_guard",)),
    case("apple-refuses", f"{RESPONSE}status=413 reason=PayloadTooLarge", 1,
         parameters={"reason": "PayloadTooLarge"}),
    case("apple-refuses", f"{RESPONSE}status=400 reason=TopicDisallowed", 1,
         parameters={"reason": "TopicDisallowed"}, alarms=("TopicDisallowed",)),
    case("apple-refuses", f"{RESPONSE}status=400 reason=SomethingNew", 1,
         parameters={"reason": "SomethingNew"}),
    *both("tiny-window", "OK", 1, is_warm=False, opened=1, size=300),
    *both("odd-frames", {"OK": 5}, 5, is_warm=False, opened=1),
    case("odd-apns-id", "OK", 1),
    case("odd-apns-id", "OK", 1, parameters={"kind": "missing"}),
    case("odd-apns-id", "OK", 1, parameters={"kind": "wrong"}),
    case("untrusted-ca", f"{UNTRUSTED}unable to get local issuer certificate", 0,
         is_warm=False, opened=1, alarms=("tls_untrusted",)),
    case("expired-certificate", f"{UNTRUSTED}certificate has expired", 0,
         is_warm=False, opened=1, alarms=("tls_untrusted",)),
    case("wrong-name",
         f"{UNTRUSTED}IP address mismatch, certificate is not valid for '{HOST}'", 0,
         is_warm=False, opened=1, alarms=("tls_untrusted",)),
    case("old-tls", f"{TRANSPORT}TLS with {PEER} failed: tlsv1 alert protocol version", 0,
         is_warm=False, opened=1, alarms=("tls_failed",)),
    case("no-alpn", f"{TRANSPORT}{PEER} does not offer HTTP/2 (ALPN h2)", 0, is_warm=False,
         opened=1, alarms=("alpn_missing",)),
    case("http1-answer", f"{TRANSPORT}{PEER} answered in HTTP/1 where HTTP/2 was agreed on", 0,
         is_warm=False, opened=1, alarms=("http1_answer",)),
    case("google-refuses", {"REMOVE": 10}, 10, side="fcm"),
    case("google-refuses", "Requested entity was not found.", 1,
         parameters={"reason": "not-found"}, side="fcm"),
    case("google-refuses", f"{TRANSPORT}status=404{NOT_GOOGLE}", 1,
         parameters={"reason": "not-found-html"}, side="fcm"),
    case("google-refuses", "REMOVE", 1, parameters={"reason": "sender-mismatch"}, side="fcm"),
    case("google-refuses", IAM, 1, parameters={"reason": "forbidden"}, side="fcm",
         alarms=("PERMISSION_DENIED",)),
    case("google-refuses", DISABLED, 1, parameters={"reason": "api-disabled"}, side="fcm",
         alarms=("PERMISSION_DENIED",)),
    case("google-refuses", "The registration token is not a valid FCM registration token", 1,
         parameters={"reason": "invalid-token"}, side="fcm"),
    case("google-refuses", "Invalid value at 'message.data[0].value' (TYPE_STRING), 12", 1,
         parameters={"reason": "invalid-field"}, side="fcm"),
    # One of the requests is for another access token.
    case("google-refuses", "OK", 3, parameters={"reason": "unauthenticated", "times": 1},
         side="fcm"),
    case("google-refuses", UNAUTHENTICATED, 3, parameters={"reason": "unauthenticated"},
         side="fcm", alarms=("UNAUTHENTICATED",)),
    case("too-many-requests", "OK", 2, parameters={"retry_after": 2}, side="fcm", slow=True),
    case("too-many-requests", QUOTA, 1, parameters={"retry_after": 60}, side="fcm"),
    case("too-many-requests", QUOTA, 1, side="fcm"),
    *both("odd-retry-after", "OK", 2, slow=True),
    *both("odd-retry-after", "OK", 2, parameters={"kind": "garbage"}, slow=True),
    case("odd-retry-after", f"{TRANSPORT}status=503{NOT_GOOGLE}", 1,
         parameters={"seconds": 600}, side="fcm"),
    case("odd-success", "OK", 1, side="fcm"),
    case("odd-success", f"{TRANSPORT}status=200 without an FCM message name", 1,
         parameters={"kind": "bad-json"}, delivered=0, side="fcm"),
    case("session-timeout", {"OK": 10}, 10, side="fcm"),
    case("max-age", {"OK": 10}, 10, side="fcm"),
    case("too-many-pings", {"OK": 10}, 10, side="fcm"),
    case("clock-ahead", f"{RESPONSE}status=403 reason=ExpiredProviderToken", 1,
         alarms=("ExpiredProviderToken",)),
    case("clock-behind", f"{RESPONSE}status=403 reason=InvalidProviderToken", 1,
         alarms=("InvalidProviderToken",)),
]  # fmt: skip


def said(answer_status: str, error: str, port: int) -> str:
    return error.replace(f"127.0.0.1:{port}", PEER) if answer_status == "FAIL" else answer_status


async def recovers(it: Upstream, side: Side) -> None:
    """See pushes arrive again unaided, after a pause at most."""
    async with asyncio.timeout(20):
        while (await it.push(side)).status != "OK":  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.2)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_faults(case: Case, tmp_path: Path) -> None:
    async with upstream(tmp_path, *case.within) as it:
        standin = it.sides[case.side]
        if case.is_warm:
            assert (await it.push(case.side)).status == "OK"
        elif case.side == "fcm":
            # The access token comes from the same server, over a connection of its own.
            target = it.target("fcm")
            await target._access_token.get()  # type: ignore[attr-defined]
        before = it.count(case.side)
        for fault, parameters in case.faults.items():
            await standin.faults.raise_(fault, **parameters)
        count = sum(case.expected.values())
        answers = await it.pushes(case.side, count, case.size)
        found = it.count(case.side) - before
        heard = Counter(said(it_.status, it_.error, standin.server.port) for it_ in answers)
        assert heard == Counter(case.expected)
        if case.requests is not None:
            assert found.requests == case.requests
        delivered = case.delivered
        assert found.delivered == (case.expected.get("OK", 0) if delivered is None else delivered)
        assert found.duplicates == case.duplicates
        assert found.connections == case.opened
        await asyncio.sleep(0)
        assert [reason for reason, _ in it.alarms] == list(case.alarms)
        await standin.faults.clear()
        await recovers(it, case.side)


# Tokens


async def aged(it: Upstream, minutes: float) -> None:
    """Let the provider token be that old, for us and for Apple, with a push before and after."""
    token = it.provider_token
    assert (await it.push("apns")).status == "OK"
    current = token._current
    assert current is not None
    now, monotonic = token._now, token._monotonic
    token._now = lambda: now() + minutes * 60
    token._monotonic = lambda: monotonic() + minutes * 60
    it.sides["apns"].now = token._now
    assert (await it.push("apns")).status == "OK"
    assert token() == current.token


async def shown(it: Upstream, count: int) -> tuple[list[str], Counter[str]]:
    """Hand in ``count`` pushes at once; return their answers and how often each token came."""
    tokens: Counter[str] = Counter()
    standin = it.sides["apns"]
    judge = standin.faults.answer

    async def watched(exchange: Exchange, honest: Answer) -> ServedResponse | None:
        tokens[exchange.request.value("authorization") or ""] += 1
        return await judge(exchange, honest)

    standin.faults.answer = watched  # type: ignore[method-assign]
    try:
        answers = await it.pushes("apns", count)
    finally:
        standin.faults.answer = judge  # type: ignore[method-assign]
    return [answer.error or answer.status for answer in answers], tokens


async def test_an_expired_token_is_replaced_once_for_all(tmp_path: Path) -> None:
    # 25
    async with upstream(tmp_path) as it:
        await aged(it, 25)
        before = it.count("apns")
        await it.sides["apns"].faults.raise_("expired-provider-token")
        answers, tokens = await shown(it, 30)
        found = it.count("apns") - before
        assert answers == ["OK"] * 30
        assert sorted(tokens.values()) == [30, 30]
        assert (found.requests, found.delivered, found.duplicates) == (60, 30, 0)
        assert found.connections == 1
        assert it.alarms == []


async def test_a_fresh_token_is_not_replaced_however_often_it_is_refused(tmp_path: Path) -> None:
    # 26
    async with upstream(tmp_path) as it:
        assert (await it.push("apns")).status == "OK"
        await it.sides["apns"].faults.raise_("clock-skew")
        refusal = f"{RESPONSE}status=403 reason=ExpiredProviderToken"
        answers, tokens = await shown(it, 20)
        assert set(answers) == {refusal}
        assert len(tokens) == 1
        # Those that come at once afterwards wait for the next connection, or hear the reason.
        answers, more = await shown(it, 5)
        assert more.keys() <= tokens.keys()
        assert {answer.partition(": ")[2].rpartition(" ")[2] for answer in answers} <= {
            "reason=ExpiredProviderToken", "ExpiredProviderToken",
        }  # fmt: skip
        assert len(it.alarms) == 1
        reason, words = it.alarms[0]
        assert reason == "ExpiredProviderToken"
        assert words.startswith(
            "apple_rn: Apple finds the sign-in token too old: the clock of this host is wrong. "
        )


async def test_a_clock_that_is_set_right_heals_at_once(tmp_path: Path) -> None:
    # 49
    async with upstream(tmp_path) as it:
        token = it.provider_token
        now = token._now
        token._now = lambda: now() - 2 * 3600
        assert (await it.push("apns")).error == f"{RESPONSE}status=403 reason=ExpiredProviderToken"
        token._now = now
        answers, tokens = await shown(it, 1)
        assert answers == ["OK"]
        assert len(tokens) == 2


async def test_after_too_many_tokens_the_connection_is_replaced_after_a_pause(
    tmp_path: Path,
) -> None:
    # 28
    async with upstream(tmp_path) as it:
        assert (await it.push("apns")).status == "OK"
        await it.sides["apns"].faults.raise_("too-many-token-updates")
        before = it.count("apns")
        _, tokens = await shown(it, 1)
        assert not it.target("apns").is_connected
        started = asyncio.get_running_loop().time()
        await shown(it, 1)
        assert asyncio.get_running_loop().time() - started >= 0.9
        assert (it.count("apns") - before).connections == 1
        assert len(tokens) == 1


# Idle connections


@pytest.mark.parametrize("side", ["apns", "fcm"])
async def test_a_connection_that_was_closed_while_idle_is_noticed(
    tmp_path: Path, side: Side
) -> None:
    # 18
    async with upstream(tmp_path) as it:
        assert (await it.push(side)).status == "OK"
        await it.sides[side].faults.raise_("half-close-idle")
        assert (await it.push(side)).status == "OK"
        await eventually(lambda: not it.target(side).is_connected)
        before = it.count(side)
        assert (await it.push(side)).status == "OK"
        found = it.count(side) - before
        assert (found.requests, found.connections) == (1, 1)


async def test_a_goodbye_for_idleness_is_followed_by_a_new_connection(tmp_path: Path) -> None:
    # 47
    async with upstream(tmp_path) as it:
        assert (await it.push("fcm")).status == "OK"
        for reason in ("session-timeout", "max-age", "too-many-pings"):
            await it.sides["fcm"].faults.raise_(reason)
            before = it.count("fcm")
            assert [(await it.push("fcm")).status for _ in range(3)] == ["OK"] * 3
            found = it.count("fcm") - before
            assert (found.requests, found.delivered, found.duplicates) == (3, 3, 0)
            await it.sides["fcm"].faults.clear()


@pytest.mark.slow
async def test_a_client_certificate_is_demanded(tmp_path: Path) -> None:
    # 35; with TLS 1.3 the refusal comes after the handshake
    async with upstream(tmp_path, 4.0, 2.0) as it:
        await it.sides["apns"].faults.raise_("client-certificate")
        answer = await it.push("apns")
        assert answer.status == "FAIL"
        assert answer.error.endswith("alert certificate required")
        assert "broke off TLS: " in answer.error
        await eventually(lambda: it.alarms)
        assert [reason for reason, _ in it.alarms] == ["tls_closed"]


async def test_calm_means_half_as_many_at_once(tmp_path: Path) -> None:
    # 6
    async with upstream(tmp_path) as it:
        assert (await it.push("apns")).status == "OK"
        await it.sides["apns"].faults.raise_("goaway-calm", times=2)
        assert {answer.status for answer in await it.pushes("apns", 10)} == {"OK"}
        assert it.pool("apns")._cap == 25
