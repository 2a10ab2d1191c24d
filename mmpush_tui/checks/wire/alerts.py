"""The TLS alerts with which a peer refuses whoever connects."""

import socket
import ssl
from typing import Final

from mmpush_tui.checks.wire.session import unverified
from mmpush_tui.http2.connect import tls_reason

_CLIENT_ALERTS: Final = (
    "certificate required", "alert bad certificate", "alert certificate expired",
    "alert certificate revoked", "alert certificate unknown", "alert unknown ca",
    "alert unsupported certificate", "handshake failure: certificate",
)  # fmt: skip
"""TLS alerts about the certificate of whoever connects (RFC 8446, 6.2)."""


def heard(sock: socket.socket, host: str) -> str:
    """Return OpenSSL's words for how the peer ends TLS; empty where it does not."""
    try:
        with sock, unverified().wrap_socket(sock, server_hostname=host) as tls:
            # Nothing is sent: the peer's answer to that could overtake what it said before.
            tls.recv(1)
    except ssl.SSLError as error:
        return tls_reason(error)
    except OSError:
        return ""
    return ""


def wants_certificate(error: BaseException) -> bool:
    """Return whether the peer ended TLS because of our certificate, or the want of one."""
    return about_certificate(tls_words(error))


def about_certificate(words: str) -> bool:
    """Return whether OpenSSL's ``words`` are of an alert about our certificate."""
    return any(alert in words.lower() for alert in _CLIENT_ALERTS)


def tls_words(error: BaseException) -> str:
    """Return OpenSSL's words in what caused ``error``, or its own."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return tls_reason(cause)
        cause = cause.__cause__ or cause.__context__
    return str(error)
