"""The two file formats of the configuration, read into one set of plain values."""

import functools
import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from mmpush_tui.configuration.schema import ANDROID, APPLE, NETWORK, OBSOLETE, PROXY
from mmpush_tui.errors import ConfigError
from mmpush_tui.fields import Field, FieldError, Kind, by_name, nearest
from mmpush_tui.text import clean

Values = dict[str, Any]

_WARN_WHEN_MISSING: Final = (
    "listen_address",
    "throttle_per_sec",
    "throttle_memory_store_size",
)
_HOST_PORT: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}", re.ASCII)


def parse_upstream(
    text: str, path: Path, environment: Mapping[str, str], warnings: list[str]
) -> Values:
    """Return the values of an upstream JSON file; what it lacks gets its default.

    Key case does not matter and unknown keys are tolerated with a warning, as Go tolerates them.

    Raises:
        ConfigError: it is no JSON object, or a value has the wrong type.
    """
    try:
        document = json.loads(text, parse_constant=functools.partial(_no_constant, text))
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path}, line {error.lineno}, column {error.colno}",
            why=f"this is no JSON: {_reason(error.msg)}",
            code="config-syntax",
        ) from error
    except (RecursionError, ValueError) as error:
        raise ConfigError(
            f"{path}: expected JSON that a person wrote", code="config-syntax"
        ) from error
    if not isinstance(document, dict):
        raise ConfigError(
            f"{path}: expected a JSON object with ListenAddress and the other settings",
            code="config-shape",
        )
    if {"sqlsettings", "emailsettings"} <= {key.lower() for key in document}:
        raise ConfigError(
            f"{path} is Mattermost's own config.json, not the push proxy's",
            fix="Name mattermost-push-proxy.json, or our TOML.",
            code="config-shape",
        )
    keys = {field.upstream.lower(): field for field in PROXY}
    lists = {"applepushsettings": APPLE, "androidpushsettings": ANDROID}
    values: Values = {"apple": [], "android": [], "network": no_network()}
    known = [field.upstream for field in PROXY] + ["ApplePushSettings", "AndroidPushSettings"]
    for key, value in document.items():
        if field := keys.get(key.lower()):
            if value is not None:
                values[field.name] = _checked(field, value, f"{path}: {field.upstream}")
        elif key.lower() in lists:
            entries = _entries(value, f"{path}: {key}")
            name = "apple" if key.lower().startswith("apple") else "android"
            values[name] = [
                _upstream_entry(entry, lists[key.lower()], f"{path}: {key}[{index}]", warnings)
                for index, entry in enumerate(entries)
            ]
        elif not _is_obsolete(key, value, warnings):
            warnings.append(_unknown(key, known))
    _finish(values, path, environment, warnings, upstream=True)
    for name in ("apple", "android"):
        values[name] = _last_of_each_type(values[name], warnings)
    if twice := _types(values["apple"]) & _types(values["android"]):
        warnings.append(
            f"{sorted(twice)[0]} is both an Apple and an Android target; Android counts"
        )
    return values


