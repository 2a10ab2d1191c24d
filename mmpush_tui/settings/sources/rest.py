"""A Mattermost server's REST API as a source of settings."""

import ipaddress
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import httpx

from mmpush_tui.errors import ConfigError, FailedError, MmpushError, UsageError
from mmpush_tui.settings.page import Licence
from mmpush_tui.settings.sources import config_text
from mmpush_tui.settings.sources.api import CONNECT_TIMEOUT_S, REQUEST_TIMEOUT_S, Api, ApiAnswer
from mmpush_tui.settings.sources.served import Served, read_served
from mmpush_tui.settings.sources.source import PERMISSIONS, Loaded, Origin, Place, SourceAddress
from mmpush_tui.text import Secret, presentable
from mmpush_tui.troubleshooting.wording import note_of

_API: Final = "/api/v4"
_PORTS: Final = {"http": 80, "https": 443}
_TOKEN: Final = re.compile(r"[!-~]{1,512}")
_READ: Final = "sysconsole_read_"


class Rest(Served):
    """The REST API of a server, used with a personal access token.

    Args:
        url: the address that users open Mattermost by, with its path where it has one.
        token: a personal access token, or that of a session or a bot.
        ca_file: a PEM file of further trusted roots, for a certificate authority of one's own.
        connect_to: ``host:port`` to ``addr:port`` where the connection shall go elsewhere.
        licence: what its user says of the licence; the server's own word counts more.

    Raises:
        UsageError: the address or the token is none.
        ConfigError: the file of roots cannot be used.
    """

    def __init__(
        self,
        url: str,
        token: Secret,
        *,
        ca_file: Path | None = None,
        connect_to: Mapping[str, str] | None = None,
        licence: Licence | None = None,
    ) -> None:
        address = _address(url)
        if not _TOKEN.fullmatch(token.reveal()):
            raise UsageError(
                "the access token is none",
                why="it is empty, too long, or holds spaces or characters that no token has",
                code="mattermost-token-shape",
            )
        self._url = address.geturl()
        self._is_open = address.scheme == "http" and not _is_here(address.hostname or "")
        base, sni, host = _led_to(address, connect_to or {})
        headers = {"Authorization": f"Bearer {token.reveal()}", "Accept": "application/json"}
        if host:
            headers["Host"] = host
        try:
            http = httpx.AsyncClient(
                verify=_context(ca_file),
                timeout=httpx.Timeout(REQUEST_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                headers=headers,
                follow_redirects=False,
            )
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise UsageError(
                "a proxy variable of the environment cannot be used",
                why=presentable(error, 200),
                code="proxy-variable",
            ) from error
        super().__init__(
            Api(http, base + _API, self._url, self._refused, sni),
            SourceAddress(kind=Place.REST, at=self._url),
            licence,
        )

    async def load(self) -> Loaded:
        """Read settings, licence, and what the server's environment holds.

        Raises:
            UnreachableError: the server cannot be reached, or something else answers.
            FailedError: it refuses the token, or lets its user see none of the settings.
            DeadlineError: it does not answer in time.
        """
        answer = await self._api.config()
        stored, hidden = read_served(answer)
        if {"mode", "server"} <= hidden:
            raise FailedError(
                f"the token's user may not see the push settings of {self._url}",
                why=f"the permission {_READ}{PERMISSIONS['send']} is missing",
                fix="Use the token of a system admin, or give the role that permission.",
                code="mattermost-permission",
            )
        remarks = [note_of("rest-http")] if self._is_open else []
        locked: dict[str, str] = {}
        if (held := await self._if_allowed("/config/environment")) is None:
            remarks.append(note_of("environment-unknown"))
        else:
            locked = _locked(held.body)
        licence = self._licence
        if (details := await self._if_allowed("/license/client?format=old")) is not None:
            licence = _licence(details.body)
        return Loaded(
            stored=stored,
            licence=licence,
            locked=locked,
            fingerprint=stored,
            version=answer.version,
            origin=Origin.SERVER,
            hidden=hidden,
            remarks=tuple(remarks),
        )

    async def _if_allowed(self, path: str) -> ApiAnswer | None:
        """Return an answer, or None where this server or token does not give it."""
        try:
            return await self._api.call("GET", path)
        except FailedError as error:
            if error.code in ("mattermost-unknown-path", "mattermost-permission"):
                return None
            raise

    def _refused(self, status: int, error_id: str, _message: str) -> MmpushError | None:
        if status == 401:
            return FailedError(
                f"{self._url} does not take the access token",
                why="it was revoked, has expired, is of another server, or tokens are switched "
                "off there (ServiceSettings.EnableUserAccessTokens)",
                code="mattermost-token",
            )
        if status == 403 and not error_id.startswith("ent.cluster"):
            return FailedError(
                f"the token's user has no right to that on {self._url}",
                why="it needs to be a system admin, or have a role with the permission for the "
                "Push Notification Server page",
                fix="Use the token of a system admin.",
                code="mattermost-permission",
            )
        return None


def _address(url: str) -> SplitResult:
    """Return an address without what callers like to append to it."""
    try:
        parts = urlsplit(url.strip())
        is_good = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
        httpx.URL(url.strip())
    except (ValueError, httpx.InvalidURL):
        is_good, parts = False, SplitResult("", "", "", "", "")
    if not is_good or "@" in parts.netloc or any(char.isspace() for char in url.strip()):
        raise UsageError(
            "the address of the Mattermost server is none",
            why="expected https://HOST or http://HOST:PORT, without a user name",
            code="mattermost-address",
        )
    path = parts.path.rstrip("/").removesuffix(_API)
    return parts._replace(path=path.rstrip("/"), query="", fragment="")


def _led_to(address: SplitResult, connect_to: Mapping[str, str]) -> tuple[str, str, str]:
    """Return where requests go, and the names for TLS and the Host header where they differ."""
    port = address.port or _PORTS[address.scheme]
    goes = connect_to.get(f"{address.hostname}:{port}")
    if goes is None:
        return address.geturl(), "", ""
    led = address._replace(netloc=goes).geturl()
    return led, address.hostname or "", address.netloc


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is None:
        return context
    try:
        context.load_verify_locations(cafile=str(ca_file))
    except OSError as error:
        is_content = isinstance(error, ssl.SSLError)
        raise ConfigError(
            f"{ca_file} cannot be used",
            why="it holds no certificate in PEM form" if is_content else error.strerror or "",
            code="mattermost-ca-file",
        ) from error
    return context


def _locked(held: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields that the server's environment holds, with the variables' names."""
    locked: dict[str, str] = {}
    for field in config_text.FIELDS.values():
        _, section, key = field.env.split("_", 2)
        inside = next((keys for name, keys in held.items() if name.upper() == section), None)
        if isinstance(inside, dict) and key in map(str.upper, inside):
            locked[field.name] = field.env
    return locked


def _licence(details: Mapping[str, Any]) -> Licence:
    def includes(name: str) -> bool:
        return all(str(details.get(key)) == "true" for key in ("IsLicensed", name))

    return Licence(hpns=includes("MHPNS"), id_loaded=includes("IDLoadedPushNotifications"))
