"""A certificate authority that lives as long as one demo or one test."""

import ssl
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, assert_never

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

Certificate = Literal[
    "untrusted", "expired", "wrong-name", "old-tls", "client-certificate", "no-alpn"
]
"""What can be wrong with a server's TLS."""


class ThrowAwayCA:
    """Issues the stand-ins' certificates; its root goes to their clients as CAFile.

    Making one creates an EC key, which takes about a millisecond.
    """

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="mmpush-tui simulator")

    @property
    def root_pem(self) -> str:
        """The root certificate as PEM text."""
        return self._ca.cert_pem.bytes().decode("ascii")

    def server_context(self, *names: str, alpn: Sequence[str] = ("h2",)) -> ssl.SSLContext:
        """Return a TLS server context with a fresh certificate.

        Args:
            names: host names and addresses that the certificate is valid for.
            alpn: the protocols the server chooses from, best first; none of them where empty.
        """
        context = _server()
        self._ca.issue_cert(*names).configure_cert(context)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Return a client's certificate; ``builder`` lacks nothing but its issuer."""
        issuer = x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())
        signer = load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise TypeError("the authority's key is no elliptic curve key")
        return builder.issuer_name(issuer.subject).sign(signer, hashes.SHA256())

    def asks_for_certificate(self, context: ssl.SSLContext) -> None:
        """Let a server ``context`` take certificates of this authority from its clients."""
        context.load_verify_locations(cadata=self.root_pem)
        context.verify_mode = ssl.CERT_OPTIONAL

    def expired_context(self, *names: str) -> ssl.SSLContext:
        """Return a server context whose certificate ended yesterday."""
        context = _server()
        yesterday = datetime.now(UTC) - timedelta(days=1)
        self._ca.issue_cert(
            *names, not_before=yesterday - timedelta(days=30), not_after=yesterday
        ).configure_cert(context)
        context.set_alpn_protocols(["h2"])
        return context

    def client_context(self, alpn: Sequence[str] = ("h2",)) -> ssl.SSLContext:
        """Return a TLS client context that trusts this authority and nobody else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self.root_pem)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def write_root(self, path: Path) -> Path:
        """Write the root certificate to ``path`` as PEM, for a CAFile, and return the path."""
        path.write_text(self.root_pem, encoding="ascii")
        return path


def _server() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Apple and Google both refuse anything older.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def certificate(ca: ThrowAwayCA, names: Sequence[str], kind: Certificate) -> ssl.SSLContext:
    """Return a server context that is wrong in one way.

    Args:
        ca: signs the certificate, unless that is what is wrong.
        names: host names and addresses that it should be valid for.
        kind: what is wrong.
    """
    match kind:
        case "untrusted":
            return ThrowAwayCA().server_context(*names)
        case "expired":
            return ca.expired_context(*names)
        case "wrong-name":
            return ca.server_context("wrong-name.example.com")
        case "old-tls":
            context = ca.server_context(*names)
            with warnings.catch_warnings():
                # That it is out of date is the point.
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = ssl.TLSVersion.TLSv1_1
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            return context
        case "client-certificate":
            context = ca.server_context(*names)
            context.load_verify_locations(cadata=ca.root_pem)
            context.verify_mode = ssl.CERT_REQUIRED
            return context
        case "no-alpn":
            return ca.server_context(*names, alpn=())
        case _:
            assert_never(kind)
