"""A client certificate of Apple's with its key: the way to authenticate before .p8 keys."""

import contextlib
import os
import re
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from cryptography.x509.oid import NameOID

from mmpush_tui.errors import ConfigError
from mmpush_tui.text import Secret, clean

SOON: Final = timedelta(days=30)
"""A certificate that ends within this time is warned of."""
_TOPICS: Final = x509.ObjectIdentifier("1.2.840.113635.100.6.3.6")
"""Apple's extension with the topics that a certificate may send to."""
_KEY_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?-----END \1-----", re.S)
_DER: Final = b"\x30"
_TEXT_TAGS: Final = frozenset({0x0C, 0x13, 0x16})
_LEGACY: Final = (
    "Write it anew: openssl pkcs12 -legacy -in old.p12 -nodes -out apple.pem, and name "
    "apple.pem here."
)


class ClientCertificate(NamedTuple):
    """A certificate and its key.

    Attributes:
        pem: both, the key without a password, with the certificates in between.
        topics: what it may send to; empty where the certificate does not say.
        not_after: when it ends.
    """

    pem: Secret
    topics: frozenset[str]
    not_after: datetime

    def warnings(self, topic: str, now: datetime) -> list[str]:
        """Return sentences about what will not work for long, or not at all for calls."""
        found = []
        if (left := self.not_after - now) < SOON:
            found.append(
                f"Apple's certificate for {topic} ends in {max(left.days, 0)} days, on "
                f"{self.not_after:%Y-%m-%d}; a .p8 key never does"
            )
        if self.topics and f"{topic}.voip" not in self.topics:
            found.append(f"Apple's certificate is not for {topic}.voip, so calls cannot ring")
        return found


def load_certificate(
    path: str, password: Secret, topic: str, now: datetime | None = None
) -> ClientCertificate:
    """Return the certificate and key in a PEM or .p12 file.

    Args:
        path: the file.
        password: of the key; empty where it has none.
        topic: the app's bundle id, which the certificate must be for.
        now: when; the present unless given.

    Raises:
        ConfigError: one of both is missing, cannot be read, does not belong to the other, is for
            another topic, or out of date. The message says which and what to do.
    """
    where = f"Apple certificate {path}"
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror or "" if isinstance(error, OSError) else "this is no path"
        raise ConfigError(
            f"{where}: cannot be read", why=why, code="apple-certificate-missing"
        ) from error
    secret = password.reveal().encode() or None
    if b"-----BEGIN" in data:
        key, certificates = _from_pem(data, secret, where)
    elif data[:1] == _DER:
        key, certificates = _from_p12(data, secret, where)
    else:
        raise _refusal(
            where, "neither PEM nor .p12", "A PEM file begins with -----BEGIN CERTIFICATE-----."
        )
    leaf = _matching(key, certificates, where)
    _refuse_dates(leaf, where, now or datetime.now(UTC))
    topics = topics_of(leaf)
    if topics and topic not in topics:
        raise ConfigError(
            f"{where}: this certificate is for {', '.join(sorted(topics))} and not for {topic}",
            fix="Set ApplePushTopic to the bundle id of the app, or get a certificate for it.",
            code="apple-certificate-topic",
        )
    others = [it for it in certificates if it is not leaf]
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem += b"".join(it.public_bytes(Encoding.PEM) for it in (leaf, *others))
    return ClientCertificate(Secret(pem.decode("ascii")), topics, leaf.not_valid_after_utc)


