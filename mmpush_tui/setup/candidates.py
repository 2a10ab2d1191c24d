"""Files that could be the credential that is asked for, found where people keep them.

Reads folders and the beginnings of small files: call it through ``tasks.beside``.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from mmpush_tui import files
from mmpush_tui.credentials.file import SIZE_LIMIT
from mmpush_tui.credentials.kinds import FileKind, identify
from mmpush_tui.paths import full_path, short_path
from mmpush_tui.text import clean

CONFIG_FOLDER: Final = Path("/etc/mmpush-tui")
_ENTRIES_LIMIT: Final = 2000
_OPENED_LIMIT: Final = 200
_FOUND_LIMIT: Final = 20


class Wanted(StrEnum):
    """Which credential is looked for."""

    APPLE_KEY = "apple key"
    SERVICE_ACCOUNT = "service account"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file that could be it.

    Attributes:
        path: its full path.
        shown: the same with ``~`` for the home folder.
    """

    path: Path
    shown: str


def suggest_files(
    wanted: Wanted, typed: str = "", extra: Iterable[Path] = ()
) -> tuple[Candidate, ...]:
    """Return files that could be meant, best first, at most 20.

    Args:
        wanted: which credential.
        typed: what is in the input so far: a folder, or the beginning of a path. Its folder is
            looked at first, and only names that begin as typed are offered from it. Where it
            names a folder, the usual places are left out.
        extra: further folders to look in.
    """
    found: dict[Path, None] = {}
    opened = 0
    for folder, prefix in _places(typed, extra):
        for path in _listing(folder, prefix, wanted):
            if len(found) >= _FOUND_LIMIT or opened >= _OPENED_LIMIT:
                break
            opened += 1
            if path not in found and _is_it(path, wanted):
                found[path] = None
    return tuple(Candidate(path=path, shown=short_path(path)) for path in found)


def _places(typed: str, extra: Iterable[Path]) -> list[tuple[Path, str]]:
    """Return the folders to look into, each with what names there must begin with."""
    if path := full_path(typed):
        if typed.rstrip(" '\"").endswith("/") or os.path.isdir(path):
            return [(Path(path), "")]
        return [(Path(path).parent, Path(path).name)]
    home = Path(os.path.expanduser("~"))
    here = Path(full_path("."))
    places = [here, home / "Downloads", home, CONFIG_FOLDER, *extra]
    return [(folder, "") for folder in dict.fromkeys(places)]


def _listing(folder: Path, prefix: str, wanted: Wanted) -> list[Path]:
    """Return the files of ``folder`` with the right ending, the newest first."""
    suffix = ".p8" if wanted is Wanted.APPLE_KEY else ".json"
    found: list[tuple[float, Path]] = []
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(_ENTRIES_LIMIT), entries, strict=False):
                if not entry.name.lower().endswith(suffix) or not entry.name.startswith(prefix):
                    continue
                if clean(entry.name) != entry.name:
                    # Such a name could act on the terminal that offers it.
                    continue
                status = _status(entry)
                if status is not None and 0 < status.st_size <= SIZE_LIMIT:
                    found.append((-status.st_mtime, folder / entry.name))
    except (OSError, ValueError):
        return []
    return [path for _, path in sorted(found)]


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        status = entry.stat()
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _is_it(path: Path, wanted: Wanted) -> bool:
    """Return whether to offer ``path``; one that may not be opened is offered by its name."""
    try:
        kind = identify(files.read_plain(path, SIZE_LIMIT)[0]).kind
    except OSError:
        return wanted is Wanted.APPLE_KEY
    return kind is (FileKind.P256_KEY if wanted is Wanted.APPLE_KEY else FileKind.SERVICE_ACCOUNT)
