"""What a pool knows of one of its connections."""

from mmpush_tui.http2.connection import Connection
from mmpush_tui.http2.policy import Policy


class PooledConnection:
    """A connection of a pool.

    Args:
        connection: the connection.
        lifetime_s: seconds after which it is replaced.

    Attributes:
        is_due: whether it is to be replaced, as :meth:`look` found last.
    """

    def __init__(self, connection: Connection, lifetime_s: float) -> None:
        self.connection = connection
        self.is_due = False
        self._lifetime_s = lifetime_s
        self._authorization = ""
        self._pinned_at = 0.0
        self._low_since: float | None = None

    def takes(self, authorization: str, now: float, pinned_s: float) -> bool:
        """Whether the connection may be sent ``authorization``, which it then is pinned to.

        Args:
            authorization: the header; empty where requests bear their own.
            now: ``time.monotonic()``.
            pinned_s: how long the one before must have been in use, in seconds.
        """
        if authorization == self._authorization:
            return True
        if self._authorization and now - self._pinned_at < pinned_s:
            return False
        self._authorization = authorization
        self._pinned_at = now
        return True

    def look(self, policy: Policy, now: float) -> bool:
        """Return whether the connection is to be replaced; to be called about once a second.

        That is where it has served long enough, and where the peer has allowed hardly a stream
        for too long.
        """
        connection = self.connection
        if not (connection.is_trusted and connection.is_limited):
            self._low_since = None
        elif self._low_since is None:
            self._low_since = now
        self.is_due = (
            now - connection.opened_at >= self._lifetime_s
            or connection.begun >= policy.lifetime_streams
            or (self._low_since is not None and now - self._low_since >= policy.low_limit_s)
        )
        return self.is_due
