"""config.json: its way back, writing in place, and what the server that reads it says."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mmpush_tui.errors import ConfigError, FailedError, MmpushError, UnreachableError
from mmpush_tui.settings.page import KEYS, Change
from mmpush_tui.settings.sources.config_file import ConfigFile
from mmpush_tui.settings.sources.rewrite import IN_PLACE
from mmpush_tui.settings.sources.source import NEEDS, Loaded, Origin, Saved
from mmpush_tui.simulator.mattermost.server import MattermostRest
from tests.rights import NOBODY
from tests.settings.sources.saving import OFFER
from tests.settings.sources.servers import running
from tests.settings.table import OWN, TPNS

REALISTIC = Path(__file__).with_name("config.json")
SERVER_VARIABLE = "MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER"

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can act as someone else")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "srv" / "config" / "config.json"
    path.parent.mkdir(parents=True)
    shutil.copyfile(REALISTIC, path)
    return path


def change(name: str, value: str | int | bool) -> Change:
    return Change(key=KEYS[name], old=None, new=value)


def load(path: Path, **environment: str) -> Loaded:
    return asyncio.run(ConfigFile(path, environment=environment).load())


def save(path: Path, wanted: Sequence[Change], *, in_place: bool = False) -> Saved:
    async def both() -> Saved:
        source = ConfigFile(path, environment={}, in_place=in_place)
        return await source.save(await source.load(), wanted)

    return asyncio.run(both())


def restore(path: Path, backup: str) -> Saved:
    async def all_of_it() -> Saved:
        source = ConfigFile(path, environment={})
        loaded, former = await source.load(), await source.former(backup)
        return await source.restore(loaded, former)

    return asyncio.run(all_of_it())


def backups(path: Path) -> list[str]:
    return asyncio.run(ConfigFile(path).backups())


def refusal(path: Path, wanted: Sequence[Change]) -> MmpushError:
    before = path.read_bytes()
    with pytest.raises(FailedError) as caught:
        save(path, wanted)
    assert path.read_bytes() == before
    assert [name for name in os.listdir(path.parent) if "mmpush" in name] == []
    return caught.value


# A file as they really look


def large() -> bytes:
    """Return a configuration of more than 600 lines with everything that could be lost."""
    document = json.loads(REALISTIC.read_text())
    document["PluginSettings"]["Plugins"] = {
        f"com.example.plugin-{number}": {"token": f"CANARY-{number}", "unknown": [1, 2.50, None]}
        for number in range(60)
    }
    document["NobodyKnowsThis"] = {"quoted": 'a "b" \\ /', "emoji": "\U0001f600", "amp": "a&b<c>"}
    text = json.dumps(document, indent=3, ensure_ascii=False)
    text = text.replace("&", "\\u0026").replace("<", "\\u003c").replace("/", "\\/", 1)
    return text.replace("\n", "\r\n").replace("   ", "\t ", 40).encode()


def test_of_600_lines_only_ours_differ(tmp_path: Path) -> None:
    real = tmp_path / "etc" / "real.json"
    real.parent.mkdir()
    before = large()
    real.write_bytes(before)
    link = tmp_path / "config.json"
    link.symlink_to(real)
    assert before.count(b"\r\n") > 600
    save(
        link,
        [change("send", False), change("server", "http://a&b"), change("contents", "generic"),
         change("max_notifications", 7)],
    )  # fmt: skip
    assert link.is_symlink()
    old, new = before.split(b"\n"), real.read_bytes().split(b"\n")
    assert len(old) == len(new)
    changed = [(was, now) for was, now in zip(old, new, strict=True) if was != now]
    names = sorted(was.partition(b'"')[2].partition(b'"')[0].decode() for was, _ in changed)
    assert names == sorted(key.partition(".")[2] for key in KEYS.values())
    for was, now in changed:
        head, colon, _ = was.partition(b": ")
        assert now.startswith(head + colon)
        assert now.endswith(b",\r") is was.endswith(b",\r")
    assert b'"http://a\\u0026b"' in real.read_bytes()
    saved = restore(link, backups(link)[0])
    assert saved.backup is not None
    assert real.read_bytes() == before


# The way back


def test_undone_and_undone_again(config: Path) -> None:
    before = config.read_bytes()
    first = save(config, [change("server", OWN), change("max_notifications", 5)])
    after = config.read_bytes()
    assert first.backup is not None
    assert restore(config, first.backup).skipped == ()
    assert config.read_bytes() == before
    assert len(backups(config)) == 2
    restore(config, backups(config)[0])
    assert config.read_bytes() == after


def test_what_others_changed_since_stays(config: Path) -> None:
    saved = save(config, [change("server", OWN)])
    config.write_bytes(config.read_bytes().replace(b"Welcome", b"Goodbye"))
    assert saved.backup is not None
    restore(config, saved.backup)
    assert config.read_bytes() == REALISTIC.read_bytes().replace(b"Welcome", b"Goodbye")


def test_a_key_that_was_not_there_goes_again(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"EmailSettings": {"SendPushNotifications": true}}')
    saved = save(path, [change("server", OWN), change("max_notifications", 5)])
    assert saved.backup is not None
    restore(path, saved.backup)
    assert path.read_text() == '{"EmailSettings": {"SendPushNotifications": true}}'


def test_a_key_that_is_held_does_not_come_back_with_the_others(config: Path) -> None:
    async def all_of_it() -> None:
        plain = ConfigFile(config, environment={})
        wanted = [change("server", OWN), change("contents", "generic")]
        saved = await plain.save(await plain.load(), wanted)
        held = ConfigFile(config, environment={SERVER_VARIABLE: "http://held"})
        loaded, former = await held.load(), await held.former(saved.backup or "")
        await held.restore(loaded, former)

    asyncio.run(all_of_it())
    email = json.loads(config.read_text())["EmailSettings"]
    assert email["PushNotificationServer"] == OWN
    assert email["PushNotificationContents"] == "full"


def test_backups_are_listed_the_newest_first(config: Path) -> None:
    for number in range(2, 14):
        save(config, [change("max_notifications", number)])
    limits = [
        json.loads(Path(path).read_text())["TeamSettings"]["MaxNotificationsPerChannel"]
        for path in backups(config)
    ]
    assert limits == [*range(12, 1, -1), 1000]
    (config.parent / "config.json.mmpush-notes").write_text("{}")
    assert len(backups(config)) == 12


def test_what_is_no_backup_is_named(config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with pytest.raises(
        ConfigError, match=r"does not exist\. Name a backup that `settings restore --list` shows\."
    ):
        asyncio.run(ConfigFile(config).former(str(other)))
    other.write_text("CANARY")
    with pytest.raises(ConfigError, match="this is no JSON") as caught:
        asyncio.run(ConfigFile(config).former(str(other)))
    assert "CANARY" not in caught.value.line()


# In place


def test_a_file_of_two_names_is_written_in_place_on_request(config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other-name"
    os.link(config, other)
    told = refusal(config, [change("server", OWN)])
    assert (told.code, told.line()) == (
        IN_PLACE,
        f"{config} was not written: it has 2 names (hard links), and replacing it would part "
        f"them. {OFFER}",
    )
    saved = save(config, [change("server", OWN)], in_place=True)
    assert OWN in other.read_text()
    assert os.path.samefile(config, other)
    assert saved.backup is not None
    assert Path(saved.backup).read_bytes() == REALISTIC.read_bytes()
    restore_in_place(config, saved.backup)
    assert other.read_bytes() == REALISTIC.read_bytes()


def restore_in_place(path: Path, backup: str) -> None:
    async def all_of_it() -> None:
        source = ConfigFile(path, environment={}).in_place()
        loaded, former = await source.load(), await source.former(backup)
        await source.restore(loaded, former)

    asyncio.run(all_of_it())


def as_user(user: int, code: str, *arguments: str | Path, before: str = "") -> str:
    """Run some Python as another user, in a mount namespace of its own where ``before`` is given.

    Args:
        user: whose id it runs under.
        code: what is run; its arguments are in ``sys.argv``.
        arguments: those.
        before: shell commands that come first, as root.
    """
    drop = f"import os; os.setgroups([]); os.setresgid({user}, {user}, {user}); " \
           f"os.setresuid({user}, {user}, {user})\n"  # fmt: skip
    imports = "import asyncio, sys, logging.handlers, httpx, encodings.idna\n" \
              "from tests.settings.sources.test_config_ways import *\n" \
              "from mmpush_tui.troubleshooting.catalogue import entries; entries()\n" \
              "asyncio.run(asyncio.to_thread(os.getuid))\n"  # fmt: skip
    command = [sys.executable, "-c", imports + (drop if user else "") + code, *map(str, arguments)]
    if before:
        command = ["unshare", "--mount", "sh", "-c", f'set -e\n{before}\nexec "$@"', "sh", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if before and "unshare" in done.stderr:
        pytest.skip(f"this kernel lets us mount nothing: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SAVE = """
