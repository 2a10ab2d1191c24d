"""What a failed step means: the error that the worker would see, and a second look where it helps.

A second look is another connection that finds out what is there instead. Nothing but a request
for a public page is ever sent over one.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar
from urllib.parse import urlsplit

from mmpush_tui.checks import apps
from mmpush_tui.checks.findings import Finding
from mmpush_tui.checks.report import Stage, Status
from mmpush_tui.checks.target import Kind, TargetPlan, Whose
from mmpush_tui.checks.way import Way, evidence, hang_up, unverified
from mmpush_tui.checks.words import CODES, failed
from mmpush_tui.http2.connect import Lookup, seconds
from mmpush_tui.http2.errors import TransportError
from mmpush_tui.proxy.config import NetworkSettings

OTHER_PORT: Final[Mapping[int, int]] = {8066: 8086, 8086: 8066}
"""The two ports that push proxies have: that of the reference sample, and ours."""
_TIMEOUT: Final[Mapping[Stage, str]] = {
    Stage.DNS: "dns_timeout",
    Stage.TCP: "tcp_timeout",
    Stage.TLS: "tls_timeout",
    Stage.ALPN: "alpn_timeout",
    Stage.HTTP2: "http2_no_settings",
    Stage.APP: "timeout",
}
# OpenSSL's X509_V_ERR numbers.
_VERIFY: Final[Mapping[int, str]] = {
    9: "tls_not_yet_valid",
    10: "tls_expired",
    18: "tls_self_signed",
    62: "tls_wrong_name",
    64: "tls_wrong_name",
}

_Seen = TypeVar("_Seen")


class Doctor:
    """Looks again where a step of one way failed.

    Args:
        way: the way, gone as far as the step that failed.
        network: how connections are made.
        lookup: asks for addresses.
        within_s: seconds that a second look may take.
    """

    def __init__(self, way: Way, network: NetworkSettings, lookup: Lookup, within_s: float) -> None:
        self._way = way
        self._plan = way.plan
        self._network = network
        self._lookup = lookup
        self._within_s = within_s

    async def diagnose(self, stage: Stage, error: TransportError) -> Finding:
        """Return what ``error`` means, which ended the step of ``stage``."""
        cause = error.__cause__
        match error.code:
            case "tcp_refused" if self._plan.port in OTHER_PORT and self._plan.whose is Whose.OWN:
                found = await self._in_time(self._look_at_other_port)
            case "tls_untrusted" if isinstance(cause, ssl.SSLCertVerificationError):
                return await self._untrusted(error, cause)
            case "tls_failed" | "tls_closed" if stage is Stage.TLS:
                found = await self._in_time(self._look_for_http)
            case "closed" | "not_http" if stage is Stage.APP and not self._plan.is_tls:
                found = await self._in_time(self._look_for_tls)
            case _:
                found = None
        code = error.code if error.code in CODES else "closed"
        name = self._way.route.address[0]
        seen = {"name": name} if stage is Stage.DNS else {}
        return found or failed(self._plan, code, str(error), seen, lookup=name)

    async def late(self, stage: Stage, after_s: float) -> Finding:
        """Return what it means that the step of ``stage`` got no answer within its own time."""
        if stage is Stage.TLS and (found := await self._in_time(self._look_for_http)):
            return found
        match stage:
            case Stage.DNS:
                said = f"no name server answered within {seconds(after_s)}"
            case Stage.HTTP2:
                said = f"{self._plan.address} sent no HTTP/2 SETTINGS within {seconds(after_s)}"
            case _:
                said = f"{self._plan.address} did not answer ({stage}) within {seconds(after_s)}"
        name = self._way.route.address[0]
        seen = {"name": name} if stage is Stage.DNS else {}
        return failed(self._plan, _TIMEOUT[stage], said, seen, lookup=name)

    async def reconsider(self, finding: Finding) -> Finding:
        """Return ``finding`` about an answer, or what a second look makes of it."""
        # What speaks TLS alone says so with a 400 in clear text, if at all.
        if not self._plan.is_tls and finding.evidence.get("http_status") == 400:
            return await self._in_time(self._look_for_tls) or finding
        return finding

    async def _untrusted(
        self, error: TransportError, cause: ssl.SSLCertVerificationError
    ) -> Finding:
        seen = await self._in_time(self._look_at_certificate) or {}
        why: tuple[str, ...] = ()
        code = _VERIFY.get(cause.verify_code, "tls_untrusted")
        if seen.get("issuer"):
            why = (f'it is signed by "{seen["issuer"]}"',)
        names = seen.get("names")
        if code == "tls_wrong_name" and isinstance(names, list) and names:
            why = (f"it is for {', '.join(names)}", *why)
        if code in ("tls_expired", "tls_not_yet_valid") and "not_after" in seen:
            why = (f"it is valid from {seen['not_before']} to {seen['not_after']}", *why)
        return failed(self._plan, code, str(error), seen, why=why)

    async def _look_at_certificate(self) -> dict[str, object]:
        channel = await self._way.fresh(tls=unverified())
        try:
            return evidence(channel)
        finally:
            await hang_up(channel)

    async def _look_for_http(self) -> Finding | None:
        channel = await self._way.fresh(tls=None)
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
        said = f"{self._plan.address} speaks plain HTTP, not HTTPS"
        return failed(self._plan, "tls_plain_http", said)

    async def _look_for_tls(self) -> Finding:
        channel = await self._way.fresh(tls=unverified())
        seen = evidence(channel)
        await hang_up(channel)
        said = f"{self._plan.address} speaks TLS, and the address says http"
        return failed(self._plan, "http_to_tls", said, seen)

    async def _look_at_other_port(self) -> Finding:
        port, other = self._plan.port, OTHER_PORT[self._plan.port]
        parts = urlsplit(self._plan.url)
        netloc = f"{parts.netloc.rpartition(':')[0]}:{other}"
        plan = replace(self._plan, url=parts._replace(netloc=netloc).geturl())
        is_there = await _answers(plan, self._network, self._lookup)
        said = f"{self._plan.address} refused the connection"
        if not is_there:
            why = (f"no push proxy answers on port {other} either",)
            return failed(self._plan, "tcp_refused", said, {"other_port": False}, why=why)
        why = (f"a push proxy answers on port {other}",)
        return failed(
            self._plan,
            "tcp_other_port",
            said,
            {"other_port": other},
            why=why,
            port=port,
            other=other,
            other_url=plan.shown_url,
        )

    async def _in_time(self, look: Callable[[], Awaitable[_Seen]]) -> _Seen | None:
        """Return what ``look`` sees; nothing where it fails too, or takes too long."""
        with contextlib.suppress(
            TransportError, TimeoutError, OSError, asyncio.IncompleteReadError
        ):
            async with asyncio.timeout(self._within_s):
                return await look()
        return None


async def _answers(plan: TargetPlan, network: NetworkSettings, lookup: Lookup) -> bool:
    """Return whether a push proxy answers at ``plan``."""
    way = await Way.prepare(plan, network, lookup)
    try:
        for stage in plan.stages:
            finding = await way.step(stage)
    except TransportError:
        return False
    finally:
        way.drop()
    return plan.kind is Kind.PUSH_PROXY and finding.status is not Status.FAIL
