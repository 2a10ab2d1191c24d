"""A table of a configuration, converted through the fields of those who read it. Pure."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from mmpush_tui.configuration.document import ConfigFormat, Document
from mmpush_tui.configuration.problems import Problems
from mmpush_tui.configuration.schema import OBSOLETE
from mmpush_tui.fields import Field, FieldError, Kind, nearest
from mmpush_tui.text import clean

Convert = Callable[[object, str], Any]
"""Returns what a value comes to that no field describes; told where it stands, too."""
_NOTHING_ELSE: Final[Mapping[str, Convert]] = MappingProxyType({})


def values_of(
    document: Document, name: str, fields: Sequence[Field], problems: Problems,
    others: Mapping[str, Convert] = _NOTHING_ELSE,
) -> dict[str, Any]:  # fmt: skip
    """Return what our file sets of ``fields`` in one of its tables, as :func:`converted` does."""
    where = f"{document.path}: {name}"
    table = as_table(document.tables.get(name, {}), where, problems)
    return converted(document, table, fields, f"{where}.", problems, others)


def converted(
    document: Document, table: Mapping[str, Any], fields: Sequence[Field], where: str,
    problems: Problems, others: Mapping[str, Convert] = _NOTHING_ELSE,
) -> dict[str, Any]:  # fmt: skip
    """Return what ``table`` sets of ``fields``, checked.

    In upstream's format the case of a key does not matter, null counts as missing, and what is
    unknown is tolerated with a warning, all as Go has it. In ours relative paths count from the
    file's folder.

    Args:
        document: the file.
        table: one in it, as it was parsed.
        fields: the settings that belong into the table.
        where: file and table, up to the key, for who must find it.
        problems: told of a key or a value that is not what it must be.
        others: further keys that belong into it, with what converts their values.
    """
    is_ours = document.format is ConfigFormat.OURS
    settings = {field.name if is_ours else field.upstream: field for field in fields}
    known = [*others, *settings]
    names = {name if is_ours else name.lower(): name for name in known}
    if is_ours:
        refuse_unknown(table, known, where, "key", problems)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if (name := names.get(key if is_ours else key.lower())) is None:
            if not is_ours:
                _tolerate(key, value, known, problems)
        elif convert := others.get(name):
            values[name] = convert(value, f"{where}{name}")
        elif value is not None:
            field = settings[name]
            values[field.name] = _checked(field, value, f"{where}{name}", problems)
            if is_ours and field.kind is Kind.PATH and values[field.name]:
                path = document.path.parent / os.path.expanduser(values[field.name])
                values[field.name] = str(path)
    return values


def as_table(value: object, where: str, problems: Problems) -> Mapping[str, Any]:
    """Return ``value``, or an empty table where it is none, which ``problems`` is told."""
    if isinstance(value, dict):
        return value
    problems.refuse(f"{where}: expected a table", code="config-shape")
    return {}


def refuse_unknown(
    table: Iterable[str], known: Sequence[str], where: str, what: str, problems: Problems
) -> None:
    """Tell ``problems`` of each key that is none of those, and of the one that may be meant.

    Args:
        table: whose keys are looked at.
        known: the keys that belong there.
        where: file and table, up to the key.
        what: what a key of it is called: a key, or a table.
        problems: is told.
    """
    for key in table:
        if key in known:
            continue
        near = nearest(key, known)
        problems.refuse(
            f"{where}{key}: unknown {what}",
            fix=f"Did you mean {near}?" if near else f"Known: {', '.join(known)}.",
            code="config-unknown-key",
        )


def warn_of_unknown(key: str, known: Iterable[str], problems: Problems) -> None:
    """Tell ``problems`` of a key that is ignored, and of the one of ``known`` that may be meant."""
    near = nearest(key, known)
    problems.warn(
        "config-unknown-key",
        f"{clean(key, 60)} is no known setting and is ignored"
        + (f"; did you mean {near}?" if near else ""),
    )


def _tolerate(key: str, value: object, known: Iterable[str], problems: Problems) -> None:
    if (reason := OBSOLETE.get(key.lower())) is None:
        warn_of_unknown(key, known, problems)
    elif value:
        problems.warn("config-obsolete-key", f"{key} is ignored: {reason}")


def _checked(field: Field, value: object, where: str, problems: Problems) -> Any:
    try:
        return field.check(value)
    except FieldError as error:
        problems.refuse(f"{where}: {error}")
        return field.default
