"""Events that come again, told from new ones."""

from mmpush_tui.protocol.event import Event
from mmpush_tui.watching.cursor import EventCursor


def event(run: str, seq: int) -> Event:
    return Event(v=1, run=run, seq=seq, at="", kind="state", status="alive")


def test_events_that_come_again_are_passed_over_also_across_runs() -> None:
    cursor = EventCursor()
    first = [event("run-1", seq) for seq in (1, 2, 5)]
    assert [cursor.advance(one) for one in (*first, *first)] == [True] * 3 + [False] * 3
    assert [cursor.advance(event("run-2", seq)) for seq in (1, 2, 2)] == [True, True, False]
    # Numbers of a run say nothing about those of another.
    assert cursor.advance(event("run-1", 1))
