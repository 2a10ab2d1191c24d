"""Writing over a file in place, for those that cannot be replaced in one step.

A file that is mounted by itself, one with several names, or one in a folder that nobody may write
in, can only be changed where it lies. A crash in that moment leaves half of it, so this is done on
request alone, and never before its former content is safe somewhere else.
"""

import contextlib
import errno
import os
from pathlib import Path
from typing import Final

from mmpush_tui import files
from mmpush_tui.errors import FailedError, MmpushError
from mmpush_tui.settings.sources import rewrite

CODE: Final = "mattermost-config-in-place"
"""The code of a failure that writing in place would avoid."""
OFFER: Final = (
    "Ask the running server to save it (--mattermost-url URL, or --local), or write over the file "
    "in place (--in-place): a backup is made first, but a crash in that moment would leave half a "
    "file."
)


def must_be_overwritten(path: Path, why: str) -> MmpushError:
    """Return the failure that ``path`` cannot be replaced in one step.

    Args:
        path: the file.
        why: the reason, as a clause.
    """
    return FailedError(f"{path} was not written", why=why, fix=OFFER, code=CODE)


def overwrite(path: Path, seen: rewrite.FileState, data: bytes, spare: Path) -> Path:
    """Put ``data`` where the content of ``path`` is, and return where that is kept.

    Args:
        path: the file itself, no link to it.
        seen: what it was when the new content was made from it.
        data: the new content.
        spare: a folder for the backup, where the file's own cannot hold it.

    Raises:
        FailedError: it cannot be written, or somebody else changed it meanwhile.
    """
    with contextlib.ExitStack() as held:
        # A folder that may not be looked into cannot be locked.
        with contextlib.suppress(rewrite.NotReplaceableError):
            held.enter_context(rewrite.config_lock(path))
        return _overwrite(path, seen, data, spare)


def _overwrite(path: Path, seen: rewrite.FileState, data: bytes, spare: Path) -> Path:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise rewrite.write_refusal(path, error) from error
    try:
        if not seen.is_same_file(os.fstat(descriptor)):
            raise rewrite.changed_meanwhile(path)
        backup = _backup(path, seen, spare)
        try:
            _reserve(descriptor, len(data))
            _write(descriptor, data)
        except OSError as error:
            raise _restored(descriptor, path, seen, backup, error) from error
    finally:
        os.close(descriptor)
    if rewrite.read_config_file(path).data != data:
        raise rewrite.changed_meanwhile(path, backup)
    return backup


def _backup(path: Path, seen: rewrite.FileState, spare: Path) -> Path:
    with contextlib.suppress(rewrite.NotReplaceableError):
        return rewrite.keep_backup(path, path.parent, seen)
    try:
        files.make_folder(spare)
    except OSError as error:
        raise FailedError(
            f"{path} was not written: no backup of it could be made in {path.parent} or {spare}",
            why=error.strerror or "",
            fix="Make one of them writable for this user.",
            code="mattermost-config-not-written",
        ) from error
    return rewrite.keep_backup(path, spare, seen, is_ours=True)


def _reserve(descriptor: int, size: int) -> None:
    """Take the room that the new content needs before the old one is touched."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


def _write(descriptor: int, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(descriptor, data[written:], written)
    os.ftruncate(descriptor, len(data))
    os.fsync(descriptor)


def _restored(
    descriptor: int, path: Path, seen: rewrite.FileState, backup: Path, error: OSError
) -> MmpushError:
    """Put the former content back, and return the failure that made it necessary."""
    try:
        _write(descriptor, seen.data)
    except OSError:
        return FailedError(
            f"{path} is damaged: writing it failed, and so did writing its former content back",
            why=error.strerror or "",
            fix=f"Copy {backup} over it.",
            code="mattermost-config-damaged",
        )
    with contextlib.suppress(OSError):
        os.unlink(backup)
    return rewrite.write_refusal(path, error)
