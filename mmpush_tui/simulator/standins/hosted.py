"""The stand-ins for Mattermost's own push services, TPNS and HPNS: HTTP/1.1 over TLS."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

import httptools
import msgspec

from mmpush_tui.protocol.wire import (
    OK,
    REMOVE,
    Answer,
    RefusedError,
    fail,
    missing_platform,
    read_push,
    split_platform,
)
from mmpush_tui.settings.urls import LEGACY_URLS, REGION_URLS, TPNS_URL
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.net.exchange import FINDINGS_LIMIT
from mmpush_tui.simulator.net.lifecycle import Lifecycle
from mmpush_tui.simulator.net.loopback import LOOPBACK_NAMES
from mmpush_tui.simulator.net.tlspipe import TlsPipe
from mmpush_tui.simulator.phones import Phones, PhoneState, Platform, Received

VERSION: Final = "6.5.0"
BODY_LIMIT: Final = 256 * 1024
CLOSE_S: Final = 2.0
"""How long the last connection may take to be gone."""
_PLATFORMS: Final[dict[str, Platform]] = {
    "apple_rn": "apple_rn",
    "apple_rnbeta": "apple_rn",
    "android_rn": "android_rn",
}


def _host(url: str) -> str:
    return url.removeprefix("https://")


TPNS_HOSTS: Final = (_host(TPNS_URL),)
HPNS_HOSTS: Final = tuple(_host(url) for url in (*REGION_URLS.values(), *LEGACY_URLS))


class HostedStandIn(Lifecycle):
    """One hosted push service on loopback.

    Answers ``GET /``, ``GET /version`` and ``POST /api/v1/send_push``, where the phones of the
    simulation are those with the store apps.

    Args:
        ca: signs its certificate.
        phones: the devices it knows.
        hosts: the names it is known by.

    Attributes:
        requests: method and path of each request, the latest last.
        accepted: pushes that were delivered.
    """

    def __init__(self, ca: ThrowAwayCA, phones: Phones, hosts: Sequence[str]) -> None:
        self.hosts = tuple(hosts)
        self.requests: list[tuple[str, str]] = []
        self.accepted = 0
        self.port = 0
        self._phones = phones
        self._tls = ca.server_context(*LOOPBACK_NAMES, *hosts, alpn=("http/1.1",))
        self._server: asyncio.Server | None = None
        self._pipes: set[TlsPipe] = set()
        self._no_pipes = asyncio.Event()
        self._no_pipes.set()

    @property
    def endpoint(self) -> str:
        """Its address on loopback; known once it has started."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def connect_to(self) -> dict[str, str]:
        """What leads connections for its names to it, as ``[network] connect_to`` takes it."""
        return {f"{host}:443": f"127.0.0.1:{self.port}" for host in self.hosts}

    async def start(self) -> None:
        """Listen on a free port of loopback."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: TlsPipe(self._tls, self._attach, self._ended), "127.0.0.1", 0
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """Close all connections and the port."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for pipe in tuple(self._pipes):
            pipe.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._no_pipes.wait()
                await server.wait_closed()

    def _attach(self, pipe: TlsPipe) -> "_Conversation":
        if self._server is None:
            # Accepted in the same turn as the end.
            pipe.abort()
        self._pipes.add(pipe)
        self._no_pipes.clear()
        return _Conversation(pipe, self._answer)

    def _ended(self, pipe: TlsPipe) -> None:
        self._pipes.discard(pipe)
        if not self._pipes:
            self._no_pipes.set()

    def _answer(self, method: str, path: str, body: bytes) -> tuple[str, str, bytes]:
        if len(self.requests) < FINDINGS_LIMIT:
            self.requests.append((method, path))
        return self._judge(method, path, body)

    def _judge(self, method: str, path: str, body: bytes) -> tuple[str, str, bytes]:
        is_read = method in ("GET", "HEAD")
        if path == "/" and is_read:
            return "200 OK", "text/html", b"<html><body>Mattermost Push Proxy</body></html>"
        if path == "/version" and is_read:
            document = {"hash": "0" * 40, "version": VERSION}
            return "200 OK", "application/json", msgspec.json.encode(document)
        if path == "/api/v1/send_push" and method == "POST":
            return "200 OK", "application/json", msgspec.json.encode(self._push(body))
        return "404 Not Found", "text/plain; charset=utf-8", b"404 page not found\n"

    def _push(self, body: bytes) -> Answer:
        try:
            push = read_push(body)
        except RefusedError as refused:
            return fail(str(refused))
        type_, _version = split_platform(push.platform)
        platform = _PLATFORMS.get(type_)
        if platform is None:
            return fail(missing_platform(type_, push.server_id))
        phone = self._phones.find(platform, push.device_id)
        if phone is None or phone.state is not PhoneState.OK:
            # A token of an app that somebody built is none of theirs.
            return REMOVE
        self.accepted += 1
        self._phones.accept(
            Received(
                platform=platform,
                token=push.device_id,
                ack_id=push.ack_id,
                kind=push.type,
                body=body,
                name=f"hosted/{self.accepted}",
            )
        )
        return OK


class _Conversation:
    """The requests of one connection; the methods with ``on_`` are called by the parser.

    Args:
        pipe: the connection.
        answer: returns status, content type and body for method, path and body.
    """

    def __init__(
        self, pipe: TlsPipe, answer: Callable[[str, str, bytes], tuple[str, str, bytes]]
    ) -> None:
        self._pipe = pipe
        self._answer = answer
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body = bytearray()

    def secured(self, _alpn: str | None) -> None:
        """Wait for a request; HTTP/1.1 needs no agreement."""

    def received(self, data: bytes) -> None:
        """Take what the client sent; what is no HTTP ends the connection."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._pipe.close()

    def writable(self, _ready: bool) -> None:
        """Go on: answers are small."""

    def lost(self) -> None:
        """Stop."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._body.clear()

    def on_url(self, url: bytes) -> None:
        """Keep a piece of the path."""
        self._url += url

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body, within bounds."""
        self._body += data
        if len(self._body) > BODY_LIMIT:
            self._pipe.close()

    def on_message_complete(self) -> None:
        """Answer the request, which is whole."""
        method = self._parser.get_method().decode("ascii")
        path = self._url.decode("latin-1").partition("?")[0]
        status, kind, body = self._answer(method, path, bytes(self._body))
        keeps = self._parser.should_keep_alive()
        head = (
            f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
            f"connection: {'keep-alive' if keeps else 'close'}\r\n\r\n"
        )
        self._pipe.send(head.encode("ascii") + (b"" if method == "HEAD" else body))
        if not keeps:
            self._pipe.close()
