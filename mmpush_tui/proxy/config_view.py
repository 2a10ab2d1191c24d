"""A configuration as it is in force, and upstream's in our format. Reads one file."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from mmpush_tui.errors import ConfigError
from mmpush_tui.fields import Field, Kind, words
from mmpush_tui.proxy import config as configuration
from mmpush_tui.proxy.config_fields import ANDROID, APPLE, NETWORK, PROXY
from mmpush_tui.text import Secret, clean

_SET: Final = "(set)"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One setting.

    Attributes:
        key: dotted; targets are numbered from 0, ``proxy.apple[0].topic``.
        value: what is in force; ``(set)`` for a secret.
        source: who says so.
    """

    key: str
    value: Any
    source: Literal["file", "environment", "default"]

    @property
    def shown(self) -> str:
        """The value as one line of text."""
        match self.value:
            case bool():
                return "true" if self.value else "false"
            case list():
                return clean(", ".join(self.value)) or "(empty)"
            case _:
                return clean(self.value) or "(empty)"


def view(path: Path, environment: Mapping[str, str]) -> list[Row]:
    """Return every setting of the file at ``path`` as it is in force.

    Raises:
        ConfigError: it cannot be read or parsed.
    """
    config = configuration.load(path, environment)
    written = _written(path)
    rows = [_row(field, getattr(config, field.name), written, environment) for field in PROXY]
    for field in NETWORK:
        rows.append(_row(field, getattr(config.network, field.name), written, environment))
    for host, target in config.network.connect_to.items():
        rows.append(Row(key=f"network.connect_to.{host}", value=target, source="file"))
    for kind, entries, fields in (
        ("apple", config.apple, APPLE), ("android", config.android, ANDROID),
    ):  # fmt: skip
        for index, entry in enumerate(entries):
            for field in fields:
                value = getattr(entry, field.name)
                if value != field.default and not (isinstance(value, Secret) and not value):
                    key = f"proxy.{kind}[{index}].{field.name}"
                    rows.append(Row(key=key, value=_plain(value), source="file"))
    return rows


def as_toml(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return upstream's configuration at ``path`` as a document of ours, and what to know of it.

    Raises:
        ConfigError: it is none of upstream's, or cannot be read or parsed.
    """
    if path.suffix == ".toml":
        raise ConfigError(
            f"{path} is in our format already", code="config-shape",
            fix="Name an upstream mattermost-push-proxy.json.",
        )  # fmt: skip
    config = configuration.load(path, {})
    proxy: dict[str, Any] = {}
    for field in PROXY:
        value = _bare(getattr(config, field.name), field, path)
        if value != (list(words(str(field.default))) if field.kind is Kind.LIST else field.default):
            proxy[field.name] = value
    for name in ("listen_address", "throttle_per_sec", "throttle_memory_store_size"):
        proxy[name] = getattr(config, name)
    proxy["apple"] = [_entry(entry, APPLE, path) for entry in config.apple]
    proxy["android"] = [_entry(entry, ANDROID, path) for entry in config.android]
    document = {name: value for name, value in proxy.items() if value not in ([], ())}
    return {"proxy": document}, list(config.warnings)


def _entry(entry: object, fields: Sequence[Field], path: Path) -> dict[str, Any]:
    made = {field.name: _bare(getattr(entry, field.name), field, path) for field in fields}
    defaults = {field.name: field.default for field in fields}
    return {name: value for name, value in made.items() if value != defaults[name]}


def _bare(value: Any, field: Field, path: Path) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, tuple):
        return list(value)
    if field.kind is Kind.PATH and value:
        # The reference proxy's paths count from where it was started, its own folder as a rule.
        return os.path.abspath(path.parent / os.path.expanduser(value))
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return _SET if value else ""
    return list(value) if isinstance(value, tuple) else value


def _row(field: Field, value: Any, written: frozenset[str], environment: Mapping[str, str]) -> Row:
    source: Literal["file", "environment", "default"] = "default"
    if field.env and field.env in environment:
        source = "environment"
    elif field.key in written or (field.upstream and field.upstream.lower() in written):
        source = "file"
    return Row(key=field.key, value=_plain(value), source=source)


def _written(path: Path) -> frozenset[str]:
    """Return the keys that the file itself sets; it was parsed before."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix != ".toml":
        document = msgspec.json.decode(text)
        return frozenset(key.lower() for key, value in document.items() if value is not None)
    tables = tomllib.loads(text)
    return frozenset(
        f"{table}.{key}" for table in ("proxy", "network") for key in tables.get(table, {})
    )
