"""What a finding, a note or an error says about its code: the catalogue's words. Pure."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from mmpush_tui.findings import Confidence, Finding
from mmpush_tui.text import presentable
from mmpush_tui.troubleshooting.catalogue import GENERIC, Entry, Note, Wording, entries, filled

_LIMIT: Final = 400


class Words(NamedTuple):
    """What is said, with names in braces where a place is to be filled.

    Attributes:
        summary: what is broken, as a sentence.
        why: what it means, as a clause; empty where it speaks for itself.
        fix: what to change.
        confidence: how sure the summary is of the cause.
        see: code of the entry that has more to say.
    """

    summary: str
    why: str
    fix: str
    confidence: Confidence
    see: str

    def at(self, places: Mapping[str, object]) -> "Words":
        """Return them filled with what is known, cleaned."""
        summary, why, fix = (
            presentable(filled(text, places), _LIMIT) for text in (self.summary, self.why, self.fix)
        )
        return self._replace(summary=summary[:1].upper() + summary[1:], why=why, fix=fix)


def codes() -> tuple[str, ...]:
    """Return every code that has words of its own; cases within a code, with a dot, are none."""
    return tuple(dict.fromkeys(code for code, _, _ in _wordings() if "." not in code))


@cache
def words_for(code: str, *, at: str = "", platform: str = "") -> Words | None:
    """Return what is said about ``code``; None where the catalogue has no words for it.

    Args:
        code: of a finding.
        at: whose the other end is, as in :class:`~.catalogue.Wording`.
        platform: ``apple`` or ``android``, where it is of one.
    """
    rows = [row for place in (at, "") if (row := _find(code, place, platform))]
    if not rows:
        return None
    (entry, special), (last, general) = rows[0], rows[-1]

    def value_of(name: str) -> Any:
        own = getattr(special, name)
        return getattr(general, name) if own is None else own

    return Words(
        summary=value_of("summary") or f"{last.title}.",
        why=value_of("why") or "",
        fix=value_of("fix") or last.fix[0],
        confidence=value_of("confidence") or Confidence.CERTAIN,
        see=entry.code,
    )


def fix_of(code: str, places: Mapping[str, object]) -> str:
    """Return what to do about an error with this code; empty where the catalogue has no words.

    Args:
        code: of the error.
        places: what the names in braces stand for; what is missing is said in general.
    """
    words = words_for(code)
    return filled(words.fix, {**GENERIC, **places}) if words else ""


def note_of(code: str, case: str = "", **places: object) -> Finding:
    """Return the advice with this code.

    Args:
        code: of the advice; the catalogue has words for it.
        case: which of the code's states it is about, as in :class:`~.catalogue.Note`.
        places: what the names in braces stand for.
    """
    note = notes_by_case()[code, case]
    message = filled(note.message, places)
    return Finding(severity=note.severity, code=code, message=message)


@cache
def notes_by_case() -> Mapping[tuple[str, str], Note]:
    """Return every note, by its code and its case."""
    return {(note.code, note.case): note for entry in entries() for note in entry.note}


def _find(code: str, at: str, platform: str) -> tuple[Entry, Wording] | None:
    table = _wordings()
    return table.get((code, at, platform)) or table.get((code, at, ""))


@cache
def _wordings() -> Mapping[tuple[str, str, str], tuple[Entry, Wording]]:
    return {
        (wording.code, wording.at, entry.platform): (entry, wording)
        for entry in entries()
        for wording in entry.finding
    }
