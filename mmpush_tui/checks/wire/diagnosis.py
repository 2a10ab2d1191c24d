"""What a failed step means: the error that the worker would see, and a second look where it helps.

A second look is another connection that finds out what is there instead. Nothing but a request
for a public page is ever sent over one.
"""

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from cryptography import x509

from mmpush_tui.checks.model.failures import finding_at
from mmpush_tui.checks.model.report import Stage
from mmpush_tui.checks.model.target import TargetKind, TargetPlan, Whose
from mmpush_tui.checks.wire import alerts, chain
from mmpush_tui.checks.wire import requests as apps
from mmpush_tui.checks.wire.dialer import Dialer
from mmpush_tui.checks.wire.session import ProbeSession, hang_up, unverified
from mmpush_tui.checks.wire.trust import tls_evidence
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.http2.connect import Endpoint, in_seconds, resolve, through_proxy
from mmpush_tui.http2.errors import TransportError
from mmpush_tui.http2.outbound import OutboundProxy
from mmpush_tui.tasks import beside
from mmpush_tui.troubleshooting.wording import codes

OTHER_PORT: Final[Mapping[int, int]] = {8066: 8086, 8086: 8066}
"""The two ports that push proxies have: that of the reference sample, and ours."""
_TIMEOUT: Final[Mapping[Stage, str]] = {
    Stage.DNS: "dns_timeout",
    Stage.TCP: "tcp_timeout",
    Stage.TLS: "tls_timeout",
    Stage.ALPN: "alpn_timeout",
    Stage.HTTP2: "http2_no_settings",
    Stage.APP: "timeout",
    Stage.CREDENTIAL: "timeout",
}
# OpenSSL's X509_V_ERR numbers.
_VERIFY: Final[Mapping[int, str]] = {
    9: "tls_not_yet_valid",
    10: "tls_expired",
    18: "tls_self_signed",
    62: "tls_wrong_name",
    64: "tls_wrong_name",
}

_APPLE_OTHER_PORT: Final = 2197
"""Apple's push service is there, too (Apple, "Sending notification requests to APNs")."""
APPLE_PORTS: Final[Mapping[int, int]] = {443: _APPLE_OTHER_PORT, _APPLE_OTHER_PORT: 443}
_WEB: Final[Mapping[int, int]] = {443: 80, 80: 443}
_AFTER_TLS: Final = (Stage.ALPN, Stage.HTTP2, Stage.APP)
_ANOTHER_NAME: Final = "www.example.com"
_Result = TypeVar("_Result")


