"""The Settings screen, driven by keys on real files."""

import fcntl
import os
import unicodedata
from pathlib import Path

import pytest
from textual.containers import VerticalScroll

from mmpush_tui.console.screens.ask import AskScreen
from mmpush_tui.console.settings.setting_row import Advice, SettingRow
from mmpush_tui.console.widgets.form import Dropdown, TextField, Tick
from mmpush_tui.settings.page import Licence, Mode, Page
from mmpush_tui.settings.sources.rest import Rest
from mmpush_tui.settings.urls import REGION_URLS, TPNS_URL, Region
from mmpush_tui.simulator.mattermost.server import MattermostRest
from mmpush_tui.text import Secret
from tests.console.forms import SMALL, USUAL, WIDE, Bench, bench, content_of, stored, write
from tests.rights import as_nobody
from tests.settings.table import CONSENT, LICENSED, NOTHING, ROWS, UNKNOWN, UNLICENSED, Row

OWN = "http://127.0.0.1:8086"
EU = REGION_URLS[Region.DE]
JP = REGION_URLS[Region.JP]
GLOBAL = REGION_URLS[Region.GLOBAL]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def break_(path: Path) -> None:
    path.write_text('{"EmailSettings": {"PushNotificationServer": oops}}', encoding="utf-8")


def readable_by_all(path: Path) -> Path:
    path.parent.chmod(0o755)
    path.chmod(0o644)
    return path


async def tick(console: Bench) -> None:
    await console.focus("#accept_terms")
    before = console.draft.agreed
    await console.press("space")
    await console.until(lambda: console.draft.agreed is not before)


async def do(console: Bench, step: str) -> None:
    """Do one step of the table with the keys."""
    name, _, value = step.partition("=")
    match name:
        case "mode" | "region" | "contents":
            await console.choose(name, value)
        case "accept_terms":
            if console.draft.agreed is not (value == "true"):
                await tick(console)
        case _:
            await console.focus(f"#{name}")
            await console.press("home", "ctrl+k")
            await console.enter([{" ": "space"}.get(char, char) for char in value])
            await console.until(lambda: str(getattr(console.draft, name)) == value)


async def assert_follows(console: Bench, name: str, row: Row) -> None:
    """Do what ``row`` says on a page that was just read, and compare all that follows."""
    for step in row.do:
        if console.app.settings.view.draft is not None and not is_so(console.draft, step):
            await do(console, step)
    draft, view = console.draft, console.app.settings.view
    assert (draft.mode, draft.server, draft.agreed) == (row.mode, row.shown, row.agreed), name
    if row.region is not None:
        assert draft.region == row.region, name
    await console.until(lambda: shows(console, console.draft))
    assert view.blocked.startswith(row.why), name
    assert bool(view.blocked) is bool(row.why), name
    if not row.why:
        assert {change.key: change.new for change in view.changes} == row.writes, name
    said = "HPNS needs your consent" in console.text("#settings-state")
    assert said is (row.why == CONSENT), name
    assert view.is_edited is (row.why != NOTHING), name


def is_so(page: Page, step: str) -> bool:
    name, _, value = step.partition("=")
    return name in ("mode", "region", "contents") and getattr(page, name) == value


FILE_ROWS = {
    licence: {name: row for name, row in ROWS.items()
              if row.version is None and row.licence == licence}
    for licence in (LICENSED, UNLICENSED, UNKNOWN)
}  # fmt: skip


@pytest.mark.parametrize("licence", FILE_ROWS, ids=str)
async def test_every_change_does_what_the_web_page_does(config: Path, licence: Licence) -> None:
    write(config)
    async with bench("settings", config=config, licence=licence) as console:
        for name, row in FILE_ROWS[licence].items():
            write(config, server=row.server, send=row.send, contents=row.contents)
            before = content_of(config)
            await console.app.settings.load()
            await console.until(lambda: shows(console, console.draft))
            await assert_follows(console, name, row)
            assert content_of(config) == before, name


