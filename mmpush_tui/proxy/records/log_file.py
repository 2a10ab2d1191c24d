"""The log file: put aside when it is large, opened anew when somebody else put it aside."""

import contextlib
import errno
import io
import logging
import os
import time
from pathlib import Path
from typing import Final

_MB: Final = 1024 * 1024
_AGAIN_S: Final = 30.0


class LogFile(logging.Handler):
    """Writes to a file that logrotate may move away, and that is never larger than agreed.

    What cannot be written, because the disk is full or the folder is gone, is lost and counted.

    Args:
        path: the file.
        max_mb: it is put aside at this size; 0 leaves that to others.
        kept: how many that were put aside are kept, as ``path.1``, the newest, to ``path.N``.

    Attributes:
        lost: lines that could not be written.
        cause: why the latest could not.
        trouble: why it could not be put aside, and grows meanwhile; empty where it could.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: str, max_mb: int, kept: int) -> None:
        super().__init__()
        self._path = Path(path)
        self._limit = max_mb * _MB
        self._kept = kept
        self.lost = 0
        self.cause = ""
        self.trouble = ""
        self._aside_at = 0.0
        self._is_cut = False
        """Half a line is the last one in the file."""
        self._file = self._open()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        try:
            if not self._is_ours():
                self._file.close()
                self._file = self._open()
            self._write(line)
        except (OSError, ValueError) as error:
            self.lost += 1
            self.cause = _why(error)
            return
        if self._limit and self._file.tell() >= self._limit and time.monotonic() >= self._aside_at:
            self._aside_at = time.monotonic() + _AGAIN_S
            self._try_to_put_aside()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def _write(self, line: bytes) -> None:
        whole = b"\n" + line if self._is_cut else line
        self._is_cut = self._file.write(whole) < len(whole)
        if self._is_cut:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _open(self) -> io.FileIO:
        # Without a buffer: half a line that waits there would fail again with the next one.
        return open(self._path, "ab", buffering=0)

    def _is_ours(self) -> bool:
        """Return whether the path still leads to the open file."""
        if self._file.closed:
            return False
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return False

    def _try_to_put_aside(self) -> None:
        try:
            self._put_aside()
        except OSError as error:
            self.trouble = _why(error)
        else:
            self.trouble = ""
            self._aside_at = 0.0

    def _put_aside(self) -> None:
        mode = os.fstat(self._file.fileno()).st_mode & 0o777
        self._file.close()
        for number in range(self._kept - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._aside(number).replace(self._aside(number + 1))
        if self._kept:
            self._path.replace(self._aside(1))
        else:
            self._path.unlink()
        self._file = self._open()
        os.fchmod(self._file.fileno(), mode)

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or "it is closed"
