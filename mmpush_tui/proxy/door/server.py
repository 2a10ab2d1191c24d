"""A listening socket and its connections: accepted within limits, ended in order."""

import asyncio
import contextlib
import errno
import select
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Final

from mmpush_tui.proxy.door.http1 import App, ConnectionLimits, ServerConnection
from mmpush_tui.tasks import Tasks

_TICK_S: Final = 1.0
_ACCEPT_AT_ONCE: Final = 64
_HANDSHAKE_S: Final = 10.0
_QUIET_S: Final = 1.0
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_NO_ROOM_PAUSE_S: Final = 0.5
_LAST_ANSWERS_S: Final = 2.0


class HttpServer:
    """Serves one application on one listening socket.

    Where all connections are taken, the one that is idle for longest makes room; where none is
    idle, the next waits in the kernel's queue.

    Args:
        app: answers the requests.
        sock: the listening socket; closed when serving ends.
        on_bug: told of exceptions that the application must not raise.
        limits: what a connection may take; may be given anew while it serves.
        tls: speaks TLS with those who connect; the context may be given another certificate
            while it serves.
        on_trouble: told in a sentence, once, when no more connections can be accepted.
    """

    def __init__(
        self,
        app: App,
        sock: socket.socket,
        on_bug: Callable[[Exception], None],
        *,
        limits: ConnectionLimits | None = None,
        tls: ssl.SSLContext | None = None,
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        self.app = app
        self.limits = limits or ConnectionLimits()
        self.on_bug = on_bug
        self.now = 0.0
        """Seconds of the event loop's clock, as of the last second."""
        self.is_draining = False
        self.accepting = asyncio.Event()
        """Set once connections are accepted."""
        self.tasks = Tasks(self._task_failed)
        self._sock = sock
        self._tls = tls
        self._on_trouble = on_trouble
        self._is_troubled = False
        self._answering: set[asyncio.Task[None]] = set()
        self._connections: set[ServerConnection] = set()
        self._joining = 0
        """Accepted, and perhaps not through TLS yet."""
        self._is_reading = False
        self._changed = asyncio.Event()
        self._is_forced = False
        self._stop = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many are connected."""
        return len(self._connections)

    async def serve(self, drain_s: float) -> None:
        """Serve until :meth:`drain` is called and every request under way is answered.

        Args:
            drain_s: seconds that this may take from then on.
        """
        loop = asyncio.get_running_loop()
        self._sock.setblocking(False)
        self.now = loop.time()
        ticking = self.tasks.spawn("connections", self._tick())
        try:
            self._accept_again()
            self.accepting.set()
            await self._stop.wait()
            self._accept_no_more()
            self._sock.close()
            for connection in tuple(self._connections):
                connection.finish()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(drain_s):
                    while self._connections and not self._is_forced:
                        self._changed.clear()
                        await self._changed.wait()
        finally:
            self._accept_no_more()
            self._sock.close()
            ticking.cancel()

    def use_certificate(self, tls: ssl.SSLContext | None) -> bool:
        """Present another certificate to those who connect from now on.

        Returns:
            Whether that is possible: a port changes between TLS and none only with a restart.
        """
        if (tls is None) != (self._tls is None):
            return False
        self._tls = tls
        return True

    def drain(self) -> None:
        """Accept no more and end once what is under way is answered."""
        self.is_draining = True
        self._stop.set()

    def force(self) -> None:
        """Let :meth:`serve` return now; :meth:`aclose` ends what is left."""
        self._is_forced = True
        self._changed.set()
        self.drain()

    async def aclose(self) -> None:
        """Give answers that are ready a moment to be sent, then close every connection."""
        if self._answering:
            await asyncio.wait(tuple(self._answering), timeout=_LAST_ANSWERS_S)
        await self.tasks.join(_LAST_ANSWERS_S)
        await self.tasks.aclose()
        for task in tuple(self._answering):
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        for connection in tuple(self._connections):
            connection.abort()

    # From connections

    def answer(self, work: Coroutine[Any, Any, None]) -> None:
        """Answer a request that has to wait for something.

        Not one of :attr:`tasks`: its failures are caught where they happen, and there are
        thousands of them a second.
        """
        task = asyncio.get_running_loop().create_task(work)
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def joined(self, connection: ServerConnection) -> None:
        """Take note of a new connection."""
        self._connections.add(connection)
        if self.is_draining:
            connection.finish()

    def left(self, connection: ServerConnection) -> None:
        """Take note that one ended."""
        self._connections.discard(connection)
        if not self._connections:
            self._changed.set()
        if not self._is_reading and not self.is_draining:
            self._accept_again()

    # Accepting

    def _accept_again(self) -> None:
        if self._is_reading or self.is_draining:
            return
        self._is_reading = True
        asyncio.get_running_loop().add_reader(self._sock, self._accept)

    def _accept_no_more(self) -> None:
        if self._is_reading:
            self._is_reading = False
            asyncio.get_running_loop().remove_reader(self._sock)

    def _accept(self) -> None:
        for _ in range(_ACCEPT_AT_ONCE):
            if len(self._connections) + self._joining >= self.limits.connections:
                if self._is_awaited():
                    self._make_room()
                    # Goes on when one of them ends.
                    self._accept_no_more()
                return
            try:
                sock, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError as error:
                self._accept_no_more()
                if error.errno not in _NO_ROOM:
                    raise
                self._trouble(error)
                asyncio.get_running_loop().call_later(_NO_ROOM_PAUSE_S, self._accept_again)
                return
            self._is_troubled = False
            sock.setblocking(False)
            self._joining += 1
            self.tasks.spawn("connection", self._join(sock))

    async def _join(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        timeout_s = _HANDSHAKE_S if self._tls else None
        try:
            # Whoever hangs up, or speaks no TLS, has heard of it by other means.
            with contextlib.suppress(OSError):
                await loop.connect_accepted_socket(
                    lambda: ServerConnection(self),
                    sock,
                    ssl=self._tls,
                    ssl_handshake_timeout=timeout_s,
                )
        finally:
            self._joining -= 1
            if not self._is_reading:
                self._accept_again()

    def _is_awaited(self) -> bool:
        """Return whether somebody waits to be accepted."""
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(0))

    def _make_room(self) -> None:
        """Let go whoever is quiet for longest, if that is longer than a moment."""
        quiet = [it for it in self._connections if not it.is_busy and not it.is_receiving]
        if quiet:
            longest = min(quiet, key=lambda it: it.quiet_since)
            if longest.quiet_since <= self.now - _QUIET_S:
                longest.abort()

    def _trouble(self, error: OSError) -> None:
        if not self._is_troubled and self._on_trouble is not None:
            self._on_trouble(f"no more connections can be accepted: {error.strerror}")
        self._is_troubled = True

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self.now = now = loop.time()
            for connection in tuple(self._connections):
                if connection.deadline <= now:
                    connection.expire()
            if not self.is_draining:
                # Where all are taken, somebody may have been quiet for long enough by now.
                self._accept_again()
            await asyncio.sleep(_TICK_S)

    def _task_failed(self, _name: str, error: BaseException) -> None:
        if isinstance(error, Exception):
            self.on_bug(error)
