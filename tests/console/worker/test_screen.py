"""The Worker screen: start, watch, read a journey, filter, stop. Real workers, real keys."""

import json
import socket
from pathlib import Path

import pytest
from textual.containers import Container
from textual.widgets import Input

from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.widgets.pane import Pane
from mmpush_tui.console.worker.delivery_log import DeliveryLog
from mmpush_tui.console.worker.desk import Phase
from tests.console.watching import (
    SMALL,
    USUAL,
    WIDE,
    Hosts,
    Watch,
    demo,
    received,
    wait_for,
    watch,
    workers_of,
)  # fmt: skip

pytestmark = pytest.mark.slow


def log_of(console: Watch) -> DeliveryLog:
    return console.one("DeliveryLog", DeliveryLog)


def journey_of(console: Watch) -> Pane:
    return console.one("#journey", Pane)


def kept(folder: Path) -> list[Path]:
    return list(folder.glob("mmpush-deliveries-*.jsonl"))


async def open_journey(console: Watch) -> str:
    await console.press("enter")
    await console.until(lambda: bool(journey_of(console).is_open and console.pane("#journey")))
    return console.pane("#journey")


# A worker of one's own


async def test_it_says_how_to_start_then_starts_watches_and_stops(world: Hosts) -> None:
    async with watch(world.options) as console:
        await console.sees("No push proxy worker runs on this host.", "s start one from")
        assert "s start" in console.key_words
        assert not console.key_words & {"x stop", "Enter detail", "/ filter"}
        await console.press("s")
        await console.sees(f"worker running 127.0.0.1:{world.port}", "serving apple_rn, android_rn")
        await console.until(lambda: "x stop" in console.key_words)
        assert "s start" not in console.key_words
        await world.post(5)
        await console.until(lambda: received(console.app) == 5)
        await console.sees("all 5")
        await console.press("x")
        assert "Mattermost drops every notification" in await console.asked()
        await console.press("escape")
        await console.until(lambda: not console.is_asked)
        assert workers_of(world.folder)
        await console.press("x")
        await console.answer("stop")
        await console.sees("No worker runs here. s starts one.", "worker drained")
        assert workers_of(world.folder) == []
        await console.press("s")
        await console.sees("serving apple_rn, android_rn")


async def test_what_keeps_it_from_starting_stands_there_whole(world: Hosts) -> None:
    async with watch(world.options) as console:
        with socket.create_server(("127.0.0.1", world.port)):
            await console.press("s")
            await console.sees("FAIL The worker did not start: listen address", "is in use by")
        refusal = console.app.worker.view.refusal
        await console.sees(refusal)
        await console.goes("overview")
        await console.sees(f"FAIL {refusal.split()[0]}", "worker")
        await console.goes("worker")
        world.config.write_text("[proxy]\nlisten_adress = ':1'\n")
        await console.press("s")
        await console.sees("listen_adress", "Did you mean listen_address")


async def test_without_a_configuration_it_leads_to_setup() -> None:
    async with watch(ConsoleOptions(host="h")) as console:
        await console.sees("No push proxy worker runs on this host.", "5 make a configuration")
        await console.press("s")
        await console.sees("There is no configuration yet. Setup (5) makes one.")


async def test_a_killed_worker_is_missed_and_started_again(world: Hosts) -> None:
    async with watch(world.options) as console:
        await console.press("s")
        await console.until(lambda: console.app.worker.view.phase is Phase.RUNNING)
        workers_of(world.folder)[0].kill()
        await console.sees("worker silent", "is silent since", "Trying again. s starts one.")
        assert "s start" in console.key_words
        await console.goes("overview")
        await console.sees("The push proxy worker is silent since", "FAIL silent")
        await console.goes("worker")
        await console.press("s")
        await console.sees(f"worker running 127.0.0.1:{world.port}", "serving")
        assert "silent" not in console.words


