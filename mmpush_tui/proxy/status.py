"""What a worker says of itself on its control socket."""

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import msgspec

from mmpush_tui import __version__
from mmpush_tui.proxy import ingress
from mmpush_tui.proxy.events import timestamp
from mmpush_tui.proxy.lane import Lane
from mmpush_tui.text import clean

if TYPE_CHECKING:
    from mmpush_tui.proxy.worker import Worker


def status_of(worker: "Worker") -> dict[str, object]:
    """Return the body of ``GET /status``; fields may be added, never changed."""
    deliveries = worker.deliveries
    journal = worker.journal
    return {
        "schema": 1,
        "kind": "status",
        "product": f"mmpush-tui {__version__}",
        "version": ingress.UPSTREAM_LEVEL,
        "pid": os.getpid(),
        "run": worker.bus.run,
        "seq": worker.bus.seq,
        "state": worker.state,
        "started_at": timestamp(worker.started_at),
        "uptime_s": round(time.monotonic() - worker.started, 3),
        "listen": worker.url,
        "config": clean(worker.config.path.absolute()),
        "in_flight": deliveries.in_flight,
        "connections": worker.server.connections,
        "tasks": len(asyncio.all_tasks()),
        "counts": msgspec.to_builtins(deliveries.counts),
        "journal": (
            {"path": clean(journal.path.absolute(), 4096), "lost": journal.lost}
            if journal
            else None
        ),
        "targets": [
            _target(lane, deliveries.by_target.get(name, {}))
            for name, lane in deliveries.lanes.items()
        ]
        + [
            {
                "type": disabled.type,
                "platform": disabled.platform,
                "state": "disabled",
                "reason": disabled.reason,
            }
            for disabled in deliveries.targets.disabled.values()
        ],
    }


def _target(lane: Lane, counts: object) -> dict[str, Any]:
    target, guard = lane.target, lane.guard
    return {
        "type": target.type,
        "platform": target.platform,
        "state": "ready",
        "endpoint": target.endpoint,
        "connected": target.is_connected,
        "counts": msgspec.to_builtins(counts),
        "in_flight": lane.in_flight,
        "breaker": lane.breaker.state,
        "again_in_s": round(lane.breaker.left_s, 1),
        "cause": lane.breaker.cause if lane.breaker.state != "closed" else "",
        "held_removals": guard.held if guard is not None and guard.is_holding else 0,
    }
