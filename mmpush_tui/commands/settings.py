"""``mmpush-tui settings``: the System Console's push page without a screen."""

import functools
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final, TypedDict, TypeVar, Unpack

import click

from mmpush_tui.commands import settings_words as words
from mmpush_tui.commands.options import SourceCommand, SourceOptions, json_option, source_options
from mmpush_tui.commands.printing import print_document, print_lines, wrapped
from mmpush_tui.errors import DeadlineError, FailedError, MmpushError, UsageError
from mmpush_tui.settings.assignments import assigned
from mmpush_tui.settings.page import (
    NOTHING_CHANGED,
    Change,
    Page,
    blocked,
    differences,
    infer,
    to_stored,
)
from mmpush_tui.settings.sources.source import (
    NEEDS,
    Backup,
    Loaded,
    Saved,
    Source,
    changed_since,
    restoring,
)
from mmpush_tui.text import clean

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_DEADLINE_S: Final = 30.0


class SaveOptions(TypedDict):
    """What the command line says of writing; see :func:`save_options`."""

    dry_run: bool
    in_place: bool
    then_reload: bool
    as_json: bool


def save_options(function: Decorated) -> Decorated:
    """Add the options of every command that writes."""
    dry_run = click.option(
        "--dry-run", is_flag=True, help="Show what would be written, and write nothing."
    )
    in_place = click.option(
        "--in-place", is_flag=True,
        help="Write over config.json where it cannot be replaced, as in a container; a backup is "
        "made first.",
    )  # fmt: skip
    then_reload = click.option(
        "--reload", "then_reload", is_flag=True,
        help="Let Mattermost read its configuration anew afterwards.",
    )  # fmt: skip
    return dry_run(in_place(then_reload(json_option(function))))


