"""One push from its arrival to the answer, and the receipt that may follow it."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from mmpush_tui.proxy.alarms import Alarms
from mmpush_tui.proxy.events import Event, EventBus
from mmpush_tui.proxy.outcome import TRANSPORT_PREFIX, Outcome, Within
from mmpush_tui.proxy.targets import Targets
from mmpush_tui.proxy.wire import (
    Answer,
    PushNotification,
    RefusedError,
    fail,
    missing_platform,
    read_ack,
    read_push,
    split_platform,
)
from mmpush_tui.text import clean, presentable, short_token

ACK_MEMORY: Final = 50_000
"""Acknowledgeable pushes remembered; older ones can no longer be matched."""
RECENT: Final = 2_000
"""Finished deliveries kept for ``GET /deliveries``."""


class Counts(msgspec.Struct):
    """What happened since the worker started."""

    received: int = 0
    ok: int = 0
    removed: int = 0
    failed: int = 0
    acknowledged: int = 0
    unmatched_acks: int = 0


class _Sent(msgspec.Struct):
    id: str
    target: str
    at: float
    is_acknowledged: bool = False


class Deliveries:
    """Takes pushes and receipts, sends them on, counts and tells what happened.

    Args:
        targets: where pushes go; replaced on reload.
        bus: who is told.
        answer_within_s: seconds until Mattermost must have its answer.
        try_within_s: seconds one try upstream may take.
        on_bug: told of an exception that no target may raise.
    """

    def __init__(
        self,
        targets: Targets,
        bus: EventBus,
        *,
        answer_within_s: float,
        try_within_s: float,
        on_bug: Callable[[Exception], None],
    ) -> None:
        self.targets = targets
        self.answer_within_s = answer_within_s
        self.try_within_s = try_within_s
        self.counts = Counts()
        self.by_target: dict[str, Counts] = {}
        self.in_flight = 0
        self._bus = bus
        self._on_bug = on_bug
        self._alarms = Alarms(bus)
        self._sent: OrderedDict[str, _Sent] = OrderedDict()
        self._recent: OrderedDict[str, Event] = OrderedDict()

    def recent(self, after: int, limit: int) -> list[Event]:
        """Return finished deliveries with a number above ``after``, the newest ``limit``."""
        found = [event for event in self._recent.values() if event.seq > after]
        return found[-limit:] if limit > 0 else []

    async def push(self, body: bytes) -> Answer:
        """Handle a posted notification and return the answer; never raises for bad input."""
        started = time.monotonic()
        id_ = secrets.token_hex(6)
        self.counts.received += 1
        try:
            push = read_push(body)
        except RefusedError as error:
            return self._refuse(id_, str(error), "bad_request", len(body))
        type_, app_version = split_platform(push.platform)
        push.platform = type_
        target = self.targets.find(type_)
        described: Mapping[str, str | int] = {
            "id": id_,
            "target": target.type if target else "",
            "type": clean(push.type, 40),
            "platform": clean(type_, 40),
            "device": short_token(push.device_id),
            "bytes": len(body),
        }
        self._bus.publish("delivery", phase="arrived", **described)
        if target is None:
            return self._finish(described, self._nowhere(type_, push.server_id), started)
        self.in_flight += 1
        # Before the answer: a phone's receipt can overtake it.
        self._remember(push, id_, target.type)
        try:
            outcome = await target.send(
                push,
                app_version,
                Within(self.answer_within_s, self.try_within_s),
                lambda stream: self._sent_out(described, stream),
            )
        except Exception as error:
            # Whatever is wrong with us, Mattermost gets an answer, the admin an event and the
            # log a traceback.
            self._on_bug(error)
            text = f"{TRANSPORT_PREFIX}: a fault in the push proxy itself, see its log"
            outcome = Outcome(answer=fail(text), reason="internal_error")
        finally:
            self.in_flight -= 1
        if outcome.answer.status != "OK":
            self._sent.pop(push.ack_id, None)
        return self._finish(described, outcome, started)

    def ack(self, body: bytes) -> Answer:
        """Handle a posted receipt: match it to its delivery where this worker sent that."""
        try:
            ack = read_ack(body)
        except RefusedError as error:
            return fail(_safe(str(error)))
        fields = {"type": clean(ack.type, 40), "platform": clean(ack.platform, 40)}
        sent = self._sent.get(ack.id)
        if sent is None:
            self.counts.unmatched_acks += 1
            self._bus.publish("ack", status="unmatched", reason="unknown_ack_id", **fields)
            return Answer("OK")
        if not sent.is_acknowledged:
            sent.is_acknowledged = True
            self.counts.acknowledged += 1
            self._of(sent.target).acknowledged += 1
        elapsed = round((time.monotonic() - sent.at) * 1000, 1)
        self._bus.publish(
            "ack", id=sent.id, target=sent.target, status="received", ms={"device": elapsed},
            **fields,
        )  # fmt: skip
        if event := self._recent.get(sent.id):
            self._recent[sent.id] = msgspec.structs.replace(
                event, ms=event.ms | {"device": elapsed}
            )
        return Answer("OK")

    def _nowhere(self, type_: str, server_id: str) -> Outcome:
        text = _safe(missing_platform(type_, server_id))
        if disabled := self.targets.disabled.get(type_):
            return Outcome(answer=fail(f"{text}: {disabled.reason}"), reason="target_disabled")
        return Outcome(answer=fail(text), reason="unknown_platform")

    def _sent_out(self, described: Mapping[str, str | int], stream: int) -> None:
        self._bus.publish("delivery", phase="sent", stream=stream, **described)

    def _refuse(self, id_: str, text: str, reason: str, size: int) -> Answer:
        self.counts.failed += 1
        answer = fail(_safe(text))
        self._publish_end(
            {"id": id_, "bytes": size}, Outcome(answer=answer, reason=reason), {"total": 0.0}
        )
        return answer

    def _finish(
        self, described: Mapping[str, str | int], outcome: Outcome, started: float
    ) -> Answer:
        counts = [self.counts]
        if target := str(described["target"]):
            counts.append(self._of(target))
            counts[1].received += 1
            if outcome.answer.status == "FAIL":
                self._alarms.failed(target, outcome.reason)
            else:
                self._alarms.succeeded(target)
        for count in counts:
            match outcome.answer.status:
                case "OK":
                    count.ok += 1
                case "REMOVE":
                    count.removed += 1
                case _:
                    count.failed += 1
        ms = {"total": round((time.monotonic() - started) * 1000, 1)}
        if outcome.tries:
            ms["upstream"] = round(outcome.upstream_ms, 1)
        self._publish_end(described, outcome, ms)
        return outcome.answer

    def _publish_end(
        self, described: Mapping[str, str | int], outcome: Outcome, ms: dict[str, float]
    ) -> None:
        event = self._bus.publish(
            "delivery",
            phase="answered",
            status=outcome.answer.status,
            reason=outcome.reason,
            message=presentable(outcome.answer.error, 500),
            http=outcome.http,
            upstream_id=outcome.upstream_id,
            tries=outcome.tries,
            ms=ms,
            **described,
        )
        self._recent[event.id] = event
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    def _remember(self, push: PushNotification, id_: str, target: str) -> None:
        if not push.ack_id:
            return
        self._sent[push.ack_id] = _Sent(id_, target, time.monotonic())
        if len(self._sent) > ACK_MEMORY:
            self._sent.popitem(last=False)

    def _of(self, target: str) -> Counts:
        return self.by_target.setdefault(target, Counts())


def _safe(text: str) -> str:
    """Return an answer's text fit for Mattermost's log, however hostile what it quotes."""
    return clean(text, 600)
