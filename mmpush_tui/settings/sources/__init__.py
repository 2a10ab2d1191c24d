"""Where the settings of a Mattermost server live, each place behind the same protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from mmpush_tui.settings.page import Change, Licence, Stored

NEEDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "reload": "Mattermost does not watch the file: run `mmctl config reload` on the server, "
        "or restart it, before anyone saves in the System Console.",
    }
)
"""What is left to do after saving, in words."""


class Place(StrEnum):
    """The kinds of places settings live in."""

    FILE = "file"
    REST = "rest"
    LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """One such place: a path, an address or a socket."""

    kind: Place
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The settings at one moment.

    Attributes:
        stored: the values in force, environment variables included.
        licence: what the source, or its user, says of the licence.
        locked: fields held by an environment variable, with its name.
        fingerprint: tells the source at saving whether somebody else changed it meanwhile.
    """

    stored: Stored
    licence: Licence
    locked: Mapping[str, str]
    fingerprint: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What saving did.

    Attributes:
        backup: where the former state is kept, or None.
        needs: what is left to do, keys of :data:`NEEDS`.
        skipped: keys that were not written, being held by an environment variable.
    """

    backup: str | None
    needs: tuple[str, ...]
    skipped: tuple[str, ...] = ()


class Source(Protocol):
    """A place that settings are read from and written to."""

    @property
    def where(self) -> Where:
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
