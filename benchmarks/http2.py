"""Requests per second over one HTTP/2 connection, against h2, httpx and what the server can do.

First the state machines alone, fed with answers that were made before. Then whole clients over
TLS on loopback against nghttpd, 100 requests under way on one connection, client and server on a
core each where there are two. Rounds are interleaved, so that noise meets all alike.
``--json`` prints one object instead of a table.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import httpx
import uvloop
from hpack import Encoder
from hyperframe.frame import HeadersFrame, SettingsFrame, WindowUpdateFrame

from benchmarks.http2_machines import MACHINES, H2Machine, Machine
from mmpush_tui.http2 import Request
from mmpush_tui.http2.connect import Route
from mmpush_tui.http2.opening import open_connection
from tests.http2.foreign import NGHTTPD, Foreign, nghttpd

ROUNDS: Final = 5
SECONDS: Final = 2.0
WARM_UP_S: Final = 0.5
UNDER_WAY: Final = 100
TOKENS: Final = 200
BATCHES: Final = 20
BODY_SIZE: Final = 700
TIMEOUT_S: Final = 30.0
H2LOAD_REQUESTS: Final = 100_000
BASELINES: Final = ("h2", "h2 alone", "httpx", "h2load")
H2LOAD: Final = shutil.which("h2load")
LOOPS: Final = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}

Ask = Callable[[Request], Awaitable[int]]
"""Sends a request and returns the status of its answer."""


@dataclass
class Row:
    """What was found of one client.

    Attributes:
        kind: which client or state machine.
        loop: the event loop it ran on, where it needs one.
        rates: requests per second of every round.
        cpu_us: microseconds of our processor per request, of every round.
    """

    kind: str
    loop: str = ""
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The row's name in the table."""
        return f"{self.kind}, {self.loop}" if self.loop else self.kind

    @property
    def rate(self) -> float:
        """The median of the rates."""
        return statistics.median(self.rates)


def pushes(count: int) -> list[Request]:
    """Return requests as the worker sends them to Apple, for ``TOKENS`` devices in turn."""
    token = base64.urlsafe_b64encode(os.urandom(183)).decode()
    text = "x" * (BODY_SIZE - len('{"aps":{"alert":{"body":""},"mutable-content":1}}'))
    body = b'{"aps":{"alert":{"body":"%s"},"mutable-content":1}}' % text.encode()
    devices = [os.urandom(32).hex() for _ in range(TOKENS)]
    return [
        Request(
            "POST",
            f"/3/device/{devices[number % TOKENS]}",
            (
                ("authorization", f"bearer {token}"),
                ("apns-topic", "com.mattermost.rnbeta"),
                ("apns-push-type", "alert"),
                ("apns-priority", "10"),
                ("apns-id", str(uuid.uuid4())),
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
            ),
            body,
        )
        for number in range(count)
    ]


# The state machines alone


def answers() -> list[bytes]:
    """Return what a server sends: first its greeting, then the answers to batch after batch."""
    encoder = Encoder()
    window = WindowUpdateFrame(0, window_increment=UNDER_WAY * BODY_SIZE).serialize()
    settings = SettingsFrame(0, settings={SettingsFrame.MAX_CONCURRENT_STREAMS: UNDER_WAY})
    said = [settings.serialize() + SettingsFrame(0, flags=["ACK"]).serialize() + window]
    stream_ids = itertools.count(1, 2)
    for _ in range(BATCHES):
        frames = []
        for stream_id in itertools.islice(stream_ids, UNDER_WAY):
            block = encoder.encode([(":status", "200"), ("apns-id", str(uuid.uuid4()).upper())])
            flags = ["END_HEADERS", "END_STREAM"]
            frames.append(HeadersFrame(stream_id, block, flags=flags).serialize())
        said.append(b"".join(frames) + window)
    return said


def run_machine(
    machine: Machine, requests: Sequence[Request], said: Sequence[bytes]
) -> tuple[float, float]:
    """Have ``machine`` send batches and take their answers; return the rate and the CPU time."""
    machine.begin()
    machine.receive(said[0])
    todo = iter(requests)
    answered = 0
    started, cpu = time.perf_counter(), time.process_time()
    for data in said[1:]:
        for request in itertools.islice(todo, UNDER_WAY):
            machine.ask(request)
        machine.to_send()
        answered += len(machine.receive(data))
    elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
    if answered != len(requests):
        raise RuntimeError(f"{answered} answers to {len(requests)} requests")
    return answered / elapsed, cpu / answered * 1e6


