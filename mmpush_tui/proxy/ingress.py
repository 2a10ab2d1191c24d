"""HTTP in: the worker's port, wire compatible with the reference proxy."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from typing import Any, Final

import msgspec
import uvicorn

from mmpush_tui import __version__
from mmpush_tui.proxy.delivery import Deliveries
from mmpush_tui.proxy.wire import fail

UPSTREAM_LEVEL: Final = "6.5.0"
"""The release of mattermost-push-proxy we match; Mattermost's Calls plugin compares it."""
BODY_LIMIT: Final = 256 * 1024

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON: Final = b"application/json"
_HTML: Final = b"<html><body>Mattermost Push Proxy</body></html>"


class BodyTooLargeError(Exception):
    """A request's body is larger than anything we take."""


def version_document() -> bytes:
    """Return the body of ``GET /version``."""
    return msgspec.json.encode(
        {"version": UPSTREAM_LEVEL, "hash": "", "product": f"mmpush-tui {__version__}"}
    )


def make_app(deliveries: Deliveries) -> App:
    """Return the ASGI application of the worker's port.

    A plain function: a framework around it would halve what one core can take.
    """
    pages = {"/": (b"text/html; charset=utf-8", _HTML), "/version": (JSON, version_document())}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if path == "/api/v1/send_push" and method == "POST":
            try:
                answer = await deliveries.push(await read_body(receive))
            except BodyTooLargeError:
                answer = fail(f"Failed to read message body: more than {BODY_LIMIT} bytes")
            await respond(send, 200, msgspec.json.encode(answer) + b"\n")
        elif path == "/api/v1/ack" and method == "POST":
            try:
                answer = deliveries.ack(await read_body(receive))
            except BodyTooLargeError:
                answer = fail(f"Failed to read ack body: more than {BODY_LIMIT} bytes")
            await respond(send, 200, msgspec.json.encode(answer) + b"\n")
        elif path in pages and method in ("GET", "HEAD"):
            kind, body = pages[path]
            await respond(send, 200, body, kind, with_body=method == "GET")
        elif path in pages or path in ("/api/v1/send_push", "/api/v1/ack"):
            allowed = b"GET, HEAD" if path in pages else b"POST"
            await respond(send, 405, b"", b"text/plain", ((b"allow", allowed),))
        else:
            await respond(send, 404, b"404 page not found\n", b"text/plain; charset=utf-8")

    return app


async def read_body(receive: Receive, limit: int = BODY_LIMIT) -> bytes:
    """Return the whole body of a request.

    Raises:
        BodyTooLargeError: it has more than ``limit`` bytes; the rest is not read.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        if len(body) > limit:
            break
        message = await receive()
        body += message.get("body", b"")
    if len(body) > limit:
        raise BodyTooLargeError
    return body


async def respond(
    send: Send,
    status: int,
    body: bytes,
    kind: bytes = JSON,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    *,
    with_body: bool = True,
) -> None:
    """Send a whole response; without its body where the request was HEAD."""
    length = str(len(body)).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", kind), (b"content-length", length), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body if with_body else b""})


class HttpServer(uvicorn.Server):
    """uvicorn on a socket of ours, without its grip on the process's signals."""

    def __init__(self, app: App, sock: socket.socket, drain_s: int) -> None:
        super().__init__(
            uvicorn.Config(
                app=app,
                http="httptools",
                ws="none",
                lifespan="off",
                loop="none",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=90,
                timeout_graceful_shutdown=drain_s,
                backlog=2048,
            )
        )
        self._sock = sock
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept and say so."""
        await super().startup(sockets)
        self.accepting.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the worker, which knows what they mean."""
        yield

    async def run_until_stopped(self) -> None:
        """Serve until ``should_exit`` is set, then answer what is under way and return."""
        await self.serve(sockets=[self._sock])
