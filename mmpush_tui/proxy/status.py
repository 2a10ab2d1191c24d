"""What a worker says of itself on its control socket."""

import asyncio
import os
import time
from datetime import datetime

import msgspec

from mmpush_tui import __version__
from mmpush_tui.protocol.event import timestamp
from mmpush_tui.protocol.status import Counts, JournalStatus, Status, TargetStatus
from mmpush_tui.proxy.delivery.deliveries import Deliveries
from mmpush_tui.proxy.delivery.target_admission import TargetAdmission
from mmpush_tui.proxy.door.ingress import UPSTREAM_LEVEL
from mmpush_tui.proxy.events import EventBus
from mmpush_tui.proxy.records.journal import Journal
from mmpush_tui.proxy.targets import Disabled
from mmpush_tui.text import clean


class Began(msgspec.Struct, frozen=True):
    """When a worker began, on both clocks.

    Attributes:
        at: time in UTC.
        monotonic_s: seconds on the monotonic clock.
    """

    at: datetime
    monotonic_s: float


def status_of(
    deliveries: Deliveries,
    bus: EventBus,
    journal: Journal | None,
    began: Began,
    *,
    state: str,
    listen: str,
    config: str,
    connections: int,
) -> Status:
    """Return the body of ``GET /status``.

    Args:
        deliveries: pushes and their targets.
        bus: knows the run and its newest event.
        journal: what keeps deliveries; None where nothing does.
        began: when the worker did.
        state, listen, config, connections: as in :class:`Status`.
    """
    return Status(
        product=f"mmpush-tui {__version__}",
        version=UPSTREAM_LEVEL,
        pid=os.getpid(),
        run=bus.run,
        seq=bus.seq,
        state=state,
        started_at=timestamp(began.at),
        uptime_s=round(time.monotonic() - began.monotonic_s, 3),
        listen=listen,
        config=config,
        in_flight=deliveries.in_flight,
        connections=connections,
        tasks=len(asyncio.all_tasks()),
        counts=deliveries.counts,
        journal=(
            JournalStatus(path=clean(journal.path.absolute(), 4096), lost=journal.lost)
            if journal
            else None
        ),
        targets=(
            *(
                _ready(admission, deliveries.by_target.get(name, Counts()))
                for name, admission in deliveries.admissions.items()
            ),
            *map(_disabled, deliveries.targets.disabled.values()),
        ),
    )


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


def _disabled(target: Disabled) -> TargetStatus:
    return TargetStatus(
        type=target.type, platform=target.platform, state="disabled", reason=target.reason
    )
