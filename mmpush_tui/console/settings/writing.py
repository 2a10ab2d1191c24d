"""Writing from the Settings screen: the plan, the consent, and what is left to do."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from textual.app import App

from mmpush_tui.console.screens.ask import AskScreen, TextLine, ask
from mmpush_tui.console.settings.desk import SettingsDesk, SettingsView
from mmpush_tui.console.widgets.frame import mark
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.paths import short_path
from mmpush_tui.settings.page import Change
from mmpush_tui.settings.sources.source import NEEDS, Place, restoring, way_to
from mmpush_tui.text import presentable

_LISTED: Final = 30
_TIME: Final = re.compile(r"(\d{8}T\d{6})Z(?:[-_](\d+))?")


async def save(app: App[Any], desk: SettingsDesk) -> None:
    """Ask with the plan, then write; in place only with a consent of its own."""
    answers = {"save": "Write it", "": "Back to the form"}
    text = _order(desk.view, desk.view.changes, desk.view.notes)
    if await ask(app, AskScreen("Save these settings?", text, answers)):
        is_done = await desk.save()
        if desk.view.wants_overwrite and await _consents(app, desk):
            is_done = await desk.save(in_place=True)
        await _after(app, desk, is_done=is_done, is_kept=True)


async def restore_former(app: App[Any], desk: SettingsDesk) -> bool:
    """Let a former state be chosen, ask with the plan, then write it; return whether it was."""
    backups, why = await desk.backups()
    if not backups:
        await say(
            app, "There is no former state", why or "Nothing was saved here by this program yet."
        )
        return False
    answers = {path: _backup_line(path) for path in backups[:_LISTED]}
    text = ["Each of these is the state before something was saved, the newest first."]
    path = await ask(app, AskScreen("Bring back which state?", text, answers | {"": "None"}))
    former, why = await desk.former(path) if path else (None, "")
    if former is None or desk.view.loaded is None:
        if path:
            await say(app, "That cannot be brought back", why or desk.view.problem)
        return False
    changes = restoring(desk.view.loaded, former)
    if not changes:
        await say(app, "Nothing differs", "The settings are as they were then.")
        return False
    order = _order(desk.view, changes, ())
    if desk.view.is_edited:
        order = ["What is changed on the form and not saved is given up.", "", *order]
    if await ask(app, AskScreen("Bring these back?", order, {"save": "Write it", "": "Back"})):
        is_done = await desk.restore(former)
        if desk.view.wants_overwrite and await _consents(app, desk):
            is_done = await desk.restore(former, in_place=True)
        await _after(app, desk, is_done=is_done, is_kept=False)
        return is_done
    return False


async def reload_mattermost(app: App[Any], desk: SettingsDesk) -> None:
    """Let Mattermost read its configuration anew, after asking."""
    text = [
        "It reads what is stored and goes on with it; users notice nothing. Where config.json has "
        "a mistake, it keeps the old values."
    ]
    answers = {"reload": "Let it read the configuration", "": "Back to the form"}
    if await ask(app, AskScreen("Reload Mattermost's configuration?", text, answers)):
        await _reload(app, desk)


def change_rows(changes: Iterable[Change]) -> list[TextLine]:
    """Return what is written, key by key."""
    text: list[TextLine] = []
    for change in changes:
        text += [change.key, f"  old  {_value(change.old)}", f"  new  {_value(change.new)}"]
    return text or ["Nothing is changed."]


async def _after(app: App[Any], desk: SettingsDesk, *, is_done: bool, is_kept: bool) -> None:
    view = desk.view
    if not is_done:
        if view.problem:
            # On the form it stays, but on a small terminal not all of it can be read there.
            kept = ["", "Your changes are still on the form."] if is_kept else []
            await say(app, "Not saved", view.problem, *kept)
    elif view.problem:
        title = "Saved in part" if view.skipped else "Saved, but not read again"
        await say(app, title, view.problem)
    elif view.can_reload:
        answers = {"reload": "Let Mattermost read it now", "": "Later"}
        if await ask(app, AskScreen("Saved", [view.news], answers)):
            await _reload(app, desk)


async def _reload(app: App[Any], desk: SettingsDesk) -> None:
    if not await desk.reload():
        await say(app, "Mattermost did not reload", desk.view.problem)


async def _consents(app: App[Any], desk: SettingsDesk) -> bool:
    text = [
        desk.view.problem.partition(". ")[0] + ".",
        "",
        "It can be written over in place. A backup is made first; a crash in the very moment of "
        "writing would leave half a file, which that backup mends.",
        "The other way is to let the running server save it: o chooses its REST API or its local "
        "socket.",
    ]
    answers = {"": "Back to the form", "over": "Write over the file"}
    return bool(await ask(app, AskScreen("The file cannot be replaced", text, answers)))


async def say(app: App[Any], title: str, *text: TextLine) -> None:
    """Tell something that the form has no room for, until it was read."""
    await ask(app, AskScreen(title, text, {"": "Back to the form"}))


def _order(
    view: SettingsView, changes: Iterable[Change], notes: Iterable[Finding]
) -> list[TextLine]:
    """Return what saving does and what follows from it."""
    warnings: list[TextLine] = [
        (mark("warn"), note.message) for note in notes if note.severity is Severity.WARN
    ]
    return [*change_rows(changes), "", *warnings, *([""] if warnings else []), *_ways(view)]


def _ways(view: SettingsView) -> list[TextLine]:
    way = way_to(view.kind, view.shown_at)
    if view.kind is not Place.FILE:
        return [f"{way} {_AT_ONCE}"]
    return [f"{way} A copy with the time in its name is kept beside it.", NEEDS["reload"]]


_AT_ONCE: Final = (
    "The server uses the new values at once. The old ones are kept on this host: z brings them "
    "back."
)


def _backup_line(path: str) -> str:
    stamp = _TIME.search(Path(path).name)
    if stamp is None:
        return short_path(path)
    try:
        then = datetime.strptime(stamp[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).astimezone()
    except (ValueError, OverflowError):
        # Somebody else gave it its name.
        return short_path(path)
    again = f" ({stamp[2]})" if stamp[2] else ""
    return f"{then:%Y-%m-%d %H:%M:%S}{again}   {Path(path).name}"


def _value(value: str | int | bool | None) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    # An address may hold a password.
    return presentable(value) or "(empty)"
