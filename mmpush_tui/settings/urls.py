"""The addresses of Mattermost's two push services, as the server's own constants spell them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Region(StrEnum):
    """A location of the hosted service (HPNS)."""

    GLOBAL = "global"
    US = "us"
    DE = "de"
    JP = "jp"


TPNS_URL: Final = "https://push-test.mattermost.com"
"""The test service, free of charge."""

REGION_URLS: Final[Mapping[Region, str]] = MappingProxyType(
    {
        Region.GLOBAL: "https://global.push.mattermost.com",
        Region.US: "https://us.push.mattermost.com",
        Region.DE: "https://eu.push.mattermost.com",
        Region.JP: "https://ap.push.mattermost.com",
    }
)
"""The hosted service, which a licence pays for."""

LEGACY_URLS: Final[Mapping[str, Region]] = MappingProxyType(
    {
        "https://push.mattermost.com": Region.US,
        "https://hpns-de.mattermost.com": Region.DE,
    }
)
"""Former addresses of the hosted service. They still work; the page shows them as the region."""


def region_of(url: str) -> Region | None:
    """Return the region that ``url`` is the address of, a former one included, or None.

    The text is compared as it is: a trailing slash, ``http`` or another letter case make it
    somebody else's address, to the page as to the server.
    """
    for region, known in REGION_URLS.items():
        if url == known:
            return region
    return LEGACY_URLS.get(url)
