"""The keys of a Mattermost server's configuration: defaults, types, secrets and permissions.

An excerpt of the server's ``model/config.go`` with all that a push settings tool may meet. Inside
the stand-in a configuration is flat, by ``SECTION.KEY``.
"""

import copy
import json
import re
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from mmpush_tui.settings.urls import TPNS_URL
from mmpush_tui.simulator.net import strictjson

MASK: Final = "*" * 32
"""What stands in the place of a secret."""
VERSION: Final = "11.8.0"
"""The version of a server that is played for a person, where they ask for none."""
SOCKET: Final = "local.socket"
"""How its local-mode socket is called, beside its config.json."""
MANAGE_SYSTEM: Final = "manage_system"
"""The permission that includes all others; a session of local mode has it."""
SITE_URL: Final = "ServiceSettings.SiteURL"
PUSH_KEYS: Final = frozenset(
    {
        "EmailSettings.SendPushNotifications",
        "EmailSettings.PushNotificationServer",
        "EmailSettings.PushNotificationContents",
        "EmailSettings.PushNotificationBuffer",
        "TeamSettings.MaxNotificationsPerChannel",
    }
)
TAGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "EmailSettings.SendPushNotifications": "environment_push_notification_server",
        "EmailSettings.PushNotificationServer": "environment_push_notification_server",
        "EmailSettings.PushNotificationContents": "site_notifications",
        "TeamSettings.MaxNotificationsPerChannel": "environment_push_notification_server",
        "ServiceSettings.SiteURL": "environment_web_server",
    }
)
"""The pages of the System Console that keys belong to; other keys need ``manage_system``."""
SECRETS: Final = frozenset(
    {
        "SqlSettings.DataSource",
        "SqlSettings.DataSourceReplicas",
        "SqlSettings.AtRestEncryptKey",
        "FileSettings.PublicLinkSalt",
        "EmailSettings.SMTPPassword",
        "GitLabSettings.Secret",
    }
)

_NEW_INSTALLATION: Final[dict[str, dict[str, Any]]] = {
    "ServiceSettings": {
        "SiteURL": "https://chat.example.com",
        "ListenAddress": ":8065",
        "EnableDeveloper": False,
        "EnableInsecureOutgoingConnections": False,
        "EnableUserAccessTokens": True,
        "EnableLocalMode": False,
        "LocalModeSocketLocation": "/var/tmp/mattermost_local.socket",  # noqa: S108 - its default
    },
    "TeamSettings": {
        "SiteName": "Mattermost",
        "MaxUsersPerTeam": 50,
        "MaxNotificationsPerChannel": 1000,
    },
    "SqlSettings": {
        "DriverName": "postgres",
        "DataSource": "postgres://mmuser:mostest@localhost/mattermost?sslmode=disable&timeout=10",
        "DataSourceReplicas": [],
        "MaxOpenConns": 100,
        "AtRestEncryptKey": "fakekeyfakekeyfakekeyfakekey1234",
    },
    "LogSettings": {"EnableConsole": True, "ConsoleLevel": "DEBUG", "AdvancedLoggingJSON": {}},
    # Gone since version 11.
    "NotificationLogSettings": {"EnableConsole": True, "FileLevel": "INFO"},
    "FileSettings": {"DriverName": "local", "PublicLinkSalt": "saltsaltsaltsaltsaltsaltsalt1234"},
    "EmailSettings": {
        "EnableSignUpWithEmail": True,
        "SendEmailNotifications": True,
        "FeedbackEmail": "chat@example.com",
        "SMTPUsername": "chat",
        "SMTPPassword": "smtp-secret",
        "SMTPServer": "mail.example.com",
        "SMTPPort": "587",
        "SendPushNotifications": True,
        "PushNotificationServer": TPNS_URL,
        "PushNotificationContents": "full",
        "PushNotificationBuffer": 1000,
        "EnableEmailBatching": False,
        "EmailNotificationContentsType": "full",
    },
    "GitLabSettings": {"Enable": False, "Secret": ""},
    "ClusterSettings": {"Enable": False, "ReadOnlyConfig": True},
    "ExperimentalSettings": {"RestrictSystemAdmin": False},
    "PluginSettings": {"Enable": True, "EnableUploads": False, "Plugins": {}},
}
OLD_INSTALLATION: Final = {
    "EmailSettings.SendPushNotifications": False,
    "EmailSettings.PushNotificationServer": "",
}
"""What a file gets that lacks these keys; see ``EmailSettings.SetDefaults``."""
_TRUE: Final = ("1", "t", "T", "TRUE", "true", "True")
_FALSE: Final = ("0", "f", "F", "FALSE", "false", "False")
_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_INT64: Final = range(-(2**63), 2**63)
_ESCAPES: Final = str.maketrans(
    {char: f"\\u{ord(char):04x}" for char in ("<", ">", "&", "\u2028", "\u2029")}
)


def default_config(version: str) -> dict[str, Any]:
    """Return the configuration of a new installation, in the order of the server's structs."""
    content = copy.deepcopy(_NEW_INSTALLATION)
    if major(version) >= 11:
        del content["NotificationLogSettings"]
    return content


