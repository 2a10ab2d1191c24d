"""Which entry of the catalogue explains a pasted line, a machine reason or a code.

Pure but for the catalogue's own file. The pasted text is hostile: it is cut first, searched with
plain substring searches only, whose time grows with its length, and never echoed; what leaves
here is text of the catalogue, and the query as :func:`shown_query` makes it.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final

import msgspec

from mmpush_tui.text import clean, clip, redact
from mmpush_tui.troubleshooting.catalogue import GAP, SCHEMA, Entry, entries

TEXT_LIMIT: Final = 64 * 1024
"""Characters looked at; what lies beyond is not searched."""
GAP_LIMIT: Final = 400
"""Characters that a gap may span, so that two unrelated lines of a paste do not add up."""
QUERY_LIMIT: Final = 1000
"""Characters of the query that are shown again."""

_REASON_BONUS: Final = 10
_CODE_BONUS: Final = 100


class How(StrEnum):
    """By what an entry was found."""

    CODE = "code"
    """The text is its code."""
    REASON = "reason"
    """The text is, or names as ``reason=``, one of its machine reasons."""
    SYMPTOM = "symptom"
    """The text holds one of its symptoms."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that explains a text.

    Attributes:
        entry: the entry.
        how: by what it was found.
        matched: the code, reason or symptom, as the catalogue has it.
        score: characters that agreed, more for a reason or code; only good for comparing
            matches of one text, and of entries that are equally vague.
    """

    entry: Entry
    how: How
    matched: str
    score: int

    def to_dict(self) -> dict[str, Any]:
        """Return the entry's fields and those of the match side by side, ready for JSON."""
        how = {"score": self.score, "matched": self.matched, "how": self.how.value}
        return self.entry.to_dict() | how


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue knows about a text.

    Attributes:
        query: the text, cut, cleaned and redacted.
        matches: entries that explain it, the best first.
        suggestions: where nothing matches, entries that share words with it; a guess.
    """

    query: str
    matches: tuple[Match, ...]
    suggestions: tuple[Entry, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as JSON-ready data of schema 1."""
        return {
            "schema": SCHEMA,
            "kind": "explanation",
            "query": self.query,
            "matches": [match.to_dict() for match in self.matches],
            "suggestions": [
                {"code": entry.code, "title": entry.title, "hop": entry.hop.value}
                for entry in self.suggestions
            ],
        }


def explain(text: str, limit: int = 3) -> Explanation:
    """Return what the catalogue knows about ``text``: a log line, several, a reason or a code."""
    matches = find_entries(text, limit)
    suggestions = () if matches else suggest(text, limit)
    return Explanation(
        query=shown_query(text), matches=tuple(matches), suggestions=tuple(suggestions)
    )


def find_entries(text: str, limit: int = 3) -> list[Match]:
    """Return the entries that explain ``text``, the best first, at most ``limit``.

    The longest symptom or reason of the least vague entries wins. Entries of the other platform
    give way where the text speaks of one only, and of two symptoms alike the one in the text's
    own case goes first. Quotes escaped for JSON, line breaks and the letters' case make no
    difference.
    """
    views = _views(text)
    if not views:
        return []
    platform = _platform_in(views[0].lower())
    best: dict[str, tuple[tuple[int, bool, int, bool], Match]] = {}
    for match, is_exact in (*_by_machine_word(views, platform), *_by_symptom(views)):
        entry = match.entry
        is_other = bool(platform and entry.platform and entry.platform != platform)
        rank = (-entry.vague, not is_other, match.score, is_exact)
        if entry.code not in best or rank > best[entry.code][0]:
            best[entry.code] = (rank, match)
    ranked = sorted(best.values(), key=lambda scored: scored[0], reverse=True)
    return [match for _, match in ranked[: max(limit, 0)]]


def by_code(code: str) -> Entry | None:
    """Return the entry with this code."""
    return _codes().get(code)


