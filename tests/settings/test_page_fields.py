"""The rows: words of the web page, and which of them show and can be edited."""

import pytest

from mmpush_tui.settings.page import Contents, Licence, Mode, Page
from mmpush_tui.settings.page_fields import (
    CONTENTS,
    CONTENTS_SENDS,
    FIELDS,
    MAX_NOTIFICATIONS,
    choices,
    enabled,
    label,
    locked_by,
    page_words,
    visible,
)
from mmpush_tui.settings.urls import ANY_REGIONS, FOUR_REGIONS, TWO_REGIONS, Region

SEND_VARIABLE = "MM_EMAILSETTINGS_SENDPUSHNOTIFICATIONS"
SERVER_VARIABLE = "MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER"


def test_rows_stand_in_the_pages_order_with_its_labels() -> None:
    assert [(field.name, field.label) for field in FIELDS] == [
        ("mode", "Enable Push Notifications:"),
        ("region", "Push Notification Server location:"),
        (
            "accept_terms",
            "I understand and accept the Mattermost Hosted Push Notification Service Terms of "
            "Service and Privacy Policy.",
        ),
        ("server", "Push Notification Server:"),
        ("max_notifications", "Max Notifications Per Channel:"),
        ("contents", "Push Notification Contents:"),
    ]


def test_dropdowns_offer_the_pages_words_in_its_order() -> None:
    offered = {
        field.name: [(str(choice.value), choice.label) for choice in field.choices]
        for field in FIELDS
        if field.choices
    }
    assert offered == {
        "mode": [
            ("off", "Do not send push notifications"),
            (
                "hpns",
                "Use HPNS connection with uptime SLA to send notifications to iOS and Android apps",
            ),
            ("tpns", "Use TPNS connection to send notifications to iOS and Android apps"),
            ("custom", "Manually enter Push Notification Service location"),
        ],
        "region": [("global", "Global"), ("us", "US"), ("de", "Germany"), ("jp", "Japan")],
        "contents": [
            ("generic_no_channel", "Generic description with only sender name"),
            ("generic", "Generic description with sender and channel names"),
            ("full", "Full message content sent in the notification payload"),
            ("id_loaded", "Full message content fetched from the server on receipt"),
        ],
    }


def test_variables_are_the_servers() -> None:
    assert {field.name: field.env for field in FIELDS if field.env} == {
        "mode": SEND_VARIABLE,
        "server": SERVER_VARIABLE,
        "max_notifications": "MM_TEAMSETTINGS_MAXNOTIFICATIONSPERCHANNEL",
        "contents": "MM_EMAILSETTINGS_PUSHNOTIFICATIONCONTENTS",
    }


def test_every_level_of_contents_says_what_leaves_the_house() -> None:
    assert set(CONTENTS_SENDS) == set(Contents)
    assert all("Apple and Google see" in line for line in CONTENTS_SENDS.values())
    assert "text of the message" in CONTENTS_SENDS[Contents.FULL]
    assert "ids only" in CONTENTS_SENDS[Contents.ID_LOADED]


@pytest.mark.parametrize("mode", Mode)
def test_region_and_terms_show_with_hpns_alone(mode: Mode) -> None:
    page = Page(mode=mode)
    shown = {field.name for field in FIELDS if visible(field.name, page)}
    always = {"mode", "server", "max_notifications", "contents"}
    assert shown == always | ({"region", "accept_terms"} if mode is Mode.HPNS else set())


FREE: dict[str, str] = {}
# (mode, locked) -> rows that can be edited
EDITABLE = {
    "off": (Mode.OFF, FREE, {"mode", "max_notifications", "contents"}),
    "tpns": (Mode.TPNS, FREE, {"mode", "max_notifications", "contents"}),
    "custom": (Mode.CUSTOM, FREE, {"mode", "server", "max_notifications", "contents"}),
    "hpns": (
        Mode.HPNS,
        FREE,
        {"mode", "region", "accept_terms", "max_notifications", "contents"},
    ),
    "switch held": (
        Mode.HPNS,
        {"mode": SEND_VARIABLE},
        {"accept_terms", "max_notifications", "contents"},
    ),
    "address held": (
        Mode.HPNS,
        {"server": SERVER_VARIABLE},
        {"accept_terms", "max_notifications", "contents"},
    ),
    "switch held, custom": (
        Mode.CUSTOM,
        {"mode": SEND_VARIABLE},
        {"server", "max_notifications", "contents"},
    ),
    "address held, custom": (
        Mode.CUSTOM,
        {"server": SERVER_VARIABLE},
        {"max_notifications", "contents"},
    ),
    "limit held": (Mode.OFF, {"max_notifications": "MM_T"}, {"mode", "contents"}),
    "contents held": (Mode.OFF, {"contents": "MM_C"}, {"mode", "max_notifications"}),
}


@pytest.mark.parametrize(("mode", "locked", "expected"), EDITABLE.values(), ids=EDITABLE)
def test_which_rows_can_be_edited(mode: Mode, locked: dict[str, str], expected: set[str]) -> None:
    page = Page(mode=mode)
    assert {field.name for field in FIELDS if enabled(field.name, page, locked)} == expected


def test_a_locked_row_names_its_variable() -> None:
    assert locked_by("region", {"server": SERVER_VARIABLE}) == SERVER_VARIABLE
    assert locked_by("mode", {"server": SERVER_VARIABLE, "mode": SEND_VARIABLE}) == SEND_VARIABLE
    assert locked_by("server", {"mode": SEND_VARIABLE}) == ""
    assert locked_by("accept_terms", {"mode": SEND_VARIABLE}) == ""


@pytest.mark.parametrize(
    ("licence", "modes", "contents"),
    [
        (Licence(hpns=True, id_loaded=True), 4, 4),
        (Licence(), 4, 4),
        (Licence(hpns=False, id_loaded=True), 3, 4),
        (Licence(hpns=True, id_loaded=False), 4, 3),
    ],
)
def test_what_the_licence_lacks_is_not_offered(licence: Licence, modes: int, contents: int) -> None:
    page = Page(mode=Mode.TPNS)
    assert len(choices("mode", page, licence)) == modes
    assert len(choices("contents", page, licence)) == contents
    assert len(choices("region", page, licence)) == 4


def test_what_is_chosen_already_stays_offered() -> None:
    page = Page(mode=Mode.TPNS, contents=Contents.ID_LOADED)
    offered = choices("contents", page, Licence(hpns=False, id_loaded=False))
    assert "id_loaded" in [choice.value for choice in offered]


def test_values_have_words_and_unknown_ones_none() -> None:
    assert page_words("region", "de") == "Germany"
    assert page_words("contents", "Full") == ""
    assert page_words("server", "https://x") == ""


def test_the_limit_has_another_name_on_newer_servers() -> None:
    pages = {regions: Page(mode=Mode.OFF, regions=regions)
             for regions in (TWO_REGIONS, ANY_REGIONS, FOUR_REGIONS)}  # fmt: skip
    assert [label(MAX_NOTIFICATIONS, page) for page in pages.values()] == [
        "Max Notifications Per Channel:",
        "Max Notifications Per Channel:",
        "Large Channel Notification Threshold:",
    ]
    assert label(CONTENTS, pages[FOUR_REGIONS]) == CONTENTS.label


def test_the_regions_offered_are_the_servers() -> None:
    page = Page(mode=Mode.HPNS, regions=TWO_REGIONS, region=Region.US)
    assert [choice.value for choice in choices("region", page, Licence())] == ["us", "de"]
    page = Page(mode=Mode.HPNS, regions=ANY_REGIONS)
    assert len(choices("region", page, Licence())) == 4
