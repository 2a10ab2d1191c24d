"""One Android target: a push becomes an FCM request, its answer an outcome."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.errors import TransportError
from mmpush_tui.http2.pool import Pool
from mmpush_tui.proxy.android.access_token import AccessToken, AccessTokenError
from mmpush_tui.proxy.android.errors import is_dead, read_error
from mmpush_tui.proxy.android.payload import build
from mmpush_tui.proxy.outcome import TRANSPORT_PREFIX, Outcome
from mmpush_tui.proxy.upstream import PooledTarget, Reply, ask, no_answer
from mmpush_tui.proxy.wire import OK, REMOVE, PushNotification, fail
from mmpush_tui.text import clean, presentable

_MESSAGE_LIMIT: Final = 500


class _Accepted(msgspec.Struct):
    name: str


class AndroidTarget(PooledTarget):
    """Sends pushes of one configured type to FCM.

    Args:
        type_: the configured type, ``android_rn``.
        project_id: the Firebase project.
        access_token: the project's service account token.
        pool: the connections to FCM.
    """

    platform: Literal["android"] = "android"

    def __init__(self, type_: str, project_id: str, access_token: AccessToken, pool: Pool) -> None:
        super().__init__(type_, pool)
        self._path = f"/v1/projects/{project_id}/messages:send"
        self._access_token = access_token

    async def send(
        self,
        push: PushNotification,
        app_version: int,
        within_s: float,
        on_sent: Callable[[int], None],
    ) -> Outcome:
        """Send ``push``; a request that provably was not looked at is sent once more.

        Args:
            push: what Mattermost posted.
            app_version: unused; Android bodies are the same for every version.
            within_s: seconds until the outcome must be known.
            on_sent: called with the stream id whenever a request is on its way.
        """
        del app_version
        started = time.monotonic()
        try:
            async with asyncio.timeout(within_s):
                token = await self._access_token.get()
        except AccessTokenError as error:
            return Outcome(answer=fail(f"{TRANSPORT_PREFIX}: {error}"), reason=error.code)
        except TimeoutError:
            cause = "the token server does not answer in time"
            return Outcome(answer=fail(f"{TRANSPORT_PREFIX}: {cause}"), reason="token_timeout")
        left_s = within_s - (time.monotonic() - started)
        reply = await ask(self._pool, self._request(push, token), left_s, on_sent)
        if isinstance(reply.result, TransportError):
            return no_answer(reply, reply.result)
        if reply.result.status == 401:
            self._access_token.forget(token)
        return _outcome(reply.result, reply)

    async def aclose(self) -> None:
        """Close the connections, that to the token server too."""
        await super().aclose()
        await self._access_token.aclose()

    def _request(self, push: PushNotification, token: str) -> Request:
        body = build(push)
        headers = (
            ("authorization", f"Bearer {token}"),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
        )
        return Request("POST", self._path, headers, body)


def _outcome(response: Response, reply: Reply) -> Outcome:
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
