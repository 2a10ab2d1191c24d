"""Counts what is lost and what comes twice while a stand-in fails by chance, all the time."""

import asyncio
import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mmpush_tui.http2 import Request, Response
from mmpush_tui.http2.errors import AmbiguousError, TransportError
from mmpush_tui.http2.pool import Pool
from mmpush_tui.protocol.wire import PushNotification
from mmpush_tui.proxy.upstream.outcome import Within
from mmpush_tui.simulator.phones import Received
from tests.proxy.upstream_bench import TYPES, Upstream, upstream

UNDER_WAY: Final = 60
"""Pushes at once."""
WITHIN: Final = Within(20.0, 2.0)

# What is drawn from, with its parameters; each is raised for a moment and cleared again.
FAULTS: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("goaway", {"times": 2}),
    ("goaway-unprocessed", {"times": 2}),
    ("goaway-twice", {"times": 1}),
    ("goaway-calm", {"times": 1}),
    ("goaway-close", {"times": 1, "delivers": True}),
    ("goaway-close", {"times": 1, "delivers": False}),
    ("refused-stream", {"times": 20}),
    ("refused-stream", {"times": 20, "both": True}),
    ("reset-after-body", {"times": 5, "delivers": True}),
    ("reset-after-body", {"times": 5, "delivers": False, "code": 8}),
    ("mute-stream", {"times": 3, "delivers": True}),
    ("mute-stream", {"times": 3, "delivers": False}),
    ("streams-swing", {"times": 3}),
    ("tcp-reset", {"times": 1, "at": "headers"}),
    ("tcp-reset", {"times": 1, "at": "body", "delivers": True}),
    ("tcp-reset", {"times": 1, "at": "body", "delivers": False}),
    ("tls-reset", {"times": 1}),
    ("half-close-idle", {"times": 2}),
    ("slow", {"seconds": 0.05}),
    ("shutdown", {"times": 5}),
    ("idle-timeout", {"times": 5}),
    ("unavailable", {"times": 5, "retry_after": 0.0}),
    ("internal-error", {"times": 5}),
    ("error-500-html", {"times": 5}),
    ("too-many-requests", {"times": 5}),
    ("odd-frames", {}),
    ("odd-apns-id", {"kind": "wrong"}),
)


@dataclass
class Tally:
    """What came of all pushes.

    Attributes:
        pushes: handed in.
        answers: how often each answer was given: OK, or the reason of a FAIL.
        lost: answered OK and never delivered.
        doubled: delivered more than once though every repeated request was provably not processed.
        renamed: delivered under more than one apns-id.
        ambiguous: pushes of which a request ended so that it may have been acted on.
        doubled_ambiguous: those of them that were delivered twice.
        untold: answered FAIL though delivered; all of them ambiguous.
        requests: sent upstream.
        connections: opened.
        tries: how many pushes needed how many tries.
        seconds: how long it took.
        faults: how often each fault was raised.
    """

    pushes: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    renamed: int = 0
    ambiguous: int = 0
    doubled_ambiguous: int = 0
    untold: int = 0
    untold_unexplained: int = 0
    requests: int = 0
    connections: int = 0
    tries: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """Return the tally in words."""
        failed = ", ".join(f"{n} {reason}" for reason, n in self.answers.items() if reason != "OK")
        return [
            f"{self.pushes} pushes, {sum(self.faults.values())} faults of {len(self.faults)} "
            f"kinds, {self.requests} requests on {self.connections} connections, "
            f"{self.seconds:.0f} s",
            f"answered {self.answers.total()}: OK {self.answers['OK']}; FAIL {failed or 'none'}",
            f"answered OK and never delivered: {self.lost}",
            f"delivered twice though provably unprocessed: {self.doubled}",
            f"ambiguous: {self.ambiguous}, of these delivered twice: {self.doubled_ambiguous}",
            f"answered FAIL though delivered: {self.untold} (all of them ambiguous)",
            "tries: " + ", ".join(f"{n} pushes {it}" for it, n in sorted(self.tries.items())),
        ]


