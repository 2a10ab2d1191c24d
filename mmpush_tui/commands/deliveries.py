"""``mmpush-tui deliveries``: the delivery log of a running worker."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mmpush_tui.errors import FailedError, UsageError

if TYPE_CHECKING:
    from mmpush_tui.proxy.client import ControlClient
    from mmpush_tui.proxy.events import Event


@click.command("deliveries")
@click.option("--follow", "-f", is_flag=True, help="Go on as new ones come, until Ctrl-C.")
@click.option(
    "--json", "as_json", is_flag=True, help="JSON: one object, or with --follow one event a line."
)
@click.option(
    "--filter", "expression", default="", metavar="EXPR",
    help="Only what matches, such as 'status:FAIL platform:apple >500ms'.",
)  # fmt: skip
@click.option(
    "--limit",
    type=click.IntRange(1, 2000),
    default=50,
    show_default=True,
    help="How many past ones.",
)
@click.option(
    "--after", default="", metavar="RUN:SEQ", help="With --follow: begin behind this event."
)
@click.option(
    "--control", metavar="PATH", type=click.Path(path_type=Path), envvar="MMPUSH_CONTROL",
    help="The worker's control socket, where several run.",
)  # fmt: skip
@click.option(
    "--journal", metavar="FILE", type=click.Path(path_type=Path),
    help="Read a worker's journal instead, also of one that does not run.",
)  # fmt: skip
@click.option(
    "--since", metavar="TIME", default="",
    help="With --journal: only the last 90s, 30m, 2h or 7d.",
)  # fmt: skip
def command(
    follow: bool,
    as_json: bool,
    expression: str,
    limit: int,
    after: str,
    control: Path | None,
    journal: Path | None,
    since: str,
) -> int:
    """Show what a running worker did with each push, and go on showing it.

    Times are local; the device column shows the first characters of a device token. An answer
    is what Mattermost was told: OK, REMOVE for a dead device, FAIL. "seen" is the receipt of
    the phone itself.
    """
    import asyncio

    from mmpush_tui.proxy import client, filters

    matches = filters.parse(expression)
    if journal is not None:
        if follow:
            raise UsageError(
                "a journal cannot be followed", fix="Leave out --journal, or --follow.",
                code="journal-follow",
            )  # fmt: skip
        _from_journal(journal, _seconds(since), matches, as_json=as_json, limit=limit)
        return 0
    if since:
        raise UsageError("--since needs --journal", code="since-alone")
    path = client.find(control)
    if follow:
        asyncio.run(_follow(path, matches, as_json=as_json, limit=limit, after=after))
    else:
        asyncio.run(_list(path, matches, as_json=as_json, limit=limit))
    return 0


_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _seconds(since: str) -> float:
    """Return since when, in seconds since 1970."""
    if not since:
        return 0.0
    number, unit = since[:-1], since[-1:]
    if not number.isdecimal() or not number.isascii() or unit not in _UNITS or len(number) > 9:
        raise UsageError(
            f"--since {since}: expected a time such as 30m, 2h or 7d", code="since-shape"
        )
    return max(time.time() - int(number) * _UNITS[unit], 0.0)


def _from_journal(
    path: Path,
    since: float,
    matches: "Callable[[Event], bool]",
    *,
    as_json: bool,
    limit: int,
) -> None:
    import sqlite3

    from mmpush_tui.proxy.journal import read

    if not path.exists():
        raise FailedError(
            f"{path}: there is no such file", code="journal-missing",
            fix="A worker's status names its journal.",
        )  # fmt: skip
    try:
        events = [event for event in read(path, since=since, limit=1_000_000) if matches(event)]
    except sqlite3.Error as error:
        raise FailedError(
            f"{path} cannot be read as a journal", why=str(error), code="journal-unreadable"
        ) from error
    _print({"schema": 1, "kind": "deliveries", "run": ""}, events[-limit:], as_json=as_json)


def _print(document: dict[str, object], events: "list[Event]", *, as_json: bool) -> None:
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(document | {"deliveries": events}))
        return
    if not events:
        click.echo("None matches.", err=True)
        return
    from mmpush_tui.proxy.lines import HEADER, line

    click.echo(HEADER)
    for event in events:
        click.echo(line(event))


async def _list(
    path: Path, matches: "Callable[[Event], bool]", *, as_json: bool, limit: int
) -> None:
    import msgspec

    from mmpush_tui.proxy.client import ControlClient
    from mmpush_tui.proxy.events import Event

    async with ControlClient(path) as client:
        document = await client.deliveries(limit=2000)
    events = [msgspec.convert(item, Event) for item in document["deliveries"]]
    events = [event for event in events if matches(event)][-limit:]
    if not document["deliveries"] and not as_json:
        click.echo("No deliveries yet.", err=True)
        return
    _print(document, events, as_json=as_json)


async def _follow(
    path: Path, matches: "Callable[[Event], bool]", *, as_json: bool, limit: int, after: str
) -> None:
    import msgspec

    from mmpush_tui.proxy.client import ControlClient
    from mmpush_tui.proxy.lines import HEADER, line

    async with ControlClient(path) as client:
        if not as_json:
            click.echo(HEADER)
        if not after:
            after = await _past(client, matches, as_json=as_json, limit=limit)
        async with client.events(after) as events:
            async for event in events:
                # What a reader lost, it must hear of whatever it asked for.
                if event.kind != "gap" and not matches(event):
                    continue
                text = msgspec.json.encode(event).decode() if as_json else line(event)
                if text:
                    click.echo(text)
                    sys.stdout.flush()
    click.echo("The worker ended.", err=True)


async def _past(
    client: "ControlClient", matches: "Callable[[Event], bool]", *, as_json: bool, limit: int
) -> str:
    """Print the latest deliveries and return where the stream goes on without a hole."""
    import msgspec

    from mmpush_tui.proxy.events import Event
    from mmpush_tui.proxy.lines import line

    status = await client.status()
    if not as_json:
        document = await client.deliveries(limit=2000)
        past = [msgspec.convert(item, Event) for item in document["deliveries"]]
        past = [event for event in past if matches(event) and event.seq <= status["seq"]]
        for event in past[-limit:]:
            click.echo(line(event))
    return f"{status['run']}:{status['seq']}"
