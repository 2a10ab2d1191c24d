"""``mmpush-tui settings``: the System Console's push page without a screen."""

import os
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mmpush_tui.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from mmpush_tui.fields import Field
    from mmpush_tui.settings.notes import Note
    from mmpush_tui.settings.page import Licence, Page
    from mmpush_tui.settings.sources import Loaded, Where

_SCHEMA: Final = 1
_NARROWEST: Final = 40
_WIDEST: Final = 100
_LICENCE_PARTS: Final = ("hpns", "id_loaded")
_URL_LIMIT: Final = 2048


@click.group(
    "settings",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Mattermost's push settings, as on the System Console's Push Notification Server page."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command("show")
@click.option(
    "--mattermost-config", metavar="FILE", type=click.Path(path_type=Path),
    help="Mattermost's config.json; without it, the one that [mattermost] config_file in our "
    "configuration names, or that the server on this host uses.",
)  # fmt: skip
@click.option(
    "--licence", default="", metavar="hpns,id_loaded|none",
    help="What the server's licence includes, which config.json does not say.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(mattermost_config: Path | None, licence: str, as_json: bool) -> None:
    """Show the settings as the web page shows them, with advice.

    Only the push settings are read; nothing is changed.
    """
    import asyncio

    from mmpush_tui.proxy.config_paths import find_config
    from mmpush_tui.settings.notes import notes
    from mmpush_tui.settings.sources.config_file import ConfigFile, locate

    stated = parse_licence(licence)
    path = locate(mattermost_config, find_config(os.environ), os.environ)
    if path is None:
        raise ConfigError(
            "no Mattermost configuration is known on this host",
            fix="Name it with --mattermost-config FILE, often /opt/mattermost/config/config.json, "
            "which only root and Mattermost's own user may see.",
            code="mattermost-config-unknown",
        )
    source = ConfigFile(path, licence=stated)
    loaded = asyncio.run(source.load())
    page = loaded.page
    advice = notes(page, loaded.licence, loaded.locked, loaded.stored)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(_document(source.where, loaded, page, advice)))
        return
    for line in _page(source.where, loaded, page, advice):
        click.echo(line)


def parse_licence(text: str) -> "Licence":
    """Return what ``--licence`` says; empty says nothing.

    Raises:
        UsageError: a word is none of those it knows.
    """
    from mmpush_tui.fields import nearest
    from mmpush_tui.settings.page import Licence

    if not text:
        return Licence()
    words = [word.strip() for word in text.split(",")]
    if words == ["none"]:
        words = []
    for word in words:
        if word not in _LICENCE_PARTS:
            near = nearest(word, _LICENCE_PARTS)
            raise UsageError(
                f"--licence {word or text}: expected hpns, id_loaded, both with a comma, or none",
                fix=f"Did you mean {near}?" if near else "",
                code="licence-unknown-word",
            )
    return Licence(hpns="hpns" in words, id_loaded="id_loaded" in words)


def _document(
    where: "Where", loaded: "Loaded", page: "Page", advice: "Iterable[Note]"
) -> dict[str, object]:
    from mmpush_tui.settings.page import Mode
    from mmpush_tui.text import clean, presentable

    return {
        "schema": _SCHEMA,
        "kind": "settings",
        "source": {"kind": where.kind, "at": clean(where.at, _URL_LIMIT)},
        "licence": {"hpns": loaded.licence.hpns, "id_loaded": loaded.licence.id_loaded},
        "values": {
            "mode": page.mode,
            "region": page.region if page.mode is Mode.HPNS else None,
            "server": presentable(page.server, _URL_LIMIT),
            "contents": presentable(page.contents, 60),
            "max_notifications": page.max_notifications,
        },
        "locked": loaded.locked,
        "notes": [
            {"code": note.code, "severity": note.severity, "message": note.message}
            for note in advice
        ],
    }


def _page(
    where: "Where", loaded: "Loaded", page: "Page", advice: "Iterable[Note]"
) -> Iterator[str]:
    from mmpush_tui.settings import page_fields as rows
    from mmpush_tui.text import clean

    yield "Push Notification Server"
    yield f"  {clean(where.at, _URL_LIMIT)}"
    for field in rows.FIELDS:
        if not rows.visible(field.name, page):
            continue
        if field is rows.CONTENTS:
            yield from ("", "Notifications")
        yield ""
        yield from _row(field, page)
        if held_by := rows.locked_by(field.name, loaded.locked):
            yield f"    set by {held_by}"
    notes = list(advice)
    if notes:
        yield from ("", "Notes")
    for note in notes:
        yield from _wrapped(note.message, f"  {note.severity}  ")


def _row(field: "Field", page: "Page") -> Iterator[str]:
    from mmpush_tui.settings import page_fields as rows
    from mmpush_tui.settings.page import Contents
    from mmpush_tui.text import presentable

    if field is rows.ACCEPT_TERMS:
        # Whoever stored HPNS has accepted: the page could not be saved without.
        yield from _wrapped(field.label, "  [x] " if page.agreed else "  [ ] ")
        return
    value = getattr(page, field.name)
    yield f"  {field.label}"
    shown = rows.words(field.name, value) or presentable(value, _URL_LIMIT) or "(empty)"
    yield from _wrapped(shown, "    ")
    if field is rows.CONTENTS and value in Contents.__members__.values():
        yield from _wrapped(rows.CONTENTS_SENDS[Contents(value)], "    ")


def _wrapped(text: str, first: str) -> list[str]:
    columns = shutil.get_terminal_size().columns
    return textwrap.wrap(
        text,
        width=min(max(columns, _NARROWEST), _WIDEST),
        initial_indent=first,
        subsequent_indent=" " * len(first),
        # A command or an address broken in two cannot be copied.
        break_long_words=False,
        break_on_hyphens=False,
    )
