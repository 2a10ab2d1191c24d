"""What Apple writes into a push certificate beside a name: its topics and its network. Pure.

Apple's page on the connection with certificates names the extensions that list topics; those of
the networks are in the practice statement of Apple's certificate authority (WWDR CPS).
"""

import contextlib
from typing import Final, Literal

from cryptography import x509
from cryptography.x509.oid import NameOID

from mmpush_tui.text import clean

Environment = Literal["production", "sandbox"]

_APPLE: Final = "1.2.840.113635.100.6.3"
TOPICS: Final = x509.ObjectIdentifier(f"{_APPLE}.6")
"""The extension with the topics that a certificate may send to."""
VOIP_TOPICS: Final = x509.ObjectIdentifier(f"{_APPLE}.4")
"""The same for calls, in certificates for nothing else."""
NETWORKS: Final[dict[Environment, x509.ObjectIdentifier]] = {
    "sandbox": x509.ObjectIdentifier(f"{_APPLE}.1"),
    "production": x509.ObjectIdentifier(f"{_APPLE}.2"),
}
"""The extensions that mark a certificate for one network; one for both has both."""
_SEQUENCE: Final = 0x30
_TEXT_TAGS: Final = frozenset({0x0C, 0x13, 0x16})


def topics_of(certificate: x509.Certificate) -> frozenset[str]:
    """Return the topics that a certificate may send to: its UID, and those of the extensions."""
    topics = set[str]()
    # ValueError: a subject that cannot be parsed.
    with contextlib.suppress(ValueError):
        names = certificate.subject.get_attributes_for_oid(NameOID.USER_ID)
        topics.update(str(name.value) for name in names)
    for oid in (TOPICS, VOIP_TOPICS):
        topics.update(_texts(_extension(certificate, oid) or b""))
    return frozenset(filter(None, (clean(topic, 200) for topic in topics)))


def environments_of(certificate: x509.Certificate) -> frozenset[Environment]:
    """Return the networks that a certificate is marked for; none where it bears no mark."""
    return frozenset(
        name for name, oid in NETWORKS.items() if _extension(certificate, oid) is not None
    )


def _extension(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> bytes | None:
    # ValueError: another extension of the certificate cannot be parsed.
    with contextlib.suppress(x509.ExtensionNotFound, ValueError):
        value = certificate.extensions.get_extension_for_oid(oid).value
        if isinstance(value, x509.UnrecognizedExtension):
            return value.value
    return None


def _texts(der: bytes) -> list[str]:
    """Return the texts directly inside a DER sequence; what is nested only names their kinds."""
    content = _content(der, 0)
    if content is None or der[0] != _SEQUENCE:
        return []
    texts, (at, end) = [], content
    while at < end and (part := _content(der, at)) is not None:
        start, stop = part
        if der[at] in _TEXT_TAGS:
            texts.append(der[start:stop].decode("utf-8", errors="replace"))
        at = stop
    return texts


def _content(der: bytes, at: int) -> tuple[int, int] | None:
    """Return where the content of the DER value at ``at`` begins and ends (X.690, 8.1)."""
    if at + 2 > len(der):
        return None
    length, start = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(der[start : start + count], "big"), start + count
    return (start, start + length) if start + length <= len(der) else None
