"""The delivery journal: what became of each push, in SQLite. Metadata only.

A thread of its own owns the database, so that a disk that is slow, full or away never holds up a
push. What it could not write is counted and lost.
"""

import contextlib
import hashlib
import itertools
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from mmpush_tui.proxy import paths
from mmpush_tui.proxy.events import Event, timestamp

WAITING_LIMIT: Final = 20_000
"""Deliveries that may wait to be written; of more, the oldest are lost."""
_EVERY_S: Final = 0.5
_AGAIN_S: Final = 30.0
_PRUNE_EVERY_S: Final = 60.0
_PRUNE_ROWS: Final = 5_000
_BUSY_MS: Final = 2_000
_VERSION: Final = 1
_MILLI: Final = 1000

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
_BATCH: Final = 1_000
_AT_ONCE: Final = 100
# The interpreter is handed over once a statement, so that many rows belong into each.
_MARKS: Final = f"({', '.join('?' * 19)})"
_INSERT: Final = f"INSERT INTO delivery VALUES {_MARKS}"  # noqa: S608 - marks alone
_INSERT_MANY: Final = f"INSERT INTO delivery VALUES {', '.join([_MARKS] * _AT_ONCE)}"  # noqa: S608 - marks alone
_RECEIVED: Final = "UPDATE delivery SET device_ms = ? - at WHERE ack = ? AND device_ms IS NULL"
_COLUMNS: Final = (
    "at, run, seq, id, target, platform, type, device, status, reason, message, http, upstream_id,"
    " tries, bytes, total_ms, upstream_ms, device_ms"
)


class _Ended(NamedTuple):
    event: Event
    ack_id: str
    at_ms: int


class _Receipt(NamedTuple):
    ack: int
    at_ms: int


class Found(NamedTuple):
    """A delivery that a receipt belongs to.

    Attributes:
        id: of the delivery.
        target: the configured type.
        device_ms: milliseconds from the delivery's end to the receipt.
    """

    id: str
    target: str
    device_ms: float


def default_path(port: int, listen: str) -> Path:
    """Return where a worker's journal is: in its state folder, by its port."""
    name = f"journal-{port}.db" if port else f"journal-{Path(listen[5:]).stem}.db"
    if state := os.environ.get("STATE_DIRECTORY"):
        return Path(state.partition(":")[0]) / name
    return paths.user_folder().parent / "journals" / name


