"""One look at what a target sends with: the worker, lint, checks and setup take it from here.

Reads files: not for the event loop.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar, overload

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from mmpush_tui.configuration.config import AndroidSettings, AppleSettings
from mmpush_tui.credentials import apple_settings
from mmpush_tui.credentials.account import ServiceAccount, load_account
from mmpush_tui.credentials.certificate import ClientCertificate, load_certificate
from mmpush_tui.credentials.key import load_key
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Finding, Severity

_GOOGLE_TOKENS: Final = "oauth2.googleapis.com"

AppleLoaded = EllipticCurvePrivateKey | ClientCertificate
"""What the worker sends to Apple with: a .p8 key, or a certificate with its key."""
L = TypeVar("L", AppleLoaded, ServiceAccount, covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential(Generic[L]):
    """What a target sends with, and what is wrong with it.

    Attributes:
        path: the file; empty where none is named.
        loaded: what is in it; None where it cannot be used. It holds a key and is not shown.
        refusals: everything for which the target cannot send, that of the file last.
        warnings: what will not work for long, or not for every push.
        advice: what is probably not meant in the settings, though it can be obeyed.
    """

    path: str
    loaded: L | None = field(repr=False, default=None)
    refusals: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    advice: tuple[Finding, ...] = ()


@overload
def look(settings: AppleSettings) -> Credential[AppleLoaded]: ...


@overload
def look(settings: AndroidSettings) -> Credential[ServiceAccount]: ...


def look(
    settings: AppleSettings | AndroidSettings,
) -> Credential[AppleLoaded] | Credential[ServiceAccount]:
    """Return what a target sends with, by its settings and the file that they name."""
    if isinstance(settings, AndroidSettings):
        return _account(settings)
    if apple_settings.signs_with_certificate(settings):
        return _certificate(settings)
    return _key(settings)


def _key(apple: AppleSettings) -> Credential[AppleLoaded]:
    refusals = apple_settings.refusals(apple)
    key: AppleLoaded | None = None
    if apple.auth_key_file:
        try:
            key = load_key(apple.auth_key_file)
        except ConfigError as error:
            refusals.append(error.finding)
    return Credential(
        path=apple.auth_key_file,
        loaded=key,
        refusals=tuple(refusals),
        advice=tuple(apple_settings.advice(apple)),
    )


def _certificate(apple: AppleSettings) -> Credential[AppleLoaded]:
    refusals = apple_settings.refusals(apple)
    warnings: list[Finding] = []
    loaded: AppleLoaded | None = None
    topic = apple.topic
    try:
        loaded = load_certificate(apple.certificate_file, apple.certificate_password, topic)
        if topic:
            network = apple_settings.apple_network_of(apple)
            warnings = loaded.cautions(topic, network, datetime.now(UTC))
    except ConfigError as error:
        refusals.append(error.finding)
    return Credential(
        path=apple.certificate_file,
        loaded=loaded,
        refusals=tuple(refusals),
        warnings=tuple(warnings),
        advice=tuple(apple_settings.advice(apple)),
    )


def _account(android: AndroidSettings) -> Credential[ServiceAccount]:
    path = android.service_account_file
    if not path:
        missing = f"{android.type} is not configured: ServiceFileLocation missing"
        return Credential(path="", refusals=(_finding("service-account-missing", missing),))
    try:
        account = load_account(path)
    except ConfigError as error:
        return Credential(path=path, refusals=(error.finding,))
    advice: tuple[Finding, ...] = ()
    if account.token_host != _GOOGLE_TOKENS and not android.endpoint:
        elsewhere = (
            f"the service account of {android.type} gets its tokens at {account.token_host}, which "
            "is not Google's; what is sent there lets its owner send pushes"
        )
        advice = (_finding("service-account-token-uri", elsewhere, Severity.WARN),)
    return Credential(path=path, loaded=account, advice=advice)


def _finding(code: str, message: str, severity: Severity = Severity.FAIL) -> Finding:
    return Finding(severity=severity, code=code, message=message)
