"""The two file formats of the configuration, converted into one set of plain values. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from mmpush_tui.configuration.document import ConfigFormat, Document
from mmpush_tui.configuration.problems import Problems
from mmpush_tui.configuration.schema import ANDROID, APPLE, NETWORK, OBSOLETE, PROXY
from mmpush_tui.configuration.tables import (
    as_table,
    checked,
    converted,
    refuse_unknown,
    values_of,
)
from mmpush_tui.fields import Field, FieldError, nearest
from mmpush_tui.text import clean

Values = dict[str, Any]

_TABLES: Final = ("mattermost", "proxy", "network", "console")
_WARN_WHEN_MISSING: Final = (
    "listen_address",
    "throttle_per_sec",
    "throttle_memory_store_size",
)
_HOST_PORT: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}", re.ASCII)


def values_in(document: Document, environment: Mapping[str, str], problems: Problems) -> Values:
    """Return the values of a configuration in either format; what it lacks gets its default.

    Args:
        document: the file.
        environment: what outranks it, ``MMPUSH_SECTION__KEY``.
        problems: told of every value, key and table that is not what it must be, and of what
            is tolerated.
    """
    if document.format is ConfigFormat.OURS:
        values = _ours(document, problems)
    else:
        values = _upstream(document, problems)
    _lay_over(values, environment, problems)
    _lay_under(values, document, problems)
    if document.format is ConfigFormat.UPSTREAM:
        _settle_types(values, problems)
    return values


def _upstream(document: Document, problems: Problems) -> Values:
    """Return the values of an upstream file.

    Key case does not matter and unknown keys are tolerated with a warning, as Go tolerates them.
    """
    path = document.path
    keys = {field.upstream.lower(): field for field in PROXY}
    lists = {"applepushsettings": APPLE, "androidpushsettings": ANDROID}
    values: Values = {"apple": [], "android": [], "network": _no_network()}
    known = [field.upstream for field in PROXY] + ["ApplePushSettings", "AndroidPushSettings"]
    for key, value in document.tables.items():
        if field := keys.get(key.lower()):
            if value is not None:
                where = f"{path}: {field.upstream}"
                values[field.name] = checked(field, value, where, problems)
        elif key.lower() in lists:
            name = "apple" if key.lower().startswith("apple") else "android"
            values[name] = [
                _upstream_entry(entry, lists[key.lower()], f"{path}: {key}[{index}]", problems)
                for index, entry in enumerate(_entries(value, f"{path}: {key}", problems))
            ]
        elif not _is_obsolete(key, value, problems):
            _warn_of_unknown(key, known, problems)
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


def _ours(document: Document, problems: Problems) -> Values:
    """Return the values of our TOML file. Paths in it count from the file's own folder."""
    path = document.path
    refuse_unknown(document.tables, _TABLES, f"{path}: ", "table", problems)
    values = values_of(document, "proxy", PROXY, problems, ("apple", "android"))
    proxy = document.tables.get("proxy", {})
    for name, fields in (("apple", APPLE), ("android", ANDROID)):
        where = f"{path}: proxy.{name}"
        written = proxy.get(name) if isinstance(proxy, dict) else None
        values[name] = [
            _our_entry(entry, fields, f"{where}[{index}]", document, problems)
            for index, entry in enumerate(_entries(written, where, problems))
        ]
    types = [entry["type"] for entry in (*values["apple"], *values["android"]) if entry["type"]]
    if twice := next((kind for kind in types if types.count(kind) > 1), None):
        problems.refuse(f"{path}: two targets have the type {twice}")
    values["network"] = network_values(document, problems)
    return values


def _no_network() -> Values:
    """Return the values of a table ``[network]`` that nobody wrote."""
    return {"connect_to": {}} | {field.name: field.default for field in NETWORK}


def network_values(document: Document | None, problems: Problems) -> Values:
    """Return the table ``[network]`` of our file, whatever stands in the others.

    Args:
        document: the file, where there is one; upstream's has no such table.
        problems: told of what must not be in the table.
    """
    if document is None or document.format is not ConfigFormat.OURS:
        return _no_network()
    values = values_of(document, "network", NETWORK, problems, ("connect_to",))
    return _no_network() | {"connect_to": _connect_to(document, problems)} | values


