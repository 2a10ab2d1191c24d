"""One Android target: a push becomes an FCM request, its answer an outcome."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import msgspec

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.errors import TransportError
from mmpush_tui.http2.pool import Pool
from mmpush_tui.protocol.wire import OK, REMOVE, PushNotification, fail
from mmpush_tui.proxy.android.access_token import AccessToken, AccessTokenError
from mmpush_tui.proxy.android.errors import is_dead, read_error
from mmpush_tui.proxy.android.payload import build
from mmpush_tui.proxy.payloads.shortening import PayloadTooLargeError
from mmpush_tui.proxy.upstream.attempts import Judgement, RetryAdvice, retry_after_s
from mmpush_tui.proxy.upstream.outcome import TRANSPORT_PREFIX, Outcome, Within
from mmpush_tui.proxy.upstream.request import UpstreamReply, ask_upstream, no_answer
from mmpush_tui.proxy.upstream.target import Target
from mmpush_tui.text import clean, presentable

_MESSAGE_LIMIT: Final = 500


class _Accepted(msgspec.Struct):
    name: str


class AndroidTarget(Target):
    """Sends pushes of one configured type to FCM.

    Args:
        type_: the configured type, ``android_rn``.
        project_id: the Firebase project.
        access_token: the service account's token, which other targets may share.
        pool: the connections to FCM.
    """

    platform = "android"

    def __init__(self, type_: str, project_id: str, access_token: AccessToken, pool: Pool) -> None:
        super().__init__(type_, pool)
        self._path = f"/v1/projects/{project_id}/messages:send"
        self._access_token = access_token

    async def send(
        self,
        push: PushNotification,
        app_version: int,
        within: Within,
        on_sent: Callable[[int], None],
    ) -> Outcome:
        """Send ``push`` to FCM, whose bodies are the same for every version of the app."""
        try:
            body = build(push)
        except PayloadTooLargeError as error:
            text = f"{TRANSPORT_PREFIX}: message too big, not sent: {error}"
            return Outcome(answer=fail(text), reason="PayloadTooLarge")
        deadline = asyncio.get_running_loop().time() + within.answer_s
        token = ""

        async def prepare() -> Request:
            nonlocal token
            async with asyncio.timeout_at(deadline):
                token = await self._access_token.get()
            return self._request(body, token)

        def judge(response: Response) -> Judgement:
            if response.status == 401 and self._access_token.forget(token):
                return Judgement(RetryAdvice.SIGNED_ANEW)
            return _judgement(response)

        try:
            reply = await ask_upstream(self._pool, prepare, judge, within, on_sent)
        except AccessTokenError as error:
            return Outcome(answer=fail(f"{TRANSPORT_PREFIX}: {error}"), reason=error.code)
        except TimeoutError:
            cause = "the token server does not answer in time"
            return Outcome(answer=fail(f"{TRANSPORT_PREFIX}: {cause}"), reason="token_timeout")
        if isinstance(reply.result, TransportError):
            return no_answer(reply, reply.result)
        return _outcome(reply.result, reply)

    def _request(self, body: bytes, token: str) -> Request:
        headers = (
            ("authorization", f"Bearer {token}"),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
        )
        return Request("POST", self._path, headers, body)


def _judgement(response: Response) -> Judgement:
    """Say what an answer asks for (Google, FCM error codes)."""
    wait_s = retry_after_s(response.header("retry-after"), time.time())
    if response.status >= 500:
        return Judgement(RetryAdvice.TROUBLED, wait_s)
    # Without a time Google means a minute, which Mattermost does not wait.
    if response.status == 429 and wait_s is not None:
        return Judgement(RetryAdvice.DELAYED, wait_s)
    return Judgement()


def _outcome(response: Response, reply: UpstreamReply) -> Outcome:
    name = ""
    if response.status == 200:
        try:
            name = msgspec.json.decode(response.body, type=_Accepted).name
        except (ValueError, RecursionError):
            answer = fail(f"{TRANSPORT_PREFIX}: status=200 without an FCM message name")
            reason = "not_fcm"
        else:
            answer, reason = OK, ""
    else:
        error = read_error(response.body)
        reason = error.code or error.status or "not_fcm"
        if is_dead(response.status, error):
            answer = REMOVE
        elif error.message:
            answer = fail(presentable(error.message, _MESSAGE_LIMIT))
        else:
            answer = fail(
                f"{TRANSPORT_PREFIX}: status={response.status} without a reason; "
                "this may not be Google's server"
            )
    return Outcome(
        answer=answer,
        reason=clean(reason, 60),
        http=response.status,
        upstream_id=clean(name, 100),
        tries=reply.tries,
        upstream_ms=reply.upstream_ms,
    )
