"""A configuration file, read once and parsed: whoever wants a table of it takes it from here.

The one place that says what is wrong with a file as such, in the same words to everybody.
"""

import functools
import json
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Finding, warning
from mmpush_tui.text import clean

SIZE_LIMIT: Final = 1024 * 1024
"""Bytes a configuration may have."""


class ConfigFormat(StrEnum):
    """Whose format a file has; its name tells."""

    OURS = "toml"
    UPSTREAM = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A configuration file as it was read.

    Attributes:
        path: the file.
        text: what stands in it.
        tables: the same, parsed; nothing in it is checked yet.
        warnings: what is wrong with the file itself, whatever stands in it.
    """

    path: Path
    text: str = field(repr=False)
    tables: Mapping[str, Any] = field(repr=False)
    warnings: tuple[Finding, ...] = ()

    @property
    def format(self) -> ConfigFormat:
        """Whose format it has."""
        return format_of(self.path)


def format_of(path: Path) -> ConfigFormat:
    """Return whose format a file has: every name that does not end in ``.toml`` is upstream's."""
    return ConfigFormat.OURS if path.suffix == ".toml" else ConfigFormat.UPSTREAM


def read_document(path: Path) -> Document:
    """Return the configuration file at ``path``. It is read once, so that it may be a pipe.

    Raises:
        ConfigError: it cannot be read or parsed, is too large, or is no UTF-8. The message names
            file and line, never the file's content.
    """
    try:
        # Not files.read_plain: a configuration may come through a pipe, as from a program that
        # decrypts it. So this may wait for its writer; whoever calls has a deadline.
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file", code="config-missing") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", "") or str(error)
        raise ConfigError(f"{path}: cannot be read", why=why, code="config-unreadable") from error
    return decode_document(data, path, _warnings(path, status))


def decode_document(data: bytes, path: Path, warnings: tuple[Finding, ...] = ()) -> Document:
    """Return the file at ``path`` with these bytes in it.

    Raises:
        ConfigError: as :func:`read_document`.
    """
    if len(data) > SIZE_LIMIT:
        raise ConfigError(
            f"{path}: larger than 1 MiB, so it is no configuration file", code="config-size"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}, line {line}: expected UTF-8 text", code="config-syntax"
        ) from error
    return parse_document(text, path, warnings)


def parse_document(text: str, path: Path, warnings: tuple[Finding, ...] = ()) -> Document:
    """Return the file at ``path`` with ``text`` in it; it may not exist yet.

    Raises:
        ConfigError: the text is not of the format that the file's name says.
    """
    form, parse = ("TOML", _toml) if format_of(path) is ConfigFormat.OURS else ("JSON", _upstream)
    try:
        return Document(path=path, text=text, tables=parse(text, path), warnings=warnings)
    except (ValueError, RecursionError) as error:
        # Nested without end, or a number without end.
        raise ConfigError(
            f"{path}: expected {form} that a person wrote", code="config-syntax"
        ) from error


def our_document(source: Path | Document | None) -> Document | None:
    """Return our own file, or None where it is none of ours; upstream's is not even read.

    Args:
        source: the file; read here where it was not yet.

    Raises:
        ConfigError: as :func:`read_document`.
    """
    if source is None:
        return None
    path = source.path if isinstance(source, Document) else source
    if format_of(path) is not ConfigFormat.OURS:
        return None
    return source if isinstance(source, Document) else read_document(source)


def _warnings(path: Path, status: os.stat_result) -> tuple[Finding, ...]:
    if not status.st_mode & stat.S_IWOTH:
        return ()
    message = f"{path} can be changed by every user of this host: `chmod o-w {path}`"
    return (warning("config-writable", message),)


def _toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+), column (\d+)", str(error))
        where = f", line {place[1]}, column {place[2]}" if place else ""
        raise ConfigError(
            f"{path}{where}",
            why=f"this is no TOML: {_reason(str(error).split(' (at')[0])}",
            code="config-syntax",
        ) from error


def _upstream(text: str, path: Path) -> dict[str, Any]:
    try:
        document = json.loads(text, parse_constant=functools.partial(_no_constant, text))
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path}, line {error.lineno}, column {error.colno}",
            why=f"this is no JSON: {_reason(error.msg)}",
            code="config-syntax",
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
    return document


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
