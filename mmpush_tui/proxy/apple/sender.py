"""One Apple target: a push becomes an APNs request, its answer an outcome."""

import re
import time
from collections.abc import Callable
from typing import Final

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.errors import ConnectError, TransportError
from mmpush_tui.http2.pool import Pool
from mmpush_tui.protocol.wire import OK, REMOVE, PushNotification, fail
from mmpush_tui.proxy.apple import reasons
from mmpush_tui.proxy.apple.payload import build
from mmpush_tui.proxy.apple.provider_token import ProviderToken
from mmpush_tui.proxy.payloads.shortening import PayloadTooLargeError
from mmpush_tui.proxy.upstream.attempts import Judgement, RetryAdvice, retry_after_s
from mmpush_tui.proxy.upstream.ids import uuid_text
from mmpush_tui.proxy.upstream.outcome import RESPONSE_PREFIX, Outcome, Within
from mmpush_tui.proxy.upstream.request import UpstreamReply, ask_upstream, no_answer
from mmpush_tui.proxy.upstream.target import Target
from mmpush_tui.text import clean

# Apple says not to assume a length; anything else in the path could become another request.
_DEVICE_TOKEN: Final = re.compile(r"[0-9A-Fa-f]{64,200}", re.ASCII)


class AppleTarget(Target):
    """Sends pushes of one configured type to APNs.

    Args:
        type_: the configured type, ``apple_rn``.
        topic: the app's bundle id.
        provider_token: the source of the token that the pool adds to requests; None where a
            certificate stands in for it.
        pool: the connections to APNs.
    """

    platform = "apple"

    def __init__(
        self, type_: str, topic: str, provider_token: ProviderToken | None, pool: Pool
    ) -> None:
        super().__init__(type_, pool)
        self.topic = topic
        self._provider_token = provider_token

    async def send(
        self,
        push: PushNotification,
        app_version: int,
        within: Within,
        on_sent: Callable[[int], None],
    ) -> Outcome:
        """Send ``push`` to APNs; as :meth:`Target.send`."""
        if not _DEVICE_TOKEN.fullmatch(push.device_id):
            return Outcome(answer=fail(_bad_token(push.device_id)), reason="InvalidDeviceToken")
        try:
            request = self._request(push, app_version)
        except PayloadTooLargeError as error:
            text = f"{RESPONSE_PREFIX}: status=413 reason=PayloadTooLarge, not sent: {error}"
            return Outcome(answer=fail(text), reason="PayloadTooLarge")

        reason = ""

        async def prepare() -> Request:
            return request

        def judge(response: Response) -> Judgement:
            nonlocal reason
            reason = reasons.read_reason(response.body) if response.body else ""
            return self._judge(response, reason)

        reply = await ask_upstream(self._pool, prepare, judge, within, on_sent)
        if isinstance(reply.result, TransportError):
            is_goodbye = reply.result.code == "http2_goaway"
            goodbye = reasons.goodbye_reason(str(reply.result)) if is_goodbye else ""
            return no_answer(reply, reply.result, goodbye)
        # What was judged last is the result.
        return _outcome(reply.result, clean(reason, 60), reply)

    def _judge(self, response: Response, reason: str) -> Judgement:
        """Say what an answer asks for (Apple, Handling notification responses from APNs)."""
        wait_s = retry_after_s(response.header("retry-after"), time.time())
        match response.status, reason:
            case 403, "ExpiredProviderToken" if self._provider_token is not None:
                token = response.authorization.removeprefix("bearer ")
                if self._provider_token.refused(token) != "kept":
                    # Apple goes on refusing on a connection where it refused once.
                    self._pool.retire(response.connection)
                    return Judgement(RetryAdvice.SIGNED_ANEW)
                self._pool.retire(response.connection, self._refused(reason))
            case (403, "UnrelatedKeyIdInToken") | (429, "TooManyProviderTokenUpdates"):
                self._pool.retire(response.connection, self._refused(reason))
            case _, "IdleTimeout" | "Shutdown":
                self._pool.retire(response.connection)
                return Judgement(RetryAdvice.ELSEWHERE)
            case 429, _:
                return Judgement(RetryAdvice.DELAYED, wait_s)
            case status, _ if status >= 500:
                return Judgement(RetryAdvice.TROUBLED, wait_s)
            case 200, _ if response.body:
                # Whatever answered is not Apple's server; a gate on the way may be gone soon.
                return Judgement(RetryAdvice.DELAYED)
            case _:
                pass
        return Judgement()

    def _refused(self, reason: str) -> ConnectError:
        """Return what those are told who ask while no other connection is tried."""
        return ConnectError(
            "http2", f"{self.endpoint} just refused our provider token: {reason}", reason
        )

    def _request(self, push: PushNotification, app_version: int) -> Request:
        apns = build(push, app_version, self.topic)
        headers = (
            ("apns-topic", apns.topic),
            ("apns-push-type", apns.push_type),
            ("apns-priority", "10"),
            # The same on every try, so that a log at Apple's can tell a retry from a second push.
            ("apns-id", uuid_text()),
            ("content-type", "application/json; charset=utf-8"),
            ("content-length", str(len(apns.body))),
        )
        return Request("POST", f"/3/device/{push.device_id}", headers, apns.body)


def _outcome(response: Response, reason: str, reply: UpstreamReply) -> Outcome:
    apns_id = clean(response.header("apns-id"), 64)
    if response.status == 200 and not response.body:
        answer = OK
    elif reason in reasons.DEAD_DEVICE and response.status in (400, 410):
        answer = REMOVE
    elif reason:
        answer = fail(f"{RESPONSE_PREFIX}: status={response.status} reason={reason}")
    else:
        reason = "not_apns"
        answer = fail(
            f"{RESPONSE_PREFIX}: status={response.status} without a reason; "
            "this may not be Apple's server"
        )
    return Outcome(
        answer=answer,
        reason=reason,
        http=response.status,
        upstream_id=apns_id,
        tries=reply.tries,
        upstream_ms=reply.upstream_ms,
    )


def _bad_token(device_id: str) -> str:
    if device_id.startswith("apple_"):
        hint = "it still has its platform in front"
    elif device_id == "null":
        hint = "the app had no token yet"
    else:
        hint = "expected 64 or more hexadecimal digits"
    return f"{RESPONSE_PREFIX}: this is no APNs device token, {hint}"
