"""The output to a terminal that stalls, or is gone."""

import os
import pty
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from mmpush_tui.console.terminal.output import BACKLOG, TerminalOutput, is_gone


@dataclass
class Pty:
    """Both ends of a pty, and an output on its slave."""

    master: int
    slave: int
    lost: threading.Event = field(default_factory=threading.Event)
    recovered: threading.Event = field(default_factory=threading.Event)
    output: TerminalOutput = field(init=False)

    def __post_init__(self) -> None:
        tty.setraw(self.slave)
        self.output = TerminalOutput(self.slave, self.lost.set, self.recovered.set)

    def read(self, until: Callable[[bytes], bool]) -> bytes:
        data = b""
        deadline = time.monotonic() + 20
        while not until(data):
            assert time.monotonic() < deadline, f"{len(data)} bytes: {data[-200:]!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                data += os.read(self.master, 65536)
        return data


@pytest.fixture
def terminal() -> Iterator[Pty]:
    master, slave = pty.openpty()
    made = Pty(master, slave)
    yield made
    for fileno in (made.master, made.slave):
        if fileno >= 0:
            os.close(fileno)


def test_what_is_written_arrives_in_order(terminal: Pty) -> None:
    for number in range(500):
        terminal.output.write(f"line {number} Grüße 日本\n")
    data = terminal.read(lambda data: b"line 499" in data and data.endswith(b"\n"))
    assert data.decode() == "".join(f"line {n} Grüße 日本\n" for n in range(500))
    assert not terminal.recovered.is_set()


def test_a_stalled_terminal_never_makes_the_writer_wait(terminal: Pty) -> None:
    frame = "x" * 4000 + "\n"
    for _ in range(1000):
        terminal.output.write(frame)
    # All of it came back at once: nobody read a byte.
    data = terminal.read(lambda _: terminal.recovered.is_set())
    while select.select([terminal.master], [], [], 0.3)[0]:
        data += os.read(terminal.master, 65536)
    # The kernel's own buffer comes on top.
    assert BACKLOG / 2 < len(data) < BACKLOG + 128 * 1024
    assert set(data.split(b"\n")) == {b"x" * 4000, b""}, "only whole frames are dropped"


def test_one_frame_larger_than_the_backlog_is_not_dropped(terminal: Pty) -> None:
    terminal.output.write("v" * (BACKLOG + 10) + "end")
    terminal.read(lambda data: data.endswith(b"end"))
    assert not terminal.recovered.is_set()


def test_after_a_stall_it_goes_on(terminal: Pty) -> None:
    for _ in range(200):
        terminal.output.write("y" * 4000)
    terminal.read(lambda _: terminal.recovered.is_set())
    terminal.output.write("again")
    terminal.read(lambda data: data.endswith(b"again"))


def test_last_words_overtake_the_frames_that_wait(terminal: Pty) -> None:
    for _ in range(200):
        terminal.output.write("z" * 4000)
    terminal.output.keep_all(True)
    terminal.output.write("\x1b[?1049l")
    data = terminal.read(lambda data: data.endswith(b"\x1b[?1049l"))
    assert len(data) < 30_000
    assert terminal.output.drain(5)
    assert not terminal.recovered.is_set()


def test_drain_gives_up_in_time_on_a_terminal_that_takes_nothing(terminal: Pty) -> None:
    terminal.output.write("w" * 100_000)
    assert not terminal.output.drain(0.1)


def test_a_terminal_that_is_gone_is_told_once_and_takes_everything(terminal: Pty) -> None:
    assert not is_gone(terminal.slave)
    os.close(terminal.master)
    terminal.master = -1
    assert is_gone(terminal.slave)
    terminal.output.write("hello")
    assert terminal.lost.wait(10)
    terminal.output.write("still")
    assert terminal.output.drain(1)
