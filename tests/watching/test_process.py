"""How a worker is started."""

import subprocess
from pathlib import Path

import pytest

from mmpush_tui.errors import FailedError
from mmpush_tui.watching import process


def test_what_lies_in_the_current_folder_is_no_module_of_ours(tmp_path: Path) -> None:
    for name in ("click", "ssl", "secrets"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(77)")
    done = subprocess.run(
        [*process.OURSELVES, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_worker_that_says_nothing_is_not_reported_with_words_of_another_day(
    tmp_path: Path,
) -> None:
    log = tmp_path / "worker.log"
    log.write_text("mmpush-tui: port 8086 is in use (yesterday)\n")
    config = tmp_path / "config.toml"
    config.write_text("no toml at all")
    with pytest.raises(FailedError) as caught:
        process.start_detached(config, log)
    assert "this is no TOML" in str(caught.value)
    assert "yesterday" not in str(caught.value)
