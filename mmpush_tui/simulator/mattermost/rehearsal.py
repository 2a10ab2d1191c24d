"""A Mattermost server to rehearse settings on: an address with a token, a socket, a config.json."""

import asyncio
import contextlib
import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mmpush_tui.errors import FailedError, UsageError
from mmpush_tui.settings.page import Licence
from mmpush_tui.simulator.credentials import write_private
from mmpush_tui.simulator.mattermost.faults import Trouble
from mmpush_tui.simulator.mattermost.poster import MattermostStandIn, new_id
from mmpush_tui.simulator.mattermost.schema import MANAGE_SYSTEM, SOCKET, VERSION
from mmpush_tui.simulator.mattermost.server import MattermostRest, Watch
from mmpush_tui.simulator.net.lifecycle import Lifecycle
from mmpush_tui.text import Secret, clean

ALL_INCLUDED: Final = Licence(hpns=True, id_loaded=True)
_VERSION: Final = re.compile(r"(1[01])\.([0-9]{1,2})(\.[0-9]{1,3})?")
_NOWHERE: Final = "http://127.0.0.1:9"


class MattermostRehearsal(Lifecycle):
    """A server whose settings can be had and changed at all three places, for one rehearsal.

    Test pushes go to the push proxy of the settings, where that is on this host.

    Args:
        folder: holds the token's file, the socket and ``config.json``; made where it is missing.
            A ``config.json`` that is there already counts.
        version: the server's version, as :func:`full_version` returns it.
        licence: what its licence covers; there is none where that is nothing.
        environment: the ``MM_…`` variables of its process.
        watch: called after each request.
    """

    def __init__(
        self,
        folder: Path,
        *,
        version: str = VERSION,
        licence: Licence = ALL_INCLUDED,
        environment: Mapping[str, str] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.token = Secret(new_id(random.SystemRandom()))
        self.token_file = folder / "token.txt"
        self.socket_path = folder / SOCKET
        self.config_file = folder / "config.json"
        self.version = version
        self.licence = licence
        self._environment = environment or {}
        self._watch = watch
        self._folder = folder
        self._poster: MattermostStandIn | None = None
        self._rest: MattermostRest | None = None

    @property
    def url(self) -> str:
        """The address of its REST API; known once it has started."""
        return self._rest.url if self._rest else ""

    @property
    def violations(self) -> list[str]:
        """What clients did that a careful one never does."""
        return [*self._rest.violations, *self._rest.failures] if self._rest else []

    @property
    def requests(self) -> int:
        """How many requests came so far, within a limit."""
        return len(self._rest.requests) if self._rest else 0

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """The faults in force."""
        return self._rest.troubles.active if self._rest else ()

    async def start(self, port: int = 0) -> None:
        """Listen and write the files.

        Args:
            port: 0 for a free one.

        Raises:
            UsageError: the port is taken.
            FailedError: the files cannot be written, or those that are there not be used.
        """
        try:
            # Certificates are read for it, too, which takes a while.
            self._poster, rest = await asyncio.to_thread(self._make_servers)
        except (OSError, ValueError) as error:
            await self.aclose()
            raise FailedError(
                f"the files of the Mattermost that is played cannot be used in {self._folder}",
                why=getattr(error, "strerror", "") or clean(error, 200),
                fix="Name another folder, or remove what is in this one.",
                code="simulate-mattermost",
            ) from error
        self._rest = rest
        try:
            await rest.start(port)
        except OSError as error:
            await self.aclose()
            if self.url or not port:
                raise FailedError(
                    f"the socket {self.socket_path} cannot be made",
                    why=error.strerror or clean(error, 200),
                    fix="Name a folder with a shorter path, where you may make sockets.",
                    code="simulate-mattermost",
                ) from error
            raise UsageError(
                f"port {port} of this host cannot be used for mattermost",
                why=error.strerror or "",
                fix="Leave --mattermost-port away for a free one.",
                code="simulate-port",
            ) from error

    async def aclose(self) -> None:
        """End, and remove the token and the socket, which are good for nothing any more."""
        if self._rest is not None:
            await self._rest.aclose()
        if self._poster is not None:
            await self._poster.aclose()
        with contextlib.suppress(OSError):
            self.token_file.unlink(missing_ok=True)

    def raise_trouble(self, trouble: Trouble) -> None:
        """Put a fault in force, in the place of one of the same kind."""
        if self._rest is not None:
            self._rest.troubles.clear(trouble.fault)
            self._rest.troubles.add(trouble)

    def clear_troubles(self, name: str = "") -> None:
        """End the fault of that name, or all of them."""
        if self._rest is not None:
            self._rest.troubles.clear(name or None)

    def _make_servers(self) -> tuple[MattermostStandIn, MattermostRest]:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.token_file.unlink(missing_ok=True)
        write_private(self.token_file, f"{self.token.reveal()}\n")
        poster = MattermostStandIn(_NOWHERE)
        rest = MattermostRest(
            poster,
            version=self.version,
            licensed=bool(self.licence.hpns or self.licence.id_loaded),
            mhpns=bool(self.licence.hpns),
            id_loaded=bool(self.licence.id_loaded),
            environment=self._environment,
            tokens={self.token.reveal(): {MANAGE_SYSTEM}},
            file=self.config_file,
            socket_path=self.socket_path,
            watch=self._watch,
        )
        return poster, rest


def full_version(text: str) -> str:
    """Return a version of Mattermost with all its three numbers.

    Args:
        text: ``11.5`` or ``10.11.2``.

    Raises:
        UsageError: it is none, or of a server that is not played.
    """
    if not (match := _VERSION.fullmatch(text)):
        raise UsageError(
            f"Mattermost {clean(text, 20)} is not played",
            code="simulate-version",
        )
    return text if match[3] else f"{text}.0"