class Diagnosis:
    """Looks again where a step of one way failed.

    Args:
        session: the way, gone as far as the step that failed.
        within_s: returns the seconds that a second look may take from now on: there are several,
            and the whole run has an end.
    """

    def __init__(self, session: ProbeSession, within_s: Callable[[], float]) -> None:
        self._session = session
        self._plan = session.plan
        self._within_s = within_s

    async def diagnose(self, stage: Stage, error: TransportError) -> Finding:
        """Return what ``error`` means, which ended the step of ``stage``."""
        cause = error.__cause__
        if self._plan.proxy is not None and stage in (Stage.DNS, Stage.TCP, Stage.PROXY):
            return await self._proxy_failed(stage, error.code, str(error))
        match error.code:
            case "tcp_refused" if self._plan.port in OTHER_PORT and self._plan.whose is Whose.OWN:
                finding = await self._in_time(self._look_at_other_port)
            case "tls_untrusted" if isinstance(cause, ssl.SSLCertVerificationError):
                return await self._untrusted(error, cause)
            case "tls_failed" | "tls_closed" if stage is Stage.TLS:
                finding = await self._no_tls(error)
            case "closed" | "not_http" if stage is Stage.APP and not self._plan.is_tls:
                finding = await self._in_time(self._look_for_tls)
            case "closed" | "connection_lost" if self._plan.is_tls and stage in _AFTER_TLS:
                finding = await self._in_time(self._look_for_alert)
            case _ if stage is Stage.TCP:
                finding = await self._no_tcp(str(error))
            # At a credential: a moment ago, and without the certificate, all of this way stood.
            case _ if alerts.wants_certificate(error) or (
                stage is Stage.CREDENTIAL and self._plan.has_client_certificate
            ):
                finding = finding_at(self._plan, "tls_client_certificate", alerts.tls_words(error))
            case _:
                finding = None
        code = error.code if error.code in codes() else "closed"
        return finding or await self._unexplained(stage, code, str(error))

    async def _unexplained(self, stage: Stage, code: str, message: str) -> Finding:
        """Return the finding of a step that no second look has anything to say about."""
        name = self._session.route.address[0]
        why = await self._blocked_alone() if stage is Stage.TCP else ()
        return finding_at(self._plan, code, message, self._evidence(stage), why=why, lookup=name)

    async def _blocked_alone(self) -> tuple[str, ...]:
        """Return that the other port of the web is open, where it is."""
        other = _WEB.get(self._plan.port)
        is_hosted = self._plan.whose is Whose.HOSTED and self._plan.proxy is None
        if other is None or not is_hosted or not await self._is_open(self._plan.host, other):
            return ()
        return (f"port {other} of {self._plan.host} takes connections: {self._plan.port} alone is "
                "blocked",)  # fmt: skip

    def _evidence(self, stage: Stage) -> dict[str, object]:
        if stage is Stage.DNS:
            return {"name": self._session.route.first_hop[0]}
        if stage is Stage.TCP and self._session.reach is not None:
            return self._session.reach.evidence()
        return {}

    async def late(self, stage: Stage, after_s: float) -> Finding:
        """Return what it means that the step of ``stage`` got no answer within its own time."""
        if self._plan.proxy is not None and stage in (Stage.DNS, Stage.TCP, Stage.PROXY):
            message = f"the proxy {self._plan.proxy} did not answer ({stage}) within "
            return await self._proxy_failed(stage, "proxy_timeout", message + in_seconds(after_s))
        reach = self._session.reach if stage is Stage.TCP else None
        if reach is not None and (answered := reach.failure()).code != "tcp_timeout":
            return await self.diagnose(stage, answered)
        finding = None
        message = f"{self._plan.address} did not answer ({stage}) within {in_seconds(after_s)}"
        match stage:
            case Stage.DNS:
                message = f"no name server answered within {in_seconds(after_s)}"
            case Stage.HTTP2:
                message = (
                    f"{self._plan.address} sent no HTTP/2 SETTINGS within {in_seconds(after_s)}"
                )
            case Stage.TCP:
                finding = await self._no_tcp(message)
            case Stage.TLS:
                finding = await self._in_time(self._look_for_http)
            case _:
                pass
        return finding or await self._unexplained(stage, _TIMEOUT[stage], message)

    async def reconsider(self, finding: Finding) -> Finding:
        """Return ``finding`` about an answer, or what a second look makes of it."""
        # What speaks TLS alone says so with a 400 in clear text, if at all.
        if not self._plan.is_tls and finding.evidence.get("http_status") == 400:
            return await self._in_time(self._look_for_tls) or finding
        return finding

    async def _untrusted(
        self, error: TransportError, cause: ssl.SSLCertVerificationError
    ) -> Finding:
        evidence, links = await self._in_time(self._look_at_tls) or ({}, [])
        why: tuple[str, ...] = ()
        code = _VERIFY.get(cause.verify_code, "tls_untrusted")
        if code in ("tls_untrusted", "tls_self_signed") and links:
            code = untrusted(self._plan, links, code)
        issuer = str(evidence.get("issuer", ""))
        if issuer:
            why = (f'it is signed by "{issuer}"',)
        names = evidence.get("names")
        if code == "tls_wrong_name" and isinstance(names, list) and names:
            why = (f"it is for {', '.join(names)}", *why)
        if code in ("tls_expired", "tls_not_yet_valid") and "not_after" in evidence:
            why = (f"it is valid from {evidence['not_before']} to {evidence['not_after']}", *why)
        issuer = issuer or "somebody"
        return finding_at(self._plan, code, str(error), evidence, why=why, issuer=issuer)

    async def _look_at_tls(
        self, tls: ssl.SSLContext | None = None, name: str = ""
    ) -> tuple[dict[str, Any], list[x509.Certificate]]:
        """Return what the peer shows in TLS, and its chain, to whoever believes everybody.

        Args:
            tls: what else it is offered.
            name: as in ``ProbeSession.fresh``.
        """
        channel = await self._session.fresh(tls=tls or unverified(), name=name)
        try:
            return tls_evidence(channel), chain.sent(channel.tls)
        finally:
            await hang_up(channel)

    async def _no_tls(self, error: TransportError) -> Finding | None:
        """Look for what answers instead of TLS, or for the reason why TLS is broken off."""
        if finding := await self._in_time(self._look_for_http):
            return finding
        if alerts.wants_certificate(error):
            return finding_at(self._plan, "tls_client_certificate", alerts.tls_words(error))
        if finding := await self._in_time(self._look_for_old_tls):
            return finding
        if self._plan.whose in (Whose.VENDOR, Whose.HOSTED) and error.code == "tls_closed":
            return await self._in_time(self._look_with_another_name)
        return None

    async def _look_for_old_tls(self) -> Finding | None:
        context = unverified()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            # That it is old is the point.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        evidence, _ = await self._look_at_tls(context)
        version = str(evidence["version"])
        message = f"{self._plan.address} offers {version} and nothing newer"
        return finding_at(self._plan, "tls_old_version", message, evidence, version=version)

    async def _look_for_alert(self) -> Finding | None:
        """Look whether the peer hung up because of our certificate.

        In TLS 1.3 it says so after the handshake, and asyncio keeps that to itself.
        """
        sock = await self._session.tunnelled()
        sock.settimeout(max(self._within_s() / 2, 0.1))
        words = await beside("alert", alerts.heard, sock, self._session.route.endpoint.host)
        if not alerts.about_certificate(words):
            return None
        return finding_at(self._plan, "tls_client_certificate", f"TLS was ended: {words}")

    async def _look_with_another_name(self) -> Finding | None:
        evidence, _ = await self._look_at_tls(name=_ANOTHER_NAME)
        message = f"TLS is broken off for the name {self._plan.host}, and stands for another one"
        return finding_at(self._plan, "tls_sni_filtered", message, evidence)

    async def _no_tcp(self, message: str) -> Finding | None:
        """Look for another way there: another port, or a proxy that somebody half set."""
        evidence = self._evidence(Stage.TCP)
        if self._plan.kind is TargetKind.APNS and self._plan.whose is Whose.VENDOR:
            other = APPLE_PORTS.get(self._plan.port)
            if other and await self._is_open(self._plan.host, other):
                why = (f"port {other} of {self._plan.host} takes connections",)
                return finding_at(
                    self._plan, "tcp_port_policy", message, evidence, why=why, other=str(other),
                    other_url=f"https://{self._plan.host}:{other}",
                )  # fmt: skip
        spare = self._plan.spare_proxy
        if spare is not None and await self._in_time(lambda: self._tunnels(spare)):
            why = (f"through {spare}, which {spare.source} names, it can be reached",)
            return finding_at(
                self._plan, "proxy_half_set", message, evidence, why=why, variable=spare.source,
                wanted=("HTTPS_PROXY" if self._plan.is_tls else "HTTP_PROXY"),
            )  # fmt: skip
        return None

    async def _proxy_failed(self, stage: Stage, code: str, message: str) -> Finding:
        """Return what a failure before the tunnel stood means, and whether it works without."""
        proxy = self._plan.proxy
        assert proxy is not None  # noqa: S101 - whoever calls has asked
        if stage in (Stage.DNS, Stage.TCP):
            code = f"proxy_{stage}"
        host, port = self._session.route.address
        is_ours = self._plan.kind is TargetKind.APNS and port == _APPLE_OTHER_PORT
        if (
            code == "proxy_refused"
            and is_ours
            and await self._in_time(lambda: self._tunnels(proxy, (host, 443)))
        ):
            why: tuple[str, ...] = ("to port 443 it does connect",)
            return finding_at(self._plan, "proxy_port", message, why=why, port=str(port))
        evidence = {"proxy": str(proxy), "named_by": proxy.source, **self._evidence(stage)}
        is_open = await self._is_open(host, port)
        evidence["direct"] = "open" if is_open else "closed"
        why = ("a direct connection works",) if is_open else ()
        code = "proxy_needless" if is_open else code
        return finding_at(self._plan, code, message, evidence, why=why)

    async def _tunnels(self, proxy: OutboundProxy, to: tuple[str, int] | None = None) -> bool:
        route = replace(self._session.route, proxy=proxy)
        if to is not None:
            route = replace(route, endpoint=Endpoint(*to), connect_to={})
        sock = await Dialer(await resolve(route), self._plan.source, str(proxy)).run()
        try:
            await through_proxy(route, proxy, sock)
        finally:
            sock.close()
        return True

    async def _is_open(self, host: str, port: int) -> bool:
        """Return whether a direct connection stands."""

        async def look() -> bool:
            addresses = await self._session.route.lookup(host, port)
            (await Dialer(addresses, self._plan.source, host).run()).close()
            return True

        return bool(await self._in_time(look))

    async def _look_for_http(self) -> Finding | None:
        channel = await self._session.fresh(tls=None)
        try:
            reader, writer = channel.streams()
            host = apps.authority(self._plan)
            writer.write(f"GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
            begin = await reader.readexactly(5)
        finally:
            channel.abort()
        if begin != b"HTTP/":
            return None
        message = f"{self._plan.address} speaks plain HTTP, not HTTPS"
        return finding_at(self._plan, "tls_plain_http", message)

    async def _look_for_tls(self) -> Finding:
        evidence, _ = await self._look_at_tls()
        message = f"{self._plan.address} speaks TLS, and the address says http"
        return finding_at(self._plan, "http_to_tls", message, evidence)

    async def _look_at_other_port(self) -> Finding:
        other = OTHER_PORT[self._plan.port]
        parts = urlsplit(self._plan.url)
        netloc = f"{parts.netloc.rpartition(':')[0]}:{other}"
        plan = replace(self._plan, url=parts._replace(netloc=netloc).geturl())
        is_there = await _answers(plan, self._session)
        message = f"{self._plan.address} refused the connection"
        if not is_there:
            why = (f"no push proxy answers on port {other} either",)
            return finding_at(self._plan, "tcp_refused", message, {"other_port": False}, why=why)
        why = (f"a push proxy answers on port {other}",)
        return finding_at(
            self._plan, "tcp_other_port", message, {"other_port": other}, why=why,
            other_url=plan.shown_url,
        )  # fmt: skip

    async def _in_time(self, look: Callable[[], Awaitable[_Result]]) -> _Result | None:
        """Return what ``look`` sees; nothing where it fails too, or takes too long."""
        with contextlib.suppress(
            TransportError, TimeoutError, OSError, ValueError, asyncio.IncompleteReadError
        ):
            async with asyncio.timeout(self._within_s()):
                return await look()
        return None


async def _answers(plan: TargetPlan, before: ProbeSession) -> bool:
    """Return whether a push proxy answers at ``plan``, asked as ``before`` was."""
    session = await ProbeSession.prepare(plan, before.network, before.route.lookup)
    try:
        for stage in plan.stages:
            if stage not in (Stage.CONFIG, Stage.CREDENTIAL):
                finding = await session.step(stage)
    except TransportError:
        return False
    finally:
        session.drop()
    return plan.kind is TargetKind.PUSH_PROXY and finding.severity is not Severity.FAIL


def untrusted(plan: TargetPlan, links: Sequence[x509.Certificate], code: str) -> str:
    """Return what it means that ``links``, the chain as it was sent, was not verified: pure."""
    if plan.whose in (Whose.VENDOR, Whose.HOSTED):
        if chain.is_publicly_issued(links):
            return "tls_old_store"
        return code if len(links) == 1 and code == "tls_self_signed" else "tls_intercepting"
    return "tls_missing_intermediate" if chain.lacks_intermediate(links) else code
