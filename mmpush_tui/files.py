"""Reading a file that somebody named: never held up by a pipe, never more than a limit."""

import errno
import os
import stat
from pathlib import Path


class NotAFileError(OSError):
    """There is something, but no ordinary file.

    Attributes:
        is_folder: whether it is a folder.
    """

    def __init__(self, *, is_folder: bool) -> None:
        super().__init__(errno.EISDIR, "it is a folder" if is_folder else "it is no ordinary file")
        self.is_folder = is_folder


def read(path: str | Path, limit: int) -> tuple[bytes, os.stat_result]:
    """Return the first ``limit`` bytes and the status of the ordinary file at ``path``.

    Raises:
        NotAFileError: it is a folder, pipe, socket or device.
        OSError: it cannot be read.
        ValueError: ``path`` holds a NUL character.
    """
    # O_NONBLOCK: opening a pipe nobody writes to would wait for ever.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotAFileError(is_folder=stat.S_ISDIR(status.st_mode))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(limit), status
    finally:
        os.close(descriptor)
