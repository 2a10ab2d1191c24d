"""A certificate authority that lives as long as one demo or one test."""

import ssl
from collections.abc import Sequence
from pathlib import Path

import trustme


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
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Apple and Google both refuse anything older.
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._ca.issue_cert(*names).configure_cert(context)
        if alpn:
            context.set_alpn_protocols(list(alpn))
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
