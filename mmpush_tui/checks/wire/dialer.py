"""TCP to every address of a name: which takes the connection, refuses it, or says nothing."""

import asyncio
import errno
import os
import socket
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from aiohappyeyeballs import AddrInfoType

from mmpush_tui.http2.errors import ConnectError

_AT_ONCE: Final = 8
_GRACE_S: Final = 0.25
"""What the other addresses may take longer than the first that answers."""


class Ended(StrEnum):
    """What became of a connection to one address."""

    OPEN = "open"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    SILENT = "silent"
    """Nothing came back: dropped on the way, or slower than others by far."""


_ENDED: Final = {
    errno.ECONNREFUSED: Ended.REFUSED, errno.ETIMEDOUT: Ended.SILENT,
    errno.EHOSTUNREACH: Ended.UNREACHABLE, errno.ENETUNREACH: Ended.UNREACHABLE,
    errno.EADDRNOTAVAIL: Ended.UNREACHABLE,
}  # fmt: skip


class Attempt:
    """A connection to one address.

    Args:
        info: the address.
        source: the address of this host to connect from, or empty.

    Attributes:
        address: where to, as text.
        ended: what became of it; :attr:`Ended.SILENT` as long as nothing came back.
        cause: the system's word for a failure, or empty.
        sock: the connection, as long as it stands.
    """

    def __init__(self, info: AddrInfoType, source: str) -> None:
        self._info = info
        self._source = source
        self._began = time.monotonic()
        self._took: float | None = None
        self.address = str(info[4][0])
        self.ended = Ended.SILENT
        self.cause = ""
        self.sock: socket.socket | None = None

    @property
    def family(self) -> str:
        """IPv6 or IPv4, by its address."""
        return "IPv6" if ":" in self.address else "IPv4"

    @property
    def is_open(self) -> bool:
        """Whether the address took the connection."""
        return self.ended is Ended.OPEN

    @property
    def ms(self) -> float:
        """Milliseconds until it ended, or until now."""
        return (time.monotonic() - self._began) * 1000 if self._took is None else self._took

    def described(self) -> str:
        """Return it as evidence."""
        return f"{self.address} {self.ended} after {self.ms:.0f} ms"

    async def run(self) -> None:
        """Connect; a failure is only noted."""
        family, kind, protocol, _, address = self._info
        self._began = time.monotonic()
        try:
            if self._source and (":" in self._source) is not (family == socket.AF_INET6):
                # From an IPv4 address there is no way to an IPv6 one, and the other way round.
                raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
            self.sock = sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)
            if self._source:
                sock.bind((self._source, 0))
            await asyncio.get_running_loop().sock_connect(sock, address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            self._fail(error)
        else:
            self._took, self.ended = self.ms, Ended.OPEN

    def close(self) -> None:
        """Hang up."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def _fail(self, error: OSError) -> None:
        self._took = self.ms
        self.close()
        number = error.errno or 0
        self.cause = os.strerror(number) if number else str(error)
        self.ended = _ENDED.get(number, Ended.FAILED)


class Dialer:
    """Connects to all addresses of a name at once, and keeps the first connection.

    What became of each can be asked for at any time, also after :meth:`run` was cancelled.

    Args:
        addresses: where to.
        source: the address of this host to connect from, or empty.
        name: whom that is, for messages.

    Attributes:
        connected_to: the address that took the connection; the socket does not know it any more
            where the peer has hung up since.
    """

    def __init__(self, addresses: Sequence[AddrInfoType], source: str, name: str) -> None:
        self._name = name
        self.connected_to = ""
        self._attempts = [
            Attempt(info, source) for info in list(dict.fromkeys(addresses))[:_AT_ONCE]
        ]

    async def run(self) -> socket.socket:
        """Return the first connection that stands.

        It ends when every address has answered, or a moment after the first has. Cancelling it
        leaves nothing open.

        Raises:
            ConnectError: none takes the connection.
        """
        winner: Attempt | None = None
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(it.run(), name="tcp") for it in self._attempts]
                await self._wait(tasks)
                stand = (it for it in self._attempts if it.is_open)
                winner = min(stand, key=lambda it: it.ms, default=None)
                for task in tasks:
                    task.cancel()
        except BaseException:  # cancelled: what stands already is closed with the others
            winner = None
            raise
        finally:
            for attempt in self._attempts:
                if attempt is not winner:
                    attempt.close()
        if winner is None or winner.sock is None:
            raise self.failure()
        self.connected_to = winner.address
        return winner.sock

    async def _wait(self, tasks: Sequence["asyncio.Task[None]"]) -> None:
        left = set(tasks)
        while left and not any(it.is_open for it in self._attempts):
            _, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        if left:
            await asyncio.wait(left, timeout=_GRACE_S)

    def evidence(self) -> dict[str, Any]:
        """Return what was seen, where that is more than one connection that stands."""
        if len(self._attempts) < 2 and all(it.is_open for it in self._attempts):
            return {}
        return {"attempts": [attempt.described() for attempt in self._attempts]}

    def failure(self) -> ConnectError:
        """Return what it means that no address took the connection, by what each did so far."""
        ended = {attempt.ended for attempt in self._attempts}
        # A refusal says most: somebody is there. Hosts without IPv6 have no route to half of them.
        if Ended.REFUSED in ended:
            return ConnectError("tcp", f"{self._name} refused the connection", "tcp_refused")
        if ended <= {Ended.UNREACHABLE}:
            return ConnectError("tcp", f"there is no route to {self._name}", "tcp_unreachable")
        if ended <= {Ended.UNREACHABLE, Ended.SILENT}:
            return ConnectError("tcp", f"{self._name} does not answer", "tcp_timeout")
        causes = ", ".join(sorted({it.cause for it in self._attempts if it.ended is Ended.FAILED}))
        return ConnectError("tcp", f"no connection to {self._name}: {causes}", "tcp_failed")

    def dead_family(self) -> str:
        """Return IPv6 or IPv4 where that is dead and the other one alive, else nothing.

        A host without a route to IPv6 is as usual as harmless: nothing waits for it.
        """
        alive = {it.family for it in self._attempts if it.is_open}
        dead = {it.family for it in self.dead()} - alive
        return dead.pop() if alive and dead else ""

    def dead(self) -> list[Attempt]:
        """Return the addresses that took no connection although there is a route to them."""
        return [it for it in self._attempts if not it.is_open and it.ended is not Ended.UNREACHABLE]
