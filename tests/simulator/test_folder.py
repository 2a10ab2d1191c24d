"""The folder that a demo lives in."""

import tempfile
from pathlib import Path

import pytest

from mmpush_tui.errors import FailedError
from mmpush_tui.simulator.folder import rehearsal_folder


def test_it_is_where_temporary_files_belong(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_tmp))
    assert rehearsal_folder().parent == short_tmp


def test_a_path_too_long_for_a_socket_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 25)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder = rehearsal_folder()
    folder.rmdir()
    assert len(str(folder / "control.sock")) < 108
    assert not list(long.iterdir())


def test_every_path_leaves_room_for_a_socket(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for length in range(60, 100):
        usual = short_tmp / ("x" * (length - len(str(short_tmp)) - 1))
        usual.mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(usual))
        folder = rehearsal_folder()
        folder.rmdir()
        assert len(str(folder / "control.sock")) <= 107


def test_where_there_is_no_place_it_is_said(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_tmp / "gone"))
    with pytest.raises(FailedError) as caught:
        rehearsal_folder()
    assert caught.value.line() == (
        "the demo needs a folder for its throw-away files, and none can be made: No such file or "
        "directory. Name one that can be written to with TMPDIR."
    )
