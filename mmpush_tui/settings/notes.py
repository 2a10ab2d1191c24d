"""Advice beside the rows: what the web page does not say and an admin finds out the hard way."""

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import SplitResult, urlsplit

from mmpush_tui.findings import Finding, Severity
from mmpush_tui.settings.page import Contents, Licence, Mode, Page, Stored
from mmpush_tui.settings.page_fields import OLD_PRIVACY_URL, PRIVACY_URL, TERMS_URL
from mmpush_tui.settings.urls import (
    ANY_REGIONS,
    FOUR_REGIONS_SINCE,
    LEGACY_URLS,
    REGION_URLS,
    TPNS_URL,
    TWO_REGIONS,
    Region,
)

_NOT_PUBLIC: Final = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
"""Endings of names that no public name server answers."""

_TLS_PORTS: Final = (443, 8443)
_PLAIN_PORTS: Final = (80, 8066, 8086)
_REGION_NAMES: Final = {
    Region.GLOBAL: "Global",
    Region.US: "US",
    Region.DE: "Germany",
    Region.JP: "Japan",
}


def notes(
    page: Page, licence: Licence, locked: Mapping[str, str], stored: Stored | None = None
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
        *_of_number(page),
        *(_of_contents(page, licence) if page.mode is not Mode.OFF else ()),
    )


def _info(code: str, message: str) -> Finding:
    return Finding(severity=Severity.INFO, code=code, message=message)


def _warn(code: str, message: str) -> Finding:
    return Finding(severity=Severity.WARN, code=code, message=message)


def _of_locks(locked: Mapping[str, str]) -> Iterator[Finding]:
    if locked:
        names = sorted(set(locked.values()))
        many = len(names) > 1
        yield _info(
            "locked",
            f"{' and '.join(names)} {'are' if many else 'is'} set in the environment and "
            f"{'outrank' if many else 'outranks'} what is stored: change the setting there.",
        )


def _of_mode(page: Page, licence: Licence) -> Iterator[Finding]:
    match page.mode:
        case Mode.OFF:
            kept = " The address is kept for when it is switched on again." if page.server else ""
            yield _info(
                "push-off",
                f"Push notifications are off: no phone gets one.{kept}",
            )
        case Mode.HPNS:
            yield _store_apps("HPNS")
            yield _info(
                "hpns-terms",
                f"Whoever uses HPNS accepts its Terms of Service, {TERMS_URL}, and its Privacy "
                f"Policy, {PRIVACY_URL}; older servers link {OLD_PRIVACY_URL}.",
            )
            yield from _of_region(page)
            if licence.hpns is False:
                yield _no_hpns()
            elif licence.hpns is None:
                yield _info(
                    "licence-unknown",
                    "HPNS works only with a licence that includes it, which cannot be seen from "
                    "here: look under Edition and License in the System Console.",
                )
        case Mode.TPNS:
            yield _warn(
                "tpns-not-production",
                "TPNS is for tests, not for production and not for Mattermost Cloud: nobody "
                "promises that it is up.",
            )
            yield _store_apps("TPNS")
            if licence.hpns:
                yield _warn(
                    "tpns-with-licence",
                    "The licence includes HPNS: newer servers leave TPNS by themselves and choose "
                    "HPNS, Global.",
                )
        case Mode.CUSTOM:
            pass


def _store_apps(service: str) -> Finding:
    return _info(
        "store-apps-only",
        f"{service} reaches only the Mattermost apps from the App Store and Google Play. Apps "
        "that you built need a push proxy of your own.",
    )


def _of_region(page: Page) -> Iterator[Finding]:
    """Say what older servers make of the present addresses, where this one may be older."""
    if page.regions is ANY_REGIONS and page.server in REGION_URLS.values():
        since = ".".join(map(str, FOUR_REGIONS_SINCE))
        yield _info(
            "region-version-unknown",
            f"Mattermost knows this address since {since}. Which version runs cannot be seen from "
            "here; an older one shows it as an address of your own, and offers US and Germany "
            "alone.",
        )


def _no_hpns() -> Finding:
    return _warn(
        "hpns-unlicensed",
        "The licence does not include HPNS: the server sends nothing to this address. Choose "
        "TPNS, a push proxy of your own, or a licence with HPNS.",
    )


def _of_former_address(
    page: Page, locked: Mapping[str, str], stored: Stored | None
) -> Iterator[Finding]:
    region = LEGACY_URLS.get(stored.server) if stored and page.mode is Mode.HPNS else None
    if stored is None or region is None or page.regions is TWO_REGIONS:
        return
    new = REGION_URLS[region]
    if "server" in locked:
        then = f"set {locked['server']} to {new} when you can."
    elif page.regions.renews:
        then = f"the next save writes {new} or the region you choose."
    else:
        since = ".".join(map(str, FOUR_REGIONS_SINCE))
        then = f"it stays until you choose another region. Servers since {since} call it {new}."
    yield _info(
        "legacy-address",
        f"{stored.server} is the former address of the region {_REGION_NAMES[region]}. It still "
        f"works; {then}",
    )


def _of_address(page: Page, licence: Licence) -> Iterator[Finding]:
    """Judge an address that was entered by hand; Save itself accepts anything."""
    address = page.server.strip()
    if not address:
        yield _warn(
            "server-empty",
            "No address is entered, so nothing can be sent: enter that of your push proxy, such "
            "as http://127.0.0.1:8086.",
        )
        return
    if known := _hosted(address):
        yield from _of_hosted(address, known, page, licence)
        return
    if "://" not in address:
        yield _warn(
            "server-no-scheme",
            "The address does not begin with http:// or https://, so nothing can be sent: put "
            "what your push proxy speaks in front of it.",
        )
        return
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, SplitResult("", "", "", "", "")
    if any(char.isspace() for char in address) or not host:
        yield _warn(
            "server-not-an-address",
            "This is no address that the server can use: expected http://HOST:PORT or "
            "https://HOST:PORT.",
        )
        return
    yield from _of_parts(parts, host, port)


