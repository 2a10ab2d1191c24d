"""Starting the console: what must be decided before Textual is imported, and the way out."""

import contextlib
import os
import shutil
import signal
import sys
import termios
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.terminal import session as sessions
from mmpush_tui.console.terminal.session import Session
from mmpush_tui.errors import UsageError
from mmpush_tui.exits import Exit

if TYPE_CHECKING:
    from mmpush_tui.console.app import ConsoleApp
    from mmpush_tui.simulator.fault_words import WantedFault
    from mmpush_tui.simulator.stage import DemoStage

_ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_PATIENCE_S: Final = 20.0
"""How long an orderly end may take after a signal."""
_RESTORE: Final = b"\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[<u\x1b[?1049l\x1b[?25h"


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo's other half is made of: the seed of its traffic, and faults to begin with."""

    seed: int
    faults: "tuple[WantedFault, ...]" = ()


def launch(
    options: ConsoleOptions,
    *,
    remote: bool | None = None,
    mouse: bool = True,
    demo: Demo | None = None,
) -> Exit:
    """Run the console until it is left, and return its exit code.

    Args:
        options: what it looks at; for the demo the files are filled in here.
        remote: whether the terminal is far away; None to find out.
        mouse: whether to ask the terminal for the mouse.
        demo: given, the console shows a rehearsal and nothing else.

    Raises:
        UsageError: the console cannot be drawn on this terminal.
    """
    is_tty = sys.stdin.isatty() and sys.stderr.isatty()
    encoding = sys.stderr.encoding or ""
    try:
        sessions.refuse_unusable(os.environ, is_tty=is_tty, encoding=encoding)
    except UsageError as error:
        if not sys.stderr.isatty() and sys.stdout.isatty():
            # Standard error, where failures are said, is not where the user looks.
            click.echo(f"mmpush-tui: {error.line()}")
        raise
    session = sessions.detect(os.environ, remote=remote, mouse=mouse)
    sessions.prepare(session, os.environ)
    if demo is None:
        return _run(options, session)
    # Loaded before there is a folder that a signal could leave behind.
    import mmpush_tui.console.app  # noqa: F401 - as said
    from mmpush_tui.simulator.folder import rehearsal_folder

    folder = rehearsal_folder()
    try:
        return _run_demo(options, session, demo, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_demo(options: ConsoleOptions, session: Session, demo: Demo, folder: Path) -> Exit:
    from mmpush_tui.simulator.stage import DemoStage

    # What is set up, kept and found in the demo goes with it.
    for kind in ("CONFIG", "STATE", "CACHE", "DATA"):
        os.environ[f"XDG_{kind}_HOME"] = str(folder / kind.lower())
    for name in list(os.environ):
        # A proxy would be told of what is on this host only.
        if name.startswith(("MMPUSH_", "MM_")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    stage = DemoStage(folder, demo.seed, demo.faults)
    options = replace(
        options, is_demo=True, config=stage.config, control=stage.control,
        mattermost_config=stage.mattermost_config,
    )  # fmt: skip
    return _run(options, session, stage)


def _run(options: ConsoleOptions, session: Session, stage: "DemoStage | None" = None) -> Exit:
    from mmpush_tui.console.app import ConsoleApp
    from mmpush_tui.console.terminal.output import ConsoleDriver

    app = ConsoleApp(options, session, stage, driver_class=ConsoleDriver)
    with _terminal_restored(), _signals(app):
        app.run(mouse=session.mouse)
    if app.crash is not None:
        return Exit.BUG
    if app.exit_message:
        click.echo(app.exit_message, err=True)
    return Exit(app.return_code or 0)


@contextlib.contextmanager
def _terminal_restored() -> Iterator[None]:
    """Put the terminal's settings back, whatever happens inside."""
    fileno = sys.stdin.fileno()
    before = termios.tcgetattr(fileno)
    try:
        yield
    finally:
        # The terminal may be gone; then there is nothing to put back.
        with contextlib.suppress(termios.error):
            termios.tcsetattr(fileno, termios.TCSANOW, before)


@contextlib.contextmanager
def _signals(app: "ConsoleApp") -> Iterator[None]:
    """End ``app`` in good order on the first signal, and at once where it comes again.

    The handlers are Python's own, which run even while the event loop is held up; those of
    asyncio need a loop that turns.
    """
    seen: set[int] = set()

    def end(number: int, _frame: Any) -> None:
        if number in seen:
            _force()
        # Service managers send SIGTERM and SIGHUP as a pair; that is one request.
        is_first = not seen
        seen.add(number)
        if not is_first:
            return
        watchdog = threading.Timer(_PATIENCE_S, _force)
        watchdog.daemon = True
        watchdog.start()
        app.end_soon(Exit.INTERRUPTED)

    before = {number: signal.signal(number, end) for number in _ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _force() -> None:
    """End at once, with the terminal put back as far as it lets us."""
    with contextlib.suppress(OSError):
        fileno = sys.stdin.fileno()
        with contextlib.suppress(OSError):
            # A description of its own need not wait; after su there is none to be had.
            fileno = os.open(os.ttyname(fileno), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        os.write(fileno, _RESTORE)
    with contextlib.suppress(OSError, termios.error):
        fileno = sys.stdin.fileno()
        settings = termios.tcgetattr(fileno)
        settings[3] |= termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN
        settings[0] |= termios.ICRNL
        termios.tcsetattr(fileno, termios.TCSANOW, settings)
    os._exit(Exit.INTERRUPTED)
