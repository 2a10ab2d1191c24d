"""The console's side of Mattermost's settings: what is stored, the draft, and saving it."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.errors import MmpushError
from mmpush_tui.findings import Finding
from mmpush_tui.paths import short_path
from mmpush_tui.settings import page as pages
from mmpush_tui.settings.page import Change, Licence, Mode, Page
from mmpush_tui.settings.sources.config_file import ConfigFile
from mmpush_tui.settings.sources.rewrite import IN_PLACE
from mmpush_tui.settings.sources.served import passed_over
from mmpush_tui.settings.sources.source import (
    NEEDS,
    Backup,
    Loaded,
    Place,
    Saved,
    Source,
    SourceAddress,
    page_notes,
    restoring,
)

NO_FILE: Final = (
    "No Mattermost configuration is known on this host. Name its config.json with "
    "--mattermost-config, choose another place with o on the Settings screen, or let Setup (5) "
    "find it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsView:
    """What the screens show of the settings.

    Attributes:
        at: where they are stored; empty where no place is known.
        kind: what kind of place that is.
        saved: the page as stored; None where it could not be read.
        draft: the page as edited.
        loaded: what the source gave.
        problem: why they cannot be read or saved, as a sentence; or empty. It stays until they
            are read or saved.
        wants_overwrite: the last save failed because the file can only be written in place.
        news: what the last save did, as sentences; or empty.
        skipped: keys that the last save asked for and the server did not change.
        can_reload: Mattermost has not read the last save yet, and can be told to.
        is_saving: the changes are being written.
    """

    at: str = ""
    kind: Place = Place.FILE
    saved: Page | None = None
    draft: Page | None = None
    loaded: Loaded | None = None
    problem: str = ""
    wants_overwrite: bool = False
    news: str = ""
    skipped: tuple[str, ...] = ()
    can_reload: bool = False
    is_saving: bool = False

    @property
    def is_edited(self) -> bool:
        """Whether something is changed that can be saved; the terms are stored nowhere."""
        saved, draft = self.saved, self.draft
        if saved is None or draft is None:
            return False
        return replace(draft, agreed=saved.agreed, region=saved.region) != saved

    @property
    def changes(self) -> tuple[Change, ...]:
        """What saving would write."""
        if self.loaded is None or self.draft is None or not self.is_edited:
            return ()
        return pages.differences(self.loaded.stored, pages.to_stored(self.draft), self.held)

    @property
    def blocked(self) -> str:
        """Why it cannot be saved, as a sentence; empty where it can."""
        if self.loaded is None or self.saved is None or self.draft is None:
            return self.problem or NO_FILE
        return pages.blocked(self.saved, self.draft, self.loaded.stored, self.held)

    @property
    def unread(self) -> str:
        """Why what is stored at a known place could not be read; empty where none is known."""
        return self.problem if self.loaded is None and self.problem != NO_FILE else ""

    @property
    def notes(self) -> tuple[Finding, ...]:
        """The advice for the draft."""
        if self.loaded is None or self.draft is None:
            return ()
        return page_notes(self.loaded, self.draft)

    @property
    def licence(self) -> Licence:
        """What is known of the licence."""
        return self.loaded.licence if self.loaded else Licence(hpns=None, id_loaded=None)

    @property
    def held(self) -> Mapping[str, str]:
        """Fields that cannot be changed, with the reason."""
        return self.loaded.held if self.loaded else {}

    def hides(self, name: str) -> bool:
        """Return whether this user may not see a field."""
        return self.loaded is not None and name in self.loaded.hidden

    @property
    def kind_word(self) -> str:
        """What kind of place that is, with the server's version where it is known."""
        word = {Place.FILE: "config.json", Place.REST: "REST API", Place.LOCAL: "socket"}[self.kind]
        version = self.loaded.version if self.loaded else None
        return f"{word} {version}" if version else word

    @property
    def shown_at(self) -> str:
        """Where they are stored, as short as it can be said."""
        return self.at if self.kind is Place.REST else short_path(self.at)


