"""Make the pictures in ``screenshots/`` from the demo: ``make screenshots``.

Everything in them is real, worker, stand-ins and checks, but for what would be different each
time: times of day, durations, ids and ports. So a second run gives the same files.
"""

import asyncio
import hashlib
import os
import random
import re
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

FOLDER: Final = Path(__file__).parent.parent / "screenshots"
SIZES: Final = ((80, 24), (120, 40))
SEED: Final = 7
PUSHES: Final = 44
_START: Final = datetime(2026, 11, 24, 14, 3, 11, tzinfo=UTC)
_STEP: Final = timedelta(milliseconds=400)
_SHOWN_FOLDER: Final = "/tmp/mmpush-demo-k3v9x2ma"  # noqa: S108 - words in a picture
_FONTS: Final = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

# Read by Textual and by the events' clock while they are imported.
os.environ |= {"TZ": "UTC", "TEXTUAL_ANIMATIONS": "none"}

from textual.pilot import Pilot  # noqa: E402 - as above

from mmpush_tui.checks.model.report import CheckResult, Report  # noqa: E402
from mmpush_tui.console.app import ConsoleApp  # noqa: E402
from mmpush_tui.console.checks.desk import ChecksDesk  # noqa: E402
from mmpush_tui.console.options import ConsoleOptions  # noqa: E402
from mmpush_tui.console.terminal.session import Session  # noqa: E402
from mmpush_tui.console.worker.desk import WorkerDesk  # noqa: E402
from mmpush_tui.console.worker.recent import Recent  # noqa: E402
from mmpush_tui.protocol.event import Event, timestamp  # noqa: E402
from mmpush_tui.simulator.stage import DemoStage  # noqa: E402
from mmpush_tui.watching.rates import Rates  # noqa: E402


class SteadyWorkerDesk(WorkerDesk):
    """Gives every delivery the time, the durations and the ids of its place in the row."""

    _places: dict[str, int]

    def attach(self, control: Path) -> None:
        """Begin to count."""
        super().attach(control)
        self._places = {}
        self.rates = Rates(clock=self._clock, wall_clock=self._clock)
        self.recent = Recent(clock=self._clock, wall_clock=self._clock)

    def _clock(self) -> float:
        return (_START + _STEP * len(self._places)).timestamp()

    def take_events(self, events: Sequence[Event]) -> None:
        """Take events made steady."""
        super().take_events([self._steady(event) for event in events])

    def _steady(self, event: Event) -> Event:
        if event.kind == "delivery":
            place = self._places.setdefault(event.id, len(self._places))
        else:
            place = self._places.get(event.id, 0)
        dice = random.Random(place)  # noqa: S311 - for a picture
        total = dice.uniform(60, 140)
        arrived = _START + _STEP * place
        after_ms = {"arrived": 0.0, "sent": 0.6, "answered": total}.get(event.phase, 0.0)
        ms = {"total": total, "upstream": total - 0.9, "device": total + dice.uniform(200, 2400)}
        return msgspec.structs.replace(
            event,
            at=timestamp(arrived + timedelta(milliseconds=after_ms)),
            id=_digest(f"delivery {place}", 12) if event.id else "",
            upstream_id=_upstream_id(event, place),
            ms={name: round(ms[name], 1) for name in event.ms},
        )


class SteadyChecksDesk(ChecksDesk):
    """Gives every check the duration of its name, and the begin that follows from those before."""

    def take(self, result: CheckResult) -> None:
        """Take a result made steady."""
        *_, steady = _steady_results([*self.view.results, result])
        super().take(steady)

    def finish(self, report: Report) -> None:
        """Take a report made steady."""
        checks = _steady_results(report.checks)
        whole = max((it.began_ms + it.ms for it in checks), default=0.0)
        super().finish(
            msgspec.structs.replace(
                report, checks=checks, started_at=timestamp(_START), duration_ms=whole
            )
        )


