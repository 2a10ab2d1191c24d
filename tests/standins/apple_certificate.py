"""Throw-away client certificates that look like Apple's, in every form people have them in."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from mmpush_tui.credentials.certificate_marks import NETWORKS, TOPICS, Environment
from mmpush_tui.simulator.credentials import TOPIC, write_private
from mmpush_tui.simulator.net.ca import ThrowAwayCA

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

BOTH: tuple[Environment, ...] = ("production", "sandbox")
_NULL = b"\x05\x00"
_UTF8, _SEQUENCE = 0x0C, 0x30


@dataclass(frozen=True, slots=True)
class AppleCertificate:
    """A client certificate for Apple's push service, and its key."""

    certificate: x509.Certificate
    key: Key = field(repr=False)

    @classmethod
    def make(
        cls, ca: ThrowAwayCA | None, topic: str = TOPIC, *,
        topics: Collection[str] | None = None, environments: Collection[Environment] = BOTH,
        begins: datetime | None = None, ends: datetime | None = None, key: Key | None = None,
    ) -> "AppleCertificate":  # fmt: skip
        """Return a new certificate.

        Args:
            ca: signs it; without one it signs itself.
            topic: the app's bundle id, its subject's UID; empty for none.
            topics: those of Apple's extension; default the topic and its calls, and without the
                extension where there are none.
            environments: the networks that it is marked for.
            begins: default yesterday.
            ends: default in a year.
            key: default a new one on P-256, which is made fastest.
        """
        now = datetime.now(UTC)
        private = ec.generate_private_key(ec.SECP256R1()) if key is None else key
        names = [x509.NameAttribute(NameOID.COMMON_NAME, f"Apple Push Services: {topic}")]
        if topic:
            names.insert(0, x509.NameAttribute(NameOID.USER_ID, topic))
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(names))
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins or now - timedelta(days=1))
            .not_valid_after(ends or now + timedelta(days=365))
        )
        marks = {NETWORKS[name]: _NULL for name in environments}
        if found := (topic, f"{topic}.voip") if topics is None else topics:
            marks[TOPICS] = topics_extension(found)
        for oid, value in marks.items():
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        if ca is None:
            made = builder.issuer_name(x509.Name(names)).sign(private, hashes.SHA256())
        else:
            made = ca.sign(builder)
        return cls(made, private)

    def pem(
        self, password: str = "", *, form: PrivateFormat = PrivateFormat.PKCS8, first: str = "key"
    ) -> str:
        """Return both as PEM text.

        Args:
            password: encrypts the key; empty for none.
            form: of the key; ``TraditionalOpenSSL`` is PKCS#1 or SEC1, with Proc-Type headers
                where it is encrypted.
            first: ``key`` or ``certificate``.
        """
        parts = [
            self.key.private_bytes(Encoding.PEM, form, _encryption(password)),
            self.certificate.public_bytes(Encoding.PEM),
        ]
        return b"".join(parts if first == "key" else reversed(parts)).decode("ascii")

    def p12(self, password: str = "") -> bytes:
        """Return both as .p12."""
        return pkcs12.serialize_key_and_certificates(
            b"push", self.key, self.certificate, None, _encryption(password)
        )

    def write(self, folder: Path) -> Path:
        """Write both to ``folder`` as PEM without a password, mode 0600."""
        return write_private(folder / "apple-push.pem", self.pem())


def topics_extension(topics: Collection[str]) -> bytes:
    """Return what Apple's extension holds: each topic, followed by the kinds of it."""
    kinds = _der(_SEQUENCE, _der(_UTF8, b"app"))
    return _der(_SEQUENCE, b"".join(_der(_UTF8, it.encode()) + kinds for it in topics))


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")
    return bytes([tag]) + size + content


def _encryption(password: str) -> KeySerializationEncryption:
    return BestAvailableEncryption(password.encode()) if password else NoEncryption()
