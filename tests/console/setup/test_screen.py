"""The Setup screen, driven by keys, with real keys of the kind that Apple and Google give."""

import asyncio
import os
import socket
import tomllib
import unicodedata
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from textual.containers import VerticalScroll
from textual.widgets import OptionList

from mmpush_tui.console.setup.desk import SetupDesk
from mmpush_tui.console.setup.question import Question
from mmpush_tui.console.widgets.form import Choices, TextField
from mmpush_tui.fields import Field
from mmpush_tui.findings import Severity
from mmpush_tui.settings.page import Mode
from mmpush_tui.settings.page_fields import ACCEPT_TERMS, REGION
from mmpush_tui.settings.urls import REGION_URLS, TPNS_URL, Region
from mmpush_tui.setup import draft as drafts
from mmpush_tui.setup import steps
from mmpush_tui.setup.steps import StepId
from mmpush_tui.simulator.credentials import AppleKey, GoogleAccount
from tests.console.forms import SMALL, USUAL, Bench, bench, content_of, write

OWN = "http://127.0.0.1:8086"
TOPIC = "com.example.chat"
APPLE = AppleKey.make(3, topics=(TOPIC,))
GOOGLE = GoogleAccount.make(3)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home folder, which is also where the console was started."""
    home = Path(os.environ["HOME"])
    monkeypatch.chdir(home)
    monkeypatch.delenv("MM_CONFIG", raising=False)
    return home


@pytest.fixture
def port() -> int:
    """A port that is free."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        number: int = listener.getsockname()[1]
        return number


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write(tmp_path / "config.json", server=OWN)


def written() -> Path:
    return platformdirs.user_config_path("mmpush-tui") / "config.toml"


def toml() -> dict[str, Any]:
    return tomllib.loads(written().read_text("utf-8"))


def step_of(desk: SetupDesk) -> StepId:
    return desk.view.draft.step


class Setup:
    """A console on its Setup screen."""

    def __init__(self, console: Bench) -> None:
        self.console = console
        self.desk = console.app.setup

    @property
    def step(self) -> StepId:
        return self.desk.view.draft.step

    def question(self, field: Field) -> Question:
        return next(
            question
            for question in self.console.app.screen.query(Question)
            if question.field.key == field.key
        )

    def under(self, field: Field) -> str:
        return str(self.question(field).query_one(".under").render())

    def value(self, field: Field) -> str:
        return self.question(field).query_one(TextField).value

    async def ready(self, step: StepId) -> None:
        """Wait until a page is in front, with the focus on it."""
        await self.console.until(lambda: self.step is step and not self.desk.view.is_busy)
        if step is StepId.SUMMARY:
            await self.console.until(lambda: self.console.focused.id == "setup-summary")
        else:
            first = self.question(steps.BY_ID[step].fields[0])
            await self.console.until(lambda: first.display and first.has_focus_within)

    async def take(self, field: Field, value: str) -> None:
        """Choose from a list with the keys; after the last one of a page the next page comes."""
        list_ = self.question(field).query_one(Choices)
        list_.focus()
        await self.console.until(lambda: list_.has_focus)
        await self.console.until(lambda: list_.highlighted is not None)
        wanted = list_.get_option_index(value)
        while (at := list_.highlighted or 0) != wanted:
            await self.console.press("down" if at < wanted else "up")
        await self.console.press("enter")

    async def fill(self, field: Field, text: str) -> None:
        """Type an answer over what stands there."""
        input_ = self.question(field).query_one(TextField)
        input_.focus()
        await self.console.until(lambda: input_.has_focus)
        await self.console.press("end", "ctrl+u")
        await self.console.paste(text)

    async def to_apple(self) -> None:
        await self.ready(StepId.APPS)
        await self.take(steps.APPS, "own")
        await self.ready(StepId.MATTERMOST)
        await self.take(steps.WHERE, "elsewhere")
        await self.ready(StepId.APPLE)

    async def to_android(self, key: Path) -> None:
        await self.to_apple()
        await self.fill(steps.KEY_FILE, str(key))
        await self.console.press("enter")
        await self.console.until(lambda: self.value(steps.KEY_ID) == APPLE.key_id)
        await self.fill(steps.TEAM_ID, APPLE.team_id)
        await self.fill(steps.TOPIC, TOPIC)
        await self.take(steps.SANDBOX, "false")
        await self.ready(StepId.ANDROID)

    async def to_summary(self, port: int) -> None:
        """From the page of Android: later, and listen on ``port``."""
        await self.take(steps.ANDROID_WHEN, "later")
        await self.ready(StepId.LISTEN)
        await self.fill(steps.LISTEN, f"127.0.0.1:{port}")
        await self.console.press("enter")
        await self.ready(StepId.SUMMARY)
        await self.console.until(lambda: self.desk.view.plan is not None)


