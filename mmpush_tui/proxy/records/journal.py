"""The delivery journal: what became of each push, in SQLite. Metadata only.

A thread of its own owns the database, so that a disk that is slow, full or away never holds up a
push. What it could not write is counted and lost.
"""

import contextlib
import itertools
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from mmpush_tui.protocol.event import Event
from mmpush_tui.proxy.records.journal_file import JournalFile, UnusableError, is_damage, put_aside
from mmpush_tui.proxy.records.journal_queries import ack_number

WAITING_LIMIT: Final = 20_000
"""Deliveries and receipts that may wait to be written; of more, the oldest are lost."""
_EVERY_S: Final = 0.5
_AGAIN_S: Final = 30.0
_PRUNE_EVERY_S: Final = 60.0
_ASIDE_EVERY_S: Final = 3600.0
_PRUNE_ROWS: Final = 5_000
_MILLI: Final = 1000
_INT64: Final = 2**63 - 1

_BATCH: Final = 1_000
_AT_ONCE: Final = 100
# The interpreter is handed over once a statement, so that many rows belong into each.
_MARKS: Final = f"({', '.join('?' * 19)})"
_INSERT: Final = f"INSERT INTO delivery VALUES {_MARKS}"  # noqa: S608 - marks alone
_INSERT_MANY: Final = f"INSERT INTO delivery VALUES {', '.join([_MARKS] * _AT_ONCE)}"  # noqa: S608 - marks alone
_RECEIVED: Final = """
UPDATE delivery SET device_ms = max(? - at, 0) WHERE device_ms IS NULL
AND rowid = (SELECT rowid FROM delivery WHERE ack = ? ORDER BY rowid DESC LIMIT 1)
"""


class _Ended(NamedTuple):
    event: Event
    ack_id: str
    at_ms: int


class _Receipt(NamedTuple):
    ack: int
    at_ms: int


