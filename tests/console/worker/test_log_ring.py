"""The rows of the delivery log, against a model that keeps everything and counts by hand."""

import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmpush_tui.console.worker.log_ring import TEXT_LIMIT, LogRing, LogRow
from mmpush_tui.protocol.event import Event
from mmpush_tui.proxy.events import EventBus
from mmpush_tui.watching.cursor import EventCursor
from mmpush_tui.watching.filters import Matcher, parse_filter


class Feed:
    """Makes events with growing numbers, as a worker does."""

    def __init__(self, *rings: LogRing) -> None:
        self.rings = rings
        self.run, self.seq = "run-1", 0

    def event(self, kind: Any, **fields: Any) -> Event:
        self.seq += 1
        event = Event(v=1, run=self.run, seq=self.seq, at=f"at {self.seq}", kind=kind, **fields)
        for ring in self.rings:
            ring.add(event)
        return event

    def arrived(self, id_: str, **fields: Any) -> Event:
        return self.event("delivery", id=id_, phase="arrived", **fields)

    def sent(self, id_: str, stream: int = 1, **fields: Any) -> Event:
        return self.event("delivery", id=id_, phase="sent", stream=stream, **fields)

    def answered(self, id_: str, status: str = "OK", **fields: Any) -> Event:
        return self.event("delivery", id=id_, phase="answered", status=status, **fields)

    def ack(self, id_: str, ms: float = 5.0) -> Event:
        return self.event("ack", id=id_, ms={"device": ms}, status="received")

    def begin_run(self, name: str) -> None:
        self.run, self.seq = name, 0


def numbers(ring: LogRing) -> list[int]:
    return [row.number for row in ring]


def ids(ring: LogRing) -> list[str]:
    return [row.event.id for row in ring]


def test_a_row_is_an_answer_and_knows_all_that_came_before() -> None:
    ring = LogRing()
    feed = Feed(ring)
    told = [
        feed.arrived("a", target="apple_rn", bytes=9),
        feed.sent("a", 3, target="apple_rn", bytes=9),
        feed.sent("a", 5, target="apple_rn", bytes=9),
    ]
    assert len(ring) == 0
    end = {"reason": "R", "tries": 2, "http": 400, "message": "m", "upstream_id": "u"}
    told.append(feed.answered("a", "FAIL", target="apple_rn", bytes=9, ms={"total": 1.0}, **end))
    (row,) = ring
    assert (row.number, row.is_failure, row.seen_ms) == (1, True, None)
    assert row.event == told[-1]
    assert row.events() == told


def test_a_receipt_changes_its_row_in_place_and_only_the_first_counts() -> None:
    ring = LogRing()
    feed = Feed(ring)
    feed.answered("a", target="apple_rn", type="message", platform="apple_rn")
    before = ring.revision
    told = feed.event("ack", id="a", ms={"device": 1900.0}, status="received",
                      target="apple_rn", type="message", platform="apple_rn")  # fmt: skip
    assert ring.revision > before
    assert [row.seen_ms for row in ring] == [1900.0]
    assert ring[0].events()[-1] == told
    feed.ack("a", 9999.0)
    assert [row.seen_ms for row in ring] == [1900.0]


def test_a_receipt_that_overtakes_the_answer_waits_for_it() -> None:
    ring = LogRing()
    feed = Feed(ring)
    feed.arrived("a")
    feed.ack("a", 7.0)
    assert len(ring) == 0
    feed.answered("a")
    assert [row.seen_ms for row in ring] == [7.0]


def test_a_receipt_of_an_unknown_delivery_is_a_row_of_its_own() -> None:
    ring = LogRing(capacity=2)
    feed = Feed(ring)
    for id_ in ("a", "b", "c"):
        feed.answered(id_)
    feed.ack("a")
    feed.event("ack", status="unmatched")
    assert [row.event.kind for row in ring] == ["ack", "ack"]
    assert [row.number for row in ring] == [4, 5]


