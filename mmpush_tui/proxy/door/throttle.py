"""How many requests a sender may make in a second."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from mmpush_tui.errors import ConfigError
from mmpush_tui.text import Secret, presentable

_REDIS_WITHIN_S: Final = 0.1
_REDIS_AGAIN_S: Final = 5.0
_CONNECTIONS: Final = 16
_WAITING_LIMIT: Final = 256
"""Further requests are counted in memory: they would wait for each other until the time is up, and
the store would get the blame."""
_OTHERS: Final = "others"


class RateDecision(NamedTuple):
    """What a request is told.

    Attributes:
        is_allowed: it may go on.
        reset_s: seconds until the count begins anew.
    """

    is_allowed: bool
    reset_s: float = 1.0


_GO_ON: Final = RateDecision(is_allowed=True)


class Throttle:
    """Counts the requests of each sender by the second, in memory.

    Not the library ``limits``: in memory that starts a thread a hundred times a second to forget
    what is over, and a look at it costs 2 microseconds where this costs a third of one.

    Args:
        per_s: requests that one sender may make in a second.
        senders: for how many a count is kept; further ones share one.
        clock: seconds, monotonic.
    """

    def __init__(
        self, per_s: int, senders: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_s = per_s
        self._senders = senders
        self._clock = clock
        self._second = 0
        self._counts: dict[str, int] = {}

    def take(self, sender: str) -> RateDecision:
        """Count a request of ``sender``."""
        now = self._clock()
        second = int(now)
        counts = self._counts
        if second != self._second:
            self._second = second
            counts.clear()
        count = counts.get(sender, 0)
        if not count and len(counts) >= self._senders:
            # Somebody who comes from ever new addresses must neither cost memory nor push others
            # out of theirs.
            sender = _OTHERS
            count = counts.get(sender, 0)
        if count >= self.per_s:
            return RateDecision(is_allowed=False, reset_s=second + 1 - now)
        counts[sender] = count + 1
        return _GO_ON

    async def aclose(self) -> None:
        """Do nothing; memory has no connection."""


class SharedThrottle:
    """Counts in Redis, together with other workers; in memory while Redis is away.

    One count takes about 0.1 ms where Redis is near.

    Args:
        url: ``redis://…``.
        local: counts while Redis does not answer.
        complain: told in a sentence when Redis goes away and when it is back.
        within_s: seconds that Redis has for one count.

    Raises:
        ConfigError: the address is none, or the Redis client is not installed.
    """

    def __init__(
        self,
        url: Secret,
        local: Throttle,
        complain: Callable[[str], None],
        within_s: float = _REDIS_WITHIN_S,
    ) -> None:
        self.per_s = local.per_s
        self._within_s = within_s
        self._local = local
        self._complain = complain
        self._away_until = 0.0
        self._is_away = False
        # The client's own pool fails instead of waiting when its hundred connections are in use.
        self._places = asyncio.Semaphore(_CONNECTIONS)
        self._waiting = 0
        self._redis = _redis(url)

    async def take(self, sender: str) -> RateDecision:
        """Count a request of ``sender``."""
        now = time.monotonic()
        if now < self._away_until or self._waiting >= _WAITING_LIMIT:
            return self._local.take(sender)
        if self._is_away:
            # One request finds out whether it is back; the others need not wait for that.
            self._away_until = now + _REDIS_AGAIN_S
        self._waiting += 1
        try:
            async with asyncio.timeout(self._within_s), self._places:
                count, left_ms = await self._count(f"mmpush:{sender}")
        except Exception as error:  # whatever Redis or its client does, a push must not wait
            self._went_away(error)
            return self._local.take(sender)
        finally:
            self._waiting -= 1
        self._came_back()
        if count <= self.per_s:
            return _GO_ON
        return RateDecision(is_allowed=False, reset_s=max(left_ms, 0) / 1000)

    async def _count(self, key: str) -> tuple[int, int]:
        """Count one more under ``key``; return the count and the milliseconds until it ends.

        In one transaction, so that no count is left behind without an end. The second is Redis's,
        so that clocks which differ make no difference.
        """
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.set(key, 0, px=1000, nx=True).incr(key).pttl(key)
            _, count, left_ms = await pipe.execute()
        return count, left_ms

    async def aclose(self) -> None:
        """Close the connections to Redis."""
        with contextlib.suppress(Exception):  # nothing hangs on how they end
            await self._redis.aclose()

    def _went_away(self, error: Exception) -> None:
        self._away_until = time.monotonic() + _REDIS_AGAIN_S
        if not self._is_away:
            self._is_away = True
            why = presentable(error, 200) or type(error).__name__
            if isinstance(error, TimeoutError):
                why = f"nothing came within {self._within_s:g} s"
            self._complain(
                f"the throttle store does not answer, senders are counted here alone: {why}"
            )

    def _came_back(self) -> None:
        if self._is_away:
            self._is_away = False
            self._away_until = 0.0
            self._complain("the throttle store answers again")


def _redis(url: Secret) -> Any:
    scheme, _, rest = url.reveal().partition("://")
    if scheme not in ("redis", "rediss", "redis+unix") or not rest:
        raise ConfigError(
            "ThrottleStore: expected redis://host:port/0, rediss:// or redis+unix:///path",
            code="throttle-store",
        )
    try:
        # Takes a while to load, which nobody waits for who has no Redis.
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        # Redis closes connections that are idle, and itself for an update: once more, on a new
        # connection. By itself the client would wait a second before that.
        return Redis.from_url(url.reveal().removeprefix("redis+"), retry=Retry(NoBackoff(), 1))
    except Exception as error:  # the library has many words for an address it cannot read
        is_missing = isinstance(error, ImportError)
        raise ConfigError(
            "ThrottleStore: Redis cannot be used",
            why="its client is not installed" if is_missing else "this is no address of a Redis",
            fix="pip install 'mmpush-tui[redis]'" if is_missing else "",
            code="throttle-store",
        ) from error
