"""What a file is that somebody took for a credential, told by its first bytes."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key


class FileKind(StrEnum):
    """Kinds of files that are met where a credential is expected; the value names them."""

    EMPTY = "an empty file"
    P256_KEY = "a P-256 private key"
    RSA_KEY = "an RSA private key"
    OTHER_CURVE = "a private key on another curve than P-256"
    OTHER_KEY = "a private key of another type than P-256"
    PROTECTED_KEY = "a private key protected with a password"
    BROKEN_KEY = "a private key that is damaged"
    ESCAPED_KEY = "a private key whose line breaks are written out as \\n"
    BARE_KEY = "a private key without its BEGIN and END lines"
    BINARY_KEY = "a private key in binary form (DER)"
    SSH_KEY = "an SSH key"
    PUBLIC_KEY = "a public key"
    CERTIFICATE = "a certificate"
    CERTIFICATE_AND_KEY = "a certificate with its key, the way before .p8 keys"
    REQUEST = "a request for a certificate"
    PKCS12 = "a certificate store (.p12 or .pfx)"
    PKCS7 = "a bundle of certificates (.p7b), which holds no key"
    SERVICE_ACCOUNT = "a Google service account"
    GOOGLE_SERVICES = "google-services.json, which belongs into the Android app"
    GOOGLE_PLIST = "a property list such as GoogleService-Info.plist, which belongs into an app"
    OAUTH_CLIENT = "an OAuth client, with which people log in"
    USER_LOGIN = "a person's login for the gcloud command"
    FEDERATED = "a workload identity, which holds no key"
    PUSH_PROXY = "a configuration of mattermost-push-proxy"
    OTHER_JSON = "a JSON file of another kind"
    BROKEN_JSON = "a JSON file that is damaged"
    UNESCAPED_JSON = "a JSON file with line breaks inside a text, where \\n has to stand"
    QUOTED_JSON = "a JSON file in quotation marks"
    ARCHIVE = "an archive"
    BASE64 = "a credential that was encoded in base64 once more"
    WEB_PAGE = "a web page"
    UTF16 = "a text file in UTF-16"
    UNKNOWN = "neither a key nor a JSON file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a file is.

    Attributes:
        kind: its kind.
        project_id: the Firebase project that a Google file names, or empty.
    """

    kind: FileKind
    project_id: str = ""


_PEM_LABEL: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_JSON_TYPES: Final = {
    "service_account": FileKind.SERVICE_ACCOUNT,
    "authorized_user": FileKind.USER_LOGIN,
    "external_account": FileKind.FEDERATED,
    "external_account_authorized_user": FileKind.FEDERATED,
    "impersonated_service_account": FileKind.FEDERATED,
}
# The object identifier of PKCS #7's signed data, in DER.
_SIGNED_DATA: Final = bytes.fromhex("06092a864886f70d010702")
_UNREADABLE: Final = (ValueError, TypeError, UnsupportedAlgorithm)


def identify(data: bytes) -> Seen:
    """Return what a file is that begins with, or as a rule consists of, ``data``."""
    if not data.strip():
        return Seen(kind=FileKind.EMPTY)
    if data.startswith((b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf")):
        return Seen(kind=FileKind.ARCHIVE)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Seen(kind=FileKind.UTF16)
    bare = data.strip()
    if bare[:1] in (b"'", b'"') and bare.endswith(bare[:1]) and bare[1:].lstrip().startswith(b"{"):
        return Seen(kind=FileKind.QUOTED_JSON)
    if labels := _PEM_LABEL.findall(data):
        # JSON of a service account holds a PEM block too.
        if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return _json(data)
        return Seen(kind=_pem(data, labels))
    if data.startswith(b"0") and not data[:64].isascii():
        return Seen(kind=_der(data))
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"{", b"[")):
        return _json(data)
    if text[:200].lower().startswith((b"<!doctype html", b"<html")):
        return Seen(kind=FileKind.WEB_PAGE)
    is_xml = text.startswith((b"<?xml", b"<!DOCTYPE", b"<plist")) and b"<plist" in text[:1000]
    if is_xml or text.startswith(b"bplist"):
        return Seen(kind=FileKind.GOOGLE_PLIST)
    return Seen(kind=_encoded(text))