def test_alarms_gaps_and_states_are_rows_but_heartbeats_are_not() -> None:
    ring = LogRing()
    feed = Feed(ring)
    feed.event("alarm", reason="reload_failed")
    feed.event("state", status="alive")
    feed.event("state", status="draining")
    feed.event("gap", status="3")
    assert [row.event.kind for row in ring] == ["alarm", "state", "gap"]
    assert not any(row.is_failure for row in ring)


def test_another_run_goes_on_where_the_rows_are() -> None:
    ring = LogRing()
    feed = Feed(ring)
    for id_ in "abc":
        feed.answered(id_)
    assert ids(ring) == ["a", "b", "c"]
    feed.begin_run("run-2")
    for id_ in "ab":
        feed.answered(id_)
    assert ids(ring) == ["a", "b", "c", "a", "b"]
    assert numbers(ring) == [1, 2, 3, 4, 5]


def test_what_was_under_way_in_another_run_is_forgotten() -> None:
    ring = LogRing()
    feed = Feed(ring)
    feed.arrived("a")
    feed.begin_run("run-2")
    feed.answered("a")
    assert ring[0].stages == ()


def test_deliveries_that_never_end_take_no_more_room_than_rows() -> None:
    ring = LogRing(capacity=3)
    feed = Feed(ring)
    for number in range(10):
        feed.arrived(str(number))
    for number in range(10):
        feed.answered(str(number))
    # The three newest of those under way were kept, and so are the three newest rows.
    assert [bool(row.stages) for row in ring] == [True, True, True]
    feed.arrived("x")
    for stream in range(1000):
        feed.sent("x", stream)
    feed.answered("x")
    assert len(ring[2].stages) < 10


def test_trimming_keeps_numbers_and_forgets_the_ids() -> None:
    ring = LogRing(capacity=3)
    feed = Feed(ring)
    for id_ in "abcde":
        feed.answered(id_)
    assert (numbers(ring), ring.newest, ring.kept) == ([3, 4, 5], 5, 3)
    assert [ring.position(number) for number in (0, 3, 4, 5, 6)] == [0, 0, 1, 2, 3]
    feed.ack("e")
    feed.ack("a")
    assert [row.seen_ms for row in ring] == [None, 5.0, None]
    assert numbers(ring) == [4, 5, 6]


def test_an_id_used_twice_belongs_to_the_newer_row() -> None:
    ring = LogRing(capacity=2)
    feed = Feed(ring)
    feed.answered("a")
    feed.answered("a")
    feed.answered("b")
    feed.ack("a")
    assert [row.seen_ms for row in ring] == [5.0, None]


def test_a_filter_is_a_view_and_gaps_pass_it_always() -> None:
    ring = LogRing(capacity=4)
    feed = Feed(ring)
    for id_, status in (("a", "OK"), ("b", "FAIL"), ("c", "OK")):
        feed.answered(id_, status)
    ring.set_filter(parse_filter("status:fail"))
    assert ids(ring) == ["b"]
    feed.event("gap", status="9")
    feed.answered("d", "FAIL")
    feed.answered("e", "OK")
    assert numbers(ring) == [4, 5]
    assert (len(ring), ring.kept, ring.newest) == (2, 4, 6)
    assert ring.since(2) == (2, 1)
    ring.set_filter(None)
    assert ids(ring) == ["c", "", "d", "e"]
    assert ring.since(3) == (3, 1)


def test_failures_are_found_in_both_directions() -> None:
    ring = LogRing()
    feed = Feed(ring)
    for status in ("FAIL", "OK", "FAIL", "REMOVE", "FAIL"):
        feed.answered(f"{feed.seq}", status)

    def number(row: LogRow | None) -> int | None:
        return row.number if row else None

    assert [number(ring.next_failure(n)) for n in (0, 1, 2, 3, 5)] == [1, 3, 3, 5, None]
    assert [number(ring.previous_failure(n)) for n in (1, 2, 3, 4, 6)] == [None, 1, 1, 3, 5]


