"""How soon the console is there, and how many bytes it sends, each against a plain baseline.

Start-up is compared with a bare interpreter and with importing Textual alone; the bytes of the
delivery log with those of Textual's own RichLog fed the same lines, both on a pty at 80x24.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.widgets import RichLog

from mmpush_tui.console.terminal.output import ConsoleDriver
from mmpush_tui.console.worker.delivery_log import DeliveryLog
from mmpush_tui.console.worker.log_columns import pieces
from mmpush_tui.console.worker.log_ring import LogRing
from mmpush_tui.protocol.event import Event, timestamp
from tests.console.emulator import Terminal

ROUNDS: Final = 5
ROWS_PER_S: Final = 200
SECONDS: Final = 5.0


def feed(take: Callable[[Event], None], number: int) -> None:
    """Hand one answered delivery to ``take``."""
    take(
        Event(
            v=1, run="bench", seq=number, at=timestamp(), kind="delivery", phase="answered",
            id=f"{number:012x}", target="apple_rn", platform="apple_rn-v2", type="message",
            status="OK", http=200, ms={"total": 12.5 + number % 90}, tries=1, device="3f9c1a..",
        )
    )  # fmt: skip


class OursApp(App[None]):
    """Our log, fed at a steady rate."""

    def compose(self) -> ComposeResult:
        """Show it alone."""
        self.ring = LogRing()
        yield DeliveryLog(self.ring, flush_every_s=0.25)

    async def on_mount(self) -> None:
        """Begin to feed."""
        self.run_worker(feed_steadily(self.ring.add, self.exit))


class RichLogApp(App[None]):
    """Textual's log, fed the same lines one by one."""

    def compose(self) -> ComposeResult:
        """Show it alone."""
        yield RichLog()

    async def on_mount(self) -> None:
        """Begin to feed."""
        ring, log = LogRing(), self.query_one(RichLog)

        def take(event: Event) -> None:
            ring.add(event)
            line = "".join(piece.text for piece in pieces(ring[len(ring) - 1], self.size.width))
            log.write(Text(line))

        self.run_worker(feed_steadily(take, self.exit))


async def feed_steadily(take: Callable[[Event], None], done: Callable[[], None]) -> None:
    """Hand over ``ROWS_PER_S`` events a second, then end."""
    started = time.monotonic()
    number = 0
    while (elapsed := time.monotonic() - started) < SECONDS:
        while number < elapsed * ROWS_PER_S:
            number += 1
            feed(take, number)
        await asyncio.sleep(0.005)
    done()


def bytes_per_second(which: str) -> float:
    """Return what an app writes to its terminal while it is fed."""
    command = [sys.executable, "-m", "benchmarks.console", which]
    with Terminal(command=command, environment={"TEXTUAL_ANIMATIONS": "none"}) as terminal:
        terminal.wait(60)
        return len(terminal.written) / SECONDS


def seconds_of(*command: str) -> float:
    """Return the median time of a command."""
    times = []
    for _ in range(ROUNDS):
        started = time.monotonic()
        subprocess.run([sys.executable, *command], check=True, capture_output=True)  # noqa: S603 - our own program
        times.append(time.monotonic() - started)
    return statistics.median(times)


def seconds_to_first_frame() -> float:
    """Return the median time from the start until the console has drawn its frame."""
    times = []
    for _ in range(ROUNDS):
        started = time.monotonic()
        with Terminal("demo", "--no-remote") as terminal:
            while "[3 Worker]" not in terminal.text:
                time.sleep(0.005)
            times.append(time.monotonic() - started)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    if len(sys.argv) > 1:
        app = OursApp if sys.argv[1] == "ours" else RichLogApp
        app(driver_class=ConsoleDriver).run()
        return
    bare = seconds_of("-c", "pass")
    textual = seconds_of("-c", "import textual.app")
    shown = seconds_of("-m", "mmpush_tui", "--help")
    first = seconds_to_first_frame()
    say(f"--help               {shown / bare:5.1f} times a bare interpreter")
    say(f"first frame          {first / textual:5.1f} times importing Textual")
    ours, theirs = bytes_per_second("ours"), bytes_per_second("richlog")
    say(f"log, {ROWS_PER_S} rows/s      {ours / theirs:5.2f} of the bytes of RichLog")
    say(f"({ours / 1000:.1f} and {theirs / 1000:.1f} KB/s, first frame {first * 1000:.0f} ms)")


def say(line: str) -> None:
    """Print one line."""
    print(line)  # noqa: T201 - a benchmark's output


if __name__ == "__main__":
    main()
