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

from mmpush_tui.protocol.gowords import go_words

_INT64: Final = range(-(2**63), 2**63)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
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
    """Return the first JSON value in ``body``; the keys of its objects in lower case.

    Numbers that are no 64 bit integers may come back as text of a private type, which
    :func:`fill` refuses.

    Raises:
        GoJSONError: there is none.
    """
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        # Trailing data, lone surrogates and broken UTF-8 are Go's to accept; and the reason of
        # a refusal must be in Go's words. The slow path decides both.
        return _decode_slowly(body)
    if isinstance(document, dict) and not all(map(_is_plain, document.items())):
        return _decode_slowly(body)
    return document


def fill(
    document: object, spec: Mapping[str, type], struct: str, go_types: Mapping[str, str]
) -> dict[str, Any]:
    """Return the fields of ``spec`` found in ``document``, checked as Go would.

    Args:
        document: a decoded JSON value.
        spec: the wanted fields with their types ``str``, ``int`` or ``bool``.
        struct: the name of the Go struct, for the message.
        go_types: the Go types of fields whose type is not the plain one, for the message.

    Raises:
        GoJSONError: the document is no object, or a field has another type.
    """
    if not isinstance(document, dict):
        raise GoJSONError(
            f"json: cannot unmarshal {_kind(document)} into Go value of type model.{struct}"
        )
    fields: dict[str, Any] = {}
    for name, value in document.items():
        wanted = spec.get(name)
        if wanted is None or value is None:
            continue
        if type(value) is not wanted or (wanted is int and value not in _INT64):
            kind = _kind(value)
            what = f"number {str(value)[:40]}" if wanted is int and kind == "number" else kind
            go_type = go_types.get(name) or _GO_TYPES[wanted]
            where = f"Go struct field {struct}.{name} of type {go_type}"
            raise GoJSONError(f"json: cannot unmarshal {what} into {where}")
        fields[name] = value
    return fields


_GO_TYPES: Final = {str: "string", int: "int", bool: "bool"}


def _is_plain(item: tuple[str, Any]) -> bool:
    # Keys in another case must be folded, and a fraction must be quoted as it was written.
    return item[0].islower() and type(item[1]) is not float


def _decode_slowly(body: bytes) -> Any:
    text = body.decode("utf-8", errors="replace").lstrip(" \t\r\n")
    try:
        value, _end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise GoJSONError(go_words(body) or "exceeded max depth") from error
    return value


def _fold(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key.lower(): _mend(value) for key, value in pairs}


def _mend(value: Any) -> Any:
    return _SURROGATE.sub("\ufffd", value) if type(value) is str else value


def _number(text: str) -> int | _Number:
    # int() refuses thousands of digits with an exception of its own; 20 characters hold an int64.
    return int(text) if len(text) <= 20 else _Number(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_fold,
    parse_int=_number,
    parse_float=_Number,
    parse_constant=_refuse_constant,
)


def _kind(value: object) -> str:
    match value:
        case bool():
            return "bool"
        case _Number() | int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
