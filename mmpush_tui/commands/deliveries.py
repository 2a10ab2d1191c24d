"""``mmpush-tui deliveries``: the delivery log of a running worker."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmpush_tui.errors import UsageError

if TYPE_CHECKING:
    from mmpush_tui.protocol.event import Event
    from mmpush_tui.watching.client import ControlClient


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
    import asyncio

    from mmpush_tui.watching import client, filters

    matches = filters.parse_filter(expression)
    if journal is not None or since:
        if follow:
            raise UsageError(
                "a journal cannot be followed", code="journal-follow",
            )  # fmt: skip
        from mmpush_tui.commands import journals

        after_s = journals.since_seconds(since)
        events = journals.read_deliveries(
            journal or journals.find_journal(control), since=after_s, limit=1_000_000
        )
        events = [event for event in events if matches(event)]
        _print({"schema": 1, "kind": "deliveries", "run": ""}, events[-limit:], as_json=as_json)
        return 0
    path = client.find_worker(control)
    if follow:
        asyncio.run(_follow(path, matches, as_json=as_json, limit=limit, after=after))
    else:
        asyncio.run(_list(path, matches, as_json=as_json, limit=limit))
    return 0


def _print(document: dict[str, object], events: "list[Event]", *, as_json: bool) -> None:
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(document | {"deliveries": events}))
        return
    if not events:
        click.echo("None matches.", err=True)
        return
    from mmpush_tui.watching.lines import HEADER, line

    click.echo(HEADER)
    for event in events:
        click.echo(line(event))


async def _list(
    path: Path, matches: "Callable[[Event], bool]", *, as_json: bool, limit: int
) -> None:
    import msgspec

    from mmpush_tui.protocol.event import Event
    from mmpush_tui.watching.client import ControlClient

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

    from mmpush_tui.watching.client import ControlClient
    from mmpush_tui.watching.lines import HEADER, line

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

    from mmpush_tui.protocol.event import Event
    from mmpush_tui.watching.lines import line

    status = await client.status()
    if not as_json:
        document = await client.deliveries(limit=2000)
        past = [msgspec.convert(item, Event) for item in document["deliveries"]]
        past = [event for event in past if matches(event) and event.seq <= status["seq"]]
        for event in past[-limit:]:
            click.echo(line(event))
    return f"{status['run']}:{status['seq']}"
