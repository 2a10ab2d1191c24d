"""Faults in words, as they are typed: ``NAME``, ``NAME:key=value,key=value``, ``NAME@fcm``."""

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, get_args, get_origin

from mmpush_tui.errors import UsageError
from mmpush_tui.fields import nearest
from mmpush_tui.simulator.acts.base import Fault, Side
from mmpush_tui.simulator.faults import FAULTS, behaviour
from mmpush_tui.text import clean

_SIDES: Final = get_args(Side)
_YES: Final = ("yes", "true", "on")
_NO: Final = ("no", "false", "off")


class WantedFault(NamedTuple):
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


def parse_fault(words: str) -> WantedFault:
    """Return the fault that ``words`` ask for.

    Raises:
        UsageError: there is no such fault, side or parameter, or a value does not fit.
    """
    name, _, given = words.strip().partition(":")
    name, _, side = name.partition("@")
    fault = find_fault(name)
    parameters = dict(read_parameters(fault.name, fault.behaviour, fault.parameters, given))
    # Refused here, so that no stand-in has to be running.
    behaviour(fault, parameters)
    return WantedFault(fault, _sides(fault, side), parameters)


def parse_all(words: Iterable[str]) -> tuple[WantedFault, ...]:
    """Return all faults that are asked for; raises as :func:`parse_fault`."""
    return tuple(parse_fault(each) for each in words)


def find_fault(name: str) -> Fault:
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


def describe_faults(fault: Fault) -> list[str]:
    """Return a fault's parameters with their defaults, as they are typed."""
    return typed_all(fault.parameters)


def typed_all(parameters: Mapping[str, Any]) -> list[str]:
    """Return parameters with their values as they are typed."""
    return [f"{name}={typed(value)}" for name, value in parameters.items()]


def typed(value: object) -> str:
    """Return a parameter's value as it is typed."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case frozenset():
            return "+".join(sorted(value))
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


def read_parameters(
    fault: str, shape: type, defaults: Mapping[str, Any], given: str
) -> Iterator[tuple[str, Any]]:
    """Yield the parameters that were typed, by name.

    Args:
        fault: the fault's name.
        shape: the dataclass that they are fields of.
        defaults: the parameters that the fault has, with their defaults.
        given: what was typed, ``key=value,key=value``.

    Raises:
        UsageError: there is no such parameter, or a value does not fit.
    """
    kinds = typing.get_type_hints(shape)
    for item in filter(None, (each.strip() for each in given.split(","))):
        name, is_given, value = (part.strip() for part in item.partition("="))
        if not is_given:
            example = next(iter(typed_all(defaults)), "")
            raise UsageError(
                f"{clean(name, 40)} says nothing to the fault {fault}",
                fix=f"Write {fault}:{example}." if example else "It has no parameters.",
                code="fault-parameter",
            )
        if name not in defaults:
            near = nearest(name, defaults)
            has = ", ".join(sorted(defaults)) or "none"
            raise UsageError(
                f"the fault {fault} has no parameter {clean(name, 40)}",
                fix=f"Did you mean {near}?" if near else f"It has {has}.",
                code="fault-parameter",
            )
        yield name, _value(fault, name, value, kinds[name])


def _value(fault: str, name: str, value: str, kind: Any) -> Any:
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
        if any(get_origin(kind) is frozenset for kind in kinds):
            return frozenset(filter(None, value.split("+")))
    except ValueError as error:
        expected = "yes or no" if bool in kinds else "a number"
        raise UsageError(
            f"the fault {fault} takes {expected} for {name}, not {clean(value, 40)}",
            code="fault-parameter",
        ) from error
    return value
