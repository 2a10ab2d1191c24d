"""A Mattermost server's local-mode socket as a source of settings, as ``mmctl --local`` uses it."""

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx

from mmpush_tui.errors import FailedError, MmpushError, UnreachableError
from mmpush_tui.settings.page import Licence
from mmpush_tui.settings.sources import config_text, server_process
from mmpush_tui.settings.sources.api import CONNECT_TIMEOUT_S, REQUEST_TIMEOUT_S, Api
from mmpush_tui.settings.sources.locate import USUAL_SOCKET
from mmpush_tui.settings.sources.served import Served, read_served
from mmpush_tui.settings.sources.source import Loaded, Origin, Place, SourceAddress
from mmpush_tui.tasks import beside
from mmpush_tui.text import presentable
from mmpush_tui.troubleshooting.wording import note_of

SOCKET_VARIABLE: Final = "MMCTL_LOCAL_SOCKET_PATH"
_CREDENTIALS: Final = struct.Struct("3i")
_NO_LICENCE: Final = Licence(hpns=False, id_loaded=False)


class Local(Served):
    """The local-mode socket of a server on this host.

    The socket knows neither the licence nor the environment: the licence is what its user says,
    or none where the server has none at all; the environment is that of the server's process.

    Args:
        path: the socket.
        licence: what its user says of the licence.
        environment: where ``MM_…`` variables are looked for where the server's own are not to be
            seen; default this process' own.
    """

    def __init__(
        self,
        path: Path = USUAL_SOCKET,
        *,
        licence: Licence | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._path = path
        self._environment = os.environ if environment is None else environment
        http = httpx.AsyncClient(
            # Nothing is encrypted on a socket, and no certificates need to be read for it.
            transport=httpx.AsyncHTTPTransport(uds=os.fspath(path), verify=False),
            timeout=httpx.Timeout(REQUEST_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            trust_env=False,
        )
        at = f"the Mattermost server behind {path}"
        super().__init__(
            Api(http, "http://localhost/api/v4", at, _refusal),
            SourceAddress(kind=Place.LOCAL, at=os.path.abspath(path)),
            licence,
        )

    async def load(self) -> Loaded:
        """Read the settings.

        Raises:
            UnreachableError: there is no socket, nobody behind it, or this user may not use it.
            FailedError: the server refuses.
            DeadlineError: it does not answer in time.
        """
        pid = await beside("local-socket", self._reached)
        answer = await self._api.config()
        stored, hidden = read_served(answer)
        server = await beside("server-process", server_process.of_pid, pid) if pid else None
        licence, remarks = self._licence, []
        if licence == Licence() and answer.is_licensed is False:
            licence = _NO_LICENCE
            remarks.append(note_of("licence-none"))
        return Loaded(
            stored=stored,
            licence=licence,
            locked=config_text.held_by(server.environment if server else self._environment),
            fingerprint=stored,
            version=answer.version,
            origin=Origin.PROCESS if server else Origin.OWN,
            hidden=hidden,
            remarks=tuple(remarks),
        )

    async def _ready(self) -> None:
        await beside("local-socket", self._reached)

    def _reached(self) -> int:
        """Connect once, and return the process behind the socket, 0 where it cannot be seen.

        Raises:
            UnreachableError: it cannot be connected to.
        """
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as ours:
            ours.settimeout(CONNECT_TIMEOUT_S)
            try:
                ours.connect(os.fspath(self._path))
            except OSError as error:
                raise self._unreachable(error) from error
            if not hasattr(socket, "SO_PEERCRED"):
                return 0
            peer = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            pid: int = _CREDENTIALS.unpack(peer)[0]
            return pid

    def _unreachable(self, error: OSError) -> MmpushError:
        match error.errno:
            case errno.ENOENT | errno.ENOTDIR:
                why = "it does not exist"
                fix = (
                    "Switch ServiceSettings.EnableLocalMode on in config.json and restart "
                    "Mattermost; ServiceSettings.LocalModeSocketLocation says where its socket is."
                )
            case errno.EACCES | errno.EPERM:
                why = "this user may not use it"
                fix = "Run this as the user that runs Mattermost, or as root."
            case errno.ECONNREFUSED:
                why = "nobody is behind it any more"
                fix = "Start Mattermost; it makes the socket anew."
            case _:
                why = error.strerror or "it cannot be connected to"
                fix = "Name the socket: --local SOCKET."
        return UnreachableError(
            f"the local socket {self._path} cannot be used",
            why=why,
            fix=fix,
            code="mattermost-local-socket",
        )


def _refusal(status: int, error_id: str, message: str) -> MmpushError | None:
    if status in (401, 403) and not error_id.startswith("ent.cluster"):
        return FailedError(
            f"Mattermost refused over its local socket ({presentable(error_id, 80)})",
            why=message,
            fix="Over this socket nobody is asked for rights: look at the server's log.",
            code="mattermost-refused",
        )
    return None
