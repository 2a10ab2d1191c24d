"""This host's own addresses, which a rehearsal never leaves."""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost")


def is_on_loopback(url: str) -> bool:
    """Return whether the host of ``url`` is a number of 127.0.0.0/8 or ::1; names are not asked."""
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return False
