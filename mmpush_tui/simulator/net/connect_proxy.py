"""The stand-in for a company's outbound proxy: CONNECT, with every way in which they refuse.

Stricter than the real ones: the target must be host and port, ``Host`` must be the same, and
nothing may follow the request before it is answered (RFC 9110, 9.3.6).
"""

import asyncio
import base64
import contextlib
from dataclasses import dataclass, field
from typing import Final, Literal

from mmpush_tui.simulator.net.lifecycle import Lifecycle
from mmpush_tui.tasks import Tasks

Mood = Literal[
    "good", "auth", "forbidden", "unavailable", "bad-gateway", "html", "no-http", "hang", "hang-up",
    "pieces", "announced", "endless",
]  # fmt: skip
"""How the proxy answers; ``good`` connects, ``pieces`` and ``announced`` do so in an odd way."""

_ANSWERS: Final = {
    "auth": b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
    "forbidden": b"HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\n",
    "unavailable": b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n",
    "bad-gateway": b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
    "html": b"<html><body>Please log in to the guest network</body></html>\n",
    "no-http": b"\x05\xff",
    "hang-up": b"",
}
_CONNECTED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_LIMIT_S: Final = 3600.0


@dataclass
class ConnectProxy(Lifecycle):
    """A proxy on loopback.

    Args:
        credentials: ``user:password`` that it asks for; empty asks for none.
        leads: ``host:port`` to ``addr:port`` where it shall connect elsewhere.
        ports: the only ports that it connects to; all where there are none.

    Attributes:
        mood: how it answers from now on.
        targets: what it was asked to connect to, in their order.
        violations: what clients did wrong.
    """

    credentials: str = ""
    leads: dict[str, str] = field(default_factory=dict)
    ports: frozenset[int] = frozenset()
    mood: Mood = "good"
    targets: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _tasks: Tasks = field(default_factory=lambda: Tasks(lambda _name, _error: None))

    @property
    def port(self) -> int:
        """Where it listens; known once it has started."""
        assert self._server is not None  # noqa: S101 - for the type checker
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    @property
    def url(self) -> str:
        """Its address with the credentials."""
        user = f"{self.credentials}@" if self.credentials else ""
        return f"http://{user}127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def aclose(self) -> None:
        """Close the port and every tunnel."""
        if self._server is not None:
            self._server.close()
        await self._tasks.aclose()

    async def drop(self) -> None:
        """Close every tunnel, as at a restart."""
        await self._tasks.aclose()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.spawn("tunnel", self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        target = self._judge(head)
        if target is None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()
            return
        mood = self.mood
        if mood == "good" and self.credentials:
            basic = base64.b64encode(self.credentials.encode()).decode()
            if f"Proxy-Authorization: Basic {basic}" not in head:
                mood = "auth"
        if mood == "hang":
            await asyncio.sleep(_LIMIT_S)
        if mood == "endless":
            while True:
                writer.write(b"X-More: and more\r\n" * 100)
                await writer.drain()
        if (refusal := _ANSWERS.get(mood)) is not None:
            writer.write(refusal)
            await writer.drain()
            return
        if self.ports and int(target.rpartition(":")[2]) not in self.ports:
            writer.write(_ANSWERS["forbidden"])
            await writer.drain()
            return
        host, _, port = self.leads.get(target, target).rpartition(":")
        theirs, ours = await asyncio.open_connection(host.strip("[]"), int(port))
        try:
            await self._say_connected(writer, mood)
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, ours))
                group.create_task(_copy(theirs, writer))
        finally:
            ours.transport.abort()

    def _judge(self, head: list[str]) -> str | None:
        """Return the target of a request; None where the request is wrong."""
        method, _, rest = head[0].partition(" ")
        target = rest.removesuffix(" HTTP/1.1")
        if method != "CONNECT" or target == rest or not target.rpartition(":")[2].isdecimal():
            self.violations.append(f"not a CONNECT request: {method}")
            return None
        if f"Host: {target}" not in head:
            self.violations.append("Host is not the target")
            return None
        self.targets.append(target)
        return target

    async def _say_connected(self, writer: asyncio.StreamWriter, mood: Mood) -> None:
        answer = _CONNECTED
        if mood == "announced":
            answer = b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.0 201 Made\r\nVia: 1.1 proxy\r\n\r\n"
        if mood != "pieces":
            writer.write(answer)
            await writer.drain()
            return
        for index in range(len(answer)):
            writer.write(answer[index : index + 1])
            await writer.drain()
            await asyncio.sleep(0.001)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
