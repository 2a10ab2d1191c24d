"""The Checks screen where something is wrong with what it reads, or there is little room."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mmpush_tui.console import checks_desk
from tests.console.watching import Hosts, hosts, watch

pytestmark = pytest.mark.slow


@pytest.fixture
async def world(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hosts]:
    monkeypatch.setenv("XDG_STATE_HOME", str(short_tmp / "state"))
    async with hosts(short_tmp) as found:
        yield found


async def test_a_configuration_that_does_not_answer_is_a_finding(
    world: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks_desk, "DEADLINE_S", 0.3)
    async with watch(world.place, screen="checks") as console:
        world.config.unlink()
        os.mkfifo(world.config)  # blocks whoever reads it, as a file on a server that is away
        try:
            await console.press("r")
            await console.sees(
                "FAIL The configuration or a file that it names could not be read within"
            )
            assert not console.app.checks.view.is_running
            await console.sees("last failure The configuration or a file that it names")
        finally:
            # One writer that comes and goes lets the reader end.
            os.close(os.open(world.config, os.O_RDWR | os.O_NONBLOCK))
