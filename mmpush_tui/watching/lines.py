"""Events as lines for people: the delivery log of commands and console."""

from datetime import datetime
from typing import Final, NamedTuple

from mmpush_tui.protocol.event import Event
from mmpush_tui.proxy.upstream.outcome import RESPONSE_PREFIX, TRANSPORT_PREFIX
from mmpush_tui.text import clean

HEADER: Final = (
    f"{'time':<12} {'platform':<10} {'answer':<6} {'ms':>6} {'type':<12} {'device':<8} reason"
)
"""The head of the columns; with reasons of up to 20 characters a line fits 80 columns."""


class Cells(NamedTuple):
    """One delivery or receipt column by column: uncut, and as the worker sent it."""

    time: str
    platform: str
    answer: str
    ms: str
    type: str
    device: str
    reason: str
    detail: str
    """What only a wide screen shows: the words of a refusal, else Apple's or Google's id."""


def line(event: Event) -> str:
    """Return ``event`` as one line without its end; empty for what only machines need."""
    return clean(_line(event), 400)


def _line(event: Event) -> str:
    if row := cells(event):
        head = f"{row.time} {row.platform:<10} {row.answer:<6} {row.ms:>6}"
        return f"{head} {row.type:<12} {row.device:<8} {row.reason}"
    if sentence := notice(event):
        return f"{clock(event.at)} {sentence[0]:<7} {sentence[1]}"
    return ""


def cells(event: Event, seen_ms: float | None = None) -> Cells | None:
    """Return the columns of an answered delivery or of a receipt; None for any other event.

    Args:
        event: what happened.
        seen_ms: of a delivery, milliseconds until the phone's receipt, where it came later.
    """
    if event.kind == "delivery" and event.phase == "answered":
        return Cells(
            clock(event.at),
            event.target or event.platform or "-",
            event.status,
            _ms(event.ms.get("total", 0)),
            event.type or "-",
            event.device or "-",
            why(event, seen_ms),
            _unprefixed(event.message) or event.upstream_id,
        )
    if event.kind == "ack" and event.id:
        how = "by the phone itself"
        # A phone may have been off for days; such a time brings its own unit.
        ms = event.ms.get("device", 0)
        duration_text = f"{ms:.0f}" if ms < 999_999 else duration(ms)
        return Cells(clock(event.at), event.target, "seen", duration_text, event.type, "", how, "")
    return None


def _unprefixed(message: str) -> str:
    """Return the words of a refusal without how the reference proxy begins each of them."""
    for prefix in (RESPONSE_PREFIX, TRANSPORT_PREFIX):
        message = message.removeprefix(f"{prefix}: ")
    return message


def _ms(ms: float) -> str:
    return f"{ms:.1f}" if ms < 9999 else f"{ms:.0f}"


def notice(event: Event) -> tuple[str, str] | None:
    """Return the word and the sentence of what is no delivery; None where people need neither."""
    match event.kind:
        case "alarm":
            target = f"{event.target} " if event.target else ""
            return "ALARM", f"{target}{event.reason}: {event.message}"
        case "gap":
            return "--", f"{event.status} events missed: {event.message}"
        case "state" if event.status != "alive":
            return "--", f"worker {event.status}"
        case _:
            return None


def why(event: Event, seen_ms: float | None = None) -> str:
    """Return why a delivery ended as it did, in as few words as will do.

    Args:
        event: the answered delivery.
        seen_ms: milliseconds until the phone's receipt; where None, as the event has it.
    """
    seen_ms = event.ms.get("device") if seen_ms is None else seen_ms
    # A receipt says more than Apple's or Google's 200 before it.
    head = event.reason or ("" if seen_ms is not None else str(event.http or ""))
    receipt = "" if seen_ms is None else f"seen {duration(seen_ms)}"
    tries = f"after {event.tries} tries" if event.tries > 1 else ""
    return " ".join(word for word in (head, receipt, tries) if word)


def duration(ms: float) -> str:
    """Return milliseconds in the unit a person would use: ``0.6 ms``, ``184 ms``, ``1.9 s``."""
    if ms < 99.95:
        return f"{ms:.1f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    if ms < 3_570_000:
        return f"{ms / 60_000:.0f} min"
    return f"{ms / 3_600_000:.1f} h"


def clock(at: str) -> str:
    """Return the local time of day of an event's timestamp, to the millisecond."""
    try:
        local = datetime.fromisoformat(at).astimezone()
    except (ValueError, OverflowError):
        return clean(at, 12)
    return local.strftime("%H:%M:%S.") + f"{local.microsecond // 1000:03}"
