"""The places on this host that settings could be read from.

Reads files and /proc: call it through ``tasks.beside``.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mmpush_tui.errors import MmpushError
from mmpush_tui.settings.sources import config_text, rewrite, server_process
from mmpush_tui.settings.sources.local import SOCKET_VARIABLE
from mmpush_tui.settings.sources.locate import URL, USUAL_FILES, USUAL_SOCKET, is_socket
from mmpush_tui.settings.sources.source import Place, SourceAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One place.

    Attributes:
        where: which place.
        remark: what is to be known of it, in a few words; or empty.
    """

    where: SourceAddress
    remark: str = ""


def offers(
    named: Iterable[Path], environment: Mapping[str, str] | None = None
) -> tuple[Offer, ...]:
    """Return what exists on this host, the surest first.

    Args:
        named: files that somebody named.
        environment: where variables are looked for; default the process environment.
    """
    environment = os.environ if environment is None else environment
    servers = list(server_process.running_servers())
    files = list(_files(named, servers))
    places: list[Offer] = [offer for offer, _ in files]
    places += _sockets([text for _, text in files], environment)
    addresses = [environment.get(URL.env, "")]
    addresses += [_text(text, "ServiceSettings.SiteURL") for _, text in files]
    places += [
        Offer(where=SourceAddress(kind=Place.REST, at=url), remark="with an access token")
        for url in dict.fromkeys(addresses)
        if url
    ]
    return tuple(places)


def only(file: Path, socket: Path, url: str) -> tuple[Offer, ...]:
    """Return the places of one server, whatever else is on this host.

    Args:
        file: its configuration file.
        socket: its local-mode socket.
        url: its address.
    """
    places = ((Place.FILE, str(file)), (Place.LOCAL, str(socket)), (Place.REST, url))
    return tuple(Offer(where=SourceAddress(kind=kind, at=at)) for kind, at in places)


def _files(
    named: Iterable[Path], servers: list[server_process.ServerProcess]
) -> Iterator[tuple[Offer, str]]:
    """Yield the configuration files, each with its text or an empty one."""
    places = [*named, *(file for server in servers for file in server.files()), *USUAL_FILES]
    seen: set[str] = set()
    for path in places:
        real = os.path.realpath(path)
        if real in seen or not os.path.isfile(path):
            continue
        seen.add(real)
        text, remark = "", ""
        try:
            text = config_text.parsed_config(rewrite.read_config_file(path).data, path)
        except MmpushError as error:
            remark = {
                "mattermost-config-permission": "not readable by this user",
                "mattermost-config-syntax": "broken: no JSON",
            }.get(error.code, "not usable")
        if server_process.shadowing(path, servers):
            remark = "not in use: the server keeps its configuration in its database"
        where = SourceAddress(kind=Place.FILE, at=os.path.abspath(path))
        yield Offer(where=where, remark=remark), text


def _sockets(texts: Iterable[str], environment: Mapping[str, str]) -> Iterator[Offer]:
    named = [environment.get(SOCKET_VARIABLE, "")]
    named += [_text(text, "ServiceSettings.LocalModeSocketLocation") for text in texts]
    for path in dict.fromkeys([*(Path(name) for name in named if name), USUAL_SOCKET]):
        if is_socket(path):
            may_use = os.access(path, os.W_OK, effective_ids=True)
            yield Offer(
                where=SourceAddress(kind=Place.LOCAL, at=os.path.abspath(path)),
                remark="" if may_use else "not for this user",
            )


def _text(text: str, key: str) -> str:
    value = config_text.value_of(text, key) if text else ""
    return value if isinstance(value, str) else ""
