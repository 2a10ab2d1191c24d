"""An hour's traffic in minutes: many pushes with mixed faults, and whether anything grows.

A worker process between the stand-ins of Apple and Google, which fail by chance all the time.
Memory, file descriptors, tasks and journal rows are printed as they go, and what became of the
pushes at the end; the exit code is 1 where something grew after the caches were full, or a push was
not answered.
"""

import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
import psutil

from mmpush_tui.simulator.acts.base import Side
from mmpush_tui.simulator.phones import Phone
from mmpush_tui.watching.client import ControlClient
from mmpush_tui.watching.process import WorkerProcess
from tests.proxy.vendors import PROJECT, Vendors

PUSHES: Final = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
SENDERS: Final = 48
ROWS: Final = 20_000
FULL_AT: Final = 0.5
"""From here on nothing may grow: receipts and events that are kept are as many as they will be."""
GROWTH: Final = 1.05
_IDLE_TASKS: Final = 12
"""The worker's own: servers, signals, journal lookups, file watch, and the one that asks."""
FAULTS: Final[tuple[tuple[Side, str, dict[str, Any]], ...]] = (
    ("apns", "goaway", {}), ("apns", "goaway-unprocessed", {}), ("apns", "goaway-close", {}),
    ("apns", "refused-stream", {"times": 5}), ("apns", "reset-after-body", {"times": 3}),
    ("apns", "tcp-reset", {"at": "body"}), ("apns", "internal-error", {"times": 3}),
    ("apns", "too-many-requests", {"times": 3, "retry_after": 1}), ("apns", "shutdown", {}),
    ("apns", "error-500-html", {}),
    ("apns", "apple-refuses", {"times": 20, "reason": "Unregistered"}),
    ("apns", "streams-swing", {}), ("apns", "mute-stream", {}), ("apns", "split-error", {}),
    ("fcm", "goaway", {}), ("fcm", "max-age", {}), ("fcm", "google-refuses", {"times": 20}),
    ("fcm", "google-refuses", {"times": 5, "reason": "unauthenticated"}),
    ("fcm", "unavailable", {"times": 3}), ("fcm", "odd-success", {"times": 20}),
    ("fcm", "tcp-reset", {"at": "headers"}), ("fcm", "token-server", {"kind": "short-life"}),
)  # fmt: skip


class Sample(NamedTuple):
    """What the worker holds."""

    pushes: int
    rss_mb: float
    descriptors: int
    tasks: int
    rows: int


class Soak:
    """The traffic and what became of it."""

    def __init__(self, vendors: Vendors, worker: WorkerProcess, journal: Path) -> None:
        self.vendors = vendors
        self.worker = worker
        self.journal = journal
        self.answers: Counter[str] = Counter()
        self.left = PUSHES
        self.samples: list[Sample] = []
        self._random = random.Random(1)  # noqa: S311 - nothing secret hangs on it
        self._phones = [vendors.phones.add_apple() for _ in range(300)]
        self._phones += [vendors.phones.add_android(PROJECT) for _ in range(300)]
        self._process = psutil.Process(worker.pid)

    async def send(self) -> None:
        """Post pushes and receipts on one connection until all are sent."""
        address = urlsplit(self.worker.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        while self.left > 0:
            self.left -= 1
            number = self.left
            answer = await post(reader, writer, "/api/v1/send_push", self._push(number))
            status = msgspec.json.decode(answer)["status"]
            self.answers[status] += 1
            if status == "OK" and number % 2:
                receipt = {"id": f"ack-{number}", "platform": "ios", "type": "message"}
                await post(reader, writer, "/api/v1/ack", msgspec.json.encode(receipt))
        writer.close()
        await writer.wait_closed()

    def _push(self, number: int) -> bytes:
        phone: Phone = self._phones[number % len(self._phones)]
        return msgspec.json.encode(
            {
                "ack_id": f"ack-{number}", "server_id": "s", "device_id": phone.token,
                "platform": f"{phone.platform}-v2", "type": "message", "version": "v2",
                "message": "x" * (number % 900), "channel_id": "c", "channel_name": "Town Square",
            }
        )  # fmt: skip

    async def trouble(self) -> None:
        """Raise one fault after another until cancelled."""
        while True:
            side, name, parameters = self._random.choice(FAULTS)
            board = (self.vendors.apple if side == "apns" else self.vendors.google).faults
            await board.raise_(name, **parameters)
            await asyncio.sleep(0.2)
            await board.clear()

    async def watch(self, client: ControlClient) -> None:
        """Take a sample now and then until cancelled, and print it."""
        while True:
            await asyncio.sleep(3)
            await self.sample(client)

    async def sample(self, client: ControlClient) -> None:
        """Look at what the worker holds."""
        status = await client.status()
        with sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True) as database:
            rows = database.execute("SELECT count(*) FROM delivery").fetchone()[0]
        database.close()
        memory = self._process.memory_info().rss / 2**20
        found = Sample(PUSHES - self.left, memory, self._process.num_fds(), status["tasks"], rows)
        self.samples.append(found)
        sys.stdout.write(
            f"{found.pushes:>8} pushes  {found.rss_mb:>6.1f} MB  {found.descriptors:>4} "
            f"descriptors  {found.tasks:>4} tasks  {found.rows:>6} rows\n"
        )
        sys.stdout.flush()


