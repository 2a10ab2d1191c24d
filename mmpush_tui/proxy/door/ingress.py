"""HTTP in: the worker's port, wire compatible with the reference proxy."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from mmpush_tui import __version__
from mmpush_tui.protocol.wire import Answer, fail
from mmpush_tui.proxy.delivery.deliveries import Deliveries
from mmpush_tui.proxy.door.gate import Admitted, Gate, Refusal
from mmpush_tui.proxy.door.http1 import BODY_LIMIT, TEXT, IncomingRequest, Reply

if TYPE_CHECKING:
    from mmpush_tui.proxy.records.metrics import Metrics

UPSTREAM_LEVEL: Final = "6.5.0"
"""The release of mattermost-push-proxy we match; Mattermost's Calls plugin compares it."""
PRODUCT: Final = f"mmpush-tui {__version__}"
_HEALTH: Final = "/healthz"
"""The page that load balancers ask for, who know neither the secret path nor credentials."""

_FRONT: Final = Reply(
    200, b"<html><body>Mattermost Push Proxy</body></html>", b"text/html; charset=utf-8"
)
_VERSION: Final = Reply(
    200, msgspec.json.encode({"version": UPSTREAM_LEVEL, "hash": "", "product": PRODUCT})
)
_OK: Final = Reply(200, b'{"status":"OK"}\n')
_NOT_FOUND: Final = Reply(404, b"404 page not found\n", TEXT)


class Ingress:
    """The application of the worker's port.

    Args:
        deliveries: what becomes of pushes and receipts.
        gate: what requests pass first.
        metrics: counts, and is shown at ``/metrics``; None where that is off.
        state: returns the worker's, ``running``.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        gate: Gate,
        metrics: "Metrics | None",
        state: Callable[[], str],
    ) -> None:
        self._gate = gate
        self._metrics = metrics
        self._deliveries = deliveries
        self._state = state
        self._posts: Mapping[str, Callable[[IncomingRequest], Reply | Awaitable[Reply]]] = {
            "/api/v1/send_push": self._post_push,
            "/api/v1/ack": self._post_ack,
        }
        self._pages: Mapping[str, Callable[[IncomingRequest], Reply]] = {
            "/": lambda _request: _FRONT,
            "/version": lambda _request: _VERSION,
            _HEALTH: self._health,
            "/metrics": self._show_metrics,
        }

    def app(self, request: IncomingRequest) -> Reply | Awaitable[Reply]:
        """Answer a request."""
        path = request.path
        admitted = self._gate.admit(
            request,
            # Load balancers and monitoring ask for pages as often as they like.
            is_counted=path not in self._pages,
            is_open=path == _HEALTH,
        )
        if isinstance(admitted, str):
            return self._route(request, admitted)
        if isinstance(admitted, Refusal):
            return self._refuse(admitted)
        return self._answer_later(request, admitted)

    def use(self, gate: Gate) -> Gate:
        """Let requests pass ``gate`` from now on; return the one so far, which is to be closed."""
        former, self._gate = self._gate, gate
        return former

    async def aclose(self) -> None:
        """Close the gate."""
        await self._gate.aclose()

    async def _answer_later(self, request: IncomingRequest, pending: Awaitable[Admitted]) -> Reply:
        admitted = await pending
        if isinstance(admitted, Refusal):
            return self._refuse(admitted)
        answered = self._route(request, admitted)
        return answered if isinstance(answered, Reply) else await answered

    def _refuse(self, refusal: Refusal) -> Reply:
        if self._metrics is not None:
            self._metrics.refused(refusal.why)
        return refusal.reply

    def _route(self, request: IncomingRequest, path: str) -> Reply | Awaitable[Reply]:
        method = request.method
        if answer := self._posts.get(path):
            return answer(request) if method == "POST" else _not_allowed("POST")
        if page := self._pages.get(path):
            return page(request) if method in ("GET", "HEAD") else _not_allowed("GET, HEAD")
        return _NOT_FOUND

    async def _post_push(self, request: IncomingRequest) -> Reply:
        if request.is_too_large:
            return _reply(fail(f"Failed to read message body: more than {BODY_LIMIT} bytes"))
        return _reply(await self._deliveries.push(request.body))

    def _post_ack(self, request: IncomingRequest) -> Reply:
        if request.is_too_large:
            return _reply(fail(f"Failed to read ack body: more than {BODY_LIMIT} bytes"))
        return _reply(self._deliveries.ack(request.body))

    def _show_metrics(self, _request: IncomingRequest) -> Reply:
        if self._metrics is None:
            return _NOT_FOUND
        return Reply(200, self._metrics.render(), self._metrics.content_type)

    def _health(self, request: IncomingRequest) -> Reply:
        """Say whether pushes can go out; to strangers, in one word."""
        deliveries = self._deliveries
        targets = {name: admission.state for name, admission in deliveries.admissions.items()}
        for name, disabled in deliveries.targets.disabled.items():
            if not disabled.is_blank:
                targets[name] = "disabled"
        states = set(targets.values())
        status = self._state()
        if status == "running":
            usable = states & {"ready", "half-open", "holding"}
            status = "ok" if states == {"ready"} else "degraded" if usable else "failing"
        document: dict[str, object] = {"status": status}
        if self._gate.is_known(request):
            document["targets"] = targets
        body = msgspec.json.encode(document) + b"\n"
        return Reply(200 if status in ("ok", "degraded") else 503, body)


def _reply(answer: Answer) -> Reply:
    if answer.status == "OK":
        return _OK
    return Reply(200, msgspec.json.encode(answer) + b"\n")


def _not_allowed(allowed: str) -> Reply:
    return Reply(405, b"", TEXT, ((b"allow", allowed.encode()),))
