"""Another user's eyes, a full disk: root may do everything, so it shows nothing there."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from mmpush_tui.troubleshooting.catalogue import entries

NOBODY: Final = 65534


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user who owns nothing; only root can become one, and CI runs as root."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    # What is read late may lie where only root may read.
    entries()
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def without_rights() -> contextlib.AbstractContextManager[None]:
    """Be a user who may not do everything: another one where this is root, else oneself."""
    return as_nobody() if os.geteuid() == 0 else contextlib.nullcontext()


@contextlib.contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def disk(folder: Path, size_kib: int) -> Iterator[Path]:
    """Have a file system of ``size_kib`` KiB at ``folder``, which is made."""
    folder.mkdir()
    mount = ["/usr/bin/mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["/usr/bin/umount", "-l", str(folder)], check=True)


def fill(path: Path) -> None:
    """Write to ``path`` until the disk takes no more."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
