"""A configuration as it is in force, and upstream's in our format. Reads one file."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from mmpush_tui.configuration import config as configuration
from mmpush_tui.configuration.document import ConfigFormat, Document, format_of, read_document
from mmpush_tui.configuration.formats import WARN_WHEN_MISSING
from mmpush_tui.configuration.schema import ANDROID, APPLE, NETWORK, PROXY, ProxyConfig
from mmpush_tui.errors import ConfigError
from mmpush_tui.fields import Field, Kind, field_words
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
    def text(self) -> str:
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
    document = read_document(path)
    config = configuration.convert_document(document, environment)
    written = _written(document)
    rows = [
        _row(field, getattr(record, field.name), written, environment)
        for record, fields in ((config, PROXY), (config.network, NETWORK))
        for field in fields
    ]
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
    if format_of(path) is ConfigFormat.OURS:
        raise ConfigError(
            f"{path} is in our format already", code="config-shape",
            fix="Name an upstream mattermost-push-proxy.json.",
        )  # fmt: skip
    config = configuration.load(path, {})
    warnings = [finding.message for finding in config.warnings]
    # Our format has no two targets of one type; the reference proxy sends to the Android one.
    taken = {entry.type for entry in config.android}
    targets = {
        "apple": ([it for it in config.apple if it.type not in taken], APPLE),
        "android": (config.android, ANDROID),
    }
    base = _base(path, config)
    proxy: dict[str, Any] = {}
    for field in PROXY:
        value = _bare(getattr(config, field.name), field, base)
        default = (
            list(field_words(str(field.default))) if field.kind is Kind.LIST else field.default
        )
        if value != default or field.name in WARN_WHEN_MISSING:
            proxy[field.name] = value
    for name, (entries, fields) in targets.items():
        if entries:
            proxy[name] = [_entry(entry, fields, base) for entry in entries]
    if any(_relative(config)):
        warnings.append(f"relative paths are taken from {base}")
    return {"proxy": proxy}, warnings


def _base(path: Path, config: ProxyConfig) -> Path:
    """Return the folder that relative paths count from.

    The reference proxy takes them from where it was started: its own folder as a rule, beside
    ``config``. That is not in the file, so the folder wins in which most of them are found.
    """
    folder = Path(os.path.abspath(path)).parent
    places = [folder]
    if folder.name == "config":
        places.append(folder.parent)
    # The current folder may have been removed.
    with contextlib.suppress(OSError):
        places.append(Path.cwd())
    named = _relative(config)
    return max(places, key=lambda place: sum(os.path.exists(place / name) for name in named))


def _relative(config: ProxyConfig) -> list[str]:
    """Return the relative paths in a configuration."""
    return [path for path, _ in config.paths() if not os.path.isabs(os.path.expanduser(path))]


def _entry(entry: object, fields: Sequence[Field], base: Path) -> dict[str, Any]:
    pairs = ((field, _bare(getattr(entry, field.name), field, base)) for field in fields)
    return {field.name: value for field, value in pairs if value != field.default}


def _bare(value: Any, field: Field, base: Path) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, tuple):
        return list(value)
    if field.kind is Kind.PATH and value:
        return os.path.normpath(base / os.path.expanduser(value))
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


def _written(document: Document) -> frozenset[str]:
    """Return the keys that the file itself sets."""
    if document.format is ConfigFormat.UPSTREAM:
        keys = document.tables.items()
        return frozenset(key.lower() for key, value in keys if value is not None)
    return frozenset(
        f"{table}.{key}" for table in ("proxy", "network") for key in document.tables.get(table, {})
    )