def by_reason(reason: str, *, platform: str = "") -> Entry | None:
    """Return the entry for a machine word: a vendor's reason, or the code of an event or check.

    Args:
        reason: the word, exactly as written: ``Unregistered`` is Apple's, ``UNREGISTERED``
            Google's. A code of the catalogue is found too, since a check may name one.
        platform: whose word it is, as ``apple``, ``android``, a target's type or
            ``apns/apple_rn``; an entry of the other platform is never returned. Empty where it
            is not known.
    """
    family = _family(platform)
    candidates = [_reasons().get((reason, family)), _reasons().get((reason, ""))]
    if not family:
        candidates += [_reasons().get((reason, name)) for name in ("apple", "android")]
    return next((entry for entry in candidates if entry is not None), None) or by_code(reason)


def suggest(text: str, limit: int = 3) -> list[Entry]:
    """Return entries that share words with ``text``: a guess, and to be called one.

    Two words must agree, or one where the text has no more than three; words that many entries
    hold do not count.
    """
    words = {word for view in _views(text)[:1] for word in _words(view)}
    needed = 1 if len(words) <= 3 else 2
    scored = []
    for order, (entry, weights) in enumerate(_vocabulary()):
        shared = [weights[word] for word in words if word in weights]
        if len(shared) >= needed:
            scored.append((-sum(shared), order, entry))
    return [entry for _, _, entry in sorted(scored, key=lambda item: item[:2])[: max(limit, 0)]]


_RUN: Final = re.compile(r"[\w:-]{20,}")
_SURELY_A_TOKEN: Final = 32


def shown_query(text: str) -> str:
    """Return ``text`` fit to be shown again: cut, cleaned, and without anything like a token.

    Stricter than :func:`redact`, because a terminal may have broken a token in two: here every
    long run of a token's characters is shortened, words without a digit only if very long.
    """
    cut = text[: QUERY_LIMIT * 2]
    if len(text) > len(cut):
        # Half a token at the cut would be too short to be recognised as one.
        cut = " ".join(cut.split()[:-1])
    return clip(_RUN.sub(_shortened, redact(clean(cut, QUERY_LIMIT * 2))), QUERY_LIMIT)


def _shortened(run: re.Match[str]) -> str:
    word = run[0]
    is_token = len(word) >= _SURELY_A_TOKEN or any(char.isdigit() for char in word)
    return f"{word[:6]}.." if is_token else word


# Escapes of JSON in JSON in a log collector's JSON; the bound keeps a run of backslashes cheap.
_ESCAPED: Final = re.compile(r"\\{1,8}(?:u00(2[267]|3[ce])|([\"'/])|[nrt])", re.IGNORECASE)
_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]{0,20}[A-Za-z]")
_SPACES: Final = re.compile(r"\s+")
_QUOTES: Final = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00ab": '"', "\u00bb": '"'}
)


def _plain(text: str) -> str:
    """Return ``text`` on one line, unescaped and without what cannot be seen.

    ``text.clean`` would not do: it drops what follows an unfinished terminal sequence, and with
    that the line to be explained. Nothing of this reaches a terminal.
    """
    text = _COLOUR.sub("", text).translate(_QUOTES)
    if not text.isprintable():
        text = "".join(
            char if char.isprintable() else " " if char.isspace() else "" for char in text
        )
    return _SPACES.sub(" ", _ESCAPED.sub(_unescaped, text)).replace('": ', '":').strip()


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else match[2] or " "


def _views(text: str) -> list[str]:
    """Return the text as one plain line, and once more for lines broken inside a word."""
    text = text[:TEXT_LIMIT]
    lines = text.splitlines()
    joined = ["".join(line.strip() for line in lines)] if len(lines) > 1 else []
    views = [_plain(view) for view in (text, *joined)]
    return [view for view in views if view]


class _Needle(msgspec.Struct, frozen=True):
    entry: Entry
    symptom: str
    exact: tuple[str, ...]
    folded: tuple[str, ...]


