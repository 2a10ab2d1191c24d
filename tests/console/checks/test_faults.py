"""The Checks screen where something is wrong with what it reads, or there is little room."""

import os
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import OptionList

from mmpush_tui.checks.output import markdown
from mmpush_tui.console.checks import desk as checks_desk
from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.widgets.plain import Plain
from tests.console.watching import Hosts, demo, free_port, watch

pytestmark = pytest.mark.slow


async def test_a_configuration_that_does_not_answer_is_a_finding(
    world: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_desk, "DEADLINE_S", 0.3)
    async with watch(world.options, screen="checks") as console:
        world.config.unlink()
        os.mkfifo(world.config)  # blocks whoever reads it, as a file on a server that is away
        try:
            await console.press("r")
            await console.sees(
                "FAIL The configuration or a file that it names could not be read within"
            )
            assert not console.app.checks.view.is_running
            await console.sees("last failure The configuration or a file that it names")
        finally:
            # One writer that comes and goes lets the reader end.
            os.close(os.open(world.config, os.O_RDWR | os.O_NONBLOCK))


async def test_settings_that_cannot_be_read_are_not_passed_over(world: Hosts) -> None:
    good = world.mattermost_config.read_text()
    world.mattermost_config.write_text(good[:20])
    async with watch(world.options, screen="checks") as console:
        await console.press("r")
        await console.sees(
            "WARN Everything that was checked can be reached, with one warning: Mattermost's own "
            "hop was left out: its settings cannot be read.", "no JSON",
        )  # fmt: skip
        report = console.app.checks.view.report
        assert report is not None
        assert "its settings cannot be read" in markdown.render(report)
        world.mattermost_config.write_text(good)
        await console.until(lambda: "r run again" in console.key_words)
        await console.press("r")
        await console.sees("FAIL Nothing listens at")
        assert "left out" not in console.words


async def test_settings_that_cannot_be_read_are_no_settings_that_were_not_named(
    short_tmp: Path,
) -> None:
    path = short_tmp / "config.json"
    path.write_text("{ bad")
    async with watch(ConsoleOptions(host="h", mattermost_config=path), screen="checks") as console:
        await console.press("r")
        await console.sees("FAIL", "config.json, line 1, column 3: this is no JSON")
        assert "was named" not in console.words


async def test_the_name_of_a_file_keeps_its_letters(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(short_tmp)
    (short_tmp / "config.json").write_text("{ bad")
    options = ConsoleOptions(host="h", mattermost_config=Path("config.json"))
    async with watch(options, screen="checks") as console:
        await console.press("r")
        await console.sees("FAIL config.json, line 1, column 3: this is no JSON")


async def test_the_settings_of_http2_are_shown_in_words(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="checks") as (console, _):
        await console.press("r")
        await console.until(lambda: console.app.checks.view.shown_report is not None)
        list_ = console.one("#checks-list", OptionList)
        list_.highlighted = list_.get_option_index("http2:apns/apple_rn")
        await console.press("enter")
        await console.sees("max_concurrent_streams 1", "enable_push 0")
        assert "{" not in console.pane("#checks-evidence")


async def test_a_verdict_that_is_cut_says_how_it_is_scrolled(world: Hosts) -> None:
    def edit(document: dict[str, Any]) -> None:
        for family in ("apple", "android"):
            document["proxy"][family][0]["endpoint"] = f"https://127.0.0.1:{free_port()}"

    world.change(edit)
    async with watch(world.options, screen="checks", size=(80, 17)) as console:
        await console.press("r")
        await console.until(lambda: console.app.checks.view.shown_report is not None)
        await console.until(lambda: "J scroll" in console.key_words)


async def test_the_keys_follow_what_can_be_scrolled_whenever_it_is_laid_out(world: Hosts) -> None:
    # Nothing runs here whose news would draw the keys anew.
    async with watch(world.options, screen="checks", size=(80, 24)) as console:
        assert "J scroll" not in console.key_words
        # Without news from a desk: only the layout knows that this is cut.
        verdict = console.one("#checks-verdict-text", Plain)
        verdict.say_lines(*((str(number),) for number in range(60)))
        await console.until(lambda: "J scroll" in console.key_words)
        verdict.say("short")
        await console.until(lambda: "J scroll" not in console.key_words)


async def test_a_search_without_a_hit_is_told_whole(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="checks", size=(80, 24)) as (console, _):
        await console.press("slash")
        await console.press(*"qqqzzz")
        await console.sees("Nothing is known about this.", "alone.")
        said = console.app.screen.query_one("#explain-said")
        text = "Nothing is known about this. Paste the whole line, or the reason alone."
        assert said.size.width * said.size.height > len(text)
