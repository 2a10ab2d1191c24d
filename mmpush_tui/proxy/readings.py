"""The gauges of a worker: what is looked up when Prometheus asks."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from mmpush_tui.proxy.metrics import Reading

if TYPE_CHECKING:
    from mmpush_tui.proxy.worker import Worker

_BREAKER: Final = {"closed": 0.0, "half-open": 0.5, "open": 1.0}
_TARGET: Final = ("target",)

Values = Iterable[tuple[Sequence[str], float]]


def readings(worker: "Worker") -> list[Reading]:
    """Return what is read off ``worker``."""

    def in_flight() -> Values:
        return [((name,), lane.in_flight) for name, lane in worker.deliveries.lanes.items()]

    def breakers() -> Values:
        lanes = worker.deliveries.lanes.items()
        return [((name,), _BREAKER[lane.breaker.state]) for name, lane in lanes]

    def held() -> Values:
        lanes = worker.deliveries.lanes.items()
        return [
            ((name,), float(lane.guard.held if lane.guard and lane.guard.is_holding else 0))
            for name, lane in lanes
        ]

    def usable() -> Values:
        targets = worker.deliveries.targets
        ready = [((name,), 1.0) for name in targets.ready]
        return ready + [((it.type,), 0.0) for it in targets.disabled.values() if not it.is_blank]

    def ends() -> Values:
        return [((it.target, it.kind), it.at) for it in worker.deliveries.targets.ends]

    def connections() -> Values:
        return [((), worker.server.connections)]

    def lost() -> Values:
        return [((), worker.journal.lost if worker.journal else 0)]

    return [
        Reading("mmpush_in_flight", "Pushes under way.", _TARGET, in_flight),
        Reading("mmpush_breaker", "0 closed, 0.5 half-open, 1 open.", _TARGET, breakers),
        Reading("mmpush_held_removals", "Removals that the guard holds.", _TARGET, held),
        Reading("mmpush_target_usable", "1 where it has good credentials.", _TARGET, usable),
        Reading(
            "mmpush_certificate_expiry_timestamp_seconds", "When it ends.", ("target", "kind"), ends
        ),
        Reading("mmpush_connections", "Senders that are connected.", (), connections),
        Reading("mmpush_journal_lost", "Deliveries missing in the journal.", (), lost),
    ]
