"""The connection of one target: opened when needed, replaced when it is gone."""

import asyncio
import time
from collections.abc import Callable

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.connect import Route
from mmpush_tui.http2.connection import Connection
from mmpush_tui.http2.errors import ConnectError
from mmpush_tui.tasks import Tasks


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
        self._lock = asyncio.Lock()
        self._retired: set[Connection] = set()
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
            try:
                async with asyncio.timeout(timeout_s), self._lock:
                    connection = await self._usable(timeout_s - (time.monotonic() - started))
            except TimeoutError as error:
                raise ConnectError(
                    "tcp", f"no connection to {self.route.endpoint} in time", "connect_timeout"
                ) from error
        left_s = timeout_s - (time.monotonic() - started)
        return await connection.request(request, left_s, on_sent)

    async def _usable(self, left_s: float) -> Connection:
        if self._closed:
            raise ConnectError("tcp", "this target was closed", "closed")
        if self._current is not None and self._current.is_usable:
            return self._current
        if self._current is not None:
            self._retire(self._current)
            self._current = None
        self._current = await Connection.open(
            self.route, max(min(left_s, self._connect_timeout_s), 0.01)
        )
        return self._current

    def _retire(self, connection: Connection) -> None:
        """Close a connection that said goodbye, once it has answered what it still owes."""
        self._retired.add(connection)
        self._tasks.spawn("http2-retire", self._close_when_idle(connection))

    async def _close_when_idle(self, connection: Connection) -> None:
        await connection.drained(30)
        self._retired.discard(connection)
        await connection.aclose()

    async def aclose(self) -> None:
        """Close every connection; what is under way fails as ambiguous."""
        self._closed = True
        await self._tasks.aclose()
        for connection in (*self._retired, self._current):
            if connection is not None:
                await connection.aclose()
        self._current = None
        self._retired.clear()
