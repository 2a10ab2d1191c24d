"""The named faults, and the board on which a stand-in's faults are raised and cleared."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mmpush_tui.errors import UsageError
from mmpush_tui.fields import nearest
from mmpush_tui.simulator.acts import general
from mmpush_tui.simulator.acts.base import Answer, Behaviour, Exchange, Fault, Host, Side
from mmpush_tui.simulator.exchange import Response
from mmpush_tui.simulator.phones import Phone

FAULTS: Final = (*general.FAULTS,)
"""Every named fault."""


@dataclass(frozen=True, slots=True)
class ActiveFault:
    """A fault in force, with the parameters it was raised with."""

    fault: Fault
    behaviour: Behaviour


class FaultBoard:
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
        behaviour = _made(fault, parameters)
        async with self._change:
            if before := self._active.pop(name, None):
                await before.behaviour.cleared(self._host)
            self._active[name] = ActiveFault(fault, behaviour)
            await behaviour.raised(self._host)

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

    def phone(self, phone: Phone | None) -> Phone | None:
        """Return ``phone`` as the faults in force let the vendor know it."""
        for active in self._active.values():
            phone = active.behaviour.phone(phone) if phone else None
        return phone

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Answer a request through the faults in force, the latest raised outermost."""
        for active in self._active.values():
            honest = partial(active.behaviour.answer, exchange, honest)
        return await honest()

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


def refuse_unknown_faults(names: Iterable[str]) -> None:
    """Refuse a name that no fault has.

    Raises:
        UsageError: with the nearest name there is.
    """
    known = [fault.name for fault in FAULTS]
    for name in names:
        if name not in known:
            near = nearest(name, known)
            raise UsageError(
                f"there is no fault {name}",
                fix=f"Did you mean {near}?" if near else f"Known: {', '.join(known)}.",
                code="fault-unknown",
            )


def _made(fault: Fault, parameters: Mapping[str, Any]) -> Behaviour:
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