def _pem(data: bytes, labels: list[bytes]) -> FileKind:
    if not any(label.endswith(b"PRIVATE KEY") for label in labels):
        first = labels[0]
        if b"REQUEST" in first:
            return FileKind.REQUEST
        if first == b"PKCS7":
            return FileKind.PKCS7
        if first.endswith(b"PUBLIC KEY"):
            return FileKind.PUBLIC_KEY
        return FileKind.CERTIFICATE if b"CERTIFICATE" in first else FileKind.UNKNOWN
    if b"CERTIFICATE" in labels:
        return FileKind.CERTIFICATE_AND_KEY
    if b"OPENSSH PRIVATE KEY" in labels:
        return FileKind.SSH_KEY
    if b"ENCRYPTED PRIVATE KEY" in labels or b"Proc-Type: 4,ENCRYPTED" in data:
        return FileKind.PROTECTED_KEY
    try:
        key = load_pem_private_key(data, password=None)
    except _UNREADABLE:
        # As it stands in an environment variable, or in Google's JSON.
        is_escaped = b"\\n" in data and _is_key(data.replace(b"\\n", b"\n"), load_pem_private_key)
        return FileKind.ESCAPED_KEY if is_escaped else FileKind.BROKEN_KEY
    if isinstance(key, EllipticCurvePrivateKey):
        return FileKind.P256_KEY if isinstance(key.curve, SECP256R1) else FileKind.OTHER_CURVE
    return FileKind.RSA_KEY if isinstance(key, RSAPrivateKey) else FileKind.OTHER_KEY


def _der(data: bytes) -> FileKind:
    # A PKCS #12 store is a sequence that begins with the version 3.
    if b"\x02\x01\x03" in data[:8]:
        return FileKind.PKCS12
    if _SIGNED_DATA in data[:20]:
        return FileKind.PKCS7
    try:
        x509.load_der_x509_certificate(data)
    except ValueError:
        return FileKind.BINARY_KEY if _is_key(data, load_der_private_key) else FileKind.UNKNOWN
    return FileKind.CERTIFICATE


def _encoded(text: bytes) -> FileKind:
    """Return what text without a form of its own is: base64 of a credential, or unknown."""
    try:
        data = base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        return FileKind.UNKNOWN
    if _is_key(data, load_der_private_key):
        return FileKind.BARE_KEY
    if data.startswith((b"-----BEGIN ", b"{")) or (
        data[:1] == b"0" and _der(data) is FileKind.PKCS12
    ):
        return FileKind.BASE64
    return FileKind.UNKNOWN


def _is_key(data: bytes, load: Callable[[bytes, None], object]) -> bool:
    try:
        load(data, None)
    except _UNREADABLE:
        return False
    return True


def _json(data: bytes) -> Seen:
    try:
        document = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return Seen(
            kind=FileKind.UNESCAPED_JSON if _is_lenient_json(data) else FileKind.BROKEN_JSON
        )
    if not isinstance(document, dict):
        return Seen(kind=FileKind.OTHER_JSON)
    if isinstance(info := document.get("project_info"), dict):
        return Seen(kind=FileKind.GOOGLE_SERVICES, project_id=_text(info.get("project_id")))
    if isinstance(client := document.get("installed", document.get("web")), dict):
        return Seen(kind=FileKind.OAUTH_CLIENT, project_id=_text(client.get("project_id")))
    if kind := _JSON_TYPES.get(_text(document.get("type"))):
        return Seen(kind=kind, project_id=_text(document.get("project_id")))
    if {key.lower() for key in document} & {"applepushsettings", "androidpushsettings"}:
        return Seen(kind=FileKind.PUSH_PROXY)
    return Seen(kind=FileKind.OTHER_JSON)


def _is_lenient_json(data: bytes) -> bool:
    """Return whether control characters inside its texts are all that keeps it from being JSON."""
    text = data.removeprefix(b"\xef\xbb\xbf")
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return False
    try:
        json.loads(text)
    except ValueError:
        return True
    # This library takes what is no JSON, such as NaN.
    return False


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