try:
    is_over = sys.argv[2:] == ["over"]
    print(save(Path(sys.argv[1]), [change("server", OWN)], in_place=is_over).backup)
except MmpushError as error:
    print(error.code, error.line())
"""


@needs_root
def test_a_file_mounted_by_itself_is_written_in_place_on_request(
    short_tmp: Path, config: Path
) -> None:
    mounted = short_tmp / "config.json"
    mounted.touch()
    mount = f'mount --bind "{config}" "{mounted}"'
    assert as_user(0, SAVE, mounted, before=mount) == (
        f"{IN_PLACE} {mounted} was not written: it is mounted by itself, as containers do, and "
        f"cannot be replaced. {OFFER}"
    )
    assert config.read_bytes() == REALISTIC.read_bytes()
    inode = config.stat().st_ino
    backup = Path(as_user(0, SAVE, mounted, "over", before=mount))
    assert OWN in config.read_text()
    assert config.stat().st_ino == inode
    assert backup.read_bytes() == REALISTIC.read_bytes()


@needs_root
def test_in_a_folder_that_is_closed_the_backup_goes_elsewhere(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_tmp.chmod(0o755)
    config = short_tmp / "config.json"
    shutil.copyfile(REALISTIC, config)
    os.chown(config, NOBODY, NOBODY)
    state = short_tmp / "state"
    state.mkdir()
    os.chown(state, NOBODY, NOBODY)
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    told = as_user(NOBODY, SAVE, config)
    assert told == (
        f"{IN_PLACE} {config} was not written: this user may not write in the folder {short_tmp}. "
        f"{OFFER}"
    )
    backup = Path(as_user(NOBODY, SAVE, config, "over"))
    assert backup.is_relative_to(state)
    assert (backup.stat().st_mode & 0o777, backup.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert backup.read_bytes() == REALISTIC.read_bytes()
    assert OWN in config.read_text()
    assert backups(config) == [str(backup)]
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/none")
    told = as_user(NOBODY, SAVE.replace("OWN", "TPNS"), config, "over")
    assert told.startswith(
        f"mattermost-config-not-written {config} was not written: no backup of it could be made in "
        f"{short_tmp} or /proc/none/"
    )
    assert OWN in config.read_text()


@needs_root
def test_a_file_that_is_somebody_elses_keeps_its_owner(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_tmp.chmod(0o777)
    monkeypatch.setenv("XDG_STATE_HOME", str(short_tmp / "state"))
    config = short_tmp / "config.json"
    shutil.copyfile(REALISTIC, config)
    config.chmod(0o666)
    told = as_user(NOBODY, SAVE, config)
    assert told.startswith(
        f"{IN_PLACE} {config} was not written: it belongs to root:root, and this "
    )
    backup = as_user(NOBODY, SAVE, config, "over")
    assert config.stat().st_uid == 0
    assert OWN in config.read_text()
    assert Path(backup).read_bytes() == REALISTIC.read_bytes()


def test_an_interrupt_waits_until_a_file_in_place_is_whole(tmp_path: Path) -> None:
    code = """