def measure_machines() -> list[Row]:
    """Return the rates of all state machines."""
    rows = {name: Row(name) for name in MACHINES}
    requests, said = pushes(UNDER_WAY * BATCHES), answers()
    for number in range(ROUNDS + 1):
        for name, row in rows.items():
            rate, cpu_us = run_machine(MACHINES[name](), requests, said)
            # The first round warms up.
            if number:
                row.rates.append(rate)
                row.cpu_us.append(cpu_us)
    return list(rows.values())


# Whole clients


@contextlib.asynccontextmanager
async def ours(route: Route) -> AsyncIterator[Ask]:
    """Ask through our connection."""
    connection = await open_connection(route, TIMEOUT_S)

    async def ask(request: Request) -> int:
        return (await connection.request(request, TIMEOUT_S)).status

    try:
        yield ask
    finally:
        await connection.aclose()


@contextlib.asynccontextmanager
async def through_httpx(route: Route) -> AsyncIterator[Ask]:
    """Ask through httpx."""
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(
        http1=False, http2=True, verify=route.tls, limits=limits, timeout=TIMEOUT_S, trust_env=False
    ) as client:

        async def ask(request: Request) -> int:
            url = f"https://{route.endpoint}{request.path}"
            sent = httpx.Request(
                request.method, url, headers=list(request.headers), content=request.body
            )
            return (await client.send(sent)).status_code

        yield ask


class MinimalClient(asyncio.Protocol):
    """The least that runs a state machine over a socket; one write per turn of the loop."""

    def __init__(self) -> None:
        self._machine = H2Machine()
        self._loop = asyncio.get_running_loop()
        self._asked: dict[int, asyncio.Future[int]] = {}
        self._is_flushing = False
        self.settled = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's is one without saying so.
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.write(self._machine.begin())

    def data_received(self, data: bytes) -> None:
        """Hand answers to those who wait for them."""
        for stream_id, status in self._machine.receive(data):
            self._asked.pop(stream_id).set_result(status)
        self._flush()
        if not self.settled.done():
            self.settled.set_result(None)

    def ask(self, request: Request) -> asyncio.Future[int]:
        """Send a request; the windows are known to be wide enough."""
        answer = self._asked[self._machine.ask(request)] = self._loop.create_future()
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self._flush)
        return answer

    def _flush(self) -> None:
        self._is_flushing = False
        if data := self._machine.to_send():
            self._transport.write(data)


@contextlib.asynccontextmanager
async def through_h2(route: Route) -> AsyncIterator[Ask]:
    """Ask through h2 and as little else as possible."""
    host, port = route.address
    transport, client = await asyncio.get_running_loop().create_connection(
        MinimalClient, host, port, ssl=route.tls
    )
    try:
        await client.settled
        yield client.ask
    finally:
        transport.close()


async def run_client(
    client: Callable[[Route], AbstractAsyncContextManager[Ask]],
    route: Route,
    requests: Sequence[Request],
) -> tuple[float, float]:
    """Return the requests per second of ``client``, and its CPU microseconds for each."""
    todo = itertools.cycle(requests)
    answered = 0
    is_over = False

    async def send(ask: Ask) -> None:
        nonlocal answered
        while not is_over:
            status = await ask(next(todo))
            if status != 200:
                raise RuntimeError(f"answered with {status}")
            answered += 1

    # A client whose server is gone may wait for ever.
    async with asyncio.timeout(TIMEOUT_S), client(route) as ask, asyncio.TaskGroup() as group:
        for _ in range(UNDER_WAY):
            group.create_task(send(ask))
        await asyncio.sleep(WARM_UP_S)
        before, started, cpu = answered, time.perf_counter(), time.process_time()
        await asyncio.sleep(SECONDS)
        count = answered - before
        elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu
        is_over = True
    return count / elapsed, cpu / count * 1e6


