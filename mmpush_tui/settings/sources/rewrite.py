"""Rewriting a file that a server lives by: it is the old one or the new one, never half of both.

A file that is mounted by itself, one with several names, or one in a folder that nobody may write
in, can only be changed where it lies. A crash in that moment leaves half of it, so this is done on
request alone, and never before its former content is safe somewhere else.
"""

import contextlib
import errno
import fcntl
import functools
import grp
import os
import pwd
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mmpush_tui import files
from mmpush_tui.errors import ConfigError, FailedError, MmpushError

_LIMIT: Final = 32 * 1024 * 1024
"""Bytes; hundred times what the largest configuration is."""
_MARK: Final = ".mmpush-"
_TIME: Final = re.compile(r"(\d{8}T\d{6}Z)(?:-(\d+))?")
IN_PLACE: Final = "mattermost-config-in-place"
"""The code of a failure that writing in place would avoid."""
_OTHER_WAY: Final = "Or ask the running server: --mattermost-url URL, or --local."


class NotReplaceableError(FailedError):
    """The file cannot be replaced by another one; whoever may write it can write over it."""


@dataclass(frozen=True, slots=True)
class FileState:
    """The file at ``path`` as it was when it was read."""

    path: Path
    data: bytes
    status: os.stat_result

    def is_still(self, status: os.stat_result) -> bool:
        """Return whether ``status`` is of this file, not written to since."""
        return _identity(status) == _identity(self.status)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def read_config_file(path: Path) -> FileState:
    """Return the content of a regular file.

    Raises:
        ConfigError: there is none, or it cannot be read.
    """
    try:
        data, status = files.read_plain(path, _LIMIT + 1)
    except files.NotAFileError as error:
        raise _unfit(path, "is no file") from error
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path} does not exist",
            code="mattermost-config-missing",
        ) from error
    except PermissionError as error:
        raise ConfigError(
            f"{path} cannot be read by this user",
            code="mattermost-config-permission",
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be read",
            why=_reason(error),
            code="mattermost-config-unreadable",
        ) from error
    if len(data) > _LIMIT:
        raise _unfit(path, "is too large for a configuration")
    return FileState(path, data, status)


def _unfit(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{path} {why}",
        fix="Name Mattermost's config.json.",
        code="mattermost-config-unreadable",
    )


def replace_config(before: FileState, data: bytes) -> Path:
    """Put ``data`` in the place of what was read, and return where that is kept.

    The new file has owner, mode and extended attributes of the old one. What is at its path
    changes in one step, or not at all where this raises.

    Args:
        before: the file itself, no link to it, when the new content was made from it.
        data: the new content.

    Raises:
        NotReplaceableError: only :func:`overwrite_config` can write it.
        FailedError: it cannot be written, or somebody else changed it meanwhile.
    """
    path = before.path
    with config_lock(path) as folder:
        backup = _backup(before, path.parent)
        try:
            with files.drafted(path, data, functools.partial(_give_away, before)) as draft:
                if not before.is_still(os.stat(path)):
                    raise changed_meanwhile(path)
                os.replace(draft, path)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.unlink(backup)
            if isinstance(error, OSError):
                raise write_refusal(path, error) from error
            raise
        # Some file systems cannot; the new file is in its place whether this lasts or not.
        with contextlib.suppress(OSError):
            os.fsync(folder)
    return _verified(before, data, backup)


