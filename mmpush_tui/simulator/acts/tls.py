"""Faults before HTTP: certificates, versions, ALPN, and handshakes that are broken off."""

import ssl
from dataclasses import dataclass, field
from typing import ClassVar, Final

from mmpush_tui.simulator.acts.base import Behaviour, Counted, Fault, Host, one_of, whole
from mmpush_tui.simulator.net.ca import Certificate
from mmpush_tui.simulator.net.tlspipe import HandshakeStep, TlsPipe


@dataclass(frozen=True, slots=True)
class _Context(Behaviour):
    kind: ClassVar[Certificate]
    _contexts: list[ssl.SSLContext] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    async def raised(self, host: Host) -> None:
        """Make the certificate, and drop the connections that were made with the usual one."""
        self._contexts.append(host.certificate(self.kind))
        for connection in host.connections:
            connection.abort(reset=True)

    def tls(self) -> ssl.SSLContext | None:
        """Return the certificate."""
        return self._contexts[-1] if self._contexts else None


@dataclass(frozen=True, slots=True)
class UntrustedCa(_Context):
    """Signed by nobody we know."""

    kind: ClassVar[Certificate] = "untrusted"


@dataclass(frozen=True, slots=True)
class ExpiredCertificate(_Context):
    """Valid until yesterday."""

    kind: ClassVar[Certificate] = "expired"


@dataclass(frozen=True, slots=True)
class WrongName(_Context):
    """For another host."""

    kind: ClassVar[Certificate] = "wrong-name"


@dataclass(frozen=True, slots=True)
class OldTls(_Context):
    """TLS 1.1 at most."""

    kind: ClassVar[Certificate] = "old-tls"


@dataclass(frozen=True, slots=True)
class ClientCertificateWanted(_Context):
    """A certificate of the client's is demanded, with TLS 1.3 after the handshake."""

    kind: ClassVar[Certificate] = "client-certificate"


@dataclass(frozen=True, slots=True)
class NoAlpn(_Context):
    """No protocol is chosen."""

    kind: ClassVar[Certificate] = "no-alpn"


@dataclass(frozen=True, slots=True)
class TlsReset(Counted):
    """TCP RST before TLS or in the middle of its handshake.

    Attributes:
        at: ``tls``, when the client's hello comes, or ``handshake``, before our half is sent.
    """

    at: str = "handshake"

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        one_of("at", self.at, "tls", "handshake")

    def shaking(self, pipe: TlsPipe, step: HandshakeStep) -> None:
        """Reset."""
        if step == self.at and self.is_due():
            pipe.abort(reset=True)


FAULTS: Final = (
    Fault(
        "untrusted-ca", "Unknown certificate authority", "both",
        "The certificate is signed by an authority that nobody knows. FAIL with those words, and "
        "new connections must be tried less and less often.",
        UntrustedCa,
    ),
    Fault(
        "expired-certificate", "Expired certificate", "both",
        "The certificate ended yesterday. FAIL with those words.",
        ExpiredCertificate,
    ),
    Fault(
        "wrong-name", "Certificate of another host", "both",
        "The certificate is for another name. FAIL with those words.",
        WrongName,
    ),
    Fault(
        "old-tls", "TLS 1.1 at most", "both",
        "Nothing newer than TLS 1.1 is spoken. FAIL, as neither vendor is like that.",
        OldTls,
    ),
    Fault(
        "client-certificate", "Client certificate demanded", "both",
        "A certificate of ours is demanded; with TLS 1.3 we hear of it after the handshake. FAIL "
        "with those words.",
        ClientCertificateWanted,
    ),
    Fault(
        "no-alpn", "No HTTP/2 on offer", "both",
        "TLS stands and no protocol is chosen, as with a device that intercepts. FAIL with those "
        "words.",
        NoAlpn,
    ),
    Fault(
        "tls-reset", "TLS broken off", "both",
        "TCP RST comes before TLS or in the middle of its handshake. Another connection must be "
        "tried, and the push must arrive.",
        TlsReset,
    ),
)  # fmt: skip
