"""What every command has in common."""

import os
import shutil
import subprocess
import sys

import click
import pytest

from mmpush_tui import __version__
from mmpush_tui.cli import cli
from mmpush_tui.cli import run as run_here
from mmpush_tui.errors import ConfigError, MmpushError, UnreachableError
from tests.commands.running import COMMAND
from tests.commands.running import run_from_start as run


def test_help_names_every_command_and_the_exit_codes() -> None:
    done = run("--help")
    assert done.returncode == 0
    names = cli.list_commands(click.Context(cli))
    assert len(names) >= 10
    for name in names:
        assert f"  {name}" in done.stdout
    assert "Exit codes: 0 good" in done.stdout
    assert done.stderr == ""


def test_version() -> None:
    assert run("--version").stdout == f"mmpush-tui {__version__}\n"


_NO_TERMINAL = (
    "mmpush-tui: the console needs a terminal, and there is none. Without a screen: mmpush-tui "
    "check, settings show, deliveries --follow, demo --headless.\n"
)


@pytest.mark.parametrize("arguments", [[], ["demo"], ["--no-mouse"]])
def test_without_a_terminal_the_console_says_what_works_there(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", _NO_TERMINAL)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["serv"], "mmpush-tui: there is no command serv. Did you mean serve?\n"),
        (["xyz"], "mmpush-tui: there is no command xyz. mmpush-tui --help lists them.\n"),
        (["serve"],
         "mmpush-tui: no configuration of a push proxy was found. Name it with --config FILE, or "
         "let mmpush-tui ask for what it needs.\n"),
        (["demo", "--json"],
         "mmpush-tui: --json is for the demo without a screen. Add --headless.\n"),
        (["demo", "--fault", "slo"],
         "mmpush-tui: there is no fault slo. Did you mean slow?\n"),
        (["--config", "/x.toml", "check"],
         "mmpush-tui: --config stands before the command. "
         "Write it after: mmpush-tui check …\n"),
        (["--config", "/nowhere.toml"],
         "mmpush-tui: /nowhere.toml: there is no such file. "
         "Correct its name where it was given: --config FILE, MMPUSH_CONFIG, or the FILE of "
         "mmpush-tui config.\n"),
        (["--licence", "gold"],
         "mmpush-tui: --licence gold: expected hpns, id_loaded, both with a comma, or none.\n"),
        (["demo", "--headless", "--fault", "slo"],
         "mmpush-tui: there is no fault slo. Did you mean slow?\n"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_and_exit_2(arguments: list[str], sentence: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == sentence


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["demo", "--headles"], "--headless"),
        (["demo", "--headless", "--seconds", "x"], "--seconds"),
    ],
)
def test_a_wrong_option_is_one_line_that_names_it(arguments: list[str], word: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mmpush-tui: ")
    assert word in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        (">&-", 0, ""),
        ("<&- >&-", 0, ""),
        (
            ">/dev/full",
            1,
            "mmpush-tui: the output cannot be written: No space left on device.\n",
        ),
    ],
)
def test_an_output_that_takes_nothing_is_no_traceback(
    redirection: str, code: int, said: str
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m mmpush_tui explain --list {redirection}', sys.executable],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (code, said)


def test_a_fault_of_ours_shows_neither_traceback_nor_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("canary-value")

    monkeypatch.setattr(cli, "main", broken)
    assert run_here(["serve"]) == 70
    said = capsys.readouterr().err
    assert "this is a fault of mmpush-tui" in said
    assert "RuntimeError in cli.py:" in said
    assert "canary" not in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(("error", "code"), [(ConfigError("x"), 2), (UnreachableError("x"), 3)])
def test_a_failure_is_one_line_and_its_own_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: MmpushError,
    code: int,
) -> None:
    def failing(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "main", failing)
    assert run_here([]) == code
    assert capsys.readouterr().err == "mmpush-tui: x.\n"


def test_a_user_without_a_home_is_no_fault() -> None:
    # A number that no user has, as containers give it; only root may take it on, as CI does.
    setpriv = shutil.which("setpriv")
    if os.getuid() != 0 or setpriv is None:
        pytest.skip("needs root and setpriv")
    variables = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    del variables["HOME"]
    done = subprocess.run(
        [setpriv, "--reuid", "54321", "--clear-groups", *COMMAND, "serve"],
        env=variables, cwd="/", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("mmpush-tui: no configuration of a push proxy was found.")
