"""The text of a ``config.json``: our values in it, with the server's own idea of what is valid."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mmpush_tui.errors import ConfigError, MmpushError
from mmpush_tui.fields import Field
from mmpush_tui.settings.page import INT64_MAX, KEYS, Change, Stored
from mmpush_tui.settings.page_fields import CONTENTS, MAX_NOTIFICATIONS, MODE, SERVER
from mmpush_tui.settings.sources import json_text

FIELDS: Final[Mapping[str, Field]] = {
    "send": MODE,
    "server": SERVER,
    "contents": CONTENTS,
    "max_notifications": MAX_NOTIFICATIONS,
}
"""The rows that an environment variable can hold, by the attributes of :class:`Stored`."""
LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")
_FALSE: Final = ("0", "f", "F", "FALSE", "false", "False")


def held_by(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that ``environment`` holds, with the variables' names."""
    return {field.name: field.env for field in FIELDS.values() if field.env in environment}


def parsed_config(data: bytes, path: Path) -> str:
    """Return the text of a file that is a JSON object.

    Raises:
        ConfigError: it is none that Mattermost could read; nothing of its content is in the
            message.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _no_json(f"{path}, line {line}", "it is not in UTF-8") from error
    try:
        json_text.check_json(text)
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
    return ConfigError(where, why=why, code="mattermost-config-syntax")


def stored_in(text: str, path: Path) -> Stored:
    """Return the values of our keys; null means the default, as a missing key does.

    Raises:
        ConfigError: one of them is of a type that Mattermost could not read.
    """
    values: dict[str, Any] = {}
    for name, key in KEYS.items():
        section, _, _ = key.partition(".")
        for member in json_text.occurrences(text, (section,)):
            if not isinstance(member.value, dict | None):
                raise _wrong(text, path, member, section, "an object")
        for member in json_text.occurrences(text, key.split(".")):
            if expected := unlike(name, member.value):
                raise _wrong(text, path, member, key, expected)
            values[name] = member.value
    given: dict[str, Any] = {
        name: LONE_SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value
        for name, value in values.items()
        if value is not None
    }
    return replace(Stored(), **given)


def unlike(name: str, value: object) -> str:
    """Return what was expected where Mattermost could not read ``value``, else nothing.

    Args:
        name: an attribute of :class:`Stored`.
        value: what is in its place, in JSON.
    """
    match name, value:
        case (_, None) | ("send", bool()) | ("server" | "contents", str()):
            return ""
        case "send", _:
            return "true or false"
        case "max_notifications", int(number) if (
            not isinstance(number, bool) and -INT64_MAX - 1 <= number <= INT64_MAX
        ):
            return ""
        case "max_notifications", _:
            return "a whole number"
        case _:
            return "text"


def _wrong(
    text: str, path: Path, member: json_text.JsonMember, key: str, expected: str
) -> MmpushError:
    return ConfigError(
        f"{path}, line {json_text.line_of(text, member.start)}: {key}: expected {expected}",
        fix="Mattermost cannot start with it either: correct it, or put a backup in its place.",
        code="mattermost-config-value",
    )


def value_of(text: str, key: str) -> object:
    """Return the value of any key, ``ServiceSettings.SiteURL``, or None where there is none."""
    members = json_text.occurrences(text, key.split("."))
    return members[-1].value if members else None


def in_force(stored: Stored, environment: Mapping[str, str]) -> Stored:
    """Lay the environment over the file, as the server does: what it cannot read it ignores."""
    values: dict[str, Any] = {}
    for name, field in FIELDS.items():
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


def unwritable(key: str) -> MmpushError:
    """Return the failure that ``key`` was to get a value that JSON cannot hold."""
    return ConfigError(
        f"{key} cannot hold this value, and nothing was written",
        fix="Enter it again, without characters that are none.",
        code="mattermost-config-value",
    )


def verified_text(text: str, wanted: Sequence[Change], path: Path) -> bytes:
    """Return ``text`` as it is written, once it is certain to say what was asked for.

    Raises:
        ConfigError: it does not, because a value is none that JSON can hold.
    """
    json_text.check_json(text)
    for change in wanted:
        members = json_text.occurrences(text, change.key.split("."))
        if not members or members[-1].value != change.new or LONE_SURROGATE.search(str(change.new)):
            raise unwritable(f"{path}: {change.key}")
    return text.encode()
