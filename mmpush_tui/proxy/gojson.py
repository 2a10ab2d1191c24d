"""JSON read and written as Go's ``encoding/json`` does, with Go's words when it refuses.

Mattermost's reference proxy is written in Go, and its error texts reach the admin through the
server's log. Lenient where Go is: key case, the last of duplicate keys, unknown keys, null
fields, data after the first value, bytes that are no UTF-8, lone surrogates. Strict where Go
is: a number in quotes, a fraction for a whole number, NaN, depth.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import msgspec

_INT64: Final = range(-(2**63), 2**63)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_GO_TYPES: Final = {str: "string", int: "int", bool: "bool"}
_LITERALS: Final = {"t": "true", "f": "false", "n": "null"}
# Go escapes these five so that JSON can stand inside HTML and JavaScript.
_ESCAPES: Final = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


class GoJSONError(ValueError):
    """A document that Go would refuse; the message is Go's."""


class _Number(str):
    """A number as written, where it is no 64 bit integer."""

    __slots__ = ()


def encode(document: object, *, sort: bool = False) -> bytes:
    """Return ``document`` as ``json.Marshal`` writes it: compact, UTF-8, HTML-safe.

    Args:
        document: JSON-ready data without lone surrogates.
        sort: order the keys, as Go does for a map; else they stay as they are, as in a struct.
    """
    body = msgspec.json.encode(document, order="sorted" if sort else None)
    for raw, escaped in _ESCAPES:
        if raw in body:
            body = body.replace(raw, escaped)
    return body


def decode(body: bytes) -> Any:
    """Return the first JSON value in ``body``.

    Numbers that are no 64 bit integers come back as text of a private type, which
    :func:`fill` refuses.

    Raises:
        GoJSONError: there is none.
    """
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        # Trailing data, lone surrogates and broken UTF-8 are Go's to accept; and the reason of
        # a refusal must be in Go's words. The slow path decides both.
        return _decode_slowly(body)


def fill(document: object, spec: Mapping[str, type], struct: str) -> dict[str, Any]:
    """Return the fields of ``spec`` found in ``document``, checked as Go would.

    Args:
        document: a decoded JSON value.
        spec: the wanted fields with their types ``str``, ``int`` or ``bool``.
        struct: the name of the Go struct, for the message.

    Raises:
        GoJSONError: the document is no object, or a field has another type.
    """
    if not isinstance(document, dict):
        raise GoJSONError(
            f"json: cannot unmarshal {_kind(document)} into Go value of type model.{struct}"
        )
    found: dict[str, Any] = {}
    for key, value in document.items():
        name = key if key in spec else key.lower()
        wanted = spec.get(name)
        if wanted is None or value is None:
            continue
        if type(value) is not wanted or (wanted is int and value not in _INT64):
            raise GoJSONError(
                f"json: cannot unmarshal {_kind(value)} into Go struct field "
                f"{struct}.{name} of type {_GO_TYPES[wanted]}"
            )
        found[name] = value
    return found


def _decode_slowly(body: bytes) -> Any:
    text = body.decode("utf-8", errors="replace").lstrip(" \t\r\n")
    if not text:
        raise GoJSONError("EOF")
    try:
        value, _end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        raise GoJSONError(_go_words(error, text)) from error
    except RecursionError as error:
        raise GoJSONError("exceeded max depth") from error
    return _mend(value)


def _mend(value: Any) -> Any:
    """Replace lone surrogates in the strings of the outermost object, the only ones we use."""
    if isinstance(value, dict):
        return {_mend_text(key): _mend_text(item) for key, item in value.items()}
    return value


def _mend_text(value: Any) -> Any:
    if type(value) is str:
        return _SURROGATE.sub("\ufffd", value)
    return value


def _number(text: str) -> int | _Number:
    # int() refuses thousands of digits with an exception of its own; 19 digits hold an int64.
    return int(text) if len(text) <= 20 else _Number(text)


def _refuse_constant(name: str) -> NoReturn:
    raise GoJSONError(f"invalid character {_quoted(name[0])} looking for beginning of value")


_DECODER: Final = json.JSONDecoder(
    parse_int=_number, parse_float=_Number, parse_constant=_refuse_constant
)

_WORDS: Final = (
    ("Expecting property name", "looking for beginning of object key string"),
    ("Illegal trailing comma before end of object", "looking for beginning of object key string"),
    ("Expecting ':'", "after object key"),
    ("Invalid control character", "in string literal"),
    ("Invalid \\escape", "in string escape code"),
    ("Invalid \\uXXXX escape", "in \\u hexadecimal character escape"),
)


def _go_words(error: json.JSONDecodeError, text: str) -> str:
    position = error.pos
    if error.msg.startswith("Unterminated string"):
        return "unexpected EOF"
    if error.msg.startswith("Invalid \\escape"):
        position += 1
    while position < len(text) and text[position] in " \t\r\n" and "control" not in error.msg:
        position += 1
    if position >= len(text):
        return "unexpected EOF"
    if error.msg.startswith("Expecting ','"):
        where = "after object key:value pair"
        # Inside an array Go names the array; the nearest open bracket tells which it is.
        if _open_bracket(text[:position]) == "[":
            where = "after array element"
        return f"invalid character {_quoted(text[position])} {where}"
    if error.msg.startswith("Expecting value") and text[position] in _LITERALS:
        return _in_literal(text[position:])
    for beginning, words in _WORDS:
        if error.msg.startswith(beginning):
            return f"invalid character {_quoted(text[position])} {words}"
    return f"invalid character {_quoted(text[position])} looking for beginning of value"


def _in_literal(text: str) -> str:
    literal = _LITERALS[text[0]]
    for found, wanted in zip(text, literal, strict=False):
        if found != wanted:
            return (
                f"invalid character {_quoted(found)} in literal {literal} "
                f"(expecting {_quoted(wanted)})"
            )
    return "unexpected EOF"


def _open_bracket(text: str) -> str:
    in_string = escaped = False
    stack: list[str] = []
    for char in text:
        if escaped:
            escaped = False
        elif in_string:
            escaped = char == "\\"
            in_string = char != '"'
        elif char == '"':
            in_string = True
        elif char in "[{":
            stack.append(char)
        elif char in "]}" and stack:
            stack.pop()
    return stack[-1] if stack else ""


def _quoted(char: str) -> str:
    if char == "'":
        return r"'\''"
    if char == '"':
        return "'\"'"
    return f"'{char}'" if char.isprintable() else f"'\\x{ord(char):02x}'"


def _kind(value: object) -> str:
    match value:
        case bool():
            return "bool"
        case _Number() | int() | float():
            return f"number {str(value)[:40]}"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