async def test_own_apps_from_the_first_question_to_the_written_file(
    home: Path, port: int, config: Path
) -> None:
    key, account = APPLE.write(home), GOOGLE.write(home)
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.ready(StepId.APPS)
        await setup.take(steps.APPS, "own")
        await setup.ready(StepId.MATTERMOST)
        await setup.take(steps.WHERE, "file")
        # What the answer adds to the page gets the focus.
        await console.until(lambda: setup.question(steps.CONFIG_FILE).has_focus_within)
        await console.paste(f"'{config}'\n")
        await console.press("enter")
        await setup.ready(StepId.APPLE)
        assert f"ok Readable: Mattermost uses the push proxy at {OWN} today." in console.words
        await console.press("enter")
        await console.until(lambda: setup.question(steps.KEY_FILE).has_focus_within)
        # The key was found in the home folder: down to it, and Enter.
        assert f"~/{key.name}" in console.shown
        await console.press("down", "enter")
        await console.until(lambda: "A P-256 private key" in setup.under(steps.KEY_FILE))
        await console.until(lambda: setup.value(steps.KEY_ID) == APPLE.key_id)
        assert setup.value(steps.KEY_FILE) == str(key)
        await console.press("enter", "enter")
        await console.until(lambda: setup.question(steps.TEAM_ID).has_focus_within)
        await console.enter(APPLE.team_id)
        await console.press("enter")
        await console.enter(TOPIC)
        await console.press("enter", "enter")
        await setup.ready(StepId.ANDROID)
        assert f"Ready to send to {TOPIC} in production" in console.words
        await console.press("enter", "down", "enter")
        await console.until(lambda: "mmpush-demo" in setup.under(steps.ACCOUNT_FILE))
        await console.press("enter")
        await setup.ready(StepId.LISTEN)
        await setup.fill(steps.LISTEN, f"127.0.0.1:{port}")
        await console.press("enter")
        await setup.ready(StepId.SUMMARY)
        await console.until(lambda: setup.desk.view.plan is not None)
        assert f"127.0.0.1:{port} is free." in console.words
        assert not written().exists()
        await console.press("enter")
        assert "Mattermost is not changed by this." in await console.asked()
        await console.answer("")
        assert not written().exists()
        await console.press("enter")
        await console.answer("write")
        await console.until(lambda: setup.desk.view.applied is not None)
        await console.until(lambda: "What is left to do" in console.shown)
        assert "Start the push proxy." in console.shown
        # Enter goes on to the worker, and the Settings screen holds what Mattermost needs.
        await console.press("enter")
        await console.until(lambda: type(console.app.screen).__name__ == "WorkerScreen")
        await console.until(lambda: console.app.settings.view.is_edited)
        draft = console.draft
        assert (draft.mode, draft.server) == (Mode.CUSTOM, f"http://127.0.0.1:{port}")
        assert console.app.options.config == written()
    assert toml() == {
        "mattermost": {"config_file": str(config)},
        "proxy": {
            "listen_address": f"127.0.0.1:{port}",
            "throttle_per_sec": 300,
            "throttle_memory_store_size": 50000,
            "apple": [
                {
                    "type": "apple_rn", "topic": TOPIC, "auth_key_file": str(key),
                    "auth_key_id": APPLE.key_id, "team_id": APPLE.team_id, "sandbox": False,
                }
            ],
            "android": [{"type": "android_rn", "service_account_file": str(account)}],
        },
    }  # fmt: skip
    assert written().stat().st_mode & 0o777 == 0o600


