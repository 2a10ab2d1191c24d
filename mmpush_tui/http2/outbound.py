"""Outbound proxies: their addresses, and which connection goes through which."""

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from mmpush_tui.errors import ConfigError
from mmpush_tui.text import Secret

DIRECT: Final = "none"
"""In place of an address: no proxy, whatever the environment says."""
_DEFAULT_PORT: Final = 1080
_VARIABLES: Final = ("https_proxy", "all_proxy", "http_proxy")
"""The last one because the reference proxy takes it where the first is missing."""


@dataclass(frozen=True, slots=True)
class OutboundProxy:
    """An HTTP proxy that connections go through by CONNECT (RFC 9110, 9.3.6).

    Attributes:
        host, port: where it listens.
        authorization: value of ``Proxy-Authorization``; empty where it asks for none.
        source: the setting or variable that names it, for messages.
    """

    host: str
    port: int
    authorization: Secret
    source: str = ""

    @classmethod
    def parse(cls, text: str, source: str, default_port: int = _DEFAULT_PORT) -> "OutboundProxy":
        """Return the proxy at ``http://[user:password@]host[:port]``.

        Args:
            text: the address; ``http://`` may be missing, as curl allows.
            source: the setting or variable it comes from.
            default_port: where it listens unless its address says otherwise.

        Raises:
            ConfigError: it is no such address. The message does not repeat it.
        """
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            host, port = parts.hostname, parts.port
            user, password = parts.username or "", parts.password or ""
        except ValueError as error:
            raise _refusal(source) from error
        if parts.scheme != "http":
            raise ConfigError(
                f"{source}: only http:// proxies are supported",
                why="CONNECT through them is encrypted end to end all the same",
                code="proxy-scheme",
            )
        if not host or parts.path.strip("/") or any(char.isspace() for char in host):
            raise _refusal(source)
        # Variables may hold bytes of any encoding; Python passes them on as surrogates.
        raw = f"{unquote(user)}:{unquote(password)}".encode(errors="surrogateescape")
        basic = f"Basic {base64.b64encode(raw).decode()}" if user or password else ""
        return cls(host, port or default_port, Secret(basic), source)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _refusal(source: str) -> ConfigError:
    return ConfigError(
        f"{source}: expected http://host:port or http://user:password@host:port",
        code="proxy-address",
    )


def choose_proxy(
    host: str, port: int, settings: Mapping[str, Secret], environment: Mapping[str, str]
) -> OutboundProxy | None:
    """Return the proxy for connections to ``host``; None for a direct one.

    Args:
        host, port: where the connection shall go.
        settings: what the configuration says, by the name of the setting, the one that outranks
            the others first; empty ones say nothing.
        environment: where the variables are looked for: ``https_proxy``, ``all_proxy`` and
            ``http_proxy``, each in lower case before upper case, unless ``no_proxy`` names the
            host.

    Raises:
        ConfigError: what is said there is no address of a proxy.
    """
    for name, value in settings.items():
        if value:
            text = value.reveal().strip()
            return None if text.lower() == DIRECT else OutboundProxy.parse(text, name)
    exceptions = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if is_exempt(host, port, exceptions):
        return None
    for name in _VARIABLES:
        for spelling in (name, name.upper()):
            if text := environment.get(spelling, "").strip():
                return OutboundProxy.parse(text, spelling)
    return None


def is_exempt(host: str, port: int, exceptions: str) -> bool:
    """Return whether ``NO_PROXY`` names a host, by curl's rules.

    An asterisk names all. A name names itself and what ends with it after a dot; it may begin with
    a dot and end with a port. Addresses may be networks. Loopback is not exempt of itself.
    """
    host = host.strip("[]").rstrip(".").lower()
    for word in exceptions.replace(",", " ").split():
        if word == "*" or _names(word.lower(), host, port):
            return True
    return False


def _names(word: str, host: str, port: int) -> bool:
    try:
        network = ipaddress.ip_network(word.strip("[]"), strict=False)
    except ValueError:
        pass
    else:
        try:
            return ipaddress.ip_address(host) in network
        except ValueError:
            return False
    name, colon, number = word.rpartition(":")
    if colon and number.isdecimal() and "]" not in number:
        if int(number) != port:
            return False
        word = name
    word = word.strip("[]").lstrip("*").strip(".")
    return bool(word) and (host == word or host.endswith(f".{word}"))