class _Watched:
    """Notes of every request whether its end was ambiguous."""

    def __init__(self, pool: Pool) -> None:
        self._ask = pool.request
        self.ambiguous: set[str] = set()
        pool.request = self.request  # type: ignore[method-assign]

    async def request(
        self, request: Request, timeout_s: float, on_sent: Callable[[int], None] | None = None
    ) -> Response:
        try:
            return await self._ask(request, timeout_s, on_sent)
        except TransportError as error:
            if isinstance(error, AmbiguousError):
                self.ambiguous.add(dict(request.headers)["apns-id"])
            raise


async def count(pushes: int, seed: int, *, progress: bool = False) -> Tally:
    """Hand in ``pushes`` while faults come and go, and return what came of them.

    Args:
        pushes: how many.
        seed: which faults come when.
        progress: whether to tell on standard error how far it is.
    """
    with tempfile.TemporaryDirectory() as folder:
        async with upstream(Path(folder)) as it:
            chance = random.Random(seed)  # noqa: S311 - faults are no secret
            return await _count(it, pushes, chance, progress=progress)


async def _count(it: Upstream, pushes: int, chance: random.Random, *, progress: bool) -> Tally:
    tally = Tally(pushes=pushes)
    watched = _Watched(it.pool("apns"))
    delivered: dict[str, Counter[str]] = {}

    def received(push: Received) -> None:
        delivered.setdefault(push.ack_id, Counter())[push.name] += 1

    it.phones.on_accepted(received)
    answers: dict[str, str] = {}
    todo = iter(range(pushes))

    async def sender() -> None:
        for number in todo:
            ack_id, reason, tries = await _push(it, number)
            answers[ack_id] = reason
            tally.tries[tries] += 1

    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        trouble = group.create_task(_trouble(it, chance, tally), name="faults")
        senders = [group.create_task(sender(), name="sender") for _ in range(UNDER_WAY)]
        while (done := len(answers)) < pushes:
            if progress:
                sys.stderr.write(f"\r{done} of {pushes}")
            await asyncio.wait(senders, timeout=2.0)
            if all(sender.done() for sender in senders):
                break
        trouble.cancel()
    tally.seconds = time.monotonic() - started
    counts = it.sides["apns"].server.counts
    tally.requests, tally.connections = counts.begun, counts.connections
    for ack_id, reason in answers.items():
        tally.answers[reason] += 1
        names = delivered.get(ack_id, Counter())
        is_ambiguous = bool(names.keys() & watched.ambiguous)
        tally.renamed += len(names) > 1
        tally.lost += reason == "OK" and not names
        tally.doubled += names.total() > 1 and not is_ambiguous
        tally.doubled_ambiguous += names.total() > 1 and is_ambiguous
        tally.untold += reason != "OK" and bool(names)
        tally.untold_unexplained += reason != "OK" and bool(names) and not is_ambiguous
    tally.ambiguous = len(watched.ambiguous)
    return tally


async def _push(it: Upstream, number: int) -> tuple[str, str, int]:
    """Send one push; return its ack id, OK or the reason of its FAIL, and its tries."""
    ack_id = f"ack-{number}"
    push = PushNotification(
        ack_id=ack_id, type="message", version="v2", message="hello", server_id="server-1",
        channel_id="channel-1", platform=TYPES["apns"], device_id=it.phone("apns", number).token,
    )  # fmt: skip
    outcome = await it.targets.ready[TYPES["apns"]].send(push, 2, WITHIN, lambda _stream: None)
    reason = outcome.answer.status if outcome.answer.status != "FAIL" else outcome.reason
    return ack_id, reason, outcome.tries


async def _trouble(it: Upstream, chance: random.Random, tally: Tally) -> None:
    """Raise one or two faults for a moment, again and again."""
    board = it.sides["apns"].faults
    for _ in itertools.count():
        chosen = chance.sample(FAULTS, chance.choice((1, 1, 2)))
        for name, parameters in chosen:
            await board.raise_(name, **parameters)
            tally.faults[name] += 1
        await asyncio.sleep(chance.uniform(0.05, 0.3))
        await board.clear()
        await asyncio.sleep(chance.uniform(0.0, 0.15))