async def test_store_apps_with_hosted_push_need_the_terms_and_fill_the_settings(
    config: Path,
) -> None:
    before = content_of(config)
    async with bench("setup", config=config) as console:
        setup = Setup(console)
        await setup.ready(StepId.APPS)
        await console.press("enter")
        await setup.ready(StepId.MATTERMOST)
        await setup.take(steps.WHERE, "file")
        await setup.fill(steps.CONFIG_FILE, str(config))
        await console.press("enter")
        await setup.ready(StepId.SERVICE)
        await setup.take(steps.SERVICE, "hpns")
        await setup.ready(StepId.REGION)
        await setup.take(REGION, "de")
        await console.press("enter")
        await console.until(lambda: "HPNS needs your consent" in setup.under(ACCEPT_TERMS))
        assert setup.step is StepId.REGION
        await setup.take(ACCEPT_TERMS, "true")
        await setup.ready(StepId.SUMMARY)
        await console.until(lambda: setup.desk.view.plan is not None)
        # Of a worker, which is not needed here, it says nothing.
        assert "listen_address" not in console.words
        await console.press("enter")
        await console.answer("write")
        await console.until(lambda: setup.desk.view.applied is not None)
        await console.press("enter")
        await console.until(lambda: type(console.app.screen).__name__ == "SettingsScreen")
        await console.until(lambda: console.app.settings.view.is_edited)
        draft = console.draft
        assert (draft.mode, draft.region, draft.agreed) == (Mode.HPNS, Region.DE, True)
        assert draft.server == REGION_URLS[Region.DE]
        assert not console.app.settings.view.blocked
        await console.until(lambda: "writes 1 key" in console.shown)
    assert content_of(config) == before


async def test_a_change_on_the_settings_screen_survives_the_setup(config: Path) -> None:
    async with bench("settings", config=config) as console:
        await console.choose("contents", "full")
        await console.app.action_goto("setup")
        setup = Setup(console)
        await setup.ready(StepId.APPS)
        await console.press("enter")
        await setup.ready(StepId.MATTERMOST)
        await setup.take(steps.WHERE, "file")
        await setup.fill(steps.CONFIG_FILE, str(config))
        await console.press("enter")
        await setup.ready(StepId.SERVICE)
        await setup.take(steps.SERVICE, "tpns")
        await setup.ready(StepId.SUMMARY)
        await console.until(lambda: setup.desk.view.plan is not None)
        await console.press("enter")
        await console.answer("write")
        await console.until(lambda: setup.desk.view.applied is not None)
        await console.press("enter")
        await console.until(lambda: type(console.app.screen).__name__ == "SettingsScreen")
        await console.until(lambda: console.draft.mode is Mode.TPNS)
        assert (console.draft.server, console.draft.contents) == (TPNS_URL, "full")


async def test_problems_stand_under_their_fields_and_the_first_has_the_focus(home: Path) -> None:
    key = APPLE.write(home)
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.to_apple()
        await setup.fill(steps.KEY_FILE, str(key))
        await setup.fill(steps.TEAM_ID, "abcdefghi")
        await setup.fill(steps.TOPIC, f"{TOPIC}.voip")
        # As soon as the field is left.
        await console.until(lambda: "it has 9 characters" in setup.under(steps.TEAM_ID))
        await setup.take(steps.SANDBOX, "false")
        await console.until(lambda: setup.question(steps.TEAM_ID).has_focus_within)
        assert setup.step is StepId.APPLE
        assert "it has 9 characters" in setup.under(steps.TEAM_ID)
        assert "ends in .voip" in setup.under(steps.TOPIC)
        assert setup.question(steps.TEAM_ID).query(".under.-problem")
        await setup.fill(steps.TEAM_ID, APPLE.team_id)
        await console.until(lambda: "it has 9 characters" not in setup.under(steps.TEAM_ID))


