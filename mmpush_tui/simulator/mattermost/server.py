"""The part of Mattermost's API v4 that tells and changes its push settings, and tests a phone.

Paths, permissions, answers and error ids follow the server's ``channels/api4``; what a careful
client would never send is answered as the server would and noted as a violation.
"""

import hashlib
import random
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from mmpush_tui.protocol import gojson
from mmpush_tui.settings.urls import LEGACY_URLS, REGION_URLS
from mmpush_tui.simulator.mattermost.audit import API, BEARER, Audit
from mmpush_tui.simulator.mattermost.config import AppError, ConfigStore
from mmpush_tui.simulator.mattermost.faults import (
    LOGIN,
    RestFault,
    Trouble,
    Troubles,
    act,
    faulty_page,
)
from mmpush_tui.simulator.mattermost.http import BODY_LIMIT, Doors, Wire
from mmpush_tui.simulator.mattermost.poster import MattermostStandIn, PhoneSession, new_id
from mmpush_tui.simulator.mattermost.schema import (
    MANAGE_SYSTEM,
    client_config,
    client_license,
    major,
    may_any,
    nest,
)
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.net.exchange import FINDINGS_LIMIT, ServedRequest, ServedResponse
from mmpush_tui.simulator.net.lifecycle import Lifecycle
from mmpush_tui.simulator.net.loopback import LOOPBACK_NAMES, is_on_loopback

_NO_STORE: Final = ("cache-control", "no-cache, no-store, must-revalidate")
_UNRESTRICTED: Final = frozenset({MANAGE_SYSTEM})
_READ_LICENSE: Final = "read_license_information"
_HOSTED: Final = frozenset(REGION_URLS.values()) | frozenset(LEGACY_URLS)
_MESSAGES: Final = {
    "api.context.404.app_error": "Sorry, we could not find the page.",
    "api.context.invalid_body_param.app_error": "Invalid or missing config in request body.",
    "api.context.permissions.app_error": "You do not have the appropriate permissions.",
    "api.context.session_expired.app_error": "Invalid or expired session, please login again.",
    "api.restricted_system_admin": "This action is forbidden to a restricted system admin.",
    "ent.cluster.save_config.error": "System Console is set to read-only when High Availability "
    "is enabled unless ReadOnlyConfig is disabled in the configuration file.",
    "model.config.is_valid.max_notify_per_channel.app_error": "Invalid maximum notifications per "
    "channel for team settings. Must be a positive number.",
}

Permissions = frozenset[str]
Watch = Callable[[ServedRequest, ServedResponse | None, float], None]
"""Hears of a request, what it was answered, and when it came, by ``time.monotonic()``."""


