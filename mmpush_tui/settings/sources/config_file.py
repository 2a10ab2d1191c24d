"""Mattermost's ``config.json`` as a source of settings."""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from mmpush_tui.errors import ConfigError, DeadlineError, MmpushError
from mmpush_tui.settings.page import INT64_MAX, KEYS, Change, Licence, Stored
from mmpush_tui.settings.page_fields import CONTENTS, MAX_NOTIFICATIONS, MODE, SERVER
from mmpush_tui.settings.sources import Loaded, Place, Saved, Where, json_text, rewrite
from mmpush_tui.settings.sources.locate import locate
from mmpush_tui.tasks import beside

__all__ = ["ConfigFile", "locate"]

_T = TypeVar("_T")

_TIMEOUT_S: Final = 20.0
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_FIELDS: Final = {
    "send": MODE,
    "server": SERVER,
    "contents": CONTENTS,
    "max_notifications": MAX_NOTIFICATIONS,
}
"""The rows that an environment variable can hold, by the attributes of :class:`Stored`."""
_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")
_FALSE: Final = ("0", "f", "F", "FALSE", "false", "False")


@dataclass(frozen=True, slots=True)
class _Fingerprint:
    digest: bytes
    device: int
    inode: int

    @classmethod
    def of(cls, seen: rewrite.Seen) -> "_Fingerprint":
        digest = hashlib.sha256(seen.data).digest()
        return cls(digest, seen.status.st_dev, seen.status.st_ino)


