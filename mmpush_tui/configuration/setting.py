"""A setting, declared once: an attribute of a record, and the ``Field`` that follows from it.

Name, type and default are the attribute's own, so that a type checker holds them together.
"""

import dataclasses
from typing import Any, TypeVar

from mmpush_tui.fields import Choice, Field, Kind, Value
from mmpush_tui.text import Secret

_Held = TypeVar("_Held", str, bool, int, tuple[str, ...], Secret)
_KEY = "setting"


def setting(
    default: _Held, upstream: str, label: str, help_text: str, *, kind: Kind | None = None,
    choices: tuple[str, ...] = (), minimum: int | None = None, maximum: int | None = None,
    restart: bool = False,
) -> _Held:  # fmt: skip
    """Return the declaration of a record's attribute that is a setting.

    Args:
        default: what holds where nobody set it; its type is what the attribute holds. A
            ``Secret`` is never shown, a tuple is a list of words.
        upstream: the key in ``mattermost-push-proxy.json``, or empty.
        label: a form row's text.
        help_text: what the setting does, in one or two sentences.
        kind: what it holds, where the type of ``default`` does not tell.
        choices: the allowed values of a text.
        minimum, maximum: bounds of a number, both included.
        restart: a change takes effect only when the worker starts again.
    """
    declared = {
        "upstream": upstream,
        "label": label,
        "help": help_text,
        "kind": kind or (Kind.CHOICE if choices else _kind_of(default)),
        "default": _bare(default),
        "choices": tuple(Choice(value=value, label=value) for value in choices),
        "minimum": minimum,
        "maximum": maximum,
        "secret": isinstance(default, Secret),
        "restart": restart,
    }
    # What a dataclass takes for a default and replaces by it.
    attribute: Any = dataclasses.field(default=default, metadata={_KEY: declared})
    return attribute  # type: ignore[no-any-return] # as dataclasses.field itself is typed


def fields_of(record: type, table: str, *, has_env: bool = True) -> tuple[Field, ...]:
    """Return a ``Field`` for each setting that a record declares, in its order.

    Args:
        record: a dataclass with attributes made by :func:`setting`.
        table: where its keys stand in our file, ``proxy.apple``.
        has_env: an environment variable ``MMPUSH_TABLE__KEY`` overrides each.
    """
    return tuple(
        Field(
            key=f"{table}.{attribute.name}",
            env=f"MMPUSH_{table}__{attribute.name}".upper() if has_env else "",
            **attribute.metadata[_KEY],
        )
        for attribute in dataclasses.fields(record)
        if _KEY in attribute.metadata
    )


def _kind_of(default: object) -> Kind:
    match default:
        case bool():
            return Kind.BOOLEAN
        case int():
            return Kind.INTEGER
        case tuple():
            return Kind.LIST
        case _:
            return Kind.TEXT


def _bare(default: object) -> Value:
    """Return a default as a field holds it: a list as one text, a secret in the open."""
    match default:
        case bool() | int() | str():
            return default
        case tuple():
            return ", ".join(default)
        case Secret():
            return default.reveal()
        case _:
            raise TypeError(type(default).__name__)
