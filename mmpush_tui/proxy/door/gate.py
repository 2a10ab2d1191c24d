"""What a request passes before it is looked at: address, limit, secret path, credentials."""

import math
from collections.abc import Awaitable, Callable
from typing import Final

from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy.access import Access
from mmpush_tui.proxy.door.http1 import TEXT, Reply, Request
from mmpush_tui.proxy.door.throttle import SharedThrottle, Throttle, Turn, make
from mmpush_tui.proxy.networks import Senders, is_everybody, networks, throttle_key

UNLIMITED: Final = frozenset({"/", "/version", "/metrics", "/healthz"})
"""Pages that load balancers and monitoring ask for; they are not counted, except where somebody
tries passwords on them."""

_FORBIDDEN: Final = Reply(403, b"403 this address may not send here\n", TEXT)
_NOT_FOUND: Final = Reply(404, b"404 page not found\n", TEXT)
_UNAUTHORIZED: Final = Reply(
    401,
    b"401 the address of this push proxy needs user and password: https://user:password@host\n",
    TEXT,
    ((b"www-authenticate", b'Basic realm="push proxy", charset="UTF-8"'),),
)

Answered = Reply | Awaitable[Reply]


class Gate:
    """The gate of one configuration; made by :meth:`from_config`.

    Args:
        access: who may send.
        senders: tells who is asking.
        throttle: how often.
        on_refused: told of each refusal: ``address``, ``throttled``, ``path``, ``credentials``.
    """

    def __init__(
        self,
        access: Access,
        senders: Senders,
        throttle: Throttle | SharedThrottle,
        on_refused: Callable[[str], None],
    ) -> None:
        self.access = access
        self._senders = senders
        self._throttle = throttle
        self._on_refused = on_refused
        self._header = senders.header.encode()

    @classmethod
    def from_config(
        cls,
        config: ProxyConfig,
        on_refused: Callable[[str], None],
        complain: Callable[[str], None],
    ) -> "Gate":
        """Return the gate that ``config`` asks for; reads a file, so not for the event loop.

        Args:
            config: the configuration.
            on_refused: as in the constructor.
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
        throttle = make(
            config.throttle_per_sec,
            config.throttle_memory_store_size,
            config.throttle_store,
            complain,
        )
        return cls(Access.from_config(config), senders, throttle, on_refused)

    def pass_on(self, request: Request, app: Callable[[Request, str], Answered]) -> Answered:
        """Answer ``request`` with ``app``, which is given the path too, or refuse it."""
        sender = request.peer or "unix"
        if self._header:
            said = request.header(self._header).decode("latin-1")
            sender = self._senders.of(request.peer, said)
        access = self.access
        if not access.admits_address(sender):
            return self._refuse("address", _FORBIDDEN)
        if request.path not in UNLIMITED or self._is_guessing(request):
            turn = self._throttle.take(throttle_key(sender))
            if not isinstance(turn, Turn):
                return self._later(turn, request, app)
            if not turn.is_allowed:
                return self._too_many(turn)
        return self._behind_limit(request, app)

    def is_known(self, request: Request) -> bool:
        """Return whether whoever asks has shown the credentials, where any are asked for."""
        return self.access.admits_credentials(request.header(b"authorization"))

    async def aclose(self) -> None:
        """Close the connections to a throttle store."""
        await self._throttle.aclose()

    def _is_guessing(self, request: Request) -> bool:
        return b"authorization" in request.headers and not self.is_known(request)

    def _behind_limit(self, request: Request, app: Callable[[Request, str], Answered]) -> Answered:
        if request.path == "/healthz":
            return app(request, request.path)
        path = self.access.path_behind(request.path)
        if path is None:
            return self._refuse("path", _NOT_FOUND)
        if self.access.asks_for_credentials and not self.is_known(request):
            return self._refuse("credentials", _UNAUTHORIZED)
        return app(request, path)

    async def _later(
        self, turn: Awaitable[Turn], request: Request, app: Callable[[Request, str], Answered]
    ) -> Reply:
        found = await turn
        answered = self._behind_limit(request, app) if found.is_allowed else self._too_many(found)
        return answered if isinstance(answered, Reply) else await answered

    def _too_many(self, turn: Turn) -> Reply:
        seconds = str(max(math.ceil(turn.reset_s), 1)).encode()
        headers = (
            (b"retry-after", seconds),
            (b"x-ratelimit-limit", str(self._throttle.per_s).encode()),
            (b"x-ratelimit-remaining", str(turn.remaining).encode()),
            (b"x-ratelimit-reset", seconds),
        )
        return self._refuse("throttled", Reply(429, b"limit exceeded\n", TEXT, headers))

    def _refuse(self, why: str, reply: Reply) -> Reply:
        self._on_refused(why)
        return reply


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