def ack_number(ack_id: str) -> int:
    """Return what an ack id is remembered by: 63 bits of its SHA-256."""
    digest = hashlib.sha256(ack_id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Journal:
    """Writes deliveries and receipts, keeps so many for so long.

    Args:
        path: the database; made with its folder where it is missing, for its owner alone.
        days: a delivery is kept so long.
        rows: so many are kept.
        complain: told in a sentence when writing fails, and when it works again; called from
            another thread.
        every_s: seconds between writes.
    """

    def __init__(
        self,
        path: Path,
        *,
        days: int,
        rows: int,
        complain: Callable[[str], None],
        every_s: float = _EVERY_S,
    ) -> None:
        self.path = path
        self.lost = 0
        """Deliveries and receipts that could not be written."""
        self._days = days
        self._rows = rows
        self._complain = complain
        self._every_s = every_s
        self._waiting: deque[_Ended | _Receipt] = deque()
        self._batch: list[_Ended | _Receipt] = []
        """Taken from those that wait, and not written for certain."""
        self._stop = threading.Event()
        self._database: sqlite3.Connection | None = None
        self._again_at = 0.0
        self._prune_at = 0.0
        self._unpruned = 0
        """Rows written since the last look at how many there are."""
        self._complaint = ""
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def add(self, event: Event, ack_id: str) -> None:
        """Note the end of a delivery; never waits.

        Args:
            event: the delivery, answered.
            ack_id: which its receipt will bear; empty where none will come.
        """
        self._waiting.append(_Ended(event, ack_id, time.time_ns() // 1_000_000))
        if len(self._waiting) > WAITING_LIMIT:
            self._waiting.popleft()
            self.lost += 1

    def acknowledged(self, ack_id: str) -> None:
        """Note a receipt; never waits."""
        self._waiting.append(_Receipt(ack_number(ack_id), time.time_ns() // 1_000_000))

    def find(self, ack_id: str) -> Found | None:
        """Return the delivery that a first receipt of now is for; reads, so not in the loop."""
        query = (
            "SELECT id, target, at FROM delivery WHERE ack = ? AND device_ms IS NULL "
            "ORDER BY at DESC LIMIT 1"
        )
        try:
            with contextlib.closing(_reader(self.path)) as database:
                row = database.execute(query, (ack_number(ack_id),)).fetchone()
        except sqlite3.Error:
            return None
        return Found(row[0], row[1], time.time() * _MILLI - row[2]) if row else None

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, as far as that is possible soon."""
        self._stop.set()
        self._thread.join(timeout_s)

    # In the thread

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self._work()
        self._again_at = 0.0
        self._work()
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()

    def _work(self) -> None:
        now = time.monotonic()
        if now < self._again_at:
            return
        try:
            if self._database is None:
                self._database = _open(self.path, self._complain)
            self._write(self._database)
            if now >= self._prune_at or self._unpruned > max(self._rows // 20, 1):
                self._prune_at = now + _PRUNE_EVERY_S
                self._unpruned = 0
                self._prune(self._database)
        except (sqlite3.Error, OSError, _UnusableError) as error:
            self._failed(error)
        else:
            if self._complaint:
                self._complaint = ""
                lost = f"; {self.lost} deliveries are missing in it" if self.lost else ""
                self._complain(f"the journal {self.path} can be written again{lost}")

    def _failed(self, error: Exception) -> None:
        self._again_at = time.monotonic() + _AGAIN_S
        # Opened anew, for the file may have been put right, or away, meanwhile.
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None
        words = f"the journal {self.path} cannot be written, pushes go on without: {error}"
        if words != self._complaint:
            self._complaint = words
            self._complain(words)

    def _write(self, database: sqlite3.Connection) -> None:
        while self._batch or self._waiting:
            while self._waiting and len(self._batch) < _BATCH:
                self._batch.append(self._waiting.popleft())
            self._write_batch(database)
            self._unpruned += len(self._batch)
            self._batch.clear()

    def _write_batch(self, database: sqlite3.Connection) -> None:
        database.execute("BEGIN IMMEDIATE")
        try:
            _insert(database, [_row(it) for it in self._batch if isinstance(it, _Ended)])
            receipts = [(it.at_ms, it.ack) for it in self._batch if isinstance(it, _Receipt)]
            database.executemany(_RECEIVED, receipts)
            database.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            raise

    def _prune(self, database: sqlite3.Connection) -> None:
        """Delete what is too old or too much, a bite at a time, and give the space back."""
        oldest = (time.time() - self._days * 86_400) * _MILLI
        first = "SELECT rowid FROM delivery ORDER BY rowid LIMIT"
        deleted = database.execute(
            f"DELETE FROM delivery WHERE rowid IN ({first} ?) AND at < ?",  # noqa: S608 - ours
            (_PRUNE_ROWS, oldest),
        ).rowcount
        # Rows are only ever added behind and deleted in front.
        span = "SELECT coalesce(max(rowid) - min(rowid) + 1, 0) FROM delivery"
        count = database.execute(span).fetchone()[0]
        if (over := count - self._rows) > 0:
            database.execute(
                f"DELETE FROM delivery WHERE rowid IN ({first} ?)",  # noqa: S608 - ours
                (min(over, _PRUNE_ROWS),),
            )
        if deleted or over > 0:
            # execute() would take one step of it, which is one page.
            database.executescript("PRAGMA incremental_vacuum;")
        if max(deleted, over) >= _PRUNE_ROWS:
            # There is more of it.
            self._prune_at = 0.0


class _UnusableError(Exception):
    """A database that is there and not ours to write."""


def _insert(database: sqlite3.Connection, rows: Sequence[Sequence[object]]) -> None:
    whole = len(rows) - len(rows) % _AT_ONCE
    for start in range(0, whole, _AT_ONCE):
        values = itertools.chain.from_iterable(rows[start : start + _AT_ONCE])
        database.execute(_INSERT_MANY, tuple(values))
    database.executemany(_INSERT, rows[whole:])


def _row(it: _Ended) -> Sequence[object]:
    event, ms = it.event, it.event.ms
    return (
        it.at_ms, event.run, event.seq, event.id, event.target, event.platform,
        event.type, event.device, event.status, event.reason, event.message, event.http,
        event.upstream_id, event.tries, event.bytes, ms.get("total", 0.0), ms.get("upstream"),
        ms.get("device"), ack_number(it.ack_id) if it.ack_id else None,
    )  # fmt: skip


def _open(path: Path, complain: Callable[[str], None]) -> sqlite3.Connection:
    """Return the database, made where it is missing, put aside where it is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _opened(path)
    except sqlite3.DatabaseError as error:
        if "not a database" not in str(error) and "malformed" not in str(error):
            raise
        aside = path.with_name(f"{path.name}.broken-{int(time.time())}")
        path.replace(aside)
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        complain(f"the journal {path} was damaged; it is kept as {aside.name} and a new one begun")
        return _opened(path)


def _opened(path: Path) -> sqlite3.Connection:
    # With its mode from the first moment on; SQLite gives its side files the same.
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_MS / _MILLI)
    try:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise _UnusableError("it was made by a newer mmpush-tui")
        if version == 0:
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA journal_size_limit = 4194304")
    except BaseException:
        database.close()
        raise
    return database


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)


def read(path: Path, *, since: float = 0.0, limit: int = 2000) -> list[Event]:
    """Return the newest deliveries in a journal, the last one last; reads, so not in the loop.

    Args:
        path: the database, also one that a worker writes to.
        since: only what ended after that, seconds since 1970.
        limit: so many at most.

    Raises:
        sqlite3.Error: it cannot be read, or is none.
    """
    query = f"SELECT {_COLUMNS} FROM delivery WHERE at > ? ORDER BY at DESC, seq DESC LIMIT ?"  # noqa: S608 - ours
    with contextlib.closing(_reader(path)) as database:
        rows = database.execute(query, (since * _MILLI, limit)).fetchall()
    return [_event(row) for row in reversed(rows)]


def _event(row: Sequence[Any]) -> Event:
    times = dict(zip(("total", "upstream", "device"), row[15:18], strict=True))
    return Event(
        v=1, at=timestamp(datetime.fromtimestamp(row[0] / _MILLI, UTC)), run=row[1], seq=row[2],
        kind="delivery", phase="answered", id=row[3], target=row[4], platform=row[5], type=row[6],
        device=row[7], status=row[8], reason=row[9], message=row[10], http=row[11],
        upstream_id=row[12], tries=row[13], bytes=row[14],
        ms={name: value for name, value in times.items() if value is not None},
    )  # fmt: skip