@cache
def _needles() -> tuple[_Needle, ...]:
    needles = []
    for entry in entries():
        for symptom in entry.symptoms:
            halves = tuple(half.strip() for half in _plain(symptom).split(GAP))
            folded = tuple(half.lower() for half in halves)
            needles.append(_Needle(entry, symptom, halves, folded))
    return tuple(needles)


def _by_symptom(views: list[str]) -> Iterator[tuple[Match, bool]]:
    folded = [view.lower() for view in views]
    for needle in _needles():
        if any(_holds(view, needle.folded) for view in folded):
            score = sum(map(len, needle.folded))
            match = Match(entry=needle.entry, how=How.SYMPTOM, matched=needle.symptom, score=score)
            yield match, any(_holds(view, needle.exact) for view in views)


def _holds(text: str, halves: tuple[str, ...]) -> bool:
    if len(halves) == 1:
        return halves[0] in text
    first, second = halves
    at = text.find(second)
    while at >= 0:
        if text.rfind(first, max(at - GAP_LIMIT - len(first), 0), at) >= 0:
            return True
        at = text.find(second, at + 1)
    return False


_NAMED: Final = re.compile(
    r"\b(?:reason|error_?code|code)\"?\s?[=:]\s?\"?([a-z][\w.-]{1,63})", re.IGNORECASE | re.ASCII
)
_WORD: Final = re.compile(r"[A-Za-z][\w.-]{1,63}", re.ASCII)


def _by_machine_word(views: list[str], platform: str) -> Iterator[tuple[Match, bool]]:
    words = {word for view in views for word in _NAMED.findall(view)}
    if _WORD.fullmatch(view := views[0]):
        words.add(view)
        if entry := by_code(view.lower()):
            score = len(view) + _CODE_BONUS
            yield Match(entry=entry, how=How.CODE, matched=entry.code, score=score), True
    for word in sorted(words):
        folded = (word.lower(), platform)
        if entry := by_reason(word, platform=platform) or _folded_reasons().get(folded):
            names = (*entry.reasons, entry.code)
            matched = next(reason for reason in names if reason.lower() == folded[0])
            score = len(word) + _REASON_BONUS
            yield Match(entry=entry, how=How.REASON, matched=matched, score=score), True


@cache
def _codes() -> Mapping[str, Entry]:
    return {entry.code: entry for entry in entries()}


@cache
def _reasons() -> Mapping[tuple[str, str], Entry]:
    return {(reason, entry.platform): entry for entry in entries() for reason in entry.reasons}


@cache
def _folded_reasons() -> Mapping[tuple[str, str], Entry]:
    return {(reason.lower(), family): entry for (reason, family), entry in _reasons().items()}


_FAMILIES: Final = {"apple": ("apple", "apns"), "android": ("android", "fcm", "firebase")}


def _family(platform: str) -> str:
    word = platform.lower()
    return next((name for name, heads in _FAMILIES.items() if word.startswith(heads)), "")


def _platform_in(folded: str) -> str:
    platforms = [name for name, words in _FAMILIES.items() if any(word in folded for word in words)]
    return platforms[0] if len(platforms) == 1 else ""


_TERMS: Final = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}|[0-9]{3,}")


def _words(text: str) -> set[str]:
    return {word.lower() for word in _TERMS.findall(text)}


@cache
def _vocabulary() -> tuple[tuple[Entry, Mapping[str, float]], ...]:
    """Return each entry with the words it is known by and how much each of them says."""
    vocabulary = [
        (entry, _words(" ".join((entry.code, entry.title, *entry.symptoms, *entry.reasons))))
        for entry in entries()
    ]
    counts = Counter(word for _, words in vocabulary for word in words)
    # A word that every eighth entry holds says nothing about any of them.
    common = len(vocabulary) / 8
    return tuple(
        (
            entry,
            {
                word: math.log(len(vocabulary) / counts[word])
                for word in words
                if counts[word] <= common
            },
        )
        for entry, words in vocabulary
    )
