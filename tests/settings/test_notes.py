"""Advice: which state of the page brings which note, and its words."""

import inspect
import re
import sys

import pytest

from mmpush_tui.settings.notes import notes
from mmpush_tui.settings.page import Contents, Licence, Mode, Page, Stored, infer
from mmpush_tui.settings.urls import ANY_REGIONS, FOUR_REGIONS, TWO_REGIONS, Regions
from mmpush_tui.troubleshooting.lookup import by_reason

ALL = Licence(hpns=True, id_loaded=True)
NONE = Licence(hpns=False, id_loaded=False)
QUIET = Contents.GENERIC
OWN = "http://127.0.0.1:9000"


def advice(page: Page, licence: Licence = ALL, **locked: str) -> list[tuple[str, str]]:
    return [(note.severity, note.code) for note in notes(page, licence, locked, Stored())]


def at(server: str, licence: Licence = ALL) -> list[tuple[str, str]]:
    return advice(Page(mode=Mode.CUSTOM, server=server, contents=QUIET), licence)


def message(code: str, page: Page, licence: Licence = ALL, **locked: str) -> str:
    found = [note for note in notes(page, licence, locked, Stored()) if note.code == code]
    assert len(found) == 1
    return found[0].message


MODES = {
    "off": (Page(mode=Mode.OFF), ALL, [("info", "push-off")]),
    "hpns": (
        Page(mode=Mode.HPNS, contents=QUIET),
        ALL,
        [("info", "store-apps-only"), ("info", "hpns-terms")],
    ),
    "hpns of a version that is not known": (
        Page(mode=Mode.HPNS, contents=QUIET, server="https://us.push.mattermost.com"),
        ALL,
        [("info", "store-apps-only"), ("info", "hpns-terms"), ("info", "region-version-unknown")],
    ),
    "hpns, licence unknown": (
        Page(mode=Mode.HPNS, contents=QUIET),
        Licence(),
        [("info", "store-apps-only"), ("info", "hpns-terms"), ("info", "licence-unknown")],
    ),
    "hpns, unlicensed": (
        Page(mode=Mode.HPNS, contents=QUIET),
        NONE,
        [("info", "store-apps-only"), ("info", "hpns-terms"), ("warn", "hpns-unlicensed")],
    ),
    "tpns": (
        Page(mode=Mode.TPNS, contents=QUIET),
        NONE,
        [("warn", "tpns-not-production"), ("info", "store-apps-only")],
    ),
    "tpns, licensed": (
        Page(mode=Mode.TPNS, contents=QUIET),
        ALL,
        [
            ("warn", "tpns-not-production"),
            ("info", "store-apps-only"),
            ("warn", "tpns-with-licence"),
        ],
    ),
    "full": (
        Page(mode=Mode.CUSTOM, server=OWN, contents=Contents.FULL),
        ALL,
        [("info", "contents-full")],
    ),
    "generic without channel": (
        Page(mode=Mode.CUSTOM, server=OWN, contents=Contents.GENERIC_NO_CHANNEL),
        ALL,
        [],
    ),
    "id_loaded": (Page(mode=Mode.CUSTOM, server=OWN, contents=Contents.ID_LOADED), ALL, []),
    "id_loaded, unlicensed": (
        Page(mode=Mode.CUSTOM, server=OWN, contents=Contents.ID_LOADED),
        NONE,
        [("warn", "id-loaded-unlicensed")],
    ),
    "id_loaded, licence unknown": (
        Page(mode=Mode.CUSTOM, server=OWN, contents=Contents.ID_LOADED),
        Licence(),
        [("info", "id-loaded-licence-unknown")],
    ),
    "contents unknown": (
        Page(mode=Mode.CUSTOM, server=OWN, contents="Full"),
        ALL,
        [("warn", "contents-unknown")],
    ),
    "no limit": (
        Page(mode=Mode.CUSTOM, server=OWN, contents=QUIET, max_notifications=0),
        ALL,
        [("warn", "max-notifications")],
    ),
}