def major(version: str) -> int:
    """Return the first number of ``version``."""
    return int(version.partition(".")[0])


def may(permissions: Collection[str], access: str, key: str) -> bool:
    """Return whether ``permissions`` allow to ``read`` or ``write`` (``access``) ``key``."""
    tag = TAGS.get(key)
    return MANAGE_SYSTEM in permissions or (
        tag is not None and f"sysconsole_{access}_{tag}" in permissions
    )


def may_any(permissions: Collection[str], access: str) -> bool:
    """Return whether ``permissions`` open any page of the System Console for ``access``."""
    prefix = f"sysconsole_{access}_"
    return MANAGE_SYSTEM in permissions or any(name.startswith(prefix) for name in permissions)


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``SECTION.KEY`` entries as the nested document they come from."""
    document: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, name = key.split(".")
        place = document
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = copy.deepcopy(value)
    return document


def written(document: Mapping[str, Any]) -> bytes:
    """Return ``document`` as Go's ``MarshalIndent`` writes it: four spaces, HTML-safe."""
    text = json.dumps(document, indent=4, ensure_ascii=False)
    return text.translate(_ESCAPES).encode()


def variable(key: str) -> str:
    """Return the name of the environment variable that overrides ``key``."""
    return "MM_" + key.upper().replace(".", "_")


def flattened(
    document: Mapping[str, Any], leaves: Mapping[str, Any] | None = None, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield ``SECTION.KEY`` and value of each entry.

    Args:
        document: a configuration, or a part of one.
        leaves: the known keys, whose values stay whole where they are maps.
        prefix: what comes before the names of a part.
    """
    for name, value in document.items():
        key = prefix + name
        is_section = isinstance(value, dict) and value and key not in (leaves or {})
        if is_section:
            yield from flattened(value, leaves, key + ".")
        else:
            yield key, value


def check_value(key: str, value: object, like: object) -> None:
    """Refuse a ``value`` that Go could not decode into the type of ``like``.

    Raises:
        ValueError: it has another type, or is too large a number.
    """
    is_right = type(value) is type(like)
    if is_right and isinstance(value, int):
        is_right = value in _INT64
    if is_right and isinstance(value, list):
        is_right = all(isinstance(item, str) for item in value)
    if not is_right:
        raise ValueError(f"{key} has another type")


def parsed_value(text: str, value: Any) -> Any:
    """Return ``text`` in the type of ``value``, or ``value`` where Go could not parse it."""
    match value:
        case bool():
            return True if text in _TRUE else False if text in _FALSE else value
        case int():
            # More digits than an int64 has are out of range, and int() refuses thousands.
            is_number = _WHOLE.fullmatch(text) and len(text) <= 20
            return int(text) if is_number and int(text) in _INT64 else value
        case list():
            return text.split(" ")
        case dict():
            try:
                parsed = strictjson.loads(text.encode())
            except ValueError:
                return value
            return parsed if isinstance(parsed, dict) else value
        case _:
            return text


def masked_value(key: str, value: Any) -> Any:
    """Return ``value`` as ``Config.Sanitize`` leaves it."""
    if key not in SECRETS:
        return value
    if isinstance(value, list):
        return [MASK] * len(value)
    return MASK if value else value


def unmasked_value(value: Any, real: Any) -> Any:
    """Return ``value`` with ``real`` in the place of asterisks, as ``desanitize`` does."""
    if isinstance(value, list) and len(value) == len(real):
        return [old if new == MASK else new for new, old in zip(value, real, strict=True)]
    return real if value == MASK else value


def client_config(
    flat: Mapping[str, Any], version: str, *, is_limited: bool = False
) -> dict[str, str]:
    """Return what ``/config/client`` tells of a configuration, as ``config/client.go`` does.

    Args:
        flat: the configuration in effect.
        version: the server's version.
        is_limited: for a client without a user, who learns nothing of pushes.
    """
    limited = {"BuildNumber": version, "SiteURL": flat[SITE_URL], "Version": version}
    if is_limited:
        return limited
    return limited | {
        "MaxNotificationsPerChannel": str(flat["TeamSettings.MaxNotificationsPerChannel"]),
        "SendPushNotifications": _word(flat["EmailSettings.SendPushNotifications"]),
    }


def client_license(*, licensed: bool, mhpns: bool, id_loaded: bool) -> dict[str, str]:
    """Return what ``/license/client`` tells of a licence that covers what is said.

    Raises:
        ValueError: there is no licence to cover it.
    """
    if not licensed:
        if mhpns or id_loaded:
            raise ValueError("nothing is covered by a licence that is missing")
        return {"IsLicensed": "false"}
    return {
        "Cloud": "false",
        "IDLoadedPushNotifications": _word(id_loaded),
        "IsLicensed": "true",
        "MHPNS": _word(mhpns),
        "SkuShortName": "enterprise" if id_loaded else "professional",
    }


def _word(value: bool) -> str:
    return "true" if value else "false"
