"""Random names, without a system call for each."""

import os
from typing import Final

_POOL: Final = 16 * 512


class _Random:
    def __init__(self) -> None:
        self._digits = ""
        self._at = 0

    def digits(self, count: int) -> str:
        """Return so many random hexadecimal digits."""
        at = self._at
        if at + count > len(self._digits):
            self._digits = os.urandom(_POOL).hex()
            at = 0
        self._at = at + count
        return self._digits[at : at + count]


_random = _Random()


def delivery_id() -> str:
    """Return the name of a delivery: twelve hexadecimal digits."""
    return _random.digits(12)


def uuid_text() -> str:
    """Return a random UUID in its canonical form (RFC 9562, version 4)."""
    digits = _random.digits(32)
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
