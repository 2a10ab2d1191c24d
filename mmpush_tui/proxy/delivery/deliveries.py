"""One push from its arrival to the answer, and the receipt that may follow it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.protocol.event import Event
from mmpush_tui.protocol.status import Counts
from mmpush_tui.protocol.wire import (
    CHECK_PLATFORM,
    OK,
    Answer,
    PushNotification,
    PushNotificationAck,
    RefusedError,
    fail,
    missing_platform,
    read_ack,
    read_push,
    split_platform,
)
from mmpush_tui.proxy.delivery.alarms import Alarms
from mmpush_tui.proxy.delivery.dedupe import Dedupe
from mmpush_tui.proxy.delivery.push_access import PushAccess
from mmpush_tui.proxy.delivery.receipts import Receipts
from mmpush_tui.proxy.delivery.target_admission import BREAKER_OPEN, REMOVE_GUARD, TargetAdmission
from mmpush_tui.proxy.events import EventBus
from mmpush_tui.proxy.records.journal import Journal
from mmpush_tui.proxy.records.journal_queries import JournalEntry
from mmpush_tui.proxy.targets import Targets
from mmpush_tui.proxy.upstream.ids import delivery_id
from mmpush_tui.proxy.upstream.outcome import TRANSPORT_PREFIX, Outcome, Within
from mmpush_tui.proxy.upstream.target import Target
from mmpush_tui.text import clean, presentable, short_token

if TYPE_CHECKING:
    from mmpush_tui.proxy.records.metrics import Metrics

RECENT: Final = 2_000
"""Finished deliveries kept for ``GET /deliveries``."""


class _Arrival(NamedTuple):
    push: PushNotification
    app_version: int
    target: Target | None
    event: Event
    started: float


class Deliveries:
    """Takes pushes and receipts, sends them on, counts and tells what happened.

    Args:
        targets: where pushes go.
        bus: who is told.
        config: how.
        access: which pushes are taken at all.
        on_bug: told of an exception that no target may raise.
        journal: keeps what became of each; None keeps nothing.
        metrics: counts it; None counts nothing more.
    """

    def __init__(
        self,
        targets: Targets,
        bus: EventBus,
        config: ProxyConfig,
        access: PushAccess,
        on_bug: Callable[[Exception], None],
        journal: Journal | None = None,
        metrics: "Metrics | None" = None,
    ) -> None:
        self.receipts = Receipts(journal, self._unknown_receipt)
        self._journal = journal
        self._metrics = metrics
        self.counts = Counts()
        self.by_target: defaultdict[str, Counts] = defaultdict(Counts)
        self.in_flight = 0
        self._bus = bus
        self._on_bug = on_bug
        self._alarms = Alarms(bus)
        self._recent: dict[str, Event] = {}
        self.use(targets, config, access)

    def use(self, targets: Targets, config: ProxyConfig, access: PushAccess) -> None:
        """Take by ``access`` and send to ``targets`` as ``config`` says from now on.

        What is under way ends as it began.
        """
        self.targets = targets
        self._access = access
        self.admissions = {
            name: TargetAdmission(target, config.in_flight_limit, is_guarded=config.remove_guard)
            for name, target in targets.ready.items()
        }
        self._within = Within(config.answer_within_s, config.try_within_s)
        self._dedupe = Dedupe(config.dedupe_sec) if config.dedupe_sec else None

    def release(self, type_: str) -> bool:
        """Let held removals of a target pass from now on; false where none were held."""
        admission = self.admissions.get(type_)
        if admission is None or admission.guard is None or not admission.guard.release():
            return False
        self._changed(admission, "released")
        return True

    def recent(self, after: int, limit: int) -> list[Event]:
        """Return finished deliveries with a number above ``after``, the newest ``limit``."""
        newer = [event for event in self._recent.values() if event.seq > after]
        return newer[-limit:] if limit > 0 else []

    async def push(self, body: bytes) -> Answer:
        """Handle a posted notification and return the answer; never raises for bad input."""
        started = time.monotonic()
        id_ = delivery_id()
        try:
            push = read_push(body)
        except RefusedError as error:
            return self._refuse(id_, str(error), len(body))
        type_, app_version = split_platform(push.platform)
        if type_ == CHECK_PLATFORM:
            # Refused on purpose, and no failure that anybody should hear of.
            return fail(_safe(missing_platform(type_, push.server_id)))
        self.counts.received += 1
        push.platform = type_
        target = self.targets.find(type_)
        arrived = self._bus.publish(
            "delivery", phase="arrived", id=id_, target=target.type if target else "",
            type=_word(push.type), platform=_word(type_), device=short_token(push.device_id),
            bytes=len(body),
        )  # fmt: skip
        arrival = _Arrival(push, app_version, target, arrived, started)
        if (refused := self._access.refusal(push)) is not None:
            outcome = Outcome(answer=fail(_safe(refused[0])), reason=refused[1])
            return self._finish(arrival, outcome)
        if target is None:
            return self._finish(arrival, self._nowhere(type_, push.server_id))
        if (dedupe := self._dedupe) is not None and push.ack_id:
            key = (push.server_id, type_, push.device_id, push.ack_id, push.type)
            if (same := dedupe.find(key)) is not None:
                answer = same if isinstance(same, Answer) else await asyncio.shield(same)
                outcome = Outcome(answer=answer, reason="duplicate")
                return self._finish(arrival, outcome)
            with dedupe.first(key) as settle:
                outcome = await self._send(arrival, target.type)
                settle(outcome.answer)
        else:
            outcome = await self._send(arrival, target.type)
        return self._finish(arrival, outcome)

    async def _send(self, arrival: _Arrival, name: str) -> Outcome:
        push, arrived = arrival.push, arrival.event
        admission = self.admissions[name]
        if (refusal := admission.refusal()) is not None:
            return refusal
        self.in_flight += 1
        admission.in_flight += 1
        # Before the answer: a phone's receipt can overtake it.
        self.receipts.expect(push.ack_id, arrived.id, name)
        try:
            outcome = await admission.target.send(
                push,
                arrival.app_version,
                self._within,
                lambda stream: self._sent_out(arrived, stream),
            )
        except Exception as error:
            # Whatever is wrong with us, Mattermost gets an answer, the admin an event and the
            # log a traceback.
            self._on_bug(error)
            text = f"{TRANSPORT_PREFIX}: a fault in the push proxy itself, see its log"
            outcome = Outcome(answer=fail(text), reason="internal_error")
        except BaseException:  # cancelled: neither a success nor a failure of the target
            admission.breaker.undecided()
            raise
        finally:
            self.in_flight -= 1
            admission.in_flight -= 1
        outcome, change = admission.judge(outcome, push.device_id)
        if change:
            self._changed(admission, change)
        if outcome.answer.status != "OK":
            self.receipts.forget(push.ack_id)
        return outcome

    def _changed(self, admission: TargetAdmission, change: str) -> None:
        """Tell what became of a target's breaker or guard."""
        name = admission.target.type
        match change:
            case "opened":
                self._alarms.raise_(name, BREAKER_OPEN, admission.breaker.cause)
            case "holding" if admission.guard is not None:
                self._alarms.raise_(name, REMOVE_GUARD, admission.guard.alarm(name))
            case "closed":
                words = f"{name} is reached again"
                self._bus.publish("state", target=name, status="reached", message=words)
            case _:
                words = f"{name}: removals are passed on again"
                self._bus.publish("state", target=name, status="released", message=words)

    def ack(self, body: bytes) -> Answer:
        """Handle a posted receipt: match it to its delivery where this worker sent that."""
        try:
            ack = read_ack(body)
        except RefusedError as error:
            return fail(_safe(str(error)))
        if self._metrics is not None:
            self._metrics.delivered(ack.platform, ack.type)
        if (sent := self.receipts.match(ack)) is None:
            return OK
        if not sent.is_acknowledged:
            sent.is_acknowledged = True
            self.by_target[sent.target].acknowledged += 1
            self.counts.acknowledged += 1
            if self._journal is not None:
                self._journal.acknowledged(ack.id)
        elapsed = round((time.monotonic() - sent.at) * 1000, 1)
        self._received(ack, sent.id, sent.target, elapsed)
        if event := self._recent.get(sent.id):
            self._recent[sent.id] = msgspec.structs.replace(
                event, ms=event.ms | {"device": elapsed}
            )
        return OK

    def _unknown_receipt(self, ack: PushNotificationAck, delivery: JournalEntry | None) -> None:
        """Take a receipt for what this run did not send."""
        if delivery is None:
            self.counts.unmatched_acks += 1
            fields = {"type": _word(ack.type), "platform": _word(ack.platform)}
            self._bus.publish("ack", status="unmatched", reason="unknown_ack_id", **fields)
            return
        self.counts.acknowledged += 1
        if self._journal is not None:
            self._journal.acknowledged(ack.id)
        self._received(ack, delivery.id, delivery.target, round(delivery.device_ms, 1))

    def _received(self, ack: PushNotificationAck, id_: str, target: str, ms: float) -> None:
        self._bus.publish(
            "ack", id=id_, target=target, status="received", ms={"device": ms},
            type=_word(ack.type), platform=_word(ack.platform),
        )  # fmt: skip

    def _nowhere(self, type_: str, server_id: str) -> Outcome:
        text = _safe(missing_platform(type_, server_id))
        if disabled := self.targets.disabled.get(type_):
            return Outcome(answer=fail(f"{text}: {disabled.reason}"), reason="target_disabled")
        return Outcome(answer=fail(text), reason="unknown_platform")

    def _sent_out(self, arrived: Event, stream: int) -> None:
        self._bus.follow(arrived, phase="sent", stream=stream)

    def _refuse(self, id_: str, text: str, size: int) -> Answer:
        self.counts.received += 1
        self.counts.failed += 1
        if self._metrics is not None:
            self._metrics.bad_request()
        answer = fail(_safe(text))
        event = self._bus.publish(
            "delivery", phase="answered", status="FAIL", reason="bad_request", id=id_,
            message=presentable(answer.error, 500), bytes=size, ms={"total": 0.0},
        )  # fmt: skip
        self._keep(event, "")
        return answer

    def _finish(self, arrival: _Arrival, outcome: Outcome) -> Answer:
        status = outcome.answer.status
        push = arrival.push
        target = arrival.target.type if arrival.target is not None else ""
        total_s = time.monotonic() - arrival.started
        if target:
            if status != "FAIL":
                self._alarms.succeeded(target)
            elif not outcome.is_held:
                self._alarms.failed(target, outcome.reason)
            counts = self.by_target[target]
            counts.received += 1
            _count(counts, status)
        _count(self.counts, status)
        ms = {"total": round(total_s * 1000, 1)}
        if outcome.tries:
            ms["upstream"] = round(outcome.upstream_ms, 1)
        error = outcome.answer.error
        event = self._bus.follow(
            arrival.event, phase="answered", status=status, reason=outcome.reason,
            message=presentable(error, 500) if error else "", http=outcome.http,
            upstream_id=outcome.upstream_id, tries=outcome.tries, ms=ms,
        )  # fmt: skip
        self._keep(event, push.ack_id if status == "OK" else "")
        if (metrics := self._metrics) is not None:
            metrics.requested(total_s)
            if (to := arrival.target) is not None:
                metrics.ended(to.platform, to.type, push, arrival.app_version, outcome)
        return outcome.answer

    def _keep(self, event: Event, ack_id: str) -> None:
        if self._journal is not None:
            self._journal.add(event, ack_id)
        self._recent[event.id] = event
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]


def _count(counts: Counts, status: str) -> None:
    match status:
        case "OK":
            counts.ok += 1
        case "REMOVE":
            counts.removed += 1
        case _:
            counts.failed += 1


@lru_cache(512)
def _word(text: str) -> str:
    return clean(text, 40)


def _safe(text: str) -> str:
    """Return an answer's text fit for Mattermost's log, however hostile what it quotes."""
    return presentable(text, 600)