def _lay_over(values: Values, environment: Mapping[str, str], problems: Problems) -> None:
    """Lay environment overrides over the file."""
    known = {field.env: field for field in (*PROXY, *NETWORK)}
    for name, text in environment.items():
        if not name.startswith("MMPUSH_") or "__" not in name:
            continue
        if name.startswith(("MMPUSH_MATTERMOST__", "MMPUSH_CONSOLE__")):
            # Other rooms read these tables.
            continue
        if (field := known.get(name)) is None:
            _warn_of_unknown(name, known, problems)
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
        if field.name in _WARN_WHEN_MISSING:
            name = field.key if document.format is ConfigFormat.OURS else field.upstream
            problems.warn(
                "config-default-used",
                f"{document.path}: {name} is missing; {field.default} is used",
            )


def _upstream_entry(
    entry: Mapping[str, Any], fields: Sequence[Field], where: str, problems: Problems
) -> Values:
    keys = {field.upstream.lower(): field for field in fields}
    values: Values = {field.name: field.default for field in fields}
    for key, value in entry.items():
        if field := keys.get(key.lower()):
            if value is not None:
                place = f"{where}.{field.upstream}"
                values[field.name] = checked(field, value, place, problems)
        elif not _is_obsolete(key, value, problems):
            _warn_of_unknown(key, [field.upstream for field in fields], problems)
    _judge_entry(values, entry, (f"{where}.Type", f"{where}.Endpoint"), problems)
    return values


def _our_entry(
    entry: Mapping[str, Any], fields: Sequence[Field], where: str, document: Document,
    problems: Problems,
) -> Values:  # fmt: skip
    values: Values = {field.name: field.default for field in fields}
    values |= converted(entry, fields, where, document.path.parent, problems)
    _judge_entry(values, entry, (f"{where}.type", f"{where}.endpoint"), problems)
    return values


def _is_obsolete(key: str, value: object, problems: Problems) -> bool:
    """Return whether ``key`` is one without a meaning today; warn once where it is set."""
    reason = OBSOLETE.get(key.lower())
    if reason and value:
        problems.warn("config-obsolete-key", f"{key} is ignored: {reason}")
    return reason is not None


def _judge_entry(
    values: Values, entry: Mapping[str, Any], keys: tuple[str, str], problems: Problems
) -> None:
    """Judge what a target must say, and its endpoint; ``keys`` are where these two stand."""
    of_type, of_endpoint = keys
    written = next((value for key, value in entry.items() if key.lower() == "type"), None)
    # What is no text was told already.
    if not values["type"] and (written is None or isinstance(written, str)):
        problems.refuse(f"{of_type}: expected a platform such as apple_rn or android_rn")
    if not _is_endpoint(values["endpoint"]):
        problems.refuse(f"{of_endpoint}: expected https://host or https://host:port")


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


def _connect_to(document: Document, problems: Problems) -> dict[str, str]:
    where = f"{document.path}: network"
    network = document.tables.get("network", {})
    if not isinstance(network, dict):
        # Told already.
        return {}
    connect_to = as_table(network.get("connect_to", {}), f"{where}.connect_to", problems)
    places: dict[str, str] = {}
    for key, target in connect_to.items():
        if isinstance(target, str) and _is_host_port(key) and _is_host_port(target):
            # Names are compared in lower case, as the endpoint's host is.
            places[key.lower()] = target
        else:
            problems.refuse(f'{where}.connect_to: expected "host:port" = "addr:port"')
    return places


def _entries(value: object, where: str, problems: Problems) -> list[Mapping[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        problems.refuse(f"{where}: expected a list of targets", code="config-shape")
        return []
    return value


def _warn_of_unknown(key: str, known: Iterable[str], problems: Problems) -> None:
    near = nearest(key, known)
    problems.warn(
        "config-unknown-key",
        f"{clean(key, 60)} is no known setting and is ignored"
        + (f"; did you mean {near}?" if near else ""),
    )
