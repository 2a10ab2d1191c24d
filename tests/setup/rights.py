"""Another user's eyes: root may read and write everything, so it shows nothing there."""

import contextlib
import os
from collections.abc import Iterator
from typing import Final

import pytest

NOBODY: Final = 65534


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user who owns nothing; only root can become one, and CI runs as root."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
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
