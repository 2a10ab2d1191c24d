"""The worker's pages, and what the gate asks of whoever wants one."""

import pytest

from mmpush_tui.proxy.delivery.deliveries import Deliveries
from mmpush_tui.proxy.delivery.push_access import PushAccess
from mmpush_tui.proxy.door.gate import Gate
from mmpush_tui.proxy.door.http1 import IncomingRequest, Reply
from mmpush_tui.proxy.door.ingress import Ingress
from mmpush_tui.proxy.door.request_access import RequestAccess
from mmpush_tui.proxy.door.throttle import Throttle
from mmpush_tui.proxy.events import EventBus
from mmpush_tui.proxy.networks import Senders
from mmpush_tui.proxy.records.metrics import Metrics
from mmpush_tui.proxy.targets import Targets
from mmpush_tui.text import Secret
from tests.proxy.settings import default_config

SECRET = Secret("secret")


def ingress(per_s: int = 300, metrics: Metrics | None = None, **settings: object) -> Ingress:
    config = default_config(**settings)
    gate = Gate(RequestAccess(config), Senders(()), Throttle(per_s, 10, lambda: 0.0))
    deliveries = Deliveries(Targets(), EventBus(), config, PushAccess(config), print)
    return Ingress(deliveries, gate, metrics, lambda: "draining")


async def get(it: Ingress, path: str, *, method: str = "GET") -> Reply:
    request = IncomingRequest("192.0.2.1")
    request.path, request.method = path, method
    answered = it.app(request)
    return answered if isinstance(answered, Reply) else await answered


COUNTED = [("/", 200), ("/version", 200), ("/metrics", 404), ("/healthz", 503)]


@pytest.mark.parametrize(("page", "status"), COUNTED)
async def test_pages_for_monitoring_are_not_counted(page: str, status: int) -> None:
    it = ingress(per_s=1)
    assert [(await get(it, page)).status for _ in range(3)] == [status] * 3


@pytest.mark.parametrize("page", ["/api/v1/send_push", "/api/v1/ack", "/nowhere"])
async def test_all_other_requests_are_counted(page: str) -> None:
    metrics = Metrics()
    it = ingress(per_s=1, metrics=metrics)
    statuses = [(await get(it, page)).status for _ in range(3)]
    assert statuses[0] != 429
    assert statuses[1:] == [429, 429]
    assert 'mmpush_refused_total{reason="throttled"} 2.0' in metrics.render().decode()


async def test_health_alone_asks_for_neither_path_nor_credentials() -> None:
    it = ingress(path_prefix=SECRET, access_user="mm", access_password=Secret("right"))
    assert (await get(it, "/healthz")).status == 503
    for page in ("/", "/version", "/metrics"):
        assert (await get(it, page)).status == 404
        assert (await get(it, f"/secret{page}")).status == 401


async def test_another_gate_is_passed_after_a_reload() -> None:
    it = ingress(path_prefix=SECRET)
    former = it.use(Gate(RequestAccess(default_config()), Senders(()), Throttle(300, 10)))
    assert (await get(it, "/version")).status == 200
    await former.aclose()
    await it.aclose()
