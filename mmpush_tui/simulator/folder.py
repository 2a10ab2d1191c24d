"""The folder that a demo lives in."""

import os
import tempfile
from pathlib import Path
from typing import Final

from mmpush_tui.errors import FailedError

_LONGEST: Final = 70
"""Bytes; the folder's own name and a socket's inside are added, and the kernel takes 107 in all."""


def rehearsal_folder() -> Path:
    """Make a folder for a demo, which the caller removes, and return it.

    It is where temporary files belong, or in /tmp where that path is too long for a socket.

    Raises:
        FailedError: there is no place for it.
    """
    try:
        usual = tempfile.gettempdir()
        is_short = len(os.fsencode(usual)) <= _LONGEST
        return Path(tempfile.mkdtemp(prefix="mmpush-demo-", dir=usual if is_short else "/tmp"))  # noqa: S108 - mkdtemp makes a name of its own in there
    except OSError as error:
        raise FailedError(
            "the demo needs a folder for its throw-away files, and none can be made",
            why=error.strerror or "",
            code="demo-folder",
        ) from error
