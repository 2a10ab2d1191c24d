import errno
import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmpush_tui.setup.private_file import make_folder, replace_file, write_new
from tests.setup.rights import as_nobody


@pytest.fixture(autouse=True)
def _lax_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_are_closed_and_those_there_keep_their_mode(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    make_folder(tmp_path / "open" / "a" / "b")
    make_folder(tmp_path / "open" / "a" / "b")
    assert mode(tmp_path / "open") == 0o755
    assert mode(tmp_path / "open" / "a") == mode(tmp_path / "open" / "a" / "b") == 0o700


def test_a_new_file_is_its_owners_alone_and_never_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_new(path, b"one")
    assert (path.read_bytes(), mode(path)) == (b"one", 0o600)
    with pytest.raises(FileExistsError):
        write_new(path, b"two")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "link", b"two")
    assert path.read_bytes() == b"one"
    assert not (tmp_path / "target").exists()


def test_a_reader_of_the_old_file_keeps_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    replace_file(path, b"old")
    with path.open("rb") as reader:
        replace_file(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["f"]


def test_a_link_is_replaced_and_what_it_leads_to_is_not(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    (tmp_path / "f").symlink_to(victim)
    replace_file(tmp_path / "f", b"ours")
    assert victim.read_bytes() == b"theirs"
    assert not (tmp_path / "f").is_symlink()


def test_nothing_is_left_of_a_file_that_could_not_be_written(open_tmp: Path) -> None:
    folder = open_tmp / "d"
    (folder / "f").mkdir(parents=True)
    folder.chmod(0o755)
    with pytest.raises(OSError, match=os.strerror(errno.EISDIR)):
        replace_file(folder / "f", b"x")
    assert os.listdir(folder) == ["f"]
    with as_nobody(), pytest.raises(PermissionError):
        write_new(folder / "g", b"x")
    if os.geteuid() == 0:
        # Made, but it cannot be given the owner it should have.
        like = folder.stat()
        folder.chmod(0o777)
        with as_nobody(), pytest.raises(PermissionError):
            write_new(folder / "h", b"x", like)
    assert os.listdir(folder) == ["f"]


def test_a_disk_that_is_full_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    replace_file(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            replace_file(path, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]
