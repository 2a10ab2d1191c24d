"""The rules of the web page, row by row."""

from dataclasses import replace

import pytest

from mmpush_tui.settings.page import (
    KEYS,
    Change,
    Contents,
    Licence,
    Mode,
    Page,
    Stored,
    blocked,
    differences,
    infer,
    to_stored,
)
from mmpush_tui.settings.urls import (
    ANY_REGIONS,
    FOUR_REGIONS,
    LEGACY_URLS,
    REGION_URLS,
    TPNS_URL,
    TWO_REGIONS,
    Region,
    Regions,
    regions_for,
)

LICENSED = Licence(hpns=True, id_loaded=True)
UNLICENSED = Licence(hpns=False, id_loaded=False)
UNKNOWN = Licence()
GLOBAL_URL = "https://global.push.mattermost.com"
US_URL = "https://us.push.mattermost.com"
DE_URL = "https://eu.push.mattermost.com"
JP_URL = "https://ap.push.mattermost.com"
OLD_US_URL = "https://push.mattermost.com"
OLD_DE_URL = "https://hpns-de.mattermost.com"
OWN_URL = "http://127.0.0.1:8086"


def stored(server: str, **others: str | int | bool) -> Stored:
    return replace(Stored(send=True, server=server), **others)  # type: ignore[arg-type] # names and types are those of Stored


def opened(
    server: str,
    licence: Licence = LICENSED,
    *,
    send: bool = True,
    regions: Regions = ANY_REGIONS,
) -> Page:
    return infer(Stored(send=send, server=server), licence, regions)


def test_the_addresses_are_those_of_the_server() -> None:
    assert list(REGION_URLS.values()) == [GLOBAL_URL, US_URL, DE_URL, JP_URL]
    assert LEGACY_URLS == {OLD_US_URL: Region.US, OLD_DE_URL: Region.DE}
    assert TPNS_URL == "https://push-test.mattermost.com"


def test_what_a_configuration_lacks_has_the_defaults_of_an_existing_one() -> None:
    assert Stored() == Stored(send=False, server="", contents="full", max_notifications=1000)


# (server, licence) -> (mode, region, shown address, terms accepted)
INFERRED = {
    "global": (GLOBAL_URL, LICENSED, Mode.HPNS, Region.GLOBAL, GLOBAL_URL, True),
    "us": (US_URL, LICENSED, Mode.HPNS, Region.US, US_URL, True),
    "former us": (OLD_US_URL, LICENSED, Mode.HPNS, Region.US, OLD_US_URL, True),
    "de": (DE_URL, LICENSED, Mode.HPNS, Region.DE, DE_URL, True),
    "former de": (OLD_DE_URL, LICENSED, Mode.HPNS, Region.DE, OLD_DE_URL, True),
    "jp": (JP_URL, LICENSED, Mode.HPNS, Region.JP, JP_URL, True),
    "jp, licence unknown": (JP_URL, UNKNOWN, Mode.HPNS, Region.JP, JP_URL, True),
    "former de, licence unknown": (OLD_DE_URL, UNKNOWN, Mode.HPNS, Region.DE, OLD_DE_URL, True),
    "us unlicensed": (US_URL, UNLICENSED, Mode.CUSTOM, Region.GLOBAL, US_URL, False),
    "former us unlicensed": (OLD_US_URL, UNLICENSED, Mode.CUSTOM, Region.GLOBAL, OLD_US_URL, False),
    "tpns": (TPNS_URL, LICENSED, Mode.TPNS, Region.GLOBAL, TPNS_URL, False),
    "tpns unlicensed": (TPNS_URL, UNLICENSED, Mode.TPNS, Region.GLOBAL, TPNS_URL, False),
    "own": (OWN_URL, LICENSED, Mode.CUSTOM, Region.GLOBAL, OWN_URL, False),
    "empty": ("", LICENSED, Mode.CUSTOM, Region.GLOBAL, "", False),
}


@pytest.mark.parametrize("row", INFERRED.values(), ids=INFERRED)
def test_the_mode_follows_from_the_address(
    row: tuple[str, Licence, Mode, Region, str, bool],
) -> None:
    server, licence, mode, region, shown, agreed = row
    assert opened(server, licence) == Page(mode=mode, region=region, server=shown, agreed=agreed)


@pytest.mark.parametrize(
    "server",
    [
        "http://push.mattermost.com",
        "http://push-test.mattermost.com",
        TPNS_URL + "/",
        US_URL + "/",
        TPNS_URL.upper(),
        "https://US.push.mattermost.com",
        " " + TPNS_URL,
        TPNS_URL + ":443",
    ],
)
def test_an_address_that_differs_in_one_character_is_custom(server: str) -> None:
    assert opened(server) == Page(mode=Mode.CUSTOM, server=server)


