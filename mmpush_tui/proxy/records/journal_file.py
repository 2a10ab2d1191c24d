"""The journal's file: where it is, whose it is, and what is done when it is damaged."""

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import Final

from mmpush_tui import files
from mmpush_tui.protocol import paths

_BUSY_S: Final = 2.0
_VERSION: Final = 1
_MARK: Final = 0x6D6D7075
"""SQLite's application id: whose database this is."""
_MAGIC: Final = b"SQLite format 3\0"
_MARK_AT: Final = 68
_HEADER: Final = 100
_CORRUPT: Final = frozenset({11, 26})
"""SQLITE_CORRUPT and SQLITE_NOTADB."""
_SIDES: Final = ("-wal", "-shm")

_SCHEMA: Final = """
CREATE TABLE delivery (
    at INTEGER NOT NULL, run TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL,
    target TEXT NOT NULL, platform TEXT NOT NULL, type TEXT NOT NULL, device TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, http INTEGER NOT NULL,
    upstream_id TEXT NOT NULL, tries INTEGER NOT NULL, bytes INTEGER NOT NULL,
    total_ms REAL NOT NULL, upstream_ms REAL, device_ms REAL, ack INTEGER
);
CREATE INDEX delivery_at ON delivery (at);
CREATE INDEX delivery_ack ON delivery (ack) WHERE ack IS NOT NULL;
"""


class UnusableError(Exception):
    """A file that is there and that no journal can be kept in; says why."""


def folder() -> Path:
    """Return where a worker keeps its journal if nobody names another place."""
    if state := os.environ.get("STATE_DIRECTORY"):
        return Path(state.partition(":")[0])
    return paths.user_folder().parent / "journals"


def default_journal(port: int, listen: str) -> Path:
    """Return where a worker's journal is: in its state folder, by its port."""
    return folder() / (f"journal-{port}.db" if port else f"journal-{Path(listen[5:]).stem}.db")


def is_damage(error: Exception) -> bool:
    """Return whether SQLite says that the file itself is broken."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _CORRUPT


class JournalFile:
    """A journal that is open for writing, by this process and no other.

    Args:
        path: the database; made with its folder where it is missing, for its owner alone.
        is_named: somebody chose the path, so that what is there may be anything: it is left
            alone unless it bears our mark.

    Attributes:
        database: the connection; each statement is a transaction of its own.

    Raises:
        UnusableError: it is another program's, or another worker writes to it.
        OSError: it cannot be made or read.
        sqlite3.Error: it cannot be opened; with :func:`is_damage` for a broken one.
    """

    def __init__(self, path: Path, *, is_named: bool) -> None:
        self._path = path
        with contextlib.ExitStack() as undo:
            _refuse_others(path, is_named=is_named)
            # Two writers would delete each other's deliveries.
            try:
                undo.enter_context(files.file_lock(path))
            except BlockingIOError as error:
                raise UnusableError("another worker writes to it") from error
            self.database = _opened(path)
            undo.callback(self.database.close)
            self._was = os.stat(path)
            self._undo = undo.pop_all()

    def is_there(self) -> bool:
        """Return whether the path still leads to what is open."""
        try:
            return os.path.samestat(os.stat(self._path), self._was)
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Close it, and let another worker have it."""
        with contextlib.suppress(sqlite3.Error):
            self._undo.close()


def put_aside(path: Path) -> str:
    """Rename a damaged journal, so that a new one can begin, and return its new name."""
    aside = path.with_name(f"{path.name}.broken-{int(time.time())}")
    path.replace(aside)
    _remove_sides(path)
    return aside.name


def _refuse_others(path: Path, *, is_named: bool) -> None:
    try:
        header, _ = files.read_plain(path, _HEADER)
    except FileNotFoundError:
        return
    except files.NotAFileError as error:
        raise UnusableError("it is no file that a database can be in; name another path") from error
    if not header:
        return
    if header.startswith(_MAGIC):
        mark = int.from_bytes(header[_MARK_AT : _MARK_AT + 4], "big")
        # A database without a mark is somebody's who gave it none.
        if mark != _MARK:
            raise UnusableError("it is the database of another program; name another path")
    elif is_named:
        raise UnusableError("it is there and no journal; name another path, or move it away")


def _opened(path: Path) -> sqlite3.Connection:
    # With its mode from the first moment on; SQLite gives its side files the same.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        # Those of a journal that was removed would be read into this one.
        _remove_sides(path)
    database = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S)
    try:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise UnusableError("it was made by a newer mmpush-tui")
        if version == 0:
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")
            # Before the write-ahead log begins, or a kill would leave our mark there alone.
            database.executescript(
                f"BEGIN; PRAGMA application_id = {_MARK}; {_SCHEMA}"
                f" PRAGMA user_version = {_VERSION}; COMMIT;"
            )
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA journal_size_limit = 4194304")
    except BaseException:
        # Whatever it was, the caller gets no database that could be closed.
        database.close()
        raise
    return database


def _remove_sides(path: Path) -> None:
    for suffix in _SIDES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