def overwrite_config(before: FileState, data: bytes, spare: Path) -> Path:
    """Put ``data`` where the former content is, and return where that is kept.

    Args:
        before: as for :func:`replace_config`.
        data: the new content.
        spare: a folder for the backup, where the file's own cannot hold it.

    Raises:
        FailedError: it cannot be written, or somebody else changed it meanwhile.
    """
    with contextlib.ExitStack() as held:
        # A folder that may not be looked into cannot be locked.
        with contextlib.suppress(NotReplaceableError):
            held.enter_context(config_lock(before.path))
        try:
            descriptor = os.open(before.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise write_refusal(before.path, error) from error
        held.callback(os.close, descriptor)
        if not before.is_still(os.fstat(descriptor)):
            raise changed_meanwhile(before.path)
        backup = _backup_somewhere(before, spare)
        try:
            _reserve(descriptor, len(data))
            _write(descriptor, data)
        except OSError as error:
            raise _restored(descriptor, before, backup, error) from error
        return _verified(before, data, backup)


@contextlib.contextmanager
def config_lock(path: Path) -> Iterator[int]:
    """Keep other processes of ours away from ``path``, and yield its folder's descriptor.

    The folder itself is locked, unlike by :func:`files.file_lock`: it is Mattermost's, which wants
    no file of ours in it.

    Raises:
        FailedError: another one is at it, or the folder cannot be opened.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise write_refusal(path, error) from error
    try:
        # Not every file system has locks.
        with contextlib.suppress(OSError):
            _lock(path, folder)
        yield folder
    finally:
        os.close(folder)


def changed_meanwhile(path: Path, backup: Path | None = None) -> MmpushError:
    """Return the failure that somebody else wrote the file since it was read.

    Args:
        path: the file.
        backup: where the former state is, if ours had been written already.
    """
    if backup is None:
        when = "since it was read, so nothing was written"
        fix = "Load it again and repeat the change."
    else:
        when = "just after it was written"
        fix = f"Compare it with {backup}, which has the state before."
    what = f"{path} was changed by someone else {when}"
    return FailedError(what, fix=fix, code="mattermost-config-changed")


def _lock(path: Path, folder: int) -> None:
    """Keep other processes of ours out, and clear away what killed ones left.

    Raises:
        FailedError: another one is at it.
        OSError: the file system cannot tell.
    """
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise FailedError(
            f"another mmpush-tui is writing {path} at this moment, so nothing was written",
            code="mattermost-config-busy",
        ) from error
    files.remove_drafts(path)


def _verified(before: FileState, data: bytes, backup: Path) -> Path:
    """Return ``backup``, unless there is something else than what was just written."""
    if read_config_file(before.path).data != data:
        raise changed_meanwhile(before.path, backup)
    return backup


def _backup(before: FileState, folder: Path, *, is_ours: bool = False) -> Path:
    """Keep what was read in a file of its own in ``folder``, with the time in its name.

    Args:
        before: what was read.
        folder: where it is kept.
        is_ours: the copy shall be this user's alone; otherwise it belongs to whom the file does.

    Raises:
        FailedError: it cannot be written there.
    """
    prepare = None if is_ours else functools.partial(_give_away, before)
    stem = before.path.name + _MARK + time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    try:
        # Renamed when it is whole, as nobody tells half a backup from a whole one.
        with files.drafted(before.path, before.data, prepare, folder) as draft:
            names = files.numbered(folder / stem)
            backup = next(file for file in names if not os.path.lexists(file))
            os.rename(draft, backup)
    except OSError as error:
        raise write_refusal(before.path, error) from error
    return backup


def _backup_somewhere(before: FileState, spare: Path) -> Path:
    path = before.path
    with contextlib.suppress(NotReplaceableError):
        return _backup(before, path.parent)
    try:
        files.make_folder(spare)
    except OSError as error:
        raise FailedError(
            f"{path} was not written: no backup of it could be made in {path.parent} or {spare}",
            why=error.strerror or "",
            fix="Make one of them writable for this user.",
            code="mattermost-config-not-written",
        ) from error
    return _backup(before, spare, is_ours=True)


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


def _restored(descriptor: int, before: FileState, backup: Path, error: OSError) -> MmpushError:
    """Put the former content back, and return the failure that made it necessary."""
    try:
        _write(descriptor, before.data)
    except OSError:
        return FailedError(
            f"{before.path} is damaged: writing it failed, and so did writing its former content "
            "back",
            why=error.strerror or "",
            fix=f"Copy {backup} over it.",
            code="mattermost-config-damaged",
        )
    with contextlib.suppress(OSError):
        os.unlink(backup)
    return write_refusal(before.path, error)


def backups(path: Path, *folders: Path) -> list[Path]:
    """Return what was kept of ``path`` in ``folders``, the newest first."""
    start = path.name + _MARK
    kept: list[tuple[str, int, Path]] = []
    for folder in folders:
        with contextlib.suppress(OSError):
            for file in folder.iterdir():
                stamp = _TIME.fullmatch(file.name.removeprefix(start))
                if stamp and file.name.startswith(start):
                    kept.append((stamp[1], int(stamp[2] or 1), file))
    return [file for *_, file in sorted(kept, reverse=True)]


def _give_away(before: FileState, descriptor: int) -> None:
    ours, status = os.fstat(descriptor), before.status
    if (ours.st_uid, ours.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        except OSError as error:
            raise NotReplaceableError(
                f"{before.path} was not written",
                why=f"it belongs to {_owner(status)}, and this user cannot make a file that does",
                code="mattermost-config-owner",
            ) from error
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    with contextlib.suppress(OSError):
        for attribute in os.listxattr(before.path):
            # Labels that the system alone may set come with the folder.
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, attribute, os.getxattr(before.path, attribute))


def _owner(status: os.stat_result) -> str:
    user, group = str(status.st_uid), str(status.st_gid)
    with contextlib.suppress(KeyError):
        user = pwd.getpwuid(status.st_uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(status.st_gid).gr_name
    return f"{user}:{group}"


def write_refusal(path: Path, error: OSError) -> FailedError:
    """Return the failure that ``path`` cannot be written, for the reason ``error``."""
    what, kind = f"{path} was not written", FailedError
    match error.errno:
        case errno.EROFS:
            why, kind = "its file system is read-only", NotReplaceableError
            fix = f"Where it is mounted into a container, change it on the host. {_OTHER_WAY}"
        case errno.EACCES | errno.EPERM:
            why, kind = f"this user may not write in the folder {path.parent}", NotReplaceableError
            fix = f"Run this as root or as the user that runs Mattermost. {_OTHER_WAY}"
        case errno.ENOSPC | errno.EDQUOT:
            why = f"there is no space left in {path.parent}"
            fix = "Free some space; the file is as it was."
        case errno.EBUSY | errno.EXDEV:
            why = "it is mounted by itself, as containers do, and cannot be replaced"
            kind = NotReplaceableError
            fix = f"Change it on the host, or mount its folder instead of the file. {_OTHER_WAY}"
        case errno.ENOENT:
            why = "it or its folder is gone"
            fix = "Load it again."
        case _:
            why = _reason(error)
            fix = "The file is as it was."
    return kind(what, why=why, fix=fix, code="mattermost-config-not-written")


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or "the path is none"
