"""What a screen may see of the console around it, besides the desks it was made with."""

from pathlib import Path
from typing import Final, Protocol

from textual.signal import Signal

from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.safe import Ends
from mmpush_tui.console.terminal.session import Session
from mmpush_tui.settings.sources.source import Source
from mmpush_tui.tasks import Tasks

TOPICS: Final = frozenset({"worker", "settings", "checks", "setup"})
"""The desks, by the names under which they tell of changes."""


class Context(Protocol):
    """The console, as its screens see it."""

    options: ConsoleOptions
    """What it looks at; another set of them after the guided set-up has written one."""
    session: Session
    """How it draws."""
    tasks: Tasks
    """The owner of what screens start and do not wait for."""
    changed: Signal[frozenset[str]]
    """Published with the topics of the desks that have changed."""

    @property
    def status_line(self) -> Ends:
        """The line above every screen."""

    @property
    def last_failure_line(self) -> Ends:
        """The line under every screen."""

    def tell_of(self, topic: str) -> None:
        """Have the screens draw soon what belongs to ``topic``."""

    async def action_goto(self, name: str) -> None:
        """Bring a screen to the front."""

    async def use_source(self, source: Source) -> str:
        """Have Mattermost's settings from elsewhere; return why not, or nothing."""

    def use_configuration(self, config: Path, toml: Path) -> None:
        """Go on with another configuration of the worker, and the settings source it names.

        Args:
            config: what the worker reads.
            toml: our own file, which may name the former.
        """
