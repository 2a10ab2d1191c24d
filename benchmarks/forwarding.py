"""Pushes per second through a worker on one core, against the usual parts, in the same run.

Mattermost is h2load over 64 kept connections, Apple is nghttpd over TLS and HTTP/2; both share one
core, the process that is measured has the other. Rounds are interleaved, so that noise meets all
alike. ``--json`` prints one object instead of a table.
"""

import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import msgspec
import psutil
import tomli_w

from benchmarks.http2 import H2LOAD
from mmpush_tui.simulator.credentials import TOPIC, AppleKey
from tests.http2.foreign import NGHTTPD, nghttpd

SENDERS: Final = 64
ROUNDS: Final = 5
SECONDS: Final = 4
WARM_UP_S: Final = 1
DEVICE: Final = "c0ffee00" * 8
OURS: Final = "mmpush-tui"
BASELINE: Final = "baseline"


@dataclass
class Found:
    """What was measured of one forwarder.

    Attributes:
        rates: pushes per second of every round.
        p50_ms, p99_ms: of every round.
        cpu_us: processor time per push.
        rss_mb: resident memory after the last round.
    """

    rates: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    rss_mb: float = 0.0

    @property
    def rate(self) -> float:
        """The median of the rates."""
        return statistics.median(self.rates)


