import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from mmpush_tui import files
from tests.rights import as_nobody, disk, files_up_to, fill


@pytest.fixture(autouse=True)
def _lax_umask() -> Iterator[None]:
    old = os.umask(0)
    yield
    os.umask(old)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Reading


def test_so_much_is_read_and_the_status_is_the_files_own(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    data, status = files.read_plain(path, 3)
    assert (data, status.st_size) == (b"123", 5)
    assert files.read_plain(str(path), 9)[0] == b"12345"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(os.mkdir, "it is a folder", id="folder"),
        pytest.param(os.mkfifo, "it is no ordinary file", id="pipe"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "it is no ordinary file",
                     id="device"),
    ],
)  # fmt: skip
def test_what_is_no_file_is_told_at_once(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    make(tmp_path / "it")
    with pytest.raises(files.NotAFileError, match=words) as caught:
        files.read_plain(tmp_path / "it", 10)
    assert caught.value.is_folder == (words == "it is a folder")


def test_a_link_leads_to_a_file_unless_it_must_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    assert files.read_plain(tmp_path / "link", 10)[0] == b"x"
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        files.read_plain(tmp_path / "link", 10, follows_link=False)


def test_what_another_user_may_not_read_is_not_read(open_tmp: Path) -> None:
    (open_tmp / "f").touch(mode=0o600)
    with as_nobody(), pytest.raises(PermissionError):
        files.read_plain(open_tmp / "f", 10)


def test_reading_leaves_no_file_open(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    before = os.listdir("/proc/self/fd")
    files.read_plain(tmp_path / "f", 10)
    with pytest.raises(files.NotAFileError):
        files.read_plain(tmp_path, 10)
    assert os.listdir("/proc/self/fd") == before


# Writing


def test_folders_are_closed_and_those_there_keep_their_mode(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    files.make_folder(tmp_path / "open" / "a" / "b")
    files.make_folder(tmp_path / "open" / "a" / "b")
    assert mode(tmp_path / "open") == 0o755
    assert mode(tmp_path / "open" / "a") == mode(tmp_path / "open" / "a" / "b") == 0o700


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(FileExistsError):
        files.make_folder(tmp_path / "f")
    with pytest.raises(NotADirectoryError):
        files.make_folder(tmp_path / "f" / "a" / "b")


def test_a_new_file_is_its_owners_alone_and_never_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "f"
    files.write_new(path, b"one")
    assert (path.read_bytes(), mode(path)) == (b"one", 0o600)
    with pytest.raises(FileExistsError):
        files.write_new(path, b"two")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(FileExistsError):
        files.write_new(tmp_path / "link", b"two")
    assert path.read_bytes() == b"one"
    assert not (tmp_path / "target").exists()


def test_a_new_file_has_its_rights_before_it_has_content(tmp_path: Path) -> None:
    sizes = []

    def prepare(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        os.fchmod(descriptor, 0o640)

    files.replace(tmp_path / "f", b"x", prepare)
    assert (mode(tmp_path / "f"), sizes) == (0o640, [0])


def test_numbered_names_begin_without_a_number() -> None:
    names = [path.name for path in islice(files.numbered(Path("/d/a.b"), ".c", "_"), 3)]
    assert names == ["a.b.c", "a.b_2.c", "a.b_3.c"]


def test_the_first_name_that_is_free_is_taken(tmp_path: Path) -> None:
    (tmp_path / "f").symlink_to("nowhere")
    taken = [files.write_first(files.numbered(tmp_path / "f"), b"%d" % n) for n in (1, 2)]
    assert taken == [tmp_path / "f-2", tmp_path / "f-3"]
    assert [path.read_bytes() for path in taken] == [b"1", b"2"]
    with pytest.raises(FileExistsError):
        files.write_first(taken, b"3")
    assert sorted(os.listdir(tmp_path)) == ["f", "f-2", "f-3"]


# Replacing


def test_a_reader_of_the_old_file_keeps_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    files.replace(path, b"old")
    with path.open("rb") as reader:
        files.replace(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert os.listdir(tmp_path) == ["f"]


def test_a_link_is_replaced_and_what_it_leads_to_is_not(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    (tmp_path / "f").symlink_to(victim)
    files.replace(tmp_path / "f", b"ours")
    assert victim.read_bytes() == b"theirs"
    assert not (tmp_path / "f").is_symlink()


def test_nothing_is_left_of_a_file_that_could_not_be_written(open_tmp: Path) -> None:
    folder = open_tmp / "d"
    (folder / "f").mkdir(parents=True)
    folder.chmod(0o755)
    with pytest.raises(OSError, match=os.strerror(errno.EISDIR)):
        files.replace(folder / "f", b"x")
    assert os.listdir(folder) == ["f"]
    with as_nobody(), pytest.raises(PermissionError):
        files.write_new(folder / "g", b"x")
    if os.geteuid() == 0:
        # Made, but it cannot be given the owner it should have.
        folder.chmod(0o777)
        with as_nobody(), pytest.raises(PermissionError):
            files.write_new(folder / "h", b"x", lambda file: os.fchown(file, 0, 0))
    assert os.listdir(folder) == ["f"]


def test_nothing_is_left_when_whoever_writes_is_interrupted(tmp_path: Path) -> None:
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.replace(tmp_path / "f", b"x", interrupted)
    assert os.listdir(tmp_path) == []


def test_a_draft_is_hidden_and_gone_unless_it_was_renamed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for is_kept in (False, True):
        with files.drafted(tmp_path / "f", b"x", folder=tmp_path / "other") as draft:
            assert (draft.read_bytes(), draft.name[:3], draft.suffix) == (b"x", ".f.", ".tmp")
            assert draft.parent.name == "other"
            if is_kept:
                draft.rename(tmp_path / "f")
    assert os.listdir(tmp_path / "other") == []
    assert (tmp_path / "f").read_bytes() == b"x"


def test_a_file_that_is_too_large_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "f"
    files.replace(path, b"old")
    with files_up_to(1000), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        files.replace(path, b"x" * 5000)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_a_disk_that_is_full_leaves_the_old_file(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", 64) as folder:
        files.replace(folder / "f", b"old")
        fill(folder / "filler")
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            files.replace(folder / "f", b"new")
        assert (folder / "f").read_bytes() == b"old"
        assert sorted(os.listdir(folder)) == ["f", "filler"]


# Locking


HOLDER = (
    "import sys; from pathlib import Path; from mmpush_tui import files\n"
    "path = Path(sys.argv[1])\n"
    "with files.file_lock(path), files.drafted(path, b'secret'):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that has the lock of ``f`` and is about to replace it."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "f")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("wait_s", [0.0, 0.1])
def test_a_lock_that_another_process_has_is_waited_for_so_long(
    tmp_path: Path, holder: "subprocess.Popen[bytes]", wait_s: float
) -> None:
    with (
        pytest.raises(BlockingIOError, match="another process is at it"),
        files.file_lock(tmp_path / "f", wait_s=wait_s),
    ):
        pytest.fail("two have it")
    with files.file_lock(tmp_path / "g"):
        assert holder.poll() is None


def test_a_lock_comes_when_the_other_process_lets_go(
    tmp_path: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    assert holder.stdin is not None
    holder.stdin.close()
    with files.file_lock(tmp_path / "f", wait_s=60):
        assert mode(tmp_path / "f.lock") == 0o600
    with files.file_lock(tmp_path / "f"):
        assert os.listdir(tmp_path) == ["f.lock"]


def test_a_kill_opens_the_lock_and_what_it_left_is_removed(
    tmp_path: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    others = [tmp_path / ".ff.mmpush-1.tmp", tmp_path / ".f.mmpush-1"]
    for path in others:
        path.touch()
    holder.kill()
    assert holder.wait(60) == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 4
    with files.file_lock(tmp_path / "f"):
        assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "f.lock"])


def test_a_lock_is_on_no_file_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "f.lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)), files.file_lock(tmp_path / "f"):
        pytest.fail("it was followed")
    assert os.listdir(tmp_path) == ["f.lock"]


def test_a_lock_of_another_user_is_none_of_ours(open_tmp: Path) -> None:
    with files.file_lock(open_tmp / "f"):
        pass
    with as_nobody(), pytest.raises(PermissionError), files.file_lock(open_tmp / "f"):
        pytest.fail("it was taken")
