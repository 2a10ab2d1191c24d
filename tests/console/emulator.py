"""A terminal for tests: a real pty with a program on it, read by an emulator."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import pyte

TIMEOUT_S = 30.0


class Terminal:
    """Runs our program on a pty of its own session and keeps what it draws.

    Args:
        arguments: what follows ``mmpush-tui``.
        size: columns and lines.
        environment: variables laid over our own environment.
    """

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = (sys.executable, "-m", "mmpush_tui"),
    ) -> None:
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._reads = threading.Event()
        self._reads.set()
        self._is_closed = False
        self.written = bytearray()
        self._master, slave = pty.openpty()
        self.slave = slave
        self._resize(size)
        self.settings_before = termios.tcgetattr(slave)
        variables = {
            name: value
            for name, value in os.environ.items()
            if name not in ("TMUX", "STY", "SSH_CONNECTION", "SSH_TTY", "NO_COLOR", "COLORTERM")
        }
        variables |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"} | dict(environment or {})
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=slave, stdout=slave, stderr=slave, env=variables, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._reads.set()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.close()
        os.close(self.slave)

    @property
    def lines(self) -> list[str]:
        """What stands on the screen."""
        with self._lock:
            return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """What stands on the screen, as one text."""
        return "\n".join(self.lines)

    def send(self, keys: str) -> None:
        """Type ``keys``."""
        os.write(self._master, keys.encode())

    def see(self, text: str, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until ``text`` stands on the screen."""
        deadline = time.monotonic() + timeout_s
        while text not in self.text:
            assert time.monotonic() < deadline, f"never saw {text!r}:\n{self.text}"
            assert self.process.poll() is None, f"ended before {text!r}:\n{self.text}"
            time.sleep(0.05)

    def not_see(self, text: str, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until ``text`` stands no more on the screen."""
        deadline = time.monotonic() + timeout_s
        while text in self.text:
            assert time.monotonic() < deadline, f"still saw {text!r}:\n{self.text}"
            time.sleep(0.05)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size, as a window does."""
        with self._lock:
            self._screen.resize(lines, columns)
        self._resize((columns, lines))
        os.killpg(self.process.pid, signal.SIGWINCH)

    def stall(self) -> None:
        """Take nothing more from the program."""
        self._reads.clear()

    def resume(self) -> None:
        """Take what it writes again."""
        self._reads.set()

    def close(self) -> None:
        """Close the terminal under the program."""
        if not self._is_closed:
            self._is_closed = True
            self._reads.set()
            self._thread.join(5)
            os.close(self._master)

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """Wait for the program's end and return its exit code."""
        return self.process.wait(timeout_s)

    def is_restored(self) -> bool:
        """Return whether the terminal's settings are those from before, the main screen shown."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            same = termios.tcgetattr(self.slave) == self.settings_before
            data = bytes(self.written)
            left = data.rfind(b"\x1b[?1049l") > data.rfind(b"\x1b[?1049h")
            shown = data.rfind(b"\x1b[?25h") > data.rfind(b"\x1b[?25l")
            if same and left and shown:
                return True
            time.sleep(0.05)
        return False

    def _resize(self, size: tuple[int, int]) -> None:
        packed = struct.pack("HHHH", size[1], size[0], 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, packed)

    def _read(self) -> None:
        while not self._is_closed:
            self._reads.wait()
            if not select.select([self._master], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            with self._lock:
                self.written += data
                self._feed(data)

    def _feed(self, data: bytes) -> None:
        # The emulator knows neither the kitty keyboard protocol nor DECRQM.
        for unknown in (b"\x1b[>25u", b"\x1b[<u", b"\x1b[?2026$p", b"\x1b[?2048$p"):
            data = data.replace(unknown, b"")
        stream: Any = self._stream
        stream.feed(data)
