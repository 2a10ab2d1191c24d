"""The journey of one delivery: what its events say, step by step, and what that means."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from mmpush_tui.protocol.event import Event, timestamp
from mmpush_tui.text import clean, presentable
from mmpush_tui.troubleshooting.catalogue import Entry
from mmpush_tui.troubleshooting.lookup import by_code, by_reason, find_entries
from mmpush_tui.watching.lines import clock, duration


class JourneyVerdict(StrEnum):
    """How far it got, as a word to show."""

    UNDER_WAY = "UNDER WAY"
    ACCEPTED = "ACCEPTED"
    """Apple or Google took it; no receipt so far."""
    DELIVERED = "DELIVERED"
    """The phone confirmed it."""
    REMOVED = "REMOVED"
    FAILED = "FAILED"
    NOTICE = ""
    """No delivery: an alarm, a gap, a state, a receipt alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyStep:
    """One thing that happened.

    Attributes:
        at: the local time of the first step, ``+ 96.4 ms`` since it for the others.
        text: what happened, as a clause.
    """

    at: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """All that is known of one delivery, or of another event; every text is clean.

    Attributes:
        head: what it is about: id, kind of push, platform, device.
        verdict: how far it got.
        steps: what happened, in its order.
        meaning: what that means, in a few sentences.
        entry: what the catalogue knows about it; None where nothing is wrong or it knows nothing.
    """

    head: str
    verdict: JourneyVerdict
    steps: tuple[JourneyStep, ...]
    meaning: str
    entry: Entry | None = None


def journey(events: Sequence[Event]) -> Journey:
    """Return the journey that ``events`` tell.

    Args:
        events: those of one delivery in any order, as many as are known; or one other event.

    Raises:
        ValueError: there is no event at all.
    """
    if not events:
        raise ValueError("a journey needs at least one event")
    if not any(event.kind == "delivery" for event in events):
        return _notice(events[-1])
    ack = next((event for event in events if event.kind == "ack"), None)
    phases = {event.phase: event for event in events if event.kind == "delivery"}
    answered = phases.get("answered")
    latest = answered or next(iter(phases.values()))
    target = latest.target or latest.platform
    kind, device = latest.type or "push", latest.device or "(no device)"
    entry = None
    if answered is not None and answered.status != "OK":
        entry = _entry(answered)
    return Journey(
        head=clean(f"Delivery {latest.id} {kind} -> {target or '(no platform)'} {device}"),
        verdict=_verdict(answered, ack),
        steps=_steps(events, answered, ack),
        meaning=_of_entry(entry) if entry else _meaning(latest, answered, ack),
        entry=entry,
    )


def _verdict(answered: Event | None, ack: Event | None) -> JourneyVerdict:
    if answered is None:
        return JourneyVerdict.UNDER_WAY
    match answered.status:
        case "OK":
            return JourneyVerdict.DELIVERED if ack else JourneyVerdict.ACCEPTED
        case "REMOVE":
            return JourneyVerdict.REMOVED
        case _:
            return JourneyVerdict.FAILED


def _steps(
    events: Sequence[Event], answered: Event | None, ack: Event | None
) -> tuple[JourneyStep, ...]:
    arrived = next((event for event in events if event.phase == "arrived"), None)
    start = _started(arrived, answered)
    first = arrived or answered or events[0]
    whose = vendor_of(first)
    later: list[tuple[float, str]] = []
    for number, event in enumerate(event for event in events if event.phase == "sent"):
        again = " again" if number else ""
        later.append((_since(start, event), f"sent to {whose}{again} on stream {event.stream}"))
    if answered is not None:
        total = answered.ms.get("total", 0.0)
        later += [(total, text) for text in _ending(answered, whose)]
    if ack is not None:
        later.append((ack.ms.get("device", 0.0), "received by the phone"))
    # A receipt can overtake the answer.
    later.sort(key=lambda step: step[0])
    size = f", {_size(first.bytes)}" if first.bytes else ""
    platform = f" for {first.platform}" if first.platform else ""
    opening = JourneyStep(
        at=clock(timestamp(start) if start else first.at),
        text=clean(f"arrived: {first.type or 'push'}{platform}{size}"),
    )
    return (
        opening,
        *(JourneyStep(at=f"+ {duration(ms)}", text=presentable(text)) for ms, text in later),
    )


