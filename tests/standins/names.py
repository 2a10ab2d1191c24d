"""Names on loopback: a resolver that answers, fails and changes its mind as it is told."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Final

from aiohappyeyeballs import AddrInfoType

from mmpush_tui.simulator.acts.base import LONGEST_S, number

DEAD_IPV6: Final = "2001:db8::1"
"""An address that nobody has (RFC 3849): there is no route to it, or no answer from it."""

_AGAIN: Final = (socket.EAI_AGAIN, "Temporary failure in name resolution")


@dataclass(frozen=True, slots=True)
class Found:
    """The name has these addresses, the best first.

    Attributes:
        addresses: numeric IPv4 and IPv6 addresses; without any, the name exists all the same.
        port: the port they are given with; the one that was asked for where None.
    """

    addresses: tuple[str, ...]
    port: int | None = None

    def __post_init__(self) -> None:
        for address in self.addresses:
            ipaddress.ip_address(address)


@dataclass(frozen=True, slots=True)
class NoSuchName:
    """There is no such name (NXDOMAIN)."""


@dataclass(frozen=True, slots=True)
class ServerFailure:
    """The name server cannot tell (SERVFAIL)."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No name server answers.

    Attributes:
        seconds: until the resolver gives up.
    """

    seconds: float = 10.0

    def __post_init__(self) -> None:
        number("seconds", self.seconds, 0, LONGEST_S)


NameAnswer = Found | NoSuchName | ServerFailure | NoAnswer
"""What one lookup of a name comes to."""


class Names:
    """A resolver that knows the names it was told and no others.

    Its :meth:`lookup` stands in for ``getaddrinfo`` as a ``Route`` calls it: the same result, and
    the errors of Linux.

    Args:
        answers: what lookups of each name come to; :meth:`tell` changes it.

    Attributes:
        asked: the name and port of each lookup, the latest last.
    """

    def __init__(self, answers: Mapping[str, NameAnswer] | None = None) -> None:
        self.asked: list[tuple[str, int]] = []
        self._answers: dict[str, Iterator[NameAnswer]] = {}
        for name, answer in (answers or {}).items():
            self.tell(name, answer)

    def tell(self, name: str, *answers: NameAnswer) -> None:
        """Say what the next lookups of ``name`` come to; the last of ``answers`` stays.

        Raises:
            ValueError: there are no answers.
        """
        if not answers:
            raise ValueError("expected at least one answer")
        self._answers[_plain(name)] = chain(answers, repeat(answers[-1]))

    async def lookup(self, host: str, port: int) -> Sequence[AddrInfoType]:
        """Return the addresses of ``host`` for TCP; a numeric address is its own.

        Raises:
            socket.gaierror: as ``getaddrinfo`` has it.
            UnicodeError: ``host`` is no name, such as one with an empty label.
        """
        self.asked.append((host, port))
        if _is_numeric(host):
            return [_info(host, port)]
        # Python's own getaddrinfo refuses what IDNA cannot encode.
        host.encode("idna")
        known = self._answers.get(_plain(host))
        match NoSuchName() if known is None else next(known):
            case Found(addresses=(), port=_):
                raise socket.gaierror(socket.EAI_NODATA, "No address associated with hostname")
            case Found(addresses=found, port=other):
                return [_info(each, port if other is None else other) for each in found]
            case NoSuchName():
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            case ServerFailure():
                raise socket.gaierror(*_AGAIN)
            case NoAnswer(seconds=seconds):
                await asyncio.sleep(seconds)
                raise socket.gaierror(*_AGAIN)


def _plain(name: str) -> str:
    """Return a name as names are compared: without regard to case and to the root's dot."""
    return name.lower().removesuffix(".")


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _info(address: str, port: int) -> AddrInfoType:
    if ipaddress.ip_address(address).version == 6:
        where: tuple[str, int] | tuple[str, int, int, int] = (address, port, 0, 0)
        family = socket.AF_INET6
    else:
        where, family = (address, port), socket.AF_INET
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where
