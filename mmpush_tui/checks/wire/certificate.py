"""What a server's certificate says of itself: pure."""

import threading
import warnings
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, NameOID

WARN_BELOW_DAYS: Final = 14
"""A certificate that ends sooner is a warning."""
_NAMES_LIMIT: Final = 12
_QUIET: Final = threading.Lock()
BROKEN: Final = (
    ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip
"""What the library raises at certificates that OpenSSL lets pass; most is no ValueError."""


def facts(der: bytes, now: datetime) -> dict[str, Any]:
    """Return subject, issuer, names and dates of a certificate, ready for evidence.

    What cannot be read is left out: a hostile server may show anything.

    Args:
        der: the certificate as it came in TLS.
        now: the time that ``days_left`` counts from; below zero once it has expired.
    """
    certificate = loaded(der)
    if certificate is None:
        return {"unreadable": "ValueError"}
    try:
        names = _names(certificate)
        not_after = certificate.not_valid_after_utc
        return {
            "subject": _first(certificate.subject, NameOID.COMMON_NAME) or next(iter(names), ""),
            "issuer": named(certificate.issuer),
            "not_before": certificate.not_valid_before_utc.isoformat(),
            "not_after": not_after.isoformat(),
            "days_left": (not_after.astimezone(UTC) - now).days,
            "names": names,
        }
    except BROKEN as error:
        return {"unreadable": type(error).__name__}


def loaded(der: bytes) -> x509.Certificate | None:
    """Return a certificate; None where it cannot be read, or is out of order.

    The library warns on standard error of numbers out of order, which only whoever issued it can
    change. Filters of warnings are the whole process's, so that threads take turns.
    """
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            certificate = x509.load_der_x509_certificate(der)
            # Read when they are asked for: whoever holds a certificate can count on its names.
            _ = certificate.subject, certificate.issuer
        except (*BROKEN, CryptographyDeprecationWarning):
            return None
        return certificate


def named(name: x509.Name) -> str:
    """Return what somebody is called in a certificate."""
    return _first(name, NameOID.COMMON_NAME) or _first(name, NameOID.ORGANIZATION_NAME)


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    return next((str(attribute.value) for attribute in name.get_attributes_for_oid(oid)), "")


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        )
    except (x509.ExtensionNotFound, *BROKEN):
        return []
    if not isinstance(extension.value, x509.SubjectAlternativeName):
        return []
    names = [str(name.value) for name in extension.value if hasattr(name, "value")]
    return names[:_NAMES_LIMIT]
