"""What a journal holds, read beside the worker that writes it or without one."""

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from mmpush_tui.protocol.event import Event, timestamp

_MILLI: Final = 1000
_COLUMNS: Final = (
    "at, run, seq, id, target, platform, type, device, status, reason, message, http, upstream_id,"
    " tries, bytes, total_ms, upstream_ms, device_ms"
)


class JournalEntry(NamedTuple):
    """A delivery that a receipt belongs to.

    Attributes:
        id: of the delivery.
        target: the configured type.
        device_ms: milliseconds from the delivery's end to the receipt.
    """

    id: str
    target: str
    device_ms: float


def ack_number(ack_id: str) -> int:
    """Return what an ack id is remembered by: 63 bits of its SHA-256."""
    digest = hashlib.sha256(ack_id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def find_delivery(path: Path, ack_id: str) -> JournalEntry | None:
    """Return the delivery that a first receipt of now is for; reads, so not in the loop.

    Of several with this ack id the latest is meant; None where that has its receipt, and where
    the journal cannot be read.
    """
    query = (
        "SELECT id, target, at, device_ms FROM delivery WHERE ack = ? ORDER BY rowid DESC LIMIT 1"
    )
    try:
        with contextlib.closing(_reader(path)) as database:
            row = database.execute(query, (ack_number(ack_id),)).fetchone()
    except sqlite3.Error:
        return None
    if row is None or row[3] is not None:
        return None
    return JournalEntry(row[0], row[1], max(time.time() * _MILLI - row[2], 0.0))


def read_journal(path: Path, *, since: float = 0.0, limit: int = 2000) -> list[Event]:
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


def _reader(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)


def _event(row: Sequence[Any]) -> Event:
    times = dict(zip(("total", "upstream", "device"), row[15:18], strict=True))
    return Event(
        v=1, at=timestamp(datetime.fromtimestamp(row[0] / _MILLI, UTC)), run=row[1], seq=row[2],
        kind="delivery", phase="answered", id=row[3], target=row[4], platform=row[5], type=row[6],
        device=row[7], status=row[8], reason=row[9], message=row[10], http=row[11],
        upstream_id=row[12], tries=row[13], bytes=row[14],
        ms={name: value for name, value in times.items() if value is not None},
    )  # fmt: skip
