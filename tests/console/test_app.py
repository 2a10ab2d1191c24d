"""The console's app: what it promises every screen."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.console.forms import bench, write


async def test_news_are_drawn_though_the_program_got_no_turn_for_a_moment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def after_a_pause() -> float:
        # The machine is busy with others just as a timer looks how late it is.
        task = asyncio.current_task()
        if task is not None and task.get_name().startswith("set_timer"):
            time.sleep(0.03)
        return time.monotonic()

    async with bench("settings", config=write(tmp_path / "config.json")) as console:
        monkeypatch.setattr("textual._time.get_time", after_a_pause)
        console.app.settings.edit(console.draft.with_max_notifications(7))
        await console.until(lambda: "Not saved." in console.shown)
