"""The connection of one target: opened when needed, replaced when it is gone."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.connect import Route
from mmpush_tui.http2.connection import Connection
from mmpush_tui.http2.errors import AmbiguousError, ConnectError, UnprocessedError
from mmpush_tui.tasks import Tasks

_DRAIN_TIMEOUT_S: Final = 30.0


class Pool:
    """Keeps one connection to one endpoint; requests share it.

    Args:
        route: whom to reach and how.
        connect_timeout_s: seconds for one connection to be made.
    """

    def __init__(self, route: Route, connect_timeout_s: float = 5.0) -> None:
        self.route = route
        self._connect_timeout_s = connect_timeout_s
        self._current: Connection | None = None
        self._opening: asyncio.Task[Connection] | None = None
        self._retired: set[Connection] = set()
        # Whoever waits for a connection is told why there is none; closing cannot fail.
        self._tasks = Tasks(lambda _name, _error: None)
        self._closed = False

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to send on right now."""
        return self._current is not None and self._current.is_usable

    async def request(
        self, request: Request, timeout_s: float, on_sent: Callable[[int], None] | None = None
    ) -> Response:
        """Send ``request`` on the connection, opening one where there is none.

        Arguments are those of :meth:`Connection.request`.

        Raises:
            TransportError: as :meth:`Connection.open` and :meth:`Connection.request`.
        """
        started = time.monotonic()
        connection = self._current
        if connection is None or not connection.is_usable:
            connection = await self._connected(timeout_s)
        sent_at = time.monotonic()
        left_s = timeout_s - (sent_at - started)
        try:
            return await connection.request(request, left_s, on_sent)
        except AmbiguousError as error:
            # Not a byte since: the connection is dead, and its end will never be told.
            if error.code == "timeout" and connection.heard_at < sent_at:
                self._retire(connection)
            raise
        except UnprocessedError as error:
            # Nothing under way and yet no stream free: this peer has stopped taking any.
            if error.code == "no_stream" and not connection.streams:
                self._retire(connection)
            raise

    async def _connected(self, within_s: float) -> Connection:
        """Return a usable connection; one attempt is shared by all who wait for it."""
        if self._closed:
            raise ConnectError("tcp", "this target was closed", "closed")
        if self._opening is None:
            if self._current is not None:
                self._retire(self._current)
            self._opening = self._tasks.spawn("http2-connect", self._open())
        opening = self._opening
        # Not awaited itself: one waiter's end must not end the attempt of the others.
        await asyncio.wait((opening,), timeout=max(within_s, 0))
        if not opening.done():
            cause = f"no connection to {self.route.endpoint} in time"
            raise ConnectError("tcp", cause, "connect_timeout")
        if opening.cancelled():
            raise ConnectError("tcp", "this target was closed", "closed")
        error = opening.exception()
        if isinstance(error, ConnectError):
            # A copy, because each raise writes its traceback into the exception.
            raise ConnectError(error.stage, str(error), error.code) from error
        return opening.result()

    async def _open(self) -> Connection:
        try:
            self._current = await Connection.open(self.route, self._connect_timeout_s)
            return self._current
        finally:
            self._opening = None

    def _retire(self, connection: Connection) -> None:
        """Close a connection that takes no more, once it has answered what it still owes."""
        if connection is not self._current:
            return
        self._current = None
        self._retired.add(connection)
        self._tasks.spawn("http2-retire", self._close_when_idle(connection))

    async def _close_when_idle(self, connection: Connection) -> None:
        await connection.drained(_DRAIN_TIMEOUT_S)
        await connection.aclose()
        self._retired.discard(connection)

    async def aclose(self) -> None:
        """Close every connection; what is under way fails as ambiguous."""
        self._closed = True
        await self._tasks.aclose()
        async with asyncio.TaskGroup() as group:
            for connection in (*self._retired, self._current):
                if connection is not None:
                    group.create_task(connection.aclose(), name="http2-close")
        self._current = None
        self._retired.clear()