class Journal:
    """Writes deliveries and receipts, keeps so many for so long.

    Args:
        path: the database; made with its folder where it is missing, for its owner alone.
        days: a delivery is kept so long.
        rows: so many are kept.
        complain: told in a sentence when writing fails, and when it works again; called from
            another thread.
        is_named: somebody chose the path, so that what is there may be anything.
        every_s: seconds between writes.
    """

    def __init__(
        self,
        path: Path,
        *,
        days: int,
        rows: int,
        complain: Callable[[str], None],
        is_named: bool = False,
        every_s: float = _EVERY_S,
    ) -> None:
        self.path = path
        self.lost = 0
        """Deliveries and receipts that could not be written."""
        self._days = days
        self._rows = rows
        self._complain = complain
        self._is_named = is_named
        self._every_s = every_s
        self._waiting: deque[_Ended | _Receipt] = deque()
        self._batch: list[_Ended | _Receipt] = []
        """Taken from those that wait, and not written for certain."""
        self._stop = threading.Event()
        self._file: JournalFile | None = None
        self._again_at = 0.0
        self._prune_at = 0.0
        self._aside_at = 0.0
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
        self._wait(_Ended(event, ack_id, time.time_ns() // 1_000_000))

    def acknowledged(self, ack_id: str) -> None:
        """Note a receipt; never waits."""
        self._wait(_Receipt(ack_number(ack_id), time.time_ns() // 1_000_000))

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, as far as that is possible soon."""
        self._stop.set()
        self._thread.join(timeout_s)

    def _wait(self, entry: _Ended | _Receipt) -> None:
        self._waiting.append(entry)
        if len(self._waiting) > WAITING_LIMIT:
            # The thread may have taken the last one since.
            with contextlib.suppress(IndexError):
                self._waiting.popleft()
                self.lost += 1

    # In the thread

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self._work()
        self._again_at = 0.0
        self._work()
        self._let_go()

    def _work(self) -> None:
        now = time.monotonic()
        if now < self._again_at:
            return
        try:
            file = self._opened()
            self._write(file.database)
            if now >= self._prune_at or self._unpruned > max(self._rows // 20, 1):
                self._prune_at = now + _PRUNE_EVERY_S
                self._unpruned = 0
                self._prune(file.database)
        except (sqlite3.Error, OSError, UnusableError) as error:
            self._failed(error)
        except Exception as error:  # said as a complaint: the thread must live for what comes next
            self.lost += len(self._batch)
            self._batch.clear()
            self._failed(error)
        else:
            if self._complaint:
                self._complaint = ""
                lost = f"; {self.lost} deliveries are missing in it" if self.lost else ""
                self._complain(f"the journal {self.path} can be written again{lost}")

    def _opened(self) -> JournalFile:
        """Return the file, opened where it is not, and made anew where somebody removed it."""
        if self._file is not None and not self._file.is_there():
            self._let_go()
        if self._file is None:
            self._file = JournalFile(self.path, is_named=self._is_named)
        return self._file

    def _let_go(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _failed(self, error: Exception) -> None:
        self._again_at = time.monotonic() + _AGAIN_S
        # Opened anew, for the file may have been put right, or away, meanwhile.
        self._let_go()
        if is_damage(error) and time.monotonic() >= self._aside_at:
            # A disk that breaks every new one would be filled with broken ones.
            self._aside_at = time.monotonic() + _ASIDE_EVERY_S
            self._put_aside()
            return
        words = f"the journal {self.path} cannot be written, pushes go on without: {_why(error)}"
        if words != self._complaint:
            self._complaint = words
            self._complain(words)

    def _put_aside(self) -> None:
        """Begin a new journal; what could not be written to the damaged one goes there."""
        try:
            kept = put_aside(self.path)
        except OSError as error:
            self._failed(error)
            return
        self._complain(
            f"the journal {self.path} was damaged; it is kept as {kept} and a new one begun"
        )
        self._again_at = 0.0
        self._work()

    def _write(self, database: sqlite3.Connection) -> None:
        while self._batch or self._waiting:
            while self._waiting and len(self._batch) < _BATCH:
                self._batch.append(self._waiting.popleft())
            self._write_batch(database)
            self._unpruned += len(self._batch)
            self._batch.clear()

    def _write_batch(self, database: sqlite3.Connection) -> None:
        rows = [_row(it) for it in self._batch if isinstance(it, _Ended)]
        receipts = [(it.at_ms, it.ack) for it in self._batch if isinstance(it, _Receipt)]
        try:
            _transact(database, rows, receipts)
        except (UnicodeEncodeError, OverflowError):
            # Half a surrogate pair, or a number that SQLite has no room for.
            _transact(database, [[_holdable(it) for it in row] for row in rows], receipts)

    def _prune(self, database: sqlite3.Connection) -> None:
        """Delete what is too old or too much, a bite at a time, and give the space back."""
        oldest = (time.time() - self._days * 86_400) * _MILLI
        # By time, for a clock that was set back leaves newer rows behind older ones.
        old = "SELECT rowid FROM delivery WHERE at < ? ORDER BY at LIMIT ?"
        deleted = database.execute(
            f"DELETE FROM delivery WHERE rowid IN ({old})",  # noqa: S608 - ours
            (oldest, _PRUNE_ROWS),
        ).rowcount
        count = database.execute("SELECT count(*) FROM delivery").fetchone()[0]
        if (over := count - self._rows) > 0:
            first = "SELECT rowid FROM delivery ORDER BY rowid LIMIT ?"
            database.execute(
                f"DELETE FROM delivery WHERE rowid IN ({first})",  # noqa: S608 - ours
                (min(over, _PRUNE_ROWS),),
            )
        if deleted or over > 0:
            # execute() would take one step of it, which is one page.
            database.executescript("PRAGMA incremental_vacuum;")
        if max(deleted, over) >= _PRUNE_ROWS:
            # There is more of it.
            self._prune_at = 0.0


def _transact(
    database: sqlite3.Connection,
    rows: Sequence[Sequence[object]],
    receipts: Sequence[tuple[int, int]],
) -> None:
    database.execute("BEGIN IMMEDIATE")
    try:
        _insert(database, rows)
        database.executemany(_RECEIVED, receipts)
        database.execute("COMMIT")
    except BaseException:  # interrupted too: an open transaction would hold everybody up
        with contextlib.suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise


def _insert(database: sqlite3.Connection, rows: Sequence[Sequence[object]]) -> None:
    whole = len(rows) - len(rows) % _AT_ONCE
    for start in range(0, whole, _AT_ONCE):
        values = itertools.chain.from_iterable(rows[start : start + _AT_ONCE])
        database.execute(_INSERT_MANY, tuple(values))
    database.executemany(_INSERT, rows[whole:])


def _row(ended: _Ended) -> Sequence[object]:
    event, ms = ended.event, ended.event.ms
    return (
        ended.at_ms, event.run, event.seq, event.id, event.target, event.platform,
        event.type, event.device, event.status, event.reason, event.message, event.http,
        event.upstream_id, event.tries, event.bytes, ms.get("total", 0.0), ms.get("upstream"),
        ms.get("device"), ack_number(ended.ack_id) if ended.ack_id else None,
    )  # fmt: skip


def _holdable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return max(min(value, _INT64), -_INT64)
    return value


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, (sqlite3.Error, UnusableError)):
        return str(error)
    return type(error).__name__
