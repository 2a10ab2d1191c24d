"""The named faults, and the board on which a stand-in's faults are raised and cleared."""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mmpush_tui.errors import UsageError
from mmpush_tui.fields import nearest
from mmpush_tui.simulator.acts import (
    answers,
    clock,
    general,
    goodbyes,
    oddities,
    outbound,
    provider,
    refusals,
    silence,
    streams,
    tls,
)
from mmpush_tui.simulator.acts.base import Answer, Behaviour, Exchange, Fault, Host, Side
from mmpush_tui.simulator.net.exchange import ServedResponse
from mmpush_tui.simulator.net.h2connection import H2Connection
from mmpush_tui.simulator.net.h2server import ServerHooks
from mmpush_tui.simulator.net.tlspipe import HandshakeStep, TlsPipe
from mmpush_tui.simulator.phones import Phone

FAULTS: Final = (
    *general.FAULTS,
    *answers.FAULTS,
    *refusals.FAULTS,
    *provider.FAULTS,
    *goodbyes.FAULTS,
    *streams.FAULTS,
    *silence.FAULTS,
    *oddities.FAULTS,
    *tls.FAULTS,
    *clock.FAULTS,
    *outbound.FAULTS,
)
"""Every named fault."""


Watch = Callable[[Exchange, ServedResponse | None, float], None]
"""Hears of a request, its answer and when it came, by ``time.monotonic()``."""


@dataclass(frozen=True, slots=True)
class ActiveFault:
    """A fault in force, with the parameters it was raised with."""

    fault: Fault
    behaviour: Behaviour


class FaultBoard(ServerHooks):
    """The faults of one stand-in.

    Args:
        host: the stand-in.
        side: which vendor it plays.
    """

    def __init__(self, host: Host, side: Side) -> None:
        self._host = host
        self._side: Side = side
        self._active: dict[str, ActiveFault] = {}
        self._change = asyncio.Lock()
        self._watch: Watch | None = None

    @property
    def known(self) -> tuple[Fault, ...]:
        """The faults that can be raised here."""
        return tuple(fault for fault in FAULTS if fault.is_for(self._side))

    def active(self) -> tuple[ActiveFault, ...]:
        """Return the faults in force, in the order they were raised."""
        return tuple(self._active.values())

    async def raise_(self, name: str, **parameters: Any) -> None:
        """Raise a fault; one that is in force already is replaced.

        Raises:
            UsageError: no such fault here, or no such parameter, or a value it cannot have.
        """
        fault = self._find(name)
        new = behaviour(fault, parameters)
        async with self._change:
            if before := self._active.pop(name, None):
                await before.behaviour.cleared(self._host)
            self._active[name] = ActiveFault(fault, new)
            try:
                await new.raised(self._host)
            except UsageError:
                del self._active[name]
                raise

    async def clear(self, name: str | None = None) -> None:
        """Clear a fault, or all of them; nothing happens where it is not in force.

        Raises:
            UsageError: no such fault here.
        """
        names = [fault.name for fault in self.known] if name is None else [self._find(name).name]
        async with self._change:
            for each in names:
                if before := self._active.pop(each, None):
                    await before.behaviour.cleared(self._host)

    def now(self, seconds: float) -> float:
        """Return what the vendor's clock shows when ours shows ``seconds``."""
        for active in self._active.values():
            seconds = active.behaviour.now(seconds)
        return seconds

    def tls(self) -> ssl.SSLContext | None:
        """Return the TLS of the next connection, that of the latest fault which has one."""
        contexts = [active.behaviour.tls() for active in self._active.values()]
        return next((tls for tls in reversed(contexts) if tls is not None), None)

    def shaking(self, pipe: TlsPipe, step: HandshakeStep) -> None:
        """Tell the faults of a step before the TLS handshake is done."""
        for active in tuple(self._active.values()):
            active.behaviour.shaking(pipe, step)

    def settings(self, first: Mapping[int, int]) -> Mapping[int, int]:
        """Return the SETTINGS that a connection begins with."""
        for active in self._active.values():
            first = active.behaviour.settings(first)
        return first

    def opened(self, connection: H2Connection[Any]) -> bool:
        """Begin a connection; the first fault that deals with it, or the host, ends the matter."""
        acted = any(active.behaviour.opened(connection) for active in self._active.values())
        return acted or self._host.opened(connection)

    def begun(self, connection: H2Connection[Any], stream_id: int) -> bool:
        """Hear of the headers of a request; as :meth:`opened`."""
        return any(
            active.behaviour.begun(connection, stream_id) for active in self._active.values()
        )

    def phone(self, phone: Phone | None) -> Phone | None:
        """Return ``phone`` as the faults in force let the vendor know it."""
        for active in self._active.values():
            phone = active.behaviour.phone(phone) if phone else None
        return phone

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Answer a request through the faults in force, the latest raised outermost."""
        started = time.monotonic()
        for active in self._active.values():
            honest = partial(active.behaviour.answer, exchange, honest)
        response = await honest()
        if self._watch is not None:
            self._watch(exchange, response, started)
        return response

    def watch(self, watch: Watch) -> None:
        """Call ``watch`` with every request, its answer and when it came."""
        self._watch = watch

    def _find(self, name: str) -> Fault:
        by_name = {fault.name: fault for fault in self.known}
        if fault := by_name.get(name):
            return fault
        near = nearest(name, by_name)
        raise UsageError(
            f"there is no fault {name!r} at {self._side}",
            fix=f"Did you mean {near}?" if near else f"Known are {', '.join(by_name)}.",
            code="unknown-fault",
        )


def behaviour(fault: Fault, parameters: Mapping[str, Any]) -> Behaviour:
    """Return what acts out ``fault`` with ``parameters``.

    Raises:
        UsageError: there is no such parameter, or a value it cannot have.
    """
    for name in parameters.keys() - fault.parameters.keys():
        near = nearest(name, fault.parameters)
        raise UsageError(
            f"the fault {fault.name} has no parameter {name!r}",
            fix=f"Did you mean {near}?" if near else "",
            code="unknown-fault-parameter",
        )
    try:
        return fault.behaviour(**parameters)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the fault {fault.name} cannot be raised like that",
            why=str(error),
            code="bad-fault-parameter",
        ) from error
