"""How one push ended upstream."""

from typing import NamedTuple

import msgspec

from mmpush_tui.protocol.wire import Answer

TRANSPORT_PREFIX = "unknown transport error"
"""How the reference proxy begins the refusal of a push that got no answer upstream."""
RESPONSE_PREFIX = "unknown send response error"
"""How it begins the refusal of a push that Apple declined."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The end of one push.

    Attributes:
        answer: what Mattermost is told.
        reason: Apple's or Google's word for it, or ours; empty when all is well.
        http: status code of the upstream answer; 0 where there was none.
        upstream_id: ``apns-id``, or the name of the FCM message.
        tries: requests sent upstream, or connections that could not be made for one.
        upstream_ms: milliseconds from the first byte sent until the answer.
        is_unreached: nobody could be connected to, or nobody answered in time.
        is_held: the vendor said that the device is dead, and the guard does not believe it.
    """

    answer: Answer
    reason: str = ""
    http: int = 0
    upstream_id: str = ""
    tries: int = 0
    upstream_ms: float = 0.0
    is_unreached: bool = False
    is_held: bool = False


class Within(NamedTuple):
    """How long a push may take, in seconds.

    Attributes:
        answer_s: until its outcome must be known.
        try_s: until one try is given up.
    """

    answer_s: float
    try_s: float
