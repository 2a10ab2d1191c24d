"""What an Apple target says of itself: key id, team id, topic, and which way it signs in. Pure."""

import re
from typing import Final
from urllib.parse import urlsplit

from mmpush_tui.configuration.config import AppleSettings
from mmpush_tui.credentials.certificate_marks import Environment
from mmpush_tui.errors import ConfigError

TEN: Final = re.compile(r"[A-Z0-9]{10}", re.ASCII)
"""The shape of key ids and team ids."""
NOT_FOR_PUSH: Final = {
    "SubscriptionKey_": "in-app purchases",
    "ApiKey_": "the App Store Connect API",
}
"""How the files of Apple's other keys are named, and what those are for."""
_KEY_NAME: Final = re.compile(r"AuthKey_([A-Z0-9]{10})(?![A-Za-z0-9])", re.ASCII)
_WHERE: Final = {
    "key id": "It is in the name of the key's file, AuthKey_KEYID.p8.",
    "team id": "It is at developer.apple.com > Membership details.",
}

# A custom endpoint is one of Apple's where only the port is another.
_OURS: Final[dict[str, Environment]] = {
    "api.push.apple.com": "production",
    "api.sandbox.push.apple.com": "sandbox",
    "api.development.push.apple.com": "sandbox",
}


def key_id_in(name: str) -> str:
    """Return the key id in the name that Apple gives a key's file, or an empty string."""
    found = _KEY_NAME.match(name)
    return found[1] if found else ""


def missing_of_key(settings: AppleSettings) -> list[str]:
    """Return the names of what a .p8 key still needs; with none, the key is what signs in.

    As the reference proxy decides: only all three together outrank a certificate.
    """
    parts = {
        "AppleAuthKeyFile": settings.auth_key_file,
        "AppleAuthKeyID": settings.auth_key_id,
        "AppleTeamID": settings.team_id,
    }
    return [name for name, value in parts.items() if not value]


def network_of(settings: AppleSettings) -> Environment | None:
    """Return which of Apple's networks a target sends to; None for somebody else's endpoint."""
    if settings.endpoint:
        return _OURS.get((urlsplit(settings.endpoint).hostname or "").lower())
    return "sandbox" if settings.sandbox else "production"


def flaws(settings: AppleSettings) -> list[ConfigError]:
    """Return everything in the settings alone for which the target cannot send, as refusals."""
    found = []
    missing = missing_of_key(settings)
    if missing and not settings.certificate_file:
        found.append(
            ConfigError(
                f"{settings.type} is not configured: {', '.join(missing)} missing",
                code="apple-key-missing",
            )
        )
    if not missing:
        named = {"key id": settings.auth_key_id, "team id": settings.team_id}
        found += [
            ConfigError(
                f"the {name} of {settings.type} is not ten capital letters and digits",
                fix=_WHERE[name],
                code="apple-id-shape",
            )
            for name, value in named.items()
            if not TEN.fullmatch(value)
        ]
    if not settings.topic:
        found.append(
            ConfigError(
                f"{settings.type} has no topic",
                fix="ApplePushTopic is the bundle id of the iOS app.",
                code="apple-topic-missing",
            )
        )
    return found
