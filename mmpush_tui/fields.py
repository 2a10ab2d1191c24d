"""One record per setting: form row, CLI flag and wizard question come from it."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

Value = str | int | bool


class Kind(StrEnum):
    """What a setting holds, and with that how it is parsed, drawn and asked for."""

    TEXT = "text"
    URL = "url"
    ADDRESS = "address"
    PATH = "path"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    LIST = "list"
    """Words without commas; the value is one text that a comma and a space part them in."""


class FieldError(ValueError):
    """A value that a setting cannot hold; the message says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One allowed value of a :attr:`Kind.CHOICE` setting, and the words shown for it."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting.

    Attributes:
        key: dotted name in our configuration or in Mattermost's, ``proxy.listen_address``.
        label: the form row's text; word for word that of the web page where it has one.
        help: what the setting does, in one or two sentences of our own.
        kind: what it holds.
        default: the value where nobody set one.
        choices: the allowed values of a choice.
        minimum, maximum: bounds of an integer, both included.
        env: the environment variable that overrides it, or empty.
        upstream: the key in ``mattermost-push-proxy.json``, or empty.
        secret: the value is never shown.
        restart: a change takes effect only when the program that reads it starts again.
    """

    key: str
    label: str
    help: str
    kind: Kind
    default: Value
    choices: tuple[Choice, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    env: str = ""
    upstream: str = ""
    secret: bool = False
    restart: bool = False

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]

    def check(self, value: object) -> Value:
        """Return ``value`` if this setting can hold it as it is, of the right type.

        Raises:
            FieldError: it cannot; the message starts with "expected".
        """
        match self.kind:
            case Kind.BOOLEAN:
                if not isinstance(value, bool):
                    raise FieldError(f"expected true or false, got {_named(value)}")
                return value
            case Kind.INTEGER:
                if isinstance(value, bool) or not isinstance(value, int):
                    raise FieldError(f"expected a whole number, got {_named(value)}")
                low, high = self.minimum, self.maximum
                if (low is not None and value < low) or (high is not None and value > high):
                    raise FieldError(f"expected a number {_bounds(low, high)}")
                return value
            case Kind.LIST if isinstance(value, list):
                if not all(isinstance(item, str) and "," not in item for item in value):
                    raise FieldError("expected a list of texts without commas")
                return ", ".join(value)
            case _:
                if not isinstance(value, str):
                    raise FieldError(f"expected text, got {_named(value)}")
                allowed = [choice.value for choice in self.choices]
                if self.kind is Kind.CHOICE and value not in allowed:
                    raise FieldError(f"expected one of {', '.join(allowed)}")
                return value

    def parse(self, text: str) -> Value:
        """Return the value that ``text`` (a flag, an environment variable, a form) stands for.

        Raises:
            FieldError: as :meth:`check`.
        """
        match self.kind:
            case Kind.BOOLEAN:
                values = {"true": True, "1": True, "yes": True, "false": False, "0": False}
                word = text.strip().lower()
                return self.check(values.get(word, False if word == "no" else text))
            case Kind.INTEGER:
                word = text.strip()
                is_number = word.removeprefix("-").isdecimal() and word.isascii()
                return self.check(int(word) if is_number and len(word) < 19 else text)
            case _:
                return self.check(text)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that ``name`` was probably meant to be, or an empty string."""
    by_folded = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else ""


def field_words(value: str) -> tuple[str, ...]:
    """Return the words in the value of a :attr:`Kind.LIST` setting."""
    return tuple(word for part in value.split(",") if (word := part.strip()))


def by_name(fields: Iterable[Field]) -> Mapping[str, Field]:
    """Return the fields under the last part of their keys."""
    return {field.name: field for field in fields}


def _named(value: object) -> str:
    """Name the type of a wrong value; the value itself may be a secret."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int():
            return "a number"
        case float():
            return "a number with a fraction"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def _bounds(low: int | None, high: int | None) -> str:
    if low is not None and high is not None:
        return f"from {low} to {high}"
    return f"of {low} or more" if low is not None else f"of {high} or less"
