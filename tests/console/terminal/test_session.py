import pytest

from mmpush_tui.console.terminal import session as sessions
from mmpush_tui.errors import UsageError


@pytest.mark.parametrize(
    ("environment", "remote", "is_remote", "theme", "flush_s"),
    [
        ({"COLORTERM": "truecolor"}, None, False, "mmpush", 0.25),
        ({}, None, False, "mmpush-ansi", 0.25),
        ({"COLORTERM": "truecolor", "NO_COLOR": "1"}, None, False, "mmpush-ansi", 0.25),
        ({"SSH_CONNECTION": "a b c d", "COLORTERM": "truecolor"}, None, True, "mmpush-ansi", 0.5),
        ({"TMUX": "/run/tmux,1,0"}, None, True, "mmpush-ansi", 0.5),
        ({"STY": "1.pts"}, None, True, "mmpush-ansi", 0.5),
        ({"SSH_TTY": "/dev/pts/3", "COLORTERM": "24bit"}, False, False, "mmpush", 0.25),
        ({"COLORTERM": "truecolor"}, True, True, "mmpush-ansi", 0.5),
    ],
)
def test_what_the_environment_says_about_the_terminal(
    environment: dict[str, str], remote: bool | None, is_remote: bool, theme: str, flush_s: float
) -> None:
    found = sessions.detect(environment, remote=remote, mouse=True)
    assert (found.is_remote, found.theme, found.flush_s) == (is_remote, theme, flush_s)


def test_textual_is_told_before_it_is_imported() -> None:
    environment = {"TEXTUAL_ANIMATIONS": "full", "COLUMNS": "80", "LINES": "24"}
    remote = sessions.detect({}, remote=True, mouse=False)
    sessions.prepare(remote, environment)
    assert environment == {
        "TEXTUAL_ANIMATIONS": "full",
        "TEXTUAL_SMOOTH_SCROLL": "0",
        "TEXTUAL_FPS": "15",
    }
    environment = {}
    sessions.prepare(sessions.detect({}, remote=False, mouse=False), environment)
    assert "TEXTUAL_FPS" not in environment


@pytest.mark.parametrize(
    ("term", "is_tty", "encoding", "sentence"),
    [
        ("xterm", False, "utf-8", "the console needs a terminal, and there is none."),
        ("dumb", True, "utf-8", "the console cannot be drawn on this terminal: TERM is dumb."),
        ("", True, "utf-8", "the console cannot be drawn on this terminal: TERM is not set."),
        (
            "xterm",
            True,
            "iso8859-1",
            "the console needs a UTF-8 terminal: this one is iso8859-1. Set LC_ALL=C.UTF-8.",
        ),
    ],
)
def test_a_terminal_that_will_not_do_is_refused_with_what_works_there(
    term: str, is_tty: bool, encoding: str, sentence: str
) -> None:
    with pytest.raises(UsageError) as caught:
        sessions.refuse_unusable({"TERM": term}, is_tty=is_tty, encoding=encoding)
    assert str(caught.value).startswith(sentence)
    assert "mmpush-tui check" in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf8", "UTF_8"])
def test_utf8_by_any_spelling_will_do(encoding: str) -> None:
    sessions.refuse_unusable({"TERM": "xterm"}, is_tty=True, encoding=encoding)
