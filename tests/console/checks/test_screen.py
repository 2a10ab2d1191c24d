"""The Checks screen: run, stop, read and keep, against real peers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import OptionList

from mmpush_tui.console.checks import desk as checks_desk
from mmpush_tui.console.checks import words as checks_words
from mmpush_tui.console.keep import keep_file
from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.widgets.pane import Pane
from mmpush_tui.errors import FailedError
from mmpush_tui.findings import Severity
from mmpush_tui.simulator.fault_words import parse_fault
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.stage import DemoStage
from mmpush_tui.simulator.world import World
from tests.console.watching import SMALL, Hosts, Watch, demo, free_port, wait_for, watch

pytestmark = pytest.mark.slow


def world_of(stage: DemoStage) -> World:
    assert stage._world is not None
    return stage._world


def list_of(console: Watch) -> OptionList:
    return console.one("#checks-list", OptionList)


def marked(console: Watch) -> str:
    list_ = list_of(console)
    assert list_.highlighted is not None
    return list_.get_option_at_index(list_.highlighted).id or ""


def ids(console: Watch) -> list[str]:
    return [option.id or "" for option in list_of(console).options]


def text_of(console: Watch, id_: str) -> str:
    return str(list_of(console).get_option(id_).prompt)


async def run(console: Watch, key: str = "r") -> None:
    await console.press(key)
    view = console.app.checks
    await console.until(lambda: not view.view.is_running and view.view.report is not None)
    await console.until(lambda: not any(".. " in text_of(console, id_) for id_ in ids(console)))


async def test_it_invites_then_runs_and_says_the_verdict_first(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="checks") as (console, _):
        await console.sees("Nothing has been checked yet. r runs the checks.")
        assert "r run" in console.key_words
        assert not console.key_words & {"o save report", "f failed only", "Enter evidence"}
        await run(console)
        await console.sees("GOOD Everything that was checked can be reached", "26 ok")
        await console.until(lambda: "r run again" in console.key_words)
        assert "f failed only" not in console.key_words
        verdict = console.text("#checks-verdict-text").splitlines()
        assert verdict[0].startswith("GOOD  ")
        assert all(line.startswith(" " * 6) for line in verdict[1:]), "the indent hangs"


async def test_rows_stand_still_while_results_come(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="checks") as (console, stage):
        await world_of(stage).raise_fault(parse_fault("slow:seconds=0.7"))
        await console.press("r")
        view = console.app.checks
        await console.until(lambda: bool(view.view.plans) and bool(view.view.results))
        await console.until(lambda: bool(ids(console)))
        before = ids(console)
        await console.sees("running,", "at most 10 s", "Esc cancel")
        await console.press("down", "down", "down")
        chosen = marked(console)
        assert "/" not in chosen[:1], "headings cannot be marked"
        await console.until(lambda: not view.view.is_running)
        assert ids(console) == before
        assert marked(console) == chosen
        assert not any(".. " in text_of(console, id_) for id_ in before)


async def test_escape_stops_a_run_at_once_and_says_so(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="checks") as (console, stage):
        await stage.toggle("slow")
        await console.press("r")
        view = console.app.checks
        await console.until(lambda: bool(view.view.results))
        await console.press("escape")
        assert not view.view.is_running
        await console.sees("-- Cancelled. What was seen until then stands below.", "not done")
        assert view.view.shown_report is None
        assert "GOOD" not in console.words
        await console.until(lambda: "o save report" not in console.key_words)
        results = view.view.results
        await stage.toggle("slow")
        await console.pilot.pause(0.5)
        assert view.view.results == results, "a stopped run goes on"
        await run(console)
        await console.sees("GOOD")


async def test_a_run_that_is_stopped_before_it_began_can_be_run_again(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="checks") as (console, _):
        console.app.checks.start()
        console.app.checks.cancel()
        await console.sees("Cancelled.")
        await run(console)
        await console.sees("GOOD")


def _broken(world: Hosts) -> str:
    """Let Apple's port be closed and Google's certificate be unknown; return what was good."""
    good = world.config.read_text()
    other = ThrowAwayCA().write_root(world.folder / "other.pem")

    def edit(document: dict[str, Any]) -> None:
        proxy = document["proxy"]
        proxy["apple"][0]["endpoint"] = f"https://127.0.0.1:{free_port()}"
        proxy["android"][0]["ca_file"] = str(other)
        document["network"]["ca_file"] = str(other)

    world.change(edit)
    return good


async def test_what_is_broken_is_said_with_why_and_fix_and_marked(world: Hosts) -> None:
    _broken(world)
    async with watch(world.options, screen="checks") as console:
        await run(console)
        report = console.app.checks.view.report
        assert report is not None
        assert report.verdict.severity is Severity.FAIL
        await console.sees(f"FAIL {report.verdict.summary}")
        for text in (*report.verdict.why, *report.verdict.fix):
            assert text in " ".join(console.text("#checks-verdict-text").split())
        assert "why   " in console.text("#checks-verdict-text")
        assert "fix   " in console.text("#checks-verdict-text")
        first = next(check for check in report.checks if check.severity is Severity.FAIL)
        await console.until(lambda: marked(console) == first.id)
        failed = [check for check in report.checks if check.severity is Severity.FAIL]
        assert {check.about for check in failed} >= {"apns/apple_rn", "fcm/android_rn"}
        for check in failed:
            whole = " ".join(text_of(console, check.id).split())
            message = whole.removeprefix(f"FAIL {check.stage} ")
            # The time stands at the end of the first line.
            assert "…" not in message
        assert "f failed only" in console.key_words


async def test_the_failed_ones_run_again_and_the_rest_stays(world: Hosts) -> None:
    good = _broken(world)
    async with watch(world.options, screen="checks") as console:
        await console.app.worker.start()
        await run(console)
        before = ids(console)
        view = console.app.checks
        kept = view.view.of("mpns")
        assert kept
        world.config.write_text(good)
        await run(console, "f")
        await console.sees("GOOD Everything that was checked can be reached: the push proxy")
        assert ids(console) == before
        assert view.view.of("mpns") == kept
        report = view.view.report
        assert report is not None
        assert {check.about for check in report.checks} == {p.target for p in view.view.plans}
        assert report.exit_code == 0


async def test_the_evidence_is_whole_scrolls_and_closes(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="checks") as (console, _):
        await run(console)
        pane = console.one("#checks-evidence", Pane)
        while marked(console) != "tls:apns/apple_rn":
            await console.press("down")
        await console.press("enter")
        await console.until(lambda: pane.is_open and bool(console.pane("#checks-evidence")))
        told = console.pane("#checks-evidence")
        result = next(r for r in console.app.checks.view.results if r.id == "tls:apns/apple_rn")
        for name, value in result.evidence.items():
            assert name.replace("_", " ") in told
            for word in str(value if not isinstance(value, list) else ", ".join(value)).split():
                assert word in told
        await console.sees("Evidence", "Esc close", "tls:apns/apple_rn")
        # The marked check stays in sight above its evidence.
        list_ = list_of(console)
        await console.until(
            lambda: list_.highlighted is not None
            and list_.scroll_y <= list_._index_to_line[list_.highlighted]
            < list_.scroll_y + list_.size.height
        )  # fmt: skip
        if pane.max_scroll_y:
            await console.sees("J K scroll")
            await console.press("J", "J", "J")
            assert pane.scroll_y == pane.max_scroll_y
        await console.press("up")
        await console.until(lambda: "tcp:apns/apple_rn" in console.pane("#checks-evidence"))
        assert pane.scroll_y == 0
        await console.press("escape")
        await console.until(lambda: not pane.is_open)
        await console.sees("[4 Checks]")


async def test_the_report_is_kept_as_it_was_made(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="checks") as (console, _):
        await run(console)
        await console.press("o")
        await wait_for(lambda: any(path.stat().st_size for path in _kept(short_tmp)))
        (path,) = _kept(short_tmp)
        assert path.stat().st_mode & 0o777 == 0o600
        document = json.loads(path.read_text())
        assert document["kind"] == "check"
        assert document["verdict"]["status"] == "pass"
        assert [check["id"] for check in document["checks"]] == [
            result.id for result in console.app.checks.view.results
        ]


def _kept(folder: Path) -> list[Path]:
    return list(folder.glob("mmpush-checks-*.json"))


def test_two_files_of_one_second_do_not_meet(tmp_path: Path) -> None:
    paths = {keep_file(tmp_path, "checks", "json", b"{}") for _ in range(5)}
    assert len(paths) == 5
    assert {path.read_bytes() for path in paths} == {b"{}"}


def test_a_folder_that_takes_nothing_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("")
    with pytest.raises(FailedError) as caught:
        keep_file(folder, "checks", "json", b"{}")
    assert caught.value.code == "keep-failed"
    assert caught.value.line().startswith(f"{folder}/mmpush-checks-")
    assert "cannot be written: Not a directory." in caught.value.line()


async def test_a_broken_configuration_is_a_finding(world: Hosts) -> None:
    world.config.write_text("[proxy]\nlisten_adress = ':1'\n")
    async with watch(world.options, screen="checks") as console:
        await console.press("r")
        await console.sees("FAIL", "listen_adress", "Did you mean listen_address")
        assert not console.app.checks.view.is_running


async def test_with_nothing_to_check_it_says_what_is_missing() -> None:
    async with watch(ConsoleOptions(host="h"), screen="checks") as console:
        await console.press("r")
        await console.sees("-- There is nothing to check: no Mattermost configuration was named")
        await console.sees("5 sets them up here.")
        assert "FAIL" not in console.words


async def test_at_the_smallest_size_everything_can_be_read(world: Hosts) -> None:
    _broken(world)
    async with watch(world.options, screen="checks", size=SMALL) as console:
        await run(console)
        report = console.app.checks.view.report
        assert report is not None
        wanted = report.verdict.fix[-1].split()[-1]
        seen = set(console.words.split())
        for _ in range(30):
            if wanted in seen:
                break
            await console.press("J")
            seen |= set(console.words.split())
        assert wanted in seen, console.shown
        assert list_of(console).size.height >= 2
        await console.press("enter")
        await console.sees("Evidence")
        assert all(len(line) <= SMALL[0] for line in console.lines)


async def test_what_is_mended_in_mattermosts_file_is_good_at_the_next_run(world: Hosts) -> None:
    good = world.mattermost_config.read_text()
    world.mattermost_config.write_text(good.replace(f":{world.port}", f":{free_port()}"))
    async with watch(world.options, screen="checks") as console:
        await console.app.worker.start()
        await run(console)
        await console.sees("FAIL Nothing listens at")
        # Half a file, as an editor leaves it for a moment: what was read last counts.
        world.mattermost_config.write_text(good[:20])
        await run(console)
        await console.sees("FAIL Nothing listens at")
        world.mattermost_config.write_text(good)
        await run(console)
        await console.sees("GOOD Everything that was checked can be reached: the push proxy")


async def test_a_draft_stays_while_the_checks_read_what_is_stored(world: Hosts) -> None:
    async with watch(world.options, screen="checks") as console:
        await run(console)
        draft = console.app.settings.view.draft
        assert draft is not None
        draft = replace(draft, server="http://127.0.0.1:1")
        console.app.settings.edit(draft)
        await run(console)
        assert console.app.settings.view.draft == draft
        await console.sees("127.0.0.1:1 refused the connection")


# Again and again, elsewhere, explained


async def test_watching_runs_again_and_tells_what_was_before(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_desk, "WATCH_EVERY_S", 0.3)
    async with demo(short_tmp, screen="checks") as (console, stage):
        await console.press("w")
        await console.until(lambda: "w stop watching" in console.key_words)
        await console.sees("runs", "ok x2")
        told = checks_words.totals(replace(console.app.checks.view, is_running=False))
        assert told[0][0].endswith(" s, again every 30 s   ")
        await world_of(stage).apns.go_down()
        await console.sees("FAIL Nothing listens at", "FAIL tcp:apns/apple_rn")
        await console.press("w")
        await console.until(lambda: "w watch" in console.key_words)
        await console.until(lambda: not console.app.checks.view.is_running)
        count = len(console.app.checks.view.history)
        await console.pilot.pause(0.8)
        assert len(console.app.checks.view.history) == count
        await world_of(stage).apns.come_up()


async def test_one_target_alone_is_run_again(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="checks") as (console, _):
        await run(console)
        before = {it.id: it for it in console.app.checks.view.results}
        await console.press("t")
        await console.until(lambda: not console.app.checks.view.is_running)
        target = before[marked(console)].about
        after = {it.id: it for it in console.app.checks.view.results}
        assert set(after) == set(before)
        kept = {id_ for id_ in before if before[id_] is after[id_]}
        assert kept == {id_ for id_, it in before.items() if it.about != target}


async def test_a_check_shows_when_in_the_run_it_was(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="checks") as (console, _):
        await run(console)
        row = text_of(console, "credential:apns/apple_rn")
        first = text_of(console, "dns:mpns")
        assert row.rstrip().endswith("#")
        assert row.index("#") > first.index("#")


async def test_the_report_is_kept_as_markdown_and_copied(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with demo(short_tmp, screen="checks") as (console, _):
        await run(console)
        await console.press("O")
        folder = console.app.options.keep_folder
        await console.until(lambda: any(it.stat().st_size for it in folder.glob("*.md")))
        (path,) = folder.glob("mmpush-checks-*.md")
        text = path.read_text()
        assert text.startswith("## Push: Everything that was checked can be reached")
        await console.press("y")
        assert console.app.clipboard == text


async def test_the_catalogue_is_searched_while_one_types(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="checks") as (console, _):
        await console.press("slash")
        await console.sees("Everything, in the order of a push's way.")
        await console.press(*"BadEnvironmentKeyInToken")
        await console.sees("The best first.")
        await console.press("enter")
        await console.sees("apns-key-environment", "1.", "Esc back")
        await console.press("escape")
        await console.sees("Enter read")
        await console.press("ctrl+u", *"qqq zzz")
        await console.sees("Nothing is known about this.")
        await console.press("escape")
        await console.sees("Nothing has been checked yet.")


async def test_the_catalogue_opens_with_what_is_marked(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="checks") as (console, stage):
        await world_of(stage).apns.go_down()
        await run(console)
        await console.press("slash")
        await console.sees("network-upstream-blocked", "The best first.")
        # What is typed or pasted is asked instead, not behind it.
        await console.press(*"TopicDisallowed")
        await console.sees("Apple does not allow this key to send")
        assert "network-upstream-blocked" not in console.words
        await world_of(stage).apns.come_up()
