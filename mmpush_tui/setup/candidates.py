"""Files that could be the credential that is asked for, found where people keep them.

Reads folders and the beginnings of small files: call it through ``tasks.beside``.
"""

import contextlib
import os
import stat
from enum import StrEnum
from pathlib import Path
from typing import Final

from mmpush_tui import files
from mmpush_tui.credentials.file import SIZE_LIMIT
from mmpush_tui.credentials.kinds import FileKind, identify
from mmpush_tui.paths import full_path
from mmpush_tui.text import clean

CONFIG_FOLDER: Final = Path("/etc/mmpush-tui")
_ENTRIES_LIMIT: Final = 2000
_OPENED_LIMIT: Final = 200
_FOUND_LIMIT: Final = 20


class Wanted(StrEnum):
    """Which credential is looked for."""

    APPLE_KEY = "apple key"
    SERVICE_ACCOUNT = "service account"


def suggest_files(wanted: Wanted, typed: str = "") -> tuple[Path, ...]:
    """Return files that could be meant, best first, at most 20.

    Args:
        wanted: which credential.
        typed: what is in the input so far: a folder, or the beginning of a path. Its folder is
            looked at first, and only names that begin as typed are offered from it. Where it
            names a folder, the usual places are left out.
    """
    offered: dict[Path, None] = {}
    opened = 0
    for folder, prefix in _places(typed):
        for path in _listing(folder, prefix, wanted):
            if len(offered) >= _FOUND_LIMIT or opened >= _OPENED_LIMIT:
                break
            opened += 1
            if path not in offered and _is_it(path, wanted):
                offered[path] = None
    return tuple(offered)


def _places(typed: str) -> list[tuple[Path, str]]:
    """Return the folders to look into, each with what names there must begin with."""
    if path := full_path(typed):
        if typed.rstrip(" '\"").endswith("/") or os.path.isdir(path):
            return [(Path(path), "")]
        return [(Path(path).parent, Path(path).name)]
    home = Path(os.path.expanduser("~"))
    here = Path(full_path("."))
    places = dict.fromkeys((here, home / "Downloads", home, CONFIG_FOLDER))
    return [(folder, "") for folder in places]


def _listing(folder: Path, prefix: str, wanted: Wanted) -> list[Path]:
    """Return the files of ``folder`` with the right ending, the newest first."""
    suffix = ".p8" if wanted is Wanted.APPLE_KEY else ".json"
    by_age: list[tuple[float, Path]] = []
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(_ENTRIES_LIMIT), entries, strict=False):
                if not entry.name.lower().endswith(suffix) or not entry.name.startswith(prefix):
                    continue
                if clean(entry.name) != entry.name:
                    # Such a name could act on the terminal that offers it.
                    continue
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    if stat.S_ISREG(status.st_mode) and 0 < status.st_size <= SIZE_LIMIT:
                        by_age.append((-status.st_mtime, folder / entry.name))
    except (OSError, ValueError):
        return []
    return [path for _, path in sorted(by_age)]


def _is_it(path: Path, wanted: Wanted) -> bool:
    """Return whether to offer ``path``; one that may not be opened is offered by its name."""
    try:
        kind = identify(files.read_plain(path, SIZE_LIMIT)[0]).kind
    except OSError:
        return wanted is Wanted.APPLE_KEY
    return kind is (FileKind.P256_KEY if wanted is Wanted.APPLE_KEY else FileKind.SERVICE_ACCOUNT)
