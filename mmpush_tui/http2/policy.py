"""How connections to one vendor are kept, as far as vendors differ."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The habits of a pool; all times in seconds.

    Attributes:
        starts_with_one: open one stream until the first answer that is no refusal to talk to us
            (401, 403), whatever the peer allows.
        ping_after_s: silence on an idle connection after which a PING must prove it before it is
            used, and whether the peer may be sent PINGs at all; None for never.
        pong_before_use_s: how long such a PING may take.
        silent_after_s: silence while answers are owed after which a PING asks for life, and then
            how long its answer may take.
        idle_close_s: how long a connection stays open with nothing under way.
        spare_close_s: the same for every connection but the first.
        lifetime_s: age at which a connection is replaced, less up to a tenth by chance.
        lifetime_streams: streams after which it is replaced.
        low_limit_s: how long the peer may allow no more than one stream.
        pinned_s: how long a connection keeps its first authorization, whereafter it may get a
            newer one; 0 where it may get one at any time.
        max_connections: connections at most.
        grow_after_s: how long the first in the line must have waited before another connection is
            opened.
    """

    starts_with_one: bool = False
    ping_after_s: float | None = None
    pong_before_use_s: float = 2.0
    silent_after_s: float = 5.0
    idle_close_s: float = 180.0
    spare_close_s: float = 60.0
    lifetime_s: float = 24 * 3600.0
    lifetime_streams: int = 50_000
    low_limit_s: float = 30.0
    pinned_s: float = 0.0
    max_connections: int = 1
    grow_after_s: float = 0.25


PLAIN: Final = Policy()
"""For a peer of whom nothing is known: no PING, one connection."""

APPLE: Final = Policy(
    starts_with_one=True,
    ping_after_s=60.0,
    idle_close_s=12 * 60.0,
    pinned_s=20 * 60.0,
    max_connections=4,
)
"""APNs allows one stream until it has seen a valid provider token, takes PINGs and keeps idle
connections; firewalls on the way forget them after 5 to 40 minutes, silently. It calls a renewed
token on an open connection an error unless the token before was 20 minutes old."""

GOOGLE: Final = Policy(
    idle_close_s=180.0,
    lifetime_s=55 * 60.0,
    max_connections=4,
)
"""Google's front ends end connections after 60 minutes or 4 idle ones, and answer PINGs on idle
connections with GOAWAY ``too_many_pings``."""
