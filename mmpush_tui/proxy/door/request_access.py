"""Who may ask: by address, credentials and path. All of it optional."""

import base64
import hmac
from urllib.parse import quote

from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy.networks import is_everybody, membership, networks


def in_address(config: ProxyConfig) -> tuple[str, str]:
    """Return what a worker asks for, in its address: credentials before the host, a path behind."""
    pair = (config.access_user, config.access_password.reveal())
    user = f"{':'.join(quote(part, safe='') for part in pair)}@" if config.access_user else ""
    prefix = quote(config.path_prefix.reveal().strip("/"))
    return user, f"/{prefix}" if prefix else ""


class RequestAccess:
    """What one configuration asks of requests.

    Args:
        config: the configuration.

    Raises:
        ConfigError: a rule cannot be obeyed. Nothing is served then, rather than everybody.
    """

    def __init__(self, config: ProxyConfig) -> None:
        user, password = config.access_user, config.access_password.reveal()
        if bool(user) != bool(password):
            raise ConfigError(
                "AccessUser and AccessPassword go together, and one is missing",
                code="access-incomplete",
            )
        self._allowed = networks(config.allowed_addresses, "AllowedAddresses")
        self._is_allowed = membership(self._allowed)
        # What follows "Basic" in a good request.
        self._credentials = base64.b64encode(f"{user}:{password}".encode()) if user else b""
        self._prefix = _prefix(config.path_prefix.reveal())

    @property
    def is_open(self) -> bool:
        """Whether everybody who reaches the port may ask; a rule that all satisfy is none."""
        is_limited = bool(self._allowed) and not is_everybody(self._allowed)
        return not (is_limited or self._credentials or self._prefix)

    def admits_address(self, sender: str) -> bool:
        """Return whether requests from ``sender`` are taken; a Unix socket has its own rights."""
        return not self._allowed or sender == "unix" or self._is_allowed(sender)

    def admits_credentials(self, authorization: bytes) -> bool:
        """Return whether an ``Authorization`` header is the one that is asked for."""
        if not self._credentials:
            return True
        scheme, _, given = authorization.partition(b" ")
        is_same = hmac.compare_digest(given.strip(), self._credentials)
        return is_same and scheme.lower() == b"basic"

    def path_behind(self, path: str) -> str | None:
        """Return ``path`` without the secret in front; None where that is missing."""
        prefix = self._prefix
        if not prefix:
            return path
        is_same = hmac.compare_digest(path[: len(prefix)].encode(), prefix.encode())
        return (path[len(prefix) :] or "/") if is_same else None


def _prefix(text: str) -> str:
    text = text.strip("/")
    if not text:
        return ""
    if not all(char.isascii() and (char.isalnum() or char in "-._~/") for char in text):
        raise ConfigError(
            "PathPrefix: only letters, digits and -._~/ can stand in it", code="path-prefix"
        )
    if not {"", ".", ".."}.isdisjoint(text.split("/")):
        # Reverse proxies take these out of an address, and then nobody knows the secret.
        raise ConfigError(
            "PathPrefix: no part between two slashes can be empty, . or ..", code="path-prefix"
        )
    return f"/{text}"
