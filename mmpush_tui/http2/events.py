"""What a peer's bytes mean to whoever asked, as ``Core.receive`` returns it."""

import msgspec


class Answered(msgspec.Struct, frozen=True):
    """An answer is complete.

    Attributes:
        headers: ``:status`` included; names as they came, which is in lower case.
        body: its first 64 KiB.
    """

    stream_id: int
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Sent(msgspec.Struct, frozen=True):
    """The last of a body that had to wait for the peer's windows is on its way."""

    stream_id: int


class Reset(msgspec.Struct, frozen=True):
    """The peer reset a stream.

    Attributes:
        error_code: REFUSED_STREAM means that it was not processed (RFC 9113, 8.7).
    """

    stream_id: int
    error_code: int


class Unprocessed(msgspec.Struct, frozen=True):
    """A GOAWAY said that this stream was not processed and will not be (RFC 9113, 6.8)."""

    stream_id: int


class Malformed(msgspec.Struct, frozen=True):
    """An answer, or the flow control of its stream, broke the rules; the stream was reset.

    Attributes:
        cause: what was wrong, as the end of a sentence that begins with the peer.
    """

    stream_id: int
    cause: str


class SettingsChanged(msgspec.Struct, frozen=True):
    """The peer sent SETTINGS; they are in force and were acknowledged."""


class Goodbye(msgspec.Struct, frozen=True):
    """The peer sent GOAWAY: no stream may be opened from now on.

    Attributes:
        last_stream_id: the highest stream that it may have processed.
        error_code: 0 for an orderly end.
        debug: what it says about it, untrusted.
    """

    last_stream_id: int
    error_code: int
    debug: bytes


class Pong(msgspec.Struct, frozen=True):
    """The answer to a PING."""

    payload: bytes


class Broken(msgspec.Struct, frozen=True):
    """The peer broke the rules of HTTP/2; a GOAWAY is to be sent, and nothing more is heard.

    Attributes:
        error_code: what the GOAWAY says.
        cause: which rule, in a few words.
        is_http1: whether the peer speaks HTTP/1 instead.
    """

    error_code: int
    cause: str
    is_http1: bool = False


Event = (
    Answered | Sent | Reset | Unprocessed | Malformed | SettingsChanged | Goodbye | Pong | Broken
)
