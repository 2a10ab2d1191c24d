"""One HTTP/2 client connection over TLS: the core with a socket, a clock and those who wait."""

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Final, Protocol

from mmpush_tui.http2 import Request, Response, endings
from mmpush_tui.http2.channel import SHUTDOWN_S, Channel
from mmpush_tui.http2.connect import Route, in_seconds
from mmpush_tui.http2.core import BODY_LIMIT, Core
from mmpush_tui.http2.errors import (
    AmbiguousError,
    ConnectError,
    TransportError,
    UnprocessedError,
)
from mmpush_tui.http2.events import (
    Answered,
    Broken,
    Event,
    Goodbye,
    Malformed,
    Pong,
    Reset,
    Sent,
    SettingsChanged,
    Unprocessed,
)
from mmpush_tui.http2.liveness import Liveness
from mmpush_tui.http2.policy import PLAIN, Policy
from mmpush_tui.http2.request_queue import PendingRequest, RequestQueue

__all__ = ["BODY_LIMIT", "STREAM_CAP", "Connection", "Owner"]

STREAM_CAP: Final = 100
"""Streams we keep open at most, whatever the peer allows."""
_WRITE_TIMEOUT_S: Final = 8.0
"""Less than TCP_USER_TIMEOUT, so that the cause is told."""
_REFUSED: Final = (401, 403)
_PING: Final = b"mmpush?!"
_IDS: Final = itertools.count(1)


class Owner(Protocol):
    """Who gives a connection its requests."""

    def changed(self, connection: "Connection") -> None:
        """Hear that there may be room for another request, or that there will be none."""