async def test_of_several_workers_one_is_chosen_by_address(world: Hosts) -> None:
    async with watch(world.options) as first:
        await first.press("s")
        await first.until(lambda: first.app.worker.view.phase is Phase.RUNNING)

        def elsewhere(document: dict[str, dict[str, str]]) -> None:
            document["proxy"]["listen_address"] = "127.0.0.1:0"

        options = ConsoleOptions(config=world.change(elsewhere, "second.toml"), host="h")
        app = first.app
        async with watch(options) as second:
            await second.until(lambda: second.app.worker.view.phase is Phase.RUNNING)
            assert not second.app.worker.view.is_ours, "it shows the one that runs"
            await second.app.worker.start()
            await second.until(lambda: second.app.worker.view.is_ours)
            await second.until(lambda: bool(second.app.worker.view.others))
            await second.press("a")
            await second.until(lambda: second.is_asked)
            await second.sees(f"127.0.0.1:{world.port}", "second.toml (shown now)")
            await second.answer(str(app.worker.view.control))
            await second.sees(f"worker running 127.0.0.1:{world.port}")
            assert not second.app.worker.view.is_ours
            await second.press("a")
            await second.answer(str(second.app.worker.view.others[0]))
            await second.until(lambda: second.app.worker.view.is_ours)


async def test_a_reload_that_fails_stays_on_the_screen(world: Hosts) -> None:
    good = world.config.read_text()
    async with watch(world.options) as console:
        await console.press("s")
        await console.until(lambda: console.app.worker.view.phase is Phase.RUNNING)
        world.config.write_text(good.replace("[proxy]", "[proxy]\nthrotle_per_sec = 1"))
        await console.press("R")
        await console.sees("FAIL Not reloaded, the worker goes on as before", "throtle_per_sec")
        await console.sees("ALARM", "reload_failed")
        world.config.write_text(good)
        await console.press("R")
        await console.until(lambda: "Not reloaded" not in console.words)
        await console.sees("worker reloaded")


async def test_a_target_that_cannot_send_is_named_with_its_reason(world: Hosts) -> None:
    next(world.folder.glob("AuthKey_*.p8")).write_text("no key at all")
    async with watch(world.options) as console:
        await console.press("s")
        await console.sees("serving android_rn", "apple_rn cannot send")
        await console.goes("overview")
        await console.sees(
            "Push works in part: apple_rn cannot send.", "FAIL apple_rn cannot send:"
        )


# Reading


async def test_the_counters_are_those_of_the_worker(short_tmp: Path) -> None:
    async with demo(short_tmp, pushes=15) as (console, _):
        status = await console.status()
        assert status["counts"]["received"] == 15
        await console.until(lambda: console.text("#worker-counters").endswith("all 15"))
        counters = console.text("#worker-counters")
        for word in ("in ", "ok ", "removed ", "failed ", "p95 "):
            assert word in counters
        rows = [row for row in console.app.worker.ring if row.event.kind == "delivery"]
        assert len(rows) == 15


@pytest.mark.parametrize("size", [SMALL, (60, 16)])
async def test_counters_lose_whole_words_where_there_is_no_room(
    short_tmp: Path, size: tuple[int, int]
) -> None:
    async with demo(short_tmp, pushes=3, size=size) as (console, _):
        await console.until(lambda: "all 3" in console.text("#worker-counters"))
        assert "…" not in console.text("#worker-counters")
        assert "failed " in console.text("#worker-counters")


async def test_a_journey_stands_still_while_deliveries_come(short_tmp: Path) -> None:
    async with demo(short_tmp, pushes=4) as (console, stage):
        told = await open_journey(console)
        assert "told Mattermost" in told
        assert "What this means" in told
        await console.sees("Journey", "Esc close", "PAUSED")
        for _ in range(3):
            await stage.post_one()
        await console.sees("+3 new")
        assert console.pane("#journey") == told
        await console.press("up")
        await console.until(lambda: console.pane("#journey") not in ("", told))
        await console.press("down")
        await console.until(lambda: console.pane("#journey") == told)
        await console.press("escape")
        await console.until(lambda: not journey_of(console).is_open)
        # It was held for the reader's sake alone.
        await console.sees("FOLLOW")


async def test_who_paused_before_reading_is_still_paused_after(short_tmp: Path) -> None:
    async with demo(short_tmp, pushes=4) as (console, _):
        await console.press("up")
        await console.sees("PAUSED")
        await open_journey(console)
        await console.press("enter")
        await console.until(lambda: not journey_of(console).is_open)
        await console.sees("PAUSED")


