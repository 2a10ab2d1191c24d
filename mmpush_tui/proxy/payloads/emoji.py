"""Emoji shortcodes in a notification's text, expanded as the reference proxy expands them.

The reference proxy passes message and session texts through ``emoji.Sprint`` of the Go library
kyokomi/emoji v2.2.4. The rules of its scanner are kept to the character, the odd ones too, since
they decide what a phone shows: the extra space after each emoji, and the colon that closed an
unknown code and therefore opens no other. The table holds the codes of that library's map.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

import msgspec

# What Go's unicode.IsSpace accepts; Python's str.isspace accepts U+001C to U+001F too.
_SPACE: Final = re.compile("[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")
_FLAG: Final = re.compile("flag-([a-z])([a-z])")
_LETTER_TO_REGIONAL_INDICATOR: Final = 0x1F1E6 - ord("a")


def expand(text: str) -> str:
    """Return ``text`` with each ``:code:`` replaced by its emoji and one space.

    A colon opens a code and the next one closes it. A code that holds white space, that nothing
    closes or that nobody knows stays as written; the colon that closed an unknown code opens no
    other. Codes are case-sensitive. ``:flag-xx:`` with any two letters is a flag; where the table
    lacks it, no space follows. The work grows with the length of ``text`` alone.
    """
    first, *spans = text.split(":")
    if not spans:
        return text
    emoji_of = _table()
    parts = [first]
    final = len(spans) - 1
    closed = False
    for index, span in enumerate(spans):
        if closed:
            parts.append(span)
            closed = False
        elif not span or index == final or _SPACE.search(span):
            parts.append(f":{span}")
        else:
            char = emoji_of.get(span)
            parts.append(f"{char} " if char else _flag(span) or f":{span}:")
            closed = True
    return "".join(parts)


def _flag(code: str) -> str | None:
    if not (match := _FLAG.fullmatch(code)):
        return None
    return "".join(chr(ord(letter) + _LETTER_TO_REGIONAL_INDICATOR) for letter in match.groups())


@cache
def _table() -> Mapping[str, str]:
    content = resources.files(__package__).joinpath("emoji_table.json").read_bytes()
    return msgspec.json.decode(content, type=dict[str, str])
