"""The Overview: which hop, and what needs me. Real worker, real stand-ins, real keys."""

from pathlib import Path

import pytest
from textual.containers import VerticalScroll
from textual.widgets import OptionList

from mmpush_tui.console.checks.desk import ChecksView
from mmpush_tui.console.options import ConsoleOptions
from tests.console.watching import SMALL, USUAL, WIDE, Watch, demo, received, watch

pytestmark = pytest.mark.slow


async def test_the_chain_is_drawn_with_a_true_sentence_above(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="overview", pushes=12) as (console, _):
        await console.sees("Push is working.", "delivered", "confirmed")
        status = await console.status()
        for target in status["targets"]:
            counts = target["counts"]
            await console.sees(f"{counts['ok']} sent", f"{counts['acknowledged']} confirmed")
        names = next(line for line in console.lines if "Mattermost ─" in line)
        assert names.index("push proxy") < names.index("Apple APNs") < names.index("phones")
        branch = next(line for line in console.lines if "Google FCM" in line)
        assert branch.index("└") < branch.index("Google FCM")
        assert branch.index("Google FCM") == names.index("Apple APNs")
        assert console.text("#sentence").startswith("Push is working.")


async def test_the_shares_are_those_of_the_worker(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="overview", pushes=24) as (console, _):
        counts = (await console.status())["counts"]
        assert counts["failed"], "the seed has a failure among the first ones"
        delivered = counts["ok"] / (counts["ok"] + counts["failed"]) * 100
        confirmed = counts["acknowledged"] / counts["ok"] * 100
        await console.sees(f"delivered {delivered:.1f} %", f"confirmed {confirmed:.1f} %")


async def test_vendors_that_cannot_be_reached_are_named_and_healing_is_noticed(
    short_tmp: Path,
) -> None:
    async with demo(short_tmp, screen="overview", pushes=6) as (console, stage):
        await stage.toggle("upstream-down")
        for _ in range(4):
            await stage.post_one()
        await console.sees("Push is failing: Apple and Google cannot be reached.", "not reached")
        await console.sees("FAIL Apple and Google cannot be reached (tcp_refused).", "check it")
        await console.press("enter")
        await console.until(lambda: console.app.screen.query("#checks-list").first() is not None)
        await console.until(lambda: not console.app.checks.view.is_running)
        await console.sees("FAIL", "refused the connection")
        await stage.toggle("upstream-down")
        await console.goes("overview")
        for _ in range(4):
            await stage.post_one()
        await console.sees("Push is working, with trouble", "could not be reached for")
        await console.sees("found broken works again", "check again")
        await console.press("enter")
        await console.until(lambda: not console.app.checks.view.is_running)
        await console.sees("GOOD")
        await console.goes("overview")
        await console.until(lambda: "found broken" not in console.words)


async def test_dead_devices_are_no_working_push(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="overview") as (console, stage):
        await stage.toggle("dead-token")
        for _ in range(8):
            await stage.post_one()
        await console.sees("the devices of the latest pushes are all gone", "now all gone")
        await console.sees("warn The devices of the latest pushes for")


async def test_slow_vendors_are_called_slow(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="overview") as (console, stage):
        await stage.toggle("slow")
        await stage.post_one()
        await stage.post_one()
        await console.sees("Push is working, with trouble:", "to answer.", "slow, 2.")


async def test_kinds_of_failures_are_counted_and_not_repeated(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="overview", pushes=40) as (console, _):
        kinds = console.app.worker.failures.latest()
        assert any(kind.count > 1 for kind in kinds), "the seed has one kind of failure twice"
        for kind in kinds:
            often = f", {kind.count} times" if kind.count > 1 else ""
            await console.sees(f"{kind.event.reason}{often}")
        failed = (await console.status())["counts"]["failed"]
        assert sum(kind.count for kind in kinds) == failed


async def test_unchecked_hops_are_offered_and_enter_checks_them(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="overview", pushes=2) as (console, _):
        await console.sees("next The hops have not been checked", "check them")
        await console.press("enter")
        await console.sees("[4 Checks]", "GOOD")
        await console.goes("overview")
        await console.sees("Needs you Nothing.")
        assert "Enter open" not in console.key_words


async def test_c_checks_all_and_l_shows_the_log(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="overview", pushes=2) as (console, _):
        await console.press("c")
        await console.sees("[4 Checks]")
        assert console.app.checks.view != ChecksView()
        await console.goes("overview")
        await console.press("l")
        await console.sees("[3 Worker]", "Deliveries")


async def test_with_nothing_configured_setup_is_offered() -> None:
    async with watch(ConsoleOptions(host="h"), screen="overview") as console:
        await console.sees("Push is not set up on this host yet.", "Nothing is configured", "begin")
        await console.press("enter")
        await console.sees("[5 Setup]")


async def test_it_fits_every_size(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="overview", pushes=8, size=WIDE) as (console, stage):
        await stage.toggle("upstream-down")
        for _ in range(4):
            await stage.post_one()
        for size in (SMALL, (60, 16), USUAL, WIDE, (200, 60)):
            await console.pilot.resize_terminal(*size)
            await console.until(lambda size=size: console.app.screen.size == size)  # type: ignore[misc] # bound at once
            await console.sees("Apple and Google cannot be reached.", "Needs you")
            assert "…" not in console.text("#sentence")
            whole = await _scrolled_through(console)
            names = ("Apple APNs", "Google FCM", "push proxy", "phones")
            for text in (*names, "tcp_refused", "not reached"):
                assert text in whole, f"{size}: {text}"


async def _scrolled_through(console: Watch) -> str:
    """Return all that can be brought into sight with J, then go back with K."""
    body = console.one("#overview", VerticalScroll)
    seen: list[str] = []
    while True:
        seen += console.lines
        before = body.scroll_y
        await console.press("J")
        if body.scroll_y == before:
            break
    while body.scroll_y:
        await console.press("K")
    return "\n".join(seen)


async def test_what_needs_me_stands_first_where_there_is_little_height(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="overview", pushes=2, size=SMALL) as (console, _):
        await console.sees("Needs you")
        await console.until(lambda: "Mattermost  " not in console.shown.split("Needs you")[0])
        await console.pilot.resize_terminal(*USUAL)
        await console.until(lambda: "Mattermost ─" in console.shown.split("Needs you")[0])
        await console.pilot.resize_terminal(*SMALL)
        await console.until(lambda: "Mattermost" not in console.shown.split("Needs you")[0])


async def test_the_mark_stays_where_it_was_while_deliveries_come(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="overview", pushes=2) as (console, stage):
        console.app.settings.edit(console.draft.with_max_notifications(7))
        await console.sees("1 changed setting is not saved.")
        await console.press("down")
        list_ = console.one("#needs", OptionList)
        assert list_.highlighted == 1
        for _ in range(4):
            await stage.post_one()
        await console.until(lambda: received(console.app) == 6)
        assert list_.highlighted == 1
        await console.press("enter")
        await console.sees("[4 Checks]")
