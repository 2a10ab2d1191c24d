"""The console's forms under test: real keys, real files, and what stands on the screen."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from textual import events
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import OptionList

from mmpush_tui.console.app import ConsoleApp
from mmpush_tui.console.options import UNKNOWN_LICENCE, ConsoleOptions
from mmpush_tui.console.screens.ask import AskScreen
from mmpush_tui.console.terminal.session import Session
from mmpush_tui.console.widgets.form import Dropdown
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.settings.page import Licence, Page
from mmpush_tui.settings.sources.source import Source
from tests.waiting import eventually

USUAL, SMALL, WIDE = (80, 24), (40, 12), (120, 40)
THEME = "mmpush"

W = TypeVar("W", bound=Widget)


class Bench:
    """One console on one screen."""

    def __init__(self, app: ConsoleApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Wait until something holds and is drawn."""

        async def holds() -> bool:
            await self.pilot.pause()
            return is_true()

        await eventually(holds, within_s=60)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def enter(self, text: Iterable[str]) -> None:
        await self.press(*text)

    async def paste(self, text: str) -> None:
        self.app.screen.post_message(events.Paste(text))
        await self.pilot.pause()

    def one(self, selector: str, kind: type[W]) -> W:
        return self.app.screen.query_one(selector, kind)

    async def focus(self, selector: str) -> None:
        """Give the focus to what can be reached with Tab."""
        widget = self.one(selector, Widget)
        await self.until(lambda: widget in self.app.screen.focus_chain)
        widget.focus()
        await self.until(lambda: widget.has_focus)

    async def until_whole(self, widget: Widget, within: Widget) -> None:
        """Wait until as much of ``widget`` is in sight as there is room for."""

        def is_whole() -> bool:
            room = min(widget.region.height, within.region.height)
            is_there = within.region.intersection(widget.region).height >= room
            return is_there and widget.region.y >= within.region.y

        await self.until(is_whole)

    def is_in_front(self, widget: Widget) -> bool:
        """Return whether the focus is in ``widget``."""
        return widget in self.focused.ancestors_with_self

    @property
    def lines(self) -> list[str]:
        """What stands on the screen."""
        strips = self.app.screen._compositor.render_strips()
        return [strip.text.rstrip() for strip in strips]

    @property
    def shown(self) -> str:
        return "\n".join(self.lines)

    @property
    def words(self) -> str:
        """The same with every run of blanks as one, so that wrapping does not matter."""
        return " ".join(self.shown.split())

    def text(self, selector: str) -> str:
        return str(self.one(selector, Plain).content)

    @property
    def focused(self) -> Widget:
        assert self.app.screen.focused is not None
        return self.app.screen.focused

    # Questions

    @property
    def is_asked(self) -> bool:
        return isinstance(self.app.screen, AskScreen)

    async def asked(self) -> str:
        """Wait for a question, and return its text."""
        await self.until(lambda: self.is_asked and "Enter choose" in self.shown)
        return " ".join(str(self.one(".ask-text", Plain).content).split())

    async def answer(self, id_: str) -> None:
        """Choose an answer with the keys."""
        await self.until(lambda: self.is_asked)
        question = self.app.screen
        answers = self.one("OptionList", OptionList)
        while answers.highlighted != answers.get_option_index(id_):
            await self.press("down")
        await self.press("enter")
        await self.until(lambda: self.app.screen is not question)

    # The Settings screen

    @property
    def draft(self) -> Page:
        draft = self.app.settings.view.draft
        assert draft is not None
        return draft

    async def choose(self, id_: str, value: str) -> None:
        """Open a dropdown, go to ``value`` and take it, all with the keys."""
        await self.focus(f"#{id_}")
        dropdown = self.one(f"#{id_}", Dropdown)
        await self.press("enter")
        await self.until(lambda: dropdown.expanded)
        values = [offered for _, offered in dropdown.offered]
        list_ = dropdown.query_one(OptionList)
        while list_.highlighted != values.index(value):
            await self.press("down")
        await self.press("enter")
        await self.until(lambda: not dropdown.expanded and dropdown.value == value)
        await self.until(lambda: getattr(self.draft, id_) == value)


@contextlib.asynccontextmanager
async def bench(
    screen: str,
    *,
    config: Path | None = None,
    source: Source | None = None,
    size: tuple[int, int] = USUAL,
    licence: Licence = UNKNOWN_LICENCE,
    theme: str = THEME,
    is_demo: bool = False,
) -> AsyncIterator[Bench]:
    options = ConsoleOptions(
        mattermost_config=config, source=source, first_screen=screen, licence=licence,
        host="chat.example.com", is_demo=is_demo,
    )  # fmt: skip
    session = Session(is_remote=False, theme=theme, flush_s=0.05, mouse=False)
    app = ConsoleApp(options, session)
    async with app.run_test(size=size) as pilot:
        console = Bench(app, pilot)
        if screen == "settings":
            view = app.settings
            await console.until(lambda: view.view.draft is not None or bool(view.view.problem))
            await console.until(lambda: bool(console.text("#settings-state")))
        yield console


def write(path: Path, **email: Any) -> Path:
    """Write a config.json as Mattermost does; ``max`` is the number of TeamSettings."""
    document = {
        "ServiceSettings": {"SiteURL": "https://chat.example.com"},
        "TeamSettings": {"MaxNotificationsPerChannel": email.pop("max", 1000)},
        "EmailSettings": {
            "SendPushNotifications": email.pop("send", True),
            "PushNotificationServer": email.pop("server", "https://push-test.mattermost.com"),
            "PushNotificationContents": email.pop("contents", "generic"),
            "PushNotificationBuffer": 1000,
        },
    }
    assert not email
    path.write_text(json.dumps(document, indent=4), encoding="utf-8")
    return path


def stored(path: Path) -> dict[str, Any]:
    """Return what a config.json holds of the page."""
    document = json.loads(path.read_text("utf-8"))
    email = document["EmailSettings"]
    return {
        "send": email["SendPushNotifications"],
        "server": email["PushNotificationServer"],
        "contents": email["PushNotificationContents"],
        "max": document["TeamSettings"]["MaxNotificationsPerChannel"],
    }


def content_of(path: Path) -> bytes:
    """Return a file's content."""
    return path.read_bytes()