@pytest.mark.parametrize("server", [DE_URL, OLD_US_URL, TPNS_URL, OWN_URL, ""])
@pytest.mark.parametrize("licence", [LICENSED, UNLICENSED, UNKNOWN])
def test_off_ignores_the_address_and_shows_it(server: str, licence: Licence) -> None:
    page = opened(server, licence, send=False)
    assert page == Page(mode=Mode.OFF, region=Region.GLOBAL, server=server, agreed=False)


def test_contents_and_limit_are_taken_over() -> None:
    page = infer(Stored(contents="id_loaded", max_notifications=5), LICENSED)
    assert (page.contents, page.max_notifications) == (Contents.ID_LOADED, 5)
    assert isinstance(page.contents, Contents)


def test_contents_that_no_server_knows_are_kept() -> None:
    page = infer(Stored(contents="Full"), LICENSED)
    assert page.contents == "Full"
    assert differences(Stored(contents="Full"), to_stored(page), {}) == ()


# (from, to) -> address afterwards; the page was opened on HPNS in Japan, TPNS or OWN_URL.
START = {
    Mode.HPNS: opened(JP_URL),
    Mode.TPNS: opened(TPNS_URL),
    Mode.CUSTOM: opened(OWN_URL),
    Mode.OFF: opened(OWN_URL, send=False),
}
MOVES = {
    (Mode.HPNS, Mode.TPNS): TPNS_URL,
    (Mode.HPNS, Mode.CUSTOM): "",
    (Mode.HPNS, Mode.OFF): JP_URL,
    (Mode.TPNS, Mode.HPNS): GLOBAL_URL,
    (Mode.TPNS, Mode.CUSTOM): "",
    (Mode.TPNS, Mode.OFF): TPNS_URL,
    (Mode.CUSTOM, Mode.HPNS): GLOBAL_URL,
    (Mode.CUSTOM, Mode.TPNS): TPNS_URL,
    (Mode.CUSTOM, Mode.OFF): OWN_URL,
    (Mode.OFF, Mode.HPNS): GLOBAL_URL,
    (Mode.OFF, Mode.TPNS): TPNS_URL,
    (Mode.OFF, Mode.CUSTOM): OWN_URL,
}


@pytest.mark.parametrize(("move", "server"), MOVES.items(), ids=lambda item: str(item))
def test_a_change_of_mode_sets_the_address(move: tuple[Mode, Mode], server: str) -> None:
    before, after = move
    page = START[before].with_mode(after)
    assert (page.mode, page.server) == (after, server)


@pytest.mark.parametrize("before", Mode)
@pytest.mark.parametrize("after", Mode)
def test_any_change_of_mode_unticks_the_terms(before: Mode, after: Mode) -> None:
    page = replace(START[before], agreed=True).with_mode(after)
    assert page.agreed is (before is after)


def test_choosing_the_same_mode_again_changes_nothing() -> None:
    assert all(page.with_mode(mode) == page for mode, page in START.items())


def test_back_to_hpns_goes_to_the_region_chosen_last() -> None:
    page = START[Mode.HPNS].with_mode(Mode.TPNS).with_mode(Mode.HPNS)
    assert (page.region, page.server, page.agreed) == (Region.JP, JP_URL, False)


def test_a_page_opened_off_has_lost_its_region() -> None:
    page = opened(JP_URL, send=False).with_mode(Mode.HPNS)
    assert (page.region, page.server) == (Region.GLOBAL, GLOBAL_URL)


def test_tpns_then_off_then_custom_keeps_the_address_and_opens_as_tpns_again() -> None:
    page = START[Mode.TPNS].with_mode(Mode.OFF).with_mode(Mode.CUSTOM)
    assert (page.mode, page.server) == (Mode.CUSTOM, TPNS_URL)
    assert infer(to_stored(page), LICENSED).mode is Mode.TPNS


@pytest.mark.parametrize("region", Region)
def test_a_change_of_region_sets_its_address_and_keeps_the_consent(region: Region) -> None:
    page = START[Mode.HPNS].with_region(region)
    assert (page.region, page.server, page.agreed) == (region, REGION_URLS[region], True)


def test_a_region_chosen_outside_hpns_waits() -> None:
    page = START[Mode.CUSTOM].with_region(Region.DE)
    assert page.server == OWN_URL
    assert page.with_mode(Mode.HPNS).server == DE_URL


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.HPNS, Mode.TPNS])
def test_only_custom_takes_typing(mode: Mode) -> None:
    assert START[mode].with_server("http://typed") == START[mode]
    assert START[Mode.CUSTOM].with_server("http://typed").server == "http://typed"


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.TPNS, Mode.CUSTOM])
def test_only_hpns_has_terms(mode: Mode) -> None:
    assert START[mode].with_agreed(True) == START[mode]
    assert START[mode].with_mode(Mode.HPNS).with_agreed(True).agreed


