"""How fast deliveries come and go: rolling rates and times, made from events.

Every event costs the same few steps and the memory is bounded, whatever the load: counts are
kept by the second, times in a histogram whose classes are 1 % wide.
"""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from mmpush_tui.protocol.event import Event

RATES_OVER_S: Final = 10
TIMES_OVER_S: Final = 60

_CLASS: Final = math.log(1.01)
_SHORTEST_MS: Final = 0.1
_LONGEST_MS: Final = 3_600_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What :class:`Rates` came to.

    Attributes:
        arrived_per_s, ok_per_s, removed_per_s, failed_per_s: over the last 10 seconds.
        p50_ms, p95_ms: from arrival to the answer for Mattermost, of pushes that were sent on
            to Apple or Google and answered in the last minute, within 1 %; None without any.
    """

    arrived_per_s: float = 0.0
    ok_per_s: float = 0.0
    removed_per_s: float = 0.0
    failed_per_s: float = 0.0
    p50_ms: float | None = None
    p95_ms: float | None = None


@dataclass(slots=True)
class _Second:
    number: int
    counts: Counter[str] = field(default_factory=Counter)
    times: Counter[int] = field(default_factory=Counter)


class Rates:
    """Takes events and keeps what the last minute needs.

    Args:
        clock: seconds of a clock that only goes forward; tells when a live event came.
        wall_clock: seconds since 1970; tells how old any other event is.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._seconds = [_Second(-TIMES_OVER_S) for _ in range(TIMES_OVER_S)]

    def add(self, event: Event, *, is_live: bool = False) -> None:
        """Count ``event`` where it is part of a delivery.

        Args:
            event: any event, each once.
            is_live: it has just happened and counts now, so that a worker on a host whose clock
                differs is measured too. Of any other event its own time tells when it counts.
        """
        if event.kind != "delivery":
            return
        age_s = 0.0 if is_live else age_of(event, self._wall_clock())
        second = self._second(self._clock() - age_s)
        if second is None:
            return
        if event.phase == "arrived":
            second.counts["arrived"] += 1
        elif event.phase == "answered":
            second.counts[event.status] += 1
            if event.tries:
                second.times[_class_of(event.ms.get("total", 0.0))] += 1

    def read(self) -> Reading:
        """Return the rates and times as they are now."""
        now = self._clock()
        newest = math.floor(now)
        # The second under way is only partly over.
        over_s = RATES_OVER_S - 1 + (now - newest)
        counts: Counter[str] = Counter()
        times: Counter[int] = Counter()
        for second in self._seconds:
            if newest - second.number < TIMES_OVER_S:
                times.update(second.times)
            if newest - second.number < RATES_OVER_S:
                counts.update(second.counts)
        return Reading(
            arrived_per_s=counts["arrived"] / over_s,
            ok_per_s=counts["OK"] / over_s,
            removed_per_s=counts["REMOVE"] / over_s,
            failed_per_s=counts["FAIL"] / over_s,
            p50_ms=_percentile(times, 50),
            p95_ms=_percentile(times, 95),
        )

    def _second(self, at: float) -> _Second | None:
        """Return where what happened at ``at`` is counted; None where it is too long ago."""
        number = math.floor(at)
        slot = number % TIMES_OVER_S
        second = self._seconds[slot]
        if second.number < number:
            second = self._seconds[slot] = _Second(number)
        return second if second.number == number else None


def age_of(event: Event, now_s: float) -> float:
    """Return how many seconds before ``now_s``, since 1970, an event was by its own time."""
    try:
        at_s = datetime.fromisoformat(event.at).timestamp()
    except (ValueError, OverflowError):
        at_s = 0.0
    return max(now_s - at_s, 0.0)


def _class_of(ms: float) -> int:
    return round(math.log(min(max(ms, _SHORTEST_MS), _LONGEST_MS)) / _CLASS)


def _percentile(times: Counter[int], percent: int) -> float | None:
    """Return the time that ``percent`` of all do not exceed, by nearest rank."""
    left = math.ceil(times.total() * percent / 100)
    for class_ in sorted(times):
        left -= times[class_]
        if left <= 0:
            return math.exp(class_ * _CLASS)
    return None
