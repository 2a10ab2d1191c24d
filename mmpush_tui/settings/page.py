"""The page itself: what it shows, what each change does to it, what Save writes.

The rules are those of the web page, oddities included: whoever knows the one knows the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from mmpush_tui.settings.urls import ANY_REGIONS, TPNS_URL, Region, Regions

INT64_MAX: Final = 2**63 - 1
"""What the server can hold in a number."""

NOTHING_CHANGED: Final = "Nothing is changed: change a setting first."
"""What :func:`blocked` says of a page that is as it opened."""


class Mode(StrEnum):
    """Which push service the Mattermost server uses."""

    OFF = "off"
    HPNS = "hpns"
    TPNS = "tpns"
    CUSTOM = "custom"


class Contents(StrEnum):
    """How much of a message goes into its notification."""

    FULL = "full"
    GENERIC = "generic"
    GENERIC_NO_CHANNEL = "generic_no_channel"
    ID_LOADED = "id_loaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """What the server's licence includes; None where the source cannot tell."""

    hpns: bool | None = None
    id_loaded: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The configuration behind the page, with the server's defaults where a key is missing.

    The defaults here are those that the server fills into an existing configuration.

    Attributes:
        send: ``EmailSettings.SendPushNotifications``.
        server: ``EmailSettings.PushNotificationServer``.
        contents: ``EmailSettings.PushNotificationContents``; the server takes any word.
        max_notifications: ``TeamSettings.MaxNotificationsPerChannel``.
    """

    send: bool = False
    server: str = ""
    contents: str = Contents.FULL
    max_notifications: int = 1000


KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "send": "EmailSettings.SendPushNotifications",
        "server": "EmailSettings.PushNotificationServer",
        "contents": "EmailSettings.PushNotificationContents",
        "max_notifications": "TeamSettings.MaxNotificationsPerChannel",
    }
)
"""The attributes of :class:`Stored` by Mattermost's keys, in the order they are written."""


def field_of(name: str) -> str:
    """Return the page's row that an attribute of :class:`Stored` is shown in."""
    return "mode" if name == "send" else name


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A draft of the page. Changes return a new one.

    Attributes:
        mode: which push service.
        region: where the hosted service stands; without meaning in other modes.
        server: the text of the address field, also where it cannot be edited.
        contents: a :class:`Contents`, or the stored word where it is none of them.
        max_notifications: the limit for @all, @channel and @here.
        agreed: whether the terms of the hosted service are accepted; stored nowhere.
        regions: what the server's own page knows of regions; it follows from its version.
    """

    mode: Mode
    region: Region = Region.GLOBAL
    server: str = ""
    contents: str = Contents.FULL
    max_notifications: int = 1000
    agreed: bool = False
    regions: Regions = ANY_REGIONS

    def with_mode(self, mode: Mode) -> "Page":
        """Choose another push service; the terms must be accepted anew."""
        if mode is self.mode:
            return self
        server, region = self.server, self.region
        if mode is Mode.HPNS:
            region = region if region in self.regions.urls else self.regions.first
            server = self.regions.urls[region]
        elif mode is Mode.TPNS:
            server = TPNS_URL
        elif mode is Mode.CUSTOM and self.mode is not Mode.OFF:
            server = ""
        return replace(self, mode=mode, region=region, server=server, agreed=False)

    def with_region(self, region: Region) -> "Page":
        """Choose another region; terms once accepted stay accepted.

        Outside the hosted service only the choice is remembered. A region that the server's own
        page does not offer cannot be chosen.
        """
        if region is self.region or region not in self.regions.urls:
            return self
        server = self.regions.urls[region] if self.mode is Mode.HPNS else self.server
        return replace(self, region=region, server=server)

    def with_server(self, text: str) -> "Page":
        """Type into the address field; in every mode but custom it takes no typing."""
        return replace(self, server=text) if self.mode is Mode.CUSTOM else self

    def with_agreed(self, agreed: bool) -> "Page":
        """Tick or untick the terms; only the hosted service shows the box."""
        return replace(self, agreed=agreed) if self.mode is Mode.HPNS else self

    def with_contents(self, contents: Contents) -> "Page":
        """Choose how much of a message is sent."""
        return replace(self, contents=contents)

    def with_max_notifications(self, number: int) -> "Page":
        """Set the limit for @all, @channel and @here."""
        return replace(self, max_notifications=number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key that Save writes; ``old`` is the value in force, None where there is none."""

    key: str
    old: str | int | bool | None
    new: str | int | bool


def infer(stored: Stored, licence: Licence, regions: Regions = ANY_REGIONS) -> Page:
    """Return the page as it opens on ``stored``.

    The mode is stored nowhere: it follows from the address, compared character by character.
    Where the licence is not known, the hosted service is taken at its address. A former address
    becomes the region's present one where the server's own page does that.
    """
    region = regions.of(stored.server)
    mode, server = Mode.CUSTOM, stored.server
    if not stored.send:
        mode = Mode.OFF
    elif region is not None and licence.hpns is not False:
        mode = Mode.HPNS
        server = regions.urls[region] if regions.renews else stored.server
    elif stored.server == TPNS_URL:
        mode = Mode.TPNS
    is_hosted = mode is Mode.HPNS and region is not None
    is_known = stored.contents in Contents.__members__.values()
    return Page(
        mode=mode,
        region=region if region is not None and is_hosted else regions.first,
        server=server,
        contents=Contents(stored.contents) if is_known else stored.contents,
        max_notifications=stored.max_notifications,
        agreed=is_hosted,
        regions=regions,
    )


def to_stored(page: Page) -> Stored:
    """Return what Save writes for ``page``.

    It can differ from what is stored though nobody touched the page: the former address of a
    region becomes the new one with whatever else is saved.
    """
    return Stored(
        send=page.mode is not Mode.OFF,
        server=page.server.strip() if page.mode is Mode.CUSTOM else page.server,
        contents=str(page.contents),
        max_notifications=page.max_notifications,
    )


def differences(before: Stored, after: Stored, held: Mapping[str, str]) -> tuple[Change, ...]:
    """Return what makes ``after`` of ``before``; what is held stays as it is."""
    return tuple(
        Change(key=key, old=getattr(before, name), new=getattr(after, name))
        for name, key in KEYS.items()
        if getattr(before, name) != getattr(after, name) and field_of(name) not in held
    )


def blocked(saved: Page, draft: Page, stored: Stored, held: Mapping[str, str]) -> str:
    """Return why ``draft`` cannot be saved, as a sentence, or an empty string where it can.

    Args:
        saved: the page as it opened.
        draft: the page as it is now.
        stored: what the source holds.
        held: fields that cannot be changed.
    """
    # Ticking the terms is no change: they are stored nowhere. Nor is a former address, which
    # the page replaces by itself, as long as nothing else changed.
    touched = replace(draft, agreed=saved.agreed, region=saved.region) != saved
    if not touched or not differences(stored, to_stored(draft), held):
        return NOTHING_CHANGED
    if draft.mode is Mode.HPNS and not draft.agreed:
        return (
            "HPNS needs your consent: accept its Terms of Service and Privacy Policy, "
            "or choose another push service."
        )
    if not 1 <= draft.max_notifications <= INT64_MAX:
        return "Max Notifications Per Channel is out of range: enter a number of 1 or more."
    return ""
