"""What the settings of an Apple target say without its files: how it signs in, and where. Pure."""

from typing import Final
from urllib.parse import urlsplit

from mmpush_tui.configuration.config import AppleSettings
from mmpush_tui.credentials.certificate_marks import Environment
from mmpush_tui.credentials.identifiers import on_id, on_ids, on_key_file, on_topic
from mmpush_tui.findings import Finding, Severity, warning

# A custom endpoint is one of Apple's where only the port is another.
_OURS: Final[dict[str, Environment]] = {
    "api.push.apple.com": "production",
    "api.sandbox.push.apple.com": "sandbox",
    "api.development.push.apple.com": "sandbox",
}


def missing_of_key(apple: AppleSettings) -> list[str]:
    """Return the names of what a .p8 key still needs; with none, the key is what signs in.

    As the reference proxy decides: only all three together outrank a certificate.
    """
    parts = {
        "AppleAuthKeyFile": apple.auth_key_file,
        "AppleAuthKeyID": apple.auth_key_id,
        "AppleTeamID": apple.team_id,
    }
    return [name for name, value in parts.items() if not value]


def signs_with_certificate(apple: AppleSettings) -> bool:
    """Return whether a target's certificate is used, and not its key."""
    return bool(apple.certificate_file and missing_of_key(apple))


def apple_network_of(apple: AppleSettings) -> Environment | None:
    """Return which of Apple's networks a target sends to; None for somebody else's endpoint."""
    if apple.endpoint:
        return _OURS.get(_host_of(apple.endpoint))
    return "sandbox" if apple.sandbox else "production"


def refusals(apple: AppleSettings) -> list[Finding]:
    """Return everything in the settings alone for which the target cannot send."""
    refused: list[Finding | None] = []
    missing = missing_of_key(apple)
    if missing and not apple.certificate_file:
        message = f"{apple.type} is not configured: {', '.join(missing)} missing"
        refused.append(_refusal("apple-key-missing", message))
    if not missing:
        refused.append(on_id("key id", apple.auth_key_id, f" of {apple.type}"))
        refused.append(on_id("team id", apple.team_id, f" of {apple.type}"))
    if not apple.topic:
        fix = "ApplePushTopic is the bundle id of the iOS app."
        refused.append(_refusal("apple-topic-missing", f"{apple.type} has no topic", fix))
    return [it for it in refused if it]


def advice(apple: AppleSettings) -> list[Finding]:
    """Return what is probably not meant in the settings, though it could be obeyed."""
    of = f" of {apple.type}"
    advised = [_on_two_ways(apple)]
    if apple.certificate_password and not apple.certificate_file:
        message = f"ApplePushCertPassword{of} is set without ApplePushCertPrivate"
        advised.append(warning("apple-password-unused", message))
    if apple.auth_key_file:
        advised.append(on_key_file(apple.auth_key_file, of))
        advised.append(on_ids(apple.auth_key_id, apple.team_id, apple.auth_key_file, of))
    advised.append(on_topic(apple.topic, of))
    if apple.endpoint and apple.sandbox:
        message = (
            f"ApplePushUseDevelopment{of} does nothing, because the endpoint "
            f"{_host_of(apple.endpoint)} outranks it"
        )
        advised.append(warning("apple-sandbox-outranked", message))
    return [it for it in advised if it]


def _on_two_ways(apple: AppleSettings) -> Finding | None:
    missing = missing_of_key(apple)
    if not apple.certificate_file or len(missing) == 3:
        return None
    if missing:
        message = (
            f"{apple.type} uses its certificate, because {', '.join(missing)} of its key "
            f"{'is' if len(missing) == 1 else 'are'} missing"
        )
        return warning("apple-key-unused", message)
    message = (
        f"{apple.type} has a key and a certificate; the key is used. Empty ApplePushCertPrivate, "
        "or one of the key's three settings"
    )
    return warning("apple-certificate-unused", message)


def _host_of(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _refusal(code: str, message: str, fix: str = "") -> Finding:
    return Finding(severity=Severity.FAIL, code=code, message=message, fix=fix)
