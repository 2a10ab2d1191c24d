"""Mattermost servers that run on this host: what they are configured by, and their environment.

Reads /proc: call it through ``tasks.beside``. What this user may not see is simply not there.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

NAME: Final = "mattermost"
"""How the kernel calls the server's process."""
CONFIG_VARIABLE: Final = "MM_CONFIG"
_CONFIG: Final = "config.json"
_OPTIONS: Final = ("-c", "--config")
_DATABASE: Final = re.compile(r"(postgres|postgresql|mysql)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """A running Mattermost server.

    Attributes:
        pid: its process.
        folder: its working folder.
        named: what it was told to be configured by, a file or a database; empty where nothing.
        environment: its environment variables.
    """

    pid: int
    folder: Path
    named: str = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)

    def files(self) -> list[Path]:
        """Return where its configuration file can be, the way the server looks for it."""
        return candidates(self.named, self.folder)

    def would_read(self, path: Path, named: str) -> bool:
        """Return whether it reads what is our ``path`` if ``named`` is its configuration."""
        return any(is_same_file(file, self.pid, path) for file in candidates(named, self.folder))


def running_servers() -> Iterator[ServerProcess]:
    """Yield the servers on this host whose environment this user may read."""
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == NAME and (server := of_pid(process.pid)) is not None:
            yield server


def of_pid(pid: int) -> ServerProcess | None:
    """Return the server with this process id, or None where it is gone or not to be seen."""
    try:
        process = psutil.Process(pid)
        words, environment = process.cmdline(), process.environ()
        folder = Path(process.cwd())
    except (psutil.Error, ValueError):
        return None
    return ServerProcess(
        pid=pid,
        folder=folder,
        named=option(words, _OPTIONS) or environment.get(CONFIG_VARIABLE, ""),
        environment=environment,
    )


def using(path: Path, servers: Iterable[ServerProcess]) -> ServerProcess | None:
    """Return the one of ``servers`` that is configured by the file at ``path``."""
    return next((it for it in servers if it.would_read(path, it.named)), None)


def shadowing(path: Path, servers: Iterable[ServerProcess]) -> ServerProcess | None:
    """Return the one of ``servers`` that would read ``path`` if it did not use its database."""
    return next((it for it in servers if is_database(it.named) and it.would_read(path, "")), None)


def candidates(named: str, folder: Path) -> list[Path]:
    """Return where a configuration with this name can be for a server that runs in ``folder``;
    none where its configuration is in a database.
    """
    if is_database(named):
        return []
    if os.path.isabs(named):
        return [Path(named)]
    if named:
        return [folder / "config" / named, folder / named]
    return [folder / "config" / _CONFIG, folder.parent / "config" / _CONFIG]


def is_database(named: str) -> bool:
    """Return whether ``named`` is the address of a database, as MM_CONFIG may hold it."""
    return bool(_DATABASE.match(named))


def is_same_file(theirs: Path, pid: int, ours: Path) -> bool:
    """Return whether a process has at ``theirs`` what we have at ``ours``; a container may not."""
    try:
        inside = os.stat(f"/proc/{pid}/root{os.path.normpath(theirs)}")
        return os.path.samestat(inside, os.stat(ours))
    except (OSError, ValueError):
        return False


def option(words: Sequence[str], names: Sequence[str]) -> str:
    """Return the value that a command line gives to one of its options."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word in names:
            return following
        name, equals, value = word.partition("=")
        if equals and name in names:
            return value
    return ""
