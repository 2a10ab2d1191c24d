"""``mmpush-tui settings``: the System Console's push page without a screen."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import click

from mmpush_tui.commands.source import SourceCommand, SourceOptions, source_options
from mmpush_tui.errors import DeadlineError, FailedError, MmpushError, UsageError

if TYPE_CHECKING:
    from mmpush_tui.settings.page import Change, Page
    from mmpush_tui.settings.sources.source import Backup, Loaded, Saved, Source

_DEADLINE_S: Final = 30.0

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be written, and write nothing."
)
in_place_option = click.option(
    "--in-place", is_flag=True,
    help="Write over config.json where it cannot be replaced, as in a container; a backup is made "
    "first.",
)  # fmt: skip
reload_option = click.option(
    "--reload", "then_reload", is_flag=True,
    help="Let Mattermost read its configuration anew afterwards.",
)  # fmt: skip


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


@command.command("show", cls=SourceCommand)
@source_options
@json_option
def show(place: SourceOptions, as_json: bool) -> None:
    """Show the settings as on the web page, with advice.

    Only the push settings are read; nothing is changed.
    """

    async def work(source: "Source") -> None:
        from mmpush_tui.commands import settings_words as words

        loaded = await source.load()
        if as_json:
            _print_json(words.settings_document(source.where, loaded, loaded.page))
            return
        for line in words.page_text(source.where, loaded, loaded.page):
            click.echo(line)

    _run(place, work)


@command.command("set", cls=SourceCommand)
@click.argument("pairs", metavar="KEY=VALUE...", nargs=-1, required=True)
@source_options
@dry_run_option
@in_place_option
@reload_option
@json_option
def set_(
    pairs: tuple[str, ...],
    place: SourceOptions,
    dry_run: bool,
    in_place: bool,
    then_reload: bool,
    as_json: bool,
) -> None:
    """Change settings by the rules of the web page.

    \b
    KEY is one of
      mode               off, hpns, tpns or custom (also mhpns, mtpns, mpns)
      region             global, us, de or jp; with mode=hpns
      accept_terms       true, once you have read the terms of HPNS
      server             the address of your push proxy; with mode=custom
      contents           full, generic, generic_no_channel or id_loaded
      max_notifications  a number of 1 or more

    Nobody is asked: --dry-run shows the plan, and the backup is the way back.
    """

    async def work(source: "Source") -> None:
        loaded = await source.load()
        draft, changes = _planned(loaded, pairs)
        await _apply(
            source, loaded, draft, changes,
            dry_run=dry_run, in_place=in_place, then_reload=then_reload, as_json=as_json,
        )  # fmt: skip

    _run(place, work)


@command.command("diff", cls=SourceCommand)
@click.argument("pairs", metavar="[KEY=VALUE...]", nargs=-1)
@source_options
@json_option
def diff(pairs: tuple[str, ...], place: SourceOptions, as_json: bool) -> None:
    """Show what set would change, or what changed lately.

    With KEY=VALUE, what `settings set` with the same words would write; without, what differs
    from the newest backup. Nothing is written.
    """

    async def work(source: "Source") -> None:
        from mmpush_tui.commands import settings_words as words
        from mmpush_tui.settings.sources.source import changed_since

        loaded, since = await source.load(), ""
        draft = loaded.page
        if pairs:
            draft, changes = _planned(loaded, pairs)
        else:
            backup = await _newest(source)
            changes, since = changed_since(loaded, backup), backup.at
        if as_json:
            page = words.settings_document(source.where, loaded, loaded.page)
            _print_json(page | words.outcome(changes, None, dry_run=True))
            return
        if since:
            click.echo(words.wrapped(f"Since {since}:"))
        for line in words.changes_text(changes, *(("then", "now") if since else ())):
            click.echo(line)
        if pairs and changes:
            for line in words.warnings_text(loaded, draft):
                click.echo(line)
        if not changes:
            click.echo("Nothing differs.")

    _run(place, work)


@command.command("restore", cls=SourceCommand)
@click.argument("backup", required=False)
@click.option("--list", "only_list", is_flag=True, help="List the backups, the newest first.")
@source_options
@dry_run_option
@in_place_option
@reload_option
@json_option
def restore(
    backup: str | None,
    only_list: bool,
    place: SourceOptions,
    dry_run: bool,
    in_place: bool,
    then_reload: bool,
    as_json: bool,
) -> None:
    """Bring back the values before the last change.

    With BACKUP, those of that time. Only the push settings are brought back. That too makes a
    backup, so that doing it twice leads back again.
    """

    async def work(source: "Source") -> None:
        from mmpush_tui.settings.page import infer
        from mmpush_tui.settings.sources.source import restoring

        if only_list:
            await _list(source, as_json=as_json)
            return
        former = await source.former(backup) if backup else await _newest(source)
        loaded = await source.load()
        page = infer(former.stored, loaded.licence, loaded.regions)
        await _apply(
            source, loaded, page, restoring(loaded, former), undoes=former,
            dry_run=dry_run, in_place=in_place, then_reload=then_reload, as_json=as_json,
        )  # fmt: skip

    _run(place, work)


@command.command("reload", cls=SourceCommand)
@source_options
def reload(place: SourceOptions) -> None:
    """Let Mattermost read its configuration anew."""

    async def work(source: "Source") -> None:
        await source.reload()
        click.echo("Mattermost has read its configuration anew.")

    _run(place, work)


def _run(place: SourceOptions, work: "Callable[[Source], Coroutine[Any, Any, None]]") -> None:
    """Open the place, do the work within the deadline, and close it."""
    import asyncio

    from mmpush_tui.commands.source import open_source

    source = open_source(place)

    async def in_time() -> None:
        try:
            async with asyncio.timeout(_DEADLINE_S):
                await work(source)
        except TimeoutError as error:
            raise DeadlineError(
                f"this took more than {_DEADLINE_S:.0f} s and was given up",
                code="settings-deadline",
            ) from error
        finally:
            await source.aclose()

    asyncio.run(in_time())


def _planned(loaded: "Loaded", pairs: tuple[str, ...]) -> "tuple[Page, tuple[Change, ...]]":
    """Return the page with ``pairs`` laid over it, and what they change.

    Raises:
        UsageError: the page would not save that.
    """
    from mmpush_tui.settings.assignments import assigned
    from mmpush_tui.settings.page import NOTHING_CHANGED, blocked, changes

    saved = loaded.page
    draft = assigned(saved, pairs, loaded.licence, loaded.held)
    why = blocked(saved, draft, loaded.stored, loaded.held)
    if why == NOTHING_CHANGED:
        return draft, ()
    if why:
        raise UsageError(why.rstrip("."), code="settings-blocked")
    return draft, changes(loaded.stored, draft, loaded.held)


async def _apply(
    source: "Source",
    loaded: "Loaded",
    draft: "Page",
    changes: "tuple[Change, ...]",
    *,
    undoes: "Backup | None" = None,
    dry_run: bool,
    in_place: bool,
    then_reload: bool,
    as_json: bool,
) -> None:
    """Write ``changes``, or only say what they are, and print what came of it."""
    from mmpush_tui.commands import settings_words as words
    from mmpush_tui.settings.sources.served import passed_over
    from mmpush_tui.settings.sources.source import NEEDS

    saved: Saved | None = None
    failure: MmpushError | None = None
    if changes and not dry_run:
        saved = await source.save(loaded, changes, in_place=in_place, undoes=undoes)
    if then_reload and not dry_run:
        try:
            await source.reload()
            saved = saved and _reloaded(saved)
        except MmpushError as error:
            # First of all, what was saved.
            failure = error
    if saved is not None:
        try:
            loaded = await source.load()
        except MmpushError as error:
            failure = failure or error
    if as_json:
        page = words.settings_document(source.where, loaded, loaded.page)
        _print_json(page | words.outcome(changes, saved, dry_run=dry_run))
    else:
        for line in words.changes_text(changes):
            click.echo(line)
        if changes:
            for line in words.warnings_text(loaded, draft):
                click.echo(line)
            click.echo(words.wrapped(words.way(source.where)))
        for line in _said(changes, saved, NEEDS, dry_run=dry_run):
            click.echo(words.wrapped(line))
    if failure is not None:
        raise failure
    if saved is not None and saved.skipped:
        raise FailedError(passed_over(saved.skipped).rstrip("."), code="settings-skipped")


def _said(
    changes: "tuple[Change, ...]", saved: "Saved | None", needs: "Any", *, dry_run: bool
) -> list[str]:
    if not changes:
        return ["Nothing to change: the settings are so already."]
    if saved is None or dry_run:
        return ["Nothing was written (--dry-run)."]
    if len(saved.skipped) == len(changes):
        return ["Nothing was changed."]
    said = ["Saved." if not saved.skipped else "Saved in part."]
    if saved.backup:
        said.append(f"The state before is in {saved.backup}; `settings restore` brings it back.")
    said += [needs[need] for need in saved.needs]
    if saved.can_reload and "reload" in saved.needs:
        said.append("`mmpush-tui settings reload` does that from here.")
    return said


def _reloaded(saved: "Saved") -> "Saved":
    from dataclasses import replace

    return replace(saved, needs=tuple(need for need in saved.needs if need != "reload"))


async def _newest(source: "Source") -> "Backup":
    found = await source.backups()
    if not found:
        raise FailedError(
            f"there is no backup of {source.where.at}",
            why="nothing was changed there with mmpush-tui by this user yet",
            code="settings-no-backup",
        )
    return await source.former(found[0])


async def _list(source: "Source", *, as_json: bool) -> None:
    from mmpush_tui.commands import settings_words as words
    from mmpush_tui.text import clean

    found = await source.backups()
    if as_json:
        _print_json(
            {
                "schema": 1,
                "kind": "settings-backups",
                "source": words.source(source.where),
                "backups": [clean(path, 2048) for path in found],
            }
        )
        return
    for path in found:
        click.echo(clean(path, 2048))
    if not found:
        click.echo("There is none.", err=True)


def _print_json(document: dict[str, object]) -> None:
    import msgspec

    click.echo(msgspec.json.encode(document))
