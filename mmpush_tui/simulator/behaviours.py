"""How the named faults act: each is a few hooks on a stand-in, none of which does anything by
default. A fault's parameters are the fields of its dataclass."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from mmpush_tui.simulator.exchange import Request, Response
from mmpush_tui.simulator.h2connection import H2Connection
from mmpush_tui.simulator.phones import Phone, PhoneState

Answer = Callable[[], Awaitable[Response | None]]
"""Gives the answer to the request at hand; None leaves it unanswered."""

LONGEST_S: Final = 3600.0
"""No fault waits longer, so that every wait has an end."""


class Host(Protocol):
    """The stand-in, as its faults see it."""

    async def go_down(self) -> None:
        """Stop listening, drop all connections and refuse new ones."""

    async def come_up(self) -> None:
        """Listen again on the same port."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way to an answer."""

    request: Request
    connection: H2Connection[Any]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A fault in force. Subclasses are dataclasses too and override the hooks they need."""

    async def raised(self, host: Host) -> None:
        """Act when the fault is raised."""

    async def cleared(self, host: Host) -> None:
        """Undo what ``raised`` did."""

    def phone(self, phone: Phone) -> Phone:
        """Return ``phone`` as the vendor is to know it."""
        return phone

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Answer a request.

        Args:
            exchange: the request and its connection, to reset, to send GOAWAY on and so on.
            honest: judges the request and returns the answer it deserves. Calling it delivers.
        """
        return await honest()


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

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Wait, then answer honestly."""
        await asyncio.sleep(self.seconds)
        return await honest()