def _hosted(address: str) -> str:
    """Return the hosted address that this one is, or differs from only in its spelling."""
    plain = address.lower().rstrip("/").replace("http://", "https://", 1)
    return next(
        (url for url in (TPNS_URL, *REGION_URLS.values(), *LEGACY_URLS) if plain == url), ""
    )


def _of_hosted(address: str, known: str, page: Page, licence: Licence) -> Iterator[Finding]:
    service = "TPNS" if known == TPNS_URL else "HPNS"
    if address != known:
        yield _warn(
            "server-almost-hosted",
            f"This is nearly the address of {service}. The server knows only {known}, letter for "
            f"letter: choose {service} instead.",
        )
    elif known != TPNS_URL and page.regions.of(known) is None:
        since = ".".join(map(str, FOUR_REGIONS_SINCE))
        yield _info(
            "server-newer-region",
            f"This is an address of HPNS that Mattermost knows since {since}. This server is "
            "older: it sends there and shows it as an address of your own.",
        )
    elif known != TPNS_URL and licence.hpns is False:
        yield _no_hpns()
    else:
        yield _info(
            "server-is-hosted",
            f"This is the address of {service}: once saved, the page shows {service} as chosen.",
        )


def _of_parts(parts: SplitResult, host: str, port: int | None) -> Iterator[Finding]:
    if parts.scheme not in ("http", "https"):
        yield _warn(
            "server-scheme",
            "The server can send only to http:// and https:// addresses: use the one that your "
            "push proxy speaks.",
        )
    elif parts.scheme == "http" and port in _TLS_PORTS:
        yield _warn(
            "server-http-to-tls",
            f"http:// to port {port}, where TLS is spoken: use https://.",
        )
    elif parts.scheme == "https" and port in _PLAIN_PORTS:
        yield _warn(
            "server-https-to-plain",
            f"https:// to port {port}, where a push proxy speaks http:// unless it was given a "
            "certificate: use http://, or be sure that it has one.",
        )
    elif parts.scheme == "http" and not _is_nearby(host):
        yield _warn(
            "server-http",
            "http:// sends names and messages readable for everyone on the way: use https:// "
            "unless this host is in your own network.",
        )
    if parts.username is not None:
        yield _warn(
            "server-password",
            "The address holds a user name or password, which is right only where the push proxy "
            "asks for it (access_user of mmpush-tui): else remove what stands before the @.",
        )
    if parts.path.rstrip("/"):
        yield _warn(
            "server-path",
            "The server adds /api/v1/send_push to the address by itself: never enter that, and "
            "another path only where a reverse proxy, or path_prefix of mmpush-tui, serves your "
            "push proxy under it.",
        )
    elif parts.path:
        yield _info(
            "server-trailing-slash",
            "The slash at the end does no harm to sending and is not needed.",
        )
    if parts.query or parts.fragment:
        yield _warn(
            "server-query",
            "A push proxy's address has no ? or #: remove them and what follows.",
        )
    yield from _of_port(port)


def _of_port(port: int | None) -> Iterator[Finding]:
    match port:
        case 8065:
            yield _warn(
                "server-port",
                "8065 is the usual port of the Mattermost server itself, not of a push proxy: "
                "those use 8086 (mmpush-tui) or 8066 (the reference proxy's sample).",
            )
        case 8066:
            yield _info(
                "server-port",
                "8066 is the port of the reference proxy's sample; mmpush-tui listens on 8086 "
                "unless told otherwise.",
            )
        case 8086:
            yield _info(
                "server-port",
                "8086 is the port of mmpush-tui; the reference proxy's sample says 8066.",
            )
        case _:
            pass


def _is_nearby(host: str) -> bool:
    """Return whether ``host`` is this one or, by its address or name, in a network of one's own."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        name = host.rstrip(".")
        return "." not in name or name.endswith(_NOT_PUBLIC)
    return not address.is_global


def _of_number(page: Page) -> Iterator[Finding]:
    if page.max_notifications < 1:
        yield _warn(
            "max-notifications",
            "Max Notifications Per Channel must be 1 or more: the server refuses a configuration "
            "with less.",
        )


def _of_contents(page: Page, licence: Licence) -> Iterator[Finding]:
    match page.contents:
        case Contents.FULL:
            yield _info(
                "contents-full",
                "The text of messages passes through Apple and Google. The generic contents keep "
                "it back.",
            )
        case Contents.ID_LOADED if licence.id_loaded is False:
            yield _warn(
                "id-loaded-unlicensed",
                "Fetching messages on receipt needs an Enterprise licence: without, the server "
                "silently sends the generic description with sender and channel names.",
            )
        case Contents.ID_LOADED if licence.id_loaded is None:
            yield _info(
                "id-loaded-licence-unknown",
                "Fetching messages on receipt needs an Enterprise licence, which cannot be seen "
                "from here: without, the server silently sends the generic description with "
                "sender and channel names.",
            )
        case Contents.GENERIC | Contents.GENERIC_NO_CHANNEL | Contents.ID_LOADED:
            pass
        case _:
            yield _warn(
                "contents-unknown",
                "The stored word for the contents is none that Mattermost knows: choose one.",
            )
