"""Mattermost's ``config.json`` as a source of settings."""

import asyncio
import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from mmpush_tui.errors import ConfigError, DeadlineError, FailedError, UnreachableError
from mmpush_tui.settings.page import KEYS, Change, Licence, differences
from mmpush_tui.settings.sources import (
    backups,
    config_text,
    json_text,
    rewrite,
    server_process,
)
from mmpush_tui.settings.sources.local import Local
from mmpush_tui.settings.sources.locate import USUAL_SOCKET, is_socket
from mmpush_tui.settings.sources.source import (
    NEEDS,
    Backup,
    Loaded,
    Origin,
    Place,
    Saved,
    SourceAddress,
    held_back,
    restoring,
)
from mmpush_tui.tasks import beside

_T = TypeVar("_T")

_TIMEOUT_S: Final = 20.0


class ConfigFile:
    """A ``config.json`` on this host.

    Args:
        path: the file, or a link to it.
        licence: what its user says of the licence, which is not in the file.
        environment: where Mattermost's ``MM_…`` variables are looked for where the running
            server's own are not to be seen; default this process' environment, which whoever
            starts both the same way shares with the server.
        in_place: write over the file where it cannot be replaced in one step.
    """

    def __init__(
        self,
        path: Path,
        *,
        licence: Licence | None = None,
        environment: Mapping[str, str] | None = None,
        in_place: bool = False,
    ) -> None:
        self._path = path
        self._licence = licence or Licence()
        self._environment = os.environ if environment is None else environment
        self._in_place = in_place

    @property
    def where(self) -> SourceAddress:
        """The file's path, from the root on."""
        return SourceAddress(kind=Place.FILE, at=os.path.abspath(self._path))

    async def load(self) -> Loaded:
        """Read the settings.

        Raises:
            ConfigError: the file is missing, not readable, not what Mattermost would read, or
                not what it does read because its configuration is in its database. Nothing of
                the file's content is in the message.
            DeadlineError: the file system does not answer.
        """
        return await _in_time(self._load, "read", self._path)

    def in_place(self) -> "ConfigFile":
        """Return this place, where the file is written over if it cannot be replaced."""
        return ConfigFile(
            self._path, licence=self._licence, environment=self._environment, in_place=True
        )

    async def save(
        self, loaded: Loaded, changes: Sequence[Change], *, undoes: Backup | None = None
    ) -> Saved:
        """Write ``changes`` into the file, whose every other byte stays as it is.

        Args:
            loaded: what the changes were made from.
            changes: what is written.
            undoes: the backup that the changes bring back. Where nothing but our keys changed
                since, it comes back byte by byte.

        Raises:
            ConfigError: as :meth:`load`.
            FailedError: the file cannot be written, or was changed since it was loaded; with the
                code :data:`rewrite.IN_PLACE` where :meth:`in_place` would help.
            DeadlineError: the file system does not answer; what it makes of the order is open.
        """
        return await _in_time(
            lambda: self._save(loaded, changes, undoes),
            "written",
            self._path,
            must_end=self._in_place,
        )

    async def restore(self, loaded: Loaded, backup: Backup) -> Saved:
        """Bring ``backup`` back, as :meth:`save`."""
        return await self.save(loaded, restoring(loaded, backup), undoes=backup)

    async def backups(self) -> list[str]:
        """Return the backups of this file, the newest first.

        Raises:
            DeadlineError: the file system does not answer.
        """
        return await _in_time(self._backups, "looked for", self._path)

    async def former(self, backup: str) -> Backup:
        """Read a backup of this file, or any other ``config.json``.

        Raises:
            ConfigError: it is none.
            DeadlineError: the file system does not answer.
        """
        path = Path(backup)

        def work() -> Backup:
            try:
                text = _text_of(path)
            except ConfigError as error:
                raise ConfigError(
                    error.what,
                    why=error.why,
                    fix="Name a backup that `settings restore --list` shows.",
                    code=error.code,
                ) from error
            return Backup(at=str(path), stored=config_text.stored_in(text, path))

        return await _in_time(work, "read", path)

    async def reload(self) -> None:
        """Let the server of this host read the file, over its local socket.

        Raises:
            UnreachableError: there is no socket to be used.
            MmpushError: the server refuses.
        """
        socket = await _in_time(lambda: _socket_of(_text_of(self._path)), "read", self._path)
        if socket is None:
            raise UnreachableError(
                "the server cannot be told from here to read the file: its local mode is off, or "
                "this user may not use its socket",
                fix=NEEDS["reload"],
                code="mattermost-config-not-reloaded",
            )
        async with contextlib.aclosing(Local(socket)) as local:
            await local.reload()

    async def aclose(self) -> None:
        """There are no connections."""

    def _load(self) -> Loaded:
        servers = list(server_process.running_servers())
        server = server_process.using(self._path, servers)
        if server is None:
            self._refuse_if_unused(servers)
        environment = self._environment if server is None else server.environment
        file = rewrite.read_config_file(self._path)
        text = config_text.parsed_config(file.data, self._path)
        stored = config_text.stored_in(text, self._path)
        return Loaded(
            stored=config_text.in_force(stored, environment),
            licence=self._licence,
            locked=config_text.held_by(environment),
            fingerprint=_fingerprint(file),
            origin=Origin.OWN if server is None else Origin.PROCESS,
        )

    def _refuse_if_unused(self, servers: Sequence[server_process.ServerProcess]) -> None:
        """Raise where the server that this file would belong to does not read it."""
        named = self._environment.get(server_process.CONFIG_VARIABLE, "")
        if server := server_process.shadowing(self._path, servers):
            who = f"the Mattermost server that runs here (pid {server.pid})"
            otherwise = ""
        elif server_process.is_database(named):
            who = f"{server_process.CONFIG_VARIABLE} says that Mattermost"
            otherwise = f" Without {server_process.CONFIG_VARIABLE} the file is taken as it is."
        else:
            return
        raise ConfigError(
            f"{self._path} is not in use: {who} keeps its configuration in its database",
            fix="Ask the running server instead: --mattermost-url URL with a token, or --local."
            + otherwise,
            code="mattermost-config-database",
        )

    def _save(self, loaded: Loaded, changes: Sequence[Change], undoes: Backup | None) -> Saved:
        wanted, skipped = held_back(loaded, changes)
        # The link stays; what it leads to is replaced.
        path = Path(os.path.realpath(self._path))
        before = rewrite.read_config_file(path)
        if _fingerprint(before) != loaded.fingerprint:
            raise rewrite.changed_meanwhile(self._path)
        if not wanted:
            return Saved(backup=None, needs=(), skipped=skipped)
        text = config_text.parsed_config(before.data, self._path)
        data = self._as_it_was(undoes, text, wanted) if undoes else None
        data = data or config_text.verified_text(_changed(text, wanted), wanted, self._path)
        backup = self._write(before, data)
        is_clustered = config_text.value_of(text, "ClusterSettings.Enable") is True
        return Saved(
            backup=str(backup),
            needs=("reload", "cluster") if is_clustered else ("reload",),
            skipped=skipped,
            # Our keys are none of those that say where the socket is.
            can_reload=_socket_of(text) is not None,
        )

    def _as_it_was(self, backup: Backup, text: str, wanted: Sequence[Change]) -> bytes | None:
        """Return the bytes of ``backup``, unless more than ``wanted`` changed since."""
        path = Path(backup.at)
        data = rewrite.read_config_file(path).data
        former = config_text.parsed_config(data, path)
        now, then = config_text.stored_in(text, self._path), config_text.stored_in(former, path)
        differ = {change.key for change in differences(now, then, {})}
        if not differ <= {change.key for change in wanted}:
            return None
        theirs = [
            Change(key=key, old=None, new=getattr(now, name))
            for name, key in KEYS.items()
            if json_text.occurrences(text, key.split("."))
        ]
        return data if _changed(former, theirs) == text else None

    def _write(self, before: rewrite.FileState, data: bytes) -> Path:
        may_write = os.access(before.path, os.W_OK, effective_ids=True)
        if not may_write and not before.status.st_mode & stat.S_IWUSR:
            raise FailedError(
                f"{self._path} was not written: it is read-only, on purpose as it seems",
                fix="Allow its owner to write it, with chmod u+w.",
                code="mattermost-config-not-written",
            )
        if (names := before.status.st_nlink) > 1:
            why = f"it has {names} names (hard links), and replacing it would part them"
        else:
            try:
                return rewrite.replace_config(before, data)
            except rewrite.NotReplaceableError as error:
                if not may_write:
                    raise
                why = error.why
        if not self._in_place:
            raise FailedError(f"{self._path} was not written", why=why, code=rewrite.IN_PLACE)
        return rewrite.overwrite_config(before, data, self._spare)

    @property
    def _spare(self) -> Path:
        """Where backups go that cannot be beside the file, by whatever name it is opened."""
        real = os.path.realpath(self._path)
        return backups.folder_of(SourceAddress(kind=Place.FILE, at=real))

    def _backups(self) -> list[str]:
        path = Path(os.path.realpath(self._path))
        return [str(file) for file in rewrite.backups(path, path.parent, self._spare)]