class MattermostRest(Lifecycle):
    """A Mattermost server's API on loopback and, where asked for, its local mode on a socket.

    With ``device_id`` in ``GET /system/ping`` the server posts a test push and reports what came
    of it as ``CanReceiveNotifications``: ``true``, ``false`` after REMOVE or where pushes are
    off, ``unknown`` after everything else, and where the push proxy is not on loopback: nothing
    leaves this host.

    Args:
        mattermost: the push side of the server, which posts the test pushes to the push proxy of
            the settings; None for a server that can tell nothing of them.
        version: the server's version, ``11.5.0``.
        licensed: it has a licence.
        mhpns: the licence covers the hosted push service.
        id_loaded: the licence covers contents that phones fetch.
        environment: ``MM_…`` variables of its process.
        tokens: personal access tokens and the permission ids of whom they belong to;
            ``manage_system`` includes all others.
        config: what its configuration holds at the start, as in ``config.json``; None for that
            of a new installation.
        file: its ``config.json``, written at the start and at each save.
        socket_path: where local mode listens.
        ca: signs its certificate; None for plain HTTP.
        cluster_read_only: a cluster whose configuration only its file can change.
        restrict_system_admin: ExperimentalSettings.RestrictSystemAdmin.
        watch: called after each request.

    Raises:
        ValueError: the configuration is invalid, or a missing licence covers something.

    Attributes:
        url: its address; known once it has started.
        socket_path: where local mode listens, or None.
        requests: method and path of each request, at either door, the latest last.
        patches: the documents of ``PUT /config/patch``, whether or not they were accepted.
        troubles: the faults in force.
        streamed: bytes of endless bodies that clients have taken.
    """

    def __init__(
        self,
        mattermost: MattermostStandIn | None = None,
        *,
        version: str = "11.5.0",
        licensed: bool = False,
        mhpns: bool = False,
        id_loaded: bool = False,
        environment: Mapping[str, str] | None = None,
        tokens: Mapping[str, Collection[str]] | None = None,
        config: Mapping[str, Any] | None = None,
        file: Path | None = None,
        socket_path: Path | None = None,
        ca: ThrowAwayCA | None = None,
        cluster_read_only: bool = False,
        restrict_system_admin: bool = False,
        watch: Watch | None = None,
    ) -> None:
        forced: dict[str, Any] = {}
        if cluster_read_only:
            forced |= {"ClusterSettings.Enable": True, "ClusterSettings.ReadOnlyConfig": True}
        if restrict_system_admin:
            forced["ExperimentalSettings.RestrictSystemAdmin"] = True
        if socket_path is not None:
            forced["ServiceSettings.EnableLocalMode"] = True
            forced["ServiceSettings.LocalModeSocketLocation"] = str(socket_path)
        self._store = ConfigStore(version, config, environment or {}, file, forced)
        self._mattermost = mattermost
        self._version = version
        self._license = client_license(licensed=licensed, mhpns=mhpns, id_loaded=id_loaded)
        self._tokens = {token: frozenset(held) for token, held in (tokens or {}).items()}
        self._expired: set[str] = set()
        self._tls = ca.server_context(*LOOPBACK_NAMES, alpn=("http/1.1",)) if ca else None
        self._random = random.Random(version)  # noqa: S311 - made-up request ids
        self._audit = Audit(self._tokens)
        self._watch = watch
        self.failures: list[str] = []
        self._doors = Doors(self._serve, self.failures.append)
        self.url = ""
        self.socket_path = socket_path
        self.requests: list[tuple[str, str]] = []
        self.patches: list[Any] = []
        self.troubles = Troubles()
        self.streamed = 0

    @property
    def config(self) -> dict[str, Any]:
        """The configuration in effect, secrets included."""
        return nest(self._store.effective)

    @property
    def stored(self) -> dict[str, Any]:
        """The configuration as it is kept, without what the environment sets."""
        return nest(self._store.stored)

    @property
    def violations(self) -> list[str]:
        """What clients did that a careful one never does; tests assert none."""
        return self._audit.violations

    @property
    def fault(self) -> Trouble | None:
        """The fault in force; setting it ends all others. A bare ``RestFault`` takes defaults."""
        return self.troubles.first

    @fault.setter
    def fault(self, fault: RestFault | Trouble | None) -> None:
        self.troubles.clear()
        if fault is not None:
            self.troubles.add(Trouble(fault) if isinstance(fault, RestFault) else fault)

    async def start(self, port: int = 0) -> None:
        """Accept requests.

        Args:
            port: 0 for a free one.

        Raises:
            OSError: the port is taken, or the socket's place is by something else.
        """
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{await self._doors.listen(self._tls, port)}"
        if self.socket_path is not None:
            await self._doors.listen_locally(self.socket_path)

    async def aclose(self) -> None:
        """Drop all connections and end."""
        await self._doors.aclose()

    def expire_token(self, token: str) -> None:
        """Make ``token`` one that was valid once."""
        self._expired.add(token)

    async def _serve(self, request: ServedRequest, wire: Wire) -> None:
        path, started = request.path.partition("?")[0], time.monotonic()
        if len(self.requests) < FINDINGS_LIMIT:
            self.requests.append((request.method, path))
        with self._audit.of(request, path, wire):
            try:
                await self._respond(request, path, wire)
            finally:
                self.streamed += wire.streamed
                if self._watch is not None:
                    self._watch(request, wire.answer, started)

    async def _respond(self, request: ServedRequest, path: str, wire: Wire) -> None:
        # The login page is there for whoever was sent to it.
        trouble = None if path == LOGIN else self.troubles.take(path)

        async def honest() -> ServedResponse:
            try:
                return await self._answer(request, path, wire.is_local, trouble)
            except AppError as refused:
                return self._refusal(refused)

        if trouble is None:
            await wire.send(await honest())
            return
        elsewhere = self.url.replace("127.0.0.1", "localhost")
        try:
            await act(trouble, wire, honest, elsewhere)
        except AppError as refused:
            await wire.send(self._refusal(refused))

    async def _answer(
        self, request: ServedRequest, path: str, is_local: bool, trouble: Trouble | None
    ) -> ServedResponse:
        if not path.startswith("/api/") and request.method == "GET" and not is_local:
            # The web app answers wherever nothing else does.
            return faulty_page(200, "Mattermost")
        if not path.startswith(f"{API}/"):
            raise AppError(404, "api.context.404.app_error")
        hidden, skipped = _touched(trouble)
        match request.method, path.removeprefix(API):
            case "GET", "/system/ping":
                return await self._ping(request)
            case "GET", "/config/client":
                return self._client_config(request, self._session(request, is_local), is_local)
            case "GET", "/license/client" if not is_local:
                return self._client_license(request, self._session(request, is_local))
            case "GET", "/config":
                held = self._required(request, is_local)
                _demand(may_any(held, "read"))
                # Local mode shows secrets since version 11.
                masked = not is_local or major(self._version) < 11
                return self._json(self._store.view(held, masked=masked, hidden=hidden))
            case "PUT", "/config/patch":
                return self._patch(request, self._required(request, is_local), hidden, skipped)
            case "GET", "/config/environment" if not is_local:
                held = self._required(request, is_local)
                return self._json(self._store.environment(held, hidden))
            case "POST", "/config/reload":
                self._reload(self._required(request, is_local), is_local)
                return self._json({"status": "OK"})
            case _:
                raise AppError(404, "api.context.404.app_error")

    def _session(self, request: ServedRequest, is_local: bool) -> Permissions | None:
        """Return the permissions of whoever asks; None for nobody the server knows."""
        if is_local:
            return _UNRESTRICTED
        header = request.value("authorization") or ""
        token = header.removeprefix(BEARER)
        if not header.startswith(BEARER) or token in self._expired:
            return None
        return self._tokens.get(token)

    def _required(self, request: ServedRequest, is_local: bool) -> Permissions:
        held = self._session(request, is_local)
        if held is None and _query(request).get("access_token") in self._tokens:
            raise AppError(401, "api.context.token_provided.app_error")
        if held is None:
            raise AppError(401, "api.context.session_expired.app_error")
        return held

    async def _ping(self, request: ServedRequest) -> ServedResponse:
        answer = {"status": "OK"}
        if device_id := _query(request).get("device_id"):
            answer["CanReceiveNotifications"] = await self._test(device_id)
        return self._json(answer)

    async def _test(self, device_id: str) -> str:
        now = self._store.effective
        proxy = now["EmailSettings.PushNotificationServer"]
        is_hosted = proxy in _HOSTED
        if not now["EmailSettings.SendPushNotifications"]:
            return "false"
        if is_hosted and self._license.get("MHPNS") != "true":
            return "false"
        if self._mattermost is None or not is_on_loopback(proxy):
            return "unknown"
        self._mattermost.turn_to(proxy)
        session = PhoneSession(device_id)
        test = self._mattermost.compose(session, type="test", version="2", badge=-1)
        result = await self._mattermost.post(session, test)
        return {"ok": "true", "removed": "false"}.get(result, "unknown")

    def _client_config(
        self, request: ServedRequest, held: Permissions | None, is_local: bool
    ) -> ServedResponse:
        match _query(request).get("format"):
            case None | "":
                raise AppError(501, "api.config.client.old_format.app_error")
            case "old":
                # Local mode has no user, and without one the map is the limited one.
                is_limited = held is None or is_local
                now = self._store.effective
                return self._json(client_config(now, self._version, is_limited=is_limited))
            case _:
                raise AppError(400, "api.context.invalid_body_param.app_error")

    def _client_license(self, request: ServedRequest, held: Permissions | None) -> ServedResponse:
        match _query(request).get("format"):
            case None | "":
                raise AppError(501, "api.license.client.old_format.app_error")
            case "old":
                licence = self._license
            case _:
                raise AppError(400, "api.context.invalid_body_param.app_error")
        if not held or not held & {MANAGE_SYSTEM, _READ_LICENSE}:
            licence = {name: value for name, value in licence.items() if name != "SkuShortName"}
        return self._json(licence)

    def _patch(
        self,
        request: ServedRequest,
        held: Permissions,
        hidden: frozenset[str],
        skipped: frozenset[str],
    ) -> ServedResponse:
        if request.size > BODY_LIMIT:
            raise AppError(413, "api.context.request_body_too_large.app_error")
        document = self._audit.document(request.body)
        if len(self.patches) < FINDINGS_LIMIT:
            self.patches.append(document)
        change = self._audit.change(document, self._store)
        # In the server's order: the body is read before anybody asks for permissions.
        _demand(may_any(held, "write"))
        self._store.patch(change, held, hidden | skipped)
        return self._json(self._store.view(held, masked=True, hidden=hidden))

    def _reload(self, held: Permissions, is_local: bool) -> None:
        _demand(bool(held & {MANAGE_SYSTEM, "reload_config"}))
        if self._store.effective["ExperimentalSettings.RestrictSystemAdmin"] and not is_local:
            raise AppError(400, "api.restricted_system_admin")
        self._store.reload()

    def _json(self, document: object) -> ServedResponse:
        # Go's encoder ends a document with a newline.
        body = gojson.encode(document) + b"\n"
        return ServedResponse(status=200, headers=self._headers(), data=(body,))

    def _refusal(self, refused: AppError) -> ServedResponse:
        headers = self._headers()
        document = {
            "id": refused.id,
            "message": _MESSAGES.get(refused.id, "Something went wrong."),
            # Only a developer's server tells more.
            "detailed_error": "",
            "request_id": dict(headers)["x-request-id"],
            "status_code": refused.status,
        }
        body = msgspec.json.encode(document)
        return ServedResponse(status=refused.status, headers=headers, data=(body,))

    def _headers(self) -> tuple[tuple[str, str], ...]:
        client = client_config(self._store.effective, self._version)
        # What the server calls the hash of its client configuration.
        digest = hashlib.md5(msgspec.json.encode(client), usedforsecurity=False).hexdigest()
        licensed = self._license["IsLicensed"]
        return (
            ("content-type", "application/json"),
            _NO_STORE,
            ("x-request-id", new_id(self._random)),
            ("x-version-id", f"{self._version}.{self._version}.{digest}.{licensed}"),
        )


def _demand(is_allowed: bool) -> None:
    if not is_allowed:
        raise AppError(403, "api.context.permissions.app_error")


def _query(request: ServedRequest) -> dict[str, str]:
    # The first of several counts, as for Go.
    return dict(reversed(parse_qsl(request.path.partition("?")[2])))


def _touched(trouble: Trouble | None) -> tuple[frozenset[str], frozenset[str]]:
    """Return the keys that the server does not know, and those that a patch skips."""
    nothing: frozenset[str] = frozenset()
    if trouble is None:
        return nothing, nothing
    return (
        trouble.keys if trouble.fault is RestFault.OLDER_SERVER else nothing,
        trouble.keys if trouble.fault is RestFault.SKIPS else nothing,
    )
