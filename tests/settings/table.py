"""The web page's rules as one table: what is stored, what is done, what Save makes of it.

It is run against the rules, against ``settings set`` and against the screen. ``mattermost.md``
sections 1 and 2 are its source.
"""

from dataclasses import dataclass, field
from typing import Final

from mmpush_tui.settings.page import Licence, Stored

GLOBAL: Final = "https://global.push.mattermost.com"
US: Final = "https://us.push.mattermost.com"
DE: Final = "https://eu.push.mattermost.com"
JP: Final = "https://ap.push.mattermost.com"
OLD_US: Final = "https://push.mattermost.com"
OLD_DE: Final = "https://hpns-de.mattermost.com"
TPNS: Final = "https://push-test.mattermost.com"
OWN: Final = "http://127.0.0.1:8086"

LICENSED: Final = Licence(hpns=True, id_loaded=True)
UNLICENSED: Final = Licence(hpns=False, id_loaded=False)
UNKNOWN: Final = Licence()

SEND: Final = "EmailSettings.SendPushNotifications"
SERVER: Final = "EmailSettings.PushNotificationServer"
CONTENTS: Final = "EmailSettings.PushNotificationContents"
MAX: Final = "TeamSettings.MaxNotificationsPerChannel"

CONSENT: Final = "HPNS needs your consent"
NOTHING: Final = "Nothing is changed"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row.

    Attributes:
        send, server, contents: what is stored.
        licence: what is known of the licence.
        version: the server's version; None where it is not known.
        do: what is done in turn, ``NAME=VALUE``.
        mode, region, shown, agreed: the page afterwards; region only where HPNS is chosen.
        writes: what Save writes, by key; empty where it cannot save.
        why: how the reason begins why it cannot save.
        by_set: whether one call of ``settings set`` can do the same.
    """

    server: str
    mode: str
    shown: str
    send: bool = True
    contents: str = "full"
    licence: Licence = LICENSED
    version: str | None = None
    do: tuple[str, ...] = ()
    region: str | None = None
    agreed: bool = False
    writes: dict[str, str | int | bool] = field(default_factory=dict)
    why: str = ""
    by_set: bool = True

    @property
    def stored(self) -> Stored:
        return Stored(send=self.send, server=self.server, contents=self.contents)


def opens(server: str, mode: str, **others: object) -> Row:
    """A row in which nothing is done."""
    return Row(server=server, mode=mode, **{"shown": server, "why": NOTHING} | others)  # type: ignore[arg-type] # names and types are those of Row


TO_HPNS: Final = ("mode=hpns", "accept_terms=true")

ROWS: Final[dict[str, Row]] = {
    # What the page opens as.
    "off": opens(OWN, "off", send=False),
    "off ignores a region": opens(JP, "off", send=False),
    "global": opens(GLOBAL, "hpns", region="global", agreed=True),
    "us": opens(US, "hpns", region="us", agreed=True),
    "germany": opens(DE, "hpns", region="de", agreed=True),
    "japan": opens(JP, "hpns", region="jp", agreed=True),
    "licence unknown": opens(DE, "hpns", region="de", agreed=True, licence=UNKNOWN),
    "unlicensed": opens(DE, "custom", licence=UNLICENSED),
    "former us, four regions": opens(
        OLD_US, "hpns", shown=US, region="us", agreed=True, version="11.6.0"
    ),
    "former germany, four regions": opens(
        OLD_DE, "hpns", shown=DE, region="de", agreed=True, version="11.8.1"
    ),
    "former us, two regions": opens(OLD_US, "hpns", region="us", agreed=True, version="10.11.2"),
    "former us, version unknown": opens(OLD_US, "hpns", region="us", agreed=True),
    "present germany, two regions": opens(DE, "custom", version="11.5.0"),
    "former us, unlicensed": opens(OLD_US, "custom", licence=UNLICENSED, version="11.6.0"),
    "tpns": opens(TPNS, "tpns"),
    "tpns, unlicensed": opens(TPNS, "tpns", licence=UNLICENSED),
    "http tpns": opens("http://push-test.mattermost.com", "custom"),
    "tpns with a slash": opens(f"{TPNS}/", "custom"),
    "global in capitals": opens("https://GLOBAL.push.mattermost.com", "custom"),
    "own": opens(OWN, "custom"),
    "empty": opens("", "custom"),
    # Changes of the mode.
    "tpns to hpns needs the terms": Row(
        server=TPNS, do=("mode=hpns",), mode="hpns", region="global", shown=GLOBAL, why=CONSENT
    ),
    "tpns to hpns": Row(
        server=TPNS, do=TO_HPNS, mode="hpns", region="global", shown=GLOBAL, agreed=True,
        writes={SERVER: GLOBAL},
    ),
    "tpns to hpns, two regions": Row(
        server=TPNS, do=TO_HPNS, mode="hpns", region="us", shown=OLD_US, agreed=True,
        version="10.11.2", writes={SERVER: OLD_US},
    ),
    "off to hpns has lost its region": Row(
        server=JP, send=False, do=TO_HPNS, mode="hpns", region="global", shown=GLOBAL, agreed=True,
        writes={SEND: True, SERVER: GLOBAL},
    ),
    "custom to hpns, japan": Row(
        server=OWN, do=(*TO_HPNS, "region=jp"), mode="hpns", region="jp", shown=JP, agreed=True,
        writes={SERVER: JP},
    ),
    "hpns away and back asks anew": Row(
        server=DE, do=("mode=tpns", "mode=hpns", "contents=generic"), mode="hpns", region="de",
        shown=DE, why=CONSENT, by_set=False,
    ),
    "custom to tpns": Row(
        server=OWN, do=("mode=tpns",), mode="tpns", shown=TPNS, writes={SERVER: TPNS}
    ),
    "off to tpns": Row(
        server=OWN, send=False, do=("mode=tpns",), mode="tpns", shown=TPNS,
        writes={SEND: True, SERVER: TPNS},
    ),
    "tpns to custom blanks the address": Row(
        server=TPNS, do=("mode=custom",), mode="custom", shown="", writes={SERVER: ""}
    ),
    "hpns to custom blanks the address": Row(
        server=DE, do=("mode=custom",), mode="custom", shown="", writes={SERVER: ""}
    ),
    "tpns to custom with an address": Row(
        server=TPNS, do=("mode=custom", f"server={OWN}"), mode="custom", shown=OWN,
        writes={SERVER: OWN},
    ),
    "off to custom keeps the address": Row(
        server=OWN, send=False, do=("mode=custom",), mode="custom", shown=OWN, writes={SEND: True}
    ),
    "off to custom keeps even that of tpns": Row(
        server=TPNS, send=False, do=("mode=custom",), mode="custom", shown=TPNS,
        writes={SEND: True},
    ),
    "tpns to off to custom keeps it too": Row(
        server=TPNS, do=("mode=off", "mode=custom", "contents=generic"), mode="custom", shown=TPNS,
        writes={CONTENTS: "generic"}, by_set=False,
    ),
    "hpns to off keeps the address": Row(
        server=DE, do=("mode=off",), mode="off", shown=DE, writes={SEND: False}
    ),
    "tpns to off keeps the address": Row(
        server=TPNS, do=("mode=off",), mode="off", shown=TPNS, writes={SEND: False}
    ),
    "custom to off keeps the address": Row(
        server=OWN, do=("mode=off",), mode="off", shown=OWN, writes={SEND: False}
    ),
    # Regions and terms.
    "another region keeps the consent": Row(
        server=DE, do=("region=jp",), mode="hpns", region="jp", shown=JP, agreed=True,
        writes={SERVER: JP},
    ),
    "terms untaken block": Row(
        server=DE, do=("region=us", "accept_terms=false"), mode="hpns", region="us", shown=US,
        why=CONSENT,
    ),
    "terms alone are no change": Row(
        server=DE, do=("accept_terms=false",), mode="hpns", region="de", shown=DE, why=NOTHING
    ),
    "the same region is no change": Row(
        server=OLD_US, do=("region=us",), mode="hpns", region="us", shown=OLD_US, agreed=True,
        why=NOTHING,
    ),
    "another region leaves a former address": Row(
        server=OLD_US, do=("region=de",), mode="hpns", region="de", shown=DE, agreed=True,
        writes={SERVER: DE},
    ),
    "two regions write their own": Row(
        server=OLD_US, do=("region=de",), mode="hpns", region="de", shown=OLD_DE, agreed=True,
        version="11.5.0", writes={SERVER: OLD_DE},
    ),
    "four regions renew a former address with any save": Row(
        server=OLD_US, do=("max_notifications=5",), mode="hpns", region="us", shown=US,
        agreed=True, version="11.6.0", writes={SERVER: US, MAX: 5},
    ),
    "version unknown leaves a former address": Row(
        server=OLD_US, do=("max_notifications=5",), mode="hpns", region="us", shown=OLD_US,
        agreed=True, writes={MAX: 5},
    ),
    # The address, the number, the contents.
    "an address is trimmed": Row(
        server=OWN, do=("server=  https://push.example.com ",), mode="custom",
        shown="  https://push.example.com ", writes={SERVER: "https://push.example.com"},
    ),
    "an address may be empty": Row(
        server=OWN, do=("server=",), mode="custom", shown="", writes={SERVER: ""}
    ),
    "an address is not judged": Row(
        server=OWN, do=("server=push proxy",), mode="custom", shown="push proxy",
        writes={SERVER: "push proxy"},
    ),
    "a number": Row(
        server=OWN, do=("max_notifications=20",), mode="custom", shown=OWN, writes={MAX: 20}
    ),
    "generic": Row(
        server=OWN, do=("contents=generic",), mode="custom", shown=OWN,
        writes={CONTENTS: "generic"},
    ),
    "generic without channel": Row(
        server=OWN, do=("contents=generic_no_channel",), mode="custom", shown=OWN,
        writes={CONTENTS: "generic_no_channel"},
    ),
    "full": Row(
        server=OWN, contents="generic", do=("contents=full",), mode="custom", shown=OWN,
        writes={CONTENTS: "full"},
    ),
    "id only": Row(
        server=OWN, do=("contents=id_loaded",), mode="custom", shown=OWN,
        writes={CONTENTS: "id_loaded"},
    ),
    "contents can be changed while push is off": Row(
        server=OWN, send=False, do=("contents=generic",), mode="off", shown=OWN,
        writes={CONTENTS: "generic"},
    ),
}  # fmt: skip