def _text_of(path: Path) -> str:
    return config_text.parsed_config(rewrite.read_config_file(path).data, path)


def _fingerprint(file: rewrite.FileState) -> object:
    return hashlib.sha256(file.data).digest(), file.status.st_dev, file.status.st_ino


def _socket_of(text: str) -> Path | None:
    """Return the local socket of the server that reads this text, if this user may use it."""
    if config_text.value_of(text, "ServiceSettings.EnableLocalMode") is not True:
        # A socket at the usual place would be that of a server with another file.
        return None
    named = config_text.value_of(text, "ServiceSettings.LocalModeSocketLocation")
    path = Path(named) if isinstance(named, str) and named else USUAL_SOCKET
    return path if is_socket(path) and os.access(path, os.W_OK, effective_ids=True) else None


def _changed(text: str, changes: Sequence[Change]) -> str:
    for change in changes:
        text = json_text.with_value(text, change.key.split("."), change.new)
    return text


async def _in_time(work: Callable[[], _T], done: str, path: Path, *, must_end: bool = False) -> _T:
    """Run file work beside the event loop: a network file system may never answer.

    Args:
        work: what is done.
        done: the same as a participle.
        path: the file.
        must_end: the program does not end before the work has, whatever else ends; for what
            would leave half a file.
    """
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            if must_end:
                # The event loop's own threads are joined when it ends.
                return await asyncio.to_thread(work)
            return await beside("config-file", work)
    except TimeoutError as error:
        raise DeadlineError(
            f"{path} could not be {done} within {_TIMEOUT_S:.0f} s",
            code="mattermost-config-slow",
        ) from error
