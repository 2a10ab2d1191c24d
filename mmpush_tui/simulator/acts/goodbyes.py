"""Faults of GOAWAY: every way in which a server takes leave."""

import asyncio
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

from h2.errors import ErrorCodes

from mmpush_tui.simulator.acts.base import Answer, Counted, Exchange, Fault
from mmpush_tui.simulator.net.exchange import ServedResponse
from mmpush_tui.simulator.net.h2connection import H2Connection

HIGHEST: Final = 2**31 - 1
_MOMENT_S: Final = 0.05


def _drop_some(exchange: Exchange) -> int:
    """Return the highest stream that is still answered: the lowest one under way.

    Where there is but one, that is not answered either. What was acted on is never dropped.
    """
    under_way = exchange.connection.under_way
    only = len(under_way) < 2
    wanted = exchange.request.stream_id - 2 if only else min(under_way)
    return max(wanted, _touched(exchange.connection))


def _touched(connection: H2Connection[Any]) -> int:
    """Return the highest stream under way that was acted on; 0 without any."""
    return max({*connection.under_way} - {*connection.untouched}, default=0)


@dataclass(frozen=True, slots=True)
class Goaway(Counted):
    """GOAWAY that loses nothing."""

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Say goodbye, and answer all that is under way."""
        if self.is_due_on(exchange.connection):
            exchange.connection.goaway(ErrorCodes.NO_ERROR)
        return await honest()


@dataclass(frozen=True, slots=True)
class GoawayUnprocessed(Counted):
    """GOAWAY that names requests which were not looked at."""

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Say goodbye to all but the first of those under way."""
        connection = exchange.connection
        if self.is_due_on(connection):
            last = _drop_some(exchange)
            connection.goaway(ErrorCodes.NO_ERROR, last_stream_id=last)
            connection.drop_above(last)
            if exchange.request.stream_id > last:
                return None
        return await honest()


@dataclass(frozen=True, slots=True)
class GoawayClose(Counted):
    """GOAWAY that promises answers which never come.

    Attributes:
        delivers: whether the push reached the phone all the same.
    """

    delivers: bool = False

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Say goodbye and hang up."""
        if not self.is_due():
            return await honest()
        if self.delivers:
            await honest()
        exchange.connection.goaway(ErrorCodes.NO_ERROR)
        exchange.connection.close()
        return None


@dataclass(frozen=True, slots=True)
class GoawayFirst(Counted):
    """GOAWAY in place of SETTINGS.

    Attributes:
        reason: Apple's word for it.
    """

    times: int = 0
    reason: str = "BadCertificateEnvironment"

    def opened(self, connection: H2Connection[Any]) -> bool:
        """Say goodbye."""
        if not self.is_due():
            return False
        debug = json.dumps({"reason": self.reason}, separators=(",", ":")).encode()
        connection.goaway(ErrorCodes.NO_ERROR, last_stream_id=0, debug=debug)
        connection.close()
        return True


@dataclass(frozen=True, slots=True)
class GoawayTwice(Counted):
    """Two GOAWAYs: the first names no stream, the second those that were looked at."""

    _leaving: WeakKeyDictionary[H2Connection[Any], asyncio.Event] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False, compare=False
    )

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Say goodbye twice; in between nothing is answered."""
        connection = exchange.connection
        if self.is_due_on(connection):
            gone = self._leaving[connection] = asyncio.Event()
            connection.goaway(ErrorCodes.NO_ERROR, last_stream_id=HIGHEST)
            await asyncio.sleep(_MOMENT_S)
            last = _drop_some(exchange)
            connection.goaway(ErrorCodes.NO_ERROR, last_stream_id=last)
            connection.drop_above(last)
            gone.set()
            if exchange.request.stream_id > last:
                return None
        elif waiting := self._leaving.get(connection):
            await waiting.wait()
        return await honest()


@dataclass(frozen=True, slots=True)
class GoawayCalm(Counted):
    """GOAWAY because of too many requests; none of those under way was looked at."""

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Say goodbye and hang up."""
        connection = exchange.connection
        if not self.is_due_on(connection):
            return await honest()
        lowest = min(connection.under_way, default=exchange.request.stream_id)
        last = max(lowest - 2, _touched(connection))
        connection.goaway(ErrorCodes.ENHANCE_YOUR_CALM, last_stream_id=last)
        connection.close()
        return None


@dataclass(frozen=True, slots=True)
class _Reasoned(Counted, ABC):
    """GOAWAY as Google's front ends send it, behind an answer."""

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Answer what is under way, and say goodbye with the reason."""
        connection = exchange.connection
        if self.is_due_on(connection):
            connection.goaway(self._code(), debug=self._debug())
        return await honest()

    def _code(self) -> int:
        return int(ErrorCodes.NO_ERROR)

    @abstractmethod
    def _debug(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class SessionTimeout(_Reasoned):
    """The connection was idle for too long."""

    def _debug(self) -> bytes:
        return b"session_timed_out"


@dataclass(frozen=True, slots=True)
class MaxAge(_Reasoned):
    """The connection is an hour old."""

    def _debug(self) -> bytes:
        return b"max_age"


@dataclass(frozen=True, slots=True)
class TooManyPings(_Reasoned):
    """The client asked for life too often."""

    def _code(self) -> int:
        return int(ErrorCodes.ENHANCE_YOUR_CALM)

    def _debug(self) -> bytes:
        return b"too_many_pings"


FAULTS: Final = (
    Fault(
        "goaway", "Goodbye, answers follow", "both",
        "GOAWAY comes while requests are under way, and all of them are answered. Nothing may be "
        "lost or sent twice.",
        Goaway,
    ),
    Fault(
        "goaway-unprocessed", "Goodbye to some requests", "both",
        "GOAWAY names a stream, and those above it are not looked at. They must be sent again, "
        "once, on another connection.",
        GoawayUnprocessed,
    ),
    Fault(
        "goaway-close", "Goodbye and gone", "both",
        "GOAWAY promises answers and the connection is closed without them. One more try, with "
        "the same apns-id, and no third.",
        GoawayClose,
    ),
    Fault(
        "goaway-first", "Goodbye at the beginning", "both",
        "GOAWAY with a reason comes in place of SETTINGS. Pushes must fail at once with that "
        "reason, and new connections must be tried less and less often.",
        GoawayFirst,
    ),
    Fault(
        "goaway-twice", "Goodbye twice", "both",
        "A GOAWAY that names no stream is followed by one that does. The second decides what is "
        "sent again.",
        GoawayTwice,
    ),
    Fault(
        "goaway-calm", "Goodbye, calm down", "both",
        "GOAWAY ENHANCE_YOUR_CALM ends the connection. The next one must come after a pause and "
        "carry fewer requests at once.",
        GoawayCalm,
    ),
    Fault(
        "session-timeout", "Idle connection ended", "fcm",
        "GOAWAY session_timed_out follows an answer. A new connection must be opened without a "
        "word.",
        SessionTimeout,
    ),
    Fault(
        "max-age", "Old connection ended", "fcm",
        "GOAWAY max_age follows an answer. A new connection must be opened without a word.",
        MaxAge,
    ),
    Fault(
        "too-many-pings", "Too many pings", "fcm",
        "GOAWAY ENHANCE_YOUR_CALM too_many_pings follows an answer. Nothing may be lost, and no "
        "PING may be sent.",
        TooManyPings,
    ),
)  # fmt: skip
