"""JSON as RFC 8259 has it, and nothing that a lenient parser would let pass."""

import json
import math
from typing import Any, Final, NoReturn

_SURROGATE: Final = "\\u"


def loads(data: bytes) -> Any:
    """Return what ``data`` says.

    Raises:
        ValueError: it is not UTF-8, not JSON, has the same key twice in one object, a number
            that is none (NaN, Infinity, or too large for a double), half a surrogate pair, or is
            nested too deeply.
    """
    try:
        text = data.decode("utf-8")
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
        if _SURROGATE in text:
            # Lone surrogates are all that str can hold and UTF-8 cannot.
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has the same key twice")
    return result


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number too large")
    return number
