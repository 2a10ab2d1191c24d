"""What the stand-ins of Apple and Google have in common."""

import ssl
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from mmpush_tui.simulator.acts.base import Exchange, Side
from mmpush_tui.simulator.faults import FaultBoard
from mmpush_tui.simulator.net.ca import Certificate, ThrowAwayCA, certificate
from mmpush_tui.simulator.net.connect_proxy import ConnectProxy
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.simulator.net.h2connection import H2Connection
from mmpush_tui.simulator.net.h2server import H2Server
from mmpush_tui.simulator.net.lifecycle import Lifecycle
from mmpush_tui.simulator.net.loopback import LOOPBACK_NAMES
from mmpush_tui.simulator.phones import Phones

S = TypeVar("S")


class StandIn(Lifecycle, Generic[S]):
    """A vendor on loopback: an HTTP/2 server, its judgement, its faults.

    Args:
        ca: signs its certificate.
        phones: the devices it knows; accepted pushes go to ``phones.accept``.
        side: which vendor it plays.
        names: host names its certificate is valid for, besides loopback.
        new_state: makes what it remembers of a connection.
        settings: its first SETTINGS.
        idle_pings: PINGs it takes without a request between them; None for any number.
        now: the time, seconds since 1970; tests move it.
        takes_certificates: clients may show one that ``ca`` signed.

    Attributes:
        server: the HTTP/2 server.
        faults: the board on which its faults are raised.
        outbound: the proxy that clients go through, for the fault of it; None without one.
    """

    def __init__(
        self,
        ca: ThrowAwayCA,
        phones: Phones,
        side: Side,
        *,
        names: tuple[str, ...],
        new_state: Callable[[], S],
        settings: Mapping[int, int],
        idle_pings: int | None = None,
        now: Callable[[], float] = time.time,
        takes_certificates: bool = False,
    ) -> None:
        self.phones = phones
        self._ca = ca
        self._names = (*LOOPBACK_NAMES, *names)
        self.now = now
        self.outbound: ConnectProxy | None = None
        self.faults = FaultBoard(self, side)
        context = ca.server_context(*self._names)
        if takes_certificates:
            ca.asks_for_certificate(context)
        self.server: H2Server[S] = H2Server(
            context,
            self._answer,
            new_state=new_state,
            settings=settings,
            idle_pings=idle_pings,
            hooks=self.faults,
        )
        self._is_closed = True

    @property
    def endpoint(self) -> str:
        """Its address, ``https://127.0.0.1:PORT``; known once it has started."""
        return f"https://{self.server.host}:{self.server.port}"

    def time(self) -> float:
        """Return what its clock shows under the faults in force, seconds since 1970."""
        return self.faults.now(self.now())

    @property
    def connections(self) -> tuple[H2Connection[S], ...]:
        """The open connections."""
        return self.server.connections

    @property
    @abstractmethod
    def streams(self) -> int:
        """The stream limit that it allows once it knows a client."""

    def certificate(self, kind: Certificate) -> ssl.SSLContext:
        """Return a TLS context that is wrong in one way."""
        return certificate(self._ca, self._names, kind)

    @property
    def errors(self) -> list[Exception]:
        """Our own failures; tests assert that there are none."""
        return self.server.errors

    @property
    def violations(self) -> list[str]:
        """What clients did that HTTP/2 or the stream limit forbids; tests assert none."""
        return self.server.violations

    def opened(self, connection: H2Connection[Any]) -> bool:
        """Begin a connection whose TLS stands; true where SETTINGS are not to be sent."""
        return False

    @abstractmethod
    async def honest(self, request: ServedRequest, connection: H2Connection[S]) -> ServedResponse:
        """Judge a request, deliver what it asks for, and return the answer it deserves."""

    async def start(self, port: int = 0) -> None:
        """Listen on loopback.

        Args:
            port: 0 for a free one.

        Raises:
            OSError: the port is taken.
        """
        self._is_closed = False
        await self.server.start(port=port)

    async def aclose(self, *, abort: bool = False) -> None:
        """Close all connections and the port; with RST where ``abort``."""
        self._is_closed = True
        await self.server.aclose(abort=abort)

    async def go_down(self) -> None:
        """Refuse connections from now on and drop those there are."""
        await self.server.stop(abort=True)

    async def come_up(self) -> None:
        """Listen again on the same port, unless closed for good."""
        if not self._is_closed:
            await self.server.start()

    async def _answer(
        self, request: ServedRequest, connection: H2Connection[S]
    ) -> ServedResponse | None:
        async def honest() -> ServedResponse:
            connection.act_on(request.stream_id)
            return await self.honest(request, connection)

        return await self.faults.answer(Exchange(request, connection), honest)
