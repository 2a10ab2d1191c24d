"""The rules that the catalogue's files keep beside their shape."""

import re
import tomllib
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from importlib import resources
from typing import Any, Final, TypeVar

import msgspec

from mmpush_tui.findings import Severity
from mmpush_tui.troubleshooting.catalogue import GAP, GENERIC, Entry, parse_catalogue

_HALF_AT_LEAST: Final = 4
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")

_Item = TypeVar("_Item", bound=Hashable)


def texts() -> list[str]:
    """Return the catalogue's own files."""
    folder = resources.files("mmpush_tui.troubleshooting").joinpath("entries")
    return [file.read_text(encoding="utf-8") for file in folder.iterdir()]


def complaints(*files: str) -> list[str]:
    """Return which rules ``files`` break; an entry's own begin with its code."""
    try:
        book = parse_catalogue(*files)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        return [str(error)]
    return [*_complaints(book), *_written_twice([tomllib.loads(text) for text in files])]


def _written_twice(documents: Sequence[Any]) -> list[str]:
    """Complain of what findings are to say that stands in the files more than once."""
    fixes = [
        " ".join(fix.split())
        for document in documents
        for entry in document.get("entry", ())
        for fix in (*entry.get("fix", ()), *(it.get("fix") for it in entry.get("finding", ())))
        if fix
    ]
    return [
        f"the fix {fix!r} is there twice, make it a shared step"
        for fix in _twice(fixes)
        if not _PLACE.fullmatch(fix)
    ]


def _complaints(book: Sequence[Entry]) -> Iterator[str]:
    if not book:
        yield "no entry"
    codes = [entry.code for entry in book]
    yield from (f"{code} is there twice" for code in _twice(codes))
    reasons = [(reason, entry.platform) for entry in book for reason in entry.reasons]
    yield from (f"reason {reason} has two entries" for reason, _ in _twice(reasons))
    symptoms = [symptom.lower() for entry in book for symptom in entry.symptoms]
    yield from (f"symptom {symptom!r} is there twice" for symptom in _twice(symptoms))
    wordings = [(words.code, words.at, entry.platform) for entry in book for words in entry.finding]
    yield from (f"what {code} says at {at!r} is there twice" for code, at, _ in _twice(wordings))
    advice = [(note.code, note.case) for entry in book for note in entry.note]
    yield from (f"the note {code} {case!r} is there twice" for code, case in _twice(advice))
    for entry in book:
        yield from (f"{entry.code}: {complaint}" for complaint in _complaints_of(entry, codes))


def _complaints_of(entry: Entry, codes: list[str]) -> Iterator[str]:
    if not entry.code.startswith(f"{entry.hop}-"):
        yield f"the code does not begin with its hop {entry.hop}"
    if entry.severity not in (Severity.INFO, Severity.WARN, Severity.FAIL):
        yield f"severity {entry.severity} is for checks"
    if not entry.symptoms and not entry.reasons:
        yield "neither symptom nor reason: nothing could find it"
    for other in entry.see:
        if other not in codes or other == entry.code:
            yield f"see {other} leads nowhere"
    for symptom in entry.symptoms:
        halves = [half.strip() for half in symptom.split(GAP)]
        if len(halves) > 2 or min(map(len, halves)) < _HALF_AT_LEAST:
            yield f"symptom {symptom!r}: at most one gap, {_HALF_AT_LEAST} characters beside it"
    texts = [text for it in entry.finding for text in (it.summary, it.why, it.fix) if text]
    for place in _PLACE.findall(" ".join((*texts, *entry.fix))):
        if place not in GENERIC:
            yield f"nothing stands for {{{place}}}"
    strangers = {note.code for note in entry.note} - {*entry.reasons}
    yield from (f"the note {code} is of none of its reasons" for code in sorted(strangers))
    if any(note.severity not in (Severity.INFO, Severity.WARN) for note in entry.note):
        yield "a note is no failure"
    prose = (
        *texts,
        *(note.message for note in entry.note),
        entry.title,
        entry.cause,
        entry.fixed_when,
        *entry.fix,
        *entry.symptoms,
    )
    # A terminal of any encoding can show it, and nobody has to type a curly quote to find it.
    yield from (f"not plain ASCII: {text!r}" for text in prose if not text.isascii())


def _twice(items: Iterable[_Item]) -> list[_Item]:
    return [item for item, count in Counter(items).items() if count > 1]
