"""Whether a silent connection is still alive: when to ask, and when to give it up.

Times are those of ``time.monotonic()``.
"""

import time
from typing import Literal

from mmpush_tui.http2.policy import Policy


class Liveness:
    """The signs of life of one connection.

    Args:
        policy: how long it may be silent.

    Attributes:
        heard_at: when the peer last sent anything.
        must_prove_itself: whether no stream is to be opened before the peer was heard.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.heard_at = self._quiet_since = time.monotonic()
        self.must_prove_itself = False
        self._pinged_at: float | None = None

    def heard(self) -> None:
        """Note that something came, whatever it was."""
        self.heard_at = time.monotonic()
        self._pinged_at = None
        self.must_prove_itself = False

    def turned(self, now: float) -> None:
        """Note that the connection became busy, or idle."""
        self._quiet_since = now

    def pinged(self, *, before_use: bool) -> bool:
        """Note that a PING is sent now; false where one is under way already."""
        if self._pinged_at is not None:
            return False
        self._pinged_at = time.monotonic()
        self.must_prove_itself = before_use
        return True

    def idle_s(self, now: float) -> float:
        """Return for how long nothing happened."""
        return now - max(self.heard_at, self._quiet_since)

    def is_stale(self, now: float) -> bool:
        """Whether an idle connection was silent for so long that it may be dead."""
        after_s = self._policy.ping_after_s
        return after_s is not None and self.idle_s(now) > after_s

    def look(self, now: float, *, owes: bool) -> Literal["fine", "ask", "dead"]:
        """Return what to do about a connection that owes answers, or owes none."""
        policy = self._policy
        if self._pinged_at is not None:
            silent_s = now - self._pinged_at
            limit_s = policy.silent_after_s
            if self.must_prove_itself:
                limit_s = policy.pong_before_use_s
            return "dead" if silent_s >= limit_s else "fine"
        may_ask = owes and policy.ping_after_s is not None
        return "ask" if may_ask and self.idle_s(now) >= policy.silent_after_s else "fine"