@pytest.mark.parametrize(("page", "licence", "expected"), MODES.values(), ids=MODES)
def test_the_page_brings_its_notes(
    page: Page, licence: Licence, expected: list[tuple[str, str]]
) -> None:
    assert advice(page, licence) == expected


ADDRESSES = {
    OWN: [],
    "https://push.example.com": [],
    "http://push-proxy:9000": [],
    "http://10.1.2.3": [],
    "http://[::1]:9000": [],
    "http://[fe80::1%25eth0]:9000": [],
    "http://push.lan": [],
    "http://push.example.internal.:9000": [],
    "http://192.168.7.7:8086": [("info", "server-port")],
    "http://localhost:8066": [("info", "server-port")],
    "https://push.example.com:8065": [("warn", "server-port")],
    "http://push.example.com": [("warn", "server-http")],
    "http://8.8.8.8": [("warn", "server-http")],
    "http://[2606:4700::1]": [("warn", "server-http")],
    "HTTPS://push.example.com/": [("info", "server-trailing-slash")],
    "https://push.example.com/api/v1/send_push": [("warn", "server-path")],
    "https://push.example.com/push/": [("warn", "server-path")],
    "https://push.example.com?a=b": [("warn", "server-query")],
    "https://push.example.com/#top": [("info", "server-trailing-slash"), ("warn", "server-query")],
    "https://user:word@push.example.com": [("warn", "server-password")],
    "ftp://push.example.com": [("warn", "server-scheme")],
    "http://10.1.2.3:443": [("warn", "server-http-to-tls")],
    "http://push.example.com:8443": [("warn", "server-http-to-tls")],
    "https://10.1.2.3:8086": [("warn", "server-https-to-plain"), ("info", "server-port")],
    "https://10.1.2.3:8066": [("warn", "server-https-to-plain"), ("info", "server-port")],
    "https://10.1.2.3:80": [("warn", "server-https-to-plain")],
    "push.example.com:8066": [("warn", "server-no-scheme")],
    "push.example.com": [("warn", "server-no-scheme")],
    "": [("warn", "server-empty")],
    " \t": [("warn", "server-empty")],
    "https://": [("warn", "server-not-an-address")],
    "https://push example.com": [("warn", "server-not-an-address")],
    "https://push.example.com:port": [("warn", "server-not-an-address")],
    "https://push.example.com:99999": [("warn", "server-not-an-address")],
    "http://[::1": [("warn", "server-not-an-address")],
    f" {OWN} ": [],
    "http://push-test.mattermost.com": [("warn", "server-almost-hosted")],
    "https://push-test.mattermost.com/": [("warn", "server-almost-hosted")],
    "https://EU.push.mattermost.com": [("warn", "server-almost-hosted")],
    "http://push.mattermost.com/": [("warn", "server-almost-hosted")],
    "https://push-test.mattermost.com": [("info", "server-is-hosted")],
    "https://hpns-de.mattermost.com": [("info", "server-is-hosted")],
}


@pytest.mark.parametrize(("server", "expected"), ADDRESSES.items())
def test_an_address_brings_its_notes(server: str, expected: list[tuple[str, str]]) -> None:
    assert at(server) == expected


def test_a_hosted_address_without_its_licence_sends_nothing() -> None:
    assert at("https://us.push.mattermost.com", NONE) == [("warn", "hpns-unlicensed")]
    assert at("https://push-test.mattermost.com", NONE) == [("info", "server-is-hosted")]


def test_nearly_hosted_names_the_right_spelling() -> None:
    page = Page(mode=Mode.CUSTOM, server="http://push-test.mattermost.com", contents=QUIET)
    assert message("server-almost-hosted", page) == (
        "This is nearly the address of TPNS. The server knows only "
        "https://push-test.mattermost.com, letter for letter: choose TPNS instead."
    )


def test_only_custom_has_its_address_judged() -> None:
    page = Page(mode=Mode.OFF, server="ftp://user:word@push.example.com/x")
    assert advice(page) == [("info", "push-off")]
    assert message("push-off", page) == (
        "Push notifications are off: no phone gets one. The address is kept for when it is "
        "switched on again."
    )


