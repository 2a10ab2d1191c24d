"""Running the command line as a user does: a process, its two outputs, its exit code."""

import os
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "mmpush_tui"]


def run(
    *arguments: str | Path, text: str | None = None, **env: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end and return what it said."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env=os.environ | env,
    )
