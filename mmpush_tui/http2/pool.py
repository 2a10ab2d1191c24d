"""The connections of one target: opened when needed, replaced before they are gone."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final

from mmpush_tui.http2 import Request, Response, frames
from mmpush_tui.http2.backoff import Backoff
from mmpush_tui.http2.connect import Route
from mmpush_tui.http2.connection import STREAM_CAP, Connection
from mmpush_tui.http2.errors import ConnectError, UnprocessedError
from mmpush_tui.http2.opening import open_connection
from mmpush_tui.http2.policy import PLAIN, Policy
from mmpush_tui.http2.pooled_connection import PooledConnection
from mmpush_tui.http2.request_queue import PendingRequest, RequestQueue
from mmpush_tui.tasks import Tasks

_TICK_S: Final = 1.0
_BACKOFF_WAIT_S: Final = 1.0
"""A longer pause between attempts is not waited for: whoever asks is told at once."""
_OPEN_APART_S: Final = 1.0
_CAP_DOUBLES_S: Final = 60.0


class Pool:
    """Keeps the connections to one endpoint; requests share them.

    What happens to a request, in this order:

    1. It goes to the oldest connection that has room, so that others fall idle and close. One
       that nothing was heard of for long must answer a PING first.
    2. Where none has room it waits, first come first served, and the first connection with room
       takes it. One more connection is opened where the first in the queue has waited for long
       and the policy allows another.
    3. Where there is no connection, one is opened. After a failure a short pause is waited for;
       a longer one refuses whatever waits with the error that caused it.
    4. Where its time is up, the connection that kept it waiting is judged: not a byte since means
       that it is dead, a second silence asks for a PING, or gives it up.

    A connection is given up when it says GOAWAY, is due to be replaced, or was idle for long;
    what it owes still comes. ENHANCE_YOUR_CALM also halves the streams that are opened at once.

    Args:
        route: whom to reach and how.
        connect_timeout_s: seconds for one connection to be made.
        authorization: returns the ``authorization`` header of a request at the moment it is
            sent; without it, requests bear their own.
        policy: how connections are kept.
    """

    def __init__(
        self,
        route: Route,
        connect_timeout_s: float = 5.0,
        authorization: Callable[[], str] | None = None,
        policy: Policy = PLAIN,
    ) -> None:
        self.route = route
        self._authorization = authorization
        self._connect_timeout_s = connect_timeout_s
        self._policy = policy
        self._members: tuple[PooledConnection, ...] = ()
        # Those that are still open and no longer members included.
        self._open_ones: set[Connection] = set()
        self._backoff = Backoff()
        self._cap = STREAM_CAP
        self._cap_grows_at = 0.0
        self._opening: asyncio.Task[None] | None = None
        self._opened_at = -_OPEN_APART_S
        self._line: RequestQueue | None = None
        self._later: asyncio.TimerHandle | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._tasks = Tasks(self._task_failed)
        self._closed = False

    def __repr__(self) -> str:
        streams = sum(connection.streams for connection in self._open_ones)
        waiting = self._line.waiting if self._line is not None else 0
        return (
            f"<Pool {self.route.endpoint}: {len(self._members)} connections, {streams} requests "
            f"active, {waiting} waiting>"
        )

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to send on right now."""
        return any(member.connection.is_usable for member in self._members)

    @property
    def connections(self) -> int:
        """The number of connections that requests are sent on."""
        return len(self._members)

    async def request(
        self, request: Request, timeout_s: float, on_sent: Callable[[int], None] | None = None
    ) -> Response:
        """Send ``request`` on a connection, opening one where there is none.

        Arguments are those of :meth:`Connection.request`.

        Raises:
            TransportError: as ``open_connection`` and :meth:`Connection.request`.
        """
        if self._closed:
            raise _closed()
        if self._line is None:
            self._line = RequestQueue(str(self.route.endpoint), self._begin, self._expired)
        return await self._line.ask(request, timeout_s, on_sent)

    def retire(self, connection: int, error: ConnectError | None = None) -> None:
        """Send nothing more on the connection of that id; what it owes still comes.

        Args:
            connection: the id; nothing happens where it is retired already.
            error: why the next connection is to be opened after a pause only, as after failures;
                what those are told who cannot wait for it.
        """
        for member in self._members:
            if member.connection.id == connection:
                if error is not None:
                    self._backoff.failed(error, calm=True)
                self._dismiss(member)

    def reset_backoff(self) -> None:
        """Let the next request open a connection although that failed a moment ago.

        Where the peer asked for calm, it gets it all the same.
        """
        self._backoff.reset_backoff()

    async def aclose(self) -> None:
        """Close every connection; what is under way fails as ambiguous."""
        self._closed = True
        for timer in (self._later, self._ticking):
            if timer is not None:
                timer.cancel()
        if self._line is not None:
            self._line.refuse(_closed)
        await self._tasks.aclose()
        async with asyncio.TaskGroup() as group:
            for connection in tuple(self._open_ones):
                group.create_task(connection.aclose(), name="http2-close")
        if self._line is not None:
            self._line.close()

    # Requests

    def _begin(self, exchange: PendingRequest) -> bool:
        authorization = self._authorization() if self._authorization else ""
        now = time.monotonic()
        for member in self._members:
            connection = member.connection
            if connection.is_stale(now):
                connection.prove_itself(before_use=True)
            elif connection.room <= 0:
                continue
            elif member.takes(authorization, now, self._policy.pinned_s):
                connection.begin(exchange, authorization)
                return True
            else:
                self._dismiss(member)
        self._need_room()
        return False

    def _expired(self, exchange: PendingRequest) -> None:
        """Fail a request whose time is up, and draw conclusions about who kept it waiting."""
        peer = self.route.endpoint
        member = next((it for it in self._members if it.connection is exchange.carrier), None)
        if isinstance(exchange.carrier, Connection):
            exchange.carrier.expire(exchange)
            if member is not None:
                self._judge_silence(member, exchange)
        elif not self.is_connected:
            cause = f"no connection to {peer} in time"
            exchange.fail(ConnectError("tcp", cause, "connect_timeout"))
        else:
            cause = f"{peer} allowed no further stream"
            exchange.fail(UnprocessedError(cause, "no_stream"))
            for idle in [it for it in self._members if not it.connection.streams]:
                # Nothing under way and yet no stream free: this peer has stopped taking any.
                self._dismiss(idle)

    def _judge_silence(self, member: PooledConnection, exchange: PendingRequest) -> None:
        connection = member.connection
        if connection.heard_at < exchange.sent_at:
            # Not a byte since: the connection is dead, and its end will never be told.
            self._dismiss(member)
        elif connection.timeouts > 1:
            if self._policy.ping_after_s is None:
                self._dismiss(member)
            else:
                connection.prove_itself(before_use=False)

    # Connections

    def changed(self, connection: Connection) -> None:
        """Hear of a connection that there may be room, or that there will be none."""
        if connection.is_closed:
            self._open_ones.discard(connection)
        for member in self._members:
            if member.connection is connection:
                if connection.has_answered:
                    self._backoff.succeeded()
                if not connection.is_usable:
                    self._lost(member)
        self._tend()

    def _lost(self, member: PooledConnection) -> None:
        """Note that a connection takes no more, though we would have given it more."""
        self._members = tuple(it for it in self._members if it is not member)
        connection = member.connection
        if self._closed or connection.close_reason is None:
            return
        is_calmed = connection.goodbye_code == frames.ENHANCE_YOUR_CALM
        if is_calmed:
            self._set_cap(max(self._cap // 2, 1))
        if is_calmed or not connection.has_answered:
            self._backoff.failed(connection.close_reason, calm=is_calmed)

    def _dismiss(self, member: PooledConnection) -> None:
        """Give a connection no more; it closes once it has answered what it still owes."""
        self._members = tuple(it for it in self._members if it is not member)
        member.connection.retire()

    def _tend(self) -> None:
        if self._line is not None and not self._closed:
            self._line.pump()

    def _need_room(self) -> None:
        """See to it that whoever waits gets a connection, or hears that there is none."""
        if self._opening is not None or self._closed or self._line is None:
            return
        if not self._members:
            self._open_or_refuse()
        elif len(self._members) < self._policy.max_connections:
            self._grow(self._line)

    def _open_or_refuse(self) -> None:
        left_s = self._backoff.left_s
        if not left_s:
            self._open()
        elif left_s <= _BACKOFF_WAIT_S:
            self._look_again_in(left_s)
        else:
            # Not from within the line's own doing.
            asyncio.get_running_loop().call_soon(self._refuse)

    def _refuse(self) -> None:
        if self._line is not None and self._backoff.error is not None and not self._members:
            self._line.refuse(self._backoff.copy)

    def _grow(self, line: RequestQueue) -> None:
        """Open another connection where the first in the line has waited for long."""
        if self._backoff.left_s or not all(it.connection.is_trusted for it in self._members):
            return
        loop = asyncio.get_running_loop()
        first = line.first
        waited_s = loop.time() - first.asked_at if first is not None else 0.0
        since_s = time.monotonic() - self._opened_at
        left_s = max(self._policy.grow_after_s - waited_s, _OPEN_APART_S - since_s)
        if left_s <= 0:
            self._open()
        else:
            self._look_again_in(left_s)

    def _look_again_in(self, delay_s: float) -> None:
        if self._later is None:
            self._later = asyncio.get_running_loop().call_later(delay_s + 0.001, self._look_again)

    def _look_again(self) -> None:
        self._later = None
        self._tend()

    def _open(self) -> None:
        self._opened_at = time.monotonic()
        self._opening = self._tasks.spawn("http2-connect", self._opened())

    async def _opened(self) -> None:
        try:
            connection = await open_connection(
                self.route, self._connect_timeout_s, self._policy, self
            )
        except ConnectError as error:
            self._backoff.failed(error)
            self._opening = None
            self._refuse()
        else:
            self._join(connection)
        finally:
            self._opening = None
        self._tend()

    def _task_failed(self, name: str, error: BaseException) -> None:
        # A bug, but whoever waits for a connection must hear of it.
        cause = f"{name} to {self.route.endpoint} failed: {type(error).__name__}"
        self._backoff.failed(ConnectError("tcp", cause, "internal"))
        self._refuse()

    def _join(self, connection: Connection) -> None:
        self._open_ones.add(connection)
        connection.cap = self._cap
        due = [member for member in self._members if member.is_due]
        lifetime_s = self._policy.lifetime_s * random.uniform(0.9, 1.0)  # noqa: S311 - no secret
        member = PooledConnection(connection, lifetime_s)
        self._members = (*self._members, member)
        if not connection.is_usable:
            self._lost(member)
        # Replaced now that there is another.
        for each in due:
            self._dismiss(each)
        if self._ticking is None:
            self._tick_later()

    # Once a second

    def _tick_later(self) -> None:
        self._ticking = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _tick(self) -> None:
        self._ticking = None
        now = time.monotonic()
        for connection in tuple(self._open_ones):
            connection.watch(now)
        for place, member in enumerate(self._members):
            self._tick_member(member, now, is_spare=place > 0)
        if self._cap < STREAM_CAP and now >= self._cap_grows_at:
            self._set_cap(min(self._cap * 2, STREAM_CAP))
        if self._open_ones:
            self._tick_later()

    def _tick_member(self, member: PooledConnection, now: float, *, is_spare: bool) -> None:
        policy = self._policy
        connection = member.connection
        is_due = member.look(policy, now)
        idle_s = connection.idle_s(now)
        is_idle = idle_s >= (policy.spare_close_s if is_spare else policy.idle_close_s)
        if is_idle or (is_due and not connection.streams):
            self._dismiss(member)
        elif is_due and self._opening is None and not self._backoff.left_s:
            self._open()

    def _set_cap(self, cap: int) -> None:
        self._cap = cap
        self._cap_grows_at = time.monotonic() + _CAP_DOUBLES_S
        for member in self._members:
            member.connection.cap = cap


def _closed() -> ConnectError:
    return ConnectError("tcp", "this target was closed", "target_closed")