def limit(url: str, folder: Path) -> float:
    """Return the requests per second that h2load alone makes of Apple's stand-in."""
    assert H2LOAD is not None  # noqa: S101 - main looked
    payload = folder / "payload.json"
    payload.write_bytes(b"x" * 600)
    command = [H2LOAD, "-n", "60000", "-c", "1", "-m", str(SENDERS), "-d", str(payload), url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    found = re.search(r"([0-9.]+) req/s", done.stdout)
    return float(found[1]) if found else 0.0


def push() -> bytes:
    """Return a notification as Mattermost posts it."""
    return msgspec.json.encode(
        {
            "ack_id": "b7hk9xnq6bbwxm5q4tqwno3b7y", "platform": "apple_rn-v2",
            "server_id": "fkq9m7pt1bn3dn4x6rn7wx5kqo", "device_id": DEVICE,
            "post_id": "7xtgeqkmbfydbfd8xm1k4exsfo", "category": "CAN_REPLY",
            "message": "@alice: the build is green again, thank you all for the quick help",
            "badge": 3, "team_id": "h8m4jz1yobn1ipnzjjm8jgdq8c",
            "channel_id": "cmtkn5ce5pnqdjrqnxgi3nzzph", "channel_name": "Town Square",
            "type": "message", "sender_id": "rnazp9ip9pyfx8izqyzxk1xkby", "sender_name": "alice",
            "version": "v2", "is_crt_enabled": True, "is_id_loaded": False,
            "signature": "eyJhbGciOiJFUzI1NiJ9." + "x" * 90 + "." + "y" * 86,
        }
    )  # fmt: skip


def fire(url: str, folder: Path, seconds: int, log: Path | None = None) -> None:
    """Post pushes for so many seconds; a log gets a line for each."""
    assert H2LOAD is not None  # noqa: S101 - main looked
    command = [
        "/usr/bin/taskset", "-c", "0", H2LOAD, "--h1", "-c", str(SENDERS), "-D", str(seconds),
        "-d", str(folder / "push.json"), f"{url}/api/v1/send_push",
    ]  # fmt: skip
    if log is not None:
        command += [f"--log-file={log}"]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words


def measure(found: Found, url: str, process: psutil.Process, folder: Path) -> None:
    """Add one round to ``found``."""
    log = folder / "requests.log"
    log.unlink(missing_ok=True)
    before = sum(process.cpu_times()[:2])
    started = time.monotonic()
    fire(url, folder, SECONDS, log)
    elapsed_s = time.monotonic() - started
    cpu_s = sum(process.cpu_times()[:2]) - before
    times = []
    for line in log.read_text().splitlines():
        _start, status, micros = line.split("\t")
        if status != "200":
            raise SystemExit(f"an answer with status {status}")
        times.append(int(micros) / 1000)
    times.sort()
    found.rates.append(len(times) / elapsed_s)
    found.p50_ms.append(times[len(times) // 2])
    found.p99_ms.append(times[len(times) * 99 // 100])
    found.cpu_us.append(cpu_s / len(times) * 1e6)
    found.rss_mb = process.memory_info().rss / 2**20


@contextlib.contextmanager
def running(command: Sequence[str], ready: Callable[[str], str]) -> Iterator[tuple[str, int]]:
    """Run a forwarder on the second core; give its address and process id."""
    process = subprocess.Popen(  # noqa: S603 - our own words
        ["/usr/bin/taskset", "-c", "1", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None  # noqa: S101 - asked for
    try:
        for line in process.stdout:
            if url := ready(line):
                yield url, process.pid
                break
        else:
            raise SystemExit("a forwarder did not start")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def ours_ready(line: str) -> str:
    """Return the address in the worker's ready line."""
    return line.removeprefix("listening on ").strip() if line.startswith("listening on ") else ""


def baseline_ready(line: str) -> str:
    """Return the address in uvicorn's ready line."""
    found = re.search(r"running on (http://[0-9.:]+)", line)
    return found[1] if found else ""


def write_config(folder: Path, endpoint: str, ca_file: Path, key: AppleKey) -> Path:
    """Write a worker's configuration with everything switched on that a push passes through."""
    document = {
        "proxy": {
            "listen_address": "127.0.0.1:0", "throttle_per_sec": 1_000_000,
            "throttle_memory_store_size": 50_000, "enable_metrics": True,
            "apple": [
                {
                    "type": "apple_rn", "topic": TOPIC, "auth_key_file": str(key.write(folder)),
                    "auth_key_id": key.key_id, "team_id": key.team_id, "endpoint": endpoint,
                    "ca_file": str(ca_file),
                }
            ],
        }
    }  # fmt: skip
    path = folder / "config.toml"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path


def run(folder: Path) -> tuple[dict[str, Found], float]:
    """Measure both forwarders, round by round, and what h2load alone reaches."""
    key = AppleKey.make()
    (folder / "push.json").write_bytes(push())
    device = folder / "www" / "3" / "device" / DEVICE
    device.parent.mkdir(parents=True)
    device.touch()
    found = {BASELINE: Found(), OURS: Found()}
    os.environ["STATE_DIRECTORY"] = str(folder)
    with nghttpd(folder, htdocs=folder / "www") as apple, contextlib.ExitStack() as stack:
        os.sched_setaffinity(apple.process.pid, {0})
        endpoint = f"https://{apple.route.endpoint}"
        ca_file = folder / "root.pem"
        config = write_config(folder, endpoint, ca_file, key)
        key_file = tomllib.loads(config.read_text())["proxy"]["apple"][0]["auth_key_file"]
        usual = [sys.executable, "-m", "benchmarks.baseline", endpoint, str(ca_file), key_file]
        url, pid = stack.enter_context(running([*usual, TOPIC], baseline_ready))
        forwarders = {BASELINE: (url, psutil.Process(pid))}
        ours = [sys.executable, "-m", "mmpush_tui", "serve", "--config", str(config)]
        ours += ["--control", str(folder / "c.sock")]
        url, pid = stack.enter_context(running(ours, ours_ready))
        forwarders[OURS] = (url, psutil.Process(pid))
        for url, _ in forwarders.values():
            fire(url, folder, WARM_UP_S)
        for _ in range(ROUNDS):
            for kind, (url, process) in forwarders.items():
                measure(found[kind], url, process, folder)
        refuse_failures(folder / "c.sock")
        alone = limit(f"{endpoint}/3/device/{DEVICE}", folder)
    return found, alone


def refuse_failures(control: Path) -> None:
    """End the benchmark where a push of ours came to nothing: an answer of 200 does not tell."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(control))) as client:
        counts = client.get("http://worker/status").json()["counts"]
    if counts["ok"] != counts["received"]:
        raise SystemExit(f"not every push arrived: {counts}")


def main() -> None:
    """Measure and print."""
    if NGHTTPD is None or H2LOAD is None:
        raise SystemExit("needs nghttpd and h2load: apt install nghttp2-server nghttp2-client")
    with tempfile.TemporaryDirectory(prefix="mmpush-bench-") as name:
        found, alone = run(Path(name))
    baseline = found[BASELINE].rate
    if "--json" in sys.argv:
        rows = {kind: it.__dict__ | {"ratio": it.rate / baseline} for kind, it in found.items()}
        sys.stdout.write(json.dumps({"forwarders": rows, "h2load": alone}) + "\n")
        return
    for kind, it in found.items():
        sys.stdout.write(
            f"{kind:<12} {it.rate:>7.0f}/s {it.rate / baseline:>6.1f} times the baseline  "
            f"({min(it.rates):.0f} to {max(it.rates):.0f})  "
            f"p50 {statistics.median(it.p50_ms):>6.1f} ms  "
            f"p99 {statistics.median(it.p99_ms):>6.1f} ms  "
            f"{statistics.median(it.cpu_us):>5.0f} us of CPU  {it.rss_mb:>4.0f} MB\n"
        )
    sys.stdout.write(f"h2load alone {alone:>7.0f}/s, at the same stand-in over one connection\n")


if __name__ == "__main__":
    main()