import asyncio, pathlib, sys
from mmpush_tui.settings.sources.config_file import _in_time
def work():
    print("begun", flush=True)
    sys.stdin.readline()
    pathlib.Path(sys.argv[1]).write_text("whole")
async def main():
    try:
        await _in_time(work, "written", pathlib.Path(sys.argv[1]), must_end=True)
    finally:
        print("interrupted", flush=True)
asyncio.run(main())
"""
    file = tmp_path / "written"
    with subprocess.Popen(
        [sys.executable, "-c", code, file],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == b"interrupted\n"
        assert not file.exists()
        process.stdin.write(b"go on\n")
        process.stdin.close()
        process.wait(20)
    assert process.returncode != 0
    assert file.read_text() == "whole"


@needs_root
@pytest.mark.parametrize("free_kib", [0, 8])
def test_a_full_disk_leaves_a_file_in_place_whole(
    short_tmp: Path, config: Path, free_kib: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(short_tmp / "state"))
    folder = short_tmp / "disk"
    folder.mkdir()
    file = folder / "config.json"
    mount = (
        f'mount -t tmpfs -o size=200k none "{folder}"; cp "{config}" "{file}"; '
        f'ln "{file}" "{folder}/other"; '
        f'FREE=$(df --output=avail -k "{folder}" | tail -n 1); '
        f'head -c $(( (FREE - {free_kib}) * 1024 )) /dev/zero > "{folder}/filler"'
    )
    check = SAVE + f"print(Path(sys.argv[1]).read_bytes() == Path({str(REALISTIC)!r}).read_bytes())"
    told, is_whole = as_user(0, check, file, "over", before=mount).splitlines()
    assert told == (
        f"mattermost-config-not-written {file} was not written: there is no space left in {folder}."
        " Free some space; the file is as it was."
    )
    assert is_whole == "True"


@needs_root
def test_a_folder_that_may_not_be_looked_into_is_no_hindrance(
    short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_tmp.chmod(0o711)
    config = short_tmp / "config.json"
    shutil.copyfile(REALISTIC, config)
    os.chown(config, NOBODY, NOBODY)
    state = short_tmp / "state"
    state.mkdir()
    os.chown(state, NOBODY, NOBODY)
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    assert as_user(NOBODY, SAVE, config).startswith(IN_PLACE)
    assert Path(as_user(NOBODY, SAVE, config, "over")).is_relative_to(state)
    assert OWN in config.read_text()
    link = short_tmp / "link.json"
    link.symlink_to(config)
    assert backups(link) == backups(config) != []


@needs_root
def test_a_file_its_owner_closed_stays_closed(short_tmp: Path) -> None:
    short_tmp.chmod(0o755)
    folder = short_tmp / "own"
    folder.mkdir()
    config = folder / "config.json"
    shutil.copyfile(REALISTIC, config)
    config.chmod(0o444)
    for path in (folder, config):
        os.chown(path, NOBODY, NOBODY)
    for way in ([], ["over"]):
        assert as_user(NOBODY, SAVE, config, *way) == (
            f"mattermost-config-not-written {config} was not written: it is read-only, on purpose "
            "as it seems. Allow its owner to write it, with chmod u+w."
        )
    assert config.read_bytes() == REALISTIC.read_bytes()


# The server that reads it


def test_the_running_servers_environment_counts(config: Path) -> None:
    own = {SERVER_VARIABLE: "http://ours"}
    loaded = load(config, **own)
    assert (loaded.origin, loaded.stored.server) == (Origin.OWN, "http://ours")
    assert loaded.held["server"] == (
        f"set by {SERVER_VARIABLE}, as our own environment says; the server's cannot be seen"
    )
    with running(config.parents[1], **{SERVER_VARIABLE: "http://theirs"}):
        loaded = load(config, **own)
    assert (loaded.origin, loaded.stored.server) == (Origin.PROCESS, "http://theirs")
    assert loaded.held["server"] == (
        f"set by {SERVER_VARIABLE}, as the running server's environment says"
    )
    with running(config.parents[1]):
        assert load(config, **own).locked == {}


def test_a_server_with_another_file_says_nothing_of_ours(config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    shutil.copyfile(REALISTIC, other)
    with running(config.parents[1], **{SERVER_VARIABLE: "http://theirs"}):
        assert load(other).origin is Origin.OWN
    with running(config.parents[1], MM_CONFIG=str(other)):
        assert load(other).origin is Origin.PROCESS
        assert load(config).origin is Origin.OWN
    with running(config.parents[1], "--config", str(other)):
        assert load(other).origin is Origin.PROCESS


def test_a_file_beside_the_database_is_refused(config: Path, tmp_path: Path) -> None:
    address = "postgres://mmuser:CANARY@db/mattermost"
    fix = "Ask the running server instead: --mattermost-url URL with a token, or --local."
    with running(config.parents[1], MM_CONFIG=address) as pid:
        with pytest.raises(ConfigError) as caught:
            load(config)
        other = tmp_path / "copy.json"
        shutil.copyfile(REALISTIC, other)
        assert load(other).stored.server == TPNS
    assert caught.value.line() == (
        f"{config} is not in use: the Mattermost server that runs here (pid {pid}) keeps its "
        f"configuration in its database. {fix}"
    )
    with pytest.raises(ConfigError) as caught:
        load(config, MM_CONFIG=address)
    assert caught.value.line() == (
        f"{config} is not in use: MM_CONFIG says that Mattermost keeps its configuration in its "
        f"database. {fix} Without MM_CONFIG the file is taken as it is."
    )


def test_a_cluster_needs_more(config: Path) -> None:
    assert save(config, [change("server", OWN)]).needs == ("reload",)
    text = config.read_text()
    document = json.loads(text)
    document["ClusterSettings"] = {"Enable": True}
    config.write_text(json.dumps(document, indent=4))
    assert save(config, [change("server", TPNS)]).needs == ("reload", "cluster")


async def test_the_server_is_told_over_its_socket(short_tmp: Path) -> None:
    config = short_tmp / "config.json"
    async with MattermostRest(file=config, socket_path=short_tmp / "local.sock") as mattermost:
        source = ConfigFile(config, environment={})
        saved = await source.save(await source.load(), [change("server", OWN)])
        assert saved.can_reload
        assert mattermost.config["EmailSettings"]["PushNotificationServer"] == TPNS
        await source.reload()
        assert mattermost.config["EmailSettings"]["PushNotificationServer"] == OWN
        assert mattermost.violations == []


def test_without_a_socket_the_command_is_named(config: Path) -> None:
    assert save(config, [change("server", OWN)]).can_reload is False
    with pytest.raises(UnreachableError) as caught:
        asyncio.run(ConfigFile(config).reload())
    assert caught.value.line() == (
        "the server cannot be told from here to read the file: its local mode is off, or this user "
        f"may not use its socket. {NEEDS['reload']}"
    )
