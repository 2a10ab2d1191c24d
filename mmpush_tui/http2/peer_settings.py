"""The SETTINGS of the peer that are in force (RFC 9113, 6.5)."""

from typing import Final

from mmpush_tui.http2 import frames
from mmpush_tui.http2.rules import RuleBrokenError

_LARGEST_FRAME_SIZE: Final = 2**24 - 1
_DEFAULTS: Final = {
    frames.HEADER_TABLE_SIZE: 4096,
    frames.ENABLE_PUSH: 0,
    frames.INITIAL_WINDOW_SIZE: frames.DEFAULT_WINDOW,
    frames.MAX_FRAME_SIZE_SETTING: frames.MAX_FRAME_SIZE,
}


class PeerSettings:
    """Begins with what holds before the peer said anything.

    Attributes:
        max_streams: streams that may be open at once; None where the peer sets no limit.
        initial_window: bytes of a body that may be sent on a new stream.
        max_frame_size: payload of the largest frame that may be sent.
        is_table_smaller: whether the peer's table for our headers is, or was at any time, smaller
            than the one that every connection begins with.
    """

    def __init__(self) -> None:
        self._values = dict(_DEFAULTS)
        self.max_streams: int | None = None
        self.initial_window = frames.DEFAULT_WINDOW
        self.max_frame_size = frames.MAX_FRAME_SIZE
        self.is_table_smaller = False

    def apply(self, payload: bytes) -> None:
        """Put in force what a SETTINGS frame says, one after the other.

        Raises:
            RuleBrokenError: a value is none that HTTP/2 allows a server.
        """
        for code, value in frames.parse_settings(payload):
            match code:
                case frames.HEADER_TABLE_SIZE:
                    if value < _DEFAULTS[code]:
                        self.is_table_smaller = True
                case frames.ENABLE_PUSH if value:
                    raise RuleBrokenError("ENABLE_PUSH by a server")
                case frames.MAX_CONCURRENT_STREAMS:
                    self.max_streams = value
                case frames.INITIAL_WINDOW_SIZE:
                    if value > frames.MAX_WINDOW:
                        raise RuleBrokenError(
                            "an initial window beyond measure", frames.FLOW_CONTROL_ERROR
                        )
                    self.initial_window = value
                case frames.MAX_FRAME_SIZE_SETTING:
                    if not frames.MAX_FRAME_SIZE <= value <= _LARGEST_FRAME_SIZE:
                        raise RuleBrokenError("a largest frame beyond measure")
                    self.max_frame_size = value
                case _:
                    pass
            if code in frames.SETTING_NAMES:
                self._values[code] = value

    def named(self) -> dict[str, int]:
        """Return the values by their names in lower case; without those that nobody limits."""
        return {frames.SETTING_NAMES[code]: value for code, value in self._values.items()}
