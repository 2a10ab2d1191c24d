"""A table of a configuration, converted through the fields of those who read it. Pure."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmpush_tui.configuration.document import Document
from mmpush_tui.configuration.problems import Problems
from mmpush_tui.fields import Field, FieldError, Kind, Value, by_name, nearest


def values_of(
    document: Document, name: str, fields: Sequence[Field], problems: Problems,
    others: Iterable[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Return what our file sets of ``fields`` in one of its tables, checked.

    Args:
        document: our file; paths in it count from its folder.
        name: the table.
        fields: the settings that belong into it.
        problems: told of a table, a key or a value that is not what it must be.
        others: further keys that belong into it, which the caller converts.
    """
    where = f"{document.path}: {name}"
    table = as_table(document.tables.get(name, {}), where, problems)
    return converted(table, fields, where, document.path.parent, problems, others)


def converted(
    table: Mapping[str, Any], fields: Sequence[Field], where: str, folder: Path,
    problems: Problems, others: Iterable[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Return what ``table`` sets of ``fields``, as :func:`values_of` does.

    Args:
        table: as it was parsed.
        fields: the settings that belong into it.
        where: file and table, for who must find it.
        folder: what relative paths count from.
        problems: told of a key or a value that is not what it must be.
        others: further keys that belong into it.
    """
    by_key = by_name(fields)
    refuse_unknown(table, (*others, *by_key), f"{where}.", "key", problems)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if (field := by_key.get(key)) is None:
            continue
        values[key] = checked(field, value, f"{where}.{key}", problems)
        if field.kind is Kind.PATH and values[key]:
            values[key] = str(folder / os.path.expanduser(values[key]))
    return values


def checked(field: Field, value: object, where: str, problems: Problems) -> Value:
    """Return ``value``, or the setting's default where it cannot hold that.

    Args:
        field: the setting.
        value: what was written.
        where: file and key, for who must find it.
        problems: told where it cannot be.
    """
    try:
        return field.check(value)
    except FieldError as error:
        problems.refuse(f"{where}: {error}")
        return field.default


def as_table(value: object, where: str, problems: Problems) -> Mapping[str, Any]:
    """Return ``value``, or an empty table where it is none, which ``problems`` is told."""
    if isinstance(value, dict):
        return value
    problems.refuse(f"{where}: expected a table", code="config-shape")
    return {}


def refuse_unknown(
    table: Mapping[str, Any], known: Sequence[str], where: str, what: str, problems: Problems
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
