"""A client certificate of Apple's with its key: the way to authenticate before .p8 keys."""

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mmpush_tui.credentials import file
from mmpush_tui.credentials.certificate_marks import Environment, environments_of, topics_of
from mmpush_tui.credentials.key_pair import INVALID, key_pair
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Finding, warning
from mmpush_tui.text import Secret

SOON: Final = timedelta(days=30)
"""A certificate that ends within this time is warned of."""
_SIZE_LIMIT: Final = 1024 * 1024
"""Room for a chain, or for a whole bundle of authorities behind it."""
_NETWORK: Final = {"production": "production", "sandbox": "the sandbox"}


class ClientCertificate(NamedTuple):
    """A certificate and its key.

    Attributes:
        path: the file it was read from.
        pem: both, the key without a password, with the file's other certificates behind them.
        topics: what it may send to; empty where the certificate does not say.
        environments: the networks it is marked for; empty where it does not say.
        not_after: when it ends.
    """

    path: str
    pem: Secret
    topics: frozenset[str]
    environments: frozenset[Environment]
    not_after: datetime

    def cautions(self, topic: str, environment: Environment | None, now: datetime) -> list[Finding]:
        """Return what will not work for long, or not at all for some pushes.

        Args:
            topic: the app's bundle id.
            environment: the network of Apple's it is used at; None for somebody else's endpoint.
            now: when.
        """
        cautions = []
        if (left := self.not_after - now) < SOON:
            cautions.append(
                warning(
                    "apple-certificate-ends",
                    f"Apple's certificate for {topic} ends in {max(left.days, 0)} days, on "
                    f"{self.not_after:%Y-%m-%d}; a .p8 key never does",
                )
            )
        if self.topics and f"{topic}.voip" not in self.topics:
            words = f"Apple's certificate is not for {topic}.voip, so calls cannot ring"
            cautions.append(warning("apple-certificate-no-calls", words))
        if self.topics and topic not in self.topics:
            words = f"Apple's certificate is for {topic}.voip alone, so only calls can be sent"
            cautions.append(warning("apple-certificate-calls-alone", words))
        if environment and self.environments and environment not in self.environments:
            (other,) = self.environments
            cautions.append(
                warning(
                    "apple-certificate-environment",
                    f"Apple's certificate for {topic} is marked for {_NETWORK[other]} and used in "
                    f"{_NETWORK[environment]}, which will refuse it; ApplePushUseDevelopment "
                    "chooses",
                )
            )
        return cautions


def load_certificate(
    path: str, password: Secret, topic: str, now: datetime | None = None
) -> ClientCertificate:
    """Return the certificate and key in a PEM or .p12 file.

    Args:
        path: the file.
        password: of the key; empty where it has none.
        topic: the app's bundle id, which the certificate must be for, or for calls to it; where
            it is empty, any will do.
        now: when; the present unless given.

    Raises:
        ConfigError: one of both is missing, cannot be read, does not belong to the other, is for
            another topic, or out of date. The message says which and what to do.
    """
    where = f"Apple certificate {path}"
    data = file.read_credential_file(path, where, "apple-certificate-missing", _SIZE_LIMIT)
    key, leaf, others = key_pair(data, password.reveal(), where)
    _refuse_dates(leaf, where, now or datetime.now(UTC))
    topics = topics_of(leaf)
    if topic and topics and topics.isdisjoint({topic, f"{topic}.voip"}):
        why = f"this certificate is for {', '.join(sorted(topics))} and not for {topic}"
        raise ConfigError(where, why=why, code="apple-certificate-topic")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem += b"".join(it.public_bytes(Encoding.PEM) for it in (leaf, *others))
    return ClientCertificate(
        path, Secret(pem.decode("ascii")), topics, environments_of(leaf), leaf.not_valid_after_utc
    )


def use(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Let ``context`` present a certificate; its key is on no disk afterwards.

    Raises:
        ConfigError: TLS on this host refuses such a key or certificate.
    """
    with _as_file(certificate.pem.reveal().encode("ascii")) as name:
        try:
            context.load_cert_chain(name)
        except ssl.SSLError as error:
            why = (error.reason or "").replace("_", " ").lower()
            raise ConfigError(
                f"Apple certificate {certificate.path}: TLS on this host does not take it",
                why=why,
                fix="Get a new certificate for an RSA key of 2048 bits, or change to a .p8 key.",
                code=INVALID,
            ) from error


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Give ``content`` a name for as long as the block runs; ssl reads keys from files alone."""
    with contextlib.ExitStack() as stack:
        if hasattr(os, "memfd_create"):
            memory = os.memfd_create("certificate", os.MFD_CLOEXEC)
            nameless = stack.enter_context(open(memory, "wb"))
            name = f"/proc/self/fd/{memory}"
            if os.path.exists(name):
                nameless.write(content)
                nameless.flush()
                yield name
                return
        # Mode 0600, and gone with the block.
        kept = stack.enter_context(tempfile.NamedTemporaryFile())
        kept.write(content)
        kept.flush()
        yield kept.name


def _refuse_dates(certificate: x509.Certificate, where: str, now: datetime) -> None:
    ends, begins = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    if ends < now:
        why = f"the certificate ended on {ends:%Y-%m-%d}"
        raise ConfigError(where, why=why, code="apple-certificate-expired")
    if begins > now:
        why = f"the certificate begins on {begins:%Y-%m-%d}"
        raise ConfigError(where, why=why, code="apple-certificate-early")
