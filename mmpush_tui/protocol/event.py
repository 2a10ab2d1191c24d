"""What the worker tells whoever watches it, one event at a time."""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import msgspec

Kind = Literal["delivery", "ack", "alarm", "state", "gap"]
Phase = Literal["", "arrived", "sent", "answered"]


class Event(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """One event, version 1; fields may be added, never changed.

    No message text, name or full device token is ever in one.

    Attributes:
        v: version of this shape.
        run: id of the worker's run; sequence numbers count within it.
        seq: number of the event. A heartbeat repeats the number of the event before it.
        at: time in UTC, milliseconds, ending in Z.
        kind: ``delivery``, ``ack``, ``alarm``, ``state`` or ``gap``.
        id: the delivery it belongs to.
        target: the configured type that serves it, ``apple_rn``.
        phase: ``arrived``, ``sent`` or ``answered``, of a delivery.
        status: ``OK``, ``REMOVE`` or ``FAIL`` of an answered delivery; the new state of a state
            event; the number of missed events of a gap.
        reason: the machine's word for why: Apple's or Google's reason, or ours.
        ms: durations in milliseconds: ``total``, ``upstream``, for an ack ``device``.
        tries: requests sent upstream for this delivery.
        message: one sentence for a person, where there is more to say than reason.
        type, platform: of the push as posted.
        device: the device token, shortened.
        http: status code of Apple's or Google's answer.
        upstream_id: ``apns-id``, or the name of the FCM message.
        bytes: size of the posted body.
        stream: the HTTP/2 stream a sent delivery went out on.
    """

    v: int
    run: str
    seq: int
    at: str
    kind: Kind
    id: str = ""
    target: str = ""
    phase: Phase = ""
    status: str = ""
    reason: str = ""
    ms: dict[str, float] = {}
    tries: int = 0
    message: str = ""
    type: str = ""
    platform: str = ""
    device: str = ""
    http: int = 0
    upstream_id: str = ""
    bytes: int = 0
    stream: int = 0


def timestamp(at: datetime | None = None) -> str:
    """Return a time as events and reports write it: UTC, milliseconds, Z."""
    now = time.time() if at is None else at.timestamp()
    second = int(now // 1)
    return f"{_second(second)}.{round((now - second) * 1e6) // 1000 % 1000:03}Z"


@lru_cache(8)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00")
