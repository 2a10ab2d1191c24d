"""Faults in words, as they are typed: ``NAME``, ``NAME:key=value,key=value``, ``NAME@fcm``."""

import dataclasses
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, get_args

from mmpush_tui.errors import UsageError
from mmpush_tui.fields import nearest
from mmpush_tui.simulator.acts.base import Fault, Side
from mmpush_tui.simulator.faults import FAULTS, behaviour
from mmpush_tui.text import clean

_SIDES: Final = get_args(Side)
_YES: Final = ("yes", "true", "on")
_NO: Final = ("no", "false", "off")


class Wanted(NamedTuple):
    """A fault as it was asked for.

    Attributes:
        fault: which.
        sides: the stand-ins that act it out.
        parameters: those that were given.
    """

    fault: Fault
    sides: tuple[Side, ...]
    parameters: Mapping[str, Any]

    @property
    def words(self) -> str:
        """What it was asked for with."""
        given = ",".join(f"{name}={value}" for name, value in self.parameters.items())
        side = f"@{self.sides[0]}" if len(self.sides) == 1 and self.fault.where == "both" else ""
        return f"{self.fault.name}{side}" + (f":{given}" if given else "")


def parse(words: str) -> Wanted:
    """Return the fault that ``words`` ask for.

    Raises:
        UsageError: there is no such fault, side or parameter, or a value does not fit.
    """
    name, _, given = words.strip().partition(":")
    name, _, side = name.partition("@")
    fault = find(name)
    parameters = dict(_parameters(fault, given))
    # Refused here, so that no stand-in has to be running.
    behaviour(fault, parameters)
    return Wanted(fault, _sides(fault, side), parameters)


def parse_all(words: Iterable[str]) -> tuple[Wanted, ...]:
    """Return all faults that are asked for; raises as :func:`parse`."""
    return tuple(parse(each) for each in words)


def find(name: str) -> Fault:
    """Return the fault of that name.

    Raises:
        UsageError: there is none; with the nearest there is.
    """
    by_name = {fault.name: fault for fault in FAULTS}
    if fault := by_name.get(name):
        return fault
    near = nearest(name, by_name)
    raise UsageError(
        f"there is no fault {clean(name, 60) or 'without a name'}",
        fix=f"Did you mean {near}?" if near else "`mmpush-tui simulate --list` shows them all.",
        code="fault-unknown",
    )


def described(fault: Fault) -> list[str]:
    """Return a fault's parameters with their defaults, as they are typed."""
    return [f"{name}={typed(default)}" for name, default in fault.parameters.items()]


def typed(value: object) -> str:
    """Return a parameter's value as it is typed."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _sides(fault: Fault, side: str) -> tuple[Side, ...]:
    possible = tuple(each for each in _SIDES if fault.is_for(each))
    if not side:
        return possible
    if side not in possible:
        raise UsageError(
            f"the fault {fault.name} is not for {clean(side, 20)}",
            fix=f"It is for {' and '.join(possible)}.",
            code="fault-side",
        )
    return tuple(each for each in possible if each == side)


def _parameters(fault: Fault, given: str) -> Iterator[tuple[str, Any]]:
    kinds = typing.get_type_hints(fault.behaviour)
    fields = {it.name for it in dataclasses.fields(fault.behaviour) if it.init}
    for item in filter(None, (each.strip() for each in given.split(","))):
        name, is_given, value = (part.strip() for part in item.partition("="))
        if not is_given:
            example = next(iter(described(fault)), "")
            raise UsageError(
                f"{clean(name, 40)} says nothing to the fault {fault.name}",
                fix=f"Write {fault.name}:{example}." if example else "It has no parameters.",
                code="fault-parameter",
            )
        if name not in fields:
            near = nearest(name, fields)
            has = ", ".join(sorted(fields)) or "none"
            raise UsageError(
                f"the fault {fault.name} has no parameter {clean(name, 40)}",
                fix=f"Did you mean {near}?" if near else f"It has {has}.",
                code="fault-parameter",
            )
        yield name, _value(fault, name, value, kinds[name])


def _value(fault: Fault, name: str, value: str, kind: Any) -> Any:
    kinds = get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if type(None) in kinds and value.lower() == "none":
        return None
    try:
        if bool in kinds:
            return (*_NO, *_YES).index(value.lower()) >= len(_NO)
        if int in kinds:
            return int(value)
        if float in kinds:
            return float(value)
    except ValueError as error:
        expected = "yes or no" if bool in kinds else "a number"
        raise UsageError(
            f"the fault {fault.name} takes {expected} for {name}, not {clean(value, 40)}",
            code="fault-parameter",
        ) from error
    return value
