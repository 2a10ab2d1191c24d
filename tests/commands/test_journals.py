"""Journals that cannot be looked at: told in words, whatever stands in the way."""

from pathlib import Path

import pytest

from mmpush_tui.commands.journals import find_journal, read_deliveries
from mmpush_tui.errors import FailedError
from mmpush_tui.proxy.records import journal_file
from tests.rights import as_nobody

NOT_OURS = (
    "cannot be read: a journal is for the user of its worker alone. "
    "Run this as that user, or with sudo."
)


@pytest.mark.parametrize("name", ["none.db", "none/x.db"])
def test_there_is_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(FailedError) as refused:
        read_deliveries(path, since=0)
    assert refused.value.line().startswith(f"{path}: there is no such file.")
    assert refused.value.code == "journal-missing"


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(FailedError) as refused:
        read_deliveries(Path("x" * 300), since=0)
    assert "cannot be read as a journal: File name too long" in refused.value.line()


def test_a_folder_that_one_may_not_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with as_nobody(), pytest.raises(FailedError) as refused:
        read_deliveries(closed / "x.db", since=0)
    assert refused.value.line() == f"{closed / 'x.db'} {NOT_OURS}"


def test_a_state_folder_that_one_may_not_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    state = journal_file.folder()
    state.mkdir(parents=True, mode=0o700)
    with as_nobody(), pytest.raises(FailedError) as refused:
        find_journal(None)
    assert refused.value.line() == f"{state} {NOT_OURS}"
