"""What a worker says of itself on its control socket."""

import msgspec


class Counts(msgspec.Struct, kw_only=True):
    """What happened since the worker started, all together or for one target."""

    received: int = 0
    ok: int = 0
    removed: int = 0
    failed: int = 0
    acknowledged: int = 0
    unmatched_acks: int = 0


class TargetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One target as the worker describes it.

    Attributes:
        type: the configured type, ``apple_rn``.
        platform: ``apple`` or ``android``.
        state: ``ready`` or ``disabled``.
        reason: why it is disabled.
        endpoint: host:port it sends to.
        connected: whether a connection is open right now.
        in_flight: pushes under way to it.
        breaker: ``closed``, or ``open`` or ``half-open`` where it is not reached.
        again_in_s: seconds until it is tried again.
        cause: why it is not reached.
        held_removals: REMOVE answers that the guard holds back.
    """

    type: str
    platform: str = ""
    state: str = ""
    reason: str = ""
    endpoint: str = ""
    connected: bool = False
    counts: Counts = msgspec.field(default_factory=Counts)
    in_flight: int = 0
    breaker: str = "closed"
    again_in_s: float = 0.0
    cause: str = ""
    held_removals: int = 0


class JournalStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where a worker keeps what became of pushes.

    Attributes:
        path: of the file.
        lost: deliveries that could not be written.
    """

    path: str = ""
    lost: int = 0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``GET /status``, for worker and watcher alike.

    Fields may be added, never changed; a watcher passes over those it does not know.

    Attributes:
        run: id of the worker's run; another one after every start.
        seq: number of its newest event.
        state: ``starting``, ``running``, ``draining`` or ``drained``.
        listen: where it takes pushes, ``http://127.0.0.1:8086``.
        config: path of its configuration file.
        product: name and version of the program.
        version: the level of the reference proxy it matches.
        started_at: time in UTC.
        in_flight: pushes under way right now.
        connections: senders that are connected.
        tasks: tasks of its event loop, for whoever looks for a leak.
        journal: where deliveries are kept; None where they are not.
    """

    schema: int = 1
    kind: str = "status"

    run: str
    seq: int
    state: str
    listen: str = ""
    config: str = ""
    product: str = ""
    version: str = ""
    started_at: str = ""
    uptime_s: float = 0.0
    pid: int = 0
    in_flight: int = 0
    connections: int = 0
    tasks: int = 0
    counts: Counts = msgspec.field(default_factory=Counts)
    journal: JournalStatus | None = None
    targets: tuple[TargetStatus, ...] = ()
