"""Whether the addresses of a well-known name can be the real ones: pure."""

import ipaddress
from collections.abc import Sequence
from typing import Final

APPLE_NETWORKS: Final = tuple(
    ipaddress.ip_network(text) for text in ("17.0.0.0/8", "2620:149::/32", "2a01:b740::/32",
                                            "2403:300::/32", "2a01:b747::/32")
)  # fmt: skip
"""Apple's own: its servers for push are in 17.0.0.0/8 (Apple, "Use Apple products on enterprise
networks"); the others are what its registries list."""
_APPLE: Final = "push.apple.com"
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""What networks without IPv4 reach IPv4 addresses through, which are its last bits (RFC 6052)."""
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def odd(host: str, addresses: Sequence[str]) -> tuple[str, str] | None:
    """Return a code and a clause where ``addresses`` cannot be those of ``host`` on the internet.

    Args:
        host: a name of Apple's, Google's or Mattermost's.
        addresses: what this host's name servers say.
    """
    real = [_meant(text) for text in addresses]
    inside = [str(it) for it in real if not it.is_global]
    if inside:
        return "dns_private", f"the name leads to {inside[0]}, which is no address on the internet"
    if host == _APPLE or host.endswith(f".{_APPLE}"):
        others = [str(it) for it in real if not any(it in network for network in APPLE_NETWORKS)]
        if others:
            return "dns_not_apple", f"the name leads to {others[0]}, which is none of Apple's"
    return None


def _meant(text: str) -> _Address:
    """Return an address, the IPv4 address itself where another one stands for that."""
    address: _Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address
    return address