def _steady_results(results: Sequence[CheckResult]) -> list[CheckResult]:
    ends: dict[str, float] = {}
    steady = []
    for result in results:
        dice = random.Random(result.id)  # noqa: S311 - for a picture
        began, ms = ends.get(result.about, 0.0), round(dice.uniform(0.4, 60), 1)
        ends[result.about] = began + ms
        steady.append(msgspec.structs.replace(result, began_ms=began, ms=ms))
    return steady


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _upstream_id(event: Event, place: int) -> str:
    if not event.upstream_id:
        return ""
    digits = _digest(f"upstream {place}", 32)
    if event.upstream_id.startswith("projects/"):
        return f"projects/mmpush-demo/messages/0:{digits[:16]}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _plain(svg: str, folder: str) -> str:
    """Return a picture without what differs between two runs, and without fonts from elsewhere."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)
    svg = re.sub(r"font-family: [^;]+;", f"font-family: {_FONTS};", svg)
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    # As long as the real one, whose width the picture fixes.
    svg = svg.replace(folder, _SHOWN_FOLDER)
    ports: dict[str, str] = {}
    return re.sub(
        r"(?<=:)[3-6]\d{4}(?!\d)",
        lambda found: ports.setdefault(found[0], str(40_001 + len(ports))),
        svg,
    )


async def _take(size: tuple[int, int], folder: Path) -> None:
    stage = DemoStage(folder, SEED, rate_per_s=0)
    options = ConsoleOptions(
        is_demo=True, first_screen="worker", config=stage.config, control=stage.control,
        mattermost_config=stage.mattermost_config, host="push.example.com",
    )  # fmt: skip
    session = Session(is_remote=False, theme="mmpush", flush_s=0.05, mouse=False)
    app = ConsoleApp(options, session, stage)
    app.worker = SteadyWorkerDesk(options, lambda: app.tell_of("worker"), app.bug)
    app.checks = SteadyChecksDesk(options, app.settings, lambda: app.tell_of("checks"), app.bug)
    async with app.run_test(size=size) as pilot:
        await _until(pilot, lambda: app.worker.view.status is not None)
        for _ in range(PUSHES):
            await stage.post_one()
        await _until(pilot, lambda: _received(app) == PUSHES and len(app.worker.ring) > PUSHES)
        name = f"{size[0]}x{size[1]}"
        await _shoot(app, pilot, f"worker-{name}", folder)
        await pilot.press("N", "enter")
        await _shoot(app, pilot, f"delivery-{name}", folder)
        await pilot.press("escape", "end", "v")
        await pilot.press(*"streams")
        await _shoot(app, pilot, f"faults-{name}", folder)
        await pilot.press("escape", "escape", "4", "r")
        await _until(pilot, lambda: app.checks.view.report is not None)
        await _shoot(app, pilot, f"checks-{name}", folder)
        await pilot.press("1")
        await _shoot(app, pilot, f"overview-{name}", folder)
        await pilot.press("2")
        await _until(pilot, lambda: app.settings.view.draft is not None)
        await _shoot(app, pilot, f"settings-{name}", folder)
        await pilot.press("f5")
        await pilot.pause(0.5)
        await _shoot(app, pilot, f"setup-{name}", folder)


def _received(app: ConsoleApp) -> int:
    status = app.worker.view.status
    return status.counts.received if status else 0


async def _until(pilot: Pilot[None], condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await pilot.pause(0.05)


async def _shoot(app: ConsoleApp, pilot: Pilot[None], name: str, folder: Path) -> None:
    # Twice the status poll, so that counters have caught up with the log.
    await pilot.pause(2.2)
    svg = _plain(app.export_screenshot(title="mmpush-tui"), str(folder))
    (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")
    print(f"screenshots/{name}.svg")  # noqa: T201 - what a tool says


def main() -> None:
    """Take every picture at every size."""
    FOLDER.mkdir(exist_ok=True)
    for size in SIZES:
        shown = Path(_SHOWN_FOLDER)
        folder = Path(tempfile.mkdtemp(prefix=shown.name[:-8], dir=shown.parent))
        for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            os.environ[variable] = str(folder)
        try:
            asyncio.run(_take(size, folder))
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
