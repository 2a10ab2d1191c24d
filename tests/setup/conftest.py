"""Folders for tests of file rights."""

from pathlib import Path

import pytest


@pytest.fixture
def open_tmp(short_tmp: Path) -> Path:
    """A folder that every user may enter and read, but not write."""
    short_tmp.chmod(0o755)
    return short_tmp
