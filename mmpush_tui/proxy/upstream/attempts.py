"""Whether a push that came to nothing may be tried again, and after which pause; pure.

There is this one layer of retries and no other, because two multiply. What the vendors ask for,
10 seconds and 15 minutes, does not fit into the time that Mattermost waits.
"""

import email.utils
import random
from collections.abc import Callable
from datetime import UTC
from enum import StrEnum
from typing import Final

import msgspec

from mmpush_tui.http2.errors import ConnectError, TransportError

UNPROCESSED_TRIES: Final = 5
"""Requests in all for one push while each provably was not looked at."""
WORTH_S: Final = 0.5
"""With less time than this left after the pause, another try is not begun."""
_PAUSES_S: Final = (1.0, 2.0)
_AT_ONCE: Final = 2
_FIRST_PAUSE_S: Final = 0.1
_HOPELESS: Final = frozenset({"no_time", "bad_header"})
_PASSING: Final = frozenset(
    {
        "closed", "connection_lost", "connect_timeout", "connection_silent", "dns_failed",
        "dns_timeout", "http2_calm", "http2_goodbye", "http2_no_settings",
        "proxy_closed", "proxy_timeout", "proxy_upstream", "tcp_failed",
        "tcp_refused", "tcp_timeout", "tcp_unreachable", "tls_closed", "tls_timeout",
    }
)  # fmt: skip
"""Failures to connect that may be over in a second; a certificate or a GOAWAY's reason is not."""


class RetryAdvice(StrEnum):
    """What an answer asks for."""

    FINAL = "final"
    """It is the answer."""
    DELAYED = "delayed"
    """This request came too soon: 429."""
    TROUBLED = "troubled"
    """The vendor has troubles of its own: 500, 503."""
    ELSEWHERE = "elsewhere"
    """This connection is of no more use."""
    SIGNED_ANEW = "signed anew"
    """The token was too old, and there is another."""


_LIMITS: Final = {
    RetryAdvice.DELAYED: 1,
    RetryAdvice.TROUBLED: 2,
    RetryAdvice.ELSEWHERE: 2,
    RetryAdvice.SIGNED_ANEW: 1,
}


class Judgement(msgspec.Struct, frozen=True):
    """An answer, as the target it came from understands it.

    Attributes:
        advice: what it asks for.
        retry_after_s: the seconds in its Retry-After; None without one.
    """

    advice: RetryAdvice = RetryAdvice.FINAL
    retry_after_s: float | None = None


class Attempts:
    """The tries of one push.

    Args:
        jitter: returns a number between its arguments; many pushes fail in one moment.
    """

    def __init__(self, jitter: Callable[[float, float], float] = random.uniform) -> None:
        self._jitter = jitter
        self._unprocessed = 0
        self._unconnected = 0
        self._ambiguous = 0
        self._answers: dict[RetryAdvice, int] = {}

    def after_error(self, error: TransportError) -> float | None:
        """Return the seconds until the next try after a try without an answer; None for none.

        What provably was not looked at is tried again up to :data:`UNPROCESSED_TRIES` times. What
        may have been acted on is tried again once in all: it may reach the phone twice.
        """
        if isinstance(error, ConnectError):
            if error.code not in _PASSING or self._unconnected >= len(_PAUSES_S):
                return None
            self._unconnected += 1
            # Who asks for calm is there and is waited for; who is not there may be gone for long.
            return max(self._about(_PAUSES_S[self._unconnected - 1]), error.again_in_s)
        if error.is_unprocessed:
            self._unprocessed += 1
            if error.code in _HOPELESS or self._unprocessed >= UNPROCESSED_TRIES:
                return None
            if self._unprocessed <= _AT_ONCE:
                return 0.0
            return self._about(_FIRST_PAUSE_S * 2.0 ** (self._unprocessed - _AT_ONCE - 1))
        self._ambiguous += 1
        return 0.0 if self._ambiguous == 1 else None

    def after_answer(self, judgement: Judgement) -> float | None:
        """Return the seconds until the next try after an answer; None where it is final."""
        advice = judgement.advice
        if advice is RetryAdvice.FINAL:
            return None
        count = self._answers.get(advice, 0)
        if count >= _LIMITS[advice]:
            return None
        self._answers[advice] = count + 1
        if advice in (RetryAdvice.ELSEWHERE, RetryAdvice.SIGNED_ANEW):
            return 0.0
        if judgement.retry_after_s is not None:
            # Never sooner than was asked for.
            return judgement.retry_after_s * self._jitter(1.0, 1.1)
        return self._about(_PAUSES_S[count])

    def _about(self, seconds: float) -> float:
        return seconds * self._jitter(0.8, 1.2)


def retry_after_s(value: str, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3).

    Args:
        value: the header, in seconds or as a date; empty where there is none.
        now: wall clock, seconds since 1970.

    Returns:
        None where it is missing or neither of both.
    """
    if value.isascii() and value.isdigit():
        # More digits than a year has seconds: whatever it is, it is too long.
        return float(value[:9])
    try:
        when = email.utils.parsedate_to_datetime(value)
        return max(when.replace(tzinfo=when.tzinfo or UTC).timestamp() - now, 0.0)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
