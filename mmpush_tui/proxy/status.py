"""What a worker says of its targets on its control socket."""

from mmpush_tui.protocol.status import Counts, TargetStatus
from mmpush_tui.proxy.delivery.deliveries import Deliveries
from mmpush_tui.proxy.delivery.target_admission import TargetAdmission


def targets_of(deliveries: Deliveries) -> tuple[TargetStatus, ...]:
    """Return how every target is, those that can send first."""
    ready = [
        _ready(admission, deliveries.by_target[name])
        for name, admission in deliveries.admissions.items()
    ]
    disabled = [
        TargetStatus(type=it.type, platform=it.platform, state="disabled", reason=it.reason)
        for it in deliveries.targets.disabled.values()
    ]
    return (*ready, *disabled)


def _ready(admission: TargetAdmission, counts: Counts) -> TargetStatus:
    target = admission.target
    return TargetStatus(
        type=target.type,
        platform=target.platform,
        state="ready",
        endpoint=target.endpoint,
        connected=target.is_connected,
        counts=counts,
        in_flight=admission.in_flight,
        breaker=admission.breaker.state,
        again_in_s=round(admission.breaker.left_s, 1),
        cause=admission.breaker.cause if admission.breaker.state != "closed" else "",
        held_removals=admission.held_removals,
    )
