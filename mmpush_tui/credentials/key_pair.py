"""A private key and its certificate, taken out of a PEM or .p12 file whatever its form."""

import re
import warnings
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12KeyAndCertificates,
    load_pkcs12,
)

from mmpush_tui.credentials.file import OtherKindError
from mmpush_tui.credentials.kinds import FileKind, identify
from mmpush_tui.errors import ConfigError, fix_in_book

INVALID: Final = "apple-certificate-invalid"
_KEY_BLOCK: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?-----END \1-----", re.S)
_LABEL: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_CERTIFICATES: Final = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE"})
_PEM_KINDS: Final = frozenset(
    {
        FileKind.CERTIFICATE_AND_KEY,
        FileKind.CERTIFICATE,
        FileKind.REQUEST,
        FileKind.PUBLIC_KEY,
        FileKind.P256_KEY,
        FileKind.RSA_KEY,
        FileKind.OTHER_CURVE,
        FileKind.OTHER_KEY,
        FileKind.PROTECTED_KEY,
        FileKind.BROKEN_KEY,
        FileKind.SSH_KEY,
        FileKind.UNKNOWN,
    }
)
_UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm)
# The encryptions that OpenSSL 3 leaves to its legacy provider, as they stand in a .p12, in DER:
# RC2 and RC4 of PKCS #12 (RFC 7292, C), DES and RC2 of PKCS #5 (RFC 8018, A), RC2-CBC, DES-CBC.
_OLD: Final = tuple(
    bytes.fromhex(it)
    for it in (
        "060a2a864886f70d010c0101", "060a2a864886f70d010c0102", "060a2a864886f70d010c0105",
        "060a2a864886f70d010c0106", "06092a864886f70d010501", "06092a864886f70d010503",
        "06092a864886f70d010504", "06092a864886f70d010506", "06092a864886f70d01050a",
        "06092a864886f70d01050b", "06082a864886f70d0302", "06052b0e030207",
    )
)  # fmt: skip


class KeyPair(NamedTuple):
    """A key, the certificate of it, and the further certificates of the file."""

    key: PrivateKeyTypes
    leaf: x509.Certificate
    others: list[x509.Certificate]


def key_pair(data: bytes, password: str, where: str) -> KeyPair:
    """Return key and certificate.

    Args:
        data: the content of the file.
        password: of the key or the .p12; one that is not needed does no harm.
        where: what the file is for, with its path; the errors begin with it.

    Raises:
        ConfigError: one of both is missing, cannot be read, or does not belong to the other.
    """
    with warnings.catch_warnings():
        # The library warns of odd encodings on standard error; what we think of a file we say.
        warnings.simplefilter("ignore")
        return _key_pair(data, password, where)


def _key_pair(data: bytes, password: str, where: str) -> KeyPair:
    identified = identify(data)
    # A file can hold half a character or a NUL; no password has them, and OpenSSL chokes on both.
    secret = password.encode(errors="replace").replace(b"\0", b"?")
    if identified.kind is FileKind.PKCS12:
        keys, certificates = _from_p12(data, secret, where)
    elif identified.kind in _PEM_KINDS and b"-----BEGIN" in data:
        keys, certificates = _from_pem(data, secret, where)
    elif identified.kind is FileKind.CERTIFICATE:
        raise _refusal(
            where, "this is the certificate alone, as Apple sends it, without its key", "no_key"
        )
    else:
        raise OtherKindError(identified.kind, where, INVALID)
    for key in keys:
        ours = public_der(key.public_key())
        for certificate in certificates:
            if _public_of(certificate, where) == ours:
                return KeyPair(key, certificate, [it for it in certificates if it != certificate])
    raise _refusal(where, "key and certificate do not belong together", "other_key")


def _from_pem(
    data: bytes, password: bytes, where: str
) -> tuple[list[PrivateKeyTypes], list[x509.Certificate]]:
    labels = set(_LABEL.findall(data))
    if not any(label.endswith(b"PRIVATE KEY") for label in labels):
        raise _refusal(where, "there is no private key in it", "no_key_block")
    if not labels & _CERTIFICATES:
        if any(label.endswith(b"CERTIFICATE REQUEST") for label in labels):
            raise _refusal(
                where, "there is a request for a certificate in it and no certificate", "request"
            )
        raise _refusal(where, "there is a key and no certificate in it", "key_alone")
    blocks = list(_KEY_BLOCK.finditer(data))
    if not blocks:
        raise _refusal(where, "its key is cut off", "key_cut")
    keys = [_key(block[0], block[1], password, where) for block in blocks]
    try:
        return keys, x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise _refusal(where, "its certificate cannot be read", "unreadable") from error


def _key(pem: bytes, label: bytes, password: bytes, where: str) -> PrivateKeyTypes:
    is_encrypted = label == b"ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in pem
    if is_encrypted and not password:
        raise _refusal(where, "its key has a password", "no_password")
    try:
        return load_pem_private_key(pem, password if is_encrypted else None)
    except _UNREADABLE as error:
        words = str(error).lower()
        if is_encrypted and (isinstance(error, UnsupportedAlgorithm) or "unknown" in words):
            why = "its key is encrypted in a way that is not read any more"
            raise _refusal(where, why, "old_key") from error
        # Bytes that a wrong password made are unreadable in many ways; a broken frame is not.
        if is_encrypted and "pem" not in words:
            raise _refusal(where, "the password does not open its key", "wrong_password") from error
        raise _refusal(where, "its key cannot be read", "unreadable") from error


def _from_p12(
    data: bytes, password: bytes, where: str
) -> tuple[list[PrivateKeyTypes], list[x509.Certificate]]:
    store = _opened(data, password, where)
    certificates = [it.certificate for it in (store.cert, *store.additional_certs) if it]
    if store.key is None:
        raise _refusal(where, "there is no private key in it", "store_no_key")
    if not certificates:
        raise _refusal(where, "there is a key and no certificate in it", "store_no_certificate")
    return [store.key], certificates


def _opened(data: bytes, password: bytes, where: str) -> PKCS12KeyAndCertificates:
    failure: Exception | None = None
    for attempt in (password, b"") if password else (b"",):
        try:
            return load_pkcs12(data, attempt or None)
        except _UNREADABLE as error:
            failure = failure or error
    # OpenSSL says the same of a wrong password and of an encryption that it does not read.
    if password and any(mark in data for mark in _OLD):
        why = (
            "the password does not open it, or its encryption (RC2 or one of its time) is too old "
            "for this host's OpenSSL"
        )
        raise _refusal(where, why, "store_old") from failure
    if isinstance(failure, UnsupportedAlgorithm):
        why = "it is encrypted in a way that is not read here"
        raise _refusal(where, why, "store_unread") from failure
    if "password" not in str(failure).lower():
        raise _refusal(where, "this .p12 file is damaged", "unreadable") from failure
    if not password:
        raise _refusal(where, "it has a password", "no_password") from failure
    raise _refusal(where, "the password does not open it", "wrong_password") from failure


def _public_of(certificate: x509.Certificate, where: str) -> bytes:
    try:
        return public_der(certificate.public_key())
    except _UNREADABLE as error:
        # What is inside is parsed only when it is asked for.
        raise _refusal(where, "its certificate cannot be read", "unreadable") from error


def public_der(key: PublicKeyTypes) -> bytes:
    """Return a public key as DER, by which two are known to be the same."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _refusal(where: str, why: str, fault: str) -> ConfigError:
    """Return the error; ``fault`` is what the catalogue knows what is to be done by."""
    return ConfigError(where, why=why, fix=fix_in_book(f"certificate.{fault}"), code=INVALID)
