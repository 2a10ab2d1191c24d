"""Plain files: the one way to read, write, replace and lock them. Everything here blocks.

What is written is its owner's alone unless ``prepare`` says otherwise, no symbolic link is
followed by whoever writes, and nothing is left of what could not be written. Errors are the
system's: each caller has a sentence of its own for them.
"""

import contextlib
import errno
import fcntl
import glob
import itertools
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700
_DRAFT: Final = ".mmpush-"
_DRAFT_END: Final = ".tmp"
_LOOK_AGAIN_S: Final = 0.02

Prepare = Callable[[int], object]
"""Gives a new file, by its descriptor, another owner or mode before anything is in it."""


class NotAFileError(OSError):
    """There is something, but no ordinary file.

    Attributes:
        is_folder: whether it is a folder.
    """

    def __init__(self, *, is_folder: bool) -> None:
        super().__init__(errno.EISDIR, "it is a folder" if is_folder else "it is no ordinary file")
        self.is_folder = is_folder


def read_plain(
    path: str | Path, limit: int, *, follows_link: bool = True
) -> tuple[bytes, os.stat_result]:
    """Return the first ``limit`` bytes and the status of the ordinary file at ``path``.

    Args:
        path: the file; never held up by a pipe in its place.
        limit: the most bytes to read; one more than may be there tells that there are more.
        follows_link: whether a symbolic link may lead to it.

    Raises:
        NotAFileError: it is a folder, pipe, socket or device.
        OSError: it cannot be read.
        ValueError: ``path`` holds a NUL character.
    """
    # O_NONBLOCK: opening a pipe nobody writes to would wait for ever.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = os.open(path, flags if follows_link else flags | os.O_NOFOLLOW)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotAFileError(is_folder=stat.S_ISDIR(status.st_mode))
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(limit), status
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make ``folder`` and what is missing above it, closed to everybody else.

    What is there already keeps its mode.

    Raises:
        OSError: it cannot be made, or is no folder.
    """
    try:
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    except FileNotFoundError:
        make_folder(folder.parent)
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)


def write_new(path: Path, data: bytes, prepare: Prepare | None = None) -> None:
    """Put ``data`` into a file at ``path`` that must not exist yet; the disk has it then.

    Args:
        path: where to.
        data: the whole content.
        prepare: what else the file needs; default nothing, so that it is this user's alone.

    Raises:
        FileExistsError: something is there, be it a link that leads nowhere.
        OSError: it cannot be written; nothing of it is left.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, _FILE_MODE)
    try:
        with open(descriptor, "wb") as file:
            if prepare is not None:
                prepare(descriptor)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        # Also where a signal ends it: nothing half-written stays.
        _remove(path)
        raise


def write_first(paths: Iterable[Path], data: bytes, prepare: Prepare | None = None) -> Path:
    """Do as :func:`write_new` at the first of ``paths`` that is free, and return that one.

    Raises:
        FileExistsError: none is.
        OSError: it cannot be written; nothing of it is left.
    """
    for path in paths:
        with contextlib.suppress(FileExistsError):
            write_new(path, data, prepare)
            return path
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def numbered(stem: Path, suffix: str = "", mark: str = "-") -> Iterator[Path]:
    """Return ``stem`` with ``suffix``, then with ``mark`` and 2, 3 and so on between, endlessly."""
    yield stem.with_name(f"{stem.name}{suffix}")
    for number in itertools.count(2):
        yield stem.with_name(f"{stem.name}{mark}{number}{suffix}")


def replace(path: Path, data: bytes, prepare: Prepare | None = None) -> None:
    """Put ``data`` at ``path`` in one step; a reader sees the old content or the new.

    Args:
        path: where to; a symbolic link there is replaced, not followed.
        data: the whole content.
        prepare: as for :func:`write_new`.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    with drafted(path, data, prepare) as draft:
        os.replace(draft, path)
    # Some file systems cannot do this for a folder; the content itself is on the disk by now.
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextlib.contextmanager
def drafted(
    path: Path, data: bytes, prepare: Prepare | None = None, folder: Path | None = None
) -> Iterator[Path]:
    """Write ``data`` to a hidden file that is removed at the end, unless it was renamed by then.

    Args:
        path: what it shall become; the draft is called after it.
        data: the whole content.
        prepare: as for :func:`write_new`.
        folder: where the draft is; default beside ``path``.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    draft = (folder or path.parent) / f".{path.name}{_DRAFT}{os.urandom(4).hex()}{_DRAFT_END}"
    write_new(draft, data, prepare)
    try:
        yield draft
    finally:
        _remove(draft)


def remove_drafts(path: Path) -> None:
    """Remove what killed processes left that were about to replace ``path``.

    It may hold the same secrets. Only for whoever keeps others from replacing it meanwhile.
    """
    for draft in path.parent.glob(f".{glob.escape(path.name)}{_DRAFT}*{_DRAFT_END}"):
        _remove(draft)


@contextlib.contextmanager
def file_lock(path: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Keep every other process away that locks ``path``; the file itself need not be there.

    The lock is on a file beside it, with ``.lock``, which stays; a folder that is missing is made.
    The system opens the lock when this process ends, however that comes.

    Args:
        path: what is to be read and replaced by one process at a time.
        wait_s: seconds to wait for another process; default not at all.

    Raises:
        BlockingIOError: another process has the lock, still after that time.
        OSError: there can be no lock.
    """
    make_folder(path.parent)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(f"{path}.lock", flags, _FILE_MODE)
    try:
        _lock(descriptor, time.monotonic() + wait_s)
        remove_drafts(path)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, latest: float) -> None:
    # A blocking flock has no deadline, and no other thread could end it.
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= latest:
                raise BlockingIOError(error.errno, "another process is at it") from error
        time.sleep(_LOOK_AGAIN_S)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