def _ending(answered: Event, whose: str) -> list[str]:
    """Return what happened at the end: upstream's answer, and ours to Mattermost."""
    after = ""
    if upstream_ms := answered.ms.get("upstream"):
        tries = f" and {answered.tries} tries" if answered.tries > 1 else ""
        after = f" after {duration(upstream_ms)}{tries}"
    texts = []
    if answered.http:
        label = "apns-id " if whose == "Apple" else ""
        name = f", {label}{answered.upstream_id}" if answered.upstream_id else ""
        reason = f" {answered.reason}" if answered.reason else ""
        texts.append(f"{whose} answered {answered.http}{reason}{after}{name}")
    elif answered.tries:
        texts.append(f"no answer from {whose}{after}: {answered.reason}")
    else:
        texts.append(f"not sent on: {answered.reason or 'no reason was given'}")
    message = f": {answered.message}" if answered.message else ""
    texts.append(f"told Mattermost {answered.status}{message}")
    return texts


def _meaning(delivery: Event, answered: Event | None, ack: Event | None) -> str:
    """Return our own words, where the catalogue has none or none are needed."""
    whose = vendor_of(delivery)
    if answered is None:
        return "No answer was seen so far. Mattermost gets one within half a minute of the arrival."
    if answered.status == "REMOVE":
        return f"{whose} says that this device is gone, and Mattermost was told to forget it."
    if answered.status != "OK":
        reason = clean(answered.reason, 80) or "a refusal without a reason"
        return f"The push was not delivered. The catalogue knows nothing about {reason}."
    if ack is not None:
        return f"{whose} accepted it and the phone confirmed it."
    if answered.type == "test":
        return f"{whose} accepted it. A test push asks the phone for no receipt."
    return (
        f"{whose} accepted it. No receipt came from the phone so far: it may be off or offline, "
        "and not every kind of push is confirmed."
    )


def vendor_of(event: Event) -> str:
    """Return whose network a delivery goes to, as far as its platform tells."""
    word = event.target or event.platform
    if word.startswith("apple"):
        return "Apple"
    return "Google" if word.startswith("android") else "Apple or Google"


def _entry(event: Event) -> Entry | None:
    entry = by_reason(event.reason, platform=event.target or event.platform)
    if entry is None and event.status == "REMOVE":
        entry = by_code("mattermost-device-removed")
    if entry is None and event.message:
        entry = next((match.entry for match in find_entries(event.message, 1)), None)
    return entry


def _of_entry(entry: Entry) -> str:
    return f"{entry.title}. {entry.cause}"


_ALARMS: Final = {
    "reload_failed": "The new configuration is bad, so the worker goes on with the old one.",
    "reload_kept_old": "The new credentials are bad, so the worker goes on with the old ones.",
}
_STATES: Final = {
    "running": "The worker accepts pushes.",
    "draining": "The worker takes no more pushes and answers those under way.",
    "drained": "The worker has answered every push and takes no more.",
    "reloaded": "The worker has read its configuration and credentials again.",
}


def _notice(event: Event) -> Journey:
    """Return the same for what is no delivery."""
    entry = None
    match event.kind:
        case "alarm":
            head = " ".join(word for word in ("Alarm", event.target, event.reason) if word)
            entry = by_reason(event.reason, platform=event.target)
            text, meaning = event.message, _ALARMS.get(event.reason, "The worker's log says more.")
        case "gap":
            head, text = "Gap", f"{event.status} events missed: {event.message}"
            meaning = (
                "These events went by before they could be read, because a worker keeps only the "
                "latest and only while it runs. The deliveries themselves are not affected."
            )
        case "ack":
            head = f"Receipt {event.type} {event.target or event.platform}"
            text = "received by the phone"
            meaning = (
                "A phone confirmed a push that is no longer in this log."
                if event.id
                else "A phone confirmed a push that this worker does not know: another worker sent "
                "it, or it was sent long ago."
            )
        case _:
            head, text = "Worker", event.status
            meaning = _STATES.get(event.status, "The state of the worker changed.")
    return Journey(
        head=clean(head),
        verdict=JourneyVerdict.NOTICE,
        steps=(JourneyStep(at=clock(event.at), text=presentable(text)),),
        meaning=_of_entry(entry) if entry else meaning,
        entry=entry,
    )


def _started(arrived: Event | None, answered: Event | None) -> datetime | None:
    """Return when the push arrived; worked out from the answer where only that is known."""
    if arrived is not None:
        return _time(arrived.at)
    if answered is None or (ended := _time(answered.at)) is None:
        return None
    try:
        return ended - timedelta(milliseconds=answered.ms.get("total", 0.0))
    except OverflowError:
        return None


def _since(start: datetime | None, event: Event) -> float:
    at = _time(event.at)
    if start is None or at is None:
        return 0.0
    return max((at - start) / timedelta(milliseconds=1), 0.0)


def _time(at: str) -> datetime | None:
    try:
        return datetime.fromisoformat(at).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _size(count: int) -> str:
    return f"{count} bytes" if count < 1000 else f"{count / 1000:.1f} KB"
