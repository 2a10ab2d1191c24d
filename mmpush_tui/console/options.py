"""What the console was started for."""

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import platformdirs

from mmpush_tui.settings.page import Licence
from mmpush_tui.settings.sources.source import Source
from mmpush_tui.text import clean

UNKNOWN_LICENCE: Final = Licence(hpns=None, id_loaded=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOptions:
    """The files and sockets one console looks at.

    Attributes:
        config: the worker's configuration, ours or upstream's; None where there is none yet.
        mattermost_config: Mattermost's config.json; None where none is known.
        mattermost_problem: why it is not known, as a sentence, where more can be said.
        source: where Mattermost's settings are had from, where that is not this file.
        control: the control socket the user named; None to look for a worker.
        licence: what the user says about the licence, which a file cannot tell.
        first_screen: the screen to begin with.
        is_demo: everything is a stand-in that ends with the console.
        host: how this machine is called.
        keep_folder: where reports and logs are written that the user asks for.
        crash_folder: where the report of a fault of ours is written.
    """

    config: Path | None = None
    mattermost_config: Path | None = None
    mattermost_problem: str = ""
    source: Source | None = None
    control: Path | None = None
    licence: Licence = UNKNOWN_LICENCE
    first_screen: str = "overview"
    is_demo: bool = False
    host: str = field(default_factory=lambda: clean(socket.gethostname(), 60))
    keep_folder: Path = field(default_factory=Path.cwd)
    crash_folder: Path = field(default_factory=lambda: platformdirs.user_state_path("mmpush-tui"))

    @property
    def worker_log(self) -> Path:
        """Where a worker that the console starts writes its log."""
        return platformdirs.user_state_path("mmpush-tui") / "worker.log"
