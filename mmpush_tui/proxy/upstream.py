"""One request to Apple or Google within its time: tried again only where that is safe."""

import time
from collections.abc import Callable

import msgspec

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.errors import TransportError
from mmpush_tui.http2.pool import Pool
from mmpush_tui.proxy.outcome import TRANSPORT_PREFIX, Outcome
from mmpush_tui.proxy.wire import fail


class PooledTarget:
    """What Apple's and Google's targets have in common: a type, and connections.

    Args:
        type_: the configured type, ``apple_rn``.
        pool: the connections.
    """

    def __init__(self, type_: str, pool: Pool) -> None:
        self.type = type_
        self._pool = pool

    @property
    def endpoint(self) -> str:
        """host:port it sends to."""
        return str(self._pool.route.endpoint)

    @property
    def is_connected(self) -> bool:
        """Whether a connection is open right now."""
        return self._pool.is_connected

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back.

    Attributes:
        result: the answer, or why there is none.
        tries: requests sent.
        upstream_ms: milliseconds from the first try until the result.
    """

    result: Response | TransportError
    tries: int
    upstream_ms: float


async def ask(
    pool: Pool, request: Request, within_s: float, on_sent: Callable[[int], None]
) -> Reply:
    """Send ``request``, and once more where the first try provably was not looked at.

    Args:
        pool: the connections of the target.
        request: what to send.
        within_s: seconds until the result must be known.
        on_sent: called with the stream id when a try is on its way.
    """
    started = time.monotonic()
    for tries in (1, 2):
        elapsed_s = time.monotonic() - started
        result: Response | TransportError
        try:
            result = await pool.request(request, within_s - elapsed_s, on_sent)
        except TransportError as error:
            result = error
            if error.is_unprocessed and tries == 1 and time.monotonic() - started < within_s / 2:
                continue
        break
    elapsed_ms = (time.monotonic() - started) * 1000
    return Reply(result=result, tries=tries, upstream_ms=elapsed_ms)


def no_answer(reply: Reply, error: TransportError) -> Outcome:
    """Return the outcome of a push that got no answer upstream."""
    return Outcome(
        answer=fail(f"{TRANSPORT_PREFIX}: {error}"),
        reason=error.code,
        tries=reply.tries,
        upstream_ms=reply.upstream_ms,
    )
