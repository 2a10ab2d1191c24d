"""A small HTTP/2 server over TLS, made to be stopped, broken and started again."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from mmpush_tui.simulator.net.exchange import Findings, ServedRequest, ServedResponse, TrafficCounts
from mmpush_tui.simulator.net.h2connection import H2Connection, Handler, Hooks, Terms
from mmpush_tui.simulator.net.tlspipe import HandshakeStep, TlsPipe
from mmpush_tui.tasks import Tasks

__all__ = ["Findings", "H2Connection", "H2Server", "Handler", "ServedRequest", "ServedResponse"]

S = TypeVar("S")

CLOSE_S: Final = 2.0
"""How long a client may take to let its connection close before it is dropped."""


class ServerHooks(Hooks):
    """Where a server may be interfered with; none of these does anything."""

    def tls(self) -> ssl.SSLContext | None:
        """Return the certificate and ALPN of the next connection; None for the usual ones."""
        return None

    def shaking(self, pipe: TlsPipe, step: HandshakeStep) -> None:
        """Hear of a step before the TLS handshake is done; may end the pipe."""


class H2Server(Generic[S]):
    """Collects whole requests and has each answered by a handler in a task of its own.

    A client that does not choose HTTP/2 by ALPN is closed after the handshake. Requests over the
    stream limit are refused (RST_STREAM REFUSED_STREAM) and recorded.

    Args:
        context: certificate and ALPN.
        handler: answers a request; see :data:`Handler`.
        new_state: makes the owner's state of a new connection, found as ``connection.state``.
        settings: the SETTINGS that every connection begins with, in this order.
        max_body: bytes of a request body that are kept; ``ServedRequest.size`` counts all.
        idle_pings: PINGs a client may send without a request between them; None for any number.
        hooks: what may interfere.

    Attributes:
        counts: what clients did so far.
        findings: our own failures and the clients' violations.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        handler: Handler[S],
        *,
        new_state: Callable[[], S],
        settings: Mapping[int, int],
        max_body: int = 65536,
        idle_pings: int | None = None,
        hooks: ServerHooks | None = None,
    ) -> None:
        self.findings = Findings()
        self.counts = TrafficCounts()
        self._hooks = hooks or ServerHooks()
        self._context = context
        self._tasks = Tasks(self._task_failed)
        self._terms = Terms(
            handler=handler,
            new_state=new_state,
            settings=settings,
            max_body=max_body,
            idle_pings=idle_pings,
            findings=self.findings,
            counts=self.counts,
            hooks=self._hooks,
            tasks=self._tasks,
        )
        self._connections: dict[TlsPipe, H2Connection[S]] = {}
        self._no_connections = asyncio.Event()
        self._no_connections.set()
        self._reserved: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self.host = "127.0.0.1"
        self.port = 0

    @property
    def errors(self) -> list[Exception]:
        """Our own failures; tests assert that there are none."""
        return self.findings.errors

    @property
    def violations(self) -> list[str]:
        """What clients did that HTTP/2 or the stream limit forbids."""
        return self.findings.violations

    @property
    def connections(self) -> tuple[H2Connection[S], ...]:
        """The open connections, those in their TLS handshake included."""
        return tuple(self._connections.values())

    @property
    def is_listening(self) -> bool:
        """Whether new connections are accepted."""
        return self._server is not None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; after :meth:`stop` on the address of before, whatever is given.

        Args:
            host: a numeric IPv4 or IPv6 address.
            port: 0 for a free one, which ``port`` then names.

        Raises:
            OSError: the address cannot be bound.
        """
        if self._server:
            return
        if self._reserved is None:
            self._reserved = _bound(host, port)
            self.host, self.port = self._reserved.getsockname()[:2]
        listener = _bound(self.host, self.port)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._accepted,
                sock=listener,
                backlog=1024,
            )
        except BaseException:
            # Also where the start is cancelled: nobody else knows this socket.
            listener.close()
            raise

    async def stop(self, *, abort: bool = False) -> None:
        """Stop listening and end all connections; the port stays ours, refusing connections.

        Args:
            abort: drop the connections with RST instead of a GOAWAY.
        """
        server, self._server = self._server, None
        if server:
            server.close()
        for connection in self.connections:
            if abort:
                connection.abort(reset=True)
            else:
                connection.goaway(0)
                connection.close()
        if not await self._all_gone(CLOSE_S):
            for connection in self.connections:
                connection.abort(reset=True)
            await self._all_gone(CLOSE_S)
        await self._tasks.aclose()
        if server:
            # uvloop closes the listening socket a turn later, and start() needs it closed.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await server.wait_closed()

    async def aclose(self, *, abort: bool = False) -> None:
        """Stop and give the port back."""
        await self.stop(abort=abort)
        if self._reserved:
            self._reserved.close()
            self._reserved = None

    async def _all_gone(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._no_connections.wait()
        except TimeoutError:
            return False
        return True

    def _accepted(self) -> TlsPipe:
        self.counts.connections += 1
        context = self._hooks.tls() or self._context
        return TlsPipe(context, self._attach, self._ended, self._hooks.shaking)

    def _attach(self, pipe: TlsPipe) -> H2Connection[S]:
        connection = H2Connection(self._terms, pipe)
        if self._server is None:
            # Accepted in the same turn as the stop.
            pipe.abort()
        self._connections[pipe] = connection
        self._no_connections.clear()
        return connection

    def _ended(self, pipe: TlsPipe) -> None:
        self._connections.pop(pipe, None)
        if not self._connections:
            self._no_connections.set()

    def _task_failed(self, name: str, error: BaseException) -> None:
        self.findings.fail(RuntimeError(f"task {name!r} failed: {error!r}"))


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket bound but not listening: connections to it are refused.

    One such socket is kept for as long as the server lives, so that nobody else can take the
    port while the server is stopped; a second one, bound beside it, does the listening.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on what says that it is TCP; answers would wait for an ACK.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
