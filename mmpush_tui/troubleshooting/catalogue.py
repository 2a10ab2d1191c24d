"""The troubleshooting catalogue: symptom, cause and fix as records, read from package data.

The one book of texts: what is said about a fault anywhere stands here once. The records are in
``entries/``, a file for each hop; the rules that they keep beside their shape are in the tests.
Matching is in ``lookup``, the words of findings in ``wording``.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final, Literal

import msgspec

from mmpush_tui.findings import Confidence, Severity

SCHEMA: Final = 1
GAP: Final = "*"
"""Stands in a symptom for whatever lies between its two halves."""

GENERIC: Final[Mapping[str, str]] = {
    "who": "the other side", "host": "HOST", "lookup": "HOST", "port": "PORT",
    "endpoint": "HOST:PORT", "path": "/PATH", "url": "http://HOST:PORT", "until": "then",
    "proxy": "PROXY:PORT", "variable": "HTTPS_PROXY", "project": "PROJECT", "source": "ADDRESS",
    "issuer": "somebody else", "version": "an old TLS", "family": "IPv6", "other_family": "IPv4",
    "wanted": "HTTPS_PROXY", "skew": "wrong", "shorter": "http://HOST:PORT", "other": "8066",
    "other_url": "http://HOST:8066", "named_by": "`curl -sSI ADDRESS/version`",
    "names": "*.push.apple.com and *.googleapis.com",
}  # fmt: skip
"""What names in braces stand for where nothing is known of the place."""

_NAME: Final = r"^[a-z_]+$"
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")
_CODE: Final = r"^[a-z0-9]+(-[a-z0-9]+)+$"
_SYMPTOM_AT_LEAST: Final = 8
_SPACES: Final = re.compile(r"\s+")

Code = Annotated[str, msgspec.Meta(pattern=_CODE, max_length=48)]
Clause = Annotated[str, msgspec.Meta(min_length=8, max_length=80)]
Prose = Annotated[str, msgspec.Meta(min_length=8, max_length=500)]
Symptom = Annotated[str, msgspec.Meta(min_length=_SYMPTOM_AT_LEAST, max_length=120)]
Reason = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{1,63}$")]
Link = Annotated[str, msgspec.Meta(pattern=r"^https://[!-~]+$")]


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
    PROGRAM = "program"
    """On no way of a push: this program, its command line, its files, its worker's sockets."""


_PLATFORMS: Final[Mapping[Hop, str]] = {Hop.APNS: "apple", Hop.FCM: "android"}


class LogSource(StrEnum):
    """Where a symptom is seen."""

    MATTERMOST_LOG = "mattermost-log"
    GO_PROXY_LOG = "go-proxy-log"
    MMPUSH_LOG = "mmpush-log"
    MOBILE_APP = "mobile-app"
    DEVICE_LOG = "device-log"
    CURL = "curl"
    MMPUSH_COMMAND = "mmpush-command"
    """What a command of this program says."""


class Wording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a finding with a certain code says, in one kind of place.

    What is None is as for the same code at Apple's and Google's servers, or else as the entry has
    it. Names in braces stand for what is known where it is said.

    Attributes:
        code: of the finding; or ``THING.CASE``, which an error asks for whose code has many cases.
        at: whose the other end is: empty for Apple's and Google's servers, and wherever nothing
            differs; ``hosted``, ``relay`` or ``own`` as in ``checks.model.target.Whose``.
        summary: what is broken, as a sentence.
        why: what the observation means, as a clause; empty where it speaks for itself.
        fix: what to change; the entry's first step where it says just that.
        confidence: how sure the summary is of the cause.
    """

    code: Reason
    at: Literal["", "hosted", "relay", "own"] = ""
    summary: Annotated[str, msgspec.Meta(min_length=8, max_length=200)] | None = None
    why: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    fix: Prose | None = None
    confidence: Confidence | None = None


class Note(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Advice on a state that is no failure.

    Attributes:
        code: of the finding that gives it.
        case: which of the states with this code it is about; empty where there is only one, or
            for the plain one.
        severity: whether it is a fact to know or asks for a look.
        message: whole sentences. Who gives the advice fills every name in braces.
    """

    code: Reason
    case: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]*$")] = ""
    severity: Severity
    message: Prose


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
        fix: what to do, one concrete step each; names in braces as in :class:`Wording`.
        fixed_when: what is seen once it is fixed.
        links: documentation and first-hand reports.
        see: codes of entries that are mistaken for this one, or follow from it.
        finding: what findings say that lead here.
        note: advice that leads here.
    """

    code: Code
    title: Clause
    hop: Hop
    severity: Severity
    sources: Annotated[tuple[LogSource, ...], msgspec.Meta(min_length=1)]
    cause: Prose
    fix: Annotated[tuple[Prose, ...], msgspec.Meta(min_length=1, max_length=6)]
    fixed_when: Prose
    symptoms: tuple[Symptom, ...] = ()
    reasons: tuple[Reason, ...] = ()
    vague: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    links: tuple[Link, ...] = ()
    see: tuple[Code, ...] = ()
    finding: tuple[Wording, ...] = ()
    note: tuple[Note, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """What to do, for a reader of whom nothing is known: HOST for ``{host}``."""
        return tuple(filled(step, GENERIC) for step in self.fix)

    @property
    def platform(self) -> str:
        """Whose push network it is about, ``apple`` or ``android``; empty for both or neither."""
        return _PLATFORMS.get(self.hop, "")

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON-ready data, every field present but what findings say."""
        record = msgspec.to_builtins(self) | {"fix": self.steps}
        del record["finding"], record["note"]
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in record.items()
        }


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    schema: Literal[1]
    entry: tuple[Entry, ...] = ()
    step: Mapping[Annotated[str, msgspec.Meta(pattern=_NAME)], Prose] = {}
    """What several findings ask for, by a name that stands for it in braces."""


@cache
def entries() -> tuple[Entry, ...]:
    """Return every entry, hop by hop; read once, when first asked for."""
    folder = resources.files(__package__).joinpath("entries")
    names = (*Hop, "shared")
    return parse_catalogue(
        *(folder.joinpath(f"{name}.toml").read_text(encoding="utf-8") for name in names)
    )


def filled(text: str, places: Mapping[str, object]) -> str:
    """Return ``text`` with the names in braces replaced; braces around anything else stay."""
    return _PLACE.sub(lambda place: str(places.get(place[1], place[0])), text)


def parse_catalogue(*texts: str) -> tuple[Entry, ...]:
    """Return the entries in ``texts``, one for each file.

    Line breaks inside a value count as spaces, so that the file can be wrapped.

    Raises:
        tomllib.TOMLDecodeError: the text is no TOML.
        msgspec.ValidationError: it has another shape.
    """
    raw = [_changed(tomllib.loads(text), _unwrapped) for text in texts]
    steps = {name: step for document in raw for name, step in document.get("step", {}).items()}
    shared = {name: filled(step, steps) for name, step in steps.items()}
    # Each with the steps that several findings share in place of their names.
    whole = [_changed(document, lambda text: filled(text, shared)) for document in raw]
    documents = [msgspec.convert(document, _Document) for document in whole]
    return tuple(entry for document in documents for entry in document.entry)


def _unwrapped(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    """Return parsed TOML with every text in it changed."""
    match value:
        case str():
            return change(value)
        case list():
            return [_changed(item, change) for item in value]
        case dict():
            return {key: _changed(item, change) for key, item in value.items()}
        case _:
            return value
