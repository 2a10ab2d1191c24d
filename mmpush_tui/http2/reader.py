"""Counts frames off a stream of bytes, wherever these were cut."""

import struct
from collections.abc import Iterator
from typing import Final

from mmpush_tui.http2 import frames
from mmpush_tui.http2.rules import RuleBrokenError

_HEADER: Final = struct.Struct(">HBBBL")


class FrameReader:
    """Holds at most one unfinished frame, which is not looked at again before it is whole."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._needed = frames.HEADER_SIZE

    def feed(self, data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
        """Yield type, flags, stream id and payload of each frame that ``data`` completes.

        Must be exhausted, or never be called again.

        Raises:
            RuleBrokenError: a frame is larger than our SETTINGS allow.
        """
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        offset, size = 0, len(data)
        self._needed = frames.HEADER_SIZE
        while size - offset >= frames.HEADER_SIZE:
            high, low, kind, flags, stream_id = _HEADER.unpack_from(data, offset)
            length = high << 8 | low
            if length > frames.MAX_FRAME_SIZE:
                raise RuleBrokenError("a frame beyond measure", frames.FRAME_SIZE_ERROR)
            begin = offset + frames.HEADER_SIZE
            end = begin + length
            if end > size:
                self._needed = end - offset
                break
            yield kind, flags, stream_id & frames.MAX_STREAM_ID, data[begin:end]
            offset = end
        if offset < size:
            self._rest += data[offset:]
