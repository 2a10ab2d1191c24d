"""Single values in a JSON text: found, and changed with every other byte kept.

Keys match as they do in Go, which Mattermost is written in: letter case does not matter, of two
that are the same the later counts, and an object that comes twice is read as both in turn.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NoReturn

_BOM: Final = "\ufeff"
_SPACE: Final = " \t\n\r"
_DEFAULT_UNIT: Final = "    "
# As Go writes them, so that its next write of the file is no difference.
_ESCAPED: Final = str.maketrans({char: f"\\u{ord(char):04x}" for char in "&<>\u2028\u2029"})


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonMember:
    """One ``"key": value`` of an object.

    Attributes:
        key: the key as it reads.
        value: the value as Python has it.
        lead: the white space before the key.
        colon: what stands between key and value.
        key_start: where the key with its quotes begins in the text.
        start, end: the value's place in it.
    """

    key: str
    value: object
    lead: str
    colon: str
    key_start: int
    start: int
    end: int


def check_json(text: str) -> None:
    """Raise where ``text`` is no JSON, by the words of its grammar and not Python's.

    Raises:
        ValueError: it is none; a ``json.JSONDecodeError`` where the place is known.
        RecursionError: it is nested too deeply to be read.
    """
    body = text.removeprefix(_BOM)
    _, end = _DECODER.raw_decode(body, _skip(body, 0))
    if (end := _skip(body, end)) < len(body):
        raise json.JSONDecodeError("Extra data", body, end)


def is_object(text: str) -> bool:
    """Return whether the whole of a JSON text is an object."""
    return text.removeprefix(_BOM).lstrip(_SPACE).startswith("{")


def line_of(text: str, position: int) -> int:
    """Return the number of the line that ``position`` is in, the first being 1."""
    return text.count("\n", 0, position) + 1


def occurrences(text: str, path: Sequence[str]) -> list[JsonMember]:
    """Return every member at ``path`` in the order of the text; the last one counts.

    Args:
        text: a JSON text for which :func:`check_json` and :func:`is_object` hold.
        path: keys from the outermost object inwards.
    """
    *outer, key = path
    return [
        member
        for start in _objects(text, outer)
        for member in _members(text, start)
        if _same(member.key, key)
    ]


def with_value(text: str, path: Sequence[str], value: str | int | bool) -> str:
    """Return ``text`` with ``value`` at ``path``.

    What is missing on the way is added as the last member, laid out as its neighbours are.

    Args:
        text: as for :func:`occurrences`; where it has anything but objects and null on the way
            to the last key, that is replaced.
        path: keys from the outermost object inwards.
        value: what counts there from now on.
    """
    if members := occurrences(text, path):
        return text[: members[-1].start] + _encoded(value) + text[members[-1].end :]
    for depth in range(len(path) - 1, 0, -1):
        if objects := _objects(text, path[:depth]):
            return _inserted(text, objects[-1], path[depth:], value)
        if members := occurrences(text, path[:depth]):
            body = _Layout.of(text, members[-1].key_start).nested(path[depth:], value)
            return text[: members[-1].start] + body + text[members[-1].end :]
    return _inserted(text, text.index("{"), path, value)


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position


def _same(key: str, name: str) -> bool:
    return len(key) == len(name) and key.casefold() == name.casefold()


def _objects(text: str, path: Sequence[str]) -> list[int]:
    """Return where the objects at ``path`` begin."""
    if not path:
        return [text.index("{")]
    return [member.start for member in occurrences(text, path) if text[member.start] == "{"]


def _members(text: str, start: int) -> Iterator[JsonMember]:
    """Yield the members of the object that begins at ``start``."""
    lead = start + 1
    while text[key_start := _skip(text, lead)] == '"':
        key, key_end = _DECODER.raw_decode(text, key_start)
        begin = _skip(text, _skip(text, key_end) + 1)
        value, end = _DECODER.raw_decode(text, begin)
        yield JsonMember(
            key=key,
            value=value,
            lead=text[lead:key_start],
            colon=text[key_end:begin],
            key_start=key_start,
            start=begin,
            end=end,
        )
        lead = _skip(text, end) + 1
        if text[lead - 1] == "}":
            return


def _encoded(value: str | int | bool) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text.translate(_ESCAPED) if isinstance(value, str) else text


def _newline(space: str) -> str:
    return "\r\n" if "\r\n" in space else "\n" if "\n" in space else ""


def _last_line(space: str) -> str:
    return space.rpartition("\n")[2] if "\n" in space else ""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the text around a new member is laid out.

    Attributes:
        newline: what ends a line, or empty where all stands on one.
        indent: the white space that the member's line begins with.
        unit: what each level adds to it.
        colon: what stands between key and value.
    """

    newline: str
    indent: str
    unit: str
    colon: str

    @classmethod
    def of(cls, text: str, position: int) -> "_Layout":
        """Return the layout of the line that ``position`` is in."""
        line = text[text.rfind("\n", 0, position) + 1 : position].removeprefix(_BOM)
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        first = next(_members(text, text.index("{")), None)
        if first is None:
            return cls("\n", indent, unit=_DEFAULT_UNIT, colon=": ")
        return cls(_newline(first.lead), indent, unit=_last_line(first.lead), colon=first.colon)

    def nested(self, path: Sequence[str], value: str | int | bool) -> str:
        """Return ``value`` inside objects with the keys of ``path``, as text after a colon."""
        if not path:
            return _encoded(value)
        inner = replace(self, indent=self.indent + self.unit)
        member = f"{_encoded(path[0])}{self.colon}{inner.nested(path[1:], value)}"
        return "{" + inner.line_start() + member + self.line_start() + "}"

    def line_start(self) -> str:
        """Return what begins a new line, or nothing where all stands on one."""
        return self.newline + self.indent if self.newline else ""


def _inserted(text: str, start: int, path: Sequence[str], value: str | int | bool) -> str:
    """Return ``text`` with a new last member in the object that begins at ``start``."""
    layout = _Layout.of(text, start)
    members = list(_members(text, start))
    if not members:
        body = layout.nested(path, value)
        space = text[start + 1 : text.index("}", start)]
        # What space there was stays; a line break in it already puts the brace on its own line.
        body = body[1:-1] if "\n" not in space else body[1:-1].rstrip()
        return text[: start + 1] + body + text[start + 1 :]
    last = members[-1]
    layout = _Layout(_newline(last.lead), _last_line(last.lead), layout.unit, last.colon)
    lead = layout.line_start() or last.lead
    if not layout.newline and len(members) == 1 and last.colon.endswith(" "):
        # Where it is the only one, its colon tells whether a space comes after a comma too.
        lead = " "
    member = f"{_encoded(path[0])}{layout.colon}{layout.nested(path[1:], value)}"
    return text[: last.end] + "," + lead + member + text[last.end :]
