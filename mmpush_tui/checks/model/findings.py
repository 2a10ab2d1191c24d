"""What one look found, before it has an id and a time: pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mmpush_tui.checks.model.report import Confidence, Status
from mmpush_tui.text import presentable

OK: Final = "ok"
"""The code of every check that passed."""
_TEXT_LIMIT: Final = 200
_LIST_LIMIT: Final = 12
_DEPTH_LIMIT: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one check ended.

    Attributes:
        status: how it ended.
        code: stable name of what was found; see ``words``.
        message: it, in one clause.
        why: what it means or rests on, one clause each.
        fix: what to change, in one or two sentences; empty where nothing is to be done.
        see: code of the catalogue's entry about it, or empty.
        evidence: what was seen, as it came.
        summary: what is broken, as a sentence: the verdict where this decides.
        confidence: how sure that is.
        needs: id of the check that this one could not do without, where it was skipped.
    """

    status: Status
    code: str
    message: str
    why: tuple[str, ...] = ()
    fix: str = ""
    see: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    confidence: Confidence = Confidence.CERTAIN
    needs: str = ""


def passed(message: str, **evidence: Any) -> Finding:
    """Return the finding that all is as it should be."""
    return Finding(status=Status.PASS, code=OK, message=message, evidence=evidence)


def shown(value: Any, depth: int = 0) -> Any:
    """Return evidence fit for every output: cleaned, redacted, bounded.

    What is empty vanishes from mappings, so that nobody has to read that there was nothing.

    Args:
        value: what was seen.
        depth: how many lists and mappings it stands in; a peer's JSON may be nested at will.
    """
    if depth > _DEPTH_LIMIT:
        return "…"
    match value:
        case bool() | int() | float() | None:
            return value
        case Mapping():
            # A list may well be as empty as it was.
            items = {presentable(key, 60): shown(item, depth + 1) for key, item in value.items()}
            return {key: item for key, item in items.items() if item not in ("", None)}
        case list() | tuple():
            return [shown(item, depth + 1) for item in value[:_LIST_LIMIT]]
        case _:
            return presentable(value, _TEXT_LIMIT)
