"""What is on this host already: Mattermost, a push proxy, ports in use.

Reads files and /proc: call it through ``tasks.beside``. Each thing found has a short reason.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from mmpush_tui import files
from mmpush_tui.configuration import config
from mmpush_tui.errors import ConfigError
from mmpush_tui.fields import Value
from mmpush_tui.paths import full_path, short_path
from mmpush_tui.settings.sources.server_process import (
    NAME,
    candidates,
    is_database,
    is_same_file,
    option,
)
from mmpush_tui.setup import steps
from mmpush_tui.text import clean, presentable

PORTS: Final = (8086, 8066)
"""The push proxy's port by Mattermost's documentation, and in the reference sample."""
_CONFIG: Final = Path("config/config.json")
_PROXY_FILE: Final = "mattermost-push-proxy.json"
_PROXY: Final = "mattermost-push"
"""The kernel cuts a process's name after 15 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that was found.

    Attributes:
        path: where it is.
        reason: why it is meant, or what it holds, in a few words.
        is_usable: whether this user can read it and it is what it should be.
    """

    path: Path
    reason: str
    is_usable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What was found.

    Attributes:
        mattermost: config.json files, the likeliest first.
        remarks: sentences about what was found and cannot be used as it is.
        push_proxies: configurations of the reference push proxy.
        ports: those of :data:`PORTS` that are in use, each with the program that listens there; an
            empty one where this user may not know.
    """

    mattermost: tuple[Found, ...]
    remarks: tuple[str, ...]
    push_proxies: tuple[Found, ...]
    ports: Mapping[int, str]


def look_around(
    environment: Mapping[str, str] | None = None, root: Path = Path("/")
) -> Surroundings:
    """Return what is on this host.

    Args:
        environment: where MM_CONFIG is looked for; default the process environment.
        root: the folder that /opt and /etc are in.
    """
    environment = os.environ if environment is None else environment
    remarks: dict[str, None] = {}
    servers: dict[Path, str] = {}
    proxies: dict[Path, str] = {}
    for process in _processes():
        name = process.info["name"]
        where = proxies if name.startswith(_PROXY) else servers
        for path, reason in _files_of(process, remarks):
            where.setdefault(path, reason)
    here = Path(full_path("."))
    if named := environment.get("MM_CONFIG", ""):
        for path in _named(named, here, remarks, "MM_CONFIG"):
            servers.setdefault(path, "MM_CONFIG names it")
    servers.setdefault(root / "opt/mattermost" / _CONFIG, "the usual place")
    servers.setdefault(here / _CONFIG, "in the current folder")
    home = Path(os.path.expanduser("~"))
    for folder in ("opt/mattermost-push-proxy/config", "etc/mattermost-push-proxy"):
        proxies.setdefault(root / folder / _PROXY_FILE, "")
    proxies.setdefault(home / "mattermost-push-proxy/config" / _PROXY_FILE, "")
    return Surroundings(
        mattermost=_existing(servers),
        remarks=tuple(map(presentable, remarks)),
        push_proxies=tuple(_judged(file.path) for file in _existing(proxies)),
        ports=_ports(),
    )


def suggested(surroundings: Surroundings) -> dict[str, Value]:
    """Return the answers that follow from what was found, by field key. Pure."""
    answers: dict[str, Value] = {steps.WHERE.key: steps.Where.ELSEWHERE}
    if surroundings.mattermost:
        answers[steps.WHERE.key] = steps.Where.FILE
        answers[steps.CONFIG_FILE.key] = str(surroundings.mattermost[0].path)
    usable = [proxy for proxy in surroundings.push_proxies if proxy.is_usable]
    if usable:
        answers[steps.APPS.key] = steps.Apps.OWN
        answers[steps.EXISTING_FILE.key] = str(usable[0].path)
    return answers


def _processes() -> Iterator[psutil.Process]:
    """Yield the Mattermost servers and reference push proxies that run here."""
    for process in psutil.process_iter(["name"]):
        name = process.info["name"] or ""
        if name == NAME or name.startswith(_PROXY):
            yield process


def _files_of(process: psutil.Process, remarks: dict[str, None]) -> list[tuple[Path, str]]:
    """Return the configuration files that a running process may use, each with the reason."""
    name, pid = process.info["name"], process.pid
    try:
        folder = Path(process.cwd())
        words = process.cmdline()
        environment = process.environ()
    except psutil.Error:
        remarks[f"{name} runs here (pid {pid}), but this user may not see where."] = None
        return []
    reason = f"{name} runs in {short_path(folder)} (pid {pid})"
    if name.startswith(_PROXY):
        named = option(words, ("-config", "--config")) or _PROXY_FILE
        # The order in which the reference proxy looks for a name without a folder.
        folders = ("config", "../config", ".")
        places = [Path(os.path.normpath(folder / at / named)) for at in folders]
    else:
        named = option(words, ("-c", "--config")) or environment.get("MM_CONFIG", "")
        places = _named(named, folder, remarks, f"{name} (pid {pid})")
    ours = [path for path in places if is_same_file(path, pid, path)]
    if not ours and any(path.is_absolute() for path in places):
        remarks[
            f"{name} runs here (pid {pid}), but its files are not visible from here: it may run "
            "in a container."
        ] = None
    return [(path, reason) for path in ours]


def _named(named: str, folder: Path, remarks: dict[str, None], who: str) -> list[Path]:
    """Return where a configuration with this name can be, the way Mattermost looks for it."""
    if is_database(named):
        # The rest of it holds the database's password.
        remarks[
            f"{who} keeps Mattermost's configuration in a database: config.json is not used."
        ] = None
        return []
    return candidates(named, folder)


def _existing(places: Mapping[Path, str]) -> tuple[Found, ...]:
    """Return those that exist; files behind two names count once."""
    by_real_path: dict[str, Found] = {}
    for path, reason in places.items():
        if clean(path) != str(path):
            continue
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                continue
            is_usable = _may_read(path)
        except PermissionError:
            # Its folder is closed to us, which is how an installation by the book looks.
            is_usable = False
        except (OSError, ValueError):
            continue
        if not is_usable:
            reason = f"{reason}; this user may not read it".removeprefix("; ")
        by_real_path.setdefault(
            os.path.realpath(path),
            Found(path=path, reason=presentable(reason, 200), is_usable=is_usable),
        )
    return tuple(by_real_path.values())


def _may_read(path: Path) -> bool:
    try:
        files.read_plain(path, 1)
    except OSError:
        return False
    return True


def _judged(path: Path) -> Found:
    """Return what a configuration of the reference push proxy holds."""
    try:
        loaded = config.load(path, {})
    except ConfigError as error:
        return Found(path=path, reason=error.line(), is_usable=False)
    types = [
        *(apple.type for apple in loaded.apple if apple.auth_key_file or apple.certificate_file),
        *(android.type for android in loaded.android if android.service_account_file),
    ]
    if not types:
        return Found(path=path, reason="no target is filled in", is_usable=False)
    return Found(path=path, reason=presentable(f"targets: {', '.join(types)}", 200))


def _ports() -> dict[int, str]:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return {}
    holders: dict[int, str] = {}
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr:
            continue
        number = connection.laddr.port
        if number in PORTS:
            holders[number] = holders.get(number) or _name(connection.pid)
    return {port: holders[port] for port in PORTS if port in holders}


def _name(pid: int | None) -> str:
    if not pid:
        return ""
    try:
        return clean(f"{psutil.Process(pid).name()} (pid {pid})", 80)
    except psutil.Error:
        return ""
