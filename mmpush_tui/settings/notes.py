"""Advice beside the rows: what the web page does not say and an admin finds out the hard way.

What it says is in the troubleshooting catalogue; here is when it is said.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from mmpush_tui.findings import Finding
from mmpush_tui.settings.page import Contents, Licence, Mode, Page, Stored
from mmpush_tui.settings.page_fields import PRIVACY_URL, REGION, TERMS_URL, page_words
from mmpush_tui.settings.urls import (
    ANY_REGIONS,
    LEGACY_URLS,
    REGION_URLS,
    TPNS_URL,
    TWO_REGIONS,
)
from mmpush_tui.troubleshooting.wording import note_of

_NOT_PUBLIC: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
"""Endings of names that no public name server answers."""

_TLS_PORTS: Final = (443, 8443)
_PLAIN_PORTS: Final = (80, 8066, 8086)
_TELLING_PORTS: Final = (8065, 8066, 8086)
"""Those that tell which program is meant."""


def notes(
    page: Page, licence: Licence, locked: Mapping[str, str], stored: Stored
) -> tuple[Finding, ...]:
    """Return the advice for ``page``, in the order of its rows.

    No message repeats the address that is entered: it may hold a password.

    Args:
        page: the page, or a draft of it.
        licence: what is known of the server's licence.
        locked: fields held by an environment variable.
        stored: what the source holds; it tells a former address from the region's present one.
    """
    return (
        *_of_locks(locked),
        *_of_mode(page, licence),
        *_of_former_address(page, locked, stored),
        *(_of_address(page, licence) if page.mode is Mode.CUSTOM else ()),
        *((note_of("max-notifications"),) if page.max_notifications < 1 else ()),
        *(_of_contents(page, licence) if page.mode is not Mode.OFF else ()),
    )


def _of_locks(locked: Mapping[str, str]) -> Iterator[Finding]:
    if locked:
        names = sorted(set(locked.values()))
        case = "several" if len(names) > 1 else ""
        yield note_of("locked", case, variables=" and ".join(names))


def _of_mode(page: Page, licence: Licence) -> Iterator[Finding]:
    match page.mode:
        case Mode.OFF:
            yield note_of("push-off", "kept" if page.server else "")
        case Mode.HPNS:
            yield note_of("store-apps-only", service="HPNS")
            yield note_of("hpns-terms", terms=TERMS_URL, privacy=PRIVACY_URL)
            # An older server takes a present address for somebody's own.
            if page.regions is ANY_REGIONS and page.server in REGION_URLS.values():
                yield note_of("region-version-unknown")
            if licence.hpns is False:
                yield note_of("hpns-unlicensed")
            elif licence.hpns is None:
                yield note_of("licence-unknown")
        case Mode.TPNS:
            yield note_of("tpns-not-production")
            yield note_of("store-apps-only", service="TPNS")
            if licence.hpns:
                yield note_of("tpns-with-licence")
        case Mode.CUSTOM:
            pass


def _of_former_address(page: Page, locked: Mapping[str, str], stored: Stored) -> Iterator[Finding]:
    region = LEGACY_URLS.get(stored.server) if page.mode is Mode.HPNS else None
    if region is None or page.regions is TWO_REGIONS:
        return
    yield note_of(
        "legacy-address",
        "held" if "server" in locked else "renewed" if page.regions.renews else "",
        former=stored.server,
        region=page_words(REGION.name, region),
        present=REGION_URLS[region],
        variable=locked.get("server"),
    )


def _of_address(page: Page, licence: Licence) -> Iterator[Finding]:
    """Judge an address that was entered by hand; Save itself accepts anything."""
    address = page.server.strip()
    if not address:
        yield note_of("server-empty")
        return
    if hosted := _hosted(address):
        yield _of_hosted(address, hosted, page, licence)
        return
    if "://" not in address:
        yield note_of("server-no-scheme")
        return
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, SplitResult("", "", "", "", "")
    if any(char.isspace() for char in address) or not host:
        yield note_of("server-not-an-address")
        return
    yield from _of_parts(parts, host, port)


def _hosted(address: str) -> str:
    """Return the hosted address that this one is, or differs from only in its spelling."""
    plain = address.lower().rstrip("/").replace("http://", "https://", 1)
    return plain if plain in (TPNS_URL, *REGION_URLS.values(), *LEGACY_URLS) else ""


def _of_hosted(address: str, hosted: str, page: Page, licence: Licence) -> Finding:
    service = "TPNS" if hosted == TPNS_URL else "HPNS"
    if address != hosted:
        return note_of("server-almost-hosted", service=service, address=hosted)
    if service == "HPNS" and page.regions.of(hosted) is None:
        return note_of("server-newer-region")
    if service == "HPNS" and licence.hpns is False:
        return note_of("hpns-unlicensed")
    return note_of("server-is-hosted", service=service)


def _of_parts(parts: SplitResult, host: str, port: int | None) -> Iterator[Finding]:
    if parts.scheme not in ("http", "https"):
        yield note_of("server-scheme")
    elif parts.scheme == "http" and port in _TLS_PORTS:
        yield note_of("server-http-to-tls", port=port)
    elif parts.scheme == "https" and port in _PLAIN_PORTS:
        yield note_of("server-https-to-plain", port=port)
    elif parts.scheme == "http" and not _is_nearby(host):
        yield note_of("server-http")
    if parts.username is not None:
        yield note_of("server-password")
    if parts.path.rstrip("/"):
        yield note_of("server-path")
    elif parts.path:
        yield note_of("server-trailing-slash")
    if parts.query or parts.fragment:
        yield note_of("server-query")
    if port in _TELLING_PORTS:
        yield note_of("server-port", str(port))


def _is_nearby(host: str) -> bool:
    """Return whether ``host`` is this one or, by its address or name, in a network of one's own."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        name = host.rstrip(".")
        return "." not in name or name.endswith(_NOT_PUBLIC)
    return not address.is_global


def _of_contents(page: Page, licence: Licence) -> Iterator[Finding]:
    match page.contents:
        case Contents.FULL:
            yield note_of("contents-full")
        case Contents.ID_LOADED if licence.id_loaded is False:
            yield note_of("id-loaded-unlicensed")
        case Contents.ID_LOADED if licence.id_loaded is None:
            yield note_of("id-loaded-licence-unknown")
        case Contents.GENERIC | Contents.GENERIC_NO_CHANNEL | Contents.ID_LOADED:
            pass
        case _:
            yield note_of("contents-unknown")
