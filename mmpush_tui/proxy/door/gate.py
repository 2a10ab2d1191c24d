"""What a request passes before it is looked at: address, limit, secret path, credentials."""

import math
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy.door.http1 import TEXT, IncomingRequest, Reply
from mmpush_tui.proxy.door.request_access import RequestAccess
from mmpush_tui.proxy.door.throttle import RateDecision, SharedThrottle, Throttle
from mmpush_tui.proxy.networks import Senders, is_everybody, networks, throttle_key


class Refusal(NamedTuple):
    """What a request that may not pass is told.

    Attributes:
        why: ``address``, ``throttled``, ``path`` or ``credentials``.
        reply: its answer.
    """

    why: str
    reply: Reply


_FORBIDDEN: Final = Refusal("address", Reply(403, b"403 this address may not send here\n", TEXT))
_NOT_FOUND: Final = Refusal("path", Reply(404, b"404 page not found\n", TEXT))
_UNAUTHORIZED: Final = Refusal(
    "credentials",
    Reply(
        401,
        b"401 the address of this push proxy needs user and password: https://user:password@host\n",
        TEXT,
        ((b"www-authenticate", b'Basic realm="push proxy", charset="UTF-8"'),),
    ),
)

Admitted = str | Refusal
"""The path behind the secret prefix, for a request that may pass; or why it may not."""


class Gate:
    """The gate of one configuration; made by :meth:`from_config`.

    Args:
        access: who may ask.
        senders: tells who is asking.
        throttle: how often.
    """

    def __init__(
        self,
        access: RequestAccess,
        senders: Senders,
        throttle: Throttle | SharedThrottle,
    ) -> None:
        self.access = access
        self._senders = senders
        self._throttle = throttle
        self._header = senders.header.encode()

    @classmethod
    def from_config(cls, config: ProxyConfig, complain: Callable[[str], None]) -> "Gate":
        """Return the gate that ``config`` asks for.

        Args:
            config: the configuration.
            complain: told in a sentence of trouble with the throttle's store.

        Raises:
            ConfigError: a setting cannot be obeyed.
        """
        header = config.throttle_vary_by_header.strip().lower()
        if not header.isascii():
            raise ConfigError(
                "ThrottleVaryByHeader: this is no header's name", code="throttle-header"
            )
        senders = Senders(networks(config.trusted_proxies, "TrustedProxies"), header)
        local = Throttle(config.throttle_per_sec, config.throttle_memory_store_size)
        store = config.throttle_store
        throttle = SharedThrottle(store, local, complain) if store else local
        return cls(RequestAccess(config), senders, throttle)

    def admit(
        self, request: IncomingRequest, *, is_counted: bool, is_open: bool
    ) -> Admitted | Awaitable[Admitted]:
        """Return the path that ``request`` asks for behind the secret one, or why it may not.

        Args:
            request: what came in.
            is_counted: the throttle counts it. Where somebody tries passwords it does anyway.
            is_open: neither secret path nor credentials are asked for.

        Returns:
            Something to wait for where the throttle has to ask its store.
        """
        sender = request.peer or "unix"
        if self._header:
            named = request.header(self._header).decode("latin-1")
            sender = self._senders.of(request.peer, named)
        if not self.access.admits_address(sender):
            return _FORBIDDEN
        if is_counted or self._is_guessing(request):
            decision = self._throttle.take(throttle_key(sender))
            if not isinstance(decision, RateDecision):
                return self._admit_later(decision, request, is_open=is_open)
            if not decision.is_allowed:
                return self._too_many(decision)
        return request.path if is_open else self._behind_limit(request)

    def is_known(self, request: IncomingRequest) -> bool:
        """Return whether whoever asks has shown the credentials, where any are asked for."""
        return self.access.admits_credentials(request.header(b"authorization"))

    async def aclose(self) -> None:
        """Close the connections to a throttle store."""
        await self._throttle.aclose()

    def _is_guessing(self, request: IncomingRequest) -> bool:
        return b"authorization" in request.headers and not self.is_known(request)

    def _behind_limit(self, request: IncomingRequest) -> Admitted:
        path = self.access.path_behind(request.path)
        if path is None:
            return _NOT_FOUND
        if not self.is_known(request):
            return _UNAUTHORIZED
        return path

    async def _admit_later(
        self, pending: Awaitable[RateDecision], request: IncomingRequest, *, is_open: bool
    ) -> Admitted:
        decision = await pending
        if not decision.is_allowed:
            return self._too_many(decision)
        return request.path if is_open else self._behind_limit(request)

    def _too_many(self, decision: RateDecision) -> Refusal:
        seconds = str(max(math.ceil(decision.reset_s), 1)).encode()
        headers = (
            (b"retry-after", seconds),
            (b"x-ratelimit-limit", str(self._throttle.per_s).encode()),
            (b"x-ratelimit-remaining", b"0"),
            (b"x-ratelimit-reset", seconds),
        )
        return Refusal("throttled", Reply(429, b"limit exceeded\n", TEXT, headers))


def header_warning(config: ProxyConfig) -> str:
    """Return a sentence where a header is to name the sender and cannot, or names anybody."""
    if is_everybody(networks(config.trusted_proxies, "TrustedProxies")):
        return (
            "TrustedProxies holds all addresses: every sender chooses which address it has, so "
            "that neither the throttle nor AllowedAddresses holds anybody back; name the "
            "addresses of your reverse proxies alone"
        )
    if config.throttle_vary_by_header.strip().lower() == "forwarded":
        return (
            "ThrottleVaryByHeader Forwarded is not understood; name a header that holds nothing "
            "but addresses, X-Forwarded-For or X-Real-IP. Until then every sender is the reverse "
            "proxy"
        )
    if config.throttle_vary_by_header and not config.trusted_proxies:
        return (
            f"ThrottleVaryByHeader {config.throttle_vary_by_header} is not believed, because "
            "every sender could write what it likes there; set TrustedProxies to the addresses "
            "of your reverse proxies. Until then senders are told apart by their address"
        )
    return ""