@pytest.mark.parametrize(
    ("name", "row"), [(name, row) for name, row in ROWS.items() if row.version is not None]
)
async def test_the_page_is_that_of_the_servers_version(name: str, row: Row) -> None:
    assert row.version is not None
    config = {
        "EmailSettings": {"SendPushNotifications": row.send, "PushNotificationServer": row.server}
    }
    async with MattermostRest(
        version=row.version,
        tokens={"canary": {"manage_system"}},
        config=config,
        licensed=True,
        mhpns=bool(row.licence.hpns),
        id_loaded=True,
    ) as mattermost:
        source = Rest(mattermost.url, Secret("canary"))
        async with bench("settings", source=source) as console:
            await assert_follows(console, name, row)
        assert mattermost.violations == []


def shows(console: Bench, page: Page) -> bool:
    """Return whether the rows show ``page``."""
    is_hosted = page.mode is Mode.HPNS
    return (
        console.one("#server", TextField).value == page.server
        and console.one("#mode", Dropdown).value == page.mode
        and console.one("#accept_terms", Tick).value is page.agreed
        and console.one("#server", TextField).disabled is (page.mode is not Mode.CUSTOM)
        and all(
            console.one(f"#row-{name}", SettingRow).display is is_hosted
            for name in ("region", "accept_terms")
        )
    )


SAVED = {
    "off": ((("mode", "off"),), {"send": False, "server": OWN}),
    "tpns": ((("mode", "tpns"),), {"server": TPNS_URL}),
    "contents": ((("contents", "id_loaded"),), {"contents": "id_loaded"}),
}


@pytest.mark.parametrize(("choices", "expected"), SAVED.values(), ids=SAVED.keys())
async def test_saving_shows_the_plan_and_writes_what_it_says(
    config: Path, choices: tuple[tuple[str, str], ...], expected: dict[str, object]
) -> None:
    write(config, server=OWN)
    before, text = stored(config), content_of(config)
    async with bench("settings", config=config) as console:
        for name, value in choices:
            await console.choose(name, value)
        await console.press("ctrl+s")
        plan = await console.asked()
        for change in console.app.settings.view.changes:
            assert change.key in plan
        assert str(config) in plan.replace(" ", "")
        assert "mmctl config reload" in plan
        await console.answer("save")
        await console.until(lambda: console.text("#settings-state").startswith("ok"))
        assert "mmctl config reload" in console.words
        assert not console.app.settings.view.is_edited
    assert stored(config) == before | expected
    kept = [file for file in config.parent.iterdir() if file != config]
    assert [content_of(file) for file in kept] == [text]


async def test_hosted_push_without_its_terms_cannot_be_saved_and_says_why(config: Path) -> None:
    write(config, server=TPNS_URL)
    before = content_of(config)
    async with bench("settings", config=config) as console:
        await console.choose("mode", "hpns")
        await console.choose("region", "de")
        await console.press("ctrl+s")
        assert "HPNS needs your consent" in await console.asked()
        await console.answer("")
        assert content_of(config) == before
        await tick(console)
        await console.press("ctrl+s")
        assert EU in await console.asked()
        await console.answer("save")
        await console.until(lambda: bool(console.app.settings.view.news))
    assert stored(config)["server"] == EU


async def test_the_terms_alone_are_nothing_to_save(config: Path) -> None:
    write(config, server="https://push.mattermost.com")
    async with bench("settings", config=config) as console:
        await tick(console)
        assert console.app.settings.view.changes == ()
        assert "not saved" not in console.shown
        await console.press("u")
        await console.until(lambda: console.draft.agreed)


async def test_letters_and_digits_go_into_the_address(config: Path) -> None:
    write(config, server=OWN)
    async with bench("settings", config=config) as console:
        await console.focus("#server")
        await console.press("ctrl+u")
        await console.enter("duqkrU12345?vxsa")
        await console.until(lambda: console.draft.server == "duqkrU12345?vxsa")
        assert not console.is_asked
        assert console.one("#server", TextField).has_focus


