"""What it means for a request, in a sentence and a code, when its stream or connection ends."""

import ssl

from mmpush_tui.http2 import frames
from mmpush_tui.http2.connect import tls_reason
from mmpush_tui.http2.errors import (
    AmbiguousError,
    ConnectError,
    TransportError,
    UnprocessedError,
)
from mmpush_tui.http2.events import Broken
from mmpush_tui.text import clean


def of_reset(peer: str, error_code: int) -> TransportError:
    """Return what RST_STREAM means (RFC 9113, 8.7)."""
    if error_code == frames.REFUSED_STREAM:
        return UnprocessedError(f"{peer} refused the stream", "refused_stream")
    cause = f"{peer} reset the stream ({frames.error_name(error_code)})"
    return AmbiguousError(cause, "stream_reset")


def of_goodbye(peer: str, error_code: int, debug: bytes) -> tuple[str, str]:
    """Return cause and code of a GOAWAY: with a reason of the peer's, or for its calm, or bare."""
    reason = clean(debug.decode("utf-8", errors="replace"), 200)
    cause = f"{peer} said goodbye" + (f": {reason}" if reason else "")
    if error_code == frames.ENHANCE_YOUR_CALM:
        return cause, "http2_calm"
    return cause, "http2_goaway" if reason else "http2_goodbye"


def of_break(peer: str, broken: Broken) -> tuple[str, str]:
    """Return cause and code of an end by broken rules."""
    if broken.is_http1:
        return f"{peer} answered in HTTP/1 where HTTP/2 was agreed on", "http1_answer"
    return f"{peer} broke the rules of HTTP/2", "http2_protocol"


def of_stream(peer: str, error: Exception | None) -> tuple[str, str]:
    """Return cause and code of the end of the TLS stream; ``error`` as in ``Listener.ended``."""
    match error:
        case None:
            return f"{peer} closed the connection", "closed"
        case ssl.SSLError():
            # With TLS 1.3 this is also how a server asks for a certificate of ours.
            return f"{peer} broke off TLS: {tls_reason(error)}", "tls_closed"
        case _:
            return f"{peer} dropped the connection", "connection_lost"


def unprocessed(close_reason: ConnectError) -> UnprocessedError:
    """Return what ``close_reason``, the end of a connection, means for a request not processed."""
    is_goodbye = close_reason.code in ("http2_goaway", "http2_goodbye", "http2_calm")
    return UnprocessedError(str(close_reason), "goaway" if is_goodbye else "closed")