def use(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Let ``context`` present a certificate; its key is on no disk afterwards."""
    pem = certificate.pem.reveal().encode("ascii")
    with contextlib.ExitStack() as stack:
        if hasattr(os, "memfd_create"):
            number = os.memfd_create("certificate", os.MFD_CLOEXEC)
            stack.callback(os.close, number)
            os.write(number, pem)
            context.load_cert_chain(f"/proc/self/fd/{number}")
            return
        # Mode 0600, and gone with the block.
        file = stack.enter_context(tempfile.NamedTemporaryFile())
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)


def topics_of(certificate: x509.Certificate) -> frozenset[str]:
    """Return the topics that a certificate may send to: its UID, and those of Apple's extension."""
    found = {str(it.value) for it in certificate.subject.get_attributes_for_oid(NameOID.USER_ID)}
    with contextlib.suppress(x509.ExtensionNotFound, ValueError):
        extension = certificate.extensions.get_extension_for_oid(_TOPICS).value
        if isinstance(extension, x509.UnrecognizedExtension):
            found.update(_texts(extension.value))
    return frozenset(clean(it, 200) for it in found)


def _texts(der: bytes) -> list[str]:
    """Return the texts directly inside a DER sequence; what is nested only names their kinds."""
    content = _content(der, 0)
    if content is None or der[:1] != _DER:
        return []
    found, (at, end) = [], content
    while at < end and (part := _content(der, at)) is not None:
        start, stop = part
        if der[at] in _TEXT_TAGS:
            found.append(der[start:stop].decode("utf-8", errors="replace"))
        at = stop
    return found


def _content(der: bytes, at: int) -> tuple[int, int] | None:
    """Return where the content of the DER value at ``at`` begins and ends (X.690, 8.1)."""
    if at + 2 > len(der):
        return None
    length, start = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(der[start : start + count], "big"), start + count
    return (start, start + length) if start + length <= len(der) else None


def _from_pem(
    data: bytes, password: bytes | None, where: str
) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    block = _KEY_BLOCK.search(data)
    if block is None:
        raise _refusal(
            where, "there is no private key in it",
            "Export certificate and key together, or append the key's PEM to the file.",
        )  # fmt: skip
    if b"-----BEGIN CERTIFICATE" not in data:
        raise _refusal(
            where, "there is a key and no certificate in it",
            "A .p8 key belongs into AppleAuthKeyFile, with AppleAuthKeyID and AppleTeamID.",
        )  # fmt: skip
    is_encrypted = block[1] == b"ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in block[0]
    if is_encrypted and not password:
        raise _refusal(where, "its key has a password", "Set ApplePushCertPassword.")
    try:
        key = load_pem_private_key(block[0], password if is_encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if is_encrypted:
            raise _refusal(
                where, "the password does not open its key", "Correct ApplePushCertPassword."
            ) from error
        raise _refusal(where, "its key cannot be read", "Export it again.") from error
    try:
        return key, x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise _refusal(where, "its certificate cannot be read", "Export it again.") from error


def _from_p12(
    data: bytes, password: bytes | None, where: str
) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    try:
        store = load_pkcs12(data, password)
    except UnsupportedAlgorithm as error:
        raise _refusal(where, "it is encrypted in a way from before 2010", _LEGACY) from error
    except ValueError as error:
        if _is_certificate(data):
            raise _refusal(
                where, "this is the certificate alone, as Apple sends it, without its key",
                "Export it from the keychain together with its key, as .p12.",
            ) from error  # fmt: skip
        if "password" not in str(error).lower():
            raise _refusal(where, "this is no .p12 file", "Export it again.") from error
        if password is None:
            raise _refusal(where, "it has a password", "Set ApplePushCertPassword.") from error
        raise _refusal(
            where, "the password does not open it", "Correct ApplePushCertPassword."
        ) from error
    if store.key is None:
        raise _refusal(where, "there is no private key in it", "Export it with its key.")
    certificates = [it.certificate for it in (store.cert, *store.additional_certs) if it]
    return store.key, certificates


def _is_certificate(data: bytes) -> bool:
    with contextlib.suppress(ValueError):
        x509.load_der_x509_certificate(data)
        return True
    return False


def _matching(
    key: PrivateKeyTypes, certificates: list[x509.Certificate], where: str
) -> x509.Certificate:
    """Return the certificate of ``key``."""
    ours = _public(key.public_key())
    for certificate in certificates:
        if _public(certificate.public_key()) == ours:
            return certificate
    raise _refusal(
        where, "key and certificate do not belong together", "Export both from the same entry."
    )


def _public(key: object) -> bytes:
    made: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined] # every one has it
    return made


def _refuse_dates(certificate: x509.Certificate, where: str, now: datetime) -> None:
    ends, begins = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    if ends < now:
        raise ConfigError(
            f"{where}: the certificate ended on {ends:%Y-%m-%d}",
            fix="Renew it at developer.apple.com, or change to a .p8 key, which never ends.",
            code="apple-certificate-expired",
        )
    if begins > now:
        raise ConfigError(
            f"{where}: the certificate begins on {begins:%Y-%m-%d}",
            fix="Is this host's clock right?",
            code="apple-certificate-early",
        )


def _refusal(where: str, why: str, fix: str) -> ConfigError:
    return ConfigError(where, why=why, fix=fix, code="apple-certificate-invalid")
