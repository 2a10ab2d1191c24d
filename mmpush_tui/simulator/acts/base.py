"""How the named faults act: each is a few hooks on a stand-in, none of which does anything by
default. A fault's parameters are the fields of its dataclass."""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from mmpush_tui.simulator.exchange import Request, Response
from mmpush_tui.simulator.h2connection import H2Connection
from mmpush_tui.simulator.phones import Phone

Side = Literal["apns", "fcm"]

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
class Fault:
    """One way in which a vendor can fail.

    Attributes:
        name: what it is called on the command line and in tests.
        title: what it is called on a screen.
        where: the side that can act it out.
        help: what happens, and what a good worker makes of it.
        behaviour: acts it out; its fields are the fault's parameters.
    """

    name: str
    title: str
    where: Literal["apns", "fcm", "both"]
    help: str
    behaviour: type[Behaviour]

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters' names and defaults."""
        return {field.name: field.default for field in dataclasses.fields(self.behaviour)}

    def is_for(self, side: Side) -> bool:
        """Return whether the stand-in of ``side`` can act it out."""
        return self.where in (side, "both")
