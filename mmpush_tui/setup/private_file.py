"""Files that only their owner may read, written whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700


def make_folder(folder: Path) -> None:
    """Make ``folder`` and what is missing above it, closed to everybody else.

    What is there already keeps its mode.

    Raises:
        OSError: it cannot be made.
    """
    missing = [folder, *folder.parents]
    for path in reversed(missing[: next(i for i, at in enumerate(missing) if at.exists())]):
        # Whoever made it at the same moment made it for the same purpose.
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)


def replace_file(path: Path, data: bytes, like: os.stat_result | None = None) -> None:
    """Put ``data`` at ``path`` in one step; a reader sees the old content or the new.

    Args:
        path: where to; a symbolic link there is replaced, not followed.
        data: the whole content.
        like: mode and owner to give it, those of the file that it replaces; default this user's
            and 0600.

    Raises:
        OSError: it cannot be written; what was there before is untouched.
    """
    draft = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    write_new(draft, data, like)
    try:
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_new(path: Path, data: bytes, like: os.stat_result | None = None) -> None:
    """Put ``data`` into a file at ``path`` that must not exist yet; arguments as above.

    Raises:
        FileExistsError: something is there.
        OSError: it cannot be written; nothing of it is left.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, FILE_MODE)
    try:
        with open(descriptor, "wb") as file:
            if like is not None:
                _make_alike(file.fileno(), like)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _make_alike(descriptor: int, like: os.stat_result) -> None:
    ours = os.fstat(descriptor)
    if (ours.st_uid, ours.st_gid) != (like.st_uid, like.st_gid):
        os.fchown(descriptor, like.st_uid, like.st_gid)
    os.fchmod(descriptor, like.st_mode & 0o775)


def _sync_folder(folder: Path) -> None:
    # Some file systems cannot do this for a folder; the content itself is on the disk by now.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
