"""A program that is called as a Mattermost server is, and only waits."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def running(folder: Path, *words: str, **environment: str) -> Iterator[int]:
    """Run it in ``folder``, and yield its process id."""
    binary = folder / "bin" / "mattermost"
    binary.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(os.path.realpath("/bin/sh"), binary)
    script = folder / "wait"
    script.write_text("read line")
    # Popen waits for exec: it has its new name when this returns.
    process = subprocess.Popen(
        [binary, script, *words],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
    )
    try:
        yield process.pid
    finally:
        process.communicate(timeout=20)
