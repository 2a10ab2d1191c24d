"""config.json as a source: what is read, what is written, what stays."""

import asyncio
import json
import os
import shutil
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mmpush_tui.errors import ConfigError, DeadlineError, FailedError, MmpushError
from mmpush_tui.settings.page import (
    KEYS,
    Change,
    Contents,
    Licence,
    Mode,
    Stored,
    differences,
    infer,
    to_stored,
)
from mmpush_tui.settings.sources import config_file
from mmpush_tui.settings.sources.config_file import ConfigFile
from mmpush_tui.settings.sources.source import NEEDS, Loaded, Place, Saved, Source, SourceAddress

REALISTIC = Path(__file__).with_name("config.json")
TPNS = "https://push-test.mattermost.com"
OWN = "http://127.0.0.1:8086"
VARIABLES = {
    "mode": "MM_EMAILSETTINGS_SENDPUSHNOTIFICATIONS",
    "server": "MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER",
    "contents": "MM_EMAILSETTINGS_PUSHNOTIFICATIONCONTENTS",
    "max_notifications": "MM_TEAMSETTINGS_MAXNOTIFICATIONSPERCHANNEL",
}


def source(path: Path, **environment: str) -> ConfigFile:
    return ConfigFile(path, environment=environment)


def load(path: Path, **environment: str) -> Loaded:
    return asyncio.run(source(path, **environment).load())


def save(path: Path, *wanted: Change, loaded: Loaded | None = None) -> Saved:
    return asyncio.run(source(path).save(loaded or load(path), wanted))


def change(name: str, value: str | int | bool) -> Change:
    return Change(key=KEYS[name], old=None, new=value)


def failure(path: Path) -> MmpushError:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "config.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def realistic(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    shutil.copyfile(REALISTIC, path)
    path.chmod(0o600)
    return path


def test_it_is_a_source(tmp_path: Path) -> None:
    place: Source = source(tmp_path / "config.json")
    assert place.where == SourceAddress(kind=Place.FILE, at=str(tmp_path / "config.json"))


def test_where_it_is_counts_from_the_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert source(Path("config.json")).where.at == str(tmp_path / "config.json")


def test_a_realistic_file_is_read(realistic: Path) -> None:
    loaded = load(realistic)
    assert loaded.stored == Stored(send=True, server=TPNS, contents="full", max_notifications=1000)
    assert loaded.licence == Licence(hpns=None, id_loaded=None)
    assert loaded.locked == {}


def test_the_licence_is_what_the_user_says(realistic: Path) -> None:
    said = Licence(hpns=True, id_loaded=False)
    loaded = asyncio.run(ConfigFile(realistic, licence=said, environment={}).load())
    assert loaded.licence == said


