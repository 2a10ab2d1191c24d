"""One target's way on the wire, gone step by step: the same steps as the worker's own."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from aiohappyeyeballs import AddrInfoType

from mmpush_tui.checks import apps, certificate, http1
from mmpush_tui.checks.findings import Finding, passed
from mmpush_tui.checks.report import Stage, Status
from mmpush_tui.checks.target import Kind, TargetPlan
from mmpush_tui.checks.words import failed
from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.channel import Channel
from mmpush_tui.http2.connect import (
    Endpoint,
    Lookup,
    Route,
    client_context,
    open_tcp,
    resolve,
    start_tls,
)
from mmpush_tui.http2.connection import Connection
from mmpush_tui.http2.errors import ConnectError, TransportError
from mmpush_tui.http2.opening import open_over
from mmpush_tui.proxy.config import NetworkSettings
from mmpush_tui.tasks import beside
from mmpush_tui.text import clean

_CLOSE_S: Final = 0.2
_ENOUGH_S: Final = 60.0
"""Where whoever calls has a shorter limit of its own."""


class Way:
    """The way to one target, as far as it has been gone; made by :meth:`prepare`.

    Each step is named after its stage, begins where the one before it ended, and returns what
    it found. A failure is raised as the ``TransportError`` that the worker would see.
    """

    def __init__(self, plan: TargetPlan, route: Route) -> None:
        self.plan = plan
        self.route = route
        self._addresses: Sequence[AddrInfoType] = ()
        self._sock: socket.socket | None = None
        self._channel: Channel | None = None
        self._connection: Connection | None = None

    @classmethod
    async def prepare(cls, plan: TargetPlan, network: NetworkSettings, lookup: Lookup) -> "Way":
        """Read the certificates that the target is verified with.

        Raises:
            ConfigError: a CA file cannot be used.
        """
        tls = unverified()
        if plan.is_tls:
            tls = await beside("roots", client_context, network.ca_file, plan.ca_file)
            tls.set_alpn_protocols(_offered(plan))
        route = Route(Endpoint(plan.host, plan.port), tls, network.connect_to, lookup)
        return cls(plan, route)

    async def step(self, stage: Stage) -> Finding:
        """Go the step of ``stage``.

        Raises:
            TransportError: it failed.
        """
        match stage:
            case Stage.DNS:
                return await self._dns()
            case Stage.TCP:
                return await self._tcp()
            case Stage.TLS:
                return await self._tls()
            case Stage.ALPN:
                return self._alpn()
            case Stage.HTTP2:
                return await self._http2()
            case Stage.APP:
                return await self._app()
            case _:
                raise AssertionError(f"{stage} is no step on the wire")

    @property
    def is_http2(self) -> bool:
        """Whether HTTP/2 was agreed on; known after TLS."""
        return self.plan.is_http2 and self._chosen() == "h2"

    async def fresh(self, *, tls: ssl.SSLContext | None) -> Channel:
        """Open another stream to where this one leads, in clear text without ``tls``.

        Raises:
            TransportError: there is none.
        """
        sock = await open_tcp(self.route, self._addresses)
        if tls is None:
            return await _plain(sock)
        return await start_tls(replace(self.route, tls=tls), sock)

    async def aclose(self) -> None:
        """Close what is open, politely as far as that is quick."""
        if self._connection is not None:
            await self._connection.aclose()
        elif self._channel is not None:
            await hang_up(self._channel)
        elif self._sock is not None:
            self._sock.close()

    def drop(self) -> None:
        """Let go of everything at once, because nobody waits any more."""
        if self._channel is not None:
            self._channel.abort()
        if self._sock is not None:
            self._sock.close()

    async def _dns(self) -> Finding:
        host, port = self.route.address
        self._addresses = await resolve(self.route)
        found = list(dict.fromkeys(str(address[4][0]) for address in self._addresses))
        seen = {"name": host, "addresses": found}
        if self.route.address != (self.route.endpoint.host, self.route.endpoint.port):
            return passed(f"connect_to leads to {Endpoint(host, port)}", **seen)
        if _is_literal(host):
            return passed(f"{host} is an address already", **seen)
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        return passed(f"{found[0] if found else 'nothing'}{more}", **seen)

    async def _tcp(self) -> Finding:
        self._sock = sock = await open_tcp(self.route, self._addresses)
        host, port = sock.getpeername()[:2]
        if not self.plan.is_tls:
            self._channel, self._sock = await _plain(sock), None
        peer = Endpoint(str(host), port)
        return passed(f"connected to {peer}", peer=str(peer))

    async def _tls(self) -> Finding:
        sock, self._sock = self._sock, None
        assert sock is not None  # noqa: S101 - the step before, for the type checker
        try:
            self._channel = await start_tls(self.route, sock)
        except ConnectError as error:
            if error.stage != "alpn":
                raise
            # Refused for want of HTTP/2 before a certificate was shown: offer more, to see it.
            self.route.tls.set_alpn_protocols(["h2", "http/1.1"])
            self._channel = await self.fresh(tls=self.route.tls)
        return self._certified()

    def _certified(self) -> Finding:
        assert self._channel is not None  # noqa: S101 - the step before, for the type checker
        tls = self._channel.tls
        der = tls.getpeercert(binary_form=True) or b""
        seen = {"version": tls.version(), **certificate.facts(der, datetime.now(UTC))}
        days = seen.get("days_left")
        subject = clean(seen.get("subject", ""), 60)
        said = f'{seen["version"]}, certificate of "{subject}" by "{_issuer(seen)}"'
        if days is None or days >= certificate.WARN_BELOW_DAYS:
            return passed(f"{said}, {days} days left", **seen)
        until = str(seen["not_after"])[:10]
        return failed(
            self.plan,
            "tls_expiring",
            f"{said} expires in {days} days",
            seen,
            status=Status.WARN,
            until=until,
        )

    def _alpn(self) -> Finding:
        chosen = self._chosen()
        seen = {"offered": _offered(self.plan), "chosen": chosen}
        if chosen == "h2":
            return passed("h2 was chosen", **seen)
        if not self.plan.needs_http2:
            return passed("HTTP/1.1, which will do here", **seen)
        said = f"chose {chosen}" if chosen else "chose nothing"
        said = f"{self.route.endpoint} does not offer HTTP/2 (ALPN h2), it {said}"
        return failed(self.plan, "alpn_missing", said, seen)

    async def _http2(self) -> Finding:
        assert self._channel is not None  # noqa: S101 - the step before, for the type checker
        self._connection = await open_over(self.route, self._channel, _ENOUGH_S)
        settings = self._connection.peer_settings
        streams = settings.get("max_concurrent_streams")
        limit = "any number" if streams is None else f"up to {streams}"
        return passed(f"SETTINGS came, {limit} at once", settings=settings)

    async def _app(self) -> Finding:
        finding = apps.judge(self.plan, await self._ask(apps.request(self.plan)))
        is_redirect = finding.code == "app_redirect"
        if self.plan.kind is not Kind.PUSH_PROXY or finding.status is Status.PASS or is_redirect:
            return finding
        # Not every push proxy has /version: its front page is the second thing to go by.
        with contextlib.suppress(TransportError):
            channel = await self.fresh(tls=self.route.tls if self.plan.is_tls else None)
            response = await self._over(channel, apps.front_page(self.plan))
            return apps.judge_front_page(self.plan, finding, response)
        return finding

    async def _ask(self, request: Request) -> Response:
        if self._connection is not None:
            return await self._connection.request(request, _ENOUGH_S)
        assert self._channel is not None  # noqa: S101 - the step before, for the type checker
        channel, self._channel = self._channel, None
        return await self._over(channel, request)

    async def _over(self, channel: Channel, request: Request) -> Response:
        # Kept until the end, because a writer that is forgotten complains.
        halves = channel.streams()
        try:
            return await http1.ask(halves, request, apps.authority(self.plan))
        finally:
            channel.abort()

    def _chosen(self) -> str:
        if not self.plan.is_tls or self._channel is None:
            return ""
        return self._channel.tls.selected_alpn_protocol() or ""


async def hang_up(channel: Channel) -> None:
    """Close a stream; a peer that does not say goodbye in its turn is dropped soon."""
    channel.close()
    await channel.wait_closed(_CLOSE_S)
    channel.abort()


async def _plain(sock: socket.socket) -> Channel:
    _, channel = await asyncio.get_running_loop().create_connection(Channel, sock=sock)
    return channel


def unverified() -> ssl.SSLContext:
    """Return a TLS context that believes everybody.

    For looking at what a server shows that was refused before: nothing is sent over it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def evidence(channel: Channel) -> dict[str, Any]:
    """Return the facts of the certificate that a server shows."""
    return certificate.facts(channel.tls.getpeercert(binary_form=True) or b"", datetime.now(UTC))


def _issuer(seen: dict[str, Any]) -> str:
    return clean(seen.get("issuer", ""), 60)


def _offered(plan: TargetPlan) -> list[str]:
    if not plan.is_http2:
        return ["http/1.1"]
    return ["h2"] if plan.needs_http2 else ["h2", "http/1.1"]


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