async def test_a_wrong_file_is_named_for_what_it_is_and_one_does_not_get_past_it(
    home: Path,
) -> None:
    account = GOOGLE.write(home)
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.to_apple()
        await setup.fill(steps.KEY_FILE, str(account))
        await setup.fill(steps.KEY_ID, APPLE.key_id)
        await setup.fill(steps.TEAM_ID, APPLE.team_id)
        await setup.fill(steps.TOPIC, TOPIC)
        await setup.take(steps.SANDBOX, "false")
        await console.until(lambda: setup.question(steps.KEY_FILE).has_focus_within)
        assert setup.step is StepId.APPLE
        assert setup.under(steps.KEY_FILE).startswith("FAIL This is a Google service account")
        # Another name is another file: what the first one was is no longer said of it.
        await console.press("x")
        await console.until(lambda: "service account" not in setup.under(steps.KEY_FILE))


async def test_a_path_is_completed_from_what_is_typed(home: Path) -> None:
    key = APPLE.write(home)
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.to_apple()
        await setup.fill(steps.KEY_FILE, f"{home}/Auth")
        input_ = setup.question(steps.KEY_FILE).query_one(TextField)
        await console.until(lambda: input_._suggestion == str(key))
        await console.press("right")
        await console.until(lambda: setup.value(steps.KEY_FILE) == str(key))


async def test_now_and_later_change_the_page_and_the_focus_stays() -> None:
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.to_apple()
        when = setup.question(steps.APPLE_WHEN).query_one(Choices)
        await setup.fill(steps.TOPIC, TOPIC)
        when.focus()
        await console.until(lambda: when.has_focus)
        # By the desk, as a look into a file would: nobody has moved.
        setup.desk.answer(steps.APPLE_WHEN, "later")
        await console.until(lambda: not setup.question(steps.TOPIC).display)
        assert when.has_focus
        setup.desk.answer(steps.APPLE_WHEN, "now")
        await console.until(lambda: setup.question(steps.TOPIC).display)
        assert when.has_focus
        assert setup.value(steps.TOPIC) == TOPIC


async def test_what_is_typed_while_the_page_changes_is_not_lost(home: Path) -> None:
    key = APPLE.write(home)
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.to_apple()
        await setup.fill(steps.TEAM_ID, "")
        team = setup.question(steps.TEAM_ID).query_one(TextField)
        setup.desk.answer(steps.KEY_FILE, str(key))
        look = asyncio.get_running_loop().create_task(setup.desk.look(steps.KEY_FILE))
        for character in APPLE.team_id:
            team.insert_text_at_cursor(character)
            console.app.screen.draw()  # type: ignore[attr-defined] # the Setup screen
        await look
        await console.until(lambda: setup.value(steps.KEY_ID) == APPLE.key_id)
        assert team.has_focus
        assert team.value == APPLE.team_id
        await console.until(
            lambda: setup.desk.view.draft.answers[steps.TEAM_ID.key] == APPLE.team_id
        )


async def test_both_platforms_left_for_later_is_said_on_their_page(home: Path) -> None:
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.to_apple()
        await setup.take(steps.APPLE_WHEN, "later")
        await setup.ready(StepId.ANDROID)
        await setup.take(steps.ANDROID_WHEN, "later")
        await console.until(lambda: "nothing could be sent" in setup.under(steps.ANDROID_WHEN))
        assert setup.step is StepId.ANDROID


