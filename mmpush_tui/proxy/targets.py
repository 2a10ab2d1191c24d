"""The configured targets made ready to send, or set aside with the reason why they cannot."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from mmpush_tui.configuration.config import (
    AndroidSettings,
    AppleSettings,
    NetworkSettings,
    ProxyConfig,
)
from mmpush_tui.configuration.schema import in_words_of_file
from mmpush_tui.credentials.account import ServiceAccount
from mmpush_tui.credentials.certificate import use
from mmpush_tui.credentials.key_pair import public_der
from mmpush_tui.credentials.look import AppleLoaded, Credential, look_at_android, look_at_apple
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Finding
from mmpush_tui.http2 import policy
from mmpush_tui.http2.connect import Endpoint, Route, client_context
from mmpush_tui.http2.outbound import choose_proxy
from mmpush_tui.http2.pool import Pool
from mmpush_tui.proxy.android.access_token import AccessToken
from mmpush_tui.proxy.android.sender import AndroidTarget
from mmpush_tui.proxy.apple.provider_token import ProviderToken
from mmpush_tui.proxy.apple.sender import AppleTarget
from mmpush_tui.proxy.apple.token_store import TokenStore
from mmpush_tui.proxy.upstream.target import Target

APPLE_PRODUCTION: Final = "https://api.push.apple.com"
APPLE_SANDBOX: Final = "https://api.sandbox.push.apple.com"
GOOGLE: Final = "https://fcm.googleapis.com"
L = TypeVar("L", AppleLoaded, ServiceAccount)
VOIP_ALIASES: Final = {"apple_voip_rn": "apple_rn", "apple_voip_rnbeta": "apple_rnbeta"}


class Disabled(msgspec.Struct, frozen=True):
    """A configured target that cannot send.

    Attributes:
        type: its configured type.
        platform: whose network it is.
        findings: everything for which it cannot send, with settings named as its file names them.
        is_blank: nothing was filled in, as in the entries that the upstream sample leaves empty.
    """

    type: str
    platform: Literal["apple", "android"]
    findings: tuple[Finding, ...]
    is_blank: bool

    @property
    def reason(self) -> str:
        """The first that is wrong with it, and what to do, on one line."""
        return self.findings[0].line()


class Targets:
    """All targets of one configuration, by type; made by :meth:`build`.

    Attributes:
        ready: those that can send.
        disabled: those that cannot.
        warnings: what will not work for long, or not for every push.
        advice: what is probably not meant in the settings of the targets.
        certificate_ends: when the certificate of a type ends, seconds since 1970.
    """

    def __init__(self, old: "Targets | None" = None) -> None:
        self.ready: dict[str, Target] = {}
        self.disabled: dict[str, Disabled] = {}
        self.warnings: list[Finding] = []
        self.advice: list[Finding] = []
        self.certificate_ends: dict[str, float] = {}
        self._provider_tokens: dict[bytes, ProviderToken] = (
            dict(old._provider_tokens) if old else {}
        )
        self._access_tokens: dict[bytes, AccessToken] = {}
        self._old = old

    @classmethod
    def build(
        cls,
        config: ProxyConfig,
        old: "Targets | None" = None,
        store: TokenStore | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> "Targets":
        """Read the credentials that ``config`` names. Reads files: not for the event loop.

        Args:
            config: what to build.
            old: whose tokens serve on where key or account are the same; Apple counts how often
                a new one is made.
            store: keeps provider tokens across restarts.
            environment: where an outbound proxy is looked for; default the process environment.
        """
        targets = cls(old)
        around = os.environ if environment is None else environment
        for apple in config.apple:
            use_apple = partial(targets._apple, apple, config.network, store, around)
            targets._add(apple, look_at_apple(apple), use_apple, config.path)
        for android in config.android:
            use_account = partial(targets._android, android, config.network, around)
            targets._add(android, look_at_android(android), use_account, config.path)
        targets._old = None
        return targets

    def _add(
        self,
        settings: AppleSettings | AndroidSettings,
        credential: Credential[L],
        make: Callable[[L], Target],
        path: Path,
    ) -> None:
        def labelled(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
            return tuple(
                msgspec.structs.replace(in_words_of_file(path, finding), about=settings.type)
                for finding in findings
            )

        refusals = credential.refusals
        self.advice += labelled(credential.advice)
        if credential.loaded is not None and not refusals:
            try:
                self.ready[settings.type] = make(credential.loaded)
                self.warnings += labelled(credential.warnings)
                return
            except ConfigError as error:
                refusals = (error.finding,)
        self.disabled[settings.type] = Disabled(
            settings.type,
            "apple" if isinstance(settings, AppleSettings) else "android",
            labelled(refusals),
            is_blank=not credential.path,
        )

    def find(self, type_: str) -> Target | None:
        """Return the target that serves a posted type; VoIP types fall back to the app's own."""
        if target := self.ready.get(type_):
            return target
        if type_ in self.disabled:
            return None
        return self.ready.get(VOIP_ALIASES.get(type_, ""))

    def keep_from(self, old: "Targets") -> dict[str, Disabled]:
        """Take over ``old``'s target wherever ours cannot send; return those that could not.

        Access tokens that both use become ours.
        """
        kept = {name: self.disabled.pop(name) for name in list(self.disabled) if name in old.ready}
        for name in kept:
            self.ready[name] = old.ready.pop(name)
        if kept:
            # Which of them the kept targets use, only they know.
            self._access_tokens = old._access_tokens | self._access_tokens
        for identity in self._access_tokens:
            old._access_tokens.pop(identity, None)
        return kept

    async def aclose(self) -> None:
        """Close every connection."""
        for target in self.ready.values():
            await target.aclose()
        for token in self._access_tokens.values():
            await token.aclose()

    def _apple(
        self,
        settings: AppleSettings,
        network: NetworkSettings,
        store: TokenStore | None,
        environment: Mapping[str, str],
        loaded: AppleLoaded,
    ) -> AppleTarget:
        url = settings.endpoint or (APPLE_SANDBOX if settings.sandbox else APPLE_PRODUCTION)
        route = _route(url, settings, network, environment)
        if isinstance(loaded, EllipticCurvePrivateKey):
            # One token for all targets of a key: Apple counts how often a team renews it.
            token = ProviderToken(loaded, settings.auth_key_id, settings.team_id, store)
            token = self._provider_tokens.setdefault(token.identity, token)
            pool = Pool(route, authorization=lambda: f"bearer {token()}", policy=policy.APPLE)
            return AppleTarget(settings.type, settings.topic, token, pool)
        use(route.tls, loaded)
        self.certificate_ends[settings.type] = loaded.not_after.timestamp()
        return AppleTarget(settings.type, settings.topic, None, Pool(route, policy=policy.APPLE))

    def _android(
        self,
        settings: AndroidSettings,
        network: NetworkSettings,
        environment: Mapping[str, str],
        account: ServiceAccount,
    ) -> AndroidTarget:
        route = _route(settings.endpoint or GOOGLE, settings, network, environment)
        token_route = _route(account.token_uri, settings, network, environment)
        identity = _identity(account, settings, network, token_route)
        old_tokens = self._old._access_tokens if self._old else {}
        token = self._access_tokens.get(identity) or old_tokens.get(identity)
        if token is None:
            token_route.tls.set_alpn_protocols(["h2", "http/1.1"])
            token = AccessToken(account, token_route.tls, network.connect_to, token_route.proxy)
        self._access_tokens[identity] = token
        pool = Pool(route, policy=policy.GOOGLE)
        return AndroidTarget(settings.type, account.project_id, token, pool)


def _identity(
    account: ServiceAccount, settings: AndroidSettings, network: NetworkSettings, route: Route
) -> bytes:
    """Return what tells apart two ways to get a token: the account, and how Google is reached."""
    fingerprint = hashlib.sha256()
    for path in filter(None, (settings.ca_file, network.ca_file)):
        with contextlib.suppress(OSError):
            fingerprint.update(Path(path).read_bytes())
        fingerprint.update(b"\0")
    proxy = route.proxy
    names = (account.client_email, account.private_key_id, account.token_uri)
    fingerprint.update(repr((names, route.address, str(proxy))).encode())
    fingerprint.update(proxy.authorization.reveal().encode() if proxy else b"")
    fingerprint.update(public_der(account.private_key.public_key()))
    return fingerprint.digest()


def _route(
    url: str,
    settings: AppleSettings | AndroidSettings,
    network: NetworkSettings,
    environment: Mapping[str, str],
) -> Route:
    endpoint = Endpoint.from_url(url)
    proxies = {"Proxy": settings.proxy, "network.proxy": network.proxy}
    return Route(
        endpoint,
        client_context(network.ca_file, settings.ca_file),
        network.connect_to,
        proxy=choose_proxy(endpoint.host, endpoint.port, proxies, environment),
    )
