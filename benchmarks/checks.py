"""How long the checks take: a healthy run by its slowest hop, a dead network by its bound.

Run with ``python -m benchmarks.checks``. A hop is one target, gone from its name to its
credentials; targets are gone side by side, so that a whole run should cost little more than the
slowest of them.
"""

import asyncio
import contextlib
import socket
import statistics
import sys
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Final

from mmpush_tui.checks.model.report import Report
from mmpush_tui.checks.plan.plan import plan_targets
from mmpush_tui.checks.proof import credential_files as credentials
from mmpush_tui.checks.proof.limiter import ProbeLimiter
from mmpush_tui.checks.run import run_checks
from mmpush_tui.configuration import config as configuration
from mmpush_tui.configuration.config import NetworkSettings
from mmpush_tui.settings.page import Mode, Page
from mmpush_tui.simulator.fault_words import parse_fault
from mmpush_tui.simulator.world import World

RUNS: Final = 10
BOUND_S: Final = 3.0
DELAY_S: Final = 0.1
"""What each answer of Apple's and Google's takes, as over a real network."""


def slowest_hop_ms(report: Report) -> float:
    """Return the milliseconds of the target that took longest."""
    spans: dict[str, list[float]] = defaultdict(list)
    for check in report.checks:
        spans[check.about] += [check.began_ms, check.began_ms + check.ms]
    return max(max(times) - min(times) for times in spans.values())


async def healthy(world: World, folder: Path) -> tuple[float, float, int]:
    """Return the medians of whole run and slowest hop in milliseconds, and how many hops."""
    config = configuration.load(world.config, {})
    page = Page(mode=Mode.TPNS)
    whole, slowest, hops = [], [], 0
    for number in range(RUNS):
        plans = plan_targets(page, config, credentials=credentials.read_credentials(config))
        hops = len(plans)
        report = await run_checks(
            plans, network=config.network, limiter=ProbeLimiter(folder / f"pace-{number}.json"),
            tokens=folder / "tokens.json",
        )  # fmt: skip
        if report.exit_code:
            raise SystemExit(f"the healthy run failed: {report.verdict.summary}")
        whole.append(report.duration_ms)
        slowest.append(slowest_hop_ms(report))
    return statistics.median(whole), statistics.median(slowest), hops


async def filtered(world: World) -> float:
    """Return the milliseconds of a run in which no packet is answered."""
    config = configuration.load(world.config, {})
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket())
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
        dead = f"127.0.0.1:{sock.getsockname()[1]}"
        network = NetworkSettings(
            connect_to=dict.fromkeys(world.connect_to, dead), ca_file=config.network.ca_file
        )
        real = replace(
            config,
            apple=tuple(replace(entry, endpoint="", ca_file="") for entry in config.apple),
            android=tuple(replace(entry, endpoint="", ca_file="") for entry in config.android),
        )
        plans = plan_targets(Page(mode=Mode.TPNS), real, ["tpns", "hpns", "apns", "fcm"])
        report = await run_checks(plans, network=network, deadline_s=BOUND_S)
    return report.duration_ms


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        world = World(Path(name))
        await world.start()
        try:
            await world.raise_fault(parse_fault(f"slow:seconds={DELAY_S}"))
            whole, slowest, hops = await healthy(world, Path(name))
            sys.stdout.write(
                f"healthy run of {hops} hops   {whole:7.0f} ms   {whole / slowest:.2f} times its "
                f"slowest hop ({slowest:.0f} ms); the aim is 1.5\n"
            )
            dead = await filtered(world)
            sys.stdout.write(
                f"everything filtered    {dead:7.0f} ms   {dead / 1000 / BOUND_S:.2f} of its bound "
                f"({BOUND_S:.0f} s)\n"
            )
        finally:
            await world.aclose()


if __name__ == "__main__":
    asyncio.run(main())