async def test_back_loses_nothing_and_later_is_taken_up_another_day(home: Path, port: int) -> None:
    key = APPLE.write(home)
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.to_android(key)
        await console.press("escape")
        await setup.ready(StepId.APPLE)
        assert setup.value(steps.TEAM_ID) == APPLE.team_id
        assert setup.value(steps.TOPIC) == TOPIC
        # Esc leaves the page from within a field, too.
        await setup.fill(steps.TOPIC, "com.example.other")
        await console.press("escape")
        await setup.ready(StepId.MATTERMOST)
        await console.press("escape")
        await setup.ready(StepId.APPS)
        await console.press("escape")
        assert setup.step is StepId.APPS
        await console.press("enter")
        await setup.ready(StepId.MATTERMOST)
        await console.press("enter")
        await setup.ready(StepId.APPLE)
        assert setup.value(steps.TOPIC) == "com.example.other"
        await console.press("ctrl+o")
        await console.until(lambda: type(console.app.screen).__name__ == "OverviewScreen")
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.ready(StepId.APPLE)
        assert "Your answers of another day are here again" in console.words
        assert setup.value(steps.TOPIC) == "com.example.other"
        await console.until(lambda: "A P-256 private key" in setup.under(steps.KEY_FILE))
        await setup.take(steps.SANDBOX, "true")
        await setup.ready(StepId.ANDROID)
        await setup.to_summary(port)
        await console.press("enter")
        await console.answer("write")
        await console.until(lambda: setup.desk.view.applied is not None)
        assert not drafts.draft_path().exists()
    assert toml()["proxy"]["apple"][0]["sandbox"] is True


async def test_a_draft_that_cannot_be_kept_is_said_and_nobody_leaves(home: Path) -> None:
    drafts.draft_path().parent.parent.mkdir(parents=True, exist_ok=True)
    drafts.draft_path().parent.write_text("in the way", encoding="utf-8")
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.ready(StepId.APPS)
        await console.press("ctrl+o")
        await console.until(lambda: "the draft cannot be saved" in console.words)
        assert type(console.app.screen).__name__ == "SetupScreen"


async def test_enter_pressed_again_and_again_skips_no_page() -> None:
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.ready(StepId.APPS)
        screen = console.app.screen
        for _ in range(5):
            screen.action_next()  # type: ignore[attr-defined] # the Setup screen
        await setup.ready(StepId.MATTERMOST)


async def test_an_answer_changed_while_it_is_proved_is_not_proved(config: Path) -> None:
    is_busy = asyncio.Event()
    desk = SetupDesk(lambda: is_busy.set() if desk.view.is_busy else None)
    desk.answer(steps.WHERE, "file")
    desk.answer(steps.CONFIG_FILE, str(config))
    desk.answer(steps.APPS, "store")
    assert await desk.next()
    is_busy.clear()
    async with asyncio.TaskGroup() as group:
        going = group.create_task(desk.next())
        await is_busy.wait()
        # The file is being read in a thread.
        desk.answer(steps.WHERE, "elsewhere")
    assert not going.result()
    assert step_of(desk) is StepId.MATTERMOST
    assert await desk.next()
    assert step_of(desk) is StepId.SERVICE


async def test_a_file_changed_underneath_is_planned_anew(home: Path, port: int) -> None:
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.to_android(APPLE.write(home))
        await setup.to_summary(port)
        written().parent.mkdir(parents=True)
        written().write_text("[proxy]\nenable_metrics = true\n", encoding="utf-8")
        await console.press("enter")
        await console.answer("write")
        await console.until(lambda: setup.desk.view.finding is not None)
        await console.press("pagedown", "pagedown", "pagedown")
        await console.until(lambda: "changed by somebody else meanwhile" in console.words)
        assert written().read_text("utf-8") == "[proxy]\nenable_metrics = true\n"
        await console.press("enter")
        await console.answer("write")
        await console.until(lambda: setup.desk.view.applied is not None)
    assert toml()["proxy"]["enable_metrics"] is True
    assert toml()["proxy"]["listen_address"] == f"127.0.0.1:{port}"


