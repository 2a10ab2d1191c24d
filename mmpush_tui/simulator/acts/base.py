"""How the named faults act: each is a few hooks on a stand-in, none of which does anything by
default. A fault's parameters are the fields of its dataclass."""

import dataclasses
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol
from weakref import WeakSet

from mmpush_tui.simulator.net.ca import Certificate
from mmpush_tui.simulator.net.connect_proxy import ConnectProxy
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.simulator.net.h2connection import H2Connection
from mmpush_tui.simulator.net.tlspipe import HandshakeStep, TlsPipe
from mmpush_tui.simulator.phones import Phone

Side = Literal["apns", "fcm"]

Answer = Callable[[], Awaitable[ServedResponse | None]]
"""Gives the answer to the request at hand; None leaves it unanswered."""

LONGEST_S: Final = 3600.0
"""No fault waits longer, so that every wait has an end."""


class Host(Protocol):
    """The stand-in, as its faults see it.

    Attributes:
        outbound: the proxy that clients go through; None where they come directly.
    """

    outbound: ConnectProxy | None

    @property
    def connections(self) -> tuple[H2Connection[Any], ...]:
        """The open connections."""

    @property
    def streams(self) -> int:
        """The stream limit that it allows once it knows a client."""

    def certificate(self, kind: Certificate) -> ssl.SSLContext:
        """Return a TLS context that is wrong in one way."""

    def opened(self, connection: H2Connection[Any]) -> bool:
        """Begin a connection whose TLS stands; true where SETTINGS are not to be sent."""

    async def go_down(self) -> None:
        """Stop listening, drop all connections and refuse new ones."""

    async def come_up(self) -> None:
        """Listen again on the same port."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way to an answer."""

    request: ServedRequest
    connection: H2Connection[Any]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A fault in force. Subclasses are dataclasses too and override the hooks they need."""

    async def raised(self, host: Host) -> None:
        """Act when the fault is raised."""

    async def cleared(self, host: Host) -> None:
        """Undo what ``raised`` did."""

    def now(self, seconds: float) -> float:
        """Return what the vendor's clock shows when ours shows ``seconds``."""
        return seconds

    def phone(self, phone: Phone) -> Phone:
        """Return ``phone`` as the vendor is to know it."""
        return phone

    def tls(self) -> ssl.SSLContext | None:
        """Return the TLS of the next connection; None for the usual one."""
        return None

    def shaking(self, pipe: TlsPipe, step: HandshakeStep) -> None:
        """Hear of a step before the TLS handshake is done; may end the pipe."""

    def settings(self, first: Mapping[int, int]) -> Mapping[int, int]:
        """Return the SETTINGS that a connection begins with in place of ``first``."""
        return first

    def opened(self, connection: H2Connection[Any]) -> bool:
        """Begin a connection whose TLS stands; true where SETTINGS are not to be sent."""
        return False

    def begun(self, connection: H2Connection[Any], stream_id: int) -> bool:
        """Hear of the headers of a request; true where it is not to be looked at further."""
        return False

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Answer a request.

        Args:
            exchange: the request and its connection, to reset, to send GOAWAY on and so on.
            honest: judges the request and returns the answer it deserves. Calling it delivers.
        """
        return await honest()


@dataclass(frozen=True, slots=True)
class Counted(Behaviour):
    """A fault that acts a number of times, and then is over.

    Attributes:
        times: how often, at all connections together; 0 for always.
    """

    times: int = 1
    _acted: list[None] = field(default_factory=list, init=False, repr=False, compare=False)
    _met: WeakSet[H2Connection[Any]] = field(
        default_factory=WeakSet, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)

    def is_due(self) -> bool:
        """Return whether to act now, and count it."""
        if self.times and len(self._acted) >= self.times:
            return False
        self._acted.append(None)
        return True

    def is_due_on(self, connection: H2Connection[Any]) -> bool:
        """Return whether to act now, once for each connection, and count it."""
        if connection in self._met or not self.is_due():
            return False
        self._met.add(connection)
        return True


def number(name: str, value: object, low: float, high: float) -> None:
    """Refuse what is no number from ``low`` to ``high``.

    Raises:
        ValueError: with a sentence that names the parameter.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and isinstance(value, int | float) and low <= value <= high):
        raise ValueError(f"{name} must be from {low:g} to {high:g}")


def whole(name: str, value: object, low: int, high: int) -> None:
    """Refuse what is no whole number from ``low`` to ``high``; raises as :func:`number`."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low} to {high}")


def one_of(name: str, value: object, *allowed: str) -> None:
    """Refuse what is not ``allowed``; raises as :func:`number`."""
    if value not in allowed:
        raise ValueError(f"{name} must be {', '.join(allowed[:-1])} or {allowed[-1]}")


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
    def group(self) -> str:
        """What it breaks, in a word: the name of the module that acts it out."""
        return self.behaviour.__module__.rpartition(".")[2]

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters' names and defaults."""
        fields = dataclasses.fields(self.behaviour)
        return {field.name: field.default for field in fields if field.init}

    def is_for(self, side: Side) -> bool:
        """Return whether the stand-in of ``side`` can act it out."""
        return self.where in (side, "both")
