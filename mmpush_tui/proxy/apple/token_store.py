"""Provider tokens kept across restarts, for this user alone, and shared by its workers.

Apple wants 20 minutes between two tokens of a team; a worker that is restarted, or a second one
beside it, must therefore go on with the token there is.
"""

import contextlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import platformdirs

from mmpush_tui import files

_SCHEMA: Final = 1
_LIMIT: Final = 256 * 1024
_FORGET_AFTER_S: Final = 3600
_LOCK_WITHIN_S: Final = 60.0
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class StoredToken(msgspec.Struct, frozen=True):
    """One token.

    Attributes:
        key: which key and team it is of, as ``ProviderToken.name`` tells.
        issued_at: its ``iat``, seconds since 1970.
        token: the token itself.
    """

    key: str
    issued_at: int
    token: str

    def __repr__(self) -> str:
        return f"StoredToken({self.key!r}, {self.issued_at})"


class _File(msgspec.Struct):
    schema: int
    tokens: list[StoredToken]


def default_tokens() -> Path:
    """Return where tokens are kept.

    Under systemd with ``StateDirectory=`` that is there, else in the user's state folder.
    """
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    folder = Path(state) if state else platformdirs.user_state_path("mmpush-tui")
    return folder / "provider-tokens.json"


class TokenStore:
    """A file of tokens. Without it, or where it cannot be used, tokens are not kept.

    Every method reads or writes files: not for the event loop. None raises for what the file or
    its folder are like.

    Args:
        path: the file; a second file beside it, with ``.lock``, keeps writers apart.
        complain: called with a sentence when the file cannot be used, once for each, from
            whatever thread.
        now: wall clock, seconds since 1970.
    """

    def __init__(
        self,
        path: Path,
        complain: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self._complain = complain
        self._now = now
        self._complained: set[str] = set()

    def find(self, key: str) -> StoredToken | None:
        """Return what is kept for ``key``; nobody has checked it."""
        return next((kept for kept in self._read() if kept.key == key), None)

    def renew(self, key: str, make: Callable[[StoredToken | None], StoredToken]) -> None:
        """Keep what ``make`` makes of the token of ``key``.

        While ``make`` runs, no other worker renews a token.

        Args:
            key: which key and team.
            make: gets what is kept, and returns that or another to keep in its place.
        """
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(files.file_lock(self.path, wait_s=_LOCK_WITHIN_S))
            except OSError as error:
                self._say(f"cannot be written ({error.strerror})")
                make(None)
                return
            kept = self._read()
            before = next((it for it in kept if it.key == key), None)
            renewed = make(before)
            if renewed != before:
                fresh_from = self._now() - _FORGET_AFTER_S
                others = [it for it in kept if it.key != key and it.issued_at >= fresh_from]
                self._write([renewed, *others])

    def _read(self) -> list[StoredToken]:
        try:
            data, status = files.read_plain(self.path, _LIMIT, follows_link=False)
        except FileNotFoundError:
            return []
        except files.NotAFileError:
            self._say("is no file")
            return []
        except OSError as error:
            self._say(f"cannot be read ({error.strerror})")
            return []
        if trouble := _trouble(status):
            self._say(trouble)
            return []
        try:
            file = msgspec.json.decode(data, type=_File)
        except (ValueError, RecursionError):
            self._say("holds nothing that this version wrote, and is written anew")
            return []
        return file.tokens if file.schema == _SCHEMA else []

    def _write(self, kept: list[StoredToken]) -> None:
        try:
            files.replace(self.path, msgspec.json.encode(_File(_SCHEMA, kept)))
        except OSError as error:
            self._say(f"cannot be written ({error.strerror})")

    def _say(self, trouble: str) -> None:
        if trouble not in self._complained:
            self._complained.add(trouble)
            self._complain(
                f"Apple provider tokens are not kept across restarts: {self.path} {trouble}"
            )


def _trouble(status: os.stat_result) -> str:
    """Return why a file is not to be trusted, or nothing."""
    if status.st_uid != os.geteuid():
        return "belongs to another user; remove it"
    if status.st_mode & _OTHERS:
        return "can be read by others; run chmod 600 on it, or remove it"
    return ""
