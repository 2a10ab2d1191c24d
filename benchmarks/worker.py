"""Pushes per second through a worker process, against what it refuses at the door.

The stand-ins are Python too and verify every request, so the Apple and Google figures are a
lower bound: they say how the whole rehearsal moves, not how fast the worker can be.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from mmpush_tui.simulator.credentials import TOPIC
from mmpush_tui.simulator.mattermost.poster import PhoneSession
from mmpush_tui.simulator.phones import Phone
from mmpush_tui.simulator.world import World
from mmpush_tui.watching.process import WorkerProcess

SENDERS = 64
SECONDS = 3.0
ROUNDS = 3


async def send(host: str, port: int, request: bytes, until: float) -> int:
    """Post ``request`` on one connection again and again; return how often it was answered."""
    reader, writer = await asyncio.open_connection(host, port)
    count = 0
    while time.monotonic() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        count += 1
    writer.close()
    await writer.wait_closed()
    return count


async def rate(url: str, body: bytes) -> float:
    """Return answers per second from ``SENDERS`` connections at once."""
    address = urlsplit(url)
    request = (
        b"POST /api/v1/send_push HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s"
        % (len(body), body)
    )  # fmt: skip
    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                send(address.hostname or "", address.port or 0, request, started + SECONDS)
            )
            for _ in range(SENDERS)
        ]
    return sum(task.result() for task in tasks) / (time.monotonic() - started)


async def main() -> None:
    """Measure each kind in turn, several rounds, and print medians and ratios."""
    with tempfile.TemporaryDirectory(prefix="mmpush-bench-") as name:
        world = World(Path(name))
        await world.start()
        # One sender here is all of Mattermost's.
        settings = world.config.read_text(encoding="utf-8")
        unlimited = settings.replace("throttle_per_sec = 300", "throttle_per_sec = 1000000")
        world.config.write_text(unlimited, encoding="utf-8")
        worker = await WorkerProcess.start(
            world.config, Path(name) / "c.sock", Path(name) / "worker.log", ends_with_us=True
        )
        try:
            world.connect(worker.url)
            rates = await measure(world, worker.url)
        finally:
            await worker.stop()
            await world.aclose()
    baseline = statistics.median(rates["refused at the door"])
    for kind, found in rates.items():
        median = statistics.median(found)
        sys.stdout.write(
            f"{kind:<22} {median:>8.0f}/s  {median / baseline:>6.2f} of the baseline  "
            f"({min(found):.0f} to {max(found):.0f})\n"
        )


async def measure(world: World, url: str) -> dict[str, list[float]]:
    """Return the rates of every round, the kinds interleaved so that noise meets all alike."""

    def body(phone: Phone | None) -> bytes:
        device = f"{phone.platform}-v2:{phone.token}" if phone else "unknown-v2:token"
        assert world.mattermost is not None  # noqa: S101 - connected before, for the type checker
        push = world.mattermost.compose(
            PhoneSession(device), type="message", version="v2", message="@alice: hello", badge=1
        )
        return msgspec.json.encode(push)

    bodies = {
        "refused at the door": body(None),
        "to Apple": body(world.phones.add_apple(TOPIC, acks=False)),
        "to Google": body(world.phones.add_android("mmpush-demo", acks=False)),
    }
    rates: dict[str, list[float]] = {kind: [] for kind in bodies}
    for _ in range(ROUNDS):
        for kind, found in rates.items():
            found.append(await rate(url, bodies[kind]))
    return rates


if __name__ == "__main__":
    asyncio.run(main())
