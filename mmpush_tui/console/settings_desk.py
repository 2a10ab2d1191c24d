"""The console's side of Mattermost's settings: what is stored, the draft, and saving it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mmpush_tui.console.place import Place
from mmpush_tui.errors import MmpushError
from mmpush_tui.settings import page as pages
from mmpush_tui.settings.notes import Note, notes
from mmpush_tui.settings.page import Change, Licence, Page
from mmpush_tui.settings.sources import NEEDS, Loaded
from mmpush_tui.settings.sources.config_file import ConfigFile
from mmpush_tui.setup.paths import short_path

NO_FILE: Final = (
    "No Mattermost configuration is known on this host. Name its config.json with "
    "--mattermost-config, or let Setup (5) find it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsView:
    """What the screens show of the settings.

    Attributes:
        at: where they are stored; empty where no place is known.
        saved: the page as stored; None where it could not be read.
        draft: the page as edited.
        loaded: what the source gave.
        problem: why they cannot be read or saved, as a sentence; or empty. It stays until they
            are read or saved.
        news: what the last save did, as sentences; or empty.
        is_saving: the changes are being written.
    """

    at: str = ""
    saved: Page | None = None
    draft: Page | None = None
    loaded: Loaded | None = None
    problem: str = ""
    news: str = ""
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
        return pages.changes(self.loaded.stored, self.draft, self.locked)

    @property
    def blocked(self) -> str:
        """Why it cannot be saved, as a sentence; empty where it can."""
        if self.loaded is None or self.saved is None or self.draft is None:
            return self.problem or NO_FILE
        return pages.blocked(self.saved, self.draft, self.loaded.stored, self.locked)

    @property
    def notes(self) -> tuple[Note, ...]:
        """The advice for the draft."""
        if self.loaded is None or self.draft is None:
            return ()
        return notes(self.draft, self.licence, self.locked, self.loaded.stored)

    @property
    def licence(self) -> Licence:
        """What is known of the licence."""
        return self.loaded.licence if self.loaded else Licence(hpns=None, id_loaded=None)

    @property
    def locked(self) -> Mapping[str, str]:
        """Fields that the environment holds, with the variable's name."""
        return self.loaded.locked if self.loaded else {}


class SettingsDesk:
    """Owns the draft of the Push Notification Server page.

    Args:
        place: what the console was started for.
        on_change: called whenever :attr:`view` has changed.
    """

    def __init__(self, place: Place, on_change: Callable[[], None]) -> None:
        self.view = SettingsView(at=str(place.mattermost_config or ""))
        self.place = place
        self._on_change = on_change

    async def load(self, *, keep_draft: bool = False) -> None:
        """Read the stored settings.

        Args:
            keep_draft: what was changed stays changed, laid over what is read now; also where
                nothing can be read. Otherwise the draft is given up.
        """
        before = self.view
        keeps = keep_draft and before.is_edited
        self._set(at=str(self.place.mattermost_config or ""))
        if self.place.mattermost_config is None:
            self._set(problem=self.place.mattermost_problem or NO_FILE)
            return
        source = ConfigFile(self.place.mattermost_config, licence=self.place.licence)
        try:
            loaded = await source.load()
        except MmpushError as error:
            if not keeps:
                self._set(loaded=None, saved=None, draft=None)
            self._set(problem=error.line(), news="")
            return
        saved = draft = loaded.page
        if keeps and before.saved is not None and before.draft is not None:
            draft = _laid_over(saved, before.saved, before.draft)
        self._set(loaded=loaded, saved=saved, draft=draft, problem="", news="")

    def edit(self, draft: Page) -> None:
        """Take ``draft`` as the new draft."""
        if draft != self.view.draft:
            self._set(draft=draft, news="")

    async def save(self) -> bool:
        """Write the changes; the view says what came of it. Return whether they were written."""
        view = self.view
        config = self.place.mattermost_config
        if view.loaded is None or config is None or view.blocked or view.is_saving:
            return False
        self._set(is_saving=True)
        try:
            done = await ConfigFile(config, licence=self.place.licence).save(
                view.loaded, view.changes
            )
        except MmpushError as error:
            self._set(problem=error.line(), news="")
            return False
        finally:
            self._set(is_saving=False)
        # Saved is saved: what was typed meanwhile is a change of what is stored now.
        was_edited_meanwhile = self.view.draft != view.draft
        self._set(saved=view.draft)
        await self.load(keep_draft=was_edited_meanwhile)
        backup = f" The old file is {short_path(done.backup)}." if done.backup else ""
        needs = "".join(f" {NEEDS[need]}" for need in done.needs)
        self._set(news=f"Saved.{backup}{needs}")
        return True

    def _set(self, **changes: object) -> None:
        self.view = replace(self.view, **changes)  # type: ignore[arg-type] # names and types are those of SettingsView, given in this module only
        self._on_change()


def _laid_over(stored: Page, before: Page, draft: Page) -> Page:
    """Return ``stored`` with what ``draft`` changes of ``before``."""
    if (draft.mode, draft.server) != (before.mode, before.server):
        # Mode, region, terms and address follow from each other: they go together.
        stored = replace(
            stored, mode=draft.mode, region=draft.region, server=draft.server, agreed=draft.agreed
        )
    if draft.contents != before.contents:
        stored = replace(stored, contents=draft.contents)
    if draft.max_notifications != before.max_notifications:
        stored = replace(stored, max_notifications=draft.max_notifications)
    return stored
