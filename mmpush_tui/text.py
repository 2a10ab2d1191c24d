"""Untrusted text made safe, long text made short, secrets made unreadable.

Everything that came from the network or from a file passes :func:`clean` before it reaches a
terminal, and every log record and event passes :func:`redact`. Both are pure.
"""

import re
import unicodedata
from typing import Final, final

REPLACEMENT: Final = "\ufffd"

# ESC sequences first (CSI, OSC/DCS/PM/APC strings, two-byte escapes), in their 7 and 8 bit forms,
# so that their parameters vanish with them and do not stay behind as noise.
_ESCAPE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
_SPACE: Final = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")
# Bidirectional controls reorder what a reader sees; tag characters are invisible.
_INVISIBLE: Final = re.compile(
    "[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


def clean(value: object, limit: int = 1000) -> str:
    """Return ``value`` as one line of plain text that no terminal can act on.

    Escape sequences vanish, line breaks and tabs become one space, every other control
    character (C0, DEL, C1) and every lone surrogate becomes U+FFFD, bidirectional and invisible
    format characters vanish. The result holds at most ``limit`` characters and ends with an
    ellipsis where something was cut. Printable text passes unchanged.
    """
    text = str(value)
    if text.isascii() and text.isprintable() and len(text) <= limit:
        # Most texts; printable ASCII holds nothing that the rest looks for.
        return text.strip()
    # Four times the limit leaves room for sequences that vanish and bounds the work on hostile
    # input of any size.
    cut = len(text) > limit * 4
    text = text[: limit * 4] if cut else text
    text = _ESCAPE.sub("", text)
    text = _SPACE.sub(" ", text)
    text = _INVISIBLE.sub("", text)
    if not text.isascii() or not text.isprintable():
        text = "".join(
            REPLACEMENT if unicodedata.category(char) in ("Cc", "Cs") else char for char in text
        )
    text = text.strip()
    return clip(text + "…" if cut else text, limit)


def presentable(value: object, limit: int = 1000) -> str:
    """Return ``value`` cleaned and redacted, in this order before it is cut.

    A cut that came first could leave the first half of a secret, which no pattern knows any
    more.
    """
    return clip(redact(clean(value, limit + 8192)), limit)


def clip(text: str, limit: int) -> str:
    """Return ``text`` cut to ``limit`` characters, the last one an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def short_token(token: str) -> str:
    """Return a device token as the few characters an admin needs to tell two apart."""
    if not (token.isascii() and token.isalnum()):
        token = clean(token, 200)
    return f"{token[:6]}.." if len(token) > 10 else "(short)" if token else "(none)"


# Each pattern begins where a run of its characters begins, or hostile text costs its square.
_REDACTIONS: Final = (
    # PEM blocks, also with their line breaks written as \n.
    (
        re.compile(
            r"-----BEGIN [^-]+-----(?:\s|\\[rn])*[A-Za-z0-9+/].*?(?:-----END [^-]+-----|\Z)", re.S
        ),
        "[key]",
    ),
    # JSON Web Tokens.
    (re.compile(r"(?<![\w-])eyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)?"), "[jwt]"),
    # A capital, a digit or a sign tells a credential from prose after these words.
    (
        re.compile(
            r"\b([Bb]earer|[Bb]asic|BEARER|BASIC)\s+(?=[a-z]*[A-Z0-9._~+/=-])[\w.~+/=-]{6,}"
        ),
        r"\1 [secret]",
    ),
    # Google access tokens.
    (re.compile(r"\bya29\.[\w.-]+"), "[secret]"),
    # user:password@ in an address, also one that went through a path and lost a slash.
    (re.compile(r"(:/{1,3})[^\s/]+@"), r"\1[secret]@"),
    # The same where the scheme was forgotten.
    (re.compile(r"(?<![^\s\"'(])[^\s/@:\"'(]+:[^\s@/]+@(?=[\w.\[-])"), "[secret]@"),
    # FCM registration tokens: an instance id, a colon, a long tail.
    (re.compile(r"(?<![\w-])([\w-]{6})[\w-]{5,}:[\w-]{40,}"), r"\1.."),
    # APNs device tokens: 32 bytes or more in hexadecimal.
    (re.compile(r"(?<![0-9A-Fa-f])([0-9A-Fa-f]{6})[0-9A-Fa-f]{58,}(?![0-9A-Fa-f])"), r"\1.."),
)


def redact(text: str) -> str:
    """Return ``text`` without device tokens, keys, bearer tokens and address credentials.

    Device tokens keep their first six characters, as in :func:`short_token`. This is the last
    net under every log record and event; callers still do not put secrets there.
    """
    for pattern, replacement in _REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


@final
class Secret:
    """A value that never shows itself: not in ``str``, ``repr``, a format or a traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself, for the one line that must send it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(…)"

    def __format__(self, _spec: str) -> str:
        return "…"

    __str__ = __repr__
