"""Faults of streams: refused, reset, never answered, and limits that move."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import RstStreamFrame

from mmpush_tui.simulator.acts.base import (
    Answer,
    Behaviour,
    Counted,
    Exchange,
    Fault,
    Host,
    number,
    one_of,
    whole,
)
from mmpush_tui.simulator.net.exchange import ServedResponse
from mmpush_tui.simulator.net.h2connection import H2Connection

_SWING_S: Final = 0.2


def refuse(connection: H2Connection[Any], stream_id: int, *, both: bool) -> None:
    """Refuse a stream as unprocessed; ``both`` adds the second reset that Apple sends."""
    connection.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
    if both:
        connection.send_frame(RstStreamFrame(stream_id, error_code=ErrorCodes.STREAM_CLOSED))


@dataclass(frozen=True, slots=True)
class RefusedStream(Counted):
    """Streams refused.

    Attributes:
        both: whether a second reset follows, as with Apple.
    """

    both: bool = False

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Refuse."""
        if not self.is_due():
            return await honest()
        refuse(exchange.connection, exchange.request.stream_id, both=self.both)
        return None


@dataclass(frozen=True, slots=True)
class ResetAfterBody(Counted):
    """Streams reset after the whole request came.

    Attributes:
        code: the error code, INTERNAL_ERROR (2) or CANCEL (8).
        delivers: whether the push reached the phone all the same.
    """

    code: int = 2
    delivers: bool = False

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        whole("code", self.code, 0, 2**32 - 1)

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Reset."""
        if not self.is_due():
            return await honest()
        if self.delivers:
            await honest()
        exchange.connection.reset_stream(exchange.request.stream_id, self.code)
        return None


@dataclass(frozen=True, slots=True)
class MuteStream(Counted):
    """Streams that are never answered.

    Attributes:
        delivers: whether the push reached the phone all the same.
    """

    delivers: bool = False

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Say nothing."""
        if not self.is_due():
            return await honest()
        if self.delivers:
            await honest()
        return None


@dataclass(frozen=True, slots=True)
class StreamsSwing(Counted):
    """The stream limit falls while requests are under way, and rises again.

    Attributes:
        low: the limit in between.
    """

    low: int = 1

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        whole("low", self.low, 0, 100)

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Lower the limit, refuse what is over it, and raise it later."""
        connection = exchange.connection
        response = await honest()
        if response is not None and response.status == 200 and self.is_due_on(connection):
            connection.change_settings({SettingCodes.MAX_CONCURRENT_STREAMS: self.low})
            others = [it for it in connection.untouched if it != exchange.request.stream_id]
            for stream_id in others[self.low :]:
                refuse(connection, stream_id, both=True)
            asyncio.get_running_loop().call_later(_SWING_S, self._rise, connection)
        return response

    @staticmethod
    def _rise(connection: H2Connection[Any]) -> None:
        if not connection.is_over:
            connection.change_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1000})


@dataclass(frozen=True, slots=True)
class StreamsZero(Behaviour):
    """No stream is allowed."""

    async def raised(self, host: Host) -> None:
        """Take the limit away from those connected."""
        for connection in host.connections:
            connection.change_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 0})

    async def cleared(self, host: Host) -> None:
        """Give it back."""
        for connection in host.connections:
            connection.change_settings({SettingCodes.MAX_CONCURRENT_STREAMS: host.streams})

    def settings(self, first: Mapping[int, int]) -> Mapping[int, int]:
        """Allow nothing from the start."""
        return {**first, SettingCodes.MAX_CONCURRENT_STREAMS: 0}


@dataclass(frozen=True, slots=True)
class TinyWindow(Behaviour):
    """Bodies must come in pieces, and wait.

    Attributes:
        size: bytes of a body that may be sent at once.
        delay: seconds until as many may follow.
    """

    size: int = 100
    delay: float = 0.05

    def __post_init__(self) -> None:
        whole("size", self.size, 0, 65535)
        number("delay", self.delay, 0, 60)

    def settings(self, first: Mapping[int, int]) -> Mapping[int, int]:
        """Open small windows."""
        return {**first, SettingCodes.INITIAL_WINDOW_SIZE: self.size}

    def opened(self, connection: H2Connection[Any]) -> bool:
        """Open them again late."""
        connection.window_delay_s = self.delay
        return False


@dataclass(frozen=True, slots=True)
class TcpReset(Counted):
    """The TCP connection is reset.

    Attributes:
        at: when: ``headers`` or ``body`` of a request have come.
        delivers: whether the push reached the phone all the same, at ``body`` only.
    """

    at: str = "body"
    delivers: bool = False

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        one_of("at", self.at, "headers", "body")

    def begun(self, connection: H2Connection[Any], stream_id: int) -> bool:
        """Reset at the headers."""
        if self.at != "headers" or not self.is_due():
            return False
        connection.abort(reset=True)
        return True

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Reset after the body."""
        if self.at != "body" or not self.is_due():
            return await honest()
        if self.delivers:
            await honest()
        exchange.connection.abort(reset=True)
        return None


FAULTS: Final = (
    Fault(
        "refused-stream", "Request refused unread", "both",
        "RST_STREAM REFUSED_STREAM says that a request was not looked at. It must be sent again, "
        "also where a second reset follows.",
        RefusedStream,
    ),
    Fault(
        "reset-after-body", "Request broken off", "both",
        "RST_STREAM ends a request after it came in full. One more try, with the same apns-id, "
        "and no third.",
        ResetAfterBody,
    ),
    Fault(
        "mute-stream", "One request never answered", "both",
        "A request gets no answer while others do. It must time out, and the connection must "
        "stay.",
        MuteStream,
    ),
    Fault(
        "streams-swing", "Stream limit falls", "both",
        "The limit of concurrent streams falls while requests are under way, and rises again. "
        "What was refused must be sent again, and nothing may exceed the limit.",
        StreamsSwing,
    ),
    Fault(
        "streams-zero", "No streams at all", "both",
        "SETTINGS allow no stream for as long as this lasts. Pushes must fail in time, and the "
        "connection must be replaced.",
        StreamsZero,
    ),
    Fault(
        "tiny-window", "Tiny flow control windows", "both",
        "The window is 100 bytes, or as many as are given, and opens again late. Bodies must go "
        "out in pieces.",
        TinyWindow,
    ),
    Fault(
        "tcp-reset", "Connection reset", "both",
        "TCP RST comes after the headers or after the whole request. One more try, with the same "
        "apns-id, and no third.",
        TcpReset,
    ),
)  # fmt: skip
