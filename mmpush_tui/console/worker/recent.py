"""What the latest deliveries came to: how each target does, and which failures there were. Pure."""

import statistics
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from mmpush_tui.protocol.event import Event
from mmpush_tui.proxy.upstream.outcome import TRANSPORT_PREFIX
from mmpush_tui.watching.rates import age_of

OVER_S: Final = 60
_KEPT: Final = 200
_SURE: Final = 3
"""Deliveries in a row from which on it is no accident."""
_LATEST: Final = 10
"""Deliveries that say how it is now."""
_TARGETS: Final = 32
_KINDS: Final = 5


class End(StrEnum):
    """How a delivery ended, as far as that says something about its target."""

    OK = "ok"
    REMOVED = "removed"
    REFUSED = "refused"
    """Apple or Google answered, and would not have it."""
    UNREACHED = "unreached"
    """There was no answer, or not even a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How one target did in the last minute.

    Attributes:
        ok, removed, refused, unreached: deliveries by how they ended, at most the latest 200.
        last: how the latest one ended; None where there was none.
        last_s: when that was, on the clock that only goes forward.
        reason: the machine's word for the latest refusal or break.
        is_refusing: the latest ones were refused for what does not lie in one device.
        is_gone: every device of the latest ones was called gone.
        upstream_ms: median time of the latest answers of Apple or Google; None without any.
    """

    ok: int = 0
    removed: int = 0
    refused: int = 0
    unreached: int = 0
    last: End | None = None
    last_s: float = 0.0
    reason: str = ""
    is_refusing: bool = False
    is_gone: bool = False
    upstream_ms: float | None = None

    @property
    def all(self) -> int:
        """Deliveries in all."""
        return self.ok + self.removed + self.refused + self.unreached


class _DatedEnd(NamedTuple):
    at_s: float
    end: End
    event: Event


class Recent:
    """Takes events and keeps the last minute of each target.

    Args:
        clock: seconds of a clock that only goes forward.
        wall_clock: seconds since 1970; tells how old an event is that was not seen live.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall_clock = wall_clock
        self._targets: OrderedDict[str, deque[_DatedEnd]] = OrderedDict()

    def add(self, event: Event, *, is_live: bool) -> None:
        """Count ``event`` where it is the end of a delivery to a target."""
        end = _end(event)
        if end is None or not event.target:
            return
        age_s = 0.0 if is_live else age_of(event, self._wall_clock())
        if age_s > OVER_S:
            return
        endings = self._targets.setdefault(event.target, deque(maxlen=_KEPT))
        endings.append(_DatedEnd(self._clock() - age_s, end, event))
        if len(self._targets) > _TARGETS:
            self._targets.popitem(last=False)

    def read(self) -> dict[str, Outlook]:
        """Return how each target did, those that did nothing left out."""
        since_s = self._clock() - OVER_S
        latest = {
            target: [one for one in endings if one.at_s >= since_s]
            for target, endings in self._targets.items()
        }
        return {target: _outlook(endings) for target, endings in latest.items() if endings}


def _end(event: Event) -> End | None:
    if event.kind != "delivery" or event.phase != "answered":
        return None
    match event.status:
        case "OK":
            return End.OK
        case "REMOVE":
            return End.REMOVED
        case _ if event.http:
            return End.REFUSED
        case _ if event.message.startswith(TRANSPORT_PREFIX):
            return End.UNREACHED
        case _:
            # Refused by the worker itself: that says nothing about the way to the vendor.
            return None


def _outlook(endings: list[_DatedEnd]) -> Outlook:
    ends = [one.end for one in endings]
    bad = [one.event.reason for one in endings if one.end in (End.REFUSED, End.UNREACHED)]
    times = [one.event.ms.get("upstream", 0.0) for one in endings if one.end is not End.UNREACHED]
    return Outlook(
        ok=ends.count(End.OK), removed=ends.count(End.REMOVED), refused=ends.count(End.REFUSED),
        unreached=ends.count(End.UNREACHED), last=ends[-1], last_s=endings[-1].at_s,
        reason=bad[-1] if bad else "",
        is_refusing=_is_refusing(endings[-_SURE:]),
        is_gone=len(ends) >= _SURE and set(ends[-_LATEST:]) == {End.REMOVED},
        upstream_ms=statistics.median(times[-_LATEST:]) if times else None,
    )  # fmt: skip


def _is_refusing(latest: list[_DatedEnd]) -> bool:
    """Return whether the refusals lie in the target or the vendor, not in one bad device."""
    if len(latest) < _SURE or any(one.end is not End.REFUSED for one in latest):
        return False
    is_general = all(one.event.http in (401, 403, 429) or one.event.http >= 500 for one in latest)
    return is_general or len({one.event.device for one in latest}) == len(latest)


@dataclass(frozen=True, slots=True)
class Repeated:
    """A kind of failure: its latest event, and how often it came."""

    event: Event
    count: int


class Failures:
    """The latest kinds of failures; a flood of one kind does not push the others out."""

    def __init__(self) -> None:
        self._kinds: OrderedDict[tuple[str, str], Repeated] = OrderedDict()

    def add(self, event: Event) -> None:
        """Take ``event`` where it is a delivery that Mattermost was told had failed."""
        if event.kind != "delivery" or event.status != "FAIL":
            return
        key = event.target or event.platform, event.reason
        before = self._kinds.pop(key, None)
        self._kinds[key] = Repeated(event, before.count + 1 if before else 1)
        if len(self._kinds) > _KINDS:
            self._kinds.popitem(last=False)

    def latest(self) -> list[Repeated]:
        """Return the kinds, the newest first."""
        return list(reversed(self._kinds.values()))
