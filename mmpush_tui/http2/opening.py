"""From a route, or a TLS stream, to a connection that requests can be sent on."""

import time
from typing import Final

from mmpush_tui.http2.channel import Channel
from mmpush_tui.http2.connect import Route, connect
from mmpush_tui.http2.connection import Connection, Owner
from mmpush_tui.http2.policy import PLAIN, Policy

_SETTINGS_TIMEOUT_S: Final = 5.0


async def open_connection(
    route: Route, timeout_s: float, policy: Policy = PLAIN, owner: Owner | None = None
) -> Connection:
    """Connect, exchange SETTINGS and return the usable connection.

    Args:
        route: whom to reach and how.
        timeout_s: seconds for all of it.
        policy: how it is used.
        owner: who gives it requests by ``begin``, where these do not come by ``request``.

    Raises:
        ConnectError: there is no usable connection.
    """
    started = time.monotonic()
    channel = await connect(route, timeout_s)
    left_s = max(timeout_s - (time.monotonic() - started), 0.01)
    return await open_over(route, channel, left_s, policy, owner)


async def open_over(
    route: Route,
    channel: Channel,
    timeout_s: float,
    policy: Policy = PLAIN,
    owner: Owner | None = None,
) -> Connection:
    """Exchange SETTINGS over a channel that stands already; raises as :func:`open_connection`.

    Args:
        route: whom the channel leads to.
        channel: taken over.
        timeout_s: seconds for the peer's SETTINGS to come.
        policy: how it is used.
        owner: as in :func:`open_connection`.
    """
    connection = Connection(route, channel, policy, owner)
    await connection.settle(min(timeout_s, _SETTINGS_TIMEOUT_S))
    return connection
