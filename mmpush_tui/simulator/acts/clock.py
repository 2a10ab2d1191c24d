"""Faults of clocks: the vendor's differs from ours, which comes to the same as ours being wrong."""

from dataclasses import dataclass
from typing import Final

from mmpush_tui.simulator.acts.base import Behaviour, Fault, number


@dataclass(frozen=True, slots=True)
class _Clock(Behaviour):
    """The vendor's clock differs from ours.

    Attributes:
        hours: by how much.
    """

    hours: float = 2.0

    def __post_init__(self) -> None:
        number("hours", self.hours, 0, 8760)


@dataclass(frozen=True, slots=True)
class ClockAhead(_Clock):
    """The vendor's clock is ahead of ours."""

    def now(self, seconds: float) -> float:
        """Return a later time."""
        return seconds + self.hours * 3600


@dataclass(frozen=True, slots=True)
class ClockBehind(_Clock):
    """The vendor's clock is behind ours."""

    def now(self, seconds: float) -> float:
        """Return an earlier time."""
        return seconds - self.hours * 3600


FAULTS: Final = (
    Fault(
        "clock-ahead", "Our clock is behind", "both",
        "The vendor's clock is two hours ahead of ours, or as many as are given, so that our "
        "tokens look old. No storm of new tokens, and an alarm must name the clock.",
        ClockAhead,
    ),
    Fault(
        "clock-behind", "Our clock is ahead", "both",
        "The vendor's clock is two hours behind ours, or as many as are given, so that our "
        "tokens come from the future. No storm of new tokens, and FAIL with the vendor's word.",
        ClockBehind,
    ),
)  # fmt: skip
