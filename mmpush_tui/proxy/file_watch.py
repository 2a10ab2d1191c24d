"""Files that are read again when they change."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.tasks import beside

EVERY_S: Final = 2.0

Stamp = tuple[tuple[int, int, int] | None, ...]
"""For each file its number, size and time of change; None where it is missing."""


def files_of(config: ProxyConfig) -> tuple[str, ...]:
    """Return the files that a configuration was read from, itself first."""
    # Those that ask for a restart are what the worker writes: log and journal.
    names = [path for path, field in config.paths() if not field.restart]
    return tuple(dict.fromkeys((str(config.path), *names)))


def stamp(names: Iterable[str]) -> Stamp:
    """Return what tells whether one of the files changed; asks the disk."""
    return tuple(_stamp(name) for name in names)


def _stamp(name: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(name)
    except (OSError, ValueError):
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


async def watch(
    names: Callable[[], tuple[str, ...]],
    changed: Callable[[], Awaitable[object]],
    every_s: float = EVERY_S,
) -> None:
    """Call ``changed`` after each change of a file, once it has come to rest; until cancelled.

    Looked at, not listened to: files come over NFS, as mounts and by renaming, and all of that
    shows in a file's status.

    Args:
        names: returns the files, which a change may change.
        changed: is awaited before the next look.
        every_s: seconds between looks; a file rests when two looks agree.
    """
    last = await beside("stamp", stamp, names())
    has_changed = False
    while True:
        await asyncio.sleep(every_s)
        before, last = last, await beside("stamp", stamp, names())
        if last != before:
            has_changed = True
        elif has_changed:
            await changed()
            has_changed = False
            last = await beside("stamp", stamp, names())
