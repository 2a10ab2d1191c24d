"""What every test gets: a home of its own, and no way out of this host."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import rights


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.mktemp("home", numbered=True)
    monkeypatch.setenv("HOME", str(home))
    for name in ("STATE", "CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("MMPUSH_CONTROL", "RUNTIME_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def short_tmp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose path leaves room for a Unix socket's 107 bytes."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="mp-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def open_tmp(short_tmp: Path) -> Path:
    """A folder that every user may enter and read, but not write."""
    short_tmp.chmod(0o755)
    return short_tmp


@pytest.fixture
def without_rights() -> Iterator[None]:
    """Run as somebody who may not do everything, where this is run by somebody who may."""
    with rights.without_rights():
        yield
