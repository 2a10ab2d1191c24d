"""``mmpush-tui explain``: what it prints, and what it raises for the runner."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from mmpush_tui.commands.explain import command
from mmpush_tui.errors import FailedError, UsageError
from mmpush_tui.troubleshooting.catalogue import Hop, entries

HEX = "c0ffee1234567890abcdef1234567890abcdef1234567890abcdef1234567890"
FCM = "dWq7nYtUQ0mXa1b2c3d4E5:APA91bE7xK2mQ9vT4nR8wZ1pL6sD3fG5hJ0kY-uI_oB2cV7xM4zN9qW1eR6tA8"


def run(*arguments: str, stdin: str | bytes | None = None, columns: int = 80) -> Result:
    return CliRunner().invoke(
        command, arguments, input=stdin, standalone_mode=False, env={"COLUMNS": str(columns)}
    )


def test_the_answer_has_every_part() -> None:
    result = run("Failed to send apple push with res reason=TopicDisallowed code=400")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "Apple does not allow this key to send to the configured topic"
    assert lines[1] == "apns-topic-refused (apns, fail)"
    headings = [line for line in lines[2:] if line and not line.startswith(" ")]
    assert headings == ["Cause", "Fix", "Fixed when", "See also", "Also matches"]
    assert [line[:4] for line in lines if re.match(r"  \d\.", line)] == ["  1.", "  2.", "  3."]
    assert any(line.startswith("  https://developer.apple.com/") for line in lines)
    assert any(line.startswith("  apns-token-not-for-topic: ") for line in lines)
    assert any(line.startswith("  proxy-send-response-error: ") for line in lines)


def test_another_match_is_named_once() -> None:
    result = run("Failed to send apple push sending remove code reason=BadDeviceToken code=400")
    assert result.stdout.count("mattermost-device-removed: ") == 1


def test_words_need_no_quotes() -> None:
    assert run("response", "returned", "error", "code:", "404").exit_code == 0


def test_text_is_read_from_standard_input() -> None:
    result = run(stdin="first line\nresponse returned error code: 404\n")
    assert result.exit_code == 0
    assert "settings-url-path" in result.stdout


def test_a_code_is_explained() -> None:
    result = run("proxy-throttled")
    assert result.stdout.splitlines()[1] == "proxy-throttled (proxy, fail)"


@pytest.mark.parametrize(("columns", "width"), [(20, 40), (40, 40), (80, 80), (300, 100)])
def test_lines_fit_the_terminal_except_what_must_be_copied_whole(columns: int, width: int) -> None:
    for entry in entries():
        for line in run(entry.code, columns=columns).stdout.splitlines():
            assert len(line) <= width or " " not in line.strip() or _is_one_word(line)


def _is_one_word(line: str) -> bool:
    """A number or code and one word that is too long for any line."""
    return len(line.split()) <= 2


def test_every_entry_can_be_shown() -> None:
    for entry in entries():
        result = run(entry.code)
        assert result.exit_code == 0
        assert result.stdout.isascii()
        assert entry.title.split()[0] in result.stdout


def test_json_is_the_published_shape_alone_on_stdout() -> None:
    result = run("--json", f"device={HEX} reason=BadDeviceToken")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["schema"] == 1
    assert document["kind"] == "explanation"
    assert document["query"] == f"device={HEX[:6]}.. reason=BadDeviceToken"
    assert document["matches"][0]["code"] == "apns-bad-device-token"
    assert document["matches"][0]["matched"] == "BadDeviceToken"
    assert document["suggestions"] == []


def test_no_match_is_a_failure_that_says_what_to_do() -> None:
    result = run("lovely weather today")
    assert isinstance(result.exception, FailedError)
    assert result.exception.code == "explain-no-match"
    assert "mmpush-tui explain --list" in result.exception.line()
    assert result.stdout == ""


def test_no_match_prints_an_empty_object_with_json() -> None:
    result = run("--json", "lovely weather today")
    assert isinstance(result.exception, FailedError)
    document = json.loads(result.stdout)
    assert document == {
        "schema": 1,
        "kind": "explanation",
        "query": "lovely weather today",
        "matches": [],
        "suggestions": [],
    }


def test_a_guess_is_called_one_and_is_no_match() -> None:
    result = run("clock skew")
    assert isinstance(result.exception, FailedError)
    first, *rest = result.stdout.splitlines()
    assert first.startswith("Nothing matches.")
    assert rest[0].startswith("  fcm-clock-skew: ")
    document = json.loads(run("--json", "clock skew").stdout)
    assert document["matches"] == []
    assert set(document["suggestions"][0]) == {"code", "title", "hop"}


def test_a_long_paste_is_said_to_be_cut() -> None:
    line = "response returned error code: 404\n"
    assert run(stdin=line).stderr == ""
    result = run(stdin=line + "x" * 70_000)
    assert result.stdout == run(stdin=line).stdout
    assert result.stderr == (
        "mmpush-tui: only the first 64 KiB were looked at; the latest lines are shown by: "
        "tail -n 20 FILE | mmpush-tui explain\n"
    )


def test_a_dash_stands_for_standard_input() -> None:
    line = "response returned error code: 404\n"
    assert run("-", stdin=line).stdout == run(stdin=line).stdout
    assert isinstance(run("-", stdin="").exception, UsageError)


@pytest.mark.parametrize("stdin", ["", "\n \n", b""])
def test_empty_standard_input_is_wrong_usage(stdin: str | bytes) -> None:
    result = run(stdin=stdin)
    assert isinstance(result.exception, UsageError)
    assert "standard input is empty" in result.exception.line()


def test_empty_text_is_wrong_usage() -> None:
    assert isinstance(run("  ").exception, UsageError)


def test_closed_standard_input_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError):
        command.main([], standalone_mode=False)


@pytest.fixture
def terminal() -> Iterator[int]:
    main, other = os.openpty()
    yield other
    os.close(main)
    os.close(other)


def test_a_terminal_as_standard_input_is_told_both_ways(
    terminal: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with os.fdopen(os.dup(terminal), "r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(UsageError) as caught:
            command.main([], standalone_mode=False)
    assert "as an argument" in caught.value.fix
    assert "pipe it in" in caught.value.fix


def test_unknown_option_is_left_to_click() -> None:
    assert isinstance(run("--no-such-option").exception, click.UsageError)


def test_list_shows_every_code_by_hop() -> None:
    result = run("--list", columns=100)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    shown = [line for line in lines if line in set(Hop)]
    assert shown == [hop.value for hop in Hop]
    codes = [line.strip().split(":")[0] for line in lines if re.match(r"  \S", line)]
    assert sorted(codes) == sorted(entry.code for entry in entries())


def test_list_as_json_is_the_whole_catalogue() -> None:
    document = json.loads(run("--list", "--json").stdout)
    assert document["kind"] == "catalogue"
    assert [entry["code"] for entry in document["entries"]] == [e.code for e in entries()]
    assert all(entry["fix"] for entry in document["entries"])


def test_list_takes_no_text() -> None:
    assert isinstance(run("--list", "BadDeviceToken").exception, UsageError)


@pytest.mark.parametrize("stdin", [
    b"\xff\xfe\x00reason=BadDeviceToken",
    b"\x1b]0;owned\x07reason=BadDeviceToken\x1b[2J",
    "reason=BadDeviceToken \u202e\u2066\x9b31m \x00".encode(),
    b"reason=BadDeviceToken\n" + b"\xc3" * 1_000_000,
], ids=["no UTF-8", "escape sequences", "bidirectional", "huge"])  # fmt: skip
@pytest.mark.parametrize("option", ["--json", None])
def test_hostile_text_does_nothing_to_the_terminal(stdin: bytes, option: str | None) -> None:
    result = run(*filter(None, [option]), stdin=stdin)
    assert result.exit_code == 0
    assert "apns-bad-device-token" in result.stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", result.stdout)
    assert len(result.stdout) < 20_000


around = st.text(st.characters(codec="utf-8"), max_size=100)


@given(st.sampled_from([HEX, FCM]), around, around, st.booleans())
def test_a_token_is_never_printed(canary: str, before: str, after: str, as_json: bool) -> None:
    options = ["--json"] if as_json else []
    result = run(*options, stdin=f"{before}{canary}{after}\nreason=BadDeviceToken")
    assert canary not in result.output
    assert canary not in str(result.exception)


@pytest.mark.slow
def test_the_program_maps_it_to_exit_codes() -> None:
    def code(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "mmpush_tui", "explain", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr

    assert code("BadDeviceToken")[0] == 0
    status, out, err = code("--json", stdin=f"all is well {HEX}")
    assert (status, json.loads(out)["matches"]) == (1, [])
    assert err.count("\n") == 1
    assert HEX not in out + err
    assert code()[0] == 2
