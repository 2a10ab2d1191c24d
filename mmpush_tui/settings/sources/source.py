"""Where the settings of a Mattermost server live, each place behind the same protocol."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from mmpush_tui.findings import Finding
from mmpush_tui.settings.notes import notes
from mmpush_tui.settings.page import (
    KEYS,
    Change,
    Licence,
    Page,
    Stored,
    differences,
    field_of,
    infer,
)
from mmpush_tui.settings.urls import Regions, regions_for

NEEDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "reload": "Mattermost does not watch the file: run `mmctl config reload` on the server, "
        "or restart it, before anyone saves in the System Console.",
        "cluster": "This server is one of a cluster: every node needs the same file, and a reload.",
    }
)
"""What is left to do after saving, in words."""

PERMISSIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "send": "environment_push_notification_server",
        "server": "environment_push_notification_server",
        "contents": "site_notifications",
        "max_notifications": "environment_push_notification_server",
    }
)
"""What Mattermost's permissions for a key are called, after ``sysconsole_read_`` and
``sysconsole_write_``, by the attributes of :class:`Stored`. Source: the ``access`` tags of the
server's configuration model."""


class Place(StrEnum):
    """The kinds of places settings live in."""

    FILE = "file"
    REST = "rest"
    LOCAL = "local"


class Origin(StrEnum):
    """Who says which settings the environment holds."""

    SERVER = "server"
    PROCESS = "process"
    OWN = "own"


ORIGINS: Final[Mapping[Origin, str]] = MappingProxyType(
    {
        Origin.SERVER: "as the server says",
        Origin.PROCESS: "as the running server's environment says",
        Origin.OWN: "as our own environment says; the server's cannot be seen",
    }
)
"""The same in words, after the name of a variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAddress:
    """One such place: a path, an address or a socket."""

    kind: Place
    at: str


def way_to(kind: Place, at: str) -> str:
    """Return how changes get to a place, as a sentence.

    Args:
        kind: what kind of place it is.
        at: the place, as it is shown.
    """
    match kind:
        case Place.FILE:
            return f"Into {at}, whose every other byte stays."
        case Place.REST:
            return f"By PUT /api/v4/config/patch to {at}."
        case Place.LOCAL:
            return f"By PUT /api/v4/config/patch over the local socket {at}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The settings at one moment.

    Attributes:
        stored: the values in force, environment variables included.
        licence: what the source, or its user, says of the licence.
        locked: fields held by an environment variable, with its name.
        fingerprint: tells the source at saving whether somebody else changed it meanwhile.
        version: the server's version, where it is known.
        origin: who says what ``locked`` says.
        hidden: fields that this user may not read; their values here are the defaults.
        remarks: what was found out besides, as advice.
    """

    stored: Stored
    licence: Licence
    locked: Mapping[str, str]
    fingerprint: object
    version: str | None = None
    origin: Origin = Origin.OWN
    hidden: frozenset[str] = frozenset()
    remarks: tuple[Finding, ...] = ()

    @property
    def held(self) -> Mapping[str, str]:
        """Fields that cannot be changed here, with the reason."""
        hidden = {
            field_of(name): f"the token's user may not see it: sysconsole_read_{tag} is missing"
            for name, tag in PERMISSIONS.items()
            if field_of(name) in self.hidden
        }
        locked = {
            field: f"set by {variable}, {ORIGINS[self.origin]}"
            for field, variable in self.locked.items()
        }
        return hidden | locked

    @property
    def regions(self) -> Regions:
        """What the server's own page knows of regions."""
        return regions_for(self.version)

    @property
    def page(self) -> Page:
        """The page as it opens on this."""
        return infer(self.stored, self.licence, self.regions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What saving did.

    Attributes:
        backup: where the former state is kept, or None.
        needs: what is left to do, keys of :data:`NEEDS`.
        skipped: keys that were not written: held by an environment variable, or passed over by
            the server without a word.
        can_reload: whether the source can let the server read the settings anew.
    """

    backup: str | None
    needs: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    can_reload: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A former state.

    Attributes:
        at: the file it is kept in.
        stored: the values of that time.
        keys: Mattermost's keys that it has a value of; of the others it holds the defaults.
    """

    at: str
    stored: Stored
    keys: frozenset[str] = frozenset(KEYS.values())


class Source(Protocol):
    """A place that settings are read from and written to."""

    @property
    def where(self) -> SourceAddress:
        """Which place this is."""
        ...

    async def load(self) -> Loaded:
        """Read the settings.

        Raises:
            MmpushError: they cannot be read.
        """
        ...

    async def save(self, loaded: Loaded, changes: Sequence[Change]) -> Saved:
        """Write ``changes`` and nothing else, unless the place changed since ``loaded``.

        Raises:
            MmpushError: they cannot be written, or not without losing somebody's change.
        """
        ...

    async def restore(self, loaded: Loaded, backup: Backup) -> Saved:
        """Bring a former state back, as :meth:`save` with what :func:`restoring` returns."""
        ...

    async def backups(self) -> list[str]:
        """Return where former states of this place are kept, the newest first.

        Raises:
            MmpushError: that cannot be looked up.
        """
        ...

    async def former(self, backup: str) -> Backup:
        """Read a former state.

        Raises:
            MmpushError: it is none, or cannot be read.
        """
        ...

    async def reload(self) -> None:
        """Let the server read its configuration anew.

        Raises:
            MmpushError: the server cannot be reached, or refuses.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


def page_notes(loaded: Loaded, page: Page) -> tuple[Finding, ...]:
    """Return what is to be known about ``page``, a draft on ``loaded``; nothing of what is hidden.

    Pure.
    """
    hidden = ("contents", "id-loaded") if "contents" in loaded.hidden else ()
    advice = notes(page, loaded.licence, loaded.locked, loaded.stored)
    return (*(note for note in advice if not note.code.startswith(hidden)), *loaded.remarks)


def restoring(loaded: Loaded, backup: Backup) -> tuple[Change, ...]:
    """Return what brings ``backup`` back. Pure."""
    differ = differences(loaded.stored, backup.stored, loaded.held)
    return tuple(change for change in differ if change.key in backup.keys)


def changed_since(loaded: Loaded, backup: Backup) -> tuple[Change, ...]:
    """Return what differs from ``backup`` now, as far as it can be told and changed. Pure."""
    differ = differences(backup.stored, loaded.stored, loaded.held)
    return tuple(change for change in differ if change.key in backup.keys)


def held_back(loaded: Loaded, changes: Iterable[Change]) -> tuple[list[Change], tuple[str, ...]]:
    """Return those of ``changes`` that can be written, and the keys of those that cannot."""
    held = {key for name, key in KEYS.items() if field_of(name) in loaded.held}
    wanted = [change for change in changes if change.key not in held]
    return wanted, tuple(change.key for change in changes if change.key in held)