def parse_toml(
    text: str, path: Path, environment: Mapping[str, str], warnings: list[str]
) -> Values:
    """Return the values of our TOML file; what it lacks gets its default.

    Paths in it count from the file's own folder.

    Raises:
        ConfigError: it is no TOML, or a table, key or value is not what it must be.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        if not isinstance(error, tomllib.TOMLDecodeError):
            raise ConfigError(
                f"{path}: expected TOML that a person wrote", code="config-syntax"
            ) from error
        found = re.search(r"line (\d+), column (\d+)", str(error))
        where = f", line {found[1]}, column {found[2]}" if found else ""
        raise ConfigError(
            f"{path}{where}",
            why=f"this is no TOML: {_reason(str(error).split(' (at')[0])}",
            code="config-syntax",
        ) from error
    _only(document, ("mattermost", "proxy", "network", "console"), f"{path}: ", "table")
    proxy = _table(document.get("proxy", {}), f"{path}: proxy")
    scalars = by_name(PROXY)
    _only(proxy, (*scalars, "apple", "android"), f"{path}: proxy.", "key")
    values: Values = {
        name: _checked(field, proxy[name], f"{path}: proxy.{name}")
        for name, field in scalars.items()
        if name in proxy
    }
    for name in values:
        if scalars[name].kind is Kind.PATH:
            values[name] = _from_folder(values[name], path.parent)
    for name, fields in (("apple", APPLE), ("android", ANDROID)):
        entries = _entries(proxy.get(name, []), f"{path}: proxy.{name}")
        values[name] = [
            _toml_entry(entry, fields, f"{path}: proxy.{name}[{index}]", path.parent)
            for index, entry in enumerate(entries)
        ]
    types = [entry["type"] for entry in (*values["apple"], *values["android"])]
    if twice := next((kind for kind in types if types.count(kind) > 1), None):
        raise ConfigError(f"{path}: two targets have the type {twice}", code="config-value")
    values["network"] = network_values(document, path)
    _finish(values, path, environment, warnings, upstream=False)
    return values


def no_network() -> Values:
    """Return the values of a table ``[network]`` that nobody wrote."""
    return {"connect_to": {}} | {field.name: field.default for field in NETWORK}


def network_values(document: Mapping[str, Any], path: Path) -> Values:
    """Return the table ``[network]`` of our TOML file, whatever stands in the others.

    Raises:
        ConfigError: it holds what it must not.
    """
    network = _table(document.get("network", {}), f"{path}: network")
    fields = by_name(NETWORK)
    _only(network, ("connect_to", *fields), f"{path}: network.", "key")
    values = no_network() | {"connect_to": _connect_to(network.get("connect_to", {}), path)}
    for name, field in fields.items():
        if name in network:
            values[name] = _checked(field, network[name], f"{path}: network.{name}")
    values["ca_file"] = _from_folder(values["ca_file"], path.parent)
    return values


def _finish(
    values: Values, path: Path, environment: Mapping[str, str], warnings: list[str], *,
    upstream: bool,
) -> None:  # fmt: skip
    """Lay environment overrides over the file and defaults under it."""
    known = {field.env: field for field in (*PROXY, *NETWORK)}
    for name, text in environment.items():
        if not name.startswith("MMPUSH_") or "__" not in name:
            continue
        if name.startswith(("MMPUSH_MATTERMOST__", "MMPUSH_CONSOLE__")):
            # Other rooms read these tables.
            continue
        if (field := known.get(name)) is None:
            warnings.append(_unknown(name, known))
            continue
        try:
            value = field.parse(text)
        except FieldError as error:
            raise ConfigError(f"environment variable {name}: {error}") from error
        (values["network"] if field in NETWORK else values)[field.name] = value
    for field in PROXY:
        if field.name in values:
            continue
        values[field.name] = field.default
        if field.name in _WARN_WHEN_MISSING:
            name = field.upstream if upstream else field.key
            warnings.append(f"{path}: {name} is missing; {field.default} is used")


def _upstream_entry(
    entry: Mapping[str, Any], fields: Sequence[Field], where: str, warnings: list[str]
) -> Values:
    keys = {field.upstream.lower(): field for field in fields}
    values: Values = {field.name: field.default for field in fields}
    for key, value in entry.items():
        if field := keys.get(key.lower()):
            if value is not None:
                values[field.name] = _checked(field, value, f"{where}.{field.upstream}")
        elif not _is_obsolete(key, value, warnings):
            warnings.append(_unknown(key, [field.upstream for field in fields]))
    _require_type(values, where, "Type")
    _require_endpoint(values, where, "Endpoint")
    return values


def _toml_entry(
    entry: Mapping[str, Any], fields: Sequence[Field], where: str, folder: Path
) -> Values:
    names = by_name(fields)
    _only(entry, names, f"{where}.", "key")
    values: Values = {field.name: field.default for field in fields}
    for name, value in entry.items():
        values[name] = _checked(names[name], value, f"{where}.{name}")
        if name.endswith("_file"):
            values[name] = _from_folder(values[name], folder)
    _require_type(values, where, "type")
    _require_endpoint(values, where, "endpoint")
    return values


def _is_obsolete(key: str, value: object, warnings: list[str]) -> bool:
    """Return whether ``key`` is one without a meaning today; warn once where it is set."""
    reason = OBSOLETE.get(key.lower())
    if reason and value and (warning := f"{key} is ignored: {reason}") not in warnings:
        warnings.append(warning)
    return reason is not None


def _require_type(values: Values, where: str, key: str) -> None:
    if not values["type"]:
        raise ConfigError(f"{where}.{key}: expected a platform such as apple_rn or android_rn")


def _require_endpoint(values: Values, where: str, key: str) -> None:
    if not (endpoint := values["endpoint"]):
        return
    try:
        parts = urlsplit(endpoint)
        host_port = parts.netloc if parts.port is not None else f"{parts.netloc}:443"
        is_bare = endpoint.removesuffix("/").lower() == f"https://{parts.netloc}".lower()
        is_good = is_bare and _is_host_port(host_port)
    except ValueError:
        is_good = False
    if not is_good:
        raise ConfigError(
            f"{where}.{key}: expected https://host or https://host:port", code="config-value"
        )


def _is_host_port(text: str) -> bool:
    return bool(_HOST_PORT.fullmatch(text)) and 0 < int(text.rpartition(":")[2]) < 65536


def _types(entries: list[Values]) -> set[str]:
    return {entry["type"] for entry in entries}


def _last_of_each_type(entries: list[Values], warnings: list[str]) -> list[Values]:
    last = {entry["type"]: entry for entry in entries}
    if len(last) < len(entries):
        warnings.append("two targets have the same Type; the last one counts")
    return list(last.values())


def _connect_to(value: object, path: Path) -> dict[str, str]:
    table = _table(value, f"{path}: network.connect_to")
    for key, target in table.items():
        if not (isinstance(target, str) and _is_host_port(key) and _is_host_port(target)):
            raise ConfigError(f'{path}: network.connect_to: expected "host:port" = "addr:port"')
    # Names are compared in lower case, as the endpoint's host is.
    return {key.lower(): target for key, target in table.items()}


def _checked(field: Field, value: object, where: str) -> Any:
    try:
        return field.check(value)
    except FieldError as error:
        raise ConfigError(f"{where}: {error}", code="config-value") from error


def _entries(value: object, where: str) -> list[Mapping[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ConfigError(f"{where}: expected a list of targets", code="config-shape")
    return value


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: expected a table", code="config-shape")
    return value


def _only(
    table: Mapping[str, Any], known: Sequence[str] | Mapping[str, Any], where: str, what: str
) -> None:
    for key in table:
        if key not in known:
            near = nearest(key, known)
            raise ConfigError(
                f"{where}{key}: unknown {what}",
                fix=f"Did you mean {near}?" if near else f"Known: {', '.join(known)}.",
                code="config-unknown-key",
            )


def _unknown(key: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    near = nearest(key, known)
    return f"{clean(key, 60)} is no known setting and is ignored" + (
        f"; did you mean {near}?" if near else ""
    )


def _from_folder(path: str, folder: Path) -> str:
    return str(folder / os.path.expanduser(path)) if path else path


_TOML_MARKS: Final = ("=", "]", "]]", "\\")


def _reason(message: str) -> str:
    """Return a parser's message without anything of the file's content that it may quote."""
    text = clean(message, 120)
    if re.search(r"character '\\[nr]'", text):
        return "a text in quotes does not end in its line"
    text = re.sub(r"^Cannot declare \(.*\) twice", "a table stands there twice", text)
    text = re.sub(r"(?<=character) (['\"]).*?\1", "", text)
    # The marks of the language itself are no content, and say what is missing.
    return re.sub(
        r"(['\"])(.*?)\1", lambda it: it[0] if it[2] in _TOML_MARKS else "a character", text
    ) or "it cannot be parsed"  # fmt: skip


def _no_constant(text: str, name: str) -> None:
    raise json.JSONDecodeError("Expecting a number", text, text.find(name))
