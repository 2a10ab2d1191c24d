"""Certificates that have something wrong with them."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from mmpush_tui.simulator.net.ca import ThrowAwayCA


def self_signed(folder: Path, name: str) -> ssl.SSLContext:
    """Return a server's context with a certificate that is signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named(name)
    return _context(folder, "self", [_certificate(name, subject, subject, key, key)], key)


def without_intermediate(folder: Path, name: str) -> ssl.SSLContext:
    """Return a server's context that sends a certificate, and not the one that signed it."""
    key, signer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _named("Corp Issuing CA 7")
    made = _certificate(name, _named(name), issuer, key, signer, at="http://pki.corp/ca7.crt")
    return _context(folder, "alone", [made], key)


def expires_in(ca: ThrowAwayCA, days: int, *names: str) -> ssl.SSLContext:
    """Return a server's context with a certificate that ends in ``days``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.now(UTC) + timedelta(days=days, hours=1)
    authority: trustme.CA = ca._ca
    authority.issue_cert(*names, not_after=ends).configure_cert(context)
    return context


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    name: str, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey, at: str = "",
) -> x509.Certificate:  # fmt: skip
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    if at:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(at)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _context(
    folder: Path, stem: str, chain: list[x509.Certificate], key: ec.EllipticCurvePrivateKey
) -> ssl.SSLContext:
    path = folder / f"{stem}.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + b"".join(it.public_bytes(Encoding.PEM) for it in chain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