class Connection:
    """A connection that answers many requests at once; made by ``opening.open_connection``.

    Attributes:
        id: a number of its own in this process.
        opened_at: ``time.monotonic()`` when it began.
        is_usable: false once the peer said goodbye, the connection broke or was closed. What is
            under way then still gets its answer where the peer owes one; after that the
            connection closes itself.
        is_closed: whether it is over.
        has_answered: whether any request was answered.
        cap: streams that are opened at most.
        timeouts: requests in a row whose time was up.
        close_reason: why it takes no more requests.
        goodbye_code: the error code of the peer's GOAWAY; None before one.
    """

    def __init__(
        self, route: Route, channel: Channel, policy: Policy = PLAIN, owner: Owner | None = None
    ) -> None:
        self.id = next(_IDS)
        self.opened_at = time.monotonic()
        self.is_usable = True
        self.is_closed = False
        self.has_answered = False
        self.cap = STREAM_CAP
        self.timeouts = 0
        self.close_reason: ConnectError | None = None
        self.goodbye_code: int | None = None
        self._name = str(route.endpoint)
        self._channel = channel
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._core = Core(route.endpoint.authority)
        self._exchanges: dict[int, PendingRequest] = {}
        self._line = RequestQueue(self._name, self._begin_own, self._expired_own)
        self._is_trusted = not policy.starts_with_one
        self._liveness = Liveness(policy)
        # Streams from this one on were not given to the socket.
        self._unflushed = 1
        self._is_flushing = False
        self._write_timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        # Set by the peer's first SETTINGS, or when there will be none.
        self._settled = asyncio.Event()
        self._pong: asyncio.Future[None] | None = None

    async def settle(self, timeout_s: float) -> None:
        """Begin to talk, and return when the peer's SETTINGS came; closed where they do not.

        Raises:
            ConnectError: there is no usable connection.
        """
        try:
            self._channel.listen(self)
            self._flush()
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
            if self.close_reason is not None:
                raise self.close_reason
        except TimeoutError as error:
            await self.aclose()
            raise ConnectError(
                "http2", f"{self._name} sent no HTTP/2 SETTINGS", "http2_no_settings"
            ) from error
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                # Whoever gave up does not wait for a peer that may never say goodbye.
                self._channel.abort()
            await self.aclose()
            raise

    # For whoever asks

    @property
    def peer_settings(self) -> dict[str, int]:
        """The peer's SETTINGS in force, by their names in lower case."""
        return self._core.peer.named()

    @property
    def heard_at(self) -> float:
        """``time.monotonic()`` when the peer last sent anything."""
        return self._liveness.heard_at

    @property
    def streams(self) -> int:
        """The number of requests under way."""
        return len(self._exchanges)

    @property
    def begun(self) -> int:
        """The number of requests sent so far."""
        return self._core.begun

    @property
    def is_trusted(self) -> bool:
        """Whether more than one stream may be opened as far as we are concerned."""
        return self._is_trusted

    @property
    def is_limited(self) -> bool:
        """Whether the peer allows one stream at a time, or none."""
        limit = self._core.peer.max_streams
        return limit is not None and limit <= 1

    @property
    def room(self) -> int:
        """How many more requests can be sent now."""
        if not self.is_usable or self._liveness.must_prove_itself:
            return 0
        cap = self.cap if self._is_trusted else 1
        return min(cap - len(self._exchanges), self._core.room)

    async def request(
        self, request: Request, timeout_s: float, on_sent: Callable[[int], None] | None = None
    ) -> Response:
        """Send ``request`` and return its answer.

        Waits for a free stream where the peer allows no more at once.

        Args:
            request: what to send.
            timeout_s: seconds until the answer must be complete.
            on_sent: called with the stream id when the whole request is on its way.

        Raises:
            UnprocessedError: the peer did nothing; it may be sent again, elsewhere.
            AmbiguousError: no answer came, and it may have been acted on.
        """
        return await self._line.ask(request, timeout_s, on_sent)

    async def drained(self, timeout_s: float) -> bool:
        """Wait until nothing is under way; false where that took longer than ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def aclose(self) -> None:
        """Say goodbye and close; what is under way fails as ambiguous."""
        self._close("the connection was closed", "closed")
        try:
            is_closed = await self._channel.wait_closed(SHUTDOWN_S)
        finally:
            # A peer that does not say goodbye in its turn would keep the socket for long.
            self._channel.abort()
        if not is_closed:
            await self._channel.wait_closed(SHUTDOWN_S)

    # For the owner

    def begin(self, exchange: PendingRequest, authorization: str = "") -> None:
        """Send a request, for which there must be :attr:`room`; its answer is set in time.

        Args:
            exchange: the request.
            authorization: an ``authorization`` header to add.
        """
        try:
            stream_id, is_sent = self._core.begin(exchange.request, authorization)
        except ValueError as error:
            exchange.fail(UnprocessedError(str(error), "bad_header"))
            return
        exchange.carrier, exchange.stream_id = self, stream_id
        exchange.authorization = authorization
        exchange.sent_at = time.monotonic()
        if not self._exchanges:
            self._liveness.turned(exchange.sent_at)
            self._idle.clear()
        self._exchanges[stream_id] = exchange
        self._flush_soon()
        if is_sent:
            self._sent(exchange)

    def give_up(self, exchange: PendingRequest) -> None:
        """Reset the stream of a request that nobody waits for any more."""
        if self._exchanges.pop(exchange.stream_id, None) is not None:
            self._core.cancel(exchange.stream_id)
            self._flush_soon()
            self._freed()

    def expire(self, exchange: PendingRequest) -> None:
        """Fail a request whose time is up."""
        self.timeouts += 1
        cause = f"{self._name} did not answer within {in_seconds(exchange.timeout_s)}"
        exchange.fail(AmbiguousError(cause, "timeout"))
        self.give_up(exchange)

    def retire(self) -> None:
        """Take no more requests, and close once those under way are over."""
        self._take_no_more("the connection was replaced", "closed")
        self._close_if_spent()

    def prove_itself(self, *, before_use: bool) -> None:
        """Send a PING; without an answer in time :meth:`watch` ends the connection.

        Args:
            before_use: open no stream before the answer.
        """
        if not self.is_closed and self._liveness.pinged(before_use=before_use):
            self._core.ping(_PING)
            self._flush_soon()

    async def ping(self) -> float:
        """Return how many seconds a PING took there and back.

        Raises:
            TransportError: the connection ended meanwhile.
        """
        began = time.monotonic()
        self._pong = pong = asyncio.get_running_loop().create_future()
        if self.is_closed:
            raise ConnectError("http2", f"{self._name} closed the connection", "closed")
        self._core.ping(_PING)
        self._flush_soon()
        await pong
        return time.monotonic() - began

    def is_stale(self, now: float) -> bool:
        """Whether the connection was silent for so long that it may be dead."""
        return self.is_usable and not self._exchanges and self._liveness.is_stale(now)

    def idle_s(self, now: float) -> float:
        """Return for how long nothing was under way; 0 where something is."""
        return 0.0 if self._exchanges else self._liveness.idle_s(now)

    def watch(self, now: float) -> None:
        """Look for signs of life where some are owed; to be called about once a second."""
        match self._liveness.look(now, owes=bool(self._exchanges)):
            case "ask":
                self.prove_itself(before_use=False)
            case "dead":
                self._close(f"{self._name} does not answer any more", "connection_silent")
            case _:
                pass

    # Requests of our own

    def _begin_own(self, exchange: PendingRequest) -> bool:
        if self.close_reason is not None:
            exchange.fail(endings.unprocessed(self.close_reason))
        elif self.room > 0:
            self.begin(exchange)
        else:
            return False
        return True

    def _expired_own(self, exchange: PendingRequest) -> None:
        if exchange.carrier is None:
            cause = f"{self._name} allowed no further stream"
            exchange.fail(UnprocessedError(cause, "no_stream"))
        else:
            self.expire(exchange)

    # Sending

    def _flush_soon(self) -> None:
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        if data := self._core.take():
            self._unflushed = self._core.begun * 2 + 1
            self._channel.write(data)

    def _sent(self, exchange: PendingRequest) -> None:
        exchange.is_sent = True
        if exchange.on_sent is None:
            return
        try:
            exchange.on_sent(exchange.stream_id)
        except Exception as error:
            exchange.fail(error)
            self.give_up(exchange)

    # Receiving

    def received(self, data: bytes) -> None:
        """Take what came."""
        self._liveness.heard()
        before = len(self._exchanges)
        for event in self._core.receive(data):
            if type(event) is Answered:
                self._answered(event)
            else:
                self._handle(event)
        if len(self._exchanges) < before:
            self._freed()
        else:
            self._close_if_spent()
            self._changed()
        self._flush()

    def ended(self, error: Exception | None) -> None:
        """Hear that nothing more will come."""
        self._close(*endings.of_stream(self._name, error))

    def writable(self, *, is_ready: bool) -> None:
        """Hear that the peer takes nothing, or something again."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        if not is_ready:
            cause = f"{self._name} takes no more data"
            self._write_timer = self._loop.call_later(
                _WRITE_TIMEOUT_S, self._close, cause, "write_timeout"
            )

    def _answered(self, event: Answered) -> None:
        exchange = self._exchanges.pop(event.stream_id, None)
        self.has_answered = True
        self.timeouts = 0
        if event.status not in _REFUSED:
            self._is_trusted = True
        if exchange is not None and not exchange.answer.done():
            exchange.answer.set_result(
                Response(
                    event.status,
                    event.headers,
                    event.body,
                    event.stream_id,
                    self.id,
                    exchange.authorization,
                )
            )

    def _handle(self, event: Event) -> None:
        match event:
            case Sent(stream_id):
                if exchange := self._exchanges.get(stream_id):
                    self._sent(exchange)
            case Reset(stream_id, error_code):
                self._fail(stream_id, endings.of_reset(self._name, error_code))
            case Unprocessed(stream_id):
                if self.close_reason is not None:
                    self._fail(stream_id, endings.unprocessed(self.close_reason))
            case Malformed(stream_id, cause):
                self._fail(stream_id, AmbiguousError(f"{self._name} {cause}", "http2_bad_answer"))
            case SettingsChanged():
                self._settled.set()
            case Goodbye(_, error_code, debug):
                self.goodbye_code = error_code
                self._take_no_more(*endings.of_goodbye(self._name, error_code, debug))
            case Pong():
                if self._pong is not None and not self._pong.done():
                    self._pong.set_result(None)
            case Broken():
                self._close(*endings.of_break(self._name, event))
            case _:
                pass

    def _fail(self, stream_id: int, error: TransportError) -> None:
        if exchange := self._exchanges.pop(stream_id, None):
            exchange.fail(error)

    # Ending

    def _freed(self) -> None:
        if not self._exchanges:
            self._idle.set()
            self._liveness.turned(time.monotonic())
            self._close_if_spent()
        self._changed()

    def _changed(self) -> None:
        if self._owner is not None:
            self._owner.changed(self)
        else:
            self._line.pump()

    def _take_no_more(self, cause: str, code: str) -> None:
        """Open no stream from now on; the first cause is the one that is told."""
        if self.close_reason is None:
            stage = "tls" if code.startswith("tls") else "http2"
            self.close_reason = ConnectError(stage, cause, code)
        self.is_usable = False
        self._settled.set()

    def _close_if_spent(self) -> None:
        if self.close_reason is not None and not self._exchanges:
            self._close(str(self.close_reason), "closed")

    def _close(self, cause: str, code: str) -> None:
        """Say goodbye where we still can and close; what is under way gets ``cause``."""
        if self.is_closed:
            return
        self.is_closed = True
        self._take_no_more(cause, code)
        self.writable(is_ready=True)
        self._line.close()
        exchanges, self._exchanges = self._exchanges, {}
        for stream_id, exchange in exchanges.items():
            # Without its last byte on the wire, no request can have been acted on.
            is_safe = stream_id >= self._unflushed or not exchange.is_sent
            exchange.fail((UnprocessedError if is_safe else AmbiguousError)(cause, code))
        if self._pong is not None and not self._pong.done():
            self._pong.set_exception(AmbiguousError(cause, code))
        self._idle.set()
        self._core.close()
        if code in ("connection_silent", "write_timeout"):
            self._channel.abort()
        else:
            self._flush()
            self._channel.close()
        self._changed()
