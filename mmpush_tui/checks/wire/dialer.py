"""TCP to every address of a name: which takes the connection, refuses it, or says nothing."""

import asyncio
import errno
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from aiohappyeyeballs import AddrInfoType

from mmpush_tui.http2.errors import ConnectError

_AT_ONCE: Final = 8
_GRACE_S: Final = 0.25
"""What the other addresses may take longer than the first that answers."""
_UNREACHABLE: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL})


class Ended(StrEnum):
    """What became of a connection to one address."""

    OPEN = "open"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    SILENT = "silent"
    """Nothing came back: dropped on the way, or slower than others by far."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One address.

    Attributes:
        address: it, as text.
        ended: what became of the connection.
        ms: milliseconds until then.
        cause: the system's word for a failure, or empty.
    """

    address: str
    ended: Ended
    ms: float
    cause: str = ""

    @property
    def is_ipv6(self) -> bool:
        """Whether it is an IPv6 address."""
        return ":" in self.address

    def shown(self) -> str:
        """Return it as evidence."""
        return f"{self.address} {self.ended} after {self.ms:.0f} ms"


class Dialer:
    """Connects to all addresses of a name at once, and keeps the first connection.

    What became of each can be asked for at any time, also after :meth:`run` was cancelled.

    Args:
        addresses: where to.
        source: the address of this host to connect from, or empty.
        name: whom that is, for messages.
    """

    def __init__(self, addresses: Sequence[AddrInfoType], source: str, name: str) -> None:
        self._name = name
        self._address = ""
        self._dials = [_Dial(info, source) for info in list(dict.fromkeys(addresses))[:_AT_ONCE]]

    async def run(self) -> socket.socket:
        """Return the first connection that stands.

        It ends when every address has answered, or a moment after the first has. Cancelling it
        leaves nothing open.

        Raises:
            ConnectError: none takes the connection.
        """
        winner: _Dial | None = None
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(dial.run(), name="tcp") for dial in self._dials]
                await self._wait(tasks)
                winner = min(
                    (d for d in self._dials if d.is_open), key=lambda d: d.ms, default=None
                )
                for task in tasks:
                    task.cancel()
        except BaseException:  # cancelled: what stands already is closed with the others
            winner = None
            raise
        finally:
            for dial in self._dials:
                if dial is not winner:
                    dial.close()
        if winner is None or winner.sock is None:
            raise self.failure()
        self._address = winner.attempt().address
        return winner.sock

    async def _wait(self, tasks: Sequence["asyncio.Task[None]"]) -> None:
        left = set(tasks)
        while left and not any(dial.is_open for dial in self._dials):
            _, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        if left:
            await asyncio.wait(left, timeout=_GRACE_S)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What became of each address so far, in their order."""
        return tuple(dial.attempt() for dial in self._dials)

    def connected_to(self) -> str:
        """Return the address that :meth:`run` connected to.

        The socket does not know it any more where the peer has hung up since.
        """
        return self._address

    def evidence(self) -> dict[str, Any]:
        """Return what was seen, where that is more than one connection that stands."""
        attempts = self.attempts
        if len(attempts) < 2 and all(it.ended is Ended.OPEN for it in attempts):
            return {}
        return {"attempts": [attempt.shown() for attempt in attempts]}

    def failure(self) -> ConnectError:
        """Return what it means that no address took the connection, by what each did so far."""
        attempts = self.attempts
        ended = {attempt.ended for attempt in attempts}
        # A refusal says most: somebody is there. Hosts without IPv6 have no route to half of them.
        if Ended.REFUSED in ended:
            return ConnectError("tcp", f"{self._name} refused the connection", "tcp_refused")
        if ended <= {Ended.UNREACHABLE}:
            return ConnectError("tcp", f"there is no route to {self._name}", "tcp_unreachable")
        if ended <= {Ended.UNREACHABLE, Ended.SILENT}:
            return ConnectError("tcp", f"{self._name} does not answer", "tcp_timeout")
        causes = ", ".join(sorted({it.cause for it in attempts if it.ended is Ended.FAILED}))
        return ConnectError("tcp", f"no connection to {self._name}: {causes}", "tcp_failed")


def dead_family(attempts: Sequence[Attempt]) -> str:
    """Return IPv6 or IPv4 where that is dead and the other one alive, else nothing.

    A host without a route to IPv6 is as usual as harmless: nothing waits for it.
    """
    alive = {it.is_ipv6 for it in attempts if it.ended is Ended.OPEN}
    dead = {it.is_ipv6 for it in attempts if it.ended is not Ended.UNREACHABLE} - alive
    if not alive or not dead:
        return ""
    return "IPv6" if dead.pop() else "IPv4"


def dead(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return the addresses that took no connection although there is a route to them."""
    return [it for it in attempts if it.ended not in (Ended.OPEN, Ended.UNREACHABLE)]


class _Dial:
    def __init__(self, info: AddrInfoType, source: str) -> None:
        self._info = info
        self._source = source
        self._began = time.monotonic()
        self._ended = Ended.SILENT
        self._took: float | None = None
        self._cause = ""
        self.sock: socket.socket | None = None

    @property
    def is_open(self) -> bool:
        return self._ended is Ended.OPEN

    @property
    def ms(self) -> float:
        return (time.monotonic() - self._began) * 1000 if self._took is None else self._took

    async def run(self) -> None:
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
            self._took, self._ended = self.ms, Ended.OPEN

    def attempt(self) -> Attempt:
        return Attempt(str(self._info[4][0]), self._ended, round(self.ms, 1), self._cause)

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def _fail(self, error: OSError) -> None:
        self._took = self.ms
        self.close()
        number = error.errno or 0
        self._cause = os.strerror(number) if number else str(error)
        if number == errno.ECONNREFUSED:
            self._ended = Ended.REFUSED
        elif number in _UNREACHABLE:
            self._ended = Ended.UNREACHABLE
        elif number != errno.ETIMEDOUT:
            self._ended = Ended.FAILED
