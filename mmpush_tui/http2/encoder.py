"""Request headers as HPACK that needs no memory on either side (RFC 7541).

Only the static table is used, and every other field is a literal that is not indexed: no
secret can enter a table, nothing has to be undone where a request is not sent after all, and it
takes a fraction of the time of an encoder with a table. What it costs is about 400 bytes a push.
"""

from functools import lru_cache
from typing import Final

from hpack.hpack import encode_integer

from mmpush_tui.http2 import Request

NO_TABLE: Final = b"\x20"
"""Sets the size of the dynamic table to nothing (RFC 7541, 6.3)."""
_NEVER_INDEXED: Final = 0x10
_METHODS: Final = {"GET": b"\x82", "POST": b"\x83"}
_HTTPS: Final = b"\x87"
_STATIC_NAMES: Final = {
    ":authority": 1,
    ":method": 2,
    ":path": 4,
    "accept": 19,
    "accept-encoding": 16,
    "authorization": 23,
    "content-length": 28,
    "content-type": 31,
    "user-agent": 58,
}
_SHORT: Final = tuple(bytes((size,)) for size in range(127))


def encode(request: Request, authority: str, authorization: str = "") -> bytes:
    """Return the header block of ``request``.

    Args:
        request: what is sent; its path and its ``unindexed`` headers are marked as never to be
            indexed by anyone on the way (RFC 7541, 7.1.3).
        authority: the ``:authority``.
        authorization: an ``authorization`` header to put before the others.

    Raises:
        ValueError: a value has characters that no header may have; the message has its name.
    """
    block = [_begin(request.method, authority), _name(":path", True), _value(":path", request.path)]
    if authorization:
        block += (_name("authorization", True), _value("authorization", authorization))
    unindexed = request.unindexed
    for name, value in request.headers:
        block += (_name(name, name in unindexed), _value(name, value))
    return b"".join(block)


@lru_cache(maxsize=64)
def _begin(method: str, authority: str) -> bytes:
    method_field = _METHODS.get(method) or _name(":method", False) + _value(":method", method)
    return method_field + _HTTPS + _name(":authority", False) + _value(":authority", authority)


@lru_cache(maxsize=256)
def _name(name: str, is_secret: bool) -> bytes:
    first = _NEVER_INDEXED if is_secret else 0
    index = encode_integer(_STATIC_NAMES.get(name, 0), 4)
    index[0] |= first
    return bytes(index) if name in _STATIC_NAMES else bytes(index) + _value(name, name)


def _value(name: str, value: str) -> bytes:
    if not (value.isascii() and value.isprintable()):
        raise ValueError(f"the header {name} has a value that cannot be sent")
    size = len(value)
    return (_SHORT[size] if size < 127 else bytes(encode_integer(size, 7))) + value.encode()
