"""Lines, and documents of JSON, on standard output."""

import shutil
import textwrap
from collections.abc import Iterable
from typing import Any, Final

import click
import msgspec

_NARROWEST: Final = 40
_WIDEST: Final = 100


def wrapped(text: str, first: str = "", rest: str | None = None) -> list[str]:
    """Return ``text`` in lines of the terminal's width.

    Args:
        text: what is to be read.
        first: what the first line begins with.
        rest: what the others begin with; as many blanks as ``first`` has unless given.
    """
    columns = shutil.get_terminal_size().columns
    return textwrap.wrap(
        text,
        width=min(max(columns, _NARROWEST), _WIDEST),
        initial_indent=first,
        subsequent_indent=" " * len(first) if rest is None else rest,
        # A command or an address broken in two cannot be copied.
        break_long_words=False,
        break_on_hyphens=False,
    )


def print_lines(lines: Iterable[str]) -> None:
    """Print each line as it comes, flushed, so that whoever watches sees it at once."""
    for line in lines:
        click.echo(line)


def print_document(kind: str, **members: Any) -> None:
    """Print a JSON object of schema 1 on a line of its own; ``kind`` says what it is about."""
    click.echo(msgspec.json.encode({"schema": 1, "kind": kind, **members}))
