"""The delivery log on a screen, driven by keys."""

import asyncio
import contextlib
import itertools
import re
import unicodedata
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown, MouseScrollUp
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Input

from mmpush_tui.console.worker.delivery_log import DeliveryLog
from mmpush_tui.console.worker.log_columns import header, pieces
from mmpush_tui.console.worker.log_position import Position
from mmpush_tui.console.worker.log_ring import LogRing
from mmpush_tui.protocol.event import Event
from mmpush_tui.watching.filters import parse_filter
from mmpush_tui.watching.lines import HEADER

USUAL, WIDE, NARROW = (80, 24), (120, 40), (40, 12)
DEVICE = slice(52, 60)
ENDLESS = 1000
"""Columns in which no text is cut."""
NEVER_S = 3600.0
"""So seldom that no test sees the widget's own timer."""


class WatchedLog(DeliveryLog):
    """Notes which of its lines are painted."""

    def __init__(self, ring: LogRing, flush_every_s: float) -> None:
        super().__init__(ring, flush_every_s=flush_every_s)
        self.painted: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        return super().render_line(y)


class LogApp(App[None]):
    """The log alone on the screen, with a line above and something else to focus."""

    CSS = "Input { height: 1; border: none; }"

    def __init__(self, capacity: int, flush_every_s: float) -> None:
        super().__init__()
        self.ring = LogRing(capacity)
        self.widget = WatchedLog(self.ring, flush_every_s)
        self.moved: list[Position] = []
        self.opened: list[str] = []
        self.refused: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.widget
        yield Input(id="other")

    def on_mount(self) -> None:
        self.widget.focus()

    def on_delivery_log_moved(self, message: DeliveryLog.Moved) -> None:
        self.moved.append(message.position)

    def on_delivery_log_opened(self, message: DeliveryLog.Opened) -> None:
        self.opened.append(message.row.event.id)

    def on_delivery_log_refused(self, message: DeliveryLog.Refused) -> None:
        self.refused.append(message.reason)


