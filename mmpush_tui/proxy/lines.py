"""Events as lines for people: the delivery log of commands and console."""

from datetime import datetime
from typing import Final

from mmpush_tui.proxy.events import Event
from mmpush_tui.text import clean

HEADER: Final = (
    f"{'time':<12} {'platform':<10} {'answer':<6} {'ms':>6} {'type':<12} {'device':<8} reason"
)
"""The head of the columns; with reasons of up to 20 characters a line fits 80 columns."""


def line(event: Event) -> str:
    """Return ``event`` as one line without its end; empty for what only machines need."""
    return clean(_line(event), 400)


def _line(event: Event) -> str:
    at = clock(event.at)
    ms = event.ms.get("total" if event.kind == "delivery" else "device", 0)
    match event.kind:
        case "delivery" if event.phase == "answered":
            return (
                f"{at} {event.target or event.platform or '-':<10} {event.status:<6} {ms:>6.1f} "
                f"{event.type or '-':<12} {event.device or '-':<8} {why(event)}"
            )
        case "ack" if event.id:
            return (
                f"{at} {event.target:<10} {'seen':<6} {ms:>6.0f} {event.type:<12} {'':<8} "
                "by the phone itself"
            )
        case "alarm":
            target = f"{event.target} " if event.target else ""
            return f"{at} ALARM   {target}{event.reason}: {event.message}"
        case "gap":
            return f"{at} --      {event.status} events missed: {event.message}"
        case "state" if event.status != "alive":
            return f"{at} --      worker {event.status}"
        case _:
            return ""


def why(event: Event) -> str:
    """Return why a delivery ended as it did, in as few words as will do."""
    tries = f" after {event.tries} tries" if event.tries > 1 else ""
    return f"{event.reason or event.http or ''}{tries}"


def clock(at: str) -> str:
    """Return the local time of day of an event's timestamp, to the millisecond."""
    try:
        local = datetime.fromisoformat(at).astimezone()
    except ValueError:
        return clean(at, 12)
    return local.strftime("%H:%M:%S.") + f"{local.microsecond // 1000:03}"
