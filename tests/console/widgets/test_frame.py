"""What surrounds every screen: status, keys, palette, help, and the way out."""

import asyncio
from pathlib import Path

import psutil
import pytest
from textual.command import CommandPalette
from textual.widgets import OptionList

from mmpush_tui.console.actions import ACTIONS, SCREENS, of_screen, shown_key
from mmpush_tui.console.app import ConsoleApp
from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.screens.base import ConsoleScreen, explain_action
from mmpush_tui.console.screens.help import HelpScreen
from mmpush_tui.console.worker.desk import Phase
from mmpush_tui.exits import Exit
from mmpush_tui.protocol import paths
from mmpush_tui.simulator.fault_words import parse_fault
from tests.console.emulator import Terminal
from tests.console.watching import (
    SMALL,
    USUAL,
    WIDE,
    Hosts,
    Watch,
    demo,
    wait_for,
    watch,
    workers_of,
)  # fmt: skip

pytestmark = pytest.mark.slow


async def test_every_line_fits_and_no_key_is_cut_at_any_size(short_tmp: Path) -> None:
    whole = {f"{shown_key(action.keys[0])} {action.label}" for action in ACTIONS}
    whole |= {"r run", "Esc close"}
    async with demo(short_tmp, pushes=4, size=WIDE) as (console, _):
        for size in ((200, 60), USUAL, (60, 20), SMALL):
            await console.pilot.resize_terminal(*size)
            await console.until(lambda size=size: console.app.screen.size == size)  # type: ignore[misc] # bound at once
            for name in SCREENS:
                await console.goes(name)
                await console.until(lambda: "q quit" in console.lines[-1])
                assert len(console.lines) == size[1]
                assert all(len(line) <= size[0] for line in console.lines)
                assert console.key_words <= whole, f"{name} at {size}"
                assert f"{list(SCREENS).index(name) + 1} {SCREENS[name]}]" in console.lines[1]


async def test_below_the_smallest_size_the_state_is_still_there(short_tmp: Path) -> None:
    async with demo(short_tmp, size=(30, 8)) as (console, _):
        await console.sees("This terminal has 30 columns and 8 lines", "needs 40 and 12")
        await console.sees("worker running")
        await console.pilot.resize_terminal(*USUAL)
        await console.sees("[3 Worker]", "serving")
        assert "This terminal has" not in console.words


async def test_the_status_line_says_where_and_how_it_is(world: Hosts) -> None:
    async with watch(world.options) as console:
        await console.until(lambda: "push.example.com · own push proxy" in console.lines[0])
        assert console.lines[0].endswith("no worker")
        await console.press("s")
        await console.until(
            lambda: console.lines[0].endswith(f"worker running 127.0.0.1:{world.port}")
        )
        console.app.settings.edit(console.draft.with_max_notifications(7))
        await console.until(lambda: "not saved" in console.lines[0])


async def test_the_last_failure_is_on_every_screen(short_tmp: Path) -> None:
    async with demo(short_tmp) as (console, stage):
        await console.sees("no failure seen")
        await stage.toggle("upstream-down")
        await stage.post_one()
        for name in SCREENS:
            await console.goes(name)
            await console.until(lambda: " last failure " in console.lines[-2])
            assert "tcp_refused" in console.lines[-2]


# Help


async def test_help_names_every_key_and_what_is_out_of_sight_can_be_reached(
    short_tmp: Path,
) -> None:
    async with demo(short_tmp, pushes=1) as (console, _):
        for size in (USUAL, SMALL, WIDE):
            await console.pilot.resize_terminal(*size)
            await console.press("question_mark")
            await console.until(lambda: isinstance(console.app.screen, HelpScreen))
            await console.sees("Keys", "Esc close", "On the Worker screen")
            told = await _read_through(console)
            for action in of_screen("worker", is_demo=True):
                keys = " ".join(shown_key(key) for key in action.keys)
                assert f"{keys} {action.help.split()[0]}" in told
            assert "Everywhere" in told
            await console.press("escape")
            await console.sees("[3 Worker]")


async def _read_through(console: Watch) -> str:
    """Return what help says, read as far as its keys lead."""
    seen: list[str] = []
    for _ in range(60):
        seen += [line for line in console.lines if line not in seen]
        if "Shift and drag" in " ".join(seen):
            break
        assert "Up Down more" in console.words
        await console.press("pagedown")
    return " ".join(" ".join(seen).replace("│", " ").split())


# The palette


def offered(console: Watch) -> list[str]:
    list_ = console.app.screen.query_one(OptionList)
    return [str(getattr(option, "prompt", "")) for option in list_.options]


async def test_the_palette_offers_exactly_what_makes_sense_now(short_tmp: Path) -> None:
    async with demo(short_tmp, pushes=2) as (console, _):
        for name in SCREENS:
            await console.goes(name)
            screen = console.app.screen
            assert isinstance(screen, ConsoleScreen)
            now = [action for action in of_screen(name, is_demo=True) if screen.can(action.do)]
            now += [action for action in ACTIONS if not action.screen]
            await console.press("ctrl+p")
            await console.until(lambda: isinstance(console.app.screen, CommandPalette))
            await console.until(lambda now=now: len(offered(console)) >= len(now))  # type: ignore[misc] # bound at once
            shown = "\n".join(offered(console))
            for action in now:
                assert explain_action(action) in shown
            assert len(offered(console)) == len(now)
            await console.press("escape")
            await console.until(lambda screen=screen: console.app.screen is screen)  # type: ignore[misc] # bound at once


