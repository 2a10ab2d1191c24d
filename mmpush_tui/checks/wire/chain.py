"""The certificates that a server sent, and whose authority they come from."""

import ssl
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from mmpush_tui.checks.wire.certificate import BROKEN, loaded, named

_LIMIT: Final = 10
_DER: Final = 2
"""The ssl module's ENCODING_DER, which it keeps to itself."""


def load_public_roots() -> None:
    """Read the list of public authorities; it takes some milliseconds, so not in the event loop."""
    _public_keys()
    _public_names()


def sent(tls: ssl.SSLObject) -> list[x509.Certificate]:
    """Return the chain as the server sent it, its own certificate first."""
    return _chain(tls, "get_unverified_chain")


def verified_chain(tls: ssl.SSLObject) -> list[x509.Certificate]:
    """Return the chain as it was verified, the root last; empty where nothing was."""
    return _chain(tls, "get_verified_chain")


def names(chain: Sequence[x509.Certificate]) -> list[str]:
    """Return the subjects of a chain, then the issuer of its last certificate."""
    if not chain:
        return []
    return [*(named(it.subject) for it in chain), named(chain[-1].issuer)]


def is_public(root: x509.Certificate) -> bool:
    """Return whether ``root`` is in the list of public authorities that Mozilla keeps."""
    return _key(root) in _public_keys()


def is_publicly_issued(chain: Sequence[x509.Certificate]) -> bool:
    """Return whether the chain claims to end at an authority of that list.

    By its name only: it says what the sender means, and not that it is true.
    """
    return bool(chain) and chain[-1].issuer.public_bytes() in _public_names()


def lacks_intermediate(chain: Sequence[x509.Certificate]) -> bool:
    """Return whether the server sent its own certificate alone, and its issuer is no root.

    Certificates of intermediates say where the issuer's certificate can be fetched.
    """
    if len(chain) != 1 or chain[0].issuer == chain[0].subject:
        return False
    if is_publicly_issued(chain):
        return False
    try:
        extension = chain[0].extensions.get_extension_for_oid(
            ExtensionOID.AUTHORITY_INFORMATION_ACCESS
        )
    except (x509.ExtensionNotFound, *BROKEN):
        return False
    access = extension.value
    return isinstance(access, x509.AuthorityInformationAccess) and any(
        it.access_method == AuthorityInformationAccessOID.CA_ISSUERS for it in access
    )


def _chain(tls: ssl.SSLObject, method: str) -> list[x509.Certificate]:
    # Public since Python 3.13; before, the same method of what is underneath.
    look: Any = getattr(tls, method, None) or getattr(getattr(tls, "_sslobj", None), method, None)
    if look is None:
        der = tls.getpeercert(binary_form=True)
        return _loaded([der] if der else [])
    links = (look() or ())[:_LIMIT]
    return _loaded([it if isinstance(it, bytes) else it.public_bytes(_DER) for it in links])


def _loaded(chain: Sequence[bytes]) -> list[x509.Certificate]:
    certificates = []
    for der in chain:
        if (certificate := loaded(der)) is None:
            # A hostile server may send anything; what stands before it was readable.
            break
        certificates.append(certificate)
    return certificates


def _key(certificate: x509.Certificate) -> bytes:
    try:
        return certificate.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
    except BROKEN:
        return b""


@cache
def _public() -> tuple[x509.Certificate, ...]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    # Some are so old that the library means to read them no longer.
    roots = map(loaded, context.get_ca_certs(binary_form=True))
    return tuple(root for root in roots if root is not None)


@cache
def _public_keys() -> frozenset[bytes]:
    return frozenset(_key(it) for it in _public()) - {b""}


@cache
def _public_names() -> frozenset[bytes]:
    return frozenset(it.subject.public_bytes() for it in _public())
