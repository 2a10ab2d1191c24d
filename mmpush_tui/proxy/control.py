"""The worker's control socket: status, deliveries, events; reload, drain, stop, send."""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

import msgspec

from mmpush_tui.proxy.delivery import Deliveries
from mmpush_tui.proxy.events import EventBus
from mmpush_tui.proxy.ingress import (
    App,
    BodyTooLargeError,
    Receive,
    Scope,
    Send,
    read_body,
    respond,
)

_NDJSON: Final = b"application/x-ndjson"
_COMMANDS: Final = ("reload", "drain", "stop")


class Controlled(Protocol):
    """What the socket needs of the worker."""

    deliveries: Deliveries
    bus: EventBus

    def status(self) -> dict[str, object]:
        """Return the body of ``GET /status``."""

    def reload(self) -> Awaitable[dict[str, object]]:
        """Read configuration and credentials again; return what came of it."""

    def drain(self) -> None:
        """Take no more pushes, answer those under way, stay."""

    def stop(self) -> None:
        """Drain, then end."""


def make_app(worker: Controlled) -> App:
    """Return the ASGI application of the control socket."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"].removeprefix("/"), scope["method"]
        query = {
            key: values[-1] for key, values in parse_qs(scope["query_string"].decode()).items()
        }
        match method, path:
            case "GET", "status":
                await _json(send, worker.status())
            case "GET", "deliveries":
                await _deliveries(worker, query, send)
            case "GET", "events":
                await _events(worker.bus, query, receive, send)
            case "POST", "send":
                await _send_push(worker, receive, send)
            case "POST", command if command in _COMMANDS:
                await _command(worker, command, send)
            case _, known if known in ("status", "deliveries", "events", "send", *_COMMANDS):
                await _error(send, 405, f"{method} is not for /{known}")
            case _:
                await _error(send, 404, "no such page on the control socket")

    return app


async def _json(send: Send, document: object, status: int = 200) -> None:
    await respond(send, status, msgspec.json.encode(document) + b"\n")


async def _error(send: Send, status: int, message: str) -> None:
    await _json(send, {"error": message}, status)


async def _command(worker: Controlled, command: str, send: Send) -> None:
    if command == "reload":
        await _json(send, await worker.reload())
        return
    # Answer first: after a stop there may be nobody left to do it.
    await _json(send, {"accepted": command}, 202)
    worker.drain() if command == "drain" else worker.stop()


async def _deliveries(worker: Controlled, query: dict[str, str], send: Send) -> None:
    try:
        after, limit = int(query.get("after", "0")), int(query.get("limit", "200"))
    except ValueError:
        await _error(send, 400, "after and limit are whole numbers")
        return
    events = worker.deliveries.recent(after, min(limit, 2000))
    await _json(
        send,
        {"schema": 1, "kind": "deliveries", "run": worker.bus.run, "deliveries": events},
    )


async def _send_push(worker: Controlled, receive: Receive, send: Send) -> None:
    try:
        body = await read_body(receive)
    except BodyTooLargeError:
        await _error(send, 413, "the push is larger than any notification")
        return
    await _json(send, await worker.deliveries.push(body))


async def _events(bus: EventBus, query: dict[str, str], receive: Receive, send: Send) -> None:
    after: tuple[str, int] | None = None
    if text := query.get("after"):
        run, _, number = text.rpartition(":")
        if not run or not number.isascii() or not number.isdecimal() or len(number) > 18:
            await _error(send, 400, "after is RUN:SEQ, both from an event")
            return
        after = run, int(number)
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", _NDJSON)],
        }
    )
    encode = msgspec.json.Encoder().encode

    async def write() -> None:
        async for event in bus.read(after):
            await send(
                {"type": "http.response.body", "body": encode(event) + b"\n", "more_body": True}
            )
        await send({"type": "http.response.body", "body": b""})

    async with asyncio.TaskGroup() as group:
        writer = group.create_task(write())
        gone = group.create_task(_until_gone(receive))
        await asyncio.wait((writer, gone), return_when=asyncio.FIRST_COMPLETED)
        writer.cancel()
        gone.cancel()


async def _until_gone(receive: Receive) -> Any:
    with contextlib.suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            continue
