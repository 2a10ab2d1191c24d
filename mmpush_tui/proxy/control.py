"""The worker's control socket: status, deliveries, events; reload, release, drain,
stop, send."""

from collections.abc import AsyncIterator, Awaitable
from typing import Final, Protocol

import msgspec

from mmpush_tui.proxy.delivery.deliveries import Deliveries
from mmpush_tui.proxy.door.http1 import App, IncomingRequest, Reply, query_of
from mmpush_tui.proxy.events import EventBus

_NDJSON: Final = b"application/x-ndjson"
_PAGES: Final = (
    "status", "deliveries", "events", "send", "reload", "release", "drain", "stop",
)  # fmt: skip


class Controlled(Protocol):
    """What the socket needs of the worker."""

    deliveries: Deliveries
    bus: EventBus

    def status(self) -> object:
        """Return the body of ``GET /status``."""

    def reload(self) -> Awaitable[dict[str, object]]:
        """Read configuration and credentials again; return what came of it."""

    def drain(self) -> None:
        """Take no more pushes, answer those under way, stay."""

    def stop(self) -> None:
        """Drain, then end."""


def make_app(worker: Controlled) -> App:
    """Return the application of the control socket."""

    def app(request: IncomingRequest) -> Reply | Awaitable[Reply]:
        page, method = request.path.removeprefix("/"), request.method
        match method, page:
            case "GET", "status":
                return _json(worker.status())
            case "GET", "deliveries":
                return _deliveries(worker, query_of(request))
            case "GET", "events":
                return _events(worker.bus, query_of(request))
            case "POST", "send":
                if request.is_too_large:
                    return _error(413, "the push is larger than any notification")
                return _answer(worker.deliveries.push(request.body))
            case "POST", "release":
                name = query_of(request).get("target", "")
                return _json({"released": worker.deliveries.release(name)})
            case "POST", "reload":
                return _answer(worker.reload())
            case "POST", "drain" | "stop":
                worker.drain() if page == "drain" else worker.stop()
                return _json({"accepted": page}, 202)
            case _ if page in _PAGES:
                return _error(405, f"{method} is not for /{page}")
            case _:
                return _error(404, "no such page on the control socket")

    return app


def _json(document: object, status: int = 200) -> Reply:
    return Reply(status, msgspec.json.encode(document) + b"\n")


def _error(status: int, message: str) -> Reply:
    return _json({"error": message}, status)


async def _answer(document: Awaitable[object]) -> Reply:
    return _json(await document)


def _deliveries(worker: Controlled, query: dict[str, str]) -> Reply:
    try:
        after, limit = int(query.get("after", "0")), int(query.get("limit", "200"))
    except ValueError:
        return _error(400, "after and limit are whole numbers")
    events = worker.deliveries.recent(after, min(limit, 2000))
    return _json(
        {"schema": 1, "kind": "deliveries", "run": worker.bus.run, "deliveries": events},
    )


def _events(bus: EventBus, query: dict[str, str]) -> Reply:
    after: tuple[str, int] | None = None
    if text := query.get("after"):
        run, _, number = text.rpartition(":")
        if not run or not number.isascii() or not number.isdecimal() or len(number) > 18:
            return _error(400, "after is RUN:SEQ, both from an event")
        after = run, int(number)
    return Reply(200, _lines(bus, after), _NDJSON)


async def _lines(bus: EventBus, after: tuple[str, int] | None) -> AsyncIterator[bytes]:
    encode = msgspec.json.Encoder().encode
    async for event in bus.read(after):
        yield encode(event) + b"\n"
