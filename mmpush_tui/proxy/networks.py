"""Who is asking: addresses, networks, and what trusted reverse proxies say of them."""

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from mmpush_tui.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FORWARDED: Final = "x-forwarded-for"
_HOPS_LIMIT: Final = 32
_LONGEST: Final = 80
"""Characters of an address with zone, brackets and port; there is some room."""
_REMEMBERED: Final = 4096


def networks(words: Iterable[str], key: str) -> tuple[Network, ...]:
    """Return the networks that ``words`` name; an address is a network of one.

    IPv4 networks that are written as IPv6 are what they are, as with :func:`address`.

    Args:
        words: ``10.0.0.0/8``, ``::1``.
        key: the setting that they come from.

    Raises:
        ConfigError: a word is neither.
    """
    named = []
    for word in words:
        try:
            named.append(_network(word))
        except ValueError as error:
            raise ConfigError(
                f"{key}: {word} is neither an address nor a network",
                code="network-invalid",
            ) from error
    return tuple(named)


def _network(word: str) -> Network:
    if "%" in word:
        # Zones are dropped from the addresses of senders; this would never be one of them.
        raise ValueError(word)
    network = ipaddress.ip_network(word, strict=False)
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


def address(text: str) -> Address | None:
    """Return the address in ``text``, with or without port and brackets; None for anything else.

    An IPv4 address that is written as IPv6 is what it is.
    """
    text = text.strip()
    # Strangers write this; what is too long to be one is not worth remembering.
    return _address(text) if len(text) <= _LONGEST else None


@lru_cache(_REMEMBERED)
def _address(text: str) -> Address | None:
    text = text.strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed


def is_in(where: Address | None, among: Sequence[Network]) -> bool:
    """Return whether an address is in one of ``among``."""
    return where is not None and any(where in network for network in among)


def membership(among: Sequence[Network]) -> Callable[[str], bool]:
    """Return what tells of an address as text whether it is in one of ``among``.

    It remembers its answers: a look at twenty networks takes longer than all else that is asked of
    a sender.
    """
    return lru_cache(_REMEMBERED)(lambda text: is_in(address(text), among))


def is_everybody(among: Sequence[Network]) -> bool:
    """Return whether one of ``among`` has every address there is, of IPv4 or IPv6."""
    return any(network.prefixlen == 0 for network in among)


class Senders:
    """Tells who is at the other end, through reverse proxies as far as they are trusted.

    Args:
        trusted: the reverse proxies.
        header: the header in lower case in which they say who asks them; empty for
            ``x-forwarded-for``.
    """

    def __init__(self, trusted: Sequence[Network], header: str = "") -> None:
        self._trusted = trusted
        self._trusts = membership(trusted)
        self._header = header or FORWARDED

    @property
    def header(self) -> str:
        """The header that is wanted of a trusted proxy, in lower case; empty where none is."""
        return self._header if self._trusted else ""

    def of(self, peer: str, named: str = "") -> str:
        """Return the address of whoever asks; the peer's own words count for nothing.

        Args:
            peer: the other end of the connection; empty on a Unix socket, which only a reverse
                proxy on this host can open, so that it is trusted where any is.
            named: the value of :attr:`header`.

        Returns:
            The last address in the header that no trusted proxy has, or the peer's; ``unix``
            where there is neither.
        """
        if not self._trusted or not named or (peer and not self._trusts(peer)):
            return peer or "unix"
        last = peer
        for hop in reversed(named.rsplit(",", _HOPS_LIMIT)):
            parsed = address(hop)
            if parsed is None:
                break
            last = str(parsed)
            if not self._trusts(last):
                break
        return last or "unix"


@lru_cache(_REMEMBERED)
def throttle_key(sender: str) -> str:
    """Return under which name the requests of ``sender`` are counted.

    Whoever has an IPv6 address has a network of 2^64 of them.
    """
    parsed = address(sender)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed) if parsed is not None else sender