class SettingsDesk:
    """Owns the draft of the Push Notification Server page.

    One thing at a time is done with the place: what would be read or written while another place
    is taken, or written from values that were never read there, waits.

    Args:
        options: what the console was started for.
        on_change: called whenever :attr:`view` has changed.
    """

    def __init__(self, options: ConsoleOptions, on_change: Callable[[], None]) -> None:
        self.options = options
        self._source = _source_of(options)
        self._next: Source | None = None
        """The place that counts from the next reading on."""
        self._busy = asyncio.Lock()
        where = self._source.where if self._source else None
        self.view = SettingsView(at=where.at, kind=where.kind) if where else SettingsView()
        self._on_change = on_change

    def reconfigure(self, options: ConsoleOptions) -> None:
        """Look at something else from the next reading on."""
        self.options = options
        if options.source is None or options.source is not self._source:
            self._next = _source_of(options)

    @property
    def source(self) -> Source | None:
        """Where the settings are, from the next reading on."""
        return self._next or self._source

    async def use(self, source: Source) -> str:
        """Go over to another place, and give the draft up.

        Returns:
            Why its settings cannot be read, as a sentence; then nothing changes. Empty where
            they were read.
        """
        is_taken = False
        try:
            async with self._busy:
                loaded = await source.load()
                # All at once: whatever comes in between finds the one place or the other.
                before, is_taken = self._source, True
                self._turn_to(source)
                self.options = replace(self.options, source=source)
                self._show(loaded, loaded.page)
        except MmpushError as error:
            return error.line()
        finally:
            if not is_taken:
                await source.aclose()
        if before is not None:
            await before.aclose()
        return ""

    async def load(self, *, keep_draft: bool = False) -> None:
        """Read the stored settings.

        Args:
            keep_draft: what was changed stays changed, laid over what is read now; also where
                nothing can be read, but not where another place is read than before. Otherwise
                the draft is given up.
        """
        async with self._busy:
            await self._load(keep_draft=keep_draft)

    async def refresh(self) -> None:
        """Take what somebody else has stored since; nothing is touched where that is nothing.

        A draft stays as it is, and so does what was read last where nothing can be read now.
        """
        async with self._busy:
            if self._source is None or self._next is not None or self.view.is_edited:
                return
            with contextlib.suppress(MmpushError):
                loaded, known = await self._source.load(), self.view.loaded
                is_news = known is None or replace(loaded, fingerprint=known.fingerprint) != known
                if is_news and not self.view.is_edited:
                    self._show(loaded, loaded.page)

    async def _load(self, *, keep_draft: bool) -> None:
        if self._next is not None:
            left = self._source
            self._turn_to(self._next)
            if left is not None and left is not self._source:
                await left.aclose()
        source = self._source
        if source is None:
            self._set(problem=self.options.mattermost_problem or NO_FILE)
            return
        try:
            loaded = await source.load()
        except MmpushError as error:
            if not (keep_draft and self.view.is_edited):
                self._set(loaded=None, saved=None, draft=None)
            self._set(problem=error.line(), news="", wants_overwrite=False, can_reload=False)
            return
        saved = draft = loaded.page
        before = self.view
        if keep_draft and before.is_edited and before.saved is not None and before.draft:
            draft = _laid_over(saved, before.saved, before.draft)
        self._show(loaded, draft)

    def edit(self, draft: Page) -> None:
        """Take ``draft`` as the new draft."""
        if draft != self.view.draft:
            self._set(draft=draft, news="")

    async def save(self, *, in_place: bool = False) -> bool:
        """Write the changes; the view says what came of it. Return whether they were written."""
        if self.view.blocked:
            return False
        async with self._busy:
            return await self._write(self.view.changes, in_place=in_place)

    async def restore(self, backup: Backup, *, in_place: bool = False) -> bool:
        """Write what brings ``backup`` back; return whether that was done."""
        async with self._busy:
            if (loaded := self.view.loaded) is None:
                return False
            changes = restoring(loaded, backup)
            return await self._write(changes, undoes=backup, in_place=in_place)

    async def backups(self) -> tuple[list[str], str]:
        """Return where former states are kept, the newest first, and why that cannot be told."""
        async with self._busy:
            try:
                return await self._source.backups() if self._source else [], ""
            except MmpushError as error:
                return [], error.line()

    async def former(self, path: str) -> tuple[Backup | None, str]:
        """Return a former state, or None and why it cannot be read."""
        async with self._busy:
            try:
                return await self._source.former(path) if self._source else None, ""
            except MmpushError as error:
                return None, error.line()

    async def reload(self) -> bool:
        """Let Mattermost read its configuration anew; return whether it did."""
        async with self._busy:
            if self._source is None:
                return False
            try:
                await self._source.reload()
            except MmpushError as error:
                self._set(problem=error.line())
                return False
            await self._load(keep_draft=True)
            self._set(news="Mattermost has read its configuration anew.")
            return True

    async def aclose(self) -> None:
        """Let go of the place."""
        for source in (self._next, self._source):
            if source is not None:
                await source.aclose()

    def _turn_to(self, source: Source) -> None:
        self._source, self._next = source, None
        where = source.where
        if where != SourceAddress(kind=self.view.kind, at=self.view.at):
            # What was read and typed elsewhere says nothing of this place.
            self._set(at=where.at, kind=where.kind, loaded=None, saved=None, draft=None)

    async def _write(
        self, changes: tuple[Change, ...], *, in_place: bool, undoes: Backup | None = None
    ) -> bool:
        view, source = self.view, self._source
        if view.loaded is None or source is None or not changes:
            return False
        self._set(is_saving=True, wants_overwrite=False)
        if in_place and isinstance(source, ConfigFile):
            source = source.in_place()
        try:
            done = await (
                source.save(view.loaded, changes)
                if undoes is None
                else source.restore(view.loaded, undoes)
            )
        except MmpushError as error:
            self._set(problem=error.line(), wants_overwrite=error.code == IN_PLACE, news="")
            return False
        finally:
            self._set(is_saving=False)
        # Saved is saved: what was typed meanwhile is a change of what is stored now.
        was_edited_meanwhile = self.view.draft != view.draft
        if undoes is None:
            self._set(saved=view.draft)
        await self._load(keep_draft=was_edited_meanwhile)
        news = _news(done, changes, source.where.kind)
        can_reload = done.can_reload and "reload" in done.needs
        self._set(news=news, can_reload=can_reload, skipped=done.skipped)
        if done.skipped and not self.view.problem:
            self._set(problem=passed_over(done.skipped))
        return len(done.skipped) < len(changes)

    def _show(self, loaded: Loaded, draft: Page) -> None:
        self._set(
            loaded=loaded, saved=loaded.page, draft=draft, problem="", news="",
            wants_overwrite=False, can_reload=False, skipped=(),
        )  # fmt: skip

    def _set(self, **changes: object) -> None:
        self.view = replace(self.view, **changes)  # type: ignore[arg-type] # names and types are those of SettingsView, given in this module only
        self._on_change()