async def test_escape_leaves_a_field_for_the_keys_and_enter_goes_back(config: Path) -> None:
    write(config, server=OWN)
    async with bench("settings", config=config) as console:
        await console.focus("#server")
        await console.enter("/x")
        await console.until(lambda: console.draft.server == f"{OWN}/x")
        await console.press("escape")
        row = console.one("#row-server", SettingRow)
        await console.until(lambda: row.has_focus)
        await console.press("enter")
        await console.until(lambda: console.one("#server", TextField).has_focus)
        await console.press("escape", "u")
        await console.until(lambda: console.draft.server == OWN)
        assert console.one("#server", TextField).value == OWN
        # The row that was left is no stop of its own on the way.
        await console.press("down")
        await console.until(lambda: console.one("#max_notifications", TextField).has_focus)
        assert not row.can_focus


async def test_changes_are_marked_shown_and_put_back_one_or_all(config: Path) -> None:
    write(config, server=OWN, max=1000)
    async with bench("settings", config=config) as console:
        await console.choose("mode", "tpns")
        await console.choose("contents", "full")
        await console.focus("#max_notifications")
        await console.press("ctrl+u")
        await console.enter("500")
        await console.until(lambda: len(console.app.settings.view.changes) == 3)
        await console.until(lambda: "writes 3 keys" in console.shown)
        assert "* Max Notifications Per Channel:" in console.shown
        assert "was 1000" in console.shown
        assert f"was {OWN}" in console.shown
        await console.press("escape", "d")
        diff = await console.asked()
        assert f"old {OWN} new {TPNS_URL}" in diff
        assert "old 1000 new 500" in diff
        await console.press("escape")
        await console.until(lambda: not console.is_asked)
        await console.press("u")
        await console.until(lambda: console.draft.max_notifications == 1000)
        assert console.draft.mode is Mode.TPNS
        await console.press("U")
        await console.until(lambda: not console.app.settings.view.is_edited)
        await console.until(lambda: "As stored." in console.shown)
        assert "*" not in console.shown


@pytest.mark.parametrize("typed", ["", "0"])
async def test_a_number_that_is_none_stays_is_named_and_is_not_saved(
    config: Path, typed: str
) -> None:
    write(config, server=OWN)
    before = content_of(config)
    async with bench("settings", config=config) as console:
        await console.focus("#max_notifications")
        await console.press("ctrl+u")
        await console.enter(typed)
        await console.until(lambda: "Enter a whole number of 1 or more" in console.shown)
        await console.press("down")
        assert console.one("#max_notifications", TextField).value == typed
        await console.press("ctrl+s")
        text = await console.asked()
        assert text.startswith("Max Notifications Per Channel: Enter a whole number")
        await console.press("escape")
        await console.until(lambda: not console.is_asked)
        await console.focus("#max_notifications")
        await console.press("escape", "u")
        await console.until(lambda: console.one("#max_notifications", TextField).value == "1000")
        assert "Enter a whole number" not in console.shown
    assert content_of(config) == before


async def test_a_letter_in_the_number_is_refused_with_words(config: Path) -> None:
    write(config, server=OWN)
    async with bench("settings", config=config) as console:
        await console.focus("#max_notifications")
        await console.press("d")
        await console.until(lambda: "Enter a whole number of 1 or more" in console.shown)
        assert console.one("#max_notifications", TextField).value == "1000"
        await console.press("5")
        await console.until(lambda: console.draft.max_notifications == 10005)
        await console.until(lambda: "Enter a whole number" not in console.shown)


async def test_a_paste_is_one_clean_line_or_is_refused_with_words(config: Path) -> None:
    write(config, server=OWN)
    async with bench("settings", config=config) as console:
        await console.focus("#server")
        await console.press("ctrl+u")
        await console.paste("\r\n  https://push.ex\x1b]0;title\x07ample.com\u202e \nsecond\n")
        await console.until(lambda: console.draft.server == "https://push.example.com")
        await console.paste("a" * 5000)
        await console.until(lambda: "too long" in console.shown)
        assert console.draft.server == "https://push.example.com"


async def test_typing_is_never_overtaken_by_what_was_typed_before(config: Path) -> None:
    write(config, server=OWN)
    address = "https://push.example.com:8443/some/long/path/that/goes/on"
    async with bench("settings", config=config) as console:
        await console.focus("#server")
        await console.press("ctrl+u")
        for character in address:
            console.one("#server", TextField).insert_text_at_cursor(character)
            console.one("#row-server", SettingRow).draw(console.app.settings.view, "")
        assert console.one("#server", TextField).value == address
        await console.until(lambda: console.draft.server == address)


