import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import msgspec
import pytest

from mmpush_tui.protocol.event import Event, timestamp
from mmpush_tui.proxy.events import EventBus

NEVER_S = 3600.0
"""A heartbeat so rare that no test sees it."""
WITHIN_S = 10.0


class Reader:
    """One reader of a bus, asked event by event."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = cast("AsyncGenerator[Event]", events)

    async def next(self) -> Event:
        async with asyncio.timeout(WITHIN_S):
            return await anext(self._events)

    async def take(self, count: int) -> list[Event]:
        return [await self.next() for _ in range(count)]

    async def rest(self) -> list[Event]:
        async with asyncio.timeout(WITHIN_S):
            return [event async for event in self._events]

    async def aclose(self) -> None:
        await self._events.aclose()


@contextlib.asynccontextmanager
async def reading(
    bus: EventBus, after: tuple[str, int] | None, heartbeat_s: float = NEVER_S
) -> AsyncIterator[Reader]:
    reader = Reader(bus.read(after, heartbeat_s))
    try:
        yield reader
    finally:
        await reader.aclose()


def publish(bus: EventBus, count: int) -> None:
    for _ in range(count):
        bus.publish("delivery", id=str(bus.seq + 1))


def seqs(events: list[Event]) -> list[int]:
    return [event.seq for event in events]


def test_numbers_events_from_one_within_its_run() -> None:
    bus = EventBus()
    assert bus.seq == 0
    first = bus.publish("state", status="ready")
    second = bus.publish("delivery", id="x", phase="arrived")
    assert (first.seq, second.seq, bus.seq) == (1, 2, 2)
    assert first.run == second.run == bus.run
    assert first.v == 1
    assert EventBus().run != bus.run


async def test_a_new_reader_gets_only_what_is_new() -> None:
    bus = EventBus()
    publish(bus, 3)
    async with reading(bus, None) as reader:
        waiting = asyncio.gather(reader.next())
        await asyncio.sleep(0)
        publish(bus, 1)
        assert (await waiting)[0].seq == 4


async def test_two_readers_get_the_same_each_at_its_own_pace() -> None:
    bus = EventBus()
    start = (bus.run, 0)
    async with reading(bus, start) as one, reading(bus, start) as two:
        publish(bus, 2)
        assert seqs(await one.take(2)) == [1, 2]
        publish(bus, 2)
        assert seqs(await two.take(4)) == [1, 2, 3, 4]
        assert seqs(await one.take(2)) == [3, 4]


async def test_wakes_a_reader_that_waits() -> None:
    bus = EventBus()
    async with reading(bus, (bus.run, 0)) as reader:
        for expected in (1, 2, 3):
            waiting = asyncio.gather(reader.next())
            await asyncio.sleep(0)
            assert not waiting.done()
            publish(bus, 1)
            assert (await waiting)[0].seq == expected


async def test_goes_on_behind_the_number_a_reader_names() -> None:
    bus = EventBus()
    publish(bus, 5)
    async with reading(bus, (bus.run, 3)) as reader:
        assert seqs(await reader.take(2)) == [4, 5]
    async with reading(bus, (bus.run, 5)) as reader:
        publish(bus, 1)
        assert seqs(await reader.take(1)) == [6]


async def test_a_slow_reader_gets_a_gap_with_the_exact_number_missed() -> None:
    bus = EventBus(ring=10)
    async with reading(bus, (bus.run, 0)) as reader:
        publish(bus, 1)
        assert (await reader.next()).seq == 1
        publish(bus, 25)
        gap, *events = await reader.take(11)
        assert (gap.kind, gap.status, gap.seq) == ("gap", "15", 16)
        assert gap.message == "the reader was too slow, or came too late"
        assert seqs(events) == list(range(17, 27))
        assert all(event.kind == "delivery" for event in events)
        publish(bus, 1)
        assert (await reader.next()).seq == 27


async def test_a_reader_at_the_edge_of_the_ring_misses_nothing() -> None:
    bus = EventBus(ring=10)
    async with reading(bus, (bus.run, 0)) as reader:
        publish(bus, 10)
        assert seqs(await reader.take(10)) == list(range(1, 11))


async def test_a_reader_far_behind_gets_all_that_is_kept_in_order() -> None:
    bus = EventBus(ring=5000)
    publish(bus, 4000)
    async with reading(bus, (bus.run, 0)) as reader:
        assert seqs(await reader.take(4000)) == list(range(1, 4001))


async def test_the_ring_keeps_the_newest() -> None:
    bus = EventBus(ring=5)
    publish(bus, 12)
    async with reading(bus, (bus.run, 0)) as reader:
        gap, *events = await reader.take(6)
        assert (gap.kind, gap.status, gap.seq) == ("gap", "7", 7)
        assert seqs(events) == [8, 9, 10, 11, 12]


async def test_a_gap_and_the_events_around_it_count_every_event_once() -> None:
    bus = EventBus(ring=7)
    missed, seen = 0, 0
    async with reading(bus, (bus.run, 0)) as reader:
        for burst in (3, 7, 8, 1, 60, 2, 49, 500):
            publish(bus, burst)
            while True:
                event = await reader.next()
                if event.kind == "gap":
                    missed += int(event.status)
                else:
                    seen += 1
                if event.kind != "gap" and event.seq == bus.seq:
                    break
            assert missed + seen == bus.seq


async def test_a_reader_of_another_run_gets_a_gap_and_then_all_that_is_kept() -> None:
    bus = EventBus()
    publish(bus, 3)
    async with reading(bus, ("another-run", 4711)) as reader:
        gap, *events = await reader.take(4)
        assert (gap.kind, gap.status, gap.run) == ("gap", "unknown", bus.run)
        assert gap.message == "the worker was started again since"
        assert seqs(events) == [1, 2, 3]


async def test_a_reader_of_another_run_waits_where_nothing_happened_yet() -> None:
    bus = EventBus()
    async with reading(bus, ("another-run", 4711)) as reader:
        assert (await reader.next()).kind == "gap"
        publish(bus, 1)
        assert (await reader.next()).seq == 1


async def test_tells_that_it_is_alive_where_nothing_happens() -> None:
    bus = EventBus()
    publish(bus, 2)
    async with reading(bus, (bus.run, 1), heartbeat_s=0.01) as reader:
        assert (await reader.next()).seq == 2
        for _ in range(2):
            alive = await reader.next()
            assert (alive.kind, alive.status, alive.seq) == ("state", "alive", 2)
        publish(bus, 1)
        event = await reader.next()
        while event.status == "alive":
            event = await reader.next()
        assert (event.kind, event.seq) == ("delivery", 3)
    assert bus.seq == 3


async def test_closing_ends_readers_behind_what_they_have_not_read() -> None:
    bus = EventBus()
    publish(bus, 3)
    async with reading(bus, (bus.run, 1)) as behind, reading(bus, None) as ahead:
        waiting = asyncio.gather(ahead.rest())
        await asyncio.sleep(0)
        bus.close()
        assert seqs(await behind.rest()) == [2, 3]
        assert (await waiting)[0] == []
    async with reading(bus, (bus.run, 2)) as late:
        assert seqs(await late.rest()) == [3]


async def test_a_reader_that_left_is_forgotten() -> None:
    bus = EventBus()
    publish(bus, 2)
    async with reading(bus, (bus.run, 0)) as leaving, reading(bus, (bus.run, 0)) as staying:
        await leaving.next()
        await staying.next()
        await leaving.aclose()
        # Nothing but the set itself shows that the bus lets go of who has left.
        assert len(bus._readers) == 1
        publish(bus, 1)
        assert seqs(await staying.take(2)) == [2, 3]
        with pytest.raises(StopAsyncIteration):
            await leaving.next()


async def test_a_cancelled_reader_leaves_the_bus_usable() -> None:
    bus = EventBus()
    async with reading(bus, None) as reader:
        waiting = asyncio.gather(reader.next())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    publish(bus, 1)
    async with reading(bus, (bus.run, 0)) as other:
        assert (await other.next()).seq == 1


async def test_keeps_ten_thousand_for_a_console_that_comes_back() -> None:
    bus = EventBus()
    publish(bus, 10_000)
    async with reading(bus, (bus.run, 0)) as reader:
        assert (await reader.next()).seq == 1


DOCUMENTED = [
    "v",
    "run",
    "seq",
    "at",
    "kind",
    "id",
    "target",
    "phase",
    "status",
    "reason",
    "ms",
    "tries",
    "message",
    "type",
    "platform",
    "device",
    "http",
    "upstream_id",
    "bytes",
    "stream",
]


def test_json_has_every_documented_key_and_no_other() -> None:
    bus = EventBus()
    event = bus.publish(
        "delivery",
        id="4f1d2a9b8c7e",
        target="apple_rn",
        phase="answered",
        status="FAIL",
        reason="PayloadTooLarge",
        ms={"total": 12.5, "upstream": 11.0},
        tries=1,
        message="too large",
        type="message",
        platform="apple_rn-v2",
        device="012345..",
        http=413,
        upstream_id="7f3a1c52-9a0e-4f6e-8a58-2f1f0d9b6c11",
        bytes=4711,
        stream=3,
    )
    encoded = msgspec.json.encode(event)
    assert list(msgspec.json.decode(encoded)) == DOCUMENTED
    expected = (
        f'{{"v":1,"run":"{bus.run}","seq":1,"at":"{event.at}","kind":"delivery",'
        '"id":"4f1d2a9b8c7e","target":"apple_rn","phase":"answered","status":"FAIL",'
        '"reason":"PayloadTooLarge","ms":{"total":12.5,"upstream":11.0},"tries":1,'
        '"message":"too large","type":"message","platform":"apple_rn-v2","device":"012345..",'
        '"http":413,"upstream_id":"7f3a1c52-9a0e-4f6e-8a58-2f1f0d9b6c11","bytes":4711,'
        '"stream":3}'
    )
    assert encoded.decode() == expected
    assert msgspec.json.decode(encoded, type=Event) == event


def test_json_has_every_key_where_there_is_nothing_to_say() -> None:
    encoded = msgspec.json.encode(EventBus().publish("state"))
    assert list(msgspec.json.decode(encoded)) == DOCUMENTED


TIMES = [
    pytest.param(
        datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), "2026-01-02T03:04:05.678Z", id="UTC"
    ),
    pytest.param(
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000Z", id="whole seconds"
    ),
    pytest.param(
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        "2026-01-01T21:34:05.000Z",
        id="another zone",
    ),
]


@pytest.mark.parametrize(("at", "written"), TIMES)
def test_writes_times_in_utc_with_milliseconds(at: datetime, written: str) -> None:
    assert timestamp(at) == written


def test_stamps_events_with_the_time_of_now() -> None:
    before = timestamp()
    event = EventBus().publish("state")
    assert before <= event.at <= timestamp()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.at)
