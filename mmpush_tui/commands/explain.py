"""``mmpush-tui explain``: a pasted log line looked up in the troubleshooting catalogue."""

import sys
from collections.abc import Iterable, Iterator
from typing import Final

import click
import msgspec

from mmpush_tui.commands.options import json_option
from mmpush_tui.commands.printing import print_document, print_lines, wrapped
from mmpush_tui.errors import FailedError, UsageError
from mmpush_tui.troubleshooting.catalogue import Entry, Hop, entries
from mmpush_tui.troubleshooting.lookup import TEXT_LIMIT, Explanation, by_code, explain

_STDIN_LIMIT: Final = 256 * 1024
"""Bytes; enough for every character that is looked at."""


@click.command("explain")
@click.argument("words", nargs=-1, metavar="[TEXT]...")
@json_option
@click.option("--list", "as_list", is_flag=True, help="List the catalogue: each code and title.")
def command(words: tuple[str, ...], as_json: bool, as_list: bool) -> None:
    """Look up a log line or error: what it means and what to do.

    TEXT is the line, or several, from Mattermost's log, a push proxy's log, curl or the app, or
    a code from --list; without TEXT, or with -, it is read from standard input. Quote a line that
    holds quotes or dollar signs, or pipe it in. Exit code 1 means that nothing matches.
    """
    if as_list:
        if words:
            raise UsageError("--list shows the whole catalogue and takes no TEXT")
        _show_list(as_json)
        return
    is_piped = not words or words == ("-",)
    text = _read_stdin() if is_piped else " ".join(words)
    if not text.strip():
        where = "standard input" if is_piped else "TEXT"
        raise UsageError(f"{where} is empty", code="explain-no-text")
    explanation = explain(text)
    if as_json:
        click.echo(msgspec.json.encode(explanation.to_dict()))
    else:
        print_lines(_answer(explanation))
    if not explanation.matches:
        raise FailedError(
            "no entry of the catalogue matches this text",
            code="explain-no-match",
        )


def _read_stdin() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("there is no TEXT to explain", code="explain-no-text")
    text = sys.stdin.buffer.read(_STDIN_LIMIT).decode(errors="replace")
    if len(text) > TEXT_LIMIT:
        click.echo(
            f"mmpush-tui: only the first {TEXT_LIMIT // 1024} KiB were looked at; the latest lines "
            "are shown by: tail -n 20 FILE | mmpush-tui explain",
            err=True,
        )
    return text


def _show_list(as_json: bool) -> None:
    if as_json:
        print_document("catalogue", entries=[entry.to_dict() for entry in entries()])
        return
    for hop in Hop:
        if among := [entry for entry in entries() if entry.hop is hop]:
            print_lines([hop.value, *_titles(among), ""])
    print_lines(["Show one: mmpush-tui explain CODE"])


def _answer(explanation: Explanation) -> Iterator[str]:
    if explanation.matches:
        first, *others = (match.entry for match in explanation.matches)
        yield from _in_full(first)
        if more := [other for other in others if other.code not in first.see]:
            yield from ("", "Also matches", *_titles(more))
    elif explanation.suggestions:
        yield "Nothing matches. These share words with the text, which may mean nothing:"
        yield from _titles(explanation.suggestions)


def _in_full(entry: Entry) -> Iterator[str]:
    yield from wrapped(entry.title)
    yield from wrapped(f"{entry.code} ({entry.hop}, {entry.severity})")
    yield from ("", "Cause", *wrapped(entry.cause, "  "))
    yield from ("", "Fix")
    for number, step in enumerate(entry.steps, start=1):
        yield from wrapped(step, f"  {number}. ")
    yield from ("", "Fixed when", *wrapped(entry.fixed_when, "  "))
    if entry.links or entry.see:
        yield from ("", "See also", *(f"  {link}" for link in entry.links))
        yield from _titles(other for code in entry.see if (other := by_code(code)))


def _titles(listed: Iterable[Entry]) -> Iterator[str]:
    for entry in listed:
        yield from wrapped(f"{entry.code}: {entry.title}", "  ", "    ")