def test_no_note_repeats_what_may_be_a_password() -> None:
    page = Page(mode=Mode.CUSTOM, server="http://canary:canary@push.example.com:8066/canary?canary")
    found = notes(page, ALL, {}, Stored())
    assert len(found) > 4
    assert "canary" not in repr(found)


FORMER_DE = Stored(send=True, server="https://hpns-de.mattermost.com", contents="generic")
HELD = {"server": "MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER"}
FORMER = (
    "https://hpns-de.mattermost.com is the former address of the region Germany. It still works; "
)


@pytest.mark.parametrize(
    ("regions", "locked", "then"),
    [
        (
            FOUR_REGIONS,
            {},
            "the next save writes https://eu.push.mattermost.com or the region you choose.",
        ),
        (
            ANY_REGIONS,
            {},
            "it stays until you choose another region. Servers since 11.6 call it "
            "https://eu.push.mattermost.com.",
        ),
        (
            FOUR_REGIONS,
            HELD,
            "set MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER to https://eu.push.mattermost.com when "
            "you can.",
        ),
    ],
)
def test_a_former_address_is_named_with_what_replaces_it(
    regions: Regions, locked: dict[str, str], then: str
) -> None:
    page = infer(FORMER_DE, ALL, regions)
    found = {note.code: note for note in notes(page, ALL, locked, FORMER_DE)}
    assert found["legacy-address"].message == FORMER + then
    off = page.with_mode(Mode.OFF)
    assert "legacy-address" not in {note.code for note in notes(off, ALL, locked, FORMER_DE)}


def test_an_older_server_has_its_own_address_and_no_newer_one() -> None:
    page = infer(FORMER_DE, ALL, TWO_REGIONS)
    assert page.mode is Mode.HPNS
    codes = {note.code for note in notes(page, ALL, {}, FORMER_DE)}
    assert not codes & {"legacy-address", "region-version-unknown"}
    newer = Stored(send=True, server="https://eu.push.mattermost.com", contents="generic")
    page = infer(newer, ALL, TWO_REGIONS)
    assert page.mode is Mode.CUSTOM
    assert [note.code for note in notes(page, ALL, {}, newer)] == ["server-newer-region"]


@pytest.mark.parametrize(
    ("note", "entry"),
    [
        ("locked", "settings-environment"),
        ("push-off", "settings-push-off"),
        ("hpns-unlicensed", "settings-licence-missing"),
        ("tpns-not-production", "settings-tpns"),
        ("store-apps-only", "apns-bad-device-token"),
        ("server-path", "settings-url-path"),
        ("server-http-to-tls", "settings-http-or-https"),
        ("server-no-scheme", "settings-url-scheme"),
        ("id-loaded-unlicensed", "settings-id-loaded"),
    ],
)
def test_the_catalogue_says_more(note: str, entry: str) -> None:
    found = by_reason(note)
    assert found is not None
    assert found.code == entry


def test_locks_are_named_once() -> None:
    page = Page(mode=Mode.CUSTOM, server=OWN, contents=QUIET)
    assert message("locked", page, server="MM_B", mode="MM_A") == (
        "MM_A and MM_B are set in the environment and outrank what is stored: change the setting "
        "there."
    )
    assert message("locked", page, server="MM_B").startswith("MM_B is set in the environment")


def test_every_note_is_whole_sentences() -> None:
    seen: set[str] = set()
    pages = [page for page, _, _ in MODES.values()]
    pages += [Page(mode=Mode.CUSTOM, server=server) for server in ADDRESSES]
    for page in pages:
        for licence in (ALL, NONE, Licence()):
            for note in notes(page, licence, {"server": "MM_X"}, Stored()):
                seen.add(note.code)
                assert note.message[0].isupper() or note.message.startswith(("http", "80"))
                assert note.message.endswith(".")
                assert "!" not in note.message
                assert "{" not in note.message
    source = inspect.getsource(sys.modules[notes.__module__])
    codes = set(re.findall(r'note_of\(\s*"([a-z-]+)"', source))
    assert len(codes) > 20
    # They need what is stored, or an older server, and have tests of their own.
    assert seen == codes - {"legacy-address", "server-newer-region"}
