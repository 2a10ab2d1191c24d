"""One request to Apple or Google within its time: tried again only where that is safe."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.errors import ConnectError, TransportError
from mmpush_tui.http2.pool import Pool
from mmpush_tui.protocol.wire import fail
from mmpush_tui.proxy.upstream.attempts import WORTH_S, Attempts, Judgement
from mmpush_tui.proxy.upstream.outcome import TRANSPORT_PREFIX, Outcome, Within


class UpstreamReply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back.

    Attributes:
        result: the answer, or why there is none.
        tries: requests sent, or connections that could not be made for one.
        upstream_ms: milliseconds from the first try until the result.
    """

    result: Response | TransportError
    tries: int
    upstream_ms: float


async def ask_upstream(
    pool: Pool,
    prepare: Callable[[], Awaitable[Request]],
    judge: Callable[[Response], Judgement],
    within: Within,
    on_sent: Callable[[int], None],
) -> UpstreamReply:
    """Send a request, and again where that is safe and there is time; see ``Attempts``.

    Args:
        pool: the connections of the target.
        prepare: makes the request anew for every try; what it raises ends all.
        judge: says what an answer asks for.
        within: how long it may take.
        on_sent: called with the stream id when a try is on its way.
    """
    started = time.monotonic()
    deadline = started + within.answer_s
    attempts = Attempts()
    unconnected: ConnectError | None = None
    tries = 0
    while True:
        tries += 1
        result: Response | TransportError
        try:
            request = await prepare()
            left_s = min(within.try_s, deadline - time.monotonic())
            result = await pool.request(request, left_s, on_sent)
        except TransportError as error:
            result = unconnected if unconnected and error.code == "connect_timeout" else error
            if isinstance(error, ConnectError):
                # Says more than that there was no time for another attempt.
                unconnected = error
            pause_s = attempts.after_error(error)
        else:
            pause_s = attempts.after_answer(judge(result))
        if pause_s is None or deadline - time.monotonic() < pause_s + WORTH_S:
            break
        await asyncio.sleep(pause_s)
    elapsed_ms = (time.monotonic() - started) * 1000
    return UpstreamReply(result=result, tries=tries, upstream_ms=elapsed_ms)


def no_answer(reply: UpstreamReply, error: TransportError, reason: str = "") -> Outcome:
    """Return the outcome of a push that got no answer upstream; ``reason`` is the vendor's word."""
    return Outcome(
        answer=fail(f"{TRANSPORT_PREFIX}: {error}"),
        reason=reason or error.code,
        tries=reply.tries,
        upstream_ms=reply.upstream_ms,
        is_unreached=_is_unreached(error),
    )


_UNREACHED: Final = frozenset(
    {"connection_silent", "connect_timeout", "http2_no_settings", "no_stream", "timeout"}
)


def _is_unreached(error: TransportError) -> bool:
    """Return whether a push found nobody: no connection, or no answer in time.

    A connection that was refused by its peer's word, such as for a token, found somebody.
    """
    if error.code in _UNREACHED:
        return True
    return isinstance(error, ConnectError) and error.stage in ("dns", "tcp", "proxy", "tls", "alpn")
