"""Whether a target that nobody reaches is asked again; pure but for its clock."""

import time
from collections.abc import Callable
from typing import Final, Literal

OPENS_AFTER: Final = 5
"""Pushes in a row that found nobody."""
_FIRST_S: Final = 1.0
_LONGEST_S: Final = 30.0

BreakerState = Literal["closed", "open", "half-open"]


class Breaker:
    """Opens after five pushes in a row that could not connect or got no answer in time.

    An answer closes it, whatever it says: who answers is there. While it is open, pushes are
    refused at once, and one is let through after 1 s, then 2, 4 and so on up to 30.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._pause_s = _FIRST_S
        self._until = 0.0
        self._is_open = False
        self._is_trying = False
        self.cause = ""
        """What the latest failure was, in words."""

    @property
    def state(self) -> BreakerState:
        """``closed``, ``open``, or ``half-open`` while one push tries."""
        if not self._is_open:
            return "closed"
        return "half-open" if self._is_trying else "open"

    @property
    def left_s(self) -> float:
        """Seconds until a push is let through again."""
        return max(self._until - self._clock(), 0.0) if self._is_open else 0.0

    def admits(self) -> bool:
        """Return whether a push may go out; of an open breaker, the one that tries."""
        if not self._is_open:
            return True
        if self._is_trying or self._clock() < self._until:
            return False
        self._is_trying = True
        return True

    def answered(self) -> bool:
        """Note an answer; return whether that closed the breaker."""
        was_open, self._is_open = self._is_open, False
        self._is_trying = False
        self._failures = 0
        self._pause_s = _FIRST_S
        return was_open

    def unreached(self, cause: str) -> bool:
        """Note a push that found nobody; return whether that opened the breaker."""
        self.cause = cause
        if self._is_open:
            if self._is_trying:
                self._is_trying = False
                self._pause_s = min(self._pause_s * 2, _LONGEST_S)
                self._until = self._clock() + self._pause_s
            return False
        self._failures += 1
        if self._failures < OPENS_AFTER:
            return False
        self._is_open = True
        self._until = self._clock() + self._pause_s
        return True

    def undecided(self) -> None:
        """Note a push that ended without telling whether anybody is there."""
        self._is_trying = False
