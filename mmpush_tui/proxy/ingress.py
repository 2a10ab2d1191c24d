"""HTTP in: the worker's port, wire compatible with the reference proxy."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from mmpush_tui import __version__
from mmpush_tui.proxy.delivery import Deliveries
from mmpush_tui.proxy.http1 import TEXT, App, Reply, Request
from mmpush_tui.proxy.wire import Answer, fail

UPSTREAM_LEVEL: Final = "6.5.0"
"""The release of mattermost-push-proxy we match; Mattermost's Calls plugin compares it."""
BODY_LIMIT: Final = 256 * 1024

_HTML: Final = b"<html><body>Mattermost Push Proxy</body></html>"
_OK: Final = Reply(200, b'{"status":"OK"}\n')
_NOT_FOUND: Final = Reply(404, b"404 page not found\n", TEXT)


def version_document() -> bytes:
    """Return the body of ``GET /version``."""
    return msgspec.json.encode(
        {"version": UPSTREAM_LEVEL, "hash": "", "product": f"mmpush-tui {__version__}"}
    )


def make_app(deliveries: Deliveries) -> App:
    """Return the application of the worker's port."""

    async def push(request: Request) -> Reply:
        return _reply(await deliveries.push(request.body))

    def post_push(request: Request) -> Reply | Awaitable[Reply]:
        if request.is_too_large:
            return _reply(fail(f"Failed to read message body: more than {BODY_LIMIT} bytes"))
        return push(request)

    def post_ack(request: Request) -> Reply:
        if request.is_too_large:
            return _reply(fail(f"Failed to read ack body: more than {BODY_LIMIT} bytes"))
        return _reply(deliveries.ack(request.body))

    posts: Mapping[str, Callable[[Request], Reply | Awaitable[Reply]]] = {
        "/api/v1/send_push": post_push,
        "/api/v1/ack": post_ack,
    }
    pages: Mapping[str, Reply] = {
        "/": Reply(200, _HTML, b"text/html; charset=utf-8"),
        "/version": Reply(200, version_document()),
    }

    def app(request: Request) -> Reply | Awaitable[Reply]:
        path, method = request.path, request.method
        if answer := posts.get(path):
            return answer(request) if method == "POST" else _not_allowed("POST")
        if page := pages.get(path):
            return page if method in ("GET", "HEAD") else _not_allowed("GET, HEAD")
        return _NOT_FOUND

    return app


def _reply(answer: Answer) -> Reply:
    if answer.status == "OK":
        return _OK
    return Reply(200, msgspec.json.encode(answer) + b"\n")


def _not_allowed(allowed: str) -> Reply:
    return Reply(405, b"", TEXT, ((b"allow", allowed.encode()),))
