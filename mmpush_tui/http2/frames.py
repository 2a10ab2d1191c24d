"""Frames counted off a byte stream, for what must not wait for, or reach, the h2 library."""

import struct
from typing import Final

from mmpush_tui.text import clean

_GOAWAY: Final = 0x7
_HEADER: Final = 9
_PAYLOAD_LIMIT: Final = 16384
"""The default, which our SETTINGS do not raise."""


class BadFrameError(Exception):
    """A frame longer than we allowed, or too short for what it is."""


def take_frame(buffer: bytearray) -> bytes:
    """Remove one whole frame from the front of ``buffer``; empty where none is complete.

    Raises:
        BadFrameError: what comes is no frame that the peer may send.
    """
    if len(buffer) < _HEADER:
        return b""
    length = int.from_bytes(buffer[:3], "big")
    if length > _PAYLOAD_LIMIT or (buffer[3] == _GOAWAY and length < 8):
        raise BadFrameError
    size = _HEADER + length
    if len(buffer) < size:
        return b""
    frame = bytes(buffer[:size])
    del buffer[:size]
    return frame


def is_goaway(frame: bytes) -> bool:
    """Return whether a whole frame is GOAWAY."""
    return frame[3] == _GOAWAY


def parse_goaway(frame: bytes) -> tuple[int, int, str]:
    """Return a GOAWAY's last stream id, its error code and its reason as safe text."""
    last, code = struct.unpack_from(">II", frame, _HEADER)
    reason = clean(frame[_HEADER + 8 :].decode(errors="replace"), 200)
    return last & 0x7FFFFFFF, code, reason
