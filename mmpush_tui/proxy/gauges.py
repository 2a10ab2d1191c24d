"""The gauges of a worker: what is looked up when Prometheus asks."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from mmpush_tui.proxy.delivery.deliveries import Deliveries
from mmpush_tui.proxy.records.journal import Journal
from mmpush_tui.proxy.records.metrics import family

_BREAKER: Final = {"closed": 0.0, "half-open": 0.5, "open": 1.0}
_TARGET: Final = ("target",)


def gauges(deliveries: Deliveries, connections: int, journal: Journal | None) -> Iterator[Metric]:
    """Return what is read off the parts of a worker.

    Args:
        deliveries: pushes and their targets.
        connections: how many senders are connected.
        journal: what keeps deliveries; None where nothing does.
    """
    gauge = partial(family, GaugeMetricFamily)
    targets = deliveries.targets
    admissions = {(name,): it for name, it in deliveries.admissions.items()}
    yield gauge(
        "mmpush_in_flight", "Pushes under way.", _TARGET,
        {name: admission.in_flight for name, admission in admissions.items()},
    )  # fmt: skip
    yield gauge(
        "mmpush_breaker", "0 closed, 0.5 half-open, 1 open.", _TARGET,
        {name: _BREAKER[admission.breaker.state] for name, admission in admissions.items()},
    )  # fmt: skip
    yield gauge(
        "mmpush_held_removals", "Removals that the guard holds.", _TARGET,
        {name: admission.held_removals for name, admission in admissions.items()},
    )  # fmt: skip
    yield gauge(
        "mmpush_target_usable", "1 where it has good credentials.", _TARGET,
        {(name,): 1 for name in targets.ready}
        | {(it.type,): 0 for it in targets.disabled.values() if not it.is_blank},
    )  # fmt: skip
    yield gauge(
        "mmpush_certificate_expiry_timestamp_seconds", "When it ends.", ("target", "kind"),
        {(name, "certificate"): at for name, at in targets.certificate_ends.items()},
    )  # fmt: skip
    yield gauge("mmpush_connections", "Senders that are connected.", (), {(): connections})
    lost = journal.lost if journal else 0
    yield gauge("mmpush_journal_lost", "Deliveries missing in the journal.", (), {(): lost})
