"""What the Worker screen says about worker and journey, as rows of text. Pure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from textual.content import Content

from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.safe import Part, content, hanging, lines
from mmpush_tui.console.worker.desk import Phase, WorkerView
from mmpush_tui.paths import short_path
from mmpush_tui.protocol.status import Status, TargetStatus
from mmpush_tui.watching.journey import Journey, JourneyVerdict
from mmpush_tui.watching.lines import duration
from mmpush_tui.watching.rates import Reading

_VERDICT_STYLES: Final = {
    JourneyVerdict.DELIVERED: "bold $success",
    JourneyVerdict.ACCEPTED: "$success",
    JourneyVerdict.REMOVED: "bold $warning",
    JourneyVerdict.FAILED: "bold $error",
}
_MOST_SHOWN: Final = 2
_MEANING_BESIDE_FROM: Final = 70
"""Cells from which what a journey means has room beside its heading."""


def state(view: WorkerView, width: int) -> Content:
    """Return what stands above the log: trouble first, then what the worker serves."""
    rows: list[Content] = []
    if view.refusal:
        rows.append(hanging((("FAIL  ", "bold $error"),), view.refusal, width))
    if view.phase is Phase.LOST:
        rows.append(hanging((("FAIL  ", "bold $error"),), view.silence, width))
        keys: tuple[Part, ...] = ("      Trying again. ", ("s", "bold $primary"), " starts one")
        if view.others:
            keys += (", ", ("a", "bold $primary"), " shows another that runs here")
        rows.append(content(*keys, "."))
    if view.status is not None:
        rows.append(_serving(view.status, width))
        rows += _trouble(view.status, width)
    return lines(*rows)


def idle(view: WorkerView, options: ConsoleOptions, width: int) -> Content:
    """Return what stands above the log of a worker that is no more."""
    if view.phase is Phase.STARTING:
        return content(("The worker is starting.", "$quiet"))
    if view.phase is not Phase.NONE:
        return content("")
    if len(view.others) > 1:
        count = f"{len(view.others)} workers run on this host. "
        return content(count, ("a", "bold $primary"), " chooses which of them is shown.")
    keys = content("No worker runs here. ", ("s", "bold $primary"), " starts one.")
    return (keys if options.config else content("No worker runs here.")).truncate(width)


def _serving(status: Status, width: int) -> Content:
    """Return what is served from which file, the file only where it fits whole."""
    ready = ", ".join(target.type for target in status.targets if target.state == "ready")
    serving = content(("serving ", "$quiet"), ready or "no target")
    whole = serving + content(("   config ", "$quiet"), short_path(status.config))
    line = whole if whole.cell_length <= width else serving
    return line.truncate(width, ellipsis=True)


def _trouble(status: Status, width: int) -> list[Content]:
    """Return what keeps targets from sending, or from removing phones."""
    troubles = [
        (f"{target.type} {words}  ", reason)
        for target in status.targets
        for words, reason in _troubles(target)
    ]
    rows = [
        hanging(((words, "bold $warning"),), reason, width)
        for words, reason in troubles[:_MOST_SHOWN]
    ]
    if (more := len(troubles) - _MOST_SHOWN) > 0:
        rows.append(content((f"and {more} more in trouble", "bold $warning")))
    return rows


def _troubles(target: TargetStatus) -> list[tuple[str, str]]:
    if target.state != "ready":
        return [("cannot send", target.reason)]
    troubles = []
    if target.breaker != "closed":
        when = f"tried again in {target.again_in_s:.0f} s" if target.again_in_s else "a push tries"
        troubles.append(("is away", f"{target.cause}; {when}"))
    if target.held_removals:
        words = (
            f"{target.held_removals} removals, because every device is refused; "
            f"mmpush-tui release {target.type} lets them pass"
        )
        troubles.append(("holds back", words))
    return troubles


def empty(view: WorkerView, options: ConsoleOptions, width: int) -> Content:
    """Return what stands where the log would, while there is no worker."""
    if view.phase is Phase.STARTING:
        return content(("The worker is starting.", "$quiet"))
    if options.is_demo:
        text = "The demo starts: Apple, Google, Mattermost and phones of its own."
        return hanging((), text, width)
    rows: list[Content] = []
    if len(view.others) > 1:
        rows += [hanging((), f"{len(view.others)} workers run on this host.", width), content("")]
        rows.append(_key("a", "choose which of them is shown", width))
    else:
        rows += [hanging((), "No push proxy worker runs on this host.", width), content("")]
    if options.config is not None:
        rows.append(_key("s", f"start one from {short_path(options.config)}", width))
        rows.append(content(""))
        text = (
            "It is a process of its own: it goes on when this console, the terminal or the SSH "
            "session ends, and the next console finds it again."
        )
        rows.append(hanging((("      ", ""),), text, width))
    else:
        rows.append(_key("5", "make a configuration, one question a page", width))
    return lines(*rows)


def _key(key: str, text: str, width: int) -> Content:
    return hanging((("  ", ""), (f"{key}   ", "bold $primary")), text, width)


def counters(
    status: Status, rates: Reading, width: int
) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Return both ends of the line of counters: rates as far as they fit, and the total."""
    bad = "bold $error" if rates.failed_per_s else ""
    total = ("all", str(status.counts.received), "")
    groups = [
        ("in", f"{rates.arrived_per_s:.1f}/s", ""),
        ("ok", f"{rates.ok_per_s:.1f}/s", ""),
        ("removed", f"{rates.removed_per_s:.1f}/s", ""),
        ("failed", f"{rates.failed_per_s:.1f}/s", bad),
        ("p95", duration(rates.p95_ms) if rates.p95_ms is not None else "-", ""),
    ]
    if status.in_flight:
        groups.append(("under way", str(status.in_flight), ""))
    # What goes first where there is no room: what can be read elsewhere, too.
    for name in ("p95", "removed", "under way", "in"):
        if _cells([*groups, total]) > width:
            groups = [group for group in groups if group[0] != name]
    return _parts(groups), _parts([total])


def _cells(groups: Sequence[tuple[str, str, str]]) -> int:
    return sum(len(name) + len(value) + 3 for name, value, _ in groups)


def _parts(groups: Sequence[tuple[str, str, str]]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for number, (name, value, style) in enumerate(groups):
        gap = "  " if number else ""
        parts += [(f"{gap}{name} ", "$quiet"), (value, style)]
    return tuple(parts)


def journey_rows(journey: Journey, width: int) -> Content:
    """Return the steps of one delivery, what they mean, and what to do."""
    verdict = (journey.verdict.value, _VERDICT_STYLES.get(journey.verdict, "bold"))
    rows = [hanging((), journey.head, width, verdict)]
    rows += [hanging(((f"{step.at:>13}  ", "$quiet"),), step.text, width) for step in journey.steps]
    head: Part = ("What this means  ", "bold")
    if width < _MEANING_BESIDE_FROM:
        rows.append(content(head))
        head = "  "
    rows.append(hanging((head,), journey.meaning, width))
    if journey.entry is not None:
        rows.append(content(("What to do", "bold")))
        rows += [
            hanging(((f" {number}. ", "bold"),), step, width)
            for number, step in enumerate(journey.entry.steps, 1)
        ]
    return lines(*rows)


def describe_worker(control: Path, status: Status | None, *, is_shown: bool) -> str:
    """Return a worker in one line, to be chosen among others."""
    if status is None:
        return f"does not answer  {short_path(control)}"
    here = "  (shown now)" if is_shown else ""
    return f"{status.listen.removeprefix('http://')}  {short_path(status.config)}{here}"
