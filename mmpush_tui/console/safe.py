"""The one way for text to get into a widget: cleaned, and never read as markup."""

import textwrap

from textual.content import Content

from mmpush_tui.text import clean, redact

Part = str | tuple[str, str]
"""Text, alone or with a style such as ``bold $error``."""

Ends = tuple[tuple[Part, ...], tuple[Part, ...]]
"""What stands at the left and at the right end of a line."""


def plain(value: object, limit: int = 2000) -> str:
    """Return ``value`` cleaned, with the blanks at its ends, which align columns."""
    text = str(value)
    left = len(text) - len(text.lstrip(" "))
    if left == len(text):
        return text[:limit]
    right = len(text) - len(text.rstrip(" "))
    return " " * min(left, limit) + clean(text, limit) + " " * min(right, limit)


def content(*parts: Part) -> Content:
    """Return one line made of ``parts``."""
    pieces = [(part, "") if isinstance(part, str) else part for part in parts]
    return Content.assemble(*((redact(plain(text)), style) for text, style in pieces))


def lines(*rows: Content) -> Content:
    """Return ``rows`` under each other."""
    return Content("\n").join(rows)


def spread(left: Content, right: Content, width: int) -> Content:
    """Return one line with ``left`` and ``right`` at the ends of ``width`` cells.

    What does not fit is cut from the left part.
    """
    room = max(width - right.cell_length - 1, 0)
    left = left.truncate(room, ellipsis=True)
    gap = max(width - left.cell_length - right.cell_length, 1)
    return left + Content(" " * gap) + right


def hanging(first: tuple[Part, ...], text: str, width: int, right: Part = "") -> Content:
    """Return ``text`` in lines of ``width`` cells, indented behind ``first``.

    Args:
        first: what stands before the first line.
        text: wrapped at its blanks.
        width: cells in all.
        right: what stands at the end of the first line.
    """
    head, tail = content(*first), content(right)
    indent = head.cell_length
    room = max(width - indent - tail.cell_length - (1 if tail.cell_length else 0), 10)
    text = redact(plain(text))
    if right and any(room < len(word) <= width - indent for word in text.split()):
        # An address broken in two would read as another one; what stands at the end can go.
        right, room = "", max(width - indent, 10)
    pieces = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
    rows = [spread(head + Content(pieces[0]), tail, width) if right else head + Content(pieces[0])]
    rows += [Content(" " * indent + piece) for piece in pieces[1:]]
    return lines(*rows)