async def post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: bytes
) -> bytes:
    """Post ``body`` and return the body of the answer."""
    writer.write(
        b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b"
        % (path.encode(), len(body), body)
    )
    async with asyncio.timeout(40):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return await reader.readexactly(length)


async def main() -> int:
    """Run it and judge."""
    with tempfile.TemporaryDirectory(prefix="mmpush-soak-") as name:
        folder = Path(name)
        async with Vendors(folder) as vendors:
            vendors.write(
                vendors.apple_entry(), throttle_per_sec=1_000_000, enable_metrics=True,
                journal_file=str(folder / "j.db"), journal_rows=ROWS,
            )  # fmt: skip
            worker = await WorkerProcess.start(
                vendors.config, folder / "c.sock", folder / "worker.log", ends_with_us=True
            )
            soak = Soak(vendors, worker, folder / "j.db")
            started = time.monotonic()
            async with ControlClient(worker.control) as client:
                async with asyncio.TaskGroup() as group:
                    others = [
                        group.create_task(soak.trouble()), group.create_task(soak.watch(client)),
                    ]  # fmt: skip
                    senders = [group.create_task(soak.send()) for _ in range(SENDERS)]
                    await asyncio.wait(senders)
                    for task in others:
                        task.cancel()
                for board in (vendors.apple.faults, vendors.google.faults):
                    await board.clear()
                elapsed_s = time.monotonic() - started
                await asyncio.sleep(3)
                await soak.sample(client)
                status = await client.status()
            await worker.stop()
        return judge(soak, status, elapsed_s)


def judge(soak: Soak, status: dict[str, Any], elapsed_s: float) -> int:
    """Print what came of it and return the exit code."""
    answered = sum(soak.answers.values())
    sys.stdout.write(
        f"{answered} of {PUSHES} answered in {elapsed_s:.0f} s: {dict(soak.answers)}, "
        f"{status['counts']['acknowledged']} receipts, {status['in_flight']} under way\n"
    )
    full = [it for it in soak.samples if it.pushes >= PUSHES * FULL_AT]
    first, last = full[0], full[-1]
    faults = []
    if answered != PUSHES or status["in_flight"]:
        faults.append("not every push was answered")
    if last.rss_mb > first.rss_mb * GROWTH:
        faults.append(f"memory grew from {first.rss_mb:.1f} to {last.rss_mb:.1f} MB")
    if last.descriptors > first.descriptors:
        faults.append(f"descriptors grew from {first.descriptors} to {last.descriptors}")
    if last.tasks > _IDLE_TASKS:
        faults.append(f"{last.tasks} tasks run with nothing to do")
    sys.stdout.write(f"memory {last.rss_mb / first.rss_mb:.2f} of what it was half-way\n")
    for fault in faults:
        sys.stdout.write(f"FAULT: {fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
