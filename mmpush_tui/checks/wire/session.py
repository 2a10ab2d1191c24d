"""One target's way on the wire, gone step by step: the same steps as the worker's own."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec
from aiohappyeyeballs import AddrInfoType

from mmpush_tui.checks.model.failures import finding_at
from mmpush_tui.checks.model.report import Stage
from mmpush_tui.checks.model.target import WORKER, TargetKind, TargetPlan, Whose, literal
from mmpush_tui.checks.wire import addresses as names
from mmpush_tui.checks.wire import chain, clock, http1, trust
from mmpush_tui.checks.wire import requests as apps
from mmpush_tui.checks.wire.dialer import Dialer
from mmpush_tui.configuration.config import NetworkSettings
from mmpush_tui.findings import Finding, Severity, passed
from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.channel import Channel
from mmpush_tui.http2.connect import (
    Endpoint,
    Lookup,
    Route,
    client_context,
    resolve,
    start_tls,
    through_proxy,
)
from mmpush_tui.http2.connection import Connection
from mmpush_tui.http2.errors import ConnectError, TransportError
from mmpush_tui.http2.opening import open_over
from mmpush_tui.tasks import beside

_CLOSE_S: Final = 0.2
_PING_S: Final = 1.0
_ENOUGH_S: Final = 60.0
"""Where whoever calls has a shorter limit of its own."""


class ProbeSession:
    """The way to one target, as far as it has been gone; made by :meth:`prepare`.

    Each step is named after its stage, begins where the one before it ended, and returns what
    it found. A failure is raised as the ``TransportError`` that the worker would see.
    """

    def __init__(self, plan: TargetPlan, network: NetworkSettings, route: Route) -> None:
        self.plan = plan
        self.network = network
        self.route = route
        self.reach: Dialer | None = None
        self.is_private = bool(network.ca_file or plan.ca_file) or self.is_led
        """Authorities of their own were named for it, or another address."""
        self.ping_s = _PING_S
        """Seconds that the answer to a PING is waited for."""
        self._addresses: Sequence[AddrInfoType] = ()
        self._sock: socket.socket | None = None
        self._channel: Channel | None = None
        self._connection: Connection | None = None

    @classmethod
    async def prepare(
        cls, plan: TargetPlan, network: NetworkSettings, lookup: Lookup
    ) -> "ProbeSession":
        """Read the certificates that the target is verified with.

        Raises:
            ConfigError: a CA file cannot be used.
        """
        tls = unverified()
        if plan.is_tls:
            tls = await beside("roots", client_context, network.ca_file, plan.ca_file)
            tls.set_alpn_protocols(_offered(plan))
            # Its certificate is for the name that Mattermost asks for, not for where it listens.
            tls.check_hostname = plan.target != WORKER
            await beside("public-roots", chain.load_public_roots)
        endpoint = Endpoint(plan.host, plan.port)
        return cls(plan, network, Route(endpoint, tls, network.connect_to, lookup, plan.proxy))

    async def step(self, stage: Stage) -> Finding:
        """Go the step of ``stage``.

        Raises:
            TransportError: it failed.
        """
        steps = {
            Stage.DNS: self._dns,
            Stage.TCP: self._tcp,
            Stage.PROXY: self._through_proxy,
            Stage.TLS: self._tls,
            Stage.ALPN: self._alpn,
            Stage.HTTP2: self._http2,
            Stage.APP: self._app,
        }
        return await steps[stage]()

    @property
    def is_led(self) -> bool:
        """Whether ``connect_to`` leads elsewhere."""
        return self.route.address != (self.route.endpoint.host, self.route.endpoint.port)

    @property
    def is_http2(self) -> bool:
        """Whether HTTP/2 was agreed on; known after TLS."""
        return self.plan.is_http2 and self._chosen() == "h2"

    async def fresh(self, *, tls: ssl.SSLContext | None, name: str = "") -> Channel:
        """Open another stream to where this one leads, in clear text without ``tls``.

        Args:
            tls: how the peer is verified.
            name: the name to ask for in TLS, instead of the target's own.

        Raises:
            TransportError: there is none.
        """
        is_tunnel = self.plan.is_tls or tls is not None
        sock = await self.tunnelled() if is_tunnel else await self._dialled()
        if tls is None:
            return await _plain(sock)
        return await start_tls(replace(self.route, tls=tls), sock, name)

    async def tunnelled(self) -> socket.socket:
        """Return another socket to where this way leads, through its proxy.

        Raises:
            TransportError: there is none.
        """
        sock = await self._dialled()
        if self.route.proxy is not None:
            await through_proxy(self.route, self.route.proxy, sock)
        return sock

    async def _dialled(self) -> socket.socket:
        return await Dialer(self._addresses, self.plan.source, self._peer).run()

    async def another(self, tls: ssl.SSLContext) -> Connection:
        """Return an HTTP/2 connection of its own to where this way leads; ``tls`` verifies it.

        Raises:
            TransportError: there is none.
        """
        channel = await self.fresh(tls=tls)
        return await open_over(self.route, channel, _ENOUGH_S)

    @property
    def _peer(self) -> str:
        """Whom the TCP connection goes to, for messages."""
        to = str(Endpoint(*self.route.first_hop))
        return f"the proxy {to}" if self.route.proxy else to

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
        host, port = self.route.first_hop
        self._addresses = await resolve(self.route)
        addresses = list(dict.fromkeys(str(address[4][0]) for address in self._addresses))
        evidence = {"name": host, "addresses": addresses}
        more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
        message = f"{addresses[0] if addresses else 'nothing'}{more}"
        if self.route.proxy is not None:
            return passed(f"the proxy {host}: {message}", **evidence)
        if self.is_led:
            return passed(f"connect_to leads to {Endpoint(host, port)}", **evidence)
        if literal(host) is not None:
            return passed(f"{host} is an address already", **evidence)
        is_outside = self.plan.whose in (Whose.VENDOR, Whose.HOSTED)
        if is_outside and (flaw := names.odd(host, addresses)) is not None:
            code, clause = flaw
            return finding_at(self.plan, code, clause, evidence, severity=Severity.WARN)
        return passed(message, **evidence)

    async def _tcp(self) -> Finding:
        self.reach = Dialer(self._addresses, self.plan.source, self._peer)
        self._sock = sock = await self.reach.run()
        if not self.plan.is_tls:
            self._channel, self._sock = await _plain(sock), None
        peer = Endpoint(self.reach.connected_to, self.route.first_hop[1])
        evidence = {"peer": str(peer), **self.reach.evidence()}
        if family := self.reach.dead_family():
            message = f"connected to {peer}, and none of the {family} addresses answers"
            return finding_at(
                self.plan, "tcp_family_dead", message, evidence, severity=Severity.WARN,
                family=family, other_family="IPv4" if family == "IPv6" else "IPv6",
            )  # fmt: skip
        if silent := self.reach.dead():
            message = f"connected to {peer}; {silent[0].address} {silent[0].ended}"
            return passed(message, **evidence)
        source = f" from {sock.getsockname()[0]}" if self.plan.source else ""
        return passed(f"connected to {peer}{source}", **evidence)

    async def _through_proxy(self) -> Finding:
        proxy = self.route.proxy
        assert proxy is not None  # noqa: S101 - the stage is there for a proxy only
        evidence = {"proxy": str(proxy), "named_by": proxy.source, "is_authorized": bool(
            proxy.authorization
        )}  # fmt: skip
        if not self.plan.is_tls:
            return passed(f"requests go through {proxy}, named by {proxy.source}", **evidence)
        sock, self._sock = self._sock, None
        assert sock is not None  # noqa: S101 - the step before, for the type checker
        await through_proxy(self.route, proxy, sock)
        self._sock = sock
        to = Endpoint(*self.route.address)
        return passed(f"CONNECT {to} through {proxy}, named by {proxy.source}", **evidence)

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
        return trust.judge_certificate(self.plan, self._channel, is_private=self.is_private)

    async def _alpn(self) -> Finding:
        chosen = self._chosen()
        evidence = {"offered": _offered(self.plan), "chosen": chosen}
        if chosen == "h2":
            return passed("h2 was chosen", **evidence)
        if not self.plan.needs_http2:
            return passed("HTTP/1.1, which will do here", **evidence)
        message = f"chose {chosen}" if chosen else "chose nothing"
        message = f"{self.route.endpoint} does not offer HTTP/2 (ALPN h2), it {message}"
        return finding_at(self.plan, "alpn_missing", message, evidence)

    async def _http2(self) -> Finding:
        assert self._channel is not None  # noqa: S101 - the step before, for the type checker
        self._connection = await open_over(self.route, self._channel, _ENOUGH_S)
        settings = self._connection.peer_settings
        streams = settings.get("max_concurrent_streams")
        limit = "any number" if streams is None else f"up to {streams}"
        message = f"SETTINGS came, {limit} at once"
        try:
            async with asyncio.timeout(min(_PING_S, self.ping_s)):
                ping_ms = round(await self._connection.ping() * 1000, 1)
        except TimeoutError:
            return passed(f"{message}; a PING got no answer", settings=settings, ping_ms="none")
        return passed(message, settings=settings, ping_ms=ping_ms)

    async def _app(self) -> Finding:
        response = await self._ask(apps.request(self.plan))
        finding = apps.judge_answer(self.plan, response)
        ahead = clock.skew(response.header("date"), time.time())
        if ahead is not None:
            finding = msgspec.structs.replace(
                finding, evidence={**finding.evidence, clock.SKEW: ahead}
            )
        if self.plan.kind is not TargetKind.PUSH_PROXY or finding.code == "app_redirect":
            return finding
        if finding.severity is Severity.PASS:
            if self.plan.whose is not Whose.OWN:
                return finding
            # One's own is asked to refuse a push that is for nobody.
            answer = await self._once_more(apps.provocation(self.plan))
            return apps.judge_provocation(self.plan, finding, answer)
        # Not every push proxy has /version: its front page is the second thing to go by.
        with contextlib.suppress(TransportError):
            page = await self._once_more(apps.front_page(self.plan))
            return apps.judge_front_page(self.plan, finding, page)
        return finding

    async def _once_more(self, request: Request) -> Response:
        channel = await self.fresh(tls=self.route.tls if self.plan.is_tls else None)
        return await self._over(channel, request)

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
            return await http1.ask_over_http1(
                halves, self._proxied(request), apps.authority(self.plan)
            )
        finally:
            channel.abort()

    def _proxied(self, request: Request) -> Request:
        """Return a request in clear text as its proxy wants it (RFC 9112, 3.2.2)."""
        proxy = self.route.proxy
        if proxy is None or self.plan.is_tls:
            return request
        headers = request.headers
        if proxy.authorization:
            headers = (*headers, ("proxy-authorization", proxy.authorization.reveal()))
        path = f"http://{apps.authority(self.plan)}{request.path}"
        return Request(request.method, path, headers, request.body)

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


def _offered(plan: TargetPlan) -> list[str]:
    if not plan.is_http2:
        return ["http/1.1"]
    return ["h2"] if plan.needs_http2 else ["h2", "http/1.1"]
