"""One hop of push as the checks see it: whom to reach, how, and what counts as an answer."""

import ipaddress
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

import idna

from mmpush_tui.checks.model.report import Stage
from mmpush_tui.configuration.config import AndroidSettings, AppleSettings
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.http2.outbound import OutboundProxy


class TargetKind(StrEnum):
    """What is expected to answer, and with that how it is asked."""

    PUSH_PROXY = "push-proxy"
    APNS = "apns"
    FCM = "fcm"
    TOKEN = "token"  # noqa: S105 - a word
    MATTERMOST = "mattermost"


class Whose(StrEnum):
    """Who can change what is at the other end, and with that what a fix may ask for."""

    VENDOR = "vendor"
    """Apple's or Google's: only the way there can be changed."""
    HOSTED = "hosted"
    """A push service that Mattermost runs."""
    RELAY = "relay"
    """The endpoint that somebody configured instead of Apple's or Google's."""
    OWN = "own"
    """A push proxy or a Mattermost server that somebody here runs."""


WORKER: Final = "worker"
"""The target that is the worker of the configuration, asked where it listens."""
SEND_PATH: Final = "/api/v1/send_push"
"""Where a push proxy takes pushes."""
NO_DEVICE: Final = "0" * 64
"""A device token that belongs to nobody."""
_HTTP2: Final = (TargetKind.APNS, TargetKind.FCM, TargetKind.TOKEN)


@dataclass(frozen=True, slots=True)
class Flaw:
    """What settings alone give away about a target, before anything is sent.

    Planning only names it; ``failures.config_of`` finds the words.

    Attributes:
        code: of the finding that it becomes.
        message: it, in one clause.
        severity: ``fail`` or ``warn``.
        details: what else names in braces stand for in its words.
    """

    code: str
    message: str
    severity: Severity = Severity.FAIL
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPlan:
    """One target of a check run.

    Attributes:
        target: its id, the second half of its checks' ids: ``apns/apple_rn``, ``tpns``.
        title: whom it reaches from whom, for a heading.
        who: whom it reaches, in the middle of a sentence.
        url: its address; empty where there is none that could be asked, and ``config`` says why.
        kind: what is expected to answer.
        whose: who can change it.
        ca_file: PEM file of further roots for it alone, or empty.
        project: the Firebase project that FCM is asked for.
        config: what is known before anything is sent: its ``config`` check, if it has one.
        proxy: the outbound proxy on the way to it, or None.
        spare_proxy: one that a variable names for other addresses than this; None mostly.
        told_at: the stage that ``config`` is told at.
        is_blocked: what ``config`` says keeps everything else from being looked at.
        proof: the settings whose credentials are tried; None where there is nothing to prove.
        has_client_certificate: it is shown a client certificate, which no inspection passes on.
        source: the address of this host to connect from, or empty.
    """

    target: str
    title: str
    who: str
    url: str = field(repr=False, default="")
    kind: TargetKind = TargetKind.PUSH_PROXY
    whose: Whose = Whose.OWN
    ca_file: str = ""
    project: str = "x"
    config: Finding | Flaw | None = None
    proxy: OutboundProxy | None = None
    spare_proxy: OutboundProxy | None = None
    told_at: Stage = Stage.CONFIG
    is_blocked: bool = False
    proof: AppleSettings | AndroidSettings | None = None
    has_client_certificate: bool = False
    source: str = ""

    @property
    def is_tls(self) -> bool:
        """Whether it is reached over TLS."""
        return urlsplit(self.url).scheme == "https"

    @property
    def host(self) -> str:
        """The host in its address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The port in its address, or the scheme's own."""
        return urlsplit(self.url).port or (443 if self.is_tls else 80)

    @property
    def address(self) -> str:
        """host:port, as results name it; empty without an address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if host else ""

    @property
    def path(self) -> str:
        """The path in its address, without a slash at the end."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def shown_path(self) -> str:
        """The path as it may be shown: that of a push proxy of one's own may be a secret."""
        if self.kind is not TargetKind.PUSH_PROXY or self.whose is not Whose.OWN:
            return self.path
        before = self.path.removesuffix(SEND_PATH)
        return ("/PATH" if before else "") + self.path.removeprefix(before)

    @property
    def shown_url(self) -> str:
        """Its address as it may be shown: without user, password, query and ending slash."""
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{parts.scheme}://{host}{port}{self.shown_path}" if host else ""

    @property
    def is_http2(self) -> bool:
        """Whether HTTP/2 is offered."""
        return self.kind in _HTTP2

    @property
    def needs_http2(self) -> bool:
        """Whether nothing but HTTP/2 will do; Google's token server takes HTTP/1.1 too."""
        return self.is_http2 and self.kind is not TargetKind.TOKEN

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of its probe, in the order of the wire."""
        config = (self.told_at,) if self.config else ()
        if not self.url or self.is_blocked:
            return config
        if self.is_http2:
            wire: tuple[Stage, ...] = (Stage.TLS, Stage.ALPN, Stage.HTTP2)
        else:
            wire = (Stage.TLS,) if self.is_tls else ()
        proxy = (Stage.PROXY,) if self.proxy else ()
        proof = (Stage.CREDENTIAL,) if self.proof else ()
        return (*config, Stage.DNS, Stage.TCP, *proxy, *wire, Stage.APP, *proof)


def is_address(url: str) -> bool:
    """Return whether ``url`` is a whole http or https address in plain characters."""
    try:
        parts = urlsplit(url)
        is_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = url.isascii() and url.isprintable() and " " not in url
    return is_plain and is_port and parts.scheme in ("http", "https") and bool(parts.hostname)


def literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that ``host`` is; None where it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def in_ascii(url: str) -> str:
    """Return ``url`` with its host as name servers know it, or as it is where there is no such.

    Go's http.Transport asks for the host in the same form (golang.org/x/net/idna, UTS 46).
    """
    if url.isascii():
        return url
    try:
        parts = urlsplit(url)
        user, at, place = parts.netloc.rpartition("@")
        host, colon, port = place.partition(":")
        ascii_host = idna.encode(host, uts46=True).decode()
    except ValueError:
        return url
    return parts._replace(netloc=f"{user}{at}{ascii_host}{colon}{port}").geturl()


def distinct(targets: Sequence[TargetPlan]) -> list[TargetPlan]:
    """Return each target once; what has another address under the same name gets a number."""
    by_url: dict[tuple[str, str], TargetPlan] = {}
    names: Counter[str] = Counter()
    for target in targets:
        key = target.target, target.url
        if key in by_url:
            continue
        names[target.target] += 1
        number = names[target.target]
        by_url[key] = target if number == 1 else replace(target, target=f"{target.target}#{number}")
    return list(by_url.values())


def without_user(text: str) -> str:
    """Return what was meant for an address without all before its last @.

    What is no address can hold a password that no pattern knows, with a slash or space in it.
    """
    _, at, rest = text.rpartition("@")
    return f"[secret]@{rest}" if at else text