async def test_following_closes_the_journey(short_tmp: Path) -> None:
    async with demo(short_tmp, pushes=4) as (console, _):
        await open_journey(console)
        await console.press("f")
        await console.until(lambda: not journey_of(console).is_open)
        await console.sees("FOLLOW")


async def test_a_long_journey_is_scrolled_by_keys_that_are_shown(short_tmp: Path) -> None:
    async with demo(short_tmp, size=SMALL) as (console, stage):
        await stage.toggle("upstream-down")
        await stage.post_one()
        await console.until(lambda: received(console.app) == 1)
        told = await open_journey(console)
        assert "What to do" in told
        await console.sees("J K scroll")
        last = told.splitlines()[-1].split()[-1]
        seen = set(console.words.split())
        for _ in range(40):
            if last in seen:
                break
            await console.press("J")
            seen |= set(console.words.split())
        assert last in seen, f"{last!r} is never in sight"
        pane = journey_of(console)
        assert pane.scroll_y > 0
        while pane.scroll_y > 0:
            await console.press("K")
        await console.sees("Delivery")


async def test_a_receipt_that_comes_later_is_added(short_tmp: Path) -> None:
    async with demo(short_tmp) as (console, stage):
        await stage.post_one()
        await console.until(lambda: console.app.worker.ring[-1].receipt is not None)
        await console.until(lambda: log_of(console).current is console.app.worker.ring[-1])
        told = await open_journey(console)
        assert "received by the phone" in told
        await console.sees("DELIVERED")


async def test_on_a_wide_screen_the_journey_stands_beside_the_log(short_tmp: Path) -> None:
    async with demo(short_tmp, pushes=4, size=WIDE) as (console, _):
        await open_journey(console)
        log, pane = log_of(console), journey_of(console)
        await console.until(lambda: pane.region.x > log.region.right - 2)
        assert pane.region.height == console.one("#worker-split", Container).size.height
        told = console.pane("#journey")
        width = max(len(line) for line in told.splitlines())
        assert width <= pane.size.width
        await console.pilot.resize_terminal(*USUAL)
        await console.until(lambda: pane.region.y >= log.region.bottom)
        await console.until(lambda: console.pane("#journey") != told)
        assert "told Mattermost" in " ".join(console.pane("#journey").split())


# Filtering


async def test_a_filter_that_cannot_be_read_keeps_the_field_and_says_why(short_tmp: Path) -> None:
    async with demo(short_tmp, pushes=4) as (console, _):
        field = console.one("#log-filter", Input)
        await console.press("slash")
        await console.until(lambda: field.has_focus)
        await console.enter("stat:FAIL")
        await console.press("enter")
        await console.sees("FAIL filter 'stat:FAIL': no key 'stat'. Did you mean status:?")
        assert field.has_focus
        assert field.value == "stat:FAIL"
        await console.press("backspace")
        await console.until(lambda: "Did you mean" not in console.words)
        await console.press("escape")
        await console.until(lambda: log_of(console).has_focus)
        assert not field.has_class("-open")
        assert len(console.app.worker.ring) == console.app.worker.ring.kept


async def test_a_filter_narrows_the_log_and_escape_takes_it_away(short_tmp: Path) -> None:
    async with demo(short_tmp, pushes=8) as (console, _):
        ring = console.app.worker.ring
        await console.press("slash")
        await console.enter("platform:apple  status:OK")
        await console.press("enter")
        await console.sees("filter: platform:apple status:OK")
        assert 0 < len(ring) < ring.kept
        assert {row.event.target for row in ring} == {"apple_rn"}
        assert "android_rn OK" not in console.shown
        await console.press("slash")
        field = console.one("#log-filter", Input)
        await console.until(lambda: field.has_focus)
        assert field.value == "platform:apple status:OK"
        await console.press("escape")
        await console.sees("filter: platform:apple status:OK")
        await console.press("escape")
        await console.until(lambda: "filter:" not in console.words)
        assert len(ring) == ring.kept