class Bench:
    """One log under test."""

    def __init__(self, app: LogApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot
        self.ring, self.widget = app.ring, app.widget
        self._seq = itertools.count(1)

    def event(self, kind: Any, **fields: Any) -> None:
        fields = {"at": "2026-11-23T12:00:00.204Z"} | fields
        self.ring.add(Event(v=1, run="r", seq=next(self._seq), kind=kind, **fields))

    def deliver(self, *statuses: str, **fields: Any) -> None:
        """Have deliveries answered; their id is the number of their row."""
        for status in statuses:
            number = f"{self.ring.newest + 1}"
            told = {"target": "apple_rn", "type": "message", "device": number} | fields
            self.event("delivery", phase="answered", id=number, status=status, **told)

    async def show(self, *statuses: str, **fields: Any) -> None:
        self.deliver(*statuses, **fields)
        await self.flush()

    async def flush(self) -> None:
        self.widget.flush()
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    @property
    def current_line(self) -> str:
        """The words of the row the cursor is on, whole; empty where nothing is shown."""
        row = self.widget.current
        return (
            " ".join("".join(piece.text for piece in pieces(row, ENDLESS)).split()) if row else ""
        )

    @property
    def strips(self) -> list[Strip]:
        return [self.widget.render_line(y) for y in range(self.widget.size.height)]

    @property
    def lines(self) -> list[str]:
        return [strip.text.rstrip() for strip in self.strips]

    @property
    def shown(self) -> list[int]:
        """The numbers of the rows on the screen, by their device column."""
        return [int(line[DEVICE]) for line in self.lines if line[DEVICE].strip().isdecimal()]

    @property
    def marked(self) -> list[int]:
        """The numbers of the rows that bear the cursor's mark."""
        return [int(line[DEVICE]) for line in self.lines if line.startswith(">")]

    @property
    def cursor(self) -> int:
        row = self.widget.current
        return row.number if row else 0

    @property
    def height(self) -> int:
        return self.widget.size.height

    @property
    def position(self) -> Position:
        return self.widget.position


@contextlib.asynccontextmanager
async def bench(
    size: tuple[int, int] = USUAL, capacity: int = 1000, flush_every_s: float = NEVER_S
) -> AsyncIterator[Bench]:
    app = LogApp(capacity, flush_every_s)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Bench(app, pilot)


async def test_it_follows_until_the_cursor_goes_up_and_again_at_the_end() -> None:
    async with bench() as log:
        assert log.lines[0] == " No deliveries yet."
        await log.show(*["OK"] * 50)
        assert log.shown == list(range(51 - log.height, 51))
        assert log.marked == [50]
        assert log.position == Position(first=51 - log.height, last=50, total=50)
        await log.press("up")
        before = log.lines
        await log.show("OK", "FAIL", "OK", "FAIL")
        assert log.lines == before
        assert log.marked == [49]
        assert log.position.badge == "PAUSED  +4 new, 2 failed"
        for key in ("end", "G", "f"):
            await log.press(key)
            assert (log.position.badge, log.marked) == ("FOLLOW", [54])
            await log.press("k")
            assert log.position.badge == "PAUSED"


@pytest.mark.parametrize("key", ["up", "k", "pageup", "home", "g", "N"])
async def test_every_way_up_stops_following(key: str) -> None:
    async with bench() as log:
        await log.show(*["OK"] * 20, "FAIL", *["OK"] * 40)
        await log.press(key)
        assert not log.position.is_following
        shown = log.shown
        await log.show(*["OK"] * 5)
        assert log.shown == shown


async def test_down_goes_on_following() -> None:
    async with bench() as log:
        await log.show(*["OK"] * 40)
        log.deliver("OK")
        await log.press("down", "pagedown", "j")
        await log.flush()
        assert (log.position.is_following, log.marked) == (True, [41])


async def test_freeze_holds_everything_and_a_second_time_goes_on() -> None:
    async with bench() as log:
        await log.show(*["OK"] * 5)
        await log.press("space")
        await log.show("OK", "FAIL")
        # Nothing appears, although there is room below.
        assert log.shown == [1, 2, 3, 4, 5]
        assert log.position.badge == "PAUSED  +2 new, 1 failed"
        await log.press("space")
        assert log.shown == [1, 2, 3, 4, 5, 6, 7]
        assert log.position == Position(first=1, last=7, total=7)


async def test_what_was_scrolled_into_sight_is_not_new_any_more() -> None:
    async with bench() as log:
        await log.show(*["OK"] * 50)
        await log.press("up")
        await log.show(*["FAIL"] * 30)
        assert (log.position.new, log.position.failed) == (30, 30)
        await log.press("pagedown")
        assert (log.position.new, log.position.failed) == (30 - (log.height - 1),) * 2
        await log.press("pagedown", "pagedown")
        assert (log.position.new, log.position.last) == (0, 80)
        assert log.position.badge == "PAUSED"


async def test_keys_move_by_row_and_page_and_stop_at_the_ends() -> None:
    async with bench() as log:
        await log.show(*["OK"] * 100)
        await log.press("home")
        assert (log.marked, log.shown[0]) == ([1], 1)
        await log.press("up", "k")
        assert log.marked == [1]
        await log.press("j", "down")
        assert log.marked == [3]
        await log.press("pagedown")
        assert (log.marked, log.shown[0]) == ([3 + log.height - 1], log.height)
        await log.press("pageup", "pageup")
        assert (log.marked, log.shown[0]) == ([1], 1)
        await log.press(*["pagedown"] * 8)
        assert (log.marked, log.shown[-1]) == ([100], 100)


async def test_trimming_does_not_move_the_text_not_even_of_rows_that_are_gone() -> None:
    async with bench(capacity=60) as log:
        await log.show(*["OK"] * 60)
        await log.press("pageup")
        shown, marked = log.shown, log.marked
        await log.show(*["OK"] * 10)
        assert (log.shown, log.marked) == (shown, marked)
        assert log.position.first == shown[0] - 10
        await log.show(*["OK"] * 500)
        assert (log.shown, log.marked) == (shown, marked)
        assert log.position.where == "no longer kept, of 60"
        assert log.current_line.split()[5] == str(marked[0])
        await log.press("down")
        assert log.shown[0] == log.ring[0].number


async def test_only_lines_that_change_are_painted() -> None:
    async with bench() as log:
        await log.show(*["OK"] * 50)

        def painted() -> set[int]:
            lines = set(log.widget.painted)
            log.widget.painted.clear()
            return lines

        assert painted() == set(range(log.height))
        await log.flush()
        assert painted() == set()
        await log.press("up")
        assert painted() == {log.height - 1, log.height - 2}
        log.event("ack", id=str(log.shown[2]), ms={"device": 1900.0})
        log.event("ack", id="1", ms={"device": 1900.0})
        painted()
        await log.flush()
        assert painted() == {2}
        assert log.lines[2].endswith(" seen 1.9 s")
        painted()
        await log.show("OK")
        assert painted() == set()


async def test_a_flush_while_following_writes_less_than_four_kilobytes() -> None:
    async with bench() as log:
        await log.show(*(["OK"] * 9 + ["FAIL"]) * 5, target="android_rn", reason="UNREGISTERED")
        # Strips keep what they were rendered to for the test's own, simpler terminal.
        log.widget.notify_style_update()
        console = Console(color_system="truecolor", force_terminal=True)
        sent = sum(len(strip.render(console).encode()) + len("\x1b[24;80H") for strip in log.strips)
        assert log.height * 80 < sent < 4096


async def test_a_filter_shows_what_matches_and_keeps_the_place() -> None:
    async with bench() as log:
        await log.show(*["OK", "FAIL", "OK", "REMOVE"] * 25)
        await log.press("home", *["down"] * 40)
        assert log.marked == [41]
        log.widget.set_filter(parse_filter("status:fail"))
        await log.pilot.pause()
        assert log.marked == [42]
        assert log.shown == [number for number in range(2, 101, 4) if number in log.shown]
        assert log.position.total == 25
        await log.show("FAIL", "OK")
        assert (log.position.total, log.position.new, log.position.failed) == (26, 1, 1)
        log.widget.set_filter(None)
        await log.pilot.pause()
        assert (log.marked, log.position.total) == ([42], 102)


async def test_a_filter_that_nothing_passes_says_so_and_follows_what_does() -> None:
    async with bench() as log:
        await log.show("OK", "OK")
        log.widget.set_filter(parse_filter("status:fail"))
        await log.pilot.pause()
        assert log.lines[0] == " No row passes the filter."
        assert (log.position.where, log.current_line) == ("none", "")
        await log.press("up", "pageup", "home", "n", "enter")
        await log.show("OK", "FAIL")
        assert log.shown == [4]


async def test_failures_are_visited_and_where_none_is_left_it_is_said() -> None:
    async with bench() as log:
        await log.show(*(["OK"] * 30 + ["FAIL"]) * 3, *["OK"] * 30)
        await log.press("N")
        assert (log.marked, log.position.is_following) == ([93], False)
        assert min(log.shown) < 93 < max(log.shown)
        await log.press("N", "N")
        assert log.marked == [31]
        await log.press("N")
        assert log.marked == [31]
        await log.press("n", "n")
        assert log.marked == [93]
        await log.press("n")
        assert log.app.refused == ["No failure above this line.", "No failure below this line."]


async def test_enter_and_a_double_click_open_the_row_under_the_cursor() -> None:
    async with bench() as log:
        await log.press("enter")
        await log.show(*["OK"] * 10)
        await log.press("up", "enter")
        await log.pilot.click(DeliveryLog, offset=(5, 2))
        assert log.marked == [3]
        await log.pilot.click(DeliveryLog, offset=(5, 2), times=2)
        await log.pilot.click(DeliveryLog, offset=(5, 15), times=2)
        assert log.app.opened == ["9", "3"]


async def test_the_wheel_moves_the_text_under_the_cursor() -> None:
    async with bench() as log:
        await log.show(*["OK"] * 100)
        await log.pilot._post_mouse_events([MouseScrollUp], DeliveryLog, offset=(1, 1), button=0)
        await log.pilot.pause()
        assert (log.shown[-1], log.marked, log.position.is_following) == (97, [97], False)
        await log.pilot._post_mouse_events([MouseScrollDown], DeliveryLog, offset=(1, 1), button=0)
        await log.pilot.pause()
        assert (log.shown[-1], log.marked) == (100, [100])


@pytest.mark.parametrize("size", [(80, 10), (60, 24), (120, 40), (40, 12), (20, 3)])
async def test_a_new_size_keeps_the_cursors_row_in_sight(size: tuple[int, int]) -> None:
    async with bench() as log:
        await log.show(*["OK"] * 100)
        await log.press(*["up"] * 12)
        number = log.cursor
        await log.pilot.resize_terminal(*size)
        await log.pilot.pause()
        assert log.cursor == number
        assert sum(line.startswith(">") for line in log.lines) == 1
        assert {strip.cell_length for strip in log.strips} == {size[0]}
        await log.press("end")
        assert (log.cursor, log.position.last) == (100, 100)


async def test_after_clearing_it_follows_what_comes() -> None:
    async with bench() as log:
        await log.show(*["OK"] * 100)
        await log.press("home")
        log.ring.clear()
        await log.press("end")
        assert log.position == Position()
        await log.show("OK")
        assert log.shown == [101]


async def test_the_screen_hears_of_each_change_once() -> None:
    async with bench() as log:
        await log.show("OK")
        await log.flush()
        await log.flush()
        await log.show("FAIL")
        assert log.app.moved == [
            Position(first=1, last=1, total=1), Position(first=1, last=2, total=2),
        ]  # fmt: skip
        await log.press("up", "down")
        assert len(log.app.moved) == 4
        await log.press("down")
        assert len(log.app.moved) == 4


async def test_an_empty_log_says_so() -> None:
    async with bench() as log:
        assert log.lines[0] == " No deliveries yet."


async def test_its_own_timer_shows_what_comes_and_nothing_while_hidden() -> None:
    async with bench(flush_every_s=0.01) as log:

        async def until(count: int) -> None:
            async with asyncio.timeout(10):
                while len(log.shown) < count:  # noqa: ASYNC110 - a timer of the widget has no event
                    await asyncio.sleep(0.01)

        log.deliver("OK")
        await until(1)
        await log.app.push_screen(Screen())
        log.deliver("OK")
        for _ in range(10):
            await log.pilot.pause(0.01)
        assert log.shown == [1]
        log.app.pop_screen()
        await until(2)


@pytest.mark.parametrize("is_colourful", [True, False])
async def test_state_is_told_by_words_and_the_cursor_by_a_mark(
    is_colourful: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_colourful:
        monkeypatch.setenv("NO_COLOR", "1")
    async with bench() as log:
        if not is_colourful:
            log.app.theme = "ansi-dark"
        await log.show("OK", "REMOVE", "FAIL", "OK")
        assert [line[25:31] for line in log.lines[:4]] == ["OK    ", "REMOVE", "FAIL  ", "OK    "]
        ok, remove, fail, marked = (list(strip) for strip in log.strips[:4])
        assert marked[0].text.startswith(">")
        assert all(segment.style and segment.style.reverse for segment in marked)
        # Most lines are of most rows: the dim time and all the rest.
        assert len(ok) == 2
        assert ok[0].style is not None
        assert ok[0].style.dim
        (word,) = [segment for segment in fail if segment.text.strip() == "FAIL"]
        assert word.style is not None
        assert word.style.bold
        (word,) = [segment for segment in remove if segment.text.strip() == "REMOVE"]
        assert word.style is not None
        assert ok[1].style is not None
        assert word.style.color != ok[1].style.color
        log.app.query_one("#other").focus()
        await log.pilot.pause()
        (marked, *_) = [list(strip) for strip in log.strips[3:4]]
        assert marked[0].text.startswith(">")
        assert not any(segment.style and segment.style.reverse for segment in marked)


async def test_the_columns_stand_under_their_heads_at_every_width() -> None:
    told = {"http": 404, "reason": "UNREGISTERED", "message": "the app was removed",
            "ms": {"total": 91.04}, "target": "android_rn"}  # fmt: skip
    row = "12:00:00.204 android_rn FAIL     91.0 message      1        UNREGISTERED"
    async with bench(USUAL) as log:
        await log.show("FAIL", **told)
        assert header(80) == f" {HEADER}".ljust(80)
        assert log.lines[0][1:].endswith(row[13:])
        assert log.current_line.endswith(f"{' '.join(row[13:].split())} the app was removed")
    async with bench(WIDE) as log:
        await log.show("FAIL", **told)
        assert log.lines[0].endswith("UNREGISTERED           the app was removed")
        assert header(120).index("detail") == log.lines[0].index("the app")
        await log.show("OK", upstream_id="5E1B6F2C-0B7A-4C1E-9A55-0123456789AB")
        assert log.lines[1].endswith(" 5E1B6F2C-0B7A-4C1E-9A55-0123456789AB")
    async with bench(NARROW) as log:
        await log.show("FAIL", **told)
        assert header(40).split() == ["time", "platform", "answer", "reason"]
        assert log.lines[0][9:] == " android_rn FAIL   UNREGISTERED"


async def test_what_is_no_delivery_has_its_sentence() -> None:
    async with bench(WIDE) as log:
        log.event("alarm", target="apple_rn", reason="reload_kept_old", message="no key")
        log.event("gap", status="12", message="the reader was too slow")
        log.event("state", status="draining")
        log.event("ack", id="gone", target="apple_rn", type="message", ms={"device": 1900.0})
        log.event("ack", status="unmatched", platform="apple_rn")
        await log.flush()
        assert [line[14:] for line in log.lines[:5]] == [
            "ALARM   apple_rn reload_kept_old: no key",
            "--      12 events missed: the reader was too slow",
            "--      worker draining",
            "apple_rn   seen     1900 message               by the phone itself",
            "seen    apple_rn a push that this worker did not send, or long ago",
        ]
        assert log.current_line.endswith("or long ago")


@pytest.mark.parametrize("size", [USUAL, WIDE, NARROW])
async def test_wide_and_odd_characters_leave_the_columns_where_they_are(
    size: tuple[int, int],
) -> None:
    async with bench(size) as log:
        for text in ("漢字漢字漢字漢字", "\ufffd" * 20, "e\u0301" * 20, "👍🏽" * 9):
            await log.show("OK", target=text, type=text, device=text, reason=text, message=text)
        for strip in log.strips:
            assert strip.cell_length == sum(cell_len(segment.text) for segment in strip) == size[0]
        for strip in log.strips[:4]:
            before, _, behind = strip.text.partition(" OK ")
            assert behind
            assert cell_len(before) == (20 if size is NARROW else 24)


HOSTILE = [
    "\x1b]52;c;aGVsbG8=\x07", "\x1b[2J\x1b[31mred", "\x9b31m\x9d0;title\x9c", "a\u202eb\u2066c",
    "[/x][@click=app.quit]x[/]", "line\r\nline\x00\x7f\x85", "\ud800", "x" * 10_000, "[red]" * 50,
]  # fmt: skip


@pytest.mark.parametrize("size", [USUAL, WIDE, NARROW])
async def test_nothing_hostile_gets_to_the_terminal(size: tuple[int, int]) -> None:
    async with bench(size) as log:
        for number, text in enumerate(HOSTILE, 1):
            fields = dict.fromkeys(
                ("reason", "message", "type", "platform", "device", "upstream_id", "at"), text
            )
            log.event("delivery", phase="arrived", id=text, target=text, **fields)
            log.event("delivery", phase="answered", id=text, target=text, status=text, **fields)
            log.event("ack", id=text, target=text, status=text, **fields)
            log.event("ack", id="unknown", target=text, status=text, **fields)
            log.event("ack", id="", target=text, status=text, **fields)
            for kind in ("alarm", "gap", "state"):
                log.event(kind, id=text, target=text, status=text, **fields)
            await log.flush()
            assert log.ring.kept == 6 * number
            assert_harmless([strip.text for strip in log.strips])
            drawn = "".join(strip.render(log.app.console) for strip in log.strips)
            assert_harmless([SGR.sub("", drawn)])
        for _ in range(log.ring.kept):
            assert_harmless([log.current_line, log.position.where])
            log.widget.action_move(-1)
            log.widget.action_open()
        await log.pilot.pause()
        assert len(log.app.opened) == log.ring.kept
        assert_harmless(log.app.opened)


SGR = re.compile(r"\x1b\[[0-9;]*m")


def assert_harmless(texts: Sequence[str]) -> None:
    for text in texts:
        assert not {char for char in text if unicodedata.category(char) in ("Cc", "Cs")}
        assert not set(text) & set("\u202e\u2066")
        assert len(text) < 5000


async def test_twenty_thousand_rows_fed_fast_leave_the_loop_answering() -> None:
    async with bench(capacity=10_000, flush_every_s=0.01) as log:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        async with asyncio.TaskGroup() as group:
            ticking = group.create_task(tick())
            ticks_by_batch = []
            for batch in range(100):
                log.deliver(*["OK"] * 199, "FAIL")
                await asyncio.sleep(0)
                ticks_by_batch.append(ticks)
                if batch == 60:
                    await log.press("home")
                    oldest = log.cursor
            ticking.cancel()
        assert ticks_by_batch == sorted(set(ticks_by_batch))
        # The key was obeyed while rows came, and 39 batches later the text still stands.
        await log.flush()
        assert oldest == 61 * 200 - 10_000 + 1
        assert log.shown == list(range(oldest, oldest + log.height))
        assert log.position.total == 10_000
        assert log.position.new >= 39 * 200
        assert log.position.failed == log.position.new // 200
        await log.press("G")
        assert log.shown[-1] == 20_000


def test_the_position_is_told_in_words() -> None:
    assert Position().where == "none"
    assert Position(first=1204, last=1221, total=9881).where == "1 204-1 221 of 9 881"
    paused = Position(first=1, last=2, total=2, is_following=False, new=1137)
    assert paused.badge == "PAUSED  +1 137 new"
    assert Position(total=1, is_following=False).badge == "PAUSED"