@pytest.mark.parametrize(
    "content",
    [
        "{}",
        '{"EmailSettings":{}}',
        '{"EmailSettings":null,"TeamSettings":{"MaxNotificationsPerChannel":null}}',
        '{"EmailSettings":{"PushNotificationServer":null}} \r\n',
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_missing_or_null_has_the_servers_defaults(
    tmp_path: Path, content: str | bytes
) -> None:
    assert load(written(tmp_path, content)).stored == Stored()


def test_half_a_character_reads_as_the_server_reads_it(tmp_path: Path) -> None:
    path = written(tmp_path, '{"EmailSettings":{"PushNotificationServer":"a\\ud800b"}}')
    assert load(path).stored.server == "a\ufffdb"


REFUSED: dict[str, tuple[str | bytes, str, str]] = {
    "empty": ("", "line 1, column 1: this is no JSON: expecting value", "syntax"),
    "cut off": (
        '{\n  "EmailSettings": {\n    "SMTPPassword": "CANARY',
        "line 3, column 21: this is no JSON: unterminated string starting at",
        "syntax",
    ),
    "no comma": (
        '{"a": "CANARY"\n "b": 1}',
        "line 2, column 2: this is no JSON: expecting",
        "syntax",
    ),
    "more behind it": ("{}\nCANARY", "line 2, column 1: this is no JSON: extra data", "syntax"),
    "bad escape": (
        '{"a": "CANARY\\x"}',
        "line 1, column 14: this is no JSON: invalid \\escape",
        "syntax",
    ),
    "NaN": ('{"a": NaN}', ": this is no JSON that Mattermost could read", "syntax"),
    "deep": ("[" * 100_000, ": this is no JSON that Mattermost could read", "syntax"),
    "latin-1": (b'{\n"a": "CANARY\xfc"}', "line 2: it is not in UTF-8", "syntax"),
    "utf-16": ("{}".encode("utf-16"), "line 1: it is not in UTF-8", "syntax"),
    "a list": ('["CANARY"]', ": expected a JSON object with EmailSettings", "shape"),
    "text": ('"CANARY"', ": expected a JSON object with EmailSettings", "shape"),
    "section": (
        '{\n"EmailSettings": "CANARY"}',
        "line 2: EmailSettings: expected an object",
        "value",
    ),
    "first of two sections": (
        '{\n"EmailSettings": [],\n"EmailSettings": {}}',
        "line 2: EmailSettings: expected an object",
        "value",
    ),
    "switch": (
        '{"EmailSettings": {\n"SendPushNotifications": "CANARY"}}',
        "line 2: EmailSettings.SendPushNotifications: expected true or false",
        "value",
    ),
    "switch as a number": (
        '{"EmailSettings": {"SendPushNotifications": 1}}',
        "line 1: EmailSettings.SendPushNotifications: expected true or false",
        "value",
    ),
    "address": (
        '{"EmailSettings": {"PushNotificationServer": ["CANARY"]}}',
        "line 1: EmailSettings.PushNotificationServer: expected text",
        "value",
    ),
    "contents": (
        '{"EmailSettings": {"PushNotificationContents": true}}',
        "line 1: EmailSettings.PushNotificationContents: expected text",
        "value",
    ),
    "limit": (
        '{"TeamSettings": {"MaxNotificationsPerChannel": "CANARY"}}',
        "line 1: TeamSettings.MaxNotificationsPerChannel: expected a whole number",
        "value",
    ),
    "limit with a fraction": (
        '{"TeamSettings": {"MaxNotificationsPerChannel": 1000.0}}',
        "line 1: TeamSettings.MaxNotificationsPerChannel: expected a whole number",
        "value",
    ),
    "limit true": (
        '{"TeamSettings": {"MaxNotificationsPerChannel": true}}',
        "line 1: TeamSettings.MaxNotificationsPerChannel: expected a whole number",
        "value",
    ),
    "limit too large": (
        '{"TeamSettings": {"MaxNotificationsPerChannel": 9223372036854775808}}',
        "line 1: TeamSettings.MaxNotificationsPerChannel: expected a whole number",
        "value",
    ),
    "limit wrong in the twin that does not count": (
        '{"TeamSettings": {"maxnotificationsperchannel": "",\n"MaxNotificationsPerChannel": 5}}',
        "line 1: TeamSettings.MaxNotificationsPerChannel: expected a whole number",
        "value",
    ),
}


@pytest.mark.parametrize(("content", "words", "code"), REFUSED.values(), ids=REFUSED)
def test_what_mattermost_could_not_read_is_named_without_its_content(
    tmp_path: Path, content: str | bytes, words: str, code: str
) -> None:
    path = written(tmp_path, content)
    error = failure(path)
    assert error.line().startswith(str(path))
    assert words in error.line()
    assert error.code == f"mattermost-config-{code}"
    assert "CANARY" not in error.line()


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    assert failure(path).line() == (
        f"{path} does not exist. Name Mattermost's config.json with --mattermost-config FILE."
    )
    assert failure(tmp_path).line() == f"{tmp_path} is no file. Name Mattermost's config.json."
    os.mkfifo(path)
    assert failure(path).line() == f"{path} is no file. Name Mattermost's config.json."
    below = path / "x"
    assert failure(below).line() == f"{below} cannot be read: Not a directory."
    path.unlink()
    path.symlink_to(path)
    assert failure(path).line() == f"{path} cannot be read: Too many levels of symbolic links."
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Path("a\0b"))


def test_a_file_of_any_size_is_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.touch()
    os.truncate(path, 2**40)
    assert failure(path).line() == (
        f"{path} is too large for a configuration. Name Mattermost's config.json."
    )


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("mode", "false", "send", False),
        ("mode", "T", "send", True),
        ("mode", "maybe", "send", True),
        ("server", OWN, "server", OWN),
        ("server", "", "server", ""),
        ("contents", "id_loaded", "contents", "id_loaded"),
        ("max_notifications", "20", "max_notifications", 20),
        ("max_notifications", "many", "max_notifications", 1000),
        ("max_notifications", "1e3", "max_notifications", 1000),
    ],
)
def test_the_environment_holds_a_field_and_outranks_the_file(
    realistic: Path, name: str, text: str, field: str, value: object
) -> None:
    loaded = load(realistic, **{VARIABLES[name]: text})
    assert loaded.locked == {name: VARIABLES[name]}
    assert getattr(loaded.stored, field) == value


def test_our_own_environment_is_looked_at(realistic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES["contents"], "generic")
    loaded = asyncio.run(ConfigFile(realistic).load())
    assert (loaded.stored.contents, list(loaded.locked)) == ("generic", ["contents"])