LOCKS = {
    "MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER": "https://push.example.com",
    "MM_EMAILSETTINGS_PUSHNOTIFICATIONCONTENTS": "full",
    "MM_TEAMSETTINGS_MAXNOTIFICATIONSPERCHANNEL": "77",
}


@pytest.mark.parametrize("size", [USUAL, SMALL, WIDE])
@pytest.mark.parametrize(
    ("server", "is_locked"), [(EU, False), (OWN, True)], ids=["hosted", "own, locked"]
)
async def test_tab_stops_at_every_row_in_reading_order_and_shows_it_whole(
    config: Path,
    size: tuple[int, int],
    server: str,
    is_locked: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(config, server=server)
    for name, value in LOCKS.items() if is_locked else ():
        monkeypatch.setenv(name, value)
    async with bench("settings", config=config, size=size) as console:
        expected = [row for row in console.app.screen.query(SettingRow) if row.display]
        form = console.one("#settings-form", VerticalScroll)
        for row in expected:
            assert console.is_in_front(row)
            await console.until_whole(row, form)
            assert " ".join(row.field.label.split()[:3]) in console.words
            await console.press("tab")
        assert isinstance(console.focused, Advice)
        await console.press("tab")
        assert console.is_in_front(expected[0])


async def test_locked_rows_name_the_variable_and_stay_as_they_are(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config, server=EU, max=5)
    for name, value in LOCKS.items():
        monkeypatch.setenv(name, value)
    async with bench("settings", config=config) as console:
        assert console.draft.server == "https://push.example.com"
        for name in LOCKS:
            assert f"locked: set by {name}" in console.shown
        assert console.shown.count("locked: set by MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER") == 2
        await console.press("enter", "5", "0", "d", "U")
        assert not console.app.settings.view.is_edited


async def test_a_row_that_gets_more_lines_stays_whole_in_sight(config: Path) -> None:
    write(config, server=EU, contents="full")
    async with bench("settings", config=config) as console:
        await console.choose("region", "jp")
        await console.choose("contents", "id_loaded")
        row = console.one("#row-contents", SettingRow)
        await console.until_whole(row, console.one("#settings-form", VerticalScroll))
        assert "the app fetches the message from your server." in console.words


async def test_the_advice_can_be_read_to_its_end_on_a_small_terminal(config: Path) -> None:
    write(config, server=EU, contents="full")
    async with bench("settings", config=config, size=SMALL) as console:
        await console.focus("Advice")
        seen: list[str] = []
        for _ in range(40):
            # A word longer than a line goes on in the next one.
            seen.append("".join(console.shown.encode("ascii", "ignore").decode().split()))
            await console.press("down")
        for note in console.app.settings.view.notes:
            for word in note.message.split():
                assert any(word in screen for screen in seen)


HOSTILE = "http://\x1b]0;pwn\x07a[/x]\u202eevil\x9b31m[@click=app.quit]b" + "A" * 10_000


@pytest.mark.parametrize("size", [USUAL, SMALL])
async def test_nothing_hostile_in_the_file_reaches_the_screen(
    config: Path, size: tuple[int, int]
) -> None:
    write(config, server=HOSTILE, contents="[/x]\x1b[31mred\u202e[bold]" + "B" * 10_000, max=-5)
    async with bench("settings", config=config, size=size) as console:
        seen = [console.shown]
        await console.press("enter")
        seen.append(console.shown)
        await console.press("escape")
        await console.choose("mode", "off")
        await console.focus("#contents")
        await console.press("enter")
        seen.append(console.shown)
        await console.press("escape")
        for key in ("ctrl+s", "d"):
            await console.press(key)
            await console.until(lambda: console.is_asked)
            seen.append(console.shown)
            await console.press("pagedown")
            seen.append(console.shown)
            await console.press("escape")
            await console.until(lambda: not console.is_asked)
        for text in seen:
            assert all(unicodedata.category(c) not in ("Cc", "Cs") for c in text if c != "\n")
            assert "\u202e" not in text
        assert "[/x]" in "".join(seen)


async def test_an_unknown_word_for_the_contents_is_shown_and_can_be_replaced(config: Path) -> None:
    write(config, server=OWN, contents="everything")
    async with bench("settings", config=config) as console:
        assert "unknown to this page: everything" in console.shown
        assert console.draft.contents == "everything"
        await console.choose("contents", "generic_no_channel")
        values = [value for _, value in console.one("#contents", Dropdown).offered]
        assert "everything" not in values
        await console.press("u")
        await console.until(lambda: "unknown to this page: everything" in console.shown)


async def test_what_the_licence_lacks_is_not_offered(config: Path) -> None:
    write(config, server=EU)
    lacks = Licence(hpns=False, id_loaded=False)
    async with bench("settings", config=config, licence=lacks) as console:
        assert console.draft.mode is Mode.CUSTOM
        assert "hpns" not in [value for _, value in console.one("#mode", Dropdown).offered]
        assert "id_loaded" not in [v for _, v in console.one("#contents", Dropdown).offered]


@pytest.mark.parametrize("size", [USUAL, SMALL])
async def test_a_file_that_cannot_be_read_is_named_and_read_again(
    config: Path, size: tuple[int, int]
) -> None:
    async with bench("settings", config=config, size=size) as console:
        assert "does not exist" in console.words
        break_(config)
        await console.press("r")
        await console.until(lambda: "no JSON" in console.text("#settings-unread"))
        await console.press("pagedown", "pagedown")
        await console.until(lambda: "r reads it again." in console.words)
        write(config, server=OWN)
        await console.press("r")
        await console.until(lambda: console.app.settings.view.draft is not None)
        await console.until(lambda: console.one("#mode", Dropdown).has_focus)
        assert "FAIL" not in console.shown


async def test_without_a_file_it_says_how_to_name_one() -> None:
    async with bench("settings") as console:
        assert "--mattermost-config" in console.words
        assert "Setup (5)" in console.words


async def test_changed_underneath_nothing_is_written_and_nothing_is_lost(config: Path) -> None:
    write(config, server=OWN, contents="generic", max=1000)
    async with bench("settings", config=config) as console:
        await console.choose("mode", "tpns")
        write(config, server=OWN, contents="full", max=7)
        theirs = content_of(config)
        await console.press("ctrl+s")
        await console.answer("save")
        assert "changed by someone else" in await console.asked()
        await console.press("escape")
        await console.until(lambda: not console.is_asked)
        await console.choose("mode", "custom")
        # It stays, whatever is done on the form.
        assert "changed by someone else" in console.words
        assert content_of(config) == theirs
        await console.choose("mode", "tpns")
        await console.press("r")
        await console.answer("keep")
        await console.until(lambda: not console.app.settings.view.problem)
        draft = console.draft
        assert (draft.mode, draft.contents, draft.max_notifications) == (Mode.TPNS, "full", 7)
        await console.press("ctrl+s")
        await console.answer("save")
        await console.until(lambda: bool(console.app.settings.view.news))
    assert stored(config) == {"send": True, "server": TPNS_URL, "contents": "full", "max": 7}


async def test_reading_again_gives_changes_up_only_when_told_to(config: Path) -> None:
    write(config, server=OWN)
    async with bench("settings", config=config) as console:
        await console.choose("mode", "tpns")
        await console.press("r")
        await console.answer("")
        assert console.draft.mode is Mode.TPNS
        await console.press("r")
        await console.answer("lose")
        await console.until(lambda: console.draft.mode is Mode.CUSTOM)


async def test_a_folder_one_may_not_write_in_is_named_and_nothing_is_lost(short_tmp: Path) -> None:
    config = readable_by_all(write(short_tmp / "config.json", server=OWN))
    before = content_of(config)
    async with bench("settings", config=config) as console:
        await console.choose("mode", "tpns")
        await console.press("ctrl+s")
        with as_nobody():
            await console.answer("save")
            text = await console.asked()
        assert "may not write in the folder" in text
        assert "Your changes are still on the form." in text
        await console.press("escape")
        await console.until(lambda: not console.is_asked)
        assert "may not write in the folder" in console.words
        assert console.draft.mode is Mode.TPNS
        assert content_of(config) == before
        # Once it can be written, the same key writes it.
        await console.press("ctrl+s")
        await console.answer("save")
        await console.until(lambda: bool(console.app.settings.view.news))
        assert "FAIL" not in console.shown
    assert stored(config)["server"] == TPNS_URL


async def test_somebody_else_at_the_file_is_no_loss(config: Path) -> None:
    write(config, server=OWN)
    async with bench("settings", config=config) as console:
        await console.choose("mode", "off")
        folder = os.open(config.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            await console.press("ctrl+s")
            await console.answer("save")
            assert "another mmpush-tui is writing" in await console.asked()
        finally:
            os.close(folder)
        assert console.draft.mode is Mode.OFF


async def test_going_elsewhere_leaves_a_question_and_writes_nothing(config: Path) -> None:
    write(config, server=OWN)
    before = content_of(config)
    async with bench("settings", config=config) as console:
        await console.choose("mode", "tpns")
        await console.press("ctrl+s")
        await console.asked()
        await console.app.action_goto("overview")
        await console.until(lambda: not console.is_asked)
        # Nothing waits for an answer any more.
        await console.until(lambda: len(console.app.tasks) == 0)
        assert console.draft.mode is Mode.TPNS
    assert content_of(config) == before


async def test_escape_closes_a_dropdown_and_chooses_nothing(config: Path) -> None:
    write(config, server=OWN)
    async with bench("settings", config=config) as console:
        mode = console.one("#mode", Dropdown)
        await console.press("enter")
        await console.until(lambda: mode.expanded)
        # Letters look for a choice here, and are no keys.
        await console.press("up", "up", "q", "escape")
        await console.until(lambda: not mode.expanded)
        assert mode.has_focus
        assert mode.value == "custom"
        assert not console.app.settings.view.is_edited


async def test_resizing_keeps_focus_and_draft(config: Path) -> None:
    write(config, server=OWN)
    async with bench("settings", config=config) as console:
        await console.focus("#server")
        await console.enter("/x")
        for size in (SMALL, (200, 60), (30, 8), USUAL):
            await console.pilot.resize_terminal(*size)
            await console.pilot.pause()
        assert console.one("#server", TextField).has_focus
        await console.until(lambda: console.draft.server == f"{OWN}/x")
        await console.until(lambda: f"{OWN}/x" in console.shown)


async def test_answers_are_in_sight_on_a_small_terminal_and_the_text_scrolls(config: Path) -> None:
    write(config, server="https://push.mattermost.com")
    async with bench("settings", config=config, size=SMALL) as console:
        await console.choose("mode", "off")
        await console.press("ctrl+s")
        await console.until(lambda: "Write it" in console.shown)
        assert "Back to the form" in console.shown
        assert "mmctl config reload" not in console.words
        seen = ""
        for _ in range(6):
            seen += console.words
            await console.press("pagedown")
        assert "Write it" in console.shown
        assert "mmctl" in seen
        await console.press("escape")
        await console.until(lambda: not isinstance(console.app.screen, AskScreen))


async def test_focus_can_be_seen_without_colours(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config, server=EU)
    monkeypatch.setenv("NO_COLOR", "1")
    async with bench("settings", config=config, theme="mmpush-ansi") as console:
        for _ in range(len(console.app.screen.query(SettingRow)) + 1):
            widget = console.focused
            y = widget.region.y if widget.region.y < 17 else 16
            assert "reverse" in _looks(console, y), widget
            await console.press("tab")
        await console.focus("#mode")
        await console.press("enter")
        await console.until(lambda: console.one("#mode", Dropdown).expanded)
        assert "bold underline" in _looks(console, console.focused.region.y + 2)


def _looks(console: Bench, y: int) -> str:
    """Return in words how the text of one line looks."""
    strip = console.app.screen._compositor.render_strips()[y]
    looks = []
    for segment in strip:
        if segment.style is not None and (segment.text.strip() or segment.style.reverse):
            style = segment.style
            looks.append(
                " ".join(name for name in ("bold", "underline", "reverse") if getattr(style, name))
            )
    return ", ".join(looks)
