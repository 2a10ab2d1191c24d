"""What the desk counts and keeps of events that a worker tells twice."""

from datetime import UTC, datetime

import pytest

from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.worker.desk import WorkerDesk
from mmpush_tui.protocol.event import Event
from mmpush_tui.watching.rates import Rates

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def answered(run: str, seq: int, status: str = "OK") -> Event:
    return Event(
        v=1, run=run, seq=seq, at=AT.isoformat(), kind="delivery", id=f"{run}-{seq}",
        phase="answered", status=status, target="apple_rn", tries=1,
    )  # fmt: skip


async def test_an_event_that_is_read_again_is_kept_and_counted_once() -> None:
    changes: list[None] = []
    desk = WorkerDesk(
        ConsoleOptions(host="h"), lambda: changes.append(None), lambda _name, _error: None
    )
    desk.rates = Rates(lambda: 1000.0, AT.timestamp)
    events = [answered("run-1", seq) for seq in range(1, 10)]
    failed = answered("run-1", 10, "FAIL")
    desk.take_events([*events, failed])
    desk.take_events([*events, failed])
    assert desk.rates.read().ok_per_s == pytest.approx(1)
    assert [row.event.id for row in desk.ring] == [event.id for event in (*events, failed)]
    assert [kind.count for kind in desk.failures.latest()] == [1]
    # Another run counts from 1 again.
    desk.take_events([answered("run-2", 1)])
    assert desk.rates.read().ok_per_s == pytest.approx(10 / 9)
    assert [row.number for row in desk.ring] == list(range(1, 12))
    assert len(changes) == 3
    await desk.aclose()
