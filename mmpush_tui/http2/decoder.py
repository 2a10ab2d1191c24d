"""Header blocks decoded by hpack, the same one only once."""

from typing import Final

from hpack import Decoder
from hpack.table import HeaderTable

from mmpush_tui.http2.rules import text_of

_REMEMBERED: Final = 64

Headers = tuple[tuple[str, str], ...]


class HeaderDecoder:
    """Decodes the header blocks of one connection.

    A block that leaves the dynamic table as it was means the same when it comes again, until the
    table changes. Google's answers of one second are like that; Apple's each have an ``apns-id`` of
    their own.

    Args:
        limit: bytes of a header list; a longer one is refused.
    """

    def __init__(self, limit: int) -> None:
        self._decoder = Decoder(max_header_list_size=limit)
        self._decoder.header_table = self._table = _Table()
        self._decoded: dict[bytes, Headers] = {}

    def decode(self, block: bytes) -> Headers:
        """Return the headers of a block.

        Raises:
            hpack.HPACKError: it is none.
        """
        if (headers := self._decoded.get(block)) is not None:
            return headers
        changes = self._table.changes
        decoded = self._decoder.decode(block, raw=True)
        headers = tuple([(text_of(name), text_of(value)) for name, value in decoded])
        # Another table size comes at the beginning of a block or not at all (RFC 7541, 4.2).
        is_resized = bool(block) and block[0] & 0xE0 == 0x20
        if is_resized or self._table.changes != changes or len(self._decoded) >= _REMEMBERED:
            self._decoded.clear()
        else:
            self._decoded[block] = headers
        return headers


class _Table(HeaderTable):
    changes = 0

    def add(self, name: bytes, value: bytes) -> None:
        self.changes += 1
        super().add(name, value)
