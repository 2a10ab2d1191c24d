"""Faults of a vendor as a whole: its devices, its presence, its pace."""

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from mmpush_tui.simulator.acts.base import LONGEST_S, Answer, Behaviour, Exchange, Fault, Host
from mmpush_tui.simulator.net.exchange import ServedResponse
from mmpush_tui.simulator.phones import Phone, PhoneState


@dataclass(frozen=True, slots=True)
class DeadToken(Behaviour):
    """Every known token is dead."""

    def phone(self, phone: Phone) -> Phone:
        """Return the phone with its app removed."""
        return replace(phone, state=PhoneState.DEAD)


@dataclass(frozen=True, slots=True)
class UpstreamDown(Behaviour):
    """Connections are dropped and refused."""

    async def raised(self, host: Host) -> None:
        """Take the stand-in down."""
        await host.go_down()

    async def cleared(self, host: Host) -> None:
        """Bring it up again."""
        await host.come_up()


@dataclass(frozen=True, slots=True)
class Slow(Behaviour):
    """Every answer is late.

    Attributes:
        seconds: how late.
    """

    seconds: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.seconds <= LONGEST_S:
            raise ValueError(f"seconds must be from 0 to {LONGEST_S:.0f}")

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Wait, then answer honestly."""
        await asyncio.sleep(self.seconds)
        return await honest()


FAULTS: Final = (
    Fault(
        "dead-token",
        "Every device is gone",
        "both",
        "Apple answers 410 Unregistered and Google 404 UNREGISTERED for every known token. "
        "Mattermost must be told REMOVE.",
        DeadToken,
    ),
    Fault(
        "upstream-down",
        "Nobody listens",
        "both",
        "All connections are dropped and new ones refused. The breaker must open, pushes must "
        "fail at once, and deliveries must resume unaided after it is cleared.",
        UpstreamDown,
    ),
    Fault(
        "slow",
        "Slow answers",
        "both",
        "Each answer comes 2 seconds late, or as many as are given. Pushes must still arrive, "
        "once, as long as that is inside one try.",
        Slow,
    ),
)