def on_source(function: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Add the options of a place, and run a command on it: opened, within the deadline, closed."""

    @source_options
    @functools.wraps(function)
    def run(place: SourceOptions, **arguments: Any) -> None:
        import asyncio

        from mmpush_tui.commands.source import open_source

        source = open_source(place)

        async def in_time() -> None:
            try:
                async with aclosing(source), asyncio.timeout(_DEADLINE_S):
                    await function(source, **arguments)
            except TimeoutError as error:
                raise DeadlineError(
                    f"this took more than {_DEADLINE_S:.0f} s and was given up",
                    code="settings-deadline",
                ) from error

        asyncio.run(in_time())

    return run


@click.group("settings", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Mattermost's push settings, as on the System Console's Push Notification Server page."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command("show", cls=SourceCommand)
@on_source
@json_option
async def show(source: Source, as_json: bool) -> None:
    """Show the settings as on the web page, with advice.

    Only the push settings are read; nothing is changed.
    """
    loaded = await source.load()
    if as_json:
        print_document("settings", **words.page_document(source.where, loaded))
    else:
        print_lines(words.page_text(source.where, loaded))


@command.command("set", cls=SourceCommand)
@click.argument("pairs", metavar="KEY=VALUE...", nargs=-1, required=True)
@on_source
@save_options
async def set_(source: Source, pairs: tuple[str, ...], **options: Unpack[SaveOptions]) -> None:
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
    loaded = await source.load()
    await _apply(source, loaded, *_planned(loaded, pairs), **options)


@command.command("diff", cls=SourceCommand)
@click.argument("pairs", metavar="[KEY=VALUE...]", nargs=-1)
@on_source
@json_option
async def diff(source: Source, pairs: tuple[str, ...], as_json: bool) -> None:
    """Show what set would change, or what changed lately.

    With KEY=VALUE, what `settings set` with the same words would write; without, what differs
    from the newest backup. Nothing is written.
    """
    loaded = await source.load()
    if pairs:
        draft, differing = _planned(loaded, pairs)
        lines = words.plan_text(loaded, draft, differing)
    else:
        backup = await _newest(source)
        differing = changed_since(loaded, backup)
        lines = words.changes_text(differing, "then", "now")
    if as_json:
        outcome = words.outcome(differing, None, dry_run=True)
        print_document("settings", **words.page_document(source.where, loaded), **outcome)
        return
    if not pairs:
        print_lines(wrapped(f"Since {backup.at}:"))
    print_lines(lines)
    if not differing:
        click.echo("Nothing differs.")


@command.command("restore", cls=SourceCommand)
@click.argument("backup", required=False)
@click.option("--list", "only_list", is_flag=True, help="List the backups, the newest first.")
@on_source
@save_options
async def restore(
    source: Source, backup: str | None, only_list: bool, **options: Unpack[SaveOptions]
) -> None:
    """Bring back the values before the last change.

    With BACKUP, those of that time. Only the push settings are brought back. That too makes a
    backup, so that doing it twice leads back again.
    """
    if only_list:
        await _list(source, as_json=options["as_json"])
        return
    former = await source.former(backup) if backup else await _newest(source)
    loaded = await source.load()
    page = infer(former.stored, loaded.licence, loaded.regions)
    await _apply(source, loaded, page, restoring(loaded, former), undoes=former, **options)


@command.command("reload", cls=SourceCommand)
@on_source
async def reload(source: Source) -> None:
    """Let Mattermost read its configuration anew."""
    await source.reload()
    click.echo("Mattermost has read its configuration anew.")


def _planned(loaded: Loaded, pairs: tuple[str, ...]) -> tuple[Page, tuple[Change, ...]]:
    """Return the page with ``pairs`` laid over it, and what they change.

    Raises:
        UsageError: the page would not save that.
    """
    draft = assigned(loaded.page, pairs, loaded.licence, loaded.held)
    why = blocked(loaded.page, draft, loaded.stored, loaded.held)
    if why == NOTHING_CHANGED:
        return draft, ()
    if why:
        raise UsageError(why.rstrip("."), code="settings-blocked")
    return draft, differences(loaded.stored, to_stored(draft), loaded.held)


async def _apply(
    source: Source,
    loaded: Loaded,
    draft: Page,
    wanted: tuple[Change, ...],
    *,
    undoes: Backup | None = None,
    **options: Unpack[SaveOptions],
) -> None:
    """Write the changes that are wanted, or only say what they are, and print what came of it."""
    saved: Saved | None = None
    failure: MmpushError | None = None
    if wanted and not options["dry_run"]:
        from mmpush_tui.settings.sources.config_file import ConfigFile

        if options["in_place"] and isinstance(source, ConfigFile):
            source = source.in_place()
        saved = await (
            source.save(loaded, wanted) if undoes is None else source.restore(loaded, undoes)
        )
    if options["then_reload"] and not options["dry_run"]:
        try:
            await source.reload()
            if saved is not None:
                left = tuple(need for need in saved.needs if need != "reload")
                saved = replace(saved, needs=left)
        except MmpushError as error:
            # First of all, what was saved.
            failure = error
    if saved is not None:
        try:
            loaded = await source.load()
        except MmpushError as error:
            failure = failure or error
    if options["as_json"]:
        outcome = words.outcome(wanted, saved, dry_run=options["dry_run"])
        print_document("settings", **words.page_document(source.where, loaded), **outcome)
    else:
        print_lines(words.plan_text(loaded, draft, wanted))
        if wanted:
            print_lines(wrapped(words.way(source.where)))
        for sentence in _outcome(wanted, saved):
            print_lines(wrapped(sentence))
    if failure is not None:
        raise failure
    if saved is not None and saved.skipped:
        from mmpush_tui.settings.sources.served import passed_over

        raise FailedError(passed_over(saved.skipped).rstrip("."), code="settings-skipped")


def _outcome(wanted: tuple[Change, ...], saved: Saved | None) -> list[str]:
    if not wanted:
        return ["Nothing to change: the settings are so already."]
    if saved is None:
        return ["Nothing was written (--dry-run)."]
    if len(saved.skipped) == len(wanted):
        return ["Nothing was changed."]
    sentences = ["Saved." if not saved.skipped else "Saved in part."]
    if saved.backup:
        sentences.append(
            f"The state before is in {saved.backup}; `settings restore` brings it back."
        )
    sentences += [NEEDS[need] for need in saved.needs]
    if saved.can_reload and "reload" in saved.needs:
        sentences.append("`mmpush-tui settings reload` does that from here.")
    return sentences


async def _newest(source: Source) -> Backup:
    backups = await source.backups()
    if not backups:
        raise FailedError(
            f"there is no backup of {source.where.at}",
            why="nothing was changed there with mmpush-tui by this user yet",
            code="settings-no-backup",
        )
    return await source.former(backups[0])


async def _list(source: Source, *, as_json: bool) -> None:
    backups = [clean(path, 2048) for path in await source.backups()]
    if as_json:
        print_document("settings-backups", source=words.source(source.where), backups=backups)
    elif backups:
        print_lines(backups)
    else:
        click.echo("There is none.", err=True)
