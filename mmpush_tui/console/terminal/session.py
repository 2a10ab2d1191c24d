"""What kind of terminal session this is, and what that means for drawing. Pure."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

from mmpush_tui.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """How the console draws in this terminal.

    Attributes:
        is_remote: the terminal is at the other end of a network, so frames are few and small.
        theme: name of the theme; an ANSI one uses the terminal's own colours.
        flush_s: seconds between two repaints of a stream.
        mouse: whether the mouse is asked for.
    """

    is_remote: bool
    theme: str
    flush_s: float
    mouse: bool

    @property
    def is_ansi(self) -> bool:
        """Whether the terminal's own sixteen colours are used."""
        return self.theme.endswith("-ansi")


def detect(environment: Mapping[str, str], *, remote: bool | None, mouse: bool) -> Session:
    """Return the session that ``environment`` describes.

    Args:
        environment: the process environment.
        remote: what the user said with ``--remote`` or ``--no-remote``; None to find out.
        mouse: whether the user wants the mouse.
    """
    if remote is None:
        # As far as can be known. Inside tmux or screen the variables of SSH are those of the day
        # the session began, and somebody who attaches later may come from anywhere.
        names = ("SSH_CONNECTION", "SSH_TTY", "TMUX", "STY")
        remote = any(environment.get(name) for name in names)
    # SSH does not forward COLORTERM, and 16 colours of the user's own beat a guess at 256.
    has_truecolor = environment.get("COLORTERM", "") in ("truecolor", "24bit")
    plain = remote or not has_truecolor or "NO_COLOR" in environment
    return Session(
        is_remote=remote,
        theme="mmpush-ansi" if plain else "mmpush",
        flush_s=0.5 if remote else 0.25,
        mouse=mouse,
    )


def prepare(session: Session, environment: MutableMapping[str, str]) -> None:
    """Set what Textual reads from ``environment`` while it is imported; what is set stays.

    An exported size of the window is taken away: it would outlive every change of the window.
    """
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
    defaults = {"TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}
    if session.is_remote:
        defaults["TEXTUAL_FPS"] = "15"
    for name, value in defaults.items():
        environment.setdefault(name, value)


def refuse_unusable(environment: Mapping[str, str], *, is_tty: bool, encoding: str) -> None:
    """Refuse a terminal on which the console cannot be drawn, and name what works there.

    Args:
        environment: the process environment.
        is_tty: whether standard input and standard error are a terminal.
        encoding: that of standard error, on which the console is drawn.

    Raises:
        UsageError: it cannot.
    """
    if not is_tty:
        raise UsageError("the console needs a terminal, and there is none", code="no-terminal")
    term = environment.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        raise UsageError(
            "the console cannot be drawn on this terminal",
            why=f"TERM is {term}" if term else "TERM is not set",
            code="dumb-terminal",
        )
    if encoding.lower().replace("-", "").replace("_", "") != "utf8":
        raise UsageError(
            "the console needs a UTF-8 terminal",
            why=f"this one is {encoding or 'of no known encoding'}",
            code="no-utf8",
        )
