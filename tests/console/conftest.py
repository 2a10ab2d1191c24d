"""The console's tests draw as the console does: Textual reads these while it is imported."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmpush_tui.console.terminal.session import Session, prepare

if TYPE_CHECKING:
    from tests.console.watching import Hosts

prepare(Session(is_remote=False, theme="mmpush", flush_s=0.05, mouse=False), os.environ)


@pytest.fixture
async def world(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> "AsyncIterator[Hosts]":
    """Return a host with a configuration, a Mattermost and stand-ins."""
    from tests.console.watching import hosts

    monkeypatch.setenv("XDG_STATE_HOME", str(short_tmp / "state"))
    async with hosts(short_tmp) as found:
        yield found
