import subprocess
import sys
from pathlib import Path

import pytest

from mmpush_tui.errors import (
    ConfigError,
    DeadlineError,
    FailedError,
    MmpushError,
    UnreachableError,
    UsageError,
)
from mmpush_tui.exits import Exit, exit_code_of

LINES = [
    pytest.param(MmpushError("it broke"), "it broke.", id="what alone"),
    pytest.param(MmpushError("it broke", why="too old"), "it broke: too old.", id="with why"),
    pytest.param(MmpushError("it broke", fix="Mend it."), "it broke. Mend it.", id="with fix"),
    pytest.param(
        MmpushError("it broke", why="too old", fix="Mend it."),
        "it broke: too old. Mend it.",
        id="with why and fix",
    ),
]


@pytest.mark.parametrize(("error", "line"), LINES)
def test_is_one_line(error: MmpushError, line: str) -> None:
    assert error.line() == line
    assert str(error) == line


def test_keeps_its_parts_and_its_code() -> None:
    error = ConfigError("it broke", why="too old", fix="Mend it.", code="old-thing")
    assert (error.what, error.why, error.fix) == ("it broke", "too old", "Mend it.")
    assert error.code == "old-thing"
    assert MmpushError("it broke").code == ""


def test_the_book_says_what_to_do_where_nothing_else_does() -> None:
    error = UsageError("several workers run: a, b", code="worker-ambiguous")
    assert error.line() == "several workers run: a, b. Name the one you mean with --control."
    assert error.fix == error.finding.fix == "Name the one you mean with --control."


def test_a_fix_of_its_own_goes_first() -> None:
    assert UsageError("it broke", fix="Mend it.", code="worker-ambiguous").fix == "Mend it."


def test_places_of_the_books_sentence_are_filled() -> None:
    error = FailedError("it broke", code="tcp_other_port", other_url="http://proxy:8086")
    assert error.fix == "Change the address to http://proxy:8086"


def test_an_error_is_told_where_no_file_can_be_opened(tmp_path: Path) -> None:
    program = (
        "import resource\n"
        "from mmpush_tui.errors import UsageError\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "print(UsageError('several workers run', code='worker-ambiguous'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout == "several workers run.\n"


CODES = [
    pytest.param(UsageError("x"), 2, id="usage"),
    pytest.param(ConfigError("x"), 2, id="configuration"),
    pytest.param(FailedError("x"), 1, id="failed"),
    pytest.param(UnreachableError("x"), 3, id="unreachable"),
    pytest.param(DeadlineError("x"), 4, id="deadline"),
    pytest.param(MmpushError("x"), 70, id="the base itself"),
    pytest.param(KeyboardInterrupt(), 130, id="interrupted"),
    pytest.param(ValueError("x"), 70, id="not ours"),
    pytest.param(OSError(2, "x"), 70, id="of the system"),
    pytest.param(TimeoutError(), 70, id="a time limit nobody turned into ours"),
]


@pytest.mark.parametrize(("error", "code"), CODES)
def test_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exit_code_of(error) == code


def test_a_leaf_of_a_leaf_has_the_code_of_its_parent() -> None:
    class PortError(ConfigError):
        pass

    assert exit_code_of(PortError("x")) is Exit.USAGE


def test_exit_codes_stay_what_they_are() -> None:
    assert {code.name: code.value for code in Exit} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "UNREACHABLE": 3,
        "DEADLINE": 4,
        "BUG": 70,
        "INTERRUPTED": 130,
    }


DEVICE = "0123456789abcdef" * 4
HOSTILE = [
    pytest.param("a\x1b]52;c;QQ==\x07b\x1b[2Jc", "abc", id="escape sequences"),
    pytest.param("one\ntwo\u202ethree", "one twothree", id="line break and override"),
    pytest.param("lone \ud800", "lone \ufffd", id="lone surrogate"),
    pytest.param(f"device {DEVICE}", "device 012345..", id="device token"),
    pytest.param(f"device {DEVICE[:20]}\u200b{DEVICE[20:]}", "device 012345..", id="split token"),
    pytest.param("https://u:pw@h.test failed", "https://[secret]@h.test failed", id="password"),
    pytest.param(
        "-----BEGIN PRIVATE KEY-----\nMIGT\n-----END PRIVATE KEY-----\n", "[key]", id="private key"
    ),
]


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_cleans_and_redacts_all_its_texts(text: str, shown: str) -> None:
    error = FailedError(text, why=text, fix=text)
    assert (error.what, error.why, error.fix) == (shown, shown, shown)
    assert str(error) == f"{shown}: {shown}. {shown}"


CUT_SECRETS = [
    pytest.param(DEVICE, DEVICE[:7], id="device token"),
    pytest.param("https://user:pa55word@host.test", "pa55", id="password in an address"),
]


@pytest.mark.parametrize(("secret", "part"), CUT_SECRETS)
@pytest.mark.parametrize("before", [950, 975, 980])
def test_shows_no_part_of_a_secret_that_is_cut(secret: str, part: str, before: int) -> None:
    error = FailedError("x" * before + " " + secret)
    assert part not in error.line()


def test_a_text_without_end_is_cut() -> None:
    assert FailedError("x" * 1_000_000).what == "x" * 999 + "…"
