"""One look at what a target sends with: the worker, lint, checks and setup take it from here.

Reads files: not for the event loop.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from mmpush_tui.configuration.config import AndroidSettings, AppleSettings
from mmpush_tui.credentials import apple_settings
from mmpush_tui.credentials.account import ServiceAccount, load_account
from mmpush_tui.credentials.certificate import ClientCertificate, load_certificate
from mmpush_tui.credentials.key import load_key
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Finding, Severity, warning

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


def look_at_apple(settings: AppleSettings) -> Credential[AppleLoaded]:
    """Return what an Apple target sends with, by its settings and the file that they name."""
    refusals = apple_settings.refusals(settings)
    warnings: list[Finding] = []
    loaded: AppleLoaded | None = None
    path, topic = settings.auth_key_file, settings.topic
    try:
        if apple_settings.signs_with_certificate(settings):
            path = settings.certificate_file
            loaded = load_certificate(path, settings.certificate_password, topic)
            if topic:
                network = apple_settings.apple_network_of(settings)
                warnings = loaded.cautions(topic, network, datetime.now(UTC))
        elif path:
            loaded = load_key(path)
    except ConfigError as error:
        refusals.append(error.finding)
    return Credential(
        path=path,
        loaded=loaded,
        refusals=tuple(refusals),
        warnings=tuple(warnings),
        advice=tuple(apple_settings.advice(settings)),
    )


def look_at_android(settings: AndroidSettings) -> Credential[ServiceAccount]:
    """Return what an Android target sends with, by its settings and the file that they name."""
    path = settings.service_account_file
    if not path:
        refusal = Finding(
            severity=Severity.FAIL,
            code="service-account-missing",
            message=f"{settings.type} is not configured: ServiceFileLocation missing",
        )
        return Credential(path="", refusals=(refusal,))
    try:
        account = load_account(path)
    except ConfigError as error:
        return Credential(path=path, refusals=(error.finding,))
    advice: tuple[Finding, ...] = ()
    if account.token_host != _GOOGLE_TOKENS and not settings.endpoint:
        elsewhere = (
            f"the service account of {settings.type} gets its tokens at {account.token_host}, "
            "which is not Google's; what is sent there lets its owner send pushes"
        )
        advice = (warning("service-account-token-uri", elsewhere),)
    return Credential(path=path, loaded=account, advice=advice)
