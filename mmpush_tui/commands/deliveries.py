"""``mmpush-tui deliveries``: the delivery log of a running worker."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from mmpush_tui.commands.options import control_option
from mmpush_tui.commands.printing import print_lines
from mmpush_tui.errors import UsageError
from mmpush_tui.protocol.event import Event
from mmpush_tui.watching.filters import parse_filter
from mmpush_tui.watching.lines import HEADER, line

if TYPE_CHECKING:
    from mmpush_tui.watching.client import ControlClient

_LATEST: Final = 2000
"""Deliveries that are asked for; a worker hands out no more."""


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
@control_option
@click.option(
    "--journal", metavar="FILE", type=click.Path(path_type=Path),
    help="Read this journal, also of a worker that does not run.",
)  # fmt: skip
@click.option(
    "--since", metavar="TIME", default="",
    help="From the journal: only the last 90s, 30m, 2h or 7d.",
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
    matches = parse_filter(expression)
    if journal is not None or since:
        if follow:
            raise UsageError("a journal cannot be followed", code="journal-follow")
        from mmpush_tui.commands import journals

        after_s = journals.since_seconds(since)
        past = journals.read_deliveries(journal or journals.find_journal(control), since=after_s)
        events = [event for event in past if matches(event)]
        _print({"schema": 1, "kind": "deliveries", "run": ""}, events[-limit:], as_json=as_json)
        return 0
    import asyncio

    from mmpush_tui.watching.client import ControlClient, find_worker

    path = find_worker(control)

    async def ask() -> None:
        async with ControlClient(path) as client:
            if follow:
                await _follow(client, matches, as_json=as_json, limit=limit, after=after)
            else:
                await _list(client, matches, as_json=as_json, limit=limit)

    asyncio.run(ask())
    return 0


def _print(document: dict[str, object], events: list[Event], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(document | {"deliveries": events}))
    elif events:
        print_lines((HEADER, *map(line, events)))
    else:
        click.echo("None matches.", err=True)


async def _list(
    client: "ControlClient", matches: Callable[[Event], bool], *, as_json: bool, limit: int
) -> None:
    document = await client.deliveries(limit=_LATEST)
    past = msgspec.convert(document["deliveries"], list[Event])
    if not past and not as_json:
        click.echo("No deliveries yet.", err=True)
        return
    events = [event for event in past if matches(event)]
    _print(document, events[-limit:], as_json=as_json)


async def _follow(
    client: "ControlClient", matches: Callable[[Event], bool],
    *, as_json: bool, limit: int, after: str,
) -> None:  # fmt: skip
    if not as_json:
        click.echo(HEADER)
    if not after:
        # The stream goes on behind the latest deliveries, without a hole.
        status = await client.status()
        after = f"{status['run']}:{status['seq']}"
        if not as_json:
            document = await client.deliveries(limit=_LATEST)
            past = msgspec.convert(document["deliveries"], list[Event])
            past = [event for event in past if matches(event) and event.seq <= status["seq"]]
            print_lines(map(line, past[-limit:]))
    async with client.events(after) as events:
        async for event in events:
            # What a reader lost, it must hear of whatever it asked for.
            if event.kind != "gap" and not matches(event):
                continue
            if text := msgspec.json.encode(event).decode() if as_json else line(event):
                click.echo(text)
    click.echo("The worker ended.", err=True)