class ConfigFile:
    """A ``config.json`` on this host.

    Args:
        path: the file, or a link to it.
        licence: what its user says of the licence, which is not in the file.
        environment: where Mattermost's ``MM_…`` variables are looked for, default this process'
            own; whoever shares it with the server sees the values that are in force.
    """

    def __init__(
        self,
        path: Path,
        *,
        licence: Licence | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._path = path
        self._licence = licence or Licence()
        self._environment = os.environ if environment is None else environment

    @property
    def where(self) -> Where:
        """The file's path, from the root on."""
        return Where(kind=Place.FILE, at=os.path.abspath(self._path))

    async def load(self) -> Loaded:
        """Read the settings.

        Raises:
            ConfigError: the file is missing, not readable, or not what Mattermost would read.
                Nothing of its content is in the message.
            DeadlineError: the file system does not answer.
        """
        return await _in_time(self._load, "read", self._path)

    async def save(self, loaded: Loaded, changes: Sequence[Change]) -> Saved:
        """Write ``changes`` into the file, whose every other byte stays as it is.

        Raises:
            ConfigError: as :meth:`load`.
            FailedError: the file cannot be written, or was changed since it was loaded.
            DeadlineError: the file system does not answer; what it makes of the order is open.
        """
        return await _in_time(lambda: self._save(loaded, changes), "written", self._path)

    def _load(self) -> Loaded:
        seen = rewrite.read(self._path)
        text = _parsed(seen.data, self._path)
        locked = {
            field.name: field.env for field in _FIELDS.values() if field.env in self._environment
        }
        return Loaded(
            stored=_in_force(_stored(text, self._path), self._environment),
            licence=self._licence,
            locked=locked,
            fingerprint=_Fingerprint.of(seen),
        )

    def _save(self, loaded: Loaded, changes: Sequence[Change]) -> Saved:
        held = {KEYS[name] for name, field in _FIELDS.items() if field.name in loaded.locked}
        skipped = tuple(change.key for change in changes if change.key in held)
        wanted = [change for change in changes if change.key not in held]
        # The link stays; what it leads to is replaced.
        path = Path(os.path.realpath(self._path))
        seen = rewrite.read(path)
        if _Fingerprint.of(seen) != loaded.fingerprint:
            raise rewrite.changed_meanwhile(self._path)
        if not wanted:
            return Saved(backup=None, needs=(), skipped=skipped)
        text = _parsed(seen.data, self._path)
        for change in wanted:
            text = json_text.with_value(text, change.key.split("."), change.new)
        data = _verified(text, wanted, self._path)
        backup = rewrite.replace(path, seen, data)
        return Saved(backup=str(backup), needs=("reload",), skipped=skipped)


async def _in_time(work: Callable[[], _T], done: str, path: Path) -> _T:
    """Run file work beside the event loop: a network file system may never answer."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            return await beside("config-file", work)
    except TimeoutError as error:
        raise DeadlineError(
            f"{path} could not be {done} within {_TIMEOUT_S:.0f} s",
            fix="Look whether its file system answers.",
            code="mattermost-config-slow",
        ) from error


def _parsed(data: bytes, path: Path) -> str:
    """Return the text of a file that is a JSON object."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _no_json(f"{path}, line {line}", "it is not in UTF-8") from error
    try:
        json_text.check(text)
    except json.JSONDecodeError as error:
        # The words before a colon or a quote are the parser's own; what follows may be the file's.
        reason = re.split(r"[:'\"]", error.msg)[0].strip()
        why = f"this is no JSON: {reason[:1].lower()}{reason[1:]}"
        raise _no_json(f"{path}, line {error.lineno}, column {error.colno}", why) from error
    except (ValueError, RecursionError) as error:
        raise _no_json(str(path), "this is no JSON that Mattermost could read") from error
    if not json_text.is_object(text):
        raise ConfigError(
            f"{path}: expected a JSON object with EmailSettings and the other sections",
            code="mattermost-config-shape",
        )
    return text


def _no_json(where: str, why: str) -> MmpushError:
    return ConfigError(
        where,
        why=why,
        fix="Mattermost cannot start with it either: correct it, or put a backup in its place.",
        code="mattermost-config-syntax",
    )


def _stored(text: str, path: Path) -> Stored:
    """Return the values of our keys; null means the default, as a missing key does."""
    values: dict[str, Any] = {}
    for name, key in KEYS.items():
        section, _, _ = key.partition(".")
        for found in json_text.occurrences(text, (section,)):
            if not isinstance(found.value, dict | None):
                raise _wrong(text, path, found, section, "an object")
        for found in json_text.occurrences(text, key.split(".")):
            if (expected := _unlike(name, found.value)) is not None:
                raise _wrong(text, path, found, key, expected)
            values[name] = found.value
    given: dict[str, Any] = {
        name: _LONE_SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value
        for name, value in values.items()
        if value is not None
    }
    return replace(Stored(), **given)


def _unlike(name: str, value: object) -> str | None:
    """Return what was expected where Mattermost could not read ``value``, else None."""
    match name, value:
        case (_, None) | ("send", bool()) | ("server" | "contents", str()):
            return None
        case "send", _:
            return "true or false"
        case "max_notifications", bool():
            return "a whole number"
        case "max_notifications", int(number) if -INT64_MAX - 1 <= number <= INT64_MAX:
            return None
        case "max_notifications", _:
            return "a whole number"
        case _:
            return "text"


def _wrong(text: str, path: Path, found: json_text.Member, key: str, expected: str) -> MmpushError:
    return ConfigError(
        f"{path}, line {json_text.line_of(text, found.start)}: {key}: expected {expected}",
        fix="Mattermost cannot start with it either: correct it, or put a backup in its place.",
        code="mattermost-config-value",
    )


def _in_force(stored: Stored, environment: Mapping[str, str]) -> Stored:
    """Lay the environment over the file, as the server does: what it cannot read it ignores."""
    values: dict[str, Any] = {}
    for name, field in _FIELDS.items():
        text = environment.get(field.env)
        if text is None:
            continue
        if name == "send":
            if text in _TRUE + _FALSE:
                values[name] = text in _TRUE
        elif name == "max_notifications":
            if re.fullmatch(r"[+-]?[0-9]{1,18}", text):
                values[name] = int(text)
        else:
            values[name] = text
    return replace(stored, **values)


def _verified(text: str, wanted: Sequence[Change], path: Path) -> bytes:
    """Return ``text`` as it is written, once it is certain to say what was asked for."""
    json_text.check(text)
    for change in wanted:
        found = json_text.occurrences(text, change.key.split("."))
        if not found or found[-1].value != change.new or _LONE_SURROGATE.search(str(change.new)):
            raise ConfigError(
                f"{path}: {change.key} cannot hold this value, and nothing was written",
                fix="Enter it again, without characters that are none.",
                code="mattermost-config-value",
            )
    return text.encode()
