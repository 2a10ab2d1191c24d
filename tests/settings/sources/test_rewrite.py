"""When the file cannot be written: the old one is whole and a sentence says why."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.errors import FailedError
from mmpush_tui.settings.sources import rewrite
from tests.rights import NOBODY
from tests.settings.sources.saving import OFFER, saved_as, saving

REALISTIC = Path(__file__).with_name("config.json")
OLD = REALISTIC.read_bytes()
OWN = "http://127.0.0.1:8086"

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can act as someone else")


@pytest.fixture
def config(short_tmp: Path) -> Path:
    """A configuration in a folder of its own that everybody may enter."""
    short_tmp.chmod(0o755)
    folder = short_tmp / "config"
    folder.mkdir()
    path = folder / "config.json"
    shutil.copyfile(REALISTIC, path)
    path.chmod(0o644)
    return path


def assert_untouched(path: Path) -> None:
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == ["config.json"]


@needs_root
def test_a_user_who_may_not_read_is_told(config: Path) -> None:
    config.chmod(0o600)
    assert saved_as(NOBODY, config, OWN) == {
        "code": "mattermost-config-permission",
        "line": f"{config} cannot be read by this user. Run this as root or as the user that "
        "runs Mattermost.",
        "exit": 2,
    }
    assert_untouched(config)


@needs_root
def test_a_user_who_may_not_write_the_folder_is_told(config: Path) -> None:
    assert saved_as(NOBODY, config, OWN) == {
        "code": "mattermost-config-not-written",
        "line": f"{config} was not written: this user may not write in the folder "
        f"{config.parent}. Run this as root or as the user that runs Mattermost. Or ask the "
        "running server: --mattermost-url URL, or --local.",
        "exit": 1,
    }
    assert_untouched(config)


@needs_root
def test_a_user_who_would_take_the_file_from_its_owner_is_told(config: Path) -> None:
    config.parent.chmod(0o777)
    assert saved_as(NOBODY, config, OWN) == {
        "code": "mattermost-config-owner",
        "line": f"{config} was not written: it belongs to root:root, and this user cannot make a "
        "file that does. Run this as root or as the user that runs Mattermost.",
        "exit": 1,
    }
    assert_untouched(config)


@needs_root
def test_the_owner_needs_no_root(config: Path) -> None:
    for path in (config, config.parent):
        os.chown(path, NOBODY, NOBODY)
    config.chmod(0o600)
    outcome = saved_as(NOBODY, config, OWN)
    assert outcome["code"] == ""
    assert OWN in config.read_text()
    assert (config.stat().st_uid, config.stat().st_mode & 0o777) == (NOBODY, 0o600)


def in_namespace(config: Path, mount: str) -> dict[str, Any]:
    """Save where ``mount`` was done; $FOLDER and $FILE lead to the configuration."""
    script = f'set -e\n{mount}\n"$@"\ncmp "$FILE" "$ORIGINAL" >&2\nls -A "$FOLDER" >&2'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *saving(config, OWN)],  # noqa: S607 - of util-linux, wherever it is
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ
        | {"FOLDER": str(config.parent), "FILE": str(config), "ORIGINAL": str(REALISTIC)},
    )
    if not done.stdout:
        pytest.skip(f"this kernel lets us mount nothing: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    left = [name for name in done.stderr.split() if name != "filler"]
    assert left == ["config.json"], "something was left behind"
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


@needs_root
def test_a_read_only_file_system_is_named(config: Path) -> None:
    mount = 'mount --bind "$FOLDER" "$FOLDER"; mount -o remount,ro,bind "$FOLDER"'
    assert in_namespace(config, mount) == {
        "code": "mattermost-config-not-written",
        "line": f"{config} was not written: its file system is read-only. Where it is mounted "
        "into a container, change it on the host. Or ask the running server: --mattermost-url "
        "URL, or --local.",
        "exit": 1,
    }


@needs_root
def test_a_file_mounted_by_itself_is_named(config: Path) -> None:
    assert in_namespace(config, 'mount --bind "$FILE" "$FILE"') == {
        "code": "mattermost-config-in-place",
        "line": f"{config} was not written: it is mounted by itself, as containers do, and cannot "
        f"be replaced. {OFFER}",
        "exit": 1,
    }


@needs_root
@pytest.mark.parametrize("free_kib", [0, 4, len(OLD) // 1024 + 6], ids="free {} KiB".format)
def test_a_full_disk_is_named(config: Path, free_kib: int) -> None:
    size_kib = 200
    mount = (
        f'mount -t tmpfs -o size={size_kib}k none "$FOLDER"; cp "$ORIGINAL" "$FILE"; '
        f'FREE=$(df --output=avail -k "$FOLDER" | tail -n 1); '
        f'head -c $(( (FREE - {free_kib}) * 1024 )) /dev/zero > "$FOLDER/filler"'
    )
    assert in_namespace(config, mount) == {
        "code": "mattermost-config-not-written",
        "line": f"{config} was not written: there is no space left in {config.parent}. Free some "
        "space; the file is as it was.",
        "exit": 1,
    }


def killed_saves(config: Path, luck: random.Random) -> Iterator[None]:
    """Kill a process in the midst of saving, again and again."""
    for _ in range(12):
        process = subprocess.Popen(
            saving(config, "http://old.example.com,http://new.example.com"), stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        with process, process.stdout:
            assert process.stdout.readline() == b"ready\n"
            try:
                process.wait(luck.uniform(0.0, 0.1))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        yield


@pytest.mark.slow
def test_a_kill_leaves_the_old_file_or_the_new_one(config: Path) -> None:
    texts = {
        OLD.replace(b"https://push-test.mattermost.com", b"http://%s.example.com" % word)
        for word in (b"old", b"new")
    }
    whole = {OLD, *texts}
    backups = 0
    for _ in killed_saves(config, random.Random(7)):  # noqa: S311 - moments by chance, no secret
        assert config.read_bytes() in whole
        for backup in config.parent.glob("config.json.mmpush-*"):
            assert backup.read_bytes() in whole
            backup.unlink()
            backups += 1
    assert backups > 0, "no save came far enough to prove anything"
    assert saved_as(os.getuid(), config, OWN)["code"] == ""
    assert not list(config.parent.glob(".*")), "what a killed save left is still there"


def test_the_moment_before_the_swap_is_watched(config: Path) -> None:
    seen = rewrite.read_config_file(config)
    config.write_bytes(b"{}")
    with pytest.raises(FailedError, match="was changed by someone else since it was read"):
        rewrite.replace_config(seen, b"ours")
    assert config.read_bytes() == b"{}"
    assert os.listdir(config.parent) == ["config.json"]


def test_a_change_just_after_names_the_backup(config: Path) -> None:
    error = rewrite.changed_meanwhile(config, config.with_name("config.json.mmpush-1"))
    assert error.line() == (
        f"{config} was changed by someone else just after it was written. Compare it with "
        f"{config}.mmpush-1, which has the state before."
    )


def test_a_folder_that_is_gone_is_named(config: Path) -> None:
    seen = rewrite.read_config_file(config)
    shutil.rmtree(config.parent)
    with pytest.raises(FailedError) as caught:
        rewrite.replace_config(seen, b"{}")
    assert caught.value.line() == (
        f"{config} was not written: it or its folder is gone. Load it again."
    )


def test_what_has_no_sentence_of_its_own_has_the_systems(config: Path) -> None:
    path = config.rename(config.with_name("z" * 250))
    with pytest.raises(FailedError) as caught:
        rewrite.replace_config(rewrite.read_config_file(path), b"{}")
    assert caught.value.line() == (
        f"{path} was not written: File name too long. The file is as it was."
    )
    assert path.read_bytes() == OLD


def test_another_saver_is_waited_for_by_nobody(config: Path) -> None:
    script = (
        "import fcntl, os, sys\n"
        "folder = os.open(sys.argv[1], os.O_RDONLY)\n"
        "fcntl.flock(folder, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, config.parent],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        outcome = saved_as(os.getuid(), config, OWN)
        holder.stdin.close()
    assert outcome == {
        "code": "mattermost-config-busy",
        "line": f"another mmpush-tui is writing {config} at this moment, so nothing was written. "
        "Load it again and repeat the change.",
        "exit": 1,
    }
    assert_untouched(config)