def test_save_writes_its_keys_and_no_other_byte(realistic: Path) -> None:
    before = realistic.read_bytes()
    loaded = load(realistic)
    page = infer(loaded.stored, loaded.licence).with_mode(Mode.CUSTOM)
    page = page.with_server("https://push.example.com/?a=1&b=<2>")
    page = page.with_contents(Contents.ID_LOADED).with_max_notifications(50)

    saved = save(realistic, *differences(loaded.stored, to_stored(page), {}), loaded=loaded)

    expected = before
    for old, new in (
        (b'"PushNotificationServer": "https://push-test.mattermost.com"',
         b'"PushNotificationServer": "https://push.example.com/?a=1\\u0026b=\\u003c2\\u003e"'),
        (b'"PushNotificationContents": "full"', b'"PushNotificationContents": "id_loaded"'),
        (b'"MaxNotificationsPerChannel": 1000', b'"MaxNotificationsPerChannel": 50'),
    ):  # fmt: skip
        assert expected.count(old) == 1
        expected = expected.replace(old, new)
    assert realistic.read_bytes() == expected
    assert load(realistic).stored == replace(
        loaded.stored,
        server="https://push.example.com/?a=1&b=<2>",
        contents="id_loaded",
        max_notifications=50,
    )
    assert (saved.needs, saved.skipped) == (("reload",), ())
    assert "mmctl config reload" in NEEDS["reload"]


LAYOUTS: dict[str, Callable[[str], bytes]] = {
    "as Go writes it": str.encode,
    "tabs": lambda text: text.replace("    ", "\t").encode(),
    "two spaces, CRLF": lambda text: text.replace("    ", "  ").replace("\n", "\r\n").encode(),
    "UTF-8 mark, line end": lambda text: b"\xef\xbb\xbf" + text.encode() + b"\n",
    "one line": lambda text: json.dumps(json.loads(text), separators=(",", ":")).encode(),
    "ASCII only": lambda text: json.dumps(json.loads(text), indent=1).encode(),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_is_kept(tmp_path: Path, layout: Callable[[str], bytes]) -> None:
    before = layout(REALISTIC.read_text())
    path = written(tmp_path, before)

    save(path, change("server", OWN), change("send", False), change("max_notifications", 1))

    after = path.read_bytes()
    assert after != before
    back = after.replace(OWN.encode(), TPNS.encode())
    for key, new, old in ((b"SendPushNotifications", b"false", b"true"),
                          (b"MaxNotificationsPerChannel", b"1", b"1000")):  # fmt: skip
        start = back.index(key)
        position = back.index(new, start)
        back = back[:position] + old + back[position + len(new) :]
    assert back == before
    assert load(path).stored == Stored(send=False, server=OWN, contents="full", max_notifications=1)


def test_missing_keys_are_added(tmp_path: Path) -> None:
    path = written(tmp_path, '{\n    "EmailSettings": {\n        "SMTPServer": "x"\n    }\n}\n')
    save(path, change("send", True), change("server", OWN), change("max_notifications", 9))
    assert path.read_text() == (
        '{\n    "EmailSettings": {\n        "SMTPServer": "x",\n'
        '        "SendPushNotifications": true,\n'
        f'        "PushNotificationServer": "{OWN}"\n    }},\n'
        '    "TeamSettings": {\n        "MaxNotificationsPerChannel": 9\n    }\n}\n'
    )


def test_the_backup_is_the_file_as_it_was(realistic: Path) -> None:
    before = realistic.read_bytes()
    realistic.chmod(0o640)
    saved = save(realistic, change("send", False))
    assert saved.backup is not None
    backup = Path(saved.backup)
    assert backup.parent == realistic.parent
    stamp = backup.name.removeprefix("config.json.mmpush-")
    assert len(stamp) == len("20260101T120000Z")
    assert stamp.translate({ord(char): None for char in "TZ"}).isdecimal()
    assert backup.read_bytes() == before
    assert stat.S_IMODE(backup.stat().st_mode) == 0o640
    assert stat.S_IMODE(realistic.stat().st_mode) == 0o640
    assert sorted(os.listdir(realistic.parent)) == sorted(["config.json", backup.name])


def test_saves_within_one_second_have_backups_of_their_own(realistic: Path) -> None:
    states = [realistic.read_bytes()]
    backups = []
    for number in range(4):
        backups.append(save(realistic, change("max_notifications", number + 1)).backup)
        states.append(realistic.read_bytes())
    assert len(set(backups)) == 4
    assert [Path(backup).read_bytes() for backup in backups if backup] == states[:-1]


def test_a_link_stays_a_link(realistic: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link = folder / "link.json"
    link.symlink_to("../config.json")
    saved = save(link, change("server", OWN))
    assert link.is_symlink()
    assert not realistic.is_symlink()
    assert load(link).stored.server == load(realistic).stored.server == OWN
    assert saved.backup is not None
    assert Path(saved.backup).parent == tmp_path
    assert os.listdir(folder) == ["link.json"]


def test_extended_attributes_go_along(realistic: Path) -> None:
    try:
        os.setxattr(realistic, "user.canary", b"kept")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    save(realistic, change("send", False))
    assert os.getxattr(realistic, "user.canary") == b"kept"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_the_owner_stays(realistic: Path) -> None:
    os.chown(realistic, 1234, 5678)
    saved = save(realistic, change("send", False))
    assert saved.backup is not None
    for path in (realistic, Path(saved.backup)):
        status = path.stat()
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 5678, 0o600)


def test_locked_keys_are_not_written_and_said_so(realistic: Path) -> None:
    before = json.loads(realistic.read_text())
    held = source(realistic, **{VARIABLES["server"]: OWN})

    async def both() -> Saved:
        loaded = await held.load()
        return await held.save(loaded, [change("server", "http://x"), change("send", False)])

    saved = asyncio.run(both())
    assert saved.skipped == (KEYS["server"],)
    before["EmailSettings"]["SendPushNotifications"] = False
    assert json.loads(realistic.read_text()) == before


def test_nothing_to_write_writes_nothing(realistic: Path) -> None:
    inode = realistic.stat().st_ino
    assert save(realistic) == Saved(backup=None, needs=(), skipped=())
    assert realistic.stat().st_ino == inode
    assert os.listdir(realistic.parent) == ["config.json"]


def _edited(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"Welcome", b"Goodbye"))