def run_h2load(route: Route, requests: Sequence[Request], folder: Path) -> float:
    """Return the requests per second of nghttp2's own load generator."""
    assert H2LOAD is not None  # noqa: S101 - asked for before
    body, addresses = folder / "body", folder / "addresses"
    body.write_bytes(requests[0].body)
    paths = dict.fromkeys(it.path for it in requests)
    addresses.write_text("".join(f"https://{route.endpoint}{path}\n" for path in paths))
    # It counts the body itself.
    given = [it for it in requests[0].headers if it[0] != "content-length"]
    headers = [f"--header={name}: {value}" for name, value in given]
    command = [
        H2LOAD, "--clients=1", f"--max-concurrent-streams={UNDER_WAY}",
        f"--requests={H2LOAD_REQUESTS}", f"--data={body}", f"--input-file={addresses}", *headers,
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - as built above
    found = re.search(r", ([\d.]+) req/s", done.stdout)
    if found is None or " 0 failed, 0 errored" not in done.stdout:
        raise RuntimeError(f"h2load: {done.stdout}")
    return float(found[1])


@contextlib.contextmanager
def server(folder: Path, requests: Sequence[Request]) -> Iterator[Foreign]:
    """Run nghttpd on the last core, and let us have the first."""
    docs = folder / "docs"
    for request in requests:
        file = docs / request.path.removeprefix("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    cores = sorted(os.sched_getaffinity(0))
    # Whatever it starts is where we are.
    os.sched_setaffinity(0, cores[-1:])
    windows = ("--window-bits=30", "--connection-window-bits=30")
    try:
        with nghttpd(folder, *windows, htdocs=docs) as running:
            os.sched_setaffinity(0, cores[:1])
            yield running
    finally:
        os.sched_setaffinity(0, cores)


def measure_clients() -> list[Row]:
    """Return the rates of all clients on both loops, and of h2load where it is installed."""
    kinds = {"Connection": ours, "h2 alone": through_h2, "httpx": through_httpx}
    rows = [Row(kind, loop) for kind in kinds for loop in LOOPS]
    limit = [Row("h2load")] if H2LOAD else []
    requests = pushes(TOKENS * 10)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mmpush-bench-")))
        route = stack.enter_context(server(folder, requests)).route
        for _ in range(ROUNDS):
            for row in rows:
                with asyncio.Runner(loop_factory=LOOPS[row.loop]) as runner:
                    rate, cpu_us = runner.run(run_client(kinds[row.kind], route, requests))
                row.rates.append(rate)
                row.cpu_us.append(cpu_us)
            for row in limit:
                row.rates.append(run_h2load(route, requests, folder))
    return rows + limit


# What was found


def ratios(row: Row, rows: Sequence[Row]) -> dict[str, float]:
    """Return how the row's rate stands to those of the baselines on its loop, or on none."""
    others = [it for it in rows if it.kind in BASELINES and it.kind != row.kind]
    return {it.kind: row.rate / it.rate for it in others if it.loop in (row.loop, "")}


def table(title: str, rows: Sequence[Row]) -> Iterator[str]:
    """Return the lines of one table."""
    yield title
    for row in rows:
        cpu = f"{statistics.median(row.cpu_us):>6.0f} us CPU each" if row.cpu_us else " " * 18
        compared = ", ".join(f"{it:.2f} of {kind}" for kind, it in ratios(row, rows).items())
        spread = f"({min(row.rates):.0f} to {max(row.rates):.0f})"
        yield f"  {row.name:<20} {row.rate:>8.0f}/s {spread:<20} {cpu}  {compared}".rstrip()


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """Return the rows as plain values."""
    return [
        {
            "kind": row.kind,
            "loop": row.loop or None,
            "requests_per_s": round(row.rate, 1),
            "rounds": [round(rate, 1) for rate in row.rates],
            "cpu_us": round(statistics.median(row.cpu_us), 1) if row.cpu_us else None,
            "ratios": {kind: round(it, 3) for kind, it in ratios(row, rows).items()},
        }
        for row in rows
    ]


def main() -> None:
    """Measure and print."""
    machines = measure_machines()
    clients = measure_clients() if NGHTTPD else []
    if NGHTTPD is None:
        sys.stderr.write("nghttpd is not installed (apt install nghttp2-server): no clients\n")
    if "--json" in sys.argv[1:]:
        found = {
            "benchmark": "http2",
            "python": platform.python_version(),
            "cores": len(os.sched_getaffinity(0)),
            "state_machines": as_json(machines),
            "clients": as_json(clients),
        }
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    lines = [*table("state machines, no sockets", machines)]
    if clients:
        lines += table(f"one TLS connection to nghttpd, {UNDER_WAY} under way", clients)
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
