"""Faults of Mattermost's API in words: ``NAME@mattermost:key=value``, as the vendors' are typed."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from mmpush_tui.errors import UsageError
from mmpush_tui.fields import nearest
from mmpush_tui.simulator.acts.base import LONGEST_S, number, whole
from mmpush_tui.simulator.fault_words import WantedFault, read_parameters, typed_all
from mmpush_tui.simulator.fault_words import parse_fault as parse_vendors
from mmpush_tui.simulator.faults import FAULTS
from mmpush_tui.simulator.mattermost.faults import ENDLESS, RestFault, Trouble
from mmpush_tui.text import clean

SIDE: Final = "mattermost"
_BY_NAME: Final[Mapping[str, RestFault]] = MappingProxyType({it.value: it for it in RestFault})
_FOR_ALL: Final = ("path", "times")
_OWN: Final[Mapping[RestFault, tuple[str, ...]]] = MappingProxyType(
    {
        RestFault.SLOW: ("seconds",),
        RestFault.ENDLESS_BODY: ("size",),
        RestFault.SKIPS: ("keys",),
        RestFault.OLDER_SERVER: ("keys",),
    }
)
_KEYS: Final = frozenset({"EmailSettings.PushNotificationContents"})


def parameters(fault: RestFault) -> dict[str, Any]:
    """Return a fault's parameters and their defaults."""
    names = (*_OWN.get(fault, ()), *_FOR_ALL)
    return {name: getattr(Trouble(fault, keys=_KEYS), name) for name in names}


def describe_mattermost_faults(fault: RestFault) -> str:
    """Return a fault with its parameters, as it is typed."""
    return f"{fault}@{SIDE}:{','.join(typed_all(parameters(fault)))}"


def mattermost_fault_words(trouble: Trouble) -> str:
    """Return what a fault in force is asked for with."""
    given = {
        name: getattr(trouble, name)
        for name, default in parameters(trouble.fault).items()
        if getattr(trouble, name) != default
    }
    return f"{trouble.fault}@{SIDE}" + (f":{','.join(typed_all(given))}" if given else "")


def is_meant(text: str, *, has_vendors: bool) -> bool:
    """Return whether a fault of Mattermost is meant, and not one of Apple's or Google's.

    Args:
        text: a fault as it is typed.
        has_vendors: they are played too, so that of a fault of both the side has to be said.
    """
    name, at, side = text.strip().partition(":")[0].partition("@")
    if at or not has_vendors:
        return side in ("", SIDE)
    return name in _BY_NAME and name not in {fault.name for fault in FAULTS}


def parse_any(text: str, *, has_vendors: bool, has_mattermost: bool) -> WantedFault | Trouble:
    """Return the fault that ``text`` asks for, of whom is played.

    Raises:
        UsageError: there is no such fault or parameter, a value does not fit, or it is a fault of
            somebody who is not played.
    """
    if is_meant(text, has_vendors=has_vendors):
        trouble = parse_mattermost_fault(text)
        if not has_mattermost:
            raise UsageError(
                f"{trouble.fault} is a fault of Mattermost, which is not played here",
                fix="Add --mattermost.",
                code="fault-side",
            )
        return trouble
    wanted = parse_vendors(text)
    if not has_vendors:
        raise UsageError(
            f"{wanted.fault.name} is a fault of Apple or Google, who are not played here",
            fix="Leave --no-vendors away.",
            code="fault-side",
        )
    return wanted


def parse_mattermost_fault(text: str) -> Trouble:
    """Return the fault that ``text`` asks for, with the side or without.

    Raises:
        UsageError: there is no such fault or parameter, or a value does not fit.
    """
    name, _, given = text.strip().partition(":")
    fault = find_mattermost_fault(name.partition("@")[0])
    defaults = parameters(fault)
    read = dict(read_parameters(f"{fault}@{SIDE}", Trouble, defaults, given))
    trouble = dataclasses.replace(Trouble(fault, keys=_KEYS), **read)
    try:
        _refuse_unfit(trouble)
    except ValueError as error:
        raise UsageError(
            f"the fault {fault}@{SIDE} cannot be raised like that",
            why=str(error),
            code="bad-fault-parameter",
        ) from error
    return trouble


def find_mattermost_fault(name: str) -> RestFault:
    """Return the fault of that name.

    Raises:
        UsageError: there is none; with the nearest there is.
    """
    if fault := _BY_NAME.get(name):
        return fault
    near = nearest(name, _BY_NAME)
    listed = "`mmpush-tui simulate --mattermost --list` shows them all."
    raise UsageError(
        f"Mattermost has no fault {clean(name, 60) or 'without a name'}",
        fix=f"Did you mean {near}?" if near else listed,
        code="fault-unknown",
    )


def _refuse_unfit(trouble: Trouble) -> None:
    number("seconds", trouble.seconds, 0, LONGEST_S)
    whole("size", trouble.size, 1, ENDLESS)
    if trouble.times is not None:
        whole("times", trouble.times, 1, 1_000_000)
    if trouble.path is not None and not trouble.path.startswith("/"):
        raise ValueError("path must begin with /")
    if not trouble.keys or any(key.count(".") != 1 for key in trouble.keys):
        raise ValueError("keys must be like EmailSettings.PushNotificationServer, joined by +")