def _source_of(options: ConsoleOptions) -> Source | None:
    if options.source is not None:
        return options.source
    if options.mattermost_config is None:
        return None
    return ConfigFile(options.mattermost_config, licence=options.licence)


def _news(done: Saved, changes: tuple[Change, ...], kind: Place) -> str:
    if len(done.skipped) == len(changes):
        return ""
    outcome = "Saved in part." if done.skipped else "Saved."
    if kind is not Place.FILE:
        return f"{outcome} The server uses it at once; z brings the values before back."
    backup = f" The state before is in {short_path(done.backup)}." if done.backup else ""
    return outcome + backup + "".join(f" {NEEDS[need]}" for need in done.needs)


def _laid_over(stored: Page, before: Page, draft: Page) -> Page:
    """Return ``stored`` with what ``draft`` changes of ``before``."""
    if (draft.mode, draft.server) != (before.mode, before.server):
        # Mode, region, terms and address follow from each other: they go together.
        stored = replace(
            stored, mode=draft.mode, region=draft.region, server=draft.server, agreed=draft.agreed
        )
        if stored.region not in stored.regions.urls:
            # The server is another one than before, and knows fewer regions.
            stored = replace(stored, region=stored.regions.first)
            if stored.mode is Mode.HPNS:
                stored = replace(stored, server=stored.regions.urls[stored.region], agreed=False)
    if draft.contents != before.contents:
        stored = replace(stored, contents=draft.contents)
    if draft.max_notifications != before.max_notifications:
        stored = replace(stored, max_notifications=draft.max_notifications)
    return stored
