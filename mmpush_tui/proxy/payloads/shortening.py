"""Texts cut to what a payload has room for."""

from collections.abc import Callable
from typing import Final

_ELLIPSIS: Final = "\u2026"
# A joiner or a selector at the end would wait for what was cut; so would half a flag.
_NEVER_LAST: Final = frozenset("\u200d\ufe0f\u200c")

ORNAMENTS: Final = (
    "override_icon_url",
    "from_webhook",
    "override_username",
    "sender_name",
    "channel_name",
)
"""What a phone can do without, the first to go first; all else says where to look."""


class PayloadTooLargeError(Exception):
    """A push is too large for the vendor whatever is left out.

    Attributes:
        limit: bytes that it may have.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"the payload has more than {limit} bytes without its text")
        self.limit = limit


def longest(text: str, room: int, size: Callable[[str], int]) -> str:
    """Return the longest beginning of ``text`` that fits, an ellipsis where it was cut.

    Args:
        text: what there is to say.
        room: the largest size that fits.
        size: returns a text's; it grows with the text.
    """
    if size(text) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if size(text[:middle] + _ELLIPSIS) <= room:
            low = middle
        else:
            high = middle - 1
    while low and text[low - 1] in _NEVER_LAST:
        low -= 1
    cut = text[:low] + _ELLIPSIS
    return cut if size(cut) <= room else ""
