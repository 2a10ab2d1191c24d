"""Faults of silence: connections that stand and say nothing, or end unheard."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from mmpush_tui.simulator.acts.base import Answer, Behaviour, Counted, Exchange, Fault, Host
from mmpush_tui.simulator.net.exchange import ServedResponse
from mmpush_tui.simulator.net.h2connection import H2Connection

_IDLE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class NoSettings(Counted):
    """SETTINGS never come; TLS does."""

    times: int = 0

    def opened(self, connection: H2Connection[Any]) -> bool:
        """Say nothing."""
        if not self.is_due():
            return False
        connection.go_silent()
        return True


@dataclass(frozen=True, slots=True)
class BlackHole(Behaviour):
    """Whatever is sent is swallowed, also on the connections there are."""

    async def raised(self, host: Host) -> None:
        """Fall silent."""
        for connection in host.connections:
            connection.go_silent()

    async def cleared(self, host: Host) -> None:
        """Drop the connections that were swallowed, as nobody could revive them."""
        for connection in host.connections:
            connection.abort(reset=True)

    def opened(self, connection: H2Connection[Any]) -> bool:
        """Say nothing."""
        connection.go_silent()
        return True


@dataclass(frozen=True, slots=True)
class HalfCloseIdle(Counted):
    """An idle connection is closed without GOAWAY."""

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Answer, and close once nothing is under way."""
        if self.is_due_on(exchange.connection):
            self._close_later(exchange.connection)
        return await honest()

    def _close_later(self, connection: H2Connection[Any]) -> None:
        asyncio.get_running_loop().call_later(_IDLE_S, self._close_idle, connection)

    def _close_idle(self, connection: H2Connection[Any]) -> None:
        if connection.is_over:
            return
        if connection.open_streams:
            self._close_later(connection)
        else:
            connection.close()


FAULTS: Final = (
    Fault(
        "no-settings", "SETTINGS never come", "both",
        "TLS stands and HTTP/2 never begins. The connection must be given up in time and another "
        "tried.",
        NoSettings,
    ),
    Fault(
        "black-hole", "Packets vanish", "both",
        "All connections stand and nothing is answered any more, PING included. They must be "
        "given up within 15 seconds.",
        BlackHole,
    ),
    Fault(
        "half-close-idle", "Idle connection closed", "both",
        "A connection is closed while it is idle, without GOAWAY. That must be noticed before the "
        "next push, which must arrive.",
        HalfCloseIdle,
    ),
)  # fmt: skip