async def test_a_broken_file_in_the_way_is_named_and_enter_looks_again(
    home: Path, port: int
) -> None:
    written().parent.mkdir(parents=True)
    written().write_text("[proxy\n", encoding="utf-8")
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.to_android(APPLE.write(home))
        await setup.take(steps.ANDROID_WHEN, "later")
        await setup.ready(StepId.LISTEN)
        await setup.fill(steps.LISTEN, f"127.0.0.1:{port}")
        await console.press("enter")
        await setup.ready(StepId.SUMMARY)
        await console.until(lambda: "Correct the file or move it away" in console.words)
        written().unlink()
        await console.press("enter")
        await console.until(lambda: setup.desk.view.plan is not None)
        assert "Correct the file" not in console.words


async def test_where_nothing_changes_nothing_is_asked_and_one_can_go_through_again(
    home: Path, port: int
) -> None:
    key = APPLE.write(home)
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.to_android(key)
        await setup.to_summary(port)
        await console.press("enter")
        await console.answer("write")
        await console.until(lambda: setup.desk.view.applied is not None)
        await console.press("enter")
        await console.until(lambda: type(console.app.screen).__name__ == "WorkerScreen")
        first = written().read_bytes()
        await console.app.action_goto("setup")
        await setup.ready(StepId.APPS)
        for step in (StepId.MATTERMOST, StepId.APPLE):
            await console.press("enter")
            await setup.ready(step)
        await setup.take(steps.SANDBOX, "false")
        await setup.ready(StepId.ANDROID)
        await setup.to_summary(port)
        assert "is already as it should be" in console.words
        await console.press("enter")
        await console.until(lambda: setup.desk.view.applied is not None)
        assert not console.is_asked
    assert written().read_bytes() == first


@pytest.mark.parametrize("size", [USUAL, SMALL])
async def test_every_field_is_in_sight_when_it_has_the_focus_and_the_summary_scrolls(
    home: Path, port: int, size: tuple[int, int]
) -> None:
    async with bench("setup", size=size) as console:
        setup = Setup(console)
        await setup.to_apple()
        form = console.one("#setup-form", VerticalScroll)
        for field in steps.BY_ID[StepId.APPLE].fields:
            question = setup.question(field)
            await console.until(lambda q=question: q.has_focus_within)  # type: ignore[misc]
            await console.until_whole(question, form)
            assert field.label in console.words
            await console.press("tab")
        await setup.fill(steps.KEY_FILE, str(APPLE.write(home)))
        await setup.fill(steps.TEAM_ID, APPLE.team_id)
        await setup.fill(steps.TOPIC, TOPIC)
        await console.until(lambda: setup.value(steps.KEY_ID) == APPLE.key_id)
        await setup.take(steps.SANDBOX, "false")
        await setup.ready(StepId.ANDROID)
        await setup.to_summary(port)
        plan = setup.desk.view.plan
        assert plan is not None
        seen = ""
        for _ in range(12):
            seen += console.words
            await console.press("pagedown")
        seen += console.words
        for line in plan.diff[3:]:
            for word in line[1:].split():
                assert word.strip('"') in seen.replace(" ", "") or word in seen
        assert "run the set-up again for them" in seen


