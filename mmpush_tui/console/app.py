"""The console: what it looks at, which screen is in front, and how it ends."""

import asyncio
import contextlib
import functools
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import App
from textual.driver import Driver
from textual.signal import Signal

from mmpush_tui.console import ending, wording
from mmpush_tui.console.actions import SCREENS, bindings
from mmpush_tui.console.checks.desk import ChecksDesk
from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.palette import Actions
from mmpush_tui.console.safe import Ends
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.settings.desk import SettingsDesk
from mmpush_tui.console.terminal import crash, themes
from mmpush_tui.console.terminal.output import TerminalLost, TerminalRecovered, is_gone
from mmpush_tui.console.terminal.session import Session
from mmpush_tui.console.worker.desk import WorkerDesk
from mmpush_tui.errors import MmpushError
from mmpush_tui.exits import Exit
from mmpush_tui.settings.sources.source import Source
from mmpush_tui.tasks import Tasks
from mmpush_tui.text import clean

if TYPE_CHECKING:
    from mmpush_tui.console.setup.desk import SetupDesk
    from mmpush_tui.simulator.stage import DemoStage

_GONE_POLL_S = 1.0


class ConsoleApp(App[None], inherit_bindings=False):
    """Holds the desks and the screens together; each of them does its own work.

    Args:
        options: what the console looks at.
        session: how it draws.
        stage: the demo's other half, or None.
        driver_class: how Textual reaches the terminal; None for its own choice.
    """

    TITLE = "mmpush"
    CSS_PATH: ClassVar[Any] = ["styles/frame.tcss", "styles/screens.tcss", "styles/watching.tcss"]
    BINDINGS: ClassVar[Any] = bindings("")
    COMMANDS: ClassVar[Any] = {Actions}

    def __init__(
        self,
        options: ConsoleOptions,
        session: Session,
        stage: "DemoStage | None" = None,
        driver_class: type[Driver] | None = None,
    ) -> None:
        # Said here and not by the theme alone: without colours, Textual decides before it.
        super().__init__(driver_class=driver_class, ansi_color=session.is_ansi)
        self.options = options
        self.session = session
        self.stage = stage
        self.crash: str | None = None
        """What is said of a fault of ours, with which the console ends; None without one."""
        self.exit_message = ""
        """A sentence for the shell once the screen is gone."""
        self.changed: Signal[frozenset[str]] = Signal(self, "changed")
        self.worker = WorkerDesk(options, lambda: self.tell_of("worker"), self.bug)
        self.settings = SettingsDesk(options, lambda: self.tell_of("settings"))
        self.checks = ChecksDesk(options, self.settings, lambda: self.tell_of("checks"), self.bug)
        self.tasks = Tasks(self.bug)
        self._dirty: set[str] = set()
        self._turning: asyncio.AbstractEventLoop | None = None
        self._end_code: Exit | None = None
        self.register_theme(themes.FULL)
        self.register_theme(themes.ANSI)
        self.theme = session.theme
        for name in SCREENS:
            self.add_mode(name, functools.partial(self.make_screen, name))

    @functools.cached_property
    def setup(self) -> "SetupDesk":
        """The desk of the guided set-up, which most sessions never need."""
        from mmpush_tui.console.setup.desk import SetupDesk

        return SetupDesk(lambda: self.tell_of("setup"))

    def make_screen(self, name: str) -> ConsoleScreen:
        """Make a screen, and load what it needs: only when it is first shown."""
        match name:
            case "overview":
                from mmpush_tui.console.overview.screen import OverviewScreen

                return OverviewScreen(self, self.worker, self.settings, self.checks)
            case "settings":
                from mmpush_tui.console.settings.screen import SettingsScreen

                return SettingsScreen(self, self.settings, self.checks.start, self.stage)
            case "worker":
                from mmpush_tui.console.worker.screen import WorkerScreen

                return WorkerScreen(self, self.worker, self.stage)
            case "checks":
                from mmpush_tui.console.checks.screen import ChecksScreen

                return ChecksScreen(self, self.checks)
            case "setup":
                from mmpush_tui.console.setup.screen import SetupScreen

                return SetupScreen(self, self.setup, self.settings, self.checks)
            case _:
                raise ValueError(name)

    @property
    def status_line(self) -> Ends:
        """The line above every screen: host and mode, worker."""
        return wording.status(self.options, self.worker.view, self.settings.view)

    @property
    def last_failure_line(self) -> Ends:
        """The line under every screen, with the last failure."""
        failures = self.worker.failures.latest()
        return wording.last_failure(failures, self.worker.view, self.checks.view)

    async def on_mount(self) -> None:
        """Show the first screen, then begin to look around."""
        self._turning = asyncio.get_running_loop()
        if self._end_code is not None:
            self.end(self._end_code)
        await self.switch_mode(self.options.first_screen)
        self.set_interval(_GONE_POLL_S, self._notice_lost_terminal)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.tasks.spawn("begin", self._look_around())

    async def _look_around(self) -> None:
        if self.stage is not None:
            try:
                await self.stage.start()
            except MmpushError as error:
                self.end(Exit.FAILED, f"mmpush-tui: {error.line()}")
                return
        self.worker.begin()
        await self.settings.load()

    async def on_unmount(self) -> None:
        """End what belongs to the console; a worker of its own process goes on."""
        async with contextlib.AsyncExitStack() as ending:
            # In the opposite order, and each of them whatever becomes of the others.
            for part in (self.stage, self.settings, self.tasks, self.worker, self.checks):
                if part is not None:
                    ending.push_async_callback(part.aclose)

    def use_configuration(self, config: Path, toml: Path) -> None:
        """Go on with another configuration of the worker, and the settings source it names."""
        from mmpush_tui.settings.sources.locate import at_home, configured_source

        with contextlib.suppress(MmpushError):
            # What it names itself, not what else is on this host.
            if config_file := configured_source(toml, os.environ).config_file:
                self.options = replace(
                    self.options,
                    mattermost_config=at_home(config_file),
                    mattermost_problem="",
                    source=None,
                )
        self.options = replace(self.options, config=config)
        for desk in (self.worker, self.settings, self.checks):
            desk.reconfigure(self.options)
        self.tasks.spawn("load-settings", self.settings.load(keep_draft=True))

    async def use_source(self, source: Source) -> str:
        """Have Mattermost's settings from another place; return why not, or nothing."""
        problem = await self.settings.use(source)
        self.options = self.settings.options
        return problem

    async def action_goto(self, name: str) -> None:
        """Bring a screen to the front."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        await self.switch_mode(name)

    def action_help(self) -> None:
        """Show the keys."""
        from mmpush_tui.console.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def action_redraw(self) -> None:
        """Draw everything anew."""
        self.refresh(layout=True)

    def action_ask_quit(self) -> None:
        """Leave, after asking where something would be lost."""
        if not isinstance(self.screen, ending.QuitScreen):
            self.tasks.spawn("quit", self._leave())

    async def _leave(self) -> None:
        """End after asking; the demo ends without a question: everything in it is made up."""
        exit_message: str | None = ""
        if not self.options.is_demo:
            exit_message = await ending.ask_to_leave(
                self, self.worker, self.settings.view, self.checks.view
            )
        if exit_message is not None:
            self.end(Exit.OK, exit_message)

    def end_soon(self, code: Exit) -> None:
        """End the console with ``code``; may be called from a signal handler."""
        self._end_code = code
        if self._turning is not None and not self._turning.is_closed():
            self._turning.call_soon_threadsafe(self.end, code)

    def end(self, code: Exit, exit_message: str = "") -> None:
        """End the console with ``code``; ``exit_message`` is said in the shell."""
        self.exit_message = exit_message
        self.exit(return_code=int(code))

    def bug(self, name: str, error: BaseException) -> None:
        """End the console because a task of ours failed in a way nobody foresaw."""
        del name
        if isinstance(error, Exception):
            self._handle_exception(error)

    def notify(self, message: str, **options: Any) -> None:
        """Show a passing message, as plain text."""
        super().notify(clean(message), **(options | {"markup": False}))

    def tell_of(self, topic: str) -> None:
        """Tell the screens of a change soon; a flood of changes becomes one."""
        if not self._running:
            # Before: screens draw everything as they come. Afterwards: there is no screen.
            return
        if not self._dirty:
            # No timer of Textual's: where this program gets no turn for that long just as one
            # starts, it ends without its call, and nothing would be drawn any more.
            delay_s = self.session.flush_s if topic == "worker" else 0.02
            asyncio.get_running_loop().call_later(delay_s, self._tell)
        self._dirty.add(topic)

    def _tell(self) -> None:
        topics, self._dirty = frozenset(self._dirty), set()
        self.changed.publish(topics)

    def _notice_lost_terminal(self) -> None:
        if not self.is_headless and is_gone(sys.__stdin__.fileno() if sys.__stdin__ else 0):
            self.end(Exit.INTERRUPTED)

    def on_terminal_lost(self, _event: TerminalLost) -> None:
        """End: there is nobody to draw for."""
        self.end(Exit.INTERRUPTED)

    def on_terminal_recovered(self, _event: TerminalRecovered) -> None:
        """Draw everything anew, because frames were dropped."""
        self.action_redraw()

    def _handle_exception(self, error: Exception) -> None:
        self.crash = self.crash or crash.report(error, self.options.crash_folder)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        # Textual's own would print every local variable to the user's terminal.
        if self.crash is None:
            self.crash = crash.report(
                sys.exc_info()[1] or RuntimeError(), self.options.crash_folder
            )
        self.panic(Text(self.crash))
