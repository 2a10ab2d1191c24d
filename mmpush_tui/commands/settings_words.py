"""Mattermost's push settings as text and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from mmpush_tui.commands.printing import wrapped
from mmpush_tui.fields import Field
from mmpush_tui.findings import Severity
from mmpush_tui.settings import page_fields as rows
from mmpush_tui.settings.page import Change, Contents, Mode, Page
from mmpush_tui.settings.sources.source import Loaded, Saved, SourceAddress, page_notes, way_to
from mmpush_tui.text import clean, presentable

_LIMIT: Final = 2048
"""Characters of an address or a path that are shown."""


def page_document(where: SourceAddress, loaded: Loaded) -> dict[str, object]:
    """Return the page as JSON has it."""
    page = loaded.page
    return {
        "source": source(where),
        "server_version": loaded.version,
        "licence": {"hpns": loaded.licence.hpns, "id_loaded": loaded.licence.id_loaded},
        "values": {
            "mode": page.mode,
            "region": page.region if page.mode is Mode.HPNS else None,
            "server": presentable(page.server, _LIMIT),
            "contents": presentable(page.contents, 60),
            "max_notifications": page.max_notifications,
        },
        "locked": loaded.locked,
        "locked_by": loaded.origin,
        "hidden": sorted(loaded.hidden),
        "notes": [
            {"code": note.code, "severity": note.severity, "message": note.message}
            for note in page_notes(loaded, page)
        ],
    }


def way(where: SourceAddress) -> str:
    """Return how changes get to a place."""
    return way_to(where.kind, clean(where.at, _LIMIT))


def source(where: SourceAddress) -> dict[str, str]:
    """Return a place as JSON has it."""
    return {"kind": where.kind, "at": clean(where.at, _LIMIT)}


def outcome(changes: Iterable[Change], saved: Saved | None, *, dry_run: bool) -> dict[str, object]:
    """Return what saving did, or would do, as JSON has it beside the page."""
    listed = list(changes)
    written = [change for change in listed if saved and change.key not in saved.skipped]
    return {
        "changes": [
            {"key": change.key, "old": _plain(change.old), "new": _plain(change.new)}
            for change in listed
        ],
        "applied": bool(written),
        "dry_run": dry_run,
        "skipped": list(saved.skipped) if saved else [],
        "backup": clean(saved.backup, _LIMIT) if saved and saved.backup else None,
        "needs": list(saved.needs) if saved else [],
    }


def page_text(where: SourceAddress, loaded: Loaded) -> Iterator[str]:
    """Yield the page line by line, as the web page shows it."""
    page = loaded.page
    yield "Push Notification Server"
    version = f", Mattermost {loaded.version}" if loaded.version else ""
    yield f"  {clean(where.at, _LIMIT)}{version}"
    for field in rows.FIELDS:
        if not rows.visible(field.name, page):
            continue
        if field is rows.CONTENTS:
            yield from ("", "Notifications")
        yield ""
        yield from _row(field, loaded)
        if held := rows.locked_by(field.name, loaded.held):
            yield from wrapped(held, "    ")
    notes = page_notes(loaded, page)
    if notes:
        yield from ("", "Notes")
    for note in notes:
        yield from wrapped(note.message, f"  {note.severity}  ")


def plan_text(loaded: Loaded, draft: Page, changes: Sequence[Change]) -> Iterator[str]:
    """Yield changes line by line, and what will not work once they are made, as in ``draft``."""
    yield from changes_text(changes)
    for note in page_notes(loaded, draft) if changes else ():
        if note.severity is Severity.WARN:
            yield from wrapped(note.message, f"  {note.severity}  ")


def changes_text(
    changes: Sequence[Change], before: str = "old", after: str = "new"
) -> Iterator[str]:
    """Yield changes line by line, the two values one above the other."""
    width = max(len(before), len(after))
    for change in changes:
        yield change.key
        yield from wrapped(shown_value(change.old), f"  {before:<{width}}  ")
        yield from wrapped(shown_value(change.new), f"  {after:<{width}}  ")


def shown_value(value: str | int | bool | None) -> str:
    """Return a value as a person reads it; an address may hold a password."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    return presentable(value, _LIMIT) or "(empty)"


def _plain(value: str | int | bool | None) -> str | int | bool | None:
    return presentable(value, _LIMIT) if isinstance(value, str) else value


def _row(field: Field, loaded: Loaded) -> Iterator[str]:
    page = loaded.page
    if field is rows.ACCEPT_TERMS:
        # Whoever stored HPNS has accepted: the page could not be saved without.
        yield from wrapped(field.label, "  [x] " if page.agreed else "  [ ] ")
        return
    value = getattr(page, field.name)
    yield f"  {rows.label(field, page)}"
    if field.name in loaded.hidden:
        return
    text = rows.page_words(field.name, value) or presentable(value, _LIMIT) or "(empty)"
    yield from wrapped(text, "    ")
    if field is rows.CONTENTS and value in Contents.__members__.values():
        yield from wrapped(rows.CONTENTS_SENDS[Contents(value)], "    ")
