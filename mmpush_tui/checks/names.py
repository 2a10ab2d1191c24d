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


def odd(host: str, addresses: Sequence[str]) -> tuple[str, str] | None:
    """Return a code and a clause where ``addresses`` cannot be those of ``host`` on the internet.

    Args:
        host: a name of Apple's, Google's or Mattermost's.
        addresses: what this host's name servers say.
    """
    found = [ipaddress.ip_address(text.partition("%")[0]) for text in addresses]
    inside = [str(it) for it in found if not it.is_global]
    if inside:
        return "dns_private", f"the name leads to {inside[0]}, which is no address on the internet"
    if host == _APPLE or host.endswith(f".{_APPLE}"):
        others = [str(it) for it in found if not any(it in network for network in APPLE_NETWORKS)]
        if others:
            return "dns_not_apple", f"the name leads to {others[0]}, which is none of Apple's"
    return None