def _swapped(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.rename(path)


def _broken(path: Path) -> None:
    path.write_bytes(b"{")


@pytest.mark.parametrize("meanwhile", [_edited, _swapped, _broken])
def test_a_change_underneath_is_not_overwritten(
    realistic: Path, meanwhile: Callable[[Path], None]
) -> None:
    loaded = load(realistic)
    meanwhile(realistic)
    now = realistic.read_bytes()
    with pytest.raises(FailedError) as caught:
        save(realistic, change("send", False), loaded=loaded)
    assert caught.value.code == "mattermost-config-changed"
    assert caught.value.line() == (
        f"{realistic} was changed by someone else since it was read, so nothing was written. Load "
        "it again and repeat the change."
    )
    assert realistic.read_bytes() == now
    assert os.listdir(realistic.parent) == ["config.json"]


def test_of_two_who_loaded_the_same_the_second_is_refused(realistic: Path) -> None:
    async def race() -> Sequence[Saved | BaseException]:
        place = source(realistic)
        loaded = await place.load()
        orders = [
            place.save(loaded, [change("max_notifications", number)]) for number in range(2, 10)
        ]
        return await asyncio.gather(*orders, return_exceptions=True)

    outcomes = asyncio.run(race())
    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(failed) == 7
    assert {error.code for error in failed if isinstance(error, FailedError)} <= {
        "mattermost-config-changed",
        "mattermost-config-busy",
    }
    won = next(number for number, outcome in enumerate(outcomes, 2) if isinstance(outcome, Saved))
    assert load(realistic).stored.max_notifications == won
    assert len(os.listdir(realistic.parent)) == 2


def test_the_file_is_gone_at_saving(realistic: Path) -> None:
    loaded = load(realistic)
    realistic.unlink()
    with pytest.raises(ConfigError, match="does not exist"):
        save(realistic, change("send", False), loaded=loaded)
    assert os.listdir(realistic.parent) == []


def test_half_a_character_is_not_written(realistic: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        save(realistic, change("server", "http://\udcff"))
    assert caught.value.line() == (
        f"{realistic}: EmailSettings.PushNotificationServer cannot hold this value, and nothing "
        "was written. Enter it again, without characters that are none."
    )
    assert os.listdir(realistic.parent) == ["config.json"]


def test_leftovers_of_a_killed_save_are_removed(realistic: Path) -> None:
    left = realistic.with_name(".config.json.mmpush-abcdefgh.tmp")
    left.write_text("CANARY")
    other = realistic.with_name(".config.json.mmpush-notes")
    other.touch()
    save(realistic, change("send", False))
    assert not left.exists()
    assert other.exists()


def test_a_file_system_that_does_not_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(config_file, "_TIMEOUT_S", 0.01)
    answers = threading.Event()

    async def wait() -> None:
        try:
            await config_file._in_time(answers.wait, "read", Path("/nfs/config.json"))
        finally:
            answers.set()

    with pytest.raises(DeadlineError) as caught:
        asyncio.run(wait())
    assert caught.value.line() == (
        "/nfs/config.json could not be read within 0 s. Look whether its file system answers."
    )
