"""The troubleshooting catalogue: symptom, cause and fix as records, read from package data.

The records are in ``catalogue.toml`` beside this module. A file that breaks a rule is a fault of
this program and never of its user, so :func:`parse` refuses it whole. Matching is in ``lookup``.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from mmpush_tui.findings import Severity

SCHEMA: Final = 1
GAP: Final = "*"
"""Stands in a symptom for whatever lies between its two halves."""

_CODE: Final = r"^[a-z0-9]+(-[a-z0-9]+)+$"
_HALF_AT_LEAST: Final = 4
_SYMPTOM_AT_LEAST: Final = 8
_SPACES: Final = re.compile(r"\s+")

_Item = TypeVar("_Item", bound=Hashable)

Code = Annotated[str, msgspec.Meta(pattern=_CODE, max_length=48)]
Clause = Annotated[str, msgspec.Meta(min_length=8, max_length=80)]
Prose = Annotated[str, msgspec.Meta(min_length=8, max_length=500)]
Symptom = Annotated[str, msgspec.Meta(min_length=_SYMPTOM_AT_LEAST, max_length=120)]
Reason = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{1,63}$")]
Link = Annotated[str, msgspec.Meta(pattern=r"^https://[!-~]+$")]


class CatalogueError(ValueError):
    """The catalogue breaks one of its own rules; the message names the entry."""


class Hop(StrEnum):
    """Where on the way of a push the cause lies, in the order of that way."""

    SETTINGS = "settings"
    """What Mattermost is told about push: mode, address, contents, licence."""
    MATTERMOST = "mattermost"
    """The server itself and what it remembers."""
    NETWORK = "network"
    """Between any two of the programs: names, routes, TLS, outbound proxies."""
    PROXY = "proxy"
    """The push proxy, ours or the reference one: its process, targets and credentials."""
    APNS = "apns"
    """Apple's answer."""
    FCM = "fcm"
    """Google's answer, that of its token server included."""
    DEVICE = "device"
    """The phone and the app."""


class Source(StrEnum):
    """Where a symptom is seen."""

    MATTERMOST_LOG = "mattermost-log"
    GO_PROXY_LOG = "go-proxy-log"
    MMPUSH_LOG = "mmpush-log"
    MOBILE_APP = "mobile-app"
    DEVICE_LOG = "device-log"
    CURL = "curl"


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong, or only looks as if it did.

    Attributes:
        code: stable id; begins with its hop. Never reused for something else.
        title: what is the matter, in one clause.
        hop: where the cause lies.
        severity: what a line with this symptom asks for. Info: nothing, it is normal. Warn: a
            look, single pushes or single people are affected. Fail: a repair, pushes are lost
            until it is done.
        symptoms: parts of lines as they appear, in any case; :data:`GAP` may stand once in each.
            Quotes are written plain, also where a log escapes them.
        sources: where such lines are seen.
        reasons: machine words for it, exactly as written: Apple's and Google's reasons, and the
            reasons of our own events, checks and errors.
        vague: how little the symptoms say. 0: they point at this cause. 1: they only say what
            gave up, and the cause stands elsewhere. 2: they only say that something failed, or
            that all is normal. Of the entries that match a text, the least vague goes first.
        cause: why it happens, in up to three sentences.
        fix: what to do, one concrete step each.
        fixed_when: what is seen once it is fixed.
        links: documentation and first-hand reports.
        see: codes of entries that are mistaken for this one, or follow from it.
    """

    code: Code
    title: Clause
    hop: Hop
    severity: Severity
    sources: Annotated[tuple[Source, ...], msgspec.Meta(min_length=1)]
    cause: Prose
    fix: Annotated[tuple[Prose, ...], msgspec.Meta(min_length=1, max_length=6)]
    fixed_when: Prose
    symptoms: tuple[Symptom, ...] = ()
    reasons: tuple[Reason, ...] = ()
    vague: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    links: tuple[Link, ...] = ()
    see: tuple[Code, ...] = ()

    @property
    def platform(self) -> Literal["apple", "android", ""]:
        """Whose push network the entry is about; empty where it fits both or neither."""
        match self.hop:
            case Hop.APNS:
                return "apple"
            case Hop.FCM:
                return "android"
            case _:
                return ""

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON-ready data, every field present."""
        record = msgspec.to_builtins(self)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in record.items()
        }


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: int
    entry: tuple[Entry, ...]


@cache
def entries() -> tuple[Entry, ...]:
    """Return every entry, in the order of the file; read once, when first asked for."""
    data = resources.files(__package__).joinpath("catalogue.toml")
    return parse(data.read_text(encoding="utf-8"))


def parse(text: str) -> tuple[Entry, ...]:
    """Return the entries in ``text``.

    Line breaks inside a value count as spaces, so that the file can be wrapped.

    Raises:
        CatalogueError: the text is no TOML, or breaks a rule of this schema.
    """
    try:
        document = msgspec.convert(_unwrapped(tomllib.loads(text)), _Document)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"catalogue: {error}") from error
    if document.schema != SCHEMA:
        raise CatalogueError(f"catalogue: schema {document.schema}, expected {SCHEMA}")
    if complaint := next(_complaints(document.entry), ""):
        raise CatalogueError(f"catalogue: {complaint}")
    return document.entry


def _unwrapped(value: Any) -> Any:
    match value:
        case str():
            return _SPACES.sub(" ", value).strip()
        case list():
            return [_unwrapped(item) for item in value]
        case dict():
            return {key: _unwrapped(item) for key, item in value.items()}
        case _:
            return value


def _complaints(found: tuple[Entry, ...]) -> Iterator[str]:
    codes = [entry.code for entry in found]
    yield from (f"{code} is there twice" for code in _twice(codes))
    reasons = [(reason, entry.platform) for entry in found for reason in entry.reasons]
    yield from (f"reason {reason} has two entries" for reason, _ in _twice(reasons))
    symptoms = [symptom.lower() for entry in found for symptom in entry.symptoms]
    yield from (f"symptom {symptom!r} is there twice" for symptom in _twice(symptoms))
    for entry in found:
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
    prose = (entry.title, entry.cause, entry.fixed_when, *entry.fix, *entry.symptoms)
    # A terminal of any encoding can show it, and nobody has to type a curly quote to find it.
    yield from (f"not plain ASCII: {text!r}" for text in prose if not text.isascii())


def _twice(items: Iterable[_Item]) -> list[_Item]:
    return [item for item, count in Counter(items).items() if count > 1]