def test_contents_and_limit_change_alone() -> None:
    page = START[Mode.CUSTOM]
    assert page.with_contents(Contents.GENERIC) == replace(page, contents=Contents.GENERIC)
    assert page.with_max_notifications(7) == replace(page, max_notifications=7)


# what Save writes: (page) -> (send, server)
WRITTEN = {
    "off keeps the address as it is": (opened(f" {OWN_URL} ", send=False), False, f" {OWN_URL} "),
    "off after hpns": (START[Mode.HPNS].with_mode(Mode.OFF), False, JP_URL),
    "hpns": (START[Mode.HPNS], True, JP_URL),
    "hpns by its former address": (opened(OLD_US_URL), True, OLD_US_URL),
    "hpns by its former address, four regions": (
        opened(OLD_US_URL, regions=FOUR_REGIONS),
        True,
        US_URL,
    ),
    "tpns": (START[Mode.TPNS], True, TPNS_URL),
    "custom is trimmed": (START[Mode.CUSTOM].with_server(f"\t{OWN_URL} \n"), True, OWN_URL),
    "custom may be empty": (START[Mode.CUSTOM].with_server(""), True, ""),
    "custom is not judged": (START[Mode.CUSTOM].with_server("push proxy"), True, "push proxy"),
}


@pytest.mark.parametrize(("page", "send", "server"), WRITTEN.values(), ids=WRITTEN)
def test_what_save_writes(page: Page, send: bool, server: str) -> None:
    written = to_stored(page)
    assert (written.send, written.server) == (send, server)
    assert (written.contents, written.max_notifications) == ("full", 1000)


def test_what_is_written_opens_as_the_same_page() -> None:
    for page in START.values():
        assert infer(to_stored(page), LICENSED) == page


def test_changes_name_mattermosts_keys() -> None:
    before = stored(TPNS_URL)
    page = (
        infer(before, LICENSED)
        .with_mode(Mode.OFF)
        .with_contents(Contents.GENERIC)
        .with_max_notifications(20)
    )
    assert differences(before, to_stored(page), {}) == (
        Change(key="EmailSettings.SendPushNotifications", old=True, new=False),
        Change(key="EmailSettings.PushNotificationContents", old="full", new="generic"),
        Change(key="TeamSettings.MaxNotificationsPerChannel", old=1000, new=20),
    )
    custom = infer(before, LICENSED).with_mode(Mode.CUSTOM).with_server(OWN_URL)
    assert differences(before, to_stored(custom), {}) == (
        Change(key="EmailSettings.PushNotificationServer", old=TPNS_URL, new=OWN_URL),
    )


def test_any_save_of_a_four_region_server_replaces_a_former_address() -> None:
    before = stored(OLD_US_URL)
    page = infer(before, LICENSED, FOUR_REGIONS)
    rewritten = Change(key=KEYS["server"], old=OLD_US_URL, new=US_URL)
    assert rewritten in differences(before, to_stored(page.with_max_notifications(2)), {})
    assert blocked(page, page, before, {}).startswith("Nothing is changed")
    assert blocked(page, page.with_max_notifications(2), before, {}) == ""
    switched_off = differences(before, to_stored(page.with_mode(Mode.OFF)), {})
    assert [change.key for change in switched_off] == [KEYS["send"], KEYS["server"]]


def test_where_the_version_is_unknown_a_former_address_stays_until_the_region_changes() -> None:
    before = stored(OLD_US_URL)
    page = infer(before, LICENSED)
    more = to_stored(page.with_max_notifications(2))
    assert [change.key for change in differences(before, more, {})] == [KEYS["max_notifications"]]
    assert page.with_region(Region.US) == page
    there_and_back = page.with_region(Region.DE).with_region(Region.US)
    assert differences(before, to_stored(page.with_region(Region.DE)), {})[0].new == DE_URL
    assert differences(before, to_stored(there_and_back), {})[0].new == US_URL


def test_an_older_server_writes_its_own_addresses() -> None:
    before = stored(TPNS_URL)
    page = infer(before, LICENSED, TWO_REGIONS)
    assert page.region is Region.US
    hpns = page.with_mode(Mode.HPNS)
    assert (hpns.server, hpns.with_region(Region.DE).server) == (OLD_US_URL, OLD_DE_URL)
    assert infer(stored(OLD_DE_URL), LICENSED, TWO_REGIONS).region is Region.DE
    # What it does not know is somebody else's.
    assert infer(stored(DE_URL), LICENSED, TWO_REGIONS).mode is Mode.CUSTOM


