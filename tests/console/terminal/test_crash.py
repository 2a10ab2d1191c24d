import stat
from pathlib import Path

from mmpush_tui.console.terminal import crash

CANARY = "canary-" + "f3" * 32


def _fail() -> None:
    secret = CANARY
    raise ValueError(f"bad {secret}")


def _fail_twice() -> None:
    try:
        _fail()
    except ValueError as error:
        raise RuntimeError(CANARY) from error


def test_a_report_says_where_and_never_what(tmp_path: Path) -> None:
    try:
        _fail_twice()
    except RuntimeError as error:
        sentence = crash.report(error, tmp_path)
    (path,) = tmp_path.iterdir()
    text = path.read_text()
    assert "RuntimeError" in text
    assert "after ValueError" in text
    assert "test_crash.py" in text
    assert "_fail_twice" in text
    assert CANARY not in text
    assert CANARY not in sentence
    assert str(path) in sentence
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_place_for_the_report_there_is_still_a_sentence() -> None:
    folder = Path("/proc/nowhere")
    sentence = crash.report(RuntimeError(), folder)
    assert not folder.exists()
    assert "No report could be written." in sentence
