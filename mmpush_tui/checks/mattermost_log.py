"""What Mattermost's own log says about pushes: the server's view, where the log can be read."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mmpush_tui.checks.model.report import Stage
from mmpush_tui.checks.model.target import TargetKind, TargetPlan
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Confidence, Finding, Severity, passed
from mmpush_tui.settings.sources import rewrite
from mmpush_tui.text import clean, presentable
from mmpush_tui.troubleshooting.catalogue import Entry
from mmpush_tui.troubleshooting.lookup import find_entries

WITHIN: Final = timedelta(hours=1)
TARGET: Final = "mattermost-log"
_TAIL: Final = 512 * 1024
_LINE: Final = 4000
_NAMES: Final = ("mattermost.log", "notifications.log")
_PUSH: Final = re.compile(r"push|notification", re.IGNORECASE)
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?\s?(Z|[+-]\d\d:?\d\d)?")


def of_config(config_file: Path) -> Finding | None:
    """Return what the log of the server says whose configuration this is; see :func:`read_log`."""
    try:
        document = json.loads(rewrite.read_config_file(config_file).data.decode("utf-8-sig"))
    except (ConfigError, ValueError, RecursionError):
        return None
    paths = where(config_file, document) if isinstance(document, dict) else []
    return read_log(paths, datetime.now(UTC)) if paths else None


def where(config_file: Path, document: Mapping[str, Any]) -> list[Path]:
    """Return the log files of a server, those that are there.

    Args:
        config_file: its config.json.
        document: what that holds.
    """
    section = document.get("LogSettings")
    named = section.get("FileLocation") if isinstance(section, dict) else ""
    # The server's own default: logs, in the folder that it is started in.
    home = config_file.resolve().parent.parent
    folder = home / (named if isinstance(named, str) and named else "logs")
    # Unlike Path.is_file this is false, and no error, for a folder that may not be entered.
    return [folder / name for name in _NAMES if os.path.isfile(folder / name)]


def read_log(paths: list[Path], now: datetime) -> Finding | None:
    """Return what the logs say about pushes within the last hour; None where none can be read.

    Reads files: not for the event loop.
    """
    texts = []
    begins = []
    for path in paths:
        try:
            with path.open("rb") as file:
                before = max(os.fstat(file.fileno()).st_size - _TAIL, 0)
                file.seek(before)
                text = file.read(_TAIL).decode("utf-8", "replace")
        except OSError:
            continue
        texts.append(text)
        if before and (begin := _begin(text)):
            begins.append(begin)
    if not texts:
        return None
    return judge_log("\n".join(texts), now, str(paths[0]), since=max(begins, default=None))


def judge_log(text: str, now: datetime, at: str, since: datetime | None = None) -> Finding:
    """Return what lines of a log say: pure.

    Args:
        text: the end of the log.
        now: what the hour counts back from.
        at: where it is, for people.
        since: when the text begins, where the log has more before it.
    """
    counts: Counter[str] = Counter()
    entries: dict[str, tuple[Entry, datetime]] = {}
    for when, line in _recent(text, now):
        for match in find_entries(line, 1):
            entry = match.entry
            if entry.severity is not Severity.INFO:
                counts[entry.code] += 1
                entries[entry.code] = entry, when
    if not counts and since is not None and since > now - WITHIN:
        # A busy server writes more within an hour than is read.
        message = f"no push failed since {since:%H:%M:%S} UTC, says the end of Mattermost's log"
        return passed(message, log=at)
    if not counts:
        return passed("no push failed within the last hour, says Mattermost's log", log=at)
    code, count = counts.most_common(1)[0]
    entry, when = entries[code]
    times = "one line" if count == 1 else f"{count} lines"
    title = clean(entry.title, 120)
    return Finding(
        severity=Severity.WARN,
        code="log_failures",
        message=f"{times} within the last hour, the latest at {when:%H:%M:%S} UTC: {title}",
        fix=presentable(entry.steps[0], 400),
        see=entry.code,
        summary=f"Mattermost's log tells of pushes that fail: {title}.",
        confidence=Confidence.LIKELY,
        evidence={"log": at, "lines": dict(counts)},
    )


def log_target(finding: Finding) -> TargetPlan:
    """Return what the log said as a target of a check run."""
    return TargetPlan(
        target=TARGET, title="Mattermost's own log", who="Mattermost's log",
        kind=TargetKind.MATTERMOST, config=finding, told_at=Stage.APP,
    )  # fmt: skip


def _recent(text: str, now: datetime) -> Iterator[tuple[datetime, str]]:
    for line in text.splitlines():
        if not _PUSH.search(line):
            continue
        when = _when(line[:_LINE])
        if when is not None and now - WITHIN <= when <= now + WITHIN:
            yield when, line[:_LINE]


def _begin(text: str) -> datetime | None:
    """Return the time of the first whole line of a log's end that has one."""
    whole = (line[:_LINE] for line in text.splitlines()[1:])
    return next((when for line in whole if (when := _when(line)) is not None), None)


def _when(line: str) -> datetime | None:
    text: Any = line
    if line.startswith("{"):
        try:
            text = json.loads(line).get("timestamp", "")
        except (ValueError, AttributeError, RecursionError):
            text = line
    match = _TIME.search(text if isinstance(text, str) else "")
    if match is None:
        return None
    try:
        when = datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or 'Z'}")
        return when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
