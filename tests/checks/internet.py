"""A small internet in a network namespace: the well-known names, at addresses like theirs.

Sockets, TLS and HTTP/2 are real; only the name servers are played, by the lookup that a run is
given. Nothing leaves the namespace: there is no route out of it.
"""

import asyncio
import contextlib
import ctypes
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

import certifi
import pytest
from aiohappyeyeballs import AddrInfoType

from mmpush_tui.checks.model.report import Report
from mmpush_tui.checks.model.target import TargetPlan
from mmpush_tui.checks.plan.plan import PlanContext, plan_targets
from mmpush_tui.checks.proof import credential_files as credentials
from mmpush_tui.checks.wire import chain
from mmpush_tui.configuration import config as configuration
from mmpush_tui.configuration.config import NetworkSettings, ProxyConfig
from mmpush_tui.http2.channel import abort
from mmpush_tui.settings.page import Licence, Page
from mmpush_tui.simulator.fault_words import parse_fault
from mmpush_tui.simulator.net.connect_proxy import ConnectProxy
from mmpush_tui.simulator.world import World
from tests.checks.peers import checked, server

_CLONE_NEWNET: Final = 0x40000000
APPLE: Final = "api.push.apple.com"
APPLE_SANDBOX: Final = "api.sandbox.push.apple.com"
GOOGLE: Final = "fcm.googleapis.com"
TPNS: Final = "push-test.mattermost.com"
PROXY: Final = "10.0.0.9"
OWN: Final = "10.0.0.5"
NOBODY: Final = "17.1.1.200"
"""An address that is routed and that nobody listens at."""
ADDRESSES: Final = {
    APPLE: "17.1.1.1", APPLE_SANDBOX: "17.1.1.2", GOOGLE: "142.250.1.1",
    "oauth2.googleapis.com": "142.250.1.2",
}  # fmt: skip
APPLE_V6: Final = "2620:149::1"
_MORE: Final = (
    PROXY,
    OWN,
    NOBODY,
    "17.1.1.3",
    "8.8.4.4",
    "10.66.0.1",
    *(f"3.10.1.{n}" for n in range(1, 9)),
)

T = TypeVar("T")
Halves = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Internet:
    """One internet, and the settings of whoever looks at it.

    Attributes:
        folder: for files.
        world: Apple, Google and Mattermost's services.
        names: what the name servers say, addresses or an error to raise.
        environment: the proxy variables.
        config: the worker's configuration.
        page: Mattermost's settings.
        licence: Mattermost's licence.
        is_elsewhere: Mattermost runs on another host.
        network: how connections are made.
    """

    folder: Path
    world: World
    names: dict[str, Sequence[str] | Exception] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    config: ProxyConfig | None = None
    page: Page | None = None
    licence: Licence = field(default_factory=Licence)
    is_elsewhere: bool = False
    network: NetworkSettings = field(
        default_factory=lambda: NetworkSettings(connect_to={}, ca_file="")
    )
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)
    _relays: dict[tuple[str, int], asyncio.Server] = field(default_factory=dict)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def lookup(self, host: str, port: int) -> Sequence[AddrInfoType]:
        """Play the name servers."""
        with contextlib.suppress(OSError):
            return await _numeric(host, port)
        found = self.names.get(host)
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        if isinstance(found, Exception):
            raise found
        if not found:
            await asyncio.Event().wait()
        return [info for address in found for info in await _numeric(address, port)]

    async def relay(self, address: str, port: int, to: int) -> None:
        """Lead connections to an address on to a port of loopback; the latest call holds."""
        await self.close(address, port)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to)
                await self._join((reader, writer), (far_reader, far_writer))
            writer.close()

        self._relays[address, port] = await asyncio.start_server(serve, address, port)

    async def _join(self, near: Halves, far: Halves) -> None:
        self._writers += [near[1], far[1]]
        try:
            await asyncio.gather(_copy(near[0], far[1]), _copy(far[0], near[1]))
        finally:
            # A connection may come while all others are being closed.
            far[1].transport.abort()

    async def close(self, address: str, port: int = 443) -> None:
        """Let nobody listen there any more."""
        if (listening := self._relays.pop((address, port), None)) is not None:
            listening.close()

    async def answers(
        self, address: str, say: bytes | Callable[[bytes], bytes], port: int = 443,
        tls: ssl.SSLContext | None = None, **options: bool,
    ) -> None:  # fmt: skip
        """Let an address answer HTTP/1.1."""
        it = await self._stack.enter_async_context(server(say, tls, **options))
        await self.relay(address, port, it.port)

    async def filter(self, address: str, port: int = 443) -> None:
        """Let packets to an address get no answer: its queue is full."""
        await self.close(address, port)
        sock = self._stack.enter_context(socket.socket())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.listen(0)
        for _ in range(4):
            filler = self._stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((address, port))

    async def cut(self, address: str, name: str, tls: ssl.SSLContext | None = None) -> None:
        """Break TLS off where it asks for ``name``; let ``tls`` answer to others."""
        it = await self._stack.enter_async_context(server(b"", tls))
        await self.close(address)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                hello = await reader.read(65536)
                if name.encode() not in hello:
                    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", it.port)
                    far_writer.write(hello)
                    await self._join((reader, writer), (far_reader, far_writer))
            writer.close()

        self._relays[address, 443] = await asyncio.start_server(serve, address, 443)

    async def mute(self, address: str, port: int = 443) -> None:
        """Let an address take connections and never say anything."""
        await self.close(address, port)

        async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.append(writer)

        self._relays[address, port] = await asyncio.start_server(serve, address, port)

    async def demand(self, address: str, tls: ssl.SSLContext, port: int = 443) -> None:
        """Let an address refuse whoever shows no certificate, and say so.

        In a thread, because asyncio hangs up without passing OpenSSL's alert on.
        """
        await self.close(address, port)
        sock = self._stack.enter_context(socket.create_server((address, port)))

        def serve() -> None:
            while True:
                try:
                    taken, _ = sock.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), tls.wrap_socket(taken, server_side=True) as it:
                    it.recv(1)

        threading.Thread(target=serve, daemon=True).start()

    async def enter(self, manager: "contextlib.AbstractAsyncContextManager[T]") -> T:
        """Keep something open until the end."""
        return await self._stack.enter_async_context(manager)

    async def outbound(self, credentials: str = "", mood: str = "good") -> ConnectProxy:
        """Start the company's proxy at ``PROXY``:3128; names are resolved by it."""
        it = await self.enter(ConnectProxy(credentials))
        it.mood = mood  # type: ignore[assignment] # one of its words, from the table
        it.leads = {
            f"{host}:443": f"{addresses[0]}:443"
            for host, addresses in self.names.items()
            if not isinstance(addresses, Exception)
        }
        await self.relay(PROXY, 3128, it.port)
        return it

    async def fault(self, words: str) -> None:
        """Switch a fault of the stand-ins on."""
        await self.world.raise_fault(parse_fault(words))

    def plans(self, *wanted: str) -> tuple[TargetPlan, ...]:
        """Return what would be checked."""
        found = credentials.read_credentials(self.config) if self.config else {}
        around = PlanContext(
            licence=self.licence, environment=self.environment, is_elsewhere=self.is_elsewhere
        )
        return plan_targets(self.page, self.config, wanted, credentials=found, around=around)

    async def check(self, *wanted: str, **options: float) -> Report:
        """Run the checks."""
        return await checked(
            *self.plans(*wanted), network=self.network, lookup=self.lookup,
            **{"step_s": 1.5} | options,
        )  # fmt: skip


