"""Rules of HTTP/2 for what a peer sends, and the failures of a peer that breaks them."""

import re
from functools import lru_cache
from typing import Final

from mmpush_tui.http2 import frames

_STATUS: Final = re.compile(r"[1-9][0-9]{2}", re.ASCII)


class RuleBrokenError(Exception):
    """The peer broke a rule for which the connection must end.

    Attributes:
        cause: which rule, in a few words.
        error_code: what our GOAWAY says.
    """

    def __init__(self, cause: str, error_code: int = frames.PROTOCOL_ERROR) -> None:
        super().__init__(cause)
        self.cause = cause
        self.error_code = error_code


class MalformedError(Exception):
    """An answer breaks the rules; only its stream must end."""


def connection_only(stream_id: int) -> None:
    """Refuse a frame of the whole connection that names a stream."""
    if stream_id:
        raise RuleBrokenError("a frame of the connection on a stream")


def sized(payload: bytes, size: int, name: str) -> None:
    """Refuse a frame whose payload has another size than its type demands."""
    if len(payload) != size:
        raise RuleBrokenError(f"{name} of the wrong size", frames.FRAME_SIZE_ERROR)


def unpadded(payload: bytes) -> bytes:
    """Return the payload of a padded frame without its padding."""
    if not payload or payload[0] >= len(payload):
        raise RuleBrokenError("more padding than frame")
    return payload[1 : len(payload) - payload[0]]


def status_in(headers: tuple[tuple[str, str], ...]) -> int:
    """Return the status of an answer; one without is malformed."""
    for name, value in headers:
        if name == ":status" and _STATUS.fullmatch(value):
            return int(value)
    raise MalformedError("sent no status")


@lru_cache(512)
def text_of(value: bytes) -> str:
    """Return a header's name or value as text, whatever its bytes are."""
    return value.decode("utf-8", errors="replace")
