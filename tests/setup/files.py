"""Credential files of every kind, with real keys made for the test."""

import datetime
import json
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from mmpush_tui.simulator.credentials import GoogleAccount

P256: Final = ec.generate_private_key(ec.SECP256R1())
RSA: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ACCOUNT: Final = GoogleAccount.make(7, project_id="chat-project")
KEY_NAME: Final = "AuthKey_ABC123DEFG.p8"

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def pem(key: Key, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes = b"") -> bytes:
    protection = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, protection)


P8: Final = pem(P256)


def certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Apple Push Services")])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=365))
    builder = builder.serial_number(5).public_key(RSA.public_key())
    return builder.sign(RSA, hashes.SHA256())


CERTIFICATE: Final = certificate()
CERTIFICATE_PEM: Final = CERTIFICATE.public_bytes(Encoding.PEM)
REQUEST: Final = (
    x509.CertificateSigningRequestBuilder()
    .subject_name(CERTIFICATE.subject)
    .sign(RSA, hashes.SHA256())
    .public_bytes(Encoding.PEM)
)
P12: Final = pkcs12.serialize_key_and_certificates(
    b"push", RSA, CERTIFICATE, None, BestAvailableEncryption(b"password")
)
PUBLIC: Final = P256.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
GOOGLE_SERVICES: Final = json.dumps(
    {
        "project_info": {"project_number": "1234", "project_id": "chat-project"},
        "client": [{"api_key": [{"current_key": "AIzaCanaryCanaryCanary"}]}],
        "configuration_version": "1",
    }
).encode()
OAUTH_CLIENT: Final = json.dumps(
    {"installed": {"client_id": "1.apps", "project_id": "p", "client_secret": "GOCSPX-canary"}}
).encode()


def keep(path: Path, data: bytes, mode: int = 0o600) -> Path:
    """Write ``data`` to ``path`` with exactly this mode."""
    path.write_bytes(data)
    path.chmod(mode)
    return path


def secrets_of(*data: bytes) -> list[str]:
    """Return what of these files must be seen nowhere: the lines of their keys."""
    found: list[str] = []
    for item in data:
        for line in item.decode(errors="replace").replace("\\n", "\n").splitlines():
            if len(line) >= 24 and " " not in line.strip():
                found.append(line.strip()[:24])
    return found