async def _numeric(host: str, port: int) -> Sequence[AddrInfoType]:
    return socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST,
    )  # fmt: skip


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        writer.write_eof()


@contextlib.asynccontextmanager
async def internet(folder: Path) -> AsyncIterator[Internet]:
    """Build one in which all is well, with a worker's configuration for the real names."""
    world = World(folder)
    await world.start()
    net = Internet(folder, world)
    hosts = {lead.rpartition(":")[0]: to for lead, to in world.connect_to.items()}
    spare = iter(f"3.10.1.{number}" for number in range(1, 9))
    for host, to in hosts.items():
        address = ADDRESSES.get(host) or next(spare)
        net.names[host] = [address]
        await net.relay(address, 443, int(to.rpartition(":")[2]))
    config = configuration.load(world.config, {})
    net.config = replace(
        config,
        apple=tuple(replace(entry, endpoint="", ca_file="") for entry in config.apple),
        android=tuple(replace(entry, endpoint="", ca_file="") for entry in config.android),
        network=net.network,
    )
    try:
        yield net
    finally:
        for address, port in list(net._relays):
            await net.close(address, port)
        for writer in net._writers:
            abort(writer.transport)
        await net._stack.aclose()
        await world.aclose()


def in_namespace(
    act: Callable[[Internet], Awaitable[T]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> T:
    """Return what ``act`` returns, called in a small internet of its own.

    The authority of that internet is the public one; whoever is in ``SSL_CERT_FILE`` besides is
    trusted without being public.
    """
    trusted = folder / "ca.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "trusted.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder / "none"))
    monkeypatch.setattr(certifi, "where", lambda: str(trusted))
    outcome: list[T] = []
    failures: list[BaseException] = []

    async def live() -> T:
        async with internet(folder) as net:
            if not (folder / "trusted.pem").exists():
                (folder / "trusted.pem").write_bytes(trusted.read_bytes())
            for kept in (chain._public, chain._public_keys, chain._public_names):
                kept.cache_clear()
            return await act(net)

    def run() -> None:
        try:
            _enter_namespace()
            outcome.append(asyncio.run(live()))
        except BaseException as error:  # raised again by the test
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(120)
    if failures:
        raise failures[0]
    return outcome[0]


def _enter_namespace() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        # Unprivileged users and most containers; CI has them.
        pytest.skip(f"no network namespace here: {os.strerror(ctypes.get_errno())}")
    lines = ["link set lo up"]
    lines += [f"addr add {it}/32 dev lo" for it in (*ADDRESSES.values(), *_MORE)]
    lines += [f"addr add {it}/128 dev lo" for it in (APPLE_V6, "2620:149::2")]
    done = subprocess.run(
        ["/usr/sbin/ip", "-batch", "-"], input="\n".join(lines), text=True, check=False,
        capture_output=True,
    )  # fmt: skip
    if done.returncode:
        # A kernel without IPv6, say.
        pytest.skip(f"no addresses can be added here: {done.stderr}")
