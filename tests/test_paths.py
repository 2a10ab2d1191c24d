"""Paths as people type them, and as they are shown."""

from pathlib import Path

import pytest

from mmpush_tui.paths import full_path, short_path


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", ""),
        ("  ", ""),
        ("''", ""),
        (" /etc/key.p8 ", "/etc/key.p8"),
        ("'/etc/my key.p8'", "/etc/my key.p8"),
        ('"/etc/key.p8"', "/etc/key.p8"),
        ("'/etc/key.p8", None),
        ("~/key.p8", "/home/ada/key.p8"),
        ("/etc/../key.p8", "/key.p8"),
        ("key.p8", None),
    ],
)
def test_a_typed_path_is_unquoted_expanded_and_counted_from_here(
    typed: str, meant: str | None
) -> None:
    assert full_path(typed) == (str(Path.cwd() / typed) if meant is None else meant)


def test_a_path_counted_from_a_folder_that_is_gone_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert full_path("key.p8") == "key.p8"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/home/ada/push/key.p8", "~/push/key.p8"),
        (Path("/home/ada/key.p8"), "~/key.p8"),
        ("/home/ada", "/home/ada"),
        ("/home/adam/key.p8", "/home/adam/key.p8"),
        ("/etc/key.p8", "/etc/key.p8"),
    ],
)
def test_a_path_at_home_is_shown_short(path: str | Path, shown: str) -> None:
    assert short_path(path) == shown


@pytest.mark.parametrize("home", ["", "/"])
def test_where_home_is_no_folder_nothing_is_short(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    assert short_path("/etc/key.p8") == "/etc/key.p8"
