"""Requests in their order, from the moment they are asked until they are answered."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.errors import UnprocessedError

_GRAIN_S: Final = 0.01
"""Deadlines closer together than this are looked at together."""
_EARLY_S: Final = 0.001


class Carrier(Protocol):
    """The connection that carries a request."""

    def give_up(self, exchange: "PendingRequest") -> None:
        """Reset the stream of a request that nobody waits for any more."""


class PendingRequest:
    """One request on its way to its answer.

    Attributes:
        answer: what its caller waits for.
        asked_at: when, by the event loop's clock.
        deadline: when the answer must be complete, by the event loop's clock.
        carrier: the connection it was sent on; None while it waits.
        stream_id: the stream there.
        sent_at: ``time.monotonic()`` when it was sent.
        authorization: the header that was added to it.
        is_sent: whether all of it is on its way.
    """

    __slots__ = (
        "answer",
        "asked_at",
        "authorization",
        "carrier",
        "deadline",
        "is_sent",
        "on_sent",
        "request",
        "sent_at",
        "stream_id",
    )

    def __init__(
        self,
        request: Request,
        asked_at: float,
        deadline: float,
        answer: "asyncio.Future[Response]",
        on_sent: Callable[[int], None] | None,
    ) -> None:
        self.request = request
        self.answer = answer
        self.asked_at = asked_at
        self.deadline = deadline
        self.on_sent = on_sent
        self.carrier: Carrier | None = None
        self.stream_id = 0
        self.sent_at = 0.0
        self.authorization = ""
        self.is_sent = False

    @property
    def timeout_s(self) -> float:
        """The seconds that it was given."""
        return self.deadline - self.asked_at

    def fail(self, error: Exception) -> None:
        """Let the caller have ``error``, where it still waits."""
        if not self.answer.done():
            self.answer.set_exception(error)


class RequestQueue:
    """Keeps what waits in its order, and every deadline.

    Args:
        name: whom the requests go to, for sentences.
        begin: sends a request, or fails it; returns false where it must wait.
        expired: fails a request whose time is up.
    """

    def __init__(
        self,
        name: str,
        begin: Callable[[PendingRequest], bool],
        expired: Callable[[PendingRequest], None],
    ) -> None:
        self._name = name
        self._begin = begin
        self._expired = expired
        self._loop = asyncio.get_running_loop()
        self._waiting: OrderedDict[PendingRequest, None] = OrderedDict()
        self._under_way: set[PendingRequest] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def ask(
        self, request: Request, timeout_s: float, on_sent: Callable[[int], None] | None
    ) -> Response:
        """Send ``request`` in its turn and return its answer; see ``Connection.request``."""
        now = self._loop.time()
        if timeout_s <= 0:
            raise self._too_late()
        exchange = PendingRequest(
            request, now, now + timeout_s, self._loop.create_future(), on_sent
        )
        self._under_way.add(exchange)
        if self._timer is None or exchange.deadline < self._timer.when():
            self._wake_at(exchange.deadline)
        try:
            if self._waiting or not self._begin(exchange):
                self._waiting[exchange] = None
            return await exchange.answer
        finally:
            self._under_way.discard(exchange)
            self._waiting.pop(exchange, None)
            if exchange.answer.cancelled() and exchange.carrier is not None:
                exchange.carrier.give_up(exchange)

    @property
    def first(self) -> PendingRequest | None:
        """Who has waited longest."""
        return next(iter(self._waiting), None)

    @property
    def waiting(self) -> int:
        """How many requests wait to be sent."""
        return len(self._waiting)

    def pump(self) -> None:
        """Send what can be sent now, in its order."""
        now = self._loop.time()
        while self._waiting:
            # Out of the line first, because sending may lead back here.
            exchange, _ = self._waiting.popitem(last=False)
            if exchange.answer.done():
                continue
            if exchange.deadline <= now:
                # A request that nobody waits for any more must not be sent.
                self._expired(exchange)
            elif not self._is_begun(exchange):
                self._waiting[exchange] = None
                self._waiting.move_to_end(exchange, last=False)
                return

    def _is_begun(self, exchange: PendingRequest) -> bool:
        try:
            return self._begin(exchange)
        except Exception as error:
            exchange.fail(error)
            return True

    def refuse(self, error: Callable[[], Exception]) -> None:
        """Fail all that wait, each with an exception of its own."""
        while self._waiting:
            self._waiting.popitem(last=False)[0].fail(error())

    def close(self) -> None:
        """Look at no deadline any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> UnprocessedError:
        return UnprocessedError(f"no time was left to ask {self._name}", "no_time")

    def _wake_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        for exchange in [it for it in self._under_way if it.deadline <= now + _EARLY_S]:
            self._waiting.pop(exchange, None)
            # An answer that came in the same moment is an answer.
            if not exchange.answer.done():
                self._expired(exchange)
        left = [it.deadline for it in self._under_way if not it.answer.done()]
        if left:
            self._wake_at(max(min(left), now + _GRAIN_S))
