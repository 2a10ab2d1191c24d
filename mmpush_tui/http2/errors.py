"""What can go wrong between a request and its answer, by what may be done about it."""

from typing import ClassVar


class TransportError(Exception):
    """A request got no answer; the message is the cause in plain words, without addresses.

    Attributes:
        code: stable name of the cause for events and checks.
        is_unprocessed: the other side provably did nothing, so a replay cannot double a push.
    """

    is_unprocessed: ClassVar[bool] = False

    def __init__(self, cause: str, code: str) -> None:
        super().__init__(cause)
        self.code = code


class ConnectError(TransportError):
    """There was no connection to send on; nothing was sent.

    Attributes:
        stage: the step that failed: ``dns``, ``tcp``, ``tls``, ``alpn`` or ``http2``.
        again_in_s: seconds for which the peer wants no other connection; 0 where it did not say.
    """

    is_unprocessed = True

    def __init__(self, stage: str, cause: str, code: str, again_in_s: float = 0.0) -> None:
        super().__init__(cause, code)
        self.stage = stage
        self.again_in_s = again_in_s


class UnprocessedError(TransportError):
    """The peer said that it did not look at this request (RFC 9113, 6.8 and 8.7)."""

    is_unprocessed = True


class AmbiguousError(TransportError):
    """The request may or may not have been acted on: a timeout, a reset, a lost connection."""
