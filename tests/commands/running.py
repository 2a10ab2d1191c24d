"""Running the command line as a user does: a process, its two outputs, its exit code."""

import os
import subprocess
import sys
from pathlib import Path

from tests.commands.forking import can_fork, run_forked

COMMAND = [sys.executable, "-m", "mmpush_tui"]
WITHIN_S = 90.0


def run(
    *arguments: str | Path, text: str | None = None, **env: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end and return what it said; where it can be, by ``forking``.

    Bytes of ``text`` that are no UTF-8 stand in it as Python's surrogates.
    """
    if not can_fork(os.environ | env):
        return run_from_start(*arguments, text=text, **env)
    code, out, err = run_forked(
        [str(argument) for argument in arguments], _bytes_of(text), os.environ | env, WITHIN_S
    )
    return subprocess.CompletedProcess(arguments, code, out.decode(), err.decode())


def run_from_start(
    *arguments: str | Path, text: str | None = None, **env: str
) -> "subprocess.CompletedProcess[str]":
    """Start the program as a user does, run a command to its end and return what it said."""
    ended = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=_bytes_of(text),
        capture_output=True,
        timeout=WITHIN_S,
        check=False,
        env=os.environ | env,
    )
    out, err = ended.stdout.decode(), ended.stderr.decode()
    return subprocess.CompletedProcess(arguments, ended.returncode, out, err)


def _bytes_of(text: str | None) -> bytes:
    return (text or "").encode(errors="surrogateescape")
