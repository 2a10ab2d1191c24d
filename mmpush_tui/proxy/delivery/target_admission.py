"""What stands in front of one target: a bulkhead, a circuit breaker, a guard on removals."""

from typing import Final

import msgspec

from mmpush_tui.protocol.wire import fail
from mmpush_tui.proxy.delivery.breaker import Breaker
from mmpush_tui.proxy.delivery.guard import RemoveGuard, suspect
from mmpush_tui.proxy.upstream.outcome import RESPONSE_PREFIX, TRANSPORT_PREFIX, Outcome
from mmpush_tui.proxy.upstream.target import Target

OVERLOADED: Final = "overloaded"
BREAKER_OPEN: Final = "breaker_open"
REMOVE_GUARD: Final = "remove_guard"


class TargetAdmission:
    """Says which pushes may go to one target, and what their ends mean for the next.

    The bulkhead limits how many are under way, the breaker keeps them from a target that nobody
    reaches, and the guard holds removals that look like a wrong setting. Lasts as long as its
    configuration is in force.

    Args:
        target: where its pushes go.
        limit: how many may be under way at once.
        is_guarded: whether removals are watched.
    """

    def __init__(self, target: Target, limit: int, *, is_guarded: bool) -> None:
        self.target = target
        self.limit = limit
        self.in_flight = 0
        self.breaker = Breaker()
        self.guard = RemoveGuard() if is_guarded else None

    @property
    def state(self) -> str:
        """``ready``, ``open`` or ``half-open`` as the breaker is, or ``holding`` removals."""
        if self.breaker.state != "closed":
            return self.breaker.state
        return "holding" if self.guard is not None and self.guard.is_holding else "ready"

    @property
    def held_removals(self) -> int:
        """Removals that the guard holds right now."""
        return self.guard.held if self.guard is not None and self.guard.is_holding else 0

    def refusal(self) -> Outcome | None:
        """Return why no push may go out now; None where one may.

        A push that may must be followed by :meth:`judge`, whatever becomes of it.
        """
        if self.in_flight >= self.limit:
            cause = f"overloaded, {self.in_flight} pushes to {self.target.type} are under way"
            return Outcome(answer=fail(f"{TRANSPORT_PREFIX}: {cause}"), reason=OVERLOADED)
        breaker = self.breaker
        if breaker.state != "closed":
            if not breaker.admits():
                when = f"tried again in {breaker.left_s:.0f} s"
                if breaker.state == "half-open":
                    when = "another push tries"
                cause = f"{breaker.cause}; {when}"
                return Outcome(answer=fail(f"{TRANSPORT_PREFIX}: {cause}"), reason=BREAKER_OPEN)
            self.target.reset_backoff()
        return None

    def judge(self, outcome: Outcome, device: str) -> tuple[Outcome, str]:
        """Draw the conclusions from the end of a push.

        Args:
            outcome: what the target made of it.
            device: the device token, or what tells devices apart.

        Returns:
            The outcome, REMOVE turned into FAIL where that is held; and what changed by it:
            ``opened``, ``closed``, ``holding``, ``released`` or an empty text.
        """
        change = ""
        if outcome.http:
            change = "closed" if self.breaker.answered() else ""
        elif outcome.is_unreached:
            cause = outcome.answer.error.removeprefix(f"{TRANSPORT_PREFIX}: ")
            change = "opened" if self.breaker.unreached(cause) else ""
        else:
            self.breaker.undecided()
        if (guard := self.guard) is None:
            return outcome, change
        status = outcome.answer.status
        if status == "OK":
            change = "released" if guard.release() else change
        elif status == "REMOVE":
            was_holding = guard.is_holding
            if guard.removes(device, outcome.reason):
                return outcome, "released" if was_holding else change
            return _held(outcome, self.target.type), change if was_holding else "holding"
        return outcome, change


def _held(outcome: Outcome, type_: str) -> Outcome:
    text = (
        f"{RESPONSE_PREFIX}: status={outcome.http} reason={outcome.reason}, not removed: "
        f"every device of {type_} gets this answer, so {suspect(outcome.reason)}"
    )
    return msgspec.structs.replace(outcome, answer=fail(text), is_held=True)
