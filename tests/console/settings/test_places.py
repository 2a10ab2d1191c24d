"""Where settings are had from, changed on the screen: nothing typed is lost, nothing mixed up."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.widgets import OptionList

from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.settings.desk import SettingsDesk
from mmpush_tui.console.settings.source import RestScreen
from mmpush_tui.console.widgets.form import TextField
from mmpush_tui.settings.page import Licence, Mode
from mmpush_tui.settings.sources.config_file import ConfigFile
from mmpush_tui.settings.sources.local import Local
from mmpush_tui.settings.sources.rest import Rest
from mmpush_tui.settings.urls import Region
from mmpush_tui.simulator.mattermost.faults import RestFault, Trouble
from mmpush_tui.simulator.mattermost.server import MattermostRest
from mmpush_tui.text import Secret
from tests.console.forms import SMALL, USUAL, Bench, bench, stored, write
from tests.console.watching import demo
from tests.settings.table import OWN, TPNS

TOKEN = "canarycanarycanarycanaryca"
PATCH, CONFIG = "/api/v4/config/patch", "/api/v4/config"


@pytest.fixture
async def mattermost(short_tmp: Path) -> AsyncIterator[MattermostRest]:
    async with MattermostRest(
        version="11.8.0",
        licensed=True,
        mhpns=True,
        id_loaded=True,
        tokens={TOKEN: {"manage_system"}},
        socket_path=short_tmp / "local.sock",
        file=short_tmp / "config.json",
        config={
            "EmailSettings": {"SendPushNotifications": True, "PushNotificationServer": TPNS},
        },
    ) as standing:
        yield standing
        assert standing.failures == []
        assert standing.violations == []


def rest(mattermost: MattermostRest) -> Rest:
    return Rest(mattermost.url, Secret(TOKEN))


def limit_of(mattermost: MattermostRest) -> int:
    limit: int = mattermost.config["TeamSettings"]["MaxNotificationsPerChannel"]
    return limit


# The desk


async def desk_on(mattermost: MattermostRest) -> SettingsDesk:
    desk = SettingsDesk(ConsoleOptions(source=rest(mattermost)), lambda: None)
    await desk.load()
    return desk


def type_limit(desk: SettingsDesk, number: int) -> None:
    assert desk.view.draft is not None
    desk.edit(desk.view.draft.with_max_notifications(number))


async def test_what_is_typed_while_another_place_fails_stays(mattermost: MattermostRest) -> None:
    desk = await desk_on(mattermost)
    async with MattermostRest(tokens={TOKEN: {"manage_system"}}) as other:
        other.troubles.add(Trouble(RestFault.SLOW, path=CONFIG, times=1, seconds=0.3))
        other.expire_token(TOKEN)
        trying = asyncio.get_running_loop().create_task(desk.use(rest(other)))
        await asyncio.sleep(0.1)
        type_limit(desk, 4711)
        assert (await trying).startswith(f"{other.url} does not take the access token")
    assert desk.view.is_edited
    assert desk.view.at == mattermost.url
    assert await desk.save()
    assert limit_of(mattermost) == 4711
    await desk.aclose()


async def test_a_save_never_goes_to_a_place_that_was_not_shown(mattermost: MattermostRest) -> None:
    desk = await desk_on(mattermost)
    type_limit(desk, 9999)
    async with MattermostRest(
        tokens={TOKEN: {"manage_system"}},
        config={"EmailSettings": {"SendPushNotifications": True, "PushNotificationServer": TPNS}},
    ) as other:
        other.troubles.add(Trouble(RestFault.SLOW, path=CONFIG, times=1, seconds=0.3))
        trying = asyncio.get_running_loop().create_task(desk.use(rest(other)))
        await asyncio.sleep(0.1)
        assert desk.view.at == mattermost.url
        assert not await desk.save()
        assert await trying == ""
        assert (mattermost.patches, other.patches) == ([], [])
        assert desk.view.at == other.url
        await desk.aclose()


async def test_another_place_waits_for_a_save_under_way(
    mattermost: MattermostRest, short_tmp: Path
) -> None:
    desk = await desk_on(mattermost)
    mattermost.troubles.add(Trouble(RestFault.SLOW, path=PATCH, seconds=0.3))
    type_limit(desk, 7)
    saving = asyncio.get_running_loop().create_task(desk.save())
    await asyncio.sleep(0.1)
    assert await desk.use(ConfigFile(short_tmp / "config.json", environment={})) == ""
    assert await saving
    assert limit_of(mattermost) == 7
    assert not desk.view.is_saving
    assert (desk.view.at, desk.view.problem) == (str(short_tmp / "config.json"), "")
    await desk.aclose()


async def test_a_place_that_is_given_up_in_the_last_moment_is_not_half_taken(
    mattermost: MattermostRest,
) -> None:
    desk = await desk_on(mattermost)
    async with MattermostRest(
        tokens={TOKEN: {"manage_system"}},
        config={"EmailSettings": {"SendPushNotifications": True, "PushNotificationServer": TPNS}},
    ) as other:
        for turns in range(60):
            trying = asyncio.get_running_loop().create_task(desk.use(rest(other)))
            for _ in range(turns):
                await asyncio.sleep(0.002)
            trying.cancel()
            await asyncio.gather(trying, return_exceptions=True)
            source = desk.source
            assert source is not None
            assert source.where.at == desk.view.at
            if desk.view.at == other.url:
                break
        await desk.aclose()


async def test_a_server_with_fewer_regions_keeps_the_rest_of_the_draft(
    mattermost: MattermostRest,
) -> None:
    desk = await desk_on(mattermost)
    assert desk.view.draft is not None
    desk.edit(desk.view.draft.with_mode(Mode.HPNS).with_region(Region.JP).with_agreed(True))
    mattermost._version = "11.5.0"
    await desk.load(keep_draft=True)
    draft = desk.view.draft
    assert draft is not None
    assert (draft.mode, draft.region, draft.agreed) == (Mode.HPNS, Region.US, False)
    assert draft.with_mode(Mode.TPNS).with_mode(Mode.HPNS).region is Region.US
    await desk.aclose()


# The screen


async def choose(console: Bench, answer: str) -> None:
    await console.press("o")
    await console.answer(answer)


async def fill(console: Bench, url: str, token: str) -> None:
    await console.until(lambda: isinstance(console.app.screen, RestScreen))
    console.one("#rest-url", TextField).value = url
    await console.focus("#rest-token")
    await console.enter(token)
    await console.press("enter")


@pytest.mark.parametrize("size", [USUAL, SMALL])
async def test_over_to_rest_and_back_to_the_file(
    mattermost: MattermostRest, short_tmp: Path, size: tuple[int, int]
) -> None:
    config = short_tmp / "config.json"
    async with bench("settings", config=config, size=size) as console:
        await choose(console, "rest:")
        await fill(console, mattermost.url, "wrong")
        await console.until(lambda: "does not take" in console.words)
        assert "wrong" not in console.shown
        await fill(console, mattermost.url, TOKEN.removeprefix("wrong"))
        # The field still has the wrong one in front.
        await console.until(lambda: "does not take" in console.words)
        console.one("#rest-token", TextField).value = TOKEN
        await console.press("enter")
        await console.until(lambda: not isinstance(console.app.screen, RestScreen))
        view = console.app.settings.view
        assert (view.at, view.problem) == (mattermost.url, "")
        assert TOKEN not in console.shown
        await choose(console, f"file:{config}")
        await console.until(lambda: console.app.settings.view.at == str(config))


async def test_esc_gives_a_connection_up(mattermost: MattermostRest, short_tmp: Path) -> None:
    config = short_tmp / "config.json"
    async with bench("settings", config=config) as console:
        await choose(console, "rest:")
        mattermost.fault = Trouble(RestFault.SLOW, seconds=0.5)
        await fill(console, mattermost.url, TOKEN)
        await console.until(lambda: "Connecting." in console.shown)
        await console.press("escape")
        await console.until(lambda: not isinstance(console.app.screen, RestScreen))
        await asyncio.sleep(0.7)
        await console.until(lambda: len(console.app.tasks) == 0)
        assert console.app.settings.view.at == str(config)
        assert console.app.crash is None


async def test_a_place_that_cannot_be_used_is_named_and_the_old_one_kept(
    mattermost: MattermostRest, short_tmp: Path
) -> None:
    config = short_tmp / "config.json"
    async with bench("settings", config=config) as console:
        await console.press("o")
        await console.until(lambda: console.is_asked)
        mattermost.fault = RestFault.HTML_PAGE
        await console.answer(f"local:{mattermost.socket_path}")
        assert "a web page comes back" in await console.asked()
        await console.answer("")
        assert console.app.settings.view.at == str(config)
        assert console.app.settings.view.problem == ""


async def test_a_saved_file_can_be_reloaded_at_once(
    mattermost: MattermostRest, short_tmp: Path
) -> None:
    async with bench("settings", config=short_tmp / "config.json") as console:
        await console.choose("contents", "generic")
        await console.press("ctrl+s")
        await console.answer("save")
        assert "Saved. The state before is in" in await console.asked()
        assert mattermost.config["EmailSettings"]["PushNotificationContents"] == "full"
        await console.answer("reload")
        await console.until(lambda: "has read its configuration anew" in console.words)
        assert mattermost.config["EmailSettings"]["PushNotificationContents"] == "generic"


async def test_the_way_back(tmp_path: Path) -> None:
    config = write(tmp_path / "config.json", contents="full")
    async with bench("settings", config=config) as console:
        await console.press("z")
        assert "Nothing was saved here" in await console.asked()
        await console.answer("")
        await console.choose("contents", "generic")
        await console.press("ctrl+s")
        await console.answer("save")
        await console.until(lambda: "Saved." in console.words)
        await console.press("z")
        await console.until(lambda: console.is_asked)
        await console.press("enter")
        assert "old generic new full" in await console.asked()
        await console.answer("save")
        await console.until(lambda: stored(config)["contents"] == "full")
        await console.until(lambda: console.draft.contents == "full")


async def test_a_file_of_two_names_needs_a_consent_of_its_own(tmp_path: Path) -> None:
    config = write(tmp_path / "config.json", contents="full")
    other = tmp_path / "other"
    other.hardlink_to(config)
    async with bench("settings", config=config) as console:
        await console.choose("contents", "generic")
        await console.press("ctrl+s")
        await console.answer("save")
        told = await console.asked()
        assert "it has 2 names (hard links), and replacing it would part them." in told
        await console.answer("")
        assert "Not saved" in console.shown
        await console.answer("")
        assert stored(config)["contents"] == "full"
        await console.press("ctrl+s")
        await console.answer("save")
        await console.answer("over")
        await console.until(lambda: stored(other)["contents"] == "generic")


async def test_what_the_server_passes_over_is_said(mattermost: MattermostRest) -> None:
    mattermost.fault = Trouble(
        RestFault.SKIPS, keys=frozenset({"EmailSettings.PushNotificationContents"})
    )
    async with bench("settings", source=rest(mattermost)) as console:
        await console.choose("contents", "generic")
        await console.press("ctrl+s")
        await console.answer("save")
        told = await console.asked()
        assert "did not change EmailSettings.PushNotificationContents" in told
        await console.answer("")
        assert console.draft.contents == "full"


async def test_what_the_user_may_not_see_is_not_shown_as_a_default() -> None:
    rights = {
        "sysconsole_read_environment_push_notification_server",
        "sysconsole_write_environment_push_notification_server",
    }
    async with (
        MattermostRest(
            version="11.8.0",
            tokens={TOKEN: rights},
            config={"EmailSettings": {"PushNotificationContents": "generic"}},
        ) as mattermost,
        bench("settings", source=rest(mattermost)) as console,
    ):
        await console.until(lambda: "not to be seen with this token" in console.words)
        assert "sysconsole_read_site_notifications is missing" in console.words
        assert "Large Channel Notification Threshold:" in console.words
        assert "Full message" not in console.words
        await console.press("p")
        assert not console.is_asked


async def test_what_was_mistyped_elsewhere_blocks_nothing_here(
    mattermost: MattermostRest, short_tmp: Path
) -> None:
    config = short_tmp / "config.json"
    async with bench("settings", config=config) as console:
        await console.focus("#max_notifications")
        await console.press("home", "ctrl+k")
        await console.until(lambda: "Enter a whole number" in console.words)
        assert mattermost.socket_path is not None
        await console.press("escape")
        await choose(console, f"local:{mattermost.socket_path}")
        await console.until(lambda: console.app.settings.view.at == str(mattermost.socket_path))
        await console.until(lambda: "Enter a whole number" not in console.words)
        assert console.one("#max_notifications", TextField).value == "1000"


async def test_a_backup_with_an_impossible_date_is_only_a_name(tmp_path: Path) -> None:
    config = write(tmp_path / "config.json")
    write(tmp_path / "config.json.mmpush-20261399T999999Z")
    async with bench("settings", config=config) as console:
        await console.press("z")
        await console.until(lambda: console.is_asked)
        assert "config.json.mmpush-20261399T999999Z" in console.words


async def test_a_dead_file_of_certificates_freezes_nothing(
    mattermost: MattermostRest, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "ca.pem")
    async with bench("settings", source=rest(mattermost)) as console:
        await choose(console, "rest:")
        await console.until(lambda: isinstance(console.app.screen, RestScreen))
        console.one("#rest-ca", TextField).value = str(tmp_path / "ca.pem")
        await fill(console, mattermost.url, TOKEN)
        await console.until(lambda: "Connecting." in console.shown)
        await console.press("escape")
        await console.until(lambda: not isinstance(console.app.screen, RestScreen))


async def test_the_preview_shows_what_the_level_sends(tmp_path: Path) -> None:
    config = write(tmp_path / "config.json", contents="full")
    async with bench("settings", config=config) as console:
        await console.press("p")
        told = await console.asked()
        assert '"body": "Jane Doe: Shall we meet at ten?"' in told
        assert told.count("Jane Doe") == 4
        # Of these lines, and once in the sentence that explains the mark.
        assert told.count("> ") == 1 + 7
        await console.answer("")
        await console.choose("contents", "id_loaded")
        await console.press("p")
        told = await console.asked()
        assert "Jane" not in told
        assert told.count("> ") == 1
        assert '"id_loaded": true' in told


async def test_the_advice_has_more_to_say(tmp_path: Path) -> None:
    config = write(tmp_path / "config.json", server="http://10.0.0.1:443")
    async with bench("settings", config=config) as console:
        await console.focus("Advice")
        await console.press("enter")
        told = await console.asked()
        assert "where TLS is spoken" in told
        assert "The reference push proxy speaks plain HTTP only" in told


async def test_the_local_socket_opens_too(mattermost: MattermostRest) -> None:
    assert mattermost.socket_path is not None
    async with bench("settings", source=Local(mattermost.socket_path)) as console:
        await console.choose("mode", "custom")
        await console.focus("#server")
        await console.enter(OWN)
        await console.press("ctrl+s")
        told = await console.asked()
        assert f"over the local socket {mattermost.socket_path}" in told
        await console.answer("save")
        await console.until(lambda: "The server uses it at once" in console.words)
        assert mattermost.config["EmailSettings"]["PushNotificationServer"] == OWN


async def test_the_demo_looks_at_nothing_on_this_host(tmp_path: Path) -> None:
    config = write(tmp_path / "config.json")
    async with bench("settings", config=config, is_demo=True) as console:
        await console.press("o", "R")
        assert not console.is_asked
        assert "where" not in console.lines[-1]


async def test_the_demo_has_a_mattermost_of_its_own_at_every_place(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What happens to be on this host is not offered.
    monkeypatch.setenv("MMPUSH_MATTERMOST__URL", "https://chat.example.org")
    monkeypatch.setenv("XDG_STATE_HOME", str(short_tmp / "state"))
    async with demo(short_tmp, screen="settings") as (console, stage):
        folder = stage.mattermost_config.parent
        assert [path.name for path in folder.iterdir()] == ["config.json"]
        before = stage.mattermost_config.read_bytes()
        await console.press("o")
        assert "of the demo's own server" in await console.asked()
        server = await stage.mattermost()
        answers = console.one("OptionList", OptionList)
        assert [answers.get_option_at_index(i).id for i in range(answers.option_count)] == [
            f"file:{server.config_file}", f"local:{server.socket_path}", f"rest:{server.url}", "",
        ]  # fmt: skip
        # The server writes what it read, and the form still stands on it.
        assert stage.mattermost_config.read_bytes() == before
        await console.answer(f"rest:{server.url}")
        await console.until(lambda: console.app.settings.view.at == server.url)
        assert console.app.settings.view.licence == Licence(hpns=True, id_loaded=True)
        await console.choose("contents", "generic")
        await console.press("ctrl+s")
        await console.answer("save")
        await console.until(lambda: "The server uses it at once" in console.words)
        assert server.token.reveal() not in console.shown
        await choose(console, f"local:{server.socket_path}")
        await console.until(lambda: console.app.settings.view.at == str(server.socket_path))
        assert console.draft.contents == "generic"
        await choose(console, f"file:{server.config_file}")
        await console.until(lambda: console.app.settings.view.at == str(server.config_file))
        assert console.draft.contents == "generic"
        assert server.violations == []
    assert [path.name for path in folder.iterdir()] == ["config.json"]


async def test_the_demos_mattermost_reads_its_file_where_it_is_asked_to(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(short_tmp / "state"))
    async with demo(short_tmp, screen="settings") as (console, stage):
        server = await stage.mattermost()
        await console.choose("contents", "generic")
        await console.press("ctrl+s")
        await console.answer("save")
        assert "Saved. The state before is in" in await console.asked()
        await console.answer("")
        await console.press("R")
        await console.answer("reload")
        await console.until(lambda: "has read its configuration anew" in console.words)
        assert server.requests == 1


async def test_the_demo_says_where_its_mattermost_cannot_run(short_tmp: Path) -> None:
    async with demo(short_tmp, screen="settings") as (console, stage):
        (stage.mattermost_config.parent / "token.txt").mkdir()
        await console.press("o")
        assert "cannot be used" in await console.asked()
        await console.answer("")
        assert console.app.settings.view.problem == ""


async def test_in_a_field_only_those_keys_are_offered_that_are_no_text(tmp_path: Path) -> None:
    config = write(tmp_path / "config.json", server=OWN)
    async with bench("settings", config=config) as console:
        await console.focus("#server")
        await console.enter("x")
        await console.until(lambda: "Esc leave field" in console.lines[-1])
        assert "^s save" in console.lines[-1]
        assert "^q quit" in console.lines[-1]
        assert "diff" not in console.lines[-1]
        assert "?" not in console.lines[-1]
        await console.press("escape")
        await console.until(lambda: "d diff" in console.lines[-1])
        assert "Esc" not in console.lines[-1]