def test_clearing_forgets_the_rows_and_takes_the_same_events_again() -> None:
    ring = LogRing()
    feed = Feed()
    events = [feed.answered("a"), feed.ack("a"), feed.arrived("b")]
    for event in events:
        ring.add(event)
    ring.set_filter(parse_filter("a"))
    ring.clear()
    assert (len(ring), ring.kept, ring.newest) == (0, 0, 1)
    for event in events:
        ring.add(event)
    assert [(row.number, row.seen_ms) for row in ring] == [(2, 5.0)]


@pytest.mark.parametrize(
    "text", ["\x1b]52;c;aGk=\x07", "\x9b31m[/x]", "a\u202eb", "\ud800", "x" * 10_000]
)
def test_texts_are_clean_and_short_wherever_they_stand(text: str) -> None:
    ring = LogRing()
    feed = Feed(ring)
    fields = dict.fromkeys(
        ("target", "reason", "message", "type", "platform", "device", "upstream_id"), text
    )
    ring.add(Event(v=1, run=text, seq=1, at=text, kind="delivery", id=text, phase="arrived"))
    ring.add(Event(v=1, run=text, seq=2, at=text, kind="delivery", id=text, phase="sent"))
    ring.add(Event(v=1, run=text, seq=3, at=text, kind="delivery", id=text, phase="answered",
                   status=text, ms={text: 1.0, "total": 2.0}, **fields))  # type: ignore[arg-type] # every field named above is a text  # fmt: skip
    ring.add(Event(v=1, run=text, seq=4, at=text, kind="ack", id=text, ms={"device": 1.0}))
    feed.event("alarm", message=text, reason=text)
    for row in ring:
        for event in row.events():
            for value in (getattr(event, name) for name in event.__struct_fields__):
                if isinstance(value, str):
                    assert len(value) <= TEXT_LIMIT
                    assert not set(value) & set("\x1b\x9b\x07\u202e\ud800")
            assert set(event.ms) <= {"total", "upstream", "device"}
    assert ring[0].seen_ms == 1.0


def test_a_delivery_takes_less_than_1500_bytes() -> None:
    bus = EventBus()
    events: list[Event] = []
    for number in range(10_000):
        told: dict[str, Any] = {
            "id": f"{number:012x}", "target": "apple_rn", "platform": "apple_rn", "bytes": 900,
            "type": "message", "device": f"{number:06x}..",
        }  # fmt: skip
        events += [
            bus.publish("delivery", phase="arrived", **told),
            bus.publish("delivery", phase="sent", stream=number * 2 + 1, **told),
            bus.publish(
                "delivery", phase="answered", status="OK", http=200, tries=1,
                upstream_id=f"5E1B6F2C-0B7A-4C1E-9A55-{number:012X}",
                ms={"total": number / 7, "upstream": number / 8}, **told,
            ),
            bus.publish("ack", id=told["id"], target="apple_rn", ms={"device": number / 9}),
        ]  # fmt: skip
    # Decoded, as they come from the socket, no two events share a text.
    lines = [msgspec.json.encode(event) for event in events]
    decoder = msgspec.json.Decoder(Event)
    ring = LogRing()
    tracemalloc.start()
    for line in lines:
        ring.add(decoder.decode(line))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ring.kept == 10_000
    assert taken / ring.kept < 1500