async def test_escape_backs_out_one_level_each_time(short_tmp: Path) -> None:
    async with demo(short_tmp, pushes=6) as (console, _):
        await console.press("slash")
        await console.enter("status:OK")
        await console.press("enter")
        await console.sees("filter: status:OK")
        await open_journey(console)
        await console.press("slash")
        field, pane = console.one("#log-filter", Input), journey_of(console)
        await console.until(lambda: field.has_focus)
        await console.press("escape")
        await console.until(lambda: not field.has_class("-open"))
        assert pane.is_open
        await console.press("escape")
        await console.until(lambda: not pane.is_open)
        await console.sees("filter: status:OK")
        await console.press("escape")
        await console.until(lambda: "filter:" not in console.words)
        await console.press("escape")
        await console.sees("[3 Worker]")


async def test_a_filter_that_nothing_passes_says_so_and_can_be_changed(short_tmp: Path) -> None:
    async with demo(short_tmp, pushes=2) as (console, _):
        await console.press("slash")
        await console.enter("http:599")
        await console.press("enter")
        await console.sees("No row passes the filter.")
        await console.until(lambda: "/ filter" in console.key_words)
        assert "Enter detail" not in console.key_words


async def test_the_log_is_kept_as_it_is_shown(short_tmp: Path) -> None:
    async with demo(short_tmp, pushes=6) as (console, _):
        await console.press("slash")
        await console.enter("kind:delivery")
        await console.press("enter")
        await console.sees("filter: kind:delivery")
        await console.press("o")
        await wait_for(lambda: bool(kept(short_tmp)))
        (path,) = kept(short_tmp)
        await wait_for(lambda: path.stat().st_size > 0)
        assert path.stat().st_mode & 0o777 == 0o600
        events = [json.loads(line) for line in path.read_text().splitlines()]
        answered = [event for event in events if event["phase"] == "answered"]
        assert len(answered) == len(console.app.worker.ring) == 6


async def test_a_fault_of_the_demo_is_switched_with_v(short_tmp: Path) -> None:
    async with demo(short_tmp, pushes=2) as (console, stage):
        await console.press("v")
        await console.sees("Let the demo fail on purpose", "[ ] Every device is gone")
        await console.press("enter")
        await console.until(lambda: stage.faults == {"dead-token"})
        await console.sees("[on] Every device is gone", "Every device is gone: on.")
        await console.press("escape")
        await stage.post_one()
        await console.sees("REMOVE")
        await console.press("v")
        await console.sees("1 on")
        await console.press("enter")
        await console.until(lambda: not stage.faults)


async def test_faults_are_found_by_typing_and_take_parameters(short_tmp: Path) -> None:
    async with demo(short_tmp) as (console, stage):
        await console.press("v")
        await console.sees("The vendor as a whole", "Answers")
        await console.press(*"goaway-cl")
        await console.sees("goaway-close", "Apple and Google: GOAWAY promises answers")
        assert "The vendor as a whole" not in console.words
        await console.press(*"ose:times=2")
        await console.press("enter")
        await console.until(lambda: stage.faults == {"goaway-close"})
        await console.press("enter")
        await console.until(lambda: not stage.faults)
        await console.press("x", "enter")
        await console.sees("takes a number for times, not 2x")
        # Esc takes what was typed away first.
        await console.press("escape")
        await console.sees("The vendor as a whole")
        await console.press("enter")
        await console.until(lambda: stage.faults == {"dead-token"})
        await console.press("ctrl+x")
        await console.until(lambda: not stage.faults)
        await console.sees("All faults are off.")
        await console.press(*"nonsense")
        await console.sees("Nothing matches.")
        await console.press("enter", "escape", "escape")
        await console.until(lambda: "Let the demo fail" not in console.words)


async def test_the_faults_fit_a_small_terminal(short_tmp: Path) -> None:
    async with demo(short_tmp, size=SMALL) as (console, _):
        await console.press("v")
        await console.sees("Let the demo fail", "Enter on/off", "Esc back")
        for _ in range(60):
            await console.press("down")
            if "clock-behind" in console.words:
                break
        await console.sees("clock-behind")
