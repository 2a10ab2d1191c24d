"""The configured targets made ready to send, or set aside with the reason why they cannot."""

import re
import ssl
from typing import Final, Literal

import msgspec

from mmpush_tui.errors import ConfigError
from mmpush_tui.http2 import policy
from mmpush_tui.http2.connect import Endpoint, Route, client_context
from mmpush_tui.http2.pool import Pool
from mmpush_tui.proxy.android.access_token import AccessToken, load_account
from mmpush_tui.proxy.android.sender import AndroidTarget
from mmpush_tui.proxy.apple.provider_token import ProviderToken, load_key
from mmpush_tui.proxy.apple.sender import AppleTarget
from mmpush_tui.proxy.apple.token_store import TokenStore
from mmpush_tui.proxy.config import AndroidSettings, AppleSettings, NetworkSettings, ProxyConfig
from mmpush_tui.proxy.outcome import Target

APPLE_PRODUCTION: Final = "https://api.push.apple.com"
APPLE_SANDBOX: Final = "https://api.sandbox.push.apple.com"
GOOGLE: Final = "https://fcm.googleapis.com"
VOIP_ALIASES: Final = {"apple_voip_rn": "apple_rn", "apple_voip_rnbeta": "apple_rnbeta"}
_TEN: Final = re.compile(r"[A-Z0-9]{10}", re.ASCII)


class Disabled(msgspec.Struct, frozen=True):
    """A configured target that cannot send.

    Attributes:
        type: its configured type.
        platform: whose network it is.
        reason: a sentence about what is wrong with it.
        is_blank: nothing was filled in, as in the entries that the upstream sample leaves empty.
    """

    type: str
    platform: Literal["apple", "android"]
    reason: str
    is_blank: bool


class Targets:
    """All targets of one configuration, by type; made by :meth:`build`."""

    def __init__(
        self,
        ready: dict[str, Target],
        disabled: dict[str, Disabled],
        tokens: dict[bytes, ProviderToken],
    ) -> None:
        self.ready = ready
        self.disabled = disabled
        self._tokens = tokens

    @classmethod
    def build(
        cls,
        config: ProxyConfig,
        old: "Targets | None" = None,
        store: TokenStore | None = None,
    ) -> "Targets":
        """Read the credentials that ``config`` names. Reads files: not for the event loop.

        Args:
            config: what to build.
            old: whose provider tokens serve on where the key is the same; Apple counts how often
                a new one is made.
            store: keeps provider tokens across restarts.
        """
        ready: dict[str, Target] = {}
        disabled: dict[str, Disabled] = {}
        tokens = dict(old._tokens) if old else {}
        for apple in config.apple:
            try:
                ready[apple.type] = _apple(apple, config.network, tokens, store)
            except ConfigError as error:
                blank = not (apple.auth_key_file or apple.certificate_file)
                disabled[apple.type] = Disabled(apple.type, "apple", error.line(), blank)
        for android in config.android:
            try:
                ready[android.type] = _android(android, config.network)
            except ConfigError as error:
                blank = not android.service_account_file
                disabled[android.type] = Disabled(android.type, "android", error.line(), blank)
        return cls(ready, disabled, tokens)

    def find(self, type_: str) -> Target | None:
        """Return the target that serves a posted type; VoIP types fall back to the app's own."""
        if target := self.ready.get(type_):
            return target
        if type_ in self.disabled:
            return None
        return self.ready.get(VOIP_ALIASES.get(type_, ""))

    def keep_from(self, old: "Targets") -> dict[str, Disabled]:
        """Take over ``old``'s target wherever ours cannot send; return those that could not."""
        kept = {name: self.disabled.pop(name) for name in list(self.disabled) if name in old.ready}
        for name in kept:
            self.ready[name] = old.ready.pop(name)
        return kept

    async def aclose(self) -> None:
        """Close every connection."""
        for target in self.ready.values():
            await target.aclose()


def _apple(
    settings: AppleSettings,
    network: NetworkSettings,
    tokens: dict[bytes, ProviderToken],
    store: TokenStore | None,
) -> AppleTarget:
    named = (settings.auth_key_file, settings.auth_key_id, settings.team_id)
    if not all(named):
        _refuse_without_key(settings)
    for value, name in ((settings.auth_key_id, "key id"), (settings.team_id, "team id")):
        if not _TEN.fullmatch(value):
            raise ConfigError(
                f"the {name} of {settings.type} is not ten capital letters and digits",
                code="apple-id-shape",
            )
    if not settings.topic:
        raise ConfigError(
            f"{settings.type} has no topic", fix="ApplePushTopic is the bundle id of the iOS app.",
            code="apple-topic-missing",
        )  # fmt: skip
    # One token for all targets of a key: Apple counts how often a team renews it.
    key = load_key(settings.auth_key_file)
    token = ProviderToken(key, settings.auth_key_id, settings.team_id, store)
    token = tokens.setdefault(token.identity, token)
    url = settings.endpoint or (APPLE_SANDBOX if settings.sandbox else APPLE_PRODUCTION)
    route = _route(url, network, settings.ca_file)
    pool = Pool(route, authorization=lambda: f"bearer {token()}", policy=policy.APPLE)
    return AppleTarget(settings.type, settings.topic, token, pool)


def _refuse_without_key(settings: AppleSettings) -> None:
    if settings.certificate_file:
        raise ConfigError(
            f"{settings.type} uses a certificate (ApplePushCertPrivate)",
            why="this version sends with .p8 keys only",
            fix="Set AppleAuthKeyFile, AppleAuthKeyID and AppleTeamID.",
            code="apple-certificate-unsupported",
        )
    keys = {
        "AppleAuthKeyFile": settings.auth_key_file,
        "AppleAuthKeyID": settings.auth_key_id,
        "AppleTeamID": settings.team_id,
    }
    missing = [name for name, value in keys.items() if not value]
    raise ConfigError(
        f"{settings.type} is not configured: {', '.join(missing)} missing", code="apple-key-missing"
    )


def _android(settings: AndroidSettings, network: NetworkSettings) -> AndroidTarget:
    if not settings.service_account_file:
        raise ConfigError(
            f"{settings.type} is not configured: ServiceFileLocation missing",
            code="service-account-missing",
        )
    account = load_account(settings.service_account_file)
    route = _route(settings.endpoint or GOOGLE, network, settings.ca_file)
    token_tls = client_context(network.ca_file, settings.ca_file)
    token_tls.set_alpn_protocols(["h2", "http/1.1"])
    token = AccessToken(account, token_tls, network.connect_to)
    pool = Pool(route, policy=policy.GOOGLE)
    return AndroidTarget(settings.type, account.project_id, token, pool)


def _route(url: str, network: NetworkSettings, ca_file: str) -> Route:
    tls: ssl.SSLContext = client_context(network.ca_file, ca_file)
    return Route(Endpoint.from_url(url), tls, network.connect_to)