class Model:
    """The same, naively: every row of all time, searched from end to end."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.rows: list[tuple[int, Event, list[int]]] = []
        self.acks: dict[int, float] = {}
        self.under_way: dict[str, tuple[list[int], list[float]]] = {}
        self.matcher: Matcher | None = None
        self.run, self.seq, self.newest = "", 0, 0

    def add(self, event: Event) -> None:
        if event.run == self.run and event.seq <= self.seq:
            return
        if event.run != self.run:
            self.under_way = {}
        self.run, self.seq = event.run, event.seq
        if event.kind == "delivery" and event.phase != "answered":
            self.under_way.setdefault(event.id, ([], []))[0].append(event.seq)
            if len(self.under_way) > self.capacity:
                del self.under_way[next(iter(self.under_way))]
        elif event.kind == "ack":
            self.ack(event)
        elif event.status != "alive":
            stages, acks = self.under_way.pop(event.id, ([], []))
            self.append(event, stages)
            if acks:
                self.acks[self.newest] = acks[0]

    def ack(self, event: Event) -> None:
        same = [number for number, found, _ in self.kept
                if found.kind == "delivery" and found.id == event.id]  # fmt: skip
        if same:
            self.acks.setdefault(same[-1], event.ms["device"])
        elif event.id in self.under_way:
            self.under_way[event.id][1].append(event.ms["device"])
        else:
            self.append(event, [])

    def append(self, event: Event, stages: list[int]) -> None:
        self.newest += 1
        self.rows.append((self.newest, event, stages))

    @property
    def kept(self) -> list[tuple[int, Event, list[int]]]:
        return self.rows[-self.capacity :]

    @property
    def view(self) -> list[tuple[int, Event, list[int]]]:
        matcher = self.matcher
        return [row for row in self.kept
                if matcher is None or row[1].kind == "gap" or matcher(row[1])]  # fmt: skip

    @property
    def failures(self) -> list[int]:
        return [number for number, event, _ in self.view
                if event.kind == "delivery" and event.status == "FAIL"]  # fmt: skip


IDS = st.sampled_from("abcdefg")
STEPS = st.one_of(
    st.tuples(st.just("arrived"), IDS),
    st.tuples(st.just("sent"), IDS),
    st.tuples(st.sampled_from(["OK", "FAIL", "REMOVE"]), IDS),
    st.tuples(st.just("ack"), IDS),
    st.tuples(st.just("notice"), st.sampled_from(["alarm", "gap", "state"])),
    st.tuples(st.just("heartbeat"), st.just("")),
    st.tuples(st.just("again"), st.just("")),
    st.tuples(st.just("run"), st.sampled_from(["r1", "r2"])),
    st.tuples(st.just("filter"), st.sampled_from(["", "status:fail", "id:a", "-id:b", "kind:ack"])),
)


@settings(max_examples=300)
@given(st.integers(1, 6), st.lists(STEPS, max_size=60))
def test_it_agrees_with_the_model(capacity: int, steps: list[tuple[str, str]]) -> None:
    ring, model = LogRing(capacity), Model(capacity)
    feed, cursor = Feed(), EventCursor()
    last: Event | None = None
    for what, argument in steps:
        event: Event | None = None
        match what:
            case "arrived":
                event = feed.arrived(argument)
            case "sent":
                event = feed.sent(argument)
            case "OK" | "FAIL" | "REMOVE":
                event = feed.answered(argument, what)
            case "ack":
                event = feed.ack(argument, float(feed.seq))
            case "notice":
                event = feed.event(argument, status="draining")
            case "heartbeat":
                event = feed.event("state", status="alive")
            case "again":
                event = last
            case "run":
                feed.begin_run(f"{argument}-{feed.run}")
            case _:
                model.matcher = parse_filter(argument) if argument else None
                ring.set_filter(model.matcher)
        if event is not None:
            last = event
            before = ring.revision
            shown = [(row.number, row.seen_ms) for row in ring]
            if cursor.advance(event):
                ring.add(event)
            model.add(event)
            if [(row.number, row.seen_ms) for row in ring] != shown:
                assert ring.revision > before
        agree(ring, model)


def agree(ring: LogRing, model: Model) -> None:
    view = model.view
    assert (ring.newest, ring.kept, len(ring)) == (model.newest, len(model.kept), len(view))
    assert [(row.number, row.event) for row in ring] == [(n, event) for n, event, _ in view]
    assert [[stage.seq for stage in row.stages] for row in ring] == [seqs[:8] for *_, seqs in view]
    assert [row.seen_ms for row in ring] == [model.acks.get(number) for number, *_ in view]
    for number in range(model.newest + 2):
        newer = [n for n, *_ in view if n > number]
        assert ring.since(number) == (len(newer), sum(n > number for n in model.failures))
        assert ring.position(number) == sum(n < number for n, *_ in view)
        behind = [n for n in model.failures if n > number]
        before = [n for n in model.failures if n < number]
        found = ring.next_failure(number)
        assert (found.number if found else None) == (behind[0] if behind else None)
        found = ring.previous_failure(number)
        assert (found.number if found else None) == (before[-1] if before else None)