def test_a_region_that_the_server_does_not_offer_cannot_be_chosen() -> None:
    page = infer(stored(OLD_DE_URL), LICENSED, TWO_REGIONS)
    assert page.with_region(Region.JP) == page
    lost = replace(page, mode=Mode.OFF, region=Region.GLOBAL).with_mode(Mode.HPNS)
    assert (lost.region, lost.server) == (Region.US, OLD_US_URL)


@pytest.mark.parametrize(
    ("version", "regions"),
    [
        ("11.6.0", FOUR_REGIONS),
        ("11.10.1", FOUR_REGIONS),
        ("12.0.0", FOUR_REGIONS),
        ("11.5.9", TWO_REGIONS),
        ("10.11.0.10.11.2", TWO_REGIONS),
        ("9.11", TWO_REGIONS),
        (None, ANY_REGIONS),
        ("", ANY_REGIONS),
        ("dev", ANY_REGIONS),
    ],
)
def test_the_regions_follow_from_the_version(version: str | None, regions: Regions) -> None:
    assert regions_for(version) is regions


def test_locked_keys_are_never_written() -> None:
    before = stored(OLD_US_URL)
    page = infer(before, LICENSED, FOUR_REGIONS).with_max_notifications(2).with_mode(Mode.OFF)
    locked = {"server": "MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER"}
    assert [change.key for change in differences(before, to_stored(page), locked)] == [
        KEYS["send"],
        KEYS["max_notifications"],
    ]
    locked |= {"mode": "MM_EMAILSETTINGS_SENDPUSHNOTIFICATIONS", "max_notifications": "MM_T"}
    assert differences(before, to_stored(page), locked) == ()
    assert blocked(infer(before, LICENSED, FOUR_REGIONS), page, before, locked).startswith(
        "Nothing is changed"
    )


CONSENT = (
    "HPNS needs your consent: accept its Terms of Service and Privacy Policy, or choose another "
    "push service."
)
NOTHING = "Nothing is changed: change a setting first."
RANGE = "Max Notifications Per Channel is out of range: enter a number of 1 or more."
SAVING = {
    "untouched": (START[Mode.TPNS], START[Mode.TPNS], NOTHING),
    "another contents": (
        START[Mode.TPNS],
        START[Mode.TPNS].with_contents(Contents.GENERIC),
        "",
    ),
    "to hpns": (START[Mode.TPNS], START[Mode.TPNS].with_mode(Mode.HPNS), CONSENT),
    "to hpns, accepted": (
        START[Mode.TPNS],
        START[Mode.TPNS].with_mode(Mode.HPNS).with_agreed(True),
        "",
    ),
    "hpns as stored counts as accepted": (
        START[Mode.HPNS],
        START[Mode.HPNS].with_region(Region.DE),
        "",
    ),
    "hpns unticked": (
        START[Mode.HPNS],
        START[Mode.HPNS].with_region(Region.DE).with_agreed(False),
        CONSENT,
    ),
    "unticking alone is no change": (
        START[Mode.HPNS],
        START[Mode.HPNS].with_agreed(False),
        NOTHING,
    ),
    "there and back": (
        START[Mode.TPNS],
        START[Mode.TPNS].with_mode(Mode.OFF).with_mode(Mode.TPNS),
        NOTHING,
    ),
    "a region waiting is no change": (
        START[Mode.CUSTOM],
        START[Mode.CUSTOM].with_region(Region.JP),
        NOTHING,
    ),
    "spaces alone are no change": (
        START[Mode.CUSTOM],
        START[Mode.CUSTOM].with_server(f"{OWN_URL} "),
        NOTHING,
    ),
    "an empty address is accepted": (
        START[Mode.CUSTOM],
        START[Mode.CUSTOM].with_server(""),
        "",
    ),
    "no limit": (START[Mode.CUSTOM], START[Mode.CUSTOM].with_max_notifications(0), RANGE),
    "negative": (START[Mode.OFF], START[Mode.OFF].with_max_notifications(-1), RANGE),
    "too large": (START[Mode.OFF], START[Mode.OFF].with_max_notifications(2**63), RANGE),
    "one": (START[Mode.OFF], START[Mode.OFF].with_max_notifications(1), ""),
}


@pytest.mark.parametrize(("saved", "draft", "why"), SAVING.values(), ids=SAVING)
def test_why_it_cannot_be_saved(saved: Page, draft: Page, why: str) -> None:
    assert blocked(saved, draft, to_stored(saved), {}) == why
