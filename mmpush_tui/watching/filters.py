"""The filter language of the delivery log: ``status:FAIL platform:apple >500ms word``."""

import re
from collections.abc import Callable
from typing import Final

from mmpush_tui.errors import UsageError
from mmpush_tui.fields import nearest
from mmpush_tui.protocol.event import Event

Matcher = Callable[[Event], bool]

_KEYS: Final[dict[str, Callable[[Event], str]]] = {
    "status": lambda event: event.status,
    "platform": lambda event: f"{event.target} {event.platform}",
    "type": lambda event: event.type,
    "reason": lambda event: event.reason,
    "device": lambda event: event.device,
    "id": lambda event: event.id,
    "kind": lambda event: event.kind,
    "http": lambda event: str(event.http),
}
_DURATION: Final = re.compile(r"([<>])(\d{1,9})(ms|s)")
_GRAMMAR: Final = (
    "Words that must all match: status:FAIL platform:apple type: reason: device: id: kind: "
    "http:410 >500ms <2s, -word for what must not match, and plain words."
)


def parse_filter(expression: str) -> Matcher:
    """Return the test that ``expression`` stands for; an empty one lets everything pass.

    Words are separated by blanks and must all match, upper or lower case. ``key:text`` looks
    for text in one field, ``>500ms`` and ``<2s`` compare the total time, a plain word is looked
    for in every field; ``-`` before a word turns it round.

    Raises:
        UsageError: an unknown key, or a key without a text.
    """
    matchers = [_word(word) for word in expression.split()]
    return lambda event: all(matcher(event) for matcher in matchers)


def _word(word: str) -> Matcher:
    if len(word) > 1 and word.startswith("-"):
        inner = _word(word[1:])
        return lambda event: not inner(event)
    if comparison := _DURATION.fullmatch(word):
        limit = float(comparison[2]) * (1000 if comparison[3] == "s" else 1)
        if comparison[1] == ">":
            return lambda event: event.ms.get("total", -1) > limit
        return lambda event: 0 <= event.ms.get("total", -1) < limit
    key, colon, text = word.partition(":")
    if not colon:
        wanted = word.lower()
        return lambda event: any(wanted in read(event).lower() for read in _KEYS.values())
    read = _KEYS.get(key.lower())
    if read is None or not text:
        near = nearest(key, _KEYS)
        what = f"filter {word!r}: " + ("nothing follows the colon" if read else f"no key {key!r}")
        raise UsageError(
            what,
            fix=f"Did you mean {near}:? {_GRAMMAR}" if near and not read else _GRAMMAR,
            code="filter-syntax",
        )
    wanted_text = text.lower()
    return lambda event: wanted_text in read(event).lower()