async def test_the_palette_runs_what_was_found(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="overview", pushes=2) as (console, _):
        for words, sign in (
            ("Check every hop", "[4 Checks]"),
            ("Watch the deliveries", "[3 Worker]"),
            ("Go to the Settings", "[2 Settings]"),
            ("Show every key", "Esc close"),
        ):
            await console.goes("overview")
            await console.press("ctrl+p")
            await console.until(lambda: isinstance(console.app.screen, CommandPalette))
            await console.enter(words)
            await console.until(lambda words=words: _is_first(console, words))  # type: ignore[misc] # bound at once
            await console.press("enter")
            await console.sees(sign)


def _is_first(console: Watch, words: str) -> bool:
    return any(text.startswith(words) for text in offered(console)[:1])


# Leaving


async def left(console: Watch) -> ConsoleApp:
    await console.until(lambda: console.app.return_code is not None)
    return console.app


async def test_with_nothing_to_lose_it_leaves_at_once(world: Hosts) -> None:
    async with watch(world.options) as console:
        await console.press("q")
        app = await left(console)
    assert (app.return_code, app.exit_message) == (Exit.OK, "")


async def test_unsaved_settings_are_asked_about(world: Hosts) -> None:
    async with watch(world.options) as console:
        console.app.settings.edit(console.draft.with_max_notifications(7))
        await console.press("q")
        assert "1 setting on the Settings screen: changed, not saved" in await console.asked()
        await console.press("escape")
        await console.until(lambda: not console.is_asked)
        assert console.app.return_code is None
        assert console.app.settings.view.changes
        await console.press("ctrl+c")
        await console.sees("Leave without saving")
        await console.answer("go")
        await left(console)


async def test_checks_under_way_are_asked_about(world: Hosts) -> None:
    async with watch(world.options) as console:
        await world.world.raise_fault(parse_fault("slow"))
        await console.press("f4", "r")
        await console.until(lambda: bool(console.app.checks.view.results))
        await console.press("q")
        assert "The checks are under way" in await console.asked()
        await console.answer("")
        assert console.app.return_code is None
        await console.press("q")
        await console.answer("go")
        await left(console)


async def test_a_worker_of_ours_can_be_stopped_on_leaving(world: Hosts) -> None:
    async with watch(world.options) as console:
        await console.press("s")
        await console.until(lambda: console.app.worker.view.phase is Phase.RUNNING)
        await console.press("q")
        assert "goes on delivering, and the next console finds it again" in await console.asked()
        await console.answer("")
        assert console.app.return_code is None
        await console.press("q")
        await console.answer("stop")
        app = await left(console)
    assert app.exit_message == "The worker has stopped."
    assert workers_of(world.folder) == []


async def test_a_worker_of_others_is_no_question(world: Hosts) -> None:
    async with watch(world.options) as first:
        await first.press("s")
        await first.until(lambda: first.app.worker.view.phase is Phase.RUNNING)
        async with watch(world.options) as second:
            await second.until(lambda: second.app.worker.view.phase is Phase.RUNNING)
            await second.press("q")
            await left(second)
        assert workers_of(world.folder)


async def test_a_worker_left_running_outlives_the_console_and_is_found_again(
    world: Hosts,
) -> None:
    arguments = (
        "--config", str(world.config),
        "--mattermost-config", str(world.mattermost_config), "--no-remote",
    )  # fmt: skip
    environment = {"XDG_STATE_HOME": str(world.folder / "state")}

    def first() -> None:
        with Terminal(*arguments, environment=environment) as terminal:
            terminal.see("[1 Overview]")
            terminal.send("3")
            terminal.see("No push proxy worker runs on this host.")
            terminal.send("s")
            terminal.see(f"worker running 127.0.0.1:{world.port}")
            terminal.send("q")
            terminal.see("Leave, and let the worker run")
            terminal.send("\r")
            assert terminal.wait() == 0
            assert terminal.is_restored()
            assert b"goes on." in terminal.written

    def second() -> None:
        with Terminal(*arguments, environment=environment) as terminal:
            terminal.see(f"worker running 127.0.0.1:{world.port}")
            terminal.send("3")
            terminal.see("serving apple_rn, android_rn")
            terminal.send("q")
            assert terminal.wait() == 0

    await asyncio.to_thread(first)
    (worker,) = workers_of(world.folder)
    assert worker.status() != psutil.STATUS_ZOMBIE
    await world.post(2)
    await asyncio.to_thread(second)
    assert worker.is_running()
    (control,) = await asyncio.to_thread(paths.running_workers)
    worker.terminate()
    await wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    await wait_for(lambda: not control.exists())


async def test_leaving_while_a_worker_starts_says_that_it_goes_on(world: Hosts) -> None:
    async with watch(world.options) as console:
        await console.press("s")
        await console.until(lambda: console.app.worker.view.phase is not Phase.NONE)
        if console.app.worker.view.phase is Phase.STARTING:
            await console.press("q")
            assert "A worker is being started." in await console.asked()
            await console.press("escape")
        await console.until(lambda: console.app.worker.view.phase is Phase.RUNNING)


async def test_a_place_without_anything_is_left_at_once() -> None:
    async with watch(ConsoleOptions(host="h"), screen="overview") as console:
        await console.press("ctrl+q")
        await left(console)
