"""The terminal as something that may stall or vanish without harm.

Textual's own writer blocks the event loop when the terminal takes nothing, dies when it is gone,
and its reader spins on a closed one. Here a thread of our own writes to a description of its own:
what a stalled terminal cannot take is dropped, whole writes at a time, and the screen is painted
anew when it takes something again.
"""

import contextlib
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

BACKLOG: Final = 64 * 1024
"""Bytes that wait for a slow terminal before frames are dropped."""
_LAST_WORDS_S: Final = 3.0
_CHUNK: Final = 512
_POLL_MS: Final = 250


class TerminalLost(Message):
    """The terminal is gone; there is nobody left to draw for."""


class TerminalRecovered(Message):
    """The terminal takes output again, and frames were lost meanwhile."""


class TerminalOutput:
    """Writes to a terminal without ever making its caller wait.

    Args:
        fileno: a descriptor of the terminal.
        on_lost: called once, from the writing thread, when the terminal is gone.
        on_recovered: called from the writing thread when the terminal has taken all that waited
            after something had been dropped.
    """

    encoding = "utf-8"

    def __init__(
        self, fileno: int, on_lost: Callable[[], None], on_recovered: Callable[[], None]
    ) -> None:
        self._fileno = fileno
        self._on_lost = on_lost
        self._on_recovered = on_recovered
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._has_dropped = False
        self._is_lost = False
        self._is_writing = False
        self._keeps_all = False
        self._changed = threading.Condition()
        self._own = _own_description(fileno)
        thread = threading.Thread(target=self._run, name="terminal-output", daemon=True)
        thread.start()

    def fileno(self) -> int:
        """Return the terminal's descriptor."""
        return self._fileno

    def isatty(self) -> bool:
        """Return that this is a terminal."""
        return True

    def flush(self) -> None:
        """Do nothing: what was written is on its way."""

    def write(self, text: str) -> int:
        """Queue ``text``; drop it, whole, while the terminal has too much before it."""
        data = text.encode("utf-8", "replace")
        with self._changed:
            if self._is_lost:
                return len(text)
            # Something larger than all of it, such as the first frame of a huge window, may go.
            is_too_much = bool(self._size) and self._size + len(data) > BACKLOG
            # After one that was dropped, the next ones would be painted on the wrong ground.
            if (is_too_much or self._has_dropped) and not self._keeps_all:
                self._has_dropped = True
                return len(text)
            self._waiting.append(data)
            self._size += len(data)
            self._changed.notify_all()
        return len(text)

    def keep_all(self, value: bool) -> None:
        """Say whether what comes must reach the terminal: the sequences that restore it.

        Frames that still wait have lost their meaning then and are dropped.
        """
        with self._changed:
            self._keeps_all = value
            if value:
                self._size -= sum(map(len, self._waiting))
                self._waiting.clear()
                self._has_dropped = False

    def drain(self, timeout_s: float) -> bool:
        """Wait until all is written, at most ``timeout_s`` seconds; false where it is not."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while (self._waiting or self._is_writing) and not self._is_lost:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return False
                self._changed.wait(left_s)
        return True

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.notify_all()
                has_recovered = self._has_dropped and not self._waiting
                self._has_dropped = self._has_dropped and not has_recovered
                while not self._waiting and not has_recovered:
                    self._changed.wait()
                data = self._waiting.popleft() if self._waiting else b""
                self._is_writing = bool(data)
            if has_recovered:
                self._on_recovered()
            if not self._put(data):
                with self._changed:
                    self._is_lost, self._is_writing = True, False
                    self._waiting.clear()
                    self._changed.notify_all()
                self._on_lost()
                return
            with self._changed:
                self._size -= len(data)
                self._is_writing = False

    def _put(self, data: bytes) -> bool:
        """Write all of ``data``, however long it takes; false where the terminal is gone."""
        poll = select.poll()
        poll.register(self._own, select.POLLOUT)
        while data:
            try:
                # Short pieces, for where the description is shared and cannot be non-blocking.
                data = data[os.write(self._own, data[:_CHUNK]) :]
            except BlockingIOError:
                if any(event & ~select.POLLOUT for _, event in poll.poll(_POLL_MS)):
                    return False
            except OSError:
                return False
        return True


def _own_description(fileno: int) -> int:
    """Return a non-blocking descriptor of the same terminal, or ``fileno`` where there is none.

    O_NONBLOCK belongs to the open file description, which the shell and we share.
    """
    try:
        return os.open(os.ttyname(fileno), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return fileno


def is_gone(fileno: int) -> bool:
    """Return whether nobody is at the other end of the terminal any more."""
    poll = select.poll()
    poll.register(fileno, 0)
    return any(
        event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0)
    )


class ConsoleDriver(LinuxDriver):
    """Textual's driver on a :class:`TerminalOutput`."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self.output = TerminalOutput(
            sys.__stderr__.fileno() if sys.__stderr__ else 2,
            lambda: self._tell(TerminalLost()),
            lambda: self._tell(TerminalRecovered()),
        )
        self._file = cast("Any", self.output)
        self._is_suspended = False

    def _sigtstp_application(self, *_: Any) -> None:
        self._is_suspended = True
        super()._sigtstp_application()

    def _sigcont_application(self, *_: Any) -> None:
        # Textual's own would enter application mode a second time, with a second reader of keys,
        # on a SIGCONT that nobody waited for: after SIGSTOP, or from a service manager.
        if self._is_suspended:
            self._is_suspended = False
            super()._sigcont_application()
        else:
            self._tell(TerminalRecovered())

    def start_application_mode(self) -> None:
        """Enter the alternate screen."""
        self.output.keep_all(False)
        super().start_application_mode()  # type: ignore[no-untyped-call] # Textual's own

    def stop_application_mode(self) -> None:
        """Leave the alternate screen, whatever still waits for the terminal."""
        self.output.keep_all(True)
        super().stop_application_mode()

    def close(self) -> None:
        """End the writer and give the terminal a moment to take its last words."""
        super().close()
        self.output.drain(_LAST_WORDS_S)

    def run_input_thread(self) -> None:
        """Read keys until told to stop, or until the terminal is gone."""
        try:
            super().run_input_thread()
        except OSError:
            self._tell(TerminalLost())

    def _tell(self, message: Message) -> None:
        # The app may have ended; then there is nobody to tell.
        with contextlib.suppress(RuntimeError):
            self._app.post_message(message)
