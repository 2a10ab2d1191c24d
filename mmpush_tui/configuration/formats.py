"""The two file formats of the configuration, converted into one set of plain values. Pure."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from mmpush_tui.configuration.document import ConfigFormat, Document
from mmpush_tui.configuration.problems import Problems
from mmpush_tui.configuration.schema import ANDROID, APPLE, NETWORK, PROXY
from mmpush_tui.configuration.tables import (
    as_table,
    converted,
    refuse_unknown,
    values_of,
    warn_of_unknown,
)
from mmpush_tui.fields import Field, FieldError

Values = dict[str, Any]

_TABLES: Final = ("mattermost", "proxy", "network", "console")
_LISTS: Final = (
    ("apple", "ApplePushSettings", APPLE),
    ("android", "AndroidPushSettings", ANDROID),
)
"""The lists of targets, as we and as upstream call them."""
WARN_WHEN_MISSING: Final = ("listen_address", "throttle_per_sec", "throttle_memory_store_size")
"""Settings that somebody should have decided."""
_HOST_PORT: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}", re.ASCII)


def values_in(document: Document, environment: Mapping[str, str], problems: Problems) -> Values:
    """Return the values of a configuration in either format; what it lacks gets its default.

    Args:
        document: the file.
        environment: what outranks it, ``MMPUSH_SECTION__KEY``.
        problems: told of every value, key and table that is not what it must be, and of what
            is tolerated.
    """
    is_ours = document.format is ConfigFormat.OURS
    names = {name if is_ours else upstream: name for name, upstream, _ in _LISTS}
    lists = {
        name if is_ours else upstream: partial(_targets, document, fields, problems)
        for name, upstream, fields in _LISTS
    }
    if is_ours:
        refuse_unknown(document.tables, _TABLES, f"{document.path}: ", "table", problems)
        values = values_of(document, "proxy", PROXY, problems, lists)
    else:
        values = converted(document, document.tables, PROXY, f"{document.path}: ", problems, lists)
    values |= {name: values.pop(written, []) for written, name in names.items()}
    if is_ours:
        _refuse_types_twice(values, document, problems)
    values["network"] = network_values(document, problems)
    _lay_over(values, environment, problems)
    _lay_under(values, document, problems)
    if not is_ours:
        _settle_types(values, problems)
    return values


def _settle_types(values: Values, problems: Problems) -> None:
    """Let one of the targets of one type count, as the reference proxy does."""
    for name in ("apple", "android"):
        # What has no type was told already.
        entries = [entry for entry in values[name] if entry["type"]]
        last = {entry["type"]: entry for entry in entries}
        if len(last) < len(entries):
            problems.warn(
                "config-type-twice", "two targets have the same Type; the last one counts"
            )
        values[name] = list(last.values())
    if twice := _types(values["apple"]) & _types(values["android"]):
        problems.warn(
            "config-type-twice",
            f"{sorted(twice)[0]} is both an Apple and an Android target; Android counts",
        )


def _refuse_types_twice(values: Values, document: Document, problems: Problems) -> None:
    types = [entry["type"] for entry in (*values["apple"], *values["android"]) if entry["type"]]
    if twice := next((kind for kind in types if types.count(kind) > 1), None):
        problems.refuse(f"{document.path}: two targets have the type {twice}")


def network_values(document: Document | None, problems: Problems) -> Values:
    """Return the table ``[network]`` of our file, whatever stands in the others.

    Args:
        document: the file, where there is one; upstream's has no such table.
        problems: told of what must not be in the table.
    """
    values: Values = {"connect_to": {}} | {field.name: field.default for field in NETWORK}
    if document is not None and document.format is ConfigFormat.OURS:
        others = {"connect_to": partial(_connect_to, problems)}
        values |= values_of(document, "network", NETWORK, problems, others)
    return values


def _lay_over(values: Values, environment: Mapping[str, str], problems: Problems) -> None:
    """Lay environment overrides over the file."""
    by_variable = {field.env: field for field in (*PROXY, *NETWORK)}
    for name, text in environment.items():
        if not name.startswith("MMPUSH_") or "__" not in name:
            continue
        if name.startswith(("MMPUSH_MATTERMOST__", "MMPUSH_CONSOLE__")):
            # Other rooms read these tables.
            continue
        if (field := by_variable.get(name)) is None:
            warn_of_unknown(name, by_variable, problems)
            continue
        try:
            value = field.parse(text)
        except FieldError as error:
            problems.refuse(f"environment variable {name}: {error}")
            continue
        (values["network"] if field in NETWORK else values)[field.name] = value


def _lay_under(values: Values, document: Document, problems: Problems) -> None:
    """Give what neither the file nor the environment sets its default."""
    for field in PROXY:
        if field.name in values:
            continue
        values[field.name] = field.default
        if field.name in WARN_WHEN_MISSING:
            name = field.key if document.format is ConfigFormat.OURS else field.upstream
            problems.warn(
                "config-default-used",
                f"{document.path}: {name} is missing; {field.default} is used",
            )


def _targets(
    document: Document, fields: tuple[Field, ...], problems: Problems, written: object, where: str
) -> list[Values]:
    """Return the targets of a list."""
    if written is None:
        return []
    if not isinstance(written, list) or not all(isinstance(entry, dict) for entry in written):
        problems.refuse(f"{where}: expected a list of targets", code="config-shape")
        return []
    targets = []
    for index, entry in enumerate(written):
        place = f"{where}[{index}]."
        values: Values = {field.name: field.default for field in fields}
        values |= converted(document, entry, fields, place, problems)
        _judge_entry(values, entry, document, place, problems)
        targets.append(values)
    return targets


def _judge_entry(
    values: Values, entry: Mapping[str, Any], document: Document, where: str, problems: Problems
) -> None:
    """Judge what a target must say, and its endpoint."""
    is_ours = document.format is ConfigFormat.OURS
    of_type, of_endpoint = ("type", "endpoint") if is_ours else ("Type", "Endpoint")
    written = next((value for key, value in entry.items() if key.lower() == "type"), None)
    # What is no text was told already.
    if not values["type"] and (written is None or isinstance(written, str)):
        problems.refuse(f"{where}{of_type}: expected a platform such as apple_rn or android_rn")
    if not _is_endpoint(values["endpoint"]):
        problems.refuse(f"{where}{of_endpoint}: expected https://host or https://host:port")


def _is_endpoint(endpoint: str) -> bool:
    """Return whether a target's requests can go there; where it is empty, to Apple or Google."""
    if not endpoint:
        return True
    try:
        parts = urlsplit(endpoint)
        host_port = parts.netloc if parts.port is not None else f"{parts.netloc}:443"
        is_bare = endpoint.removesuffix("/").lower() == f"https://{parts.netloc}".lower()
        return is_bare and _is_host_port(host_port)
    except ValueError:
        return False


def _is_host_port(text: str) -> bool:
    return bool(_HOST_PORT.fullmatch(text)) and 0 < int(text.rpartition(":")[2]) < 65536


def _types(entries: list[Values]) -> set[str]:
    return {entry["type"] for entry in entries}


def _connect_to(problems: Problems, written: object, where: str) -> dict[str, str]:
    places: dict[str, str] = {}
    for key, target in as_table(written, where, problems).items():
        if isinstance(target, str) and _is_host_port(key) and _is_host_port(target):
            # Names are compared in lower case, as the endpoint's host is.
            places[key.lower()] = target
        else:
            problems.refuse(f'{where}: expected "host:port" = "addr:port"')
    return places
