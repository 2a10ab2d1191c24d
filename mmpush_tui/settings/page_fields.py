"""The rows of the page: labels as the web page has them, and which row shows when."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mmpush_tui.fields import Choice, Field, Kind, by_name
from mmpush_tui.settings.page import Contents, Licence, Mode, Page
from mmpush_tui.settings.urls import FOUR_REGIONS, TPNS_URL, Region

TERMS_URL: Final = "https://mattermost.com/hpns-terms/"
PRIVACY_URL: Final = "https://mattermost.com/data-processing-addendum/"

MODE: Final = Field(
    key="settings.mode",
    label="Enable Push Notifications:",
    help="Which service passes notifications on to Apple and Google. HPNS is hosted by Mattermost "
    "and needs a licence that includes it; TPNS is hosted by Mattermost for tests; a push proxy "
    "of your own serves apps of your own.",
    kind=Kind.CHOICE,
    default=Mode.OFF,
    choices=(
        Choice(value=Mode.OFF, label="Do not send push notifications"),
        Choice(
            value=Mode.HPNS,
            label="Use HPNS connection with uptime SLA to send notifications to iOS and "
            "Android apps",
        ),
        Choice(
            value=Mode.TPNS,
            label="Use TPNS connection to send notifications to iOS and Android apps",
        ),
        Choice(value=Mode.CUSTOM, label="Manually enter Push Notification Service location"),
    ),
    env="MM_EMAILSETTINGS_SENDPUSHNOTIFICATIONS",
)

REGION: Final = Field(
    key="settings.region",
    label="Push Notification Server location:",
    help="Where the hosted service stands. Global leads to the nearest location.",
    kind=Kind.CHOICE,
    default=Region.GLOBAL,
    choices=(
        Choice(value=Region.GLOBAL, label="Global"),
        Choice(value=Region.US, label="US"),
        Choice(value=Region.DE, label="Germany"),
        Choice(value=Region.JP, label="Japan"),
    ),
)

ACCEPT_TERMS: Final = Field(
    key="settings.accept_terms",
    label="I understand and accept the Mattermost Hosted Push Notification Service Terms of "
    "Service and Privacy Policy.",
    help=f"Without it HPNS cannot be saved. Read them at {TERMS_URL} and {PRIVACY_URL}. "
    "Mattermost stores your consent nowhere and asks again when the service is chosen anew.",
    kind=Kind.BOOLEAN,
    default=False,
)

SERVER: Final = Field(
    key="settings.server",
    label="Push Notification Server:",
    help="Where the Mattermost server posts its notifications. It can be edited only when the "
    "location is entered manually, and is otherwise the address of the service chosen above. "
    f'E.g.: "{TPNS_URL}"',
    kind=Kind.URL,
    default="",
    env="MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER",
)

MAX_NOTIFICATIONS: Final = Field(
    key="settings.max_notifications",
    label="Max Notifications Per Channel:",
    help="The most members a channel may have for @all, @channel and @here to notify them. Newer "
    'servers call it "Large Channel Notification Threshold". E.g.: "1000"',
    kind=Kind.INTEGER,
    default=1000,
    minimum=1,
    env="MM_TEAMSETTINGS_MAXNOTIFICATIONSPERCHANNEL",
)

CONTENTS: Final = Field(
    key="settings.contents",
    label="Push Notification Contents:",
    help="How much of a message passes through Apple and Google. On the web page this is under "
    "Site Configuration, Notifications.",
    kind=Kind.CHOICE,
    default=Contents.FULL,
    choices=(
        Choice(
            value=Contents.GENERIC_NO_CHANNEL,
            label="Generic description with only sender name",
        ),
        Choice(
            value=Contents.GENERIC,
            label="Generic description with sender and channel names",
        ),
        Choice(
            value=Contents.FULL,
            label="Full message content sent in the notification payload",
        ),
        Choice(
            value=Contents.ID_LOADED,
            label="Full message content fetched from the server on receipt",
        ),
    ),
    env="MM_EMAILSETTINGS_PUSHNOTIFICATIONCONTENTS",
)

_NEWER_LIMIT: Final = "Large Channel Notification Threshold:"

FIELDS: Final = (MODE, REGION, ACCEPT_TERMS, SERVER, MAX_NOTIFICATIONS, CONTENTS)
"""The rows in the page's order; their names are those of :class:`~.page.Page`, but the terms'."""

CONTENTS_SENDS: Final[Mapping[Contents, str]] = MappingProxyType(
    {
        Contents.FULL: "Apple and Google see the sender, the channel and the text of the message.",
        Contents.GENERIC: "Apple and Google see the names of sender and channel, not the text.",
        Contents.GENERIC_NO_CHANNEL: "Apple and Google see the sender's name; neither the text "
        "nor the channel's name.",
        Contents.ID_LOADED: "Apple and Google see ids only; the app fetches the message from "
        "your server.",
    }
)
"""What each level of contents tells Apple and Google."""


def label(field: Field, page: Page) -> str:
    """Return a row's label as the web page of this server has it.

    The limit got another name with the four regions; where the version is not known it has the
    old one, which its help and Mattermost's key go by.
    """
    is_newer = page.regions is FOUR_REGIONS and field is MAX_NOTIFICATIONS
    return _NEWER_LIMIT if is_newer else field.label


def visible(field_name: str, page: Page) -> bool:
    """Return whether the page shows this row; region and terms belong to the hosted service."""
    return page.mode is Mode.HPNS or field_name not in (REGION.name, ACCEPT_TERMS.name)


def enabled(field_name: str, page: Page, locked: Mapping[str, str]) -> bool:
    """Return whether the row can be edited: shown, not locked, and an address only if custom."""
    if not visible(field_name, page) or locked_by(field_name, locked):
        return False
    return field_name != SERVER.name or page.mode is Mode.CUSTOM


def locked_by(field_name: str, locked: Mapping[str, str]) -> str:
    """Return the environment variable that makes a row read-only, or an empty string.

    ``mode`` in ``locked`` is the switch, ``server`` the address; either holds both dropdowns,
    since they set both. The terms are never locked.
    """
    if field_name in (MODE.name, REGION.name):
        return locked.get(MODE.name, "") or locked.get(SERVER.name, "")
    return "" if field_name == ACCEPT_TERMS.name else locked.get(field_name, "")


def choices(field_name: str, page: Page, licence: Licence) -> tuple[Choice, ...]:
    """Return what a dropdown offers: without what the licence is known to lack, and only the
    regions that the server's own page knows.

    What is chosen already stays in the list.
    """
    chosen, missing = {
        MODE.name: (page.mode, {Mode.HPNS} if licence.hpns is False else ()),
        REGION.name: (page.region, set(Region) - page.regions.urls.keys()),
        CONTENTS.name: (page.contents, {Contents.ID_LOADED} if licence.id_loaded is False else ()),
    }[field_name]
    return tuple(
        choice
        for choice in by_name(FIELDS)[field_name].choices
        if choice.value not in missing or choice.value == chosen
    )


def page_words(field_name: str, value: object) -> str:
    """Return the label of a dropdown's value, or an empty string where it has none."""
    offered = by_name(FIELDS)[field_name].choices
    return next((choice.label for choice in offered if choice.value == value), "")
