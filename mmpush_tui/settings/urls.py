"""The addresses of Mattermost's two push services, as the server's own constants spell them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regions:
    """What the page of one generation of servers knows of the hosted service's regions.

    Attributes:
        urls: the regions it offers, in its order, with the address that choosing one stores.
        known: the addresses it takes for a region; all others are somebody else's.
        first: the region it begins with where none is stored.
        renews: it stores a region's present address in the place of a former one by itself.
    """

    urls: Mapping[Region, str]
    known: Mapping[str, Region]
    first: Region
    renews: bool

    def of(self, url: str) -> Region | None:
        """Return the region that ``url`` is the address of, or None.

        The text is compared as it is: a trailing slash, ``http`` or another letter case make it
        somebody else's address, to the page as to the server.
        """
        return self.known.get(url)


_ALL_KNOWN: Final = MappingProxyType(
    {url: region for region, url in REGION_URLS.items()} | dict(LEGACY_URLS)
)

FOUR_REGIONS: Final = Regions(urls=REGION_URLS, known=_ALL_KNOWN, first=Region.GLOBAL, renews=True)
"""The page from :data:`FOUR_REGIONS_SINCE` on."""

TWO_REGIONS: Final = Regions(
    urls=MappingProxyType({region: url for url, region in LEGACY_URLS.items()}),
    known=LEGACY_URLS,
    first=Region.US,
    renews=False,
)
"""The page before that, which knows no address of the four."""

ANY_REGIONS: Final = Regions(urls=REGION_URLS, known=_ALL_KNOWN, first=Region.GLOBAL, renews=False)
"""For a server whose version is not known: everything is offered and nothing renewed."""

FOUR_REGIONS_SINCE: Final = (11, 6)


def regions_for(version: str | None) -> Regions:
    """Return what the page of a server of ``version``, as ``11.6.0``, knows of regions."""
    numbers = re.match(r"(\d{1,4})\.(\d{1,4})", version or "")
    if numbers is None:
        return ANY_REGIONS
    is_new = (int(numbers[1]), int(numbers[2])) >= FOUR_REGIONS_SINCE
    return FOUR_REGIONS if is_new else TWO_REGIONS
