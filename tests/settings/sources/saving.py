"""Saving an address into a ``config.json`` in a process of its own, as any user: JSON comes out.

``python -m tests.settings.sources.saving FILE ADDRESS [UID]`` saves once; with several ADDRESSES
joined by commas it saves them in turn until it is killed.
"""

import asyncio
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from mmpush_tui.errors import MmpushError
from mmpush_tui.exits import exit_code_of
from mmpush_tui.settings.page import KEYS, Change
from mmpush_tui.settings.sources.config_file import ConfigFile
from mmpush_tui.settings.sources.source import Loaded
from mmpush_tui.troubleshooting.catalogue import entries

OFFER = (
    "Ask the running server to save it (--mattermost-url URL, or --local), or write over the file "
    "in place (--in-place): a backup is made first, but a crash in that moment would leave half a "
    "file."
)


def address(value: str) -> Change:
    return Change(key=KEYS["server"], old=None, new=value)


def saving(*arguments: str | Path | int) -> list[str]:
    """Return the command line that runs this program."""
    return [sys.executable, "-m", __name__, *map(str, arguments)]


def saved_as(user: int, path: Path, value: str) -> dict[str, Any]:
    """Save ``value`` as ``user`` and return what came of it."""
    done = subprocess.run(
        saving(path, value, user), capture_output=True, text=True, timeout=60, check=True
    )
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


async def _save(path: Path, value: str) -> dict[str, Any]:
    source = ConfigFile(path, environment={})
    try:
        loaded: Loaded = await source.load()
        saved = await source.save(loaded, [address(value)])
    except MmpushError as error:
        return {"code": error.code, "line": error.line(), "exit": exit_code_of(error)}
    return {"code": "", "backup": saved.backup}


def _main(path: Path, values: list[str], user: int | None) -> None:
    # What asyncio imports late may lie where only root may read.
    asyncio.run(asyncio.to_thread(os.getuid))
    entries()
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    if len(values) == 1:
        print(json.dumps(asyncio.run(_save(path, values[0]))))  # noqa: T201 - its only output
        return
    print("ready", flush=True)  # noqa: T201 - its parent waits for it
    for value in itertools.cycle(values):
        asyncio.run(_save(path, value))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3]) if sys.argv[3:] else None)
