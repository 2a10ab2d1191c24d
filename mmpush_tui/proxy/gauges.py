"""The gauges of a worker: what is looked up when Prometheus asks."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from mmpush_tui.proxy.delivery.deliveries import Deliveries
from mmpush_tui.proxy.records.journal import Journal
from mmpush_tui.proxy.records.metrics import Gauge

_BREAKER: Final = {"closed": 0.0, "half-open": 0.5, "open": 1.0}
_TARGET: Final = ("target",)

Values = Iterable[tuple[Sequence[str], float]]


def gauges(
    deliveries: Deliveries, connections: Callable[[], int], journal: Journal | None
) -> list[Gauge]:
    """Return what is read off the parts of a worker.

    Args:
        deliveries: pushes and their targets.
        connections: returns how many senders are connected.
        journal: what keeps deliveries; None where nothing does.
    """

    def in_flight() -> Values:
        return [((name,), admission.in_flight) for name, admission in deliveries.admissions.items()]

    def breakers() -> Values:
        admissions = deliveries.admissions.items()
        return [((name,), _BREAKER[admission.breaker.state]) for name, admission in admissions]

    def held() -> Values:
        admissions = deliveries.admissions.items()
        return [
            ((name,), float(guard.held if (guard := admission.guard) and guard.is_holding else 0))
            for name, admission in admissions
        ]

    def usable() -> Values:
        targets = deliveries.targets
        ready = [((name,), 1.0) for name in targets.ready]
        return ready + [((it.type,), 0.0) for it in targets.disabled.values() if not it.is_blank]

    def ends() -> Values:
        return [((it.target, it.kind), it.at) for it in deliveries.targets.ends]

    def connected() -> Values:
        return [((), connections())]

    def lost() -> Values:
        return [((), journal.lost if journal else 0)]

    return [
        Gauge("mmpush_in_flight", "Pushes under way.", _TARGET, in_flight),
        Gauge("mmpush_breaker", "0 closed, 0.5 half-open, 1 open.", _TARGET, breakers),
        Gauge("mmpush_held_removals", "Removals that the guard holds.", _TARGET, held),
        Gauge("mmpush_target_usable", "1 where it has good credentials.", _TARGET, usable),
        Gauge(
            "mmpush_certificate_expiry_timestamp_seconds", "When it ends.", ("target", "kind"), ends
        ),
        Gauge("mmpush_connections", "Senders that are connected.", (), connected),
        Gauge("mmpush_journal_lost", "Deliveries missing in the journal.", (), lost),
    ]
