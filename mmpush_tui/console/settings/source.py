"""Choosing where Mattermost's settings are had from."""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen

from mmpush_tui.configuration.config import network_of
from mmpush_tui.configuration.locations import find_config
from mmpush_tui.console.context import Context
from mmpush_tui.console.screens.ask import AskScreen, ask
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.settings.desk import SettingsDesk
from mmpush_tui.console.settings.writing import say
from mmpush_tui.console.widgets.form import TextField
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.errors import MmpushError
from mmpush_tui.paths import full_path, short_path
from mmpush_tui.settings.page import Licence
from mmpush_tui.settings.sources.config_file import ConfigFile
from mmpush_tui.settings.sources.local import Local
from mmpush_tui.settings.sources.offers import Offer, offers, only
from mmpush_tui.settings.sources.rest import Rest
from mmpush_tui.settings.sources.source import Place, Source
from mmpush_tui.tasks import beside
from mmpush_tui.text import Secret

if TYPE_CHECKING:
    from mmpush_tui.simulator.mattermost.rehearsal import MattermostRehearsal
    from mmpush_tui.simulator.stage import DemoStage

_REST: Final = "rest:"
_FILES_S: Final = 10.0
_HEIGHTS: Final = [(0, "-low"), (18, "-high")]
_WORDS: Final = {
    Place.FILE: "File",
    Place.LOCAL: "Local socket",
    Place.REST: "REST API",
}


async def demo_server(app: App[Any], stage: "DemoStage") -> "MattermostRehearsal | None":
    """Return the demo's own Mattermost, which runs now; None where it cannot, which is said."""
    try:
        return await stage.mattermost()
    except MmpushError as error:
        await say(app, "The demo has no Mattermost", _sentence(error.line()))
        return None


async def choose_place(
    app: App[Any], context: Context, desk: SettingsDesk, stage: "DemoStage | None"
) -> None:
    """Offer what exists on this host, or in the demo, and go over to what is chosen."""
    options = context.options
    server = None
    if stage is not None and (server := await demo_server(app, stage)) is None:
        return
    choices: tuple[Offer, ...] = ()
    if server is not None:
        choices = only(server.config_file, server.socket_path, server.url)
    else:
        named = [options.mattermost_config] if options.mattermost_config else []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FILES_S):
                choices = await beside("offers", offers, named)
    answers = {
        f"{offer.where.kind}:{offer.where.at}": _offer_line(offer, desk.view.at)
        for offer in choices
    }
    if server is None:
        answers[_REST] = "REST API of another address, with an access token"
    text = [
        "The file needs no running server; a change counts once the server reads it. Over the "
        "REST API and the local socket the server itself saves, at once, also where its "
        "configuration is in its database."
    ]
    if server is not None:
        text.append("All of these are of the demo's own server, which takes a token of the demo's.")
    if desk.view.is_edited:
        text.insert(0, "What is changed on the form and not saved is given up.")
    title = "Where are Mattermost's settings?"
    kind, _, at = (await ask(app, AskScreen(title, text, answers | {"": "Stay"}))).partition(":")
    source: Source
    match kind:
        case Place.FILE:
            source = ConfigFile(Path(at), licence=options.licence)
        case Place.LOCAL:
            source = Local(Path(at), licence=options.licence)
        case Place.REST if server is not None:
            source = await beside("rest", Rest, at, server.token)
        case Place.REST:
            app.push_screen(RestScreen(context, at))
            return
        case _:
            return
    if problem := await context.use_source(source):
        kept = "The place before is kept."
        await say(app, "That place cannot be used", _sentence(problem), "", kept)


def _offer_line(offer: Offer, now: str) -> str:
    remarks = [offer.remark] if offer.remark else []
    if offer.where.at == now:
        remarks.insert(0, "in use")
    remark = f"  ({'; '.join(remarks)})" if remarks else ""
    at = offer.where.at if offer.where.kind is Place.REST else short_path(offer.where.at)
    return f"{_WORDS[offer.where.kind]}  {at}{remark}"


class RestScreen(ModalScreen[None]):
    """Asks for the address of a server and an access token, and tries them.

    Args:
        context: the console around it.
        url: what the address begins with.
    """

    HORIZONTAL_BREAKPOINTS = ConsoleScreen.HORIZONTAL_BREAKPOINTS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    AUTO_FOCUS = "#rest-url"
    BINDINGS: ClassVar[Any] = [
        Binding("escape", "leave", "back"),
        Binding("enter", "connect", "connect", show=False),
    ]

    def __init__(self, context: Context, url: str) -> None:
        super().__init__()
        self.context = context
        self._url = url
        self._trying: asyncio.Task[Any] | None = None

    def compose(self) -> ComposeResult:
        """Make the fields."""
        with Vertical(classes="box"):
            yield Plain(("Settings over the REST API", "bold"), classes="title")
            with VerticalScroll(classes="rest-scroll", can_focus=False):
                with Horizontal(classes="line"):
                    yield Plain("Mattermost's address", classes="label")
                    yield TextField(self._url, id="rest-url")
                with Horizontal(classes="line"):
                    yield Plain("Access token", classes="label")
                    yield TextField(id="rest-token", is_secret=True, max_length=512)
                with Horizontal(classes="line"):
                    yield Plain("Own CA file", classes="label")
                    yield TextField(id="rest-ca")
                yield Plain(
                    "The token of a system admin: in Mattermost under Profile, Security, Personal "
                    "Access Tokens. It stays in memory and is stored nowhere. The file is needed "
                    "only where the server's certificate is signed by an authority of your own.",
                    classes="quiet rest-note",
                )
                yield Plain(id="rest-problem")
            yield Plain(("Enter connect   Esc back", "$quiet"), classes="hint")

    @on(TextField.Submitted)
    def action_connect(self) -> None:
        """Try what was entered."""
        if self._trying is None:
            self._trying = self.context.tasks.spawn("connect", self._connect())

    def action_leave(self) -> None:
        """Go back to the form, whatever is under way."""
        self.dismiss()

    def on_unmount(self) -> None:
        """Give up what is under way: nobody waits for it any more."""
        if self._trying is not None:
            self._trying.cancel()

    async def _connect(self) -> None:
        problem = self.query_one("#rest-problem", Plain)
        token = Secret(self.query_one("#rest-token", TextField).value.strip())
        ca_file = full_path(self.query_one("#rest-ca", TextField).value)
        url, licence = (
            self.query_one("#rest-url", TextField).value,
            self.context.options.licence,
        )
        problem.say(("Connecting.", "bold"))
        try:
            async with asyncio.timeout(_FILES_S):
                source = await beside("rest", _rest, url, token, ca_file, licence)
            failure = await self.context.use_source(source)
        except MmpushError as error:
            failure = error.line()
        except TimeoutError:
            failure = f"A file that is needed for it could not be read within {_FILES_S:.0f} s."
        finally:
            self._trying = None
        if failure:
            problem.say((_sentence(failure), "$error"))
        elif self.is_current:
            self.dismiss()


def _rest(url: str, token: Secret, ca_file: str, licence: Licence) -> Rest:
    """Make the source as the command line does. Reads files."""
    network = network_of(find_config(), os.environ)
    trusted = ca_file or network.ca_file
    return Rest(
        url,
        token,
        ca_file=Path(trusted) if trusted else None,
        connect_to=network.connect_to,
        licence=licence,
    )


def _sentence(text: str) -> str:
    return text if text.startswith(("http", "/")) else text[:1].upper() + text[1:]
