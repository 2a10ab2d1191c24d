"""What is wrong, or just as it should be: the one record for it, whoever found it.

A check, a configuration, a credential, the settings' advice and an error all tell it in this
shape, and whatever shows it reads this shape alone. Pure.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from mmpush_tui.text import presentable

OK: Final = "ok"
"""The code of what is as it should be."""
_TEXT_LIMIT: Final = 200
_LIST_LIMIT: Final = 12
_DEPTH_LIMIT: Final = 6


class Severity(StrEnum):
    """What a finding asks for."""

    PASS = "pass"  # noqa: S105 - a word
    """Nothing: it is as it should be."""
    INFO = "info"
    """Nothing: a fact to know."""
    WARN = "warn"
    """A look: it works, and should not stay so."""
    FAIL = "fail"
    """A repair: something does not work."""
    SKIP = "skip"
    """Nothing was looked at."""


class Confidence(StrEnum):
    """How sure a finding is of its cause."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was found. Its texts and its evidence are safe to show as they are.

    Attributes:
        severity: what it asks for.
        code: a stable name, by which the troubleshooting catalogue knows it.
        message: what was observed: a clause without a full stop, or whole sentences.
        summary: what is broken, as a sentence; empty where the message says it.
        why: what it means or rests on, one clause each.
        fix: what to change, in one or two sentences; empty where nothing is to be done.
        see: code of the catalogue's entry about it; empty where the code leads there.
        confidence: how sure it is of the cause.
        about: what it is about: a target, a setting, a field; empty for the whole.
        evidence: what was seen, as it came, by name.
    """

    severity: Severity = msgspec.field(name="status")
    code: str = ""
    message: str
    summary: str = ""
    why: tuple[str, ...] = ()
    fix: str = ""
    see: str = ""
    confidence: Confidence = Confidence.CERTAIN
    about: str = msgspec.field(default="", name="target")
    evidence: Mapping[str, Any] = {}

    def __post_init__(self) -> None:
        # Others' words stand in these: paths, names, what a peer answered.
        put = msgspec.structs.force_setattr
        put(self, "message", presentable(self.message))
        put(self, "summary", presentable(self.summary))
        put(self, "why", tuple(presentable(clause) for clause in self.why if clause))
        put(self, "fix", presentable(self.fix))
        put(self, "evidence", evident(self.evidence))

    @property
    def sentence(self) -> str:
        """What was observed and why, with a full stop."""
        text = ": ".join(filter(None, (self.message, "; ".join(self.why))))
        # Two of them stand behind a token that was shortened.
        return text if text.endswith(".") and not text.endswith("..") else f"{text}."

    def line(self) -> str:
        """Return all of it as one line: what, why, and what to do."""
        return f"{self.sentence} {self.fix}".rstrip()


def passed(message: str, **evidence: Any) -> Finding:
    """Return the finding that all is as it should be."""
    return Finding(severity=Severity.PASS, code=OK, message=message, evidence=evidence)


def warning(code: str, message: str) -> Finding:
    """Return the finding that something is tolerated, or works for now, and should be mended."""
    return Finding(severity=Severity.WARN, code=code, message=message)


def failed(message: str, fix: str = "") -> Finding:
    """Return the finding that something does not work, which the catalogue has no entry about."""
    return Finding(severity=Severity.FAIL, message=message, fix=fix)


def evident(value: Any, depth: int = 0) -> Any:
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
            items = {presentable(key, 60): evident(item, depth + 1) for key, item in value.items()}
            return {key: item for key, item in items.items() if item not in ("", None)}
        case list() | tuple():
            return [evident(item, depth + 1) for item in value[:_LIST_LIMIT]]
        case _:
            return presentable(value, _TEXT_LIMIT)
