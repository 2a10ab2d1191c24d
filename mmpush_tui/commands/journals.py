"""The delivery journal that a command reads: which one, and what is in it."""

import asyncio
import os
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from mmpush_tui.errors import FailedError, UnreachableError, UsageError
from mmpush_tui.protocol.event import Event
from mmpush_tui.proxy.records import journal_file, journal_queries
from mmpush_tui.watching import client

_MOST: Final = 1_000_000
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def since_seconds(since: str) -> float:
    """Return since when ``since``, such as ``2h``, is, in seconds since 1970; 0 for an empty one.

    Raises:
        UsageError: it is no such time.
    """
    if not since:
        return 0.0
    number, unit = since[:-1], since[-1:]
    if not number.isdecimal() or not number.isascii() or unit not in _UNITS or len(number) > 9:
        raise UsageError(
            f"--since {since}: expected a time such as 30m, 2h or 7d", code="since-shape"
        )
    return max(time.time() - int(number) * _UNITS[unit], 0.0)


def read_deliveries(path: Path, *, since: float) -> list[Event]:
    """Return the newest deliveries in the journal at ``path``, the last one last.

    Args:
        path: the journal.
        since: of what time on, in seconds since 1970.

    Raises:
        FailedError: there is none, or it cannot be read.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise FailedError(f"{path}: there is no such file", code="journal-missing") from None
    except PermissionError as error:
        raise _not_ours(path) from error
    except OSError as error:
        raise FailedError(
            f"{path} cannot be read as a journal",
            why=str(error.strerror),
            code="journal-unreadable",
        ) from error
    if not os.access(path, os.R_OK):
        raise _not_ours(path)
    try:
        return journal_queries.read_journal(path, since=since, limit=_MOST)
    except sqlite3.Error as error:
        raise FailedError(
            f"{path} cannot be read as a journal", why=str(error), code="journal-unreadable"
        ) from error


def _not_ours(path: Path) -> FailedError:
    return FailedError(
        f"{path} cannot be read", why="a journal is for the user of its worker alone",
        fix="Run this as that user, or with sudo.", code="journal-unreadable",
    )  # fmt: skip


def find_journal(control: Path | None) -> Path:
    """Return the journal of the worker that is meant, or the only one that was left behind.

    Args:
        control: the control socket that the user named, if any.

    Raises:
        FailedError: no journal is kept, or none was found.
        UnreachableError: the named worker does not answer.
        UsageError: several could be meant.
    """
    try:
        path = client.find_worker(control)
    except UnreachableError:
        return _left_behind()
    kept = asyncio.run(_status(path))["journal"]
    if kept is None:
        raise FailedError("this worker keeps no journal", code="journal-off")
    return Path(kept["path"])


async def _status(path: Path) -> dict[str, Any]:
    async with client.ControlClient(path) as worker:
        return await worker.status()


def _left_behind() -> Path:
    folder = journal_file.folder()
    try:
        journals = sorted(folder.glob("journal-*.db"))
    except PermissionError as error:
        raise _not_ours(folder) from error
    if not journals:
        raise FailedError(f"no worker runs, and {folder} holds no journal", code="journal-missing")
    if len(journals) > 1:
        raise UsageError(
            "no worker runs, and there are several journals: " + ", ".join(map(str, journals)),
            code="journal-ambiguous",
        )  # fmt: skip
    return journals[0]