async def test_a_push_proxy_that_is_there_is_shown_by_its_path(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / "mattermost-push-proxy" / "config"
    folder.mkdir(parents=True)
    key = APPLE.write(folder)
    (folder / "mattermost-push-proxy.json").write_text(
        '{"ListenAddress": ":8066", "ApplePushSettings": [{"Type": "apple_rn", '
        f'"ApplePushTopic": "{TOPIC}", "AppleAuthKeyFile": "{key}", '
        f'"AppleAuthKeyID": "{APPLE.key_id}", "AppleTeamID": "{APPLE.team_id}"}}]}}',
        encoding="utf-8",
    )
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.ready(StepId.APPS)
        await console.until(lambda: setup.desk.view.found is not None)
        await setup.take(steps.APPS, "own")
        await setup.ready(StepId.MATTERMOST)
        await setup.take(steps.WHERE, "elsewhere")
        await setup.ready(StepId.EXISTING)
        path = "~/mattermost-push-proxy/config/mattermost-push-proxy.json"
        assert f"{path}: targets: apple_rn." in console.words
        await setup.take(steps.EXISTING, "use")
        await setup.ready(StepId.SUMMARY)
        assert "Ready to send: apple_rn" in console.words


HOSTILE = "/tmp/[/x]\x1b]0;pwn\x07\u202e\x9b31m[bold]" + "no/" * 300  # noqa: S108 - no such file


@pytest.mark.parametrize("size", [USUAL, SMALL])
async def test_nothing_hostile_reaches_the_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    config = write(tmp_path / "config.json", server=HOSTILE)
    async with bench("setup", size=size) as console:
        setup = Setup(console)
        await setup.ready(StepId.APPS)
        await setup.take(steps.APPS, "own")
        await setup.ready(StepId.MATTERMOST)
        await setup.take(steps.WHERE, "file")
        await console.until(lambda: setup.question(steps.CONFIG_FILE).has_focus_within)
        await console.paste(HOSTILE)
        await console.press("enter")
        await console.until(lambda: setup.desk.view.finding is not None)
        seen = [console.shown]
        await setup.fill(steps.CONFIG_FILE, str(config))
        await console.press("enter")
        await setup.ready(StepId.APPLE)
        seen.append(console.shown)
        for field in (steps.KEY_FILE, steps.TEAM_ID, steps.TOPIC):
            await setup.fill(field, HOSTILE)
        await setup.take(steps.SANDBOX, "false")
        await console.until(lambda: bool(setup.desk.view.wrong))
        seen.append(console.shown)
        for text in seen:
            assert all(unicodedata.category(c) not in ("Cc", "Cs") for c in text if c != "\n")
            assert "\u202e" not in text


async def test_a_pasted_key_is_not_shown_and_not_kept(home: Path) -> None:
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.to_apple()
        secret = APPLE.private_pem.splitlines()[1]
        await setup.fill(steps.KEY_FILE, secret)
        await setup.take(steps.SANDBOX, "false")
        await console.until(lambda: "looks like the key itself" in setup.under(steps.KEY_FILE))
        assert await setup.desk.keep()
    assert secret not in drafts.draft_path().read_text("utf-8")


async def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    pipe = tmp_path / "config.json"
    os.mkfifo(pipe)
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.ready(StepId.APPS)
        await console.press("enter")
        await setup.ready(StepId.MATTERMOST)
        await setup.take(steps.WHERE, "file")
        await setup.fill(steps.CONFIG_FILE, str(pipe))
        await console.press("enter")
        await console.until(lambda: setup.desk.view.finding is not None)
        finding = setup.desk.view.finding
        assert finding is not None
        assert finding.severity is Severity.FAIL
        assert "is no file" in console.words


async def test_an_offer_needs_no_second_look_for_the_marked_line(home: Path) -> None:
    APPLE.write(home)
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.to_apple()
        offers = setup.question(steps.KEY_FILE).query_one(".offers", OptionList)
        await console.until(lambda: offers.display)
        offers.focus()
        await console.until(lambda: offers.highlighted == 0)
        await console.press("down")
        # Past its end the next field has the focus.
        await console.until(lambda: setup.question(steps.KEY_ID).has_focus_within)


async def test_space_chooses_and_stays(home: Path) -> None:
    del home
    async with bench("setup") as console:
        setup = Setup(console)
        await setup.ready(StepId.APPS)
        for value in ("own", "store"):
            choices = setup.question(steps.APPS).query_one(Choices)
            wanted = choices.get_option_index(value)
            while (at := choices.highlighted or 0) != wanted:
                await console.press("down" if at < wanted else "up")
            await console.press("space")
            await console.pilot.pause()
            assert steps.answer(setup.desk.view.draft.answers, steps.APPS) == value
            assert setup.step is StepId.APPS
