"""``settings set``, ``diff`` and ``restore``: the table of rules, and every source."""

import asyncio
import json
import os
import subprocess
import textwrap
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.settings.page import Licence
from mmpush_tui.simulator.mattermost.faults import RestFault, Trouble
from mmpush_tui.simulator.mattermost.server import MattermostRest
from tests.commands.running import COMMAND, run
from tests.console.emulator import Terminal
from tests.settings.table import (
    CONSENT,
    CONTENTS,
    MAX,
    NOTHING,
    OWN,
    ROWS,
    SEND,
    SERVER,
    TPNS,
    Row,
)

TOKEN = "canarycanarycanarycanaryca"
PATCH, CONFIG = "/api/v4/config/patch", "/api/v4/config"
BY_SET = {name: row for name, row in ROWS.items() if row.by_set and row.do}
OVER_A_FILE = {name: row for name, row in BY_SET.items() if row.version is None}
OVER_REST = {name: row for name, row in BY_SET.items() if row.version is not None}


@pytest.fixture(autouse=True)
def _without_a_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("MM_", "MMPUSH_", "MMCTL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


async def settings(*arguments: str | Path, text: bytes = b"", **env: str) -> Done:
    """Run ``settings`` beside the stand-in; the token is never in what it says."""
    given = text.decode(errors="surrogateescape")
    ended = await asyncio.to_thread(run, "settings", *arguments, text=given, **env)
    done = Done(ended.returncode, ended.stdout, ended.stderr)
    assert "canary" not in done.out + done.err
    assert "Traceback" not in done.err
    return done


def licence_of(licence: Licence) -> list[str]:
    if licence.hpns is None:
        return []
    return ["--licence", "hpns,id_loaded" if licence.hpns else "none"]


def write(path: Path, row: Row) -> Path:
    email = {"SendPushNotifications": row.send, "PushNotificationServer": row.server,
             "PushNotificationContents": row.contents}  # fmt: skip
    path.write_text(json.dumps({"EmailSettings": email, "TeamSettings": {}}, indent=4))
    return path


def assert_follows(row: Row, done: Done) -> None:
    if row.why == CONSENT:
        assert (done.code, done.out) == (2, "")
        assert "accept_terms=true" in done.err or CONSENT in done.err
        return
    assert done.code == 0, done.err
    found = done.document
    # Saved, the address of TPNS is TPNS, however it came to be entered.
    is_tpns = row.shown == TPNS and row.mode == "custom"
    assert found["values"]["mode"] == ("tpns" if is_tpns else row.mode)
    assert found["values"]["region"] == row.region
    assert {change["key"]: change["new"] for change in found["changes"]} == row.writes
    assert found["applied"] is bool(row.writes)
    assert (found["dry_run"], found["skipped"]) == (False, [])
    assert bool(row.writes) is (row.why != NOTHING)


@pytest.mark.slow
@pytest.mark.parametrize("row", OVER_A_FILE.values(), ids=OVER_A_FILE)
async def test_the_table_over_a_file(tmp_path: Path, row: Row) -> None:
    path = write(tmp_path / "config.json", row)
    before = path.read_bytes()
    place = ["--mattermost-config", str(path), *licence_of(row.licence), "--json"]
    done = await settings("set", *row.do, *place)
    assert_follows(row, done)
    document = json.loads(path.read_bytes())
    for key, value in row.writes.items():
        section, _, name = key.partition(".")
        assert document[section][name] == value
    if not row.writes:
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["config.json"]


@pytest.mark.slow
@pytest.mark.parametrize("row", OVER_REST.values(), ids=OVER_REST)
async def test_the_table_over_rest(row: Row) -> None:
    config = {"EmailSettings": {"SendPushNotifications": row.send,
                                "PushNotificationServer": row.server}}  # fmt: skip
    async with MattermostRest(
        version=row.version or "", licensed=True, mhpns=True, id_loaded=True, config=config,
        tokens={TOKEN: {"manage_system"}},
    ) as mattermost:  # fmt: skip
        done = await settings(
            "set", *row.do, "--mattermost-url", mattermost.url, "--json",
            MMPUSH_MATTERMOST__TOKEN=TOKEN,
        )  # fmt: skip
        assert_follows(row, done)
        assert mattermost.violations == []


# A file


def config(folder: Path, **email: object) -> Path:
    path = folder / "config.json"
    values = {"SendPushNotifications": True, "PushNotificationServer": TPNS} | email
    path.write_text(json.dumps({"EmailSettings": values}, indent=4))
    return path


def wrapped(text: str) -> str:
    lines = textwrap.wrap(text, 80, break_long_words=False, break_on_hyphens=False)
    return "".join(f"{line}\n" for line in lines)


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    path = config(tmp_path)
    before = path.read_bytes()
    place = ["--mattermost-config", str(path)]
    arguments = ["set", "mode=off", "contents=generic", *place, "--dry-run"]
    done = run("settings", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "EmailSettings.SendPushNotifications\n  old  true\n  new  false\n"
        "EmailSettings.PushNotificationContents\n  old  full\n  new  generic\n"
    ) + wrapped(f"Into {path}, whose every other byte stays.") + (
        "Nothing was written (--dry-run).\n"
    )
    found = json.loads(run("settings", *arguments, "--json").stdout)
    assert found["changes"] == [
        {"key": SEND, "old": True, "new": False},
        {"key": CONTENTS, "old": "full", "new": "generic"},
    ]
    assert (found["applied"], found["dry_run"], found["backup"], found["needs"]) == (
        False, True, None, [],
    )  # fmt: skip
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["config.json"]


def test_set_says_what_it_did_and_what_is_left(tmp_path: Path) -> None:
    path = config(tmp_path)
    done = run("settings", "set", f"server={OWN}", "mode=custom", "--mattermost-config", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "  old  https://push-test.mattermost.com\n  new  http://127.0.0.1:8086\n" in done.stdout
    assert "`mmctl config reload`" in " ".join(done.stdout.split())
    (backup,) = [name for name in os.listdir(tmp_path) if "mmpush" in name]
    assert backup in done.stdout
    again = run("settings", "set", f"server={OWN}", "mode=custom", "--mattermost-config", path)
    assert (again.returncode, again.stdout) == (
        0, "Nothing to change: the settings are so already.\n",
    )  # fmt: skip


def test_warnings_stand_beside_the_plan(tmp_path: Path) -> None:
    done = run("settings", "set", "mode=custom", "server=chat:8066", "--dry-run",
               "--mattermost-config", config(tmp_path))  # fmt: skip
    assert "  warn  The address does not begin with http:// or https://" in done.stdout


def test_the_way_back_and_forth(tmp_path: Path) -> None:
    path = config(tmp_path)
    before = path.read_bytes()
    place = ["--mattermost-config", str(path)]
    nothing = run("settings", "restore", *place)
    assert nothing.returncode == 1
    assert nothing.stderr == (
        f"mmpush-tui: there is no backup of {path}: nothing was changed there with mmpush-tui by "
        "this user yet.\n"
    )
    run("settings", "set", "max_notifications=7", *place)
    after = path.read_bytes()
    assert run("settings", "diff", *place).stdout.splitlines()[-3:] == [
        MAX, "  then  1000", "  now   7",
    ]  # fmt: skip
    dry = json.loads(run("settings", "restore", *place, "--dry-run", "--json").stdout)
    assert (dry["changes"], dry["applied"]) == ([{"key": MAX, "old": 7, "new": 1000}], False)
    done = json.loads(run("settings", "restore", *place, "--json").stdout)
    assert (done["applied"], done["needs"]) == (True, ["reload"])
    assert path.read_bytes() == before
    run("settings", "restore", *place)
    assert path.read_bytes() == after
    listed = json.loads(run("settings", "restore", "--list", "--json", *place).stdout)
    assert listed["backups"] == run("settings", "restore", "--list", *place).stdout.split()
    assert len(listed["backups"]) == 3
    run("settings", "restore", listed["backups"][-1], *place)
    assert path.read_bytes() == before
    assert run("settings", "restore", listed["backups"][-1], *place).stdout == (
        "Nothing to change: the settings are so already.\n"
    )


def test_diff_knows_what_the_environment_holds(tmp_path: Path) -> None:
    path = config(tmp_path)
    run("settings", "set", "contents=generic", "--mattermost-config", path)
    done = run("settings", "diff", "--mattermost-config", path,
               MM_TEAMSETTINGS_MAXNOTIFICATIONSPERCHANNEL="5")  # fmt: skip
    assert CONTENTS in done.stdout
    assert MAX not in done.stdout


def test_diff_is_a_plan_where_something_is_asked_for(tmp_path: Path) -> None:
    path = config(tmp_path, PushNotificationServer="http://127.0.0.1:9000")
    done = run("settings", "diff", "contents=generic", "--mattermost-config", path)
    assert done.stdout == f"{CONTENTS}\n  old  full\n  new  generic\n"
    same = run("settings", "diff", "contents=full", "--mattermost-config", path)
    assert same.stdout == "Nothing differs.\n"
    found = json.loads(
        run("settings", "diff", "contents=generic", "--mattermost-config", path, "--json").stdout
    )
    assert (found["dry_run"], found["applied"]) == (True, False)


def test_what_the_environment_holds_is_refused(tmp_path: Path) -> None:
    path = config(tmp_path)
    before = path.read_bytes()
    done = run("settings", "set", "mode=off", "--mattermost-config", path,
               MM_EMAILSETTINGS_SENDPUSHNOTIFICATIONS="true")  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "mmpush-tui: mode cannot be changed here: set by MM_EMAILSETTINGS_SENDPUSHNOTIFICATIONS, "
        "as our own environment says; the server's cannot be seen. Change it where that is set, "
        "and restart Mattermost.\n"
    )
    assert path.read_bytes() == before


def test_restore_leaves_what_the_environment_holds(tmp_path: Path) -> None:
    path = config(tmp_path)
    run("settings", "set", "mode=custom", f"server={OWN}", "contents=generic",
        "--mattermost-config", path)  # fmt: skip
    done = run("settings", "restore", "--mattermost-config", path, "--json",
               MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER="http://held")  # fmt: skip
    assert [change["key"] for change in json.loads(done.stdout)["changes"]] == [CONTENTS]
    email = json.loads(path.read_text())["EmailSettings"]
    assert email["PushNotificationServer"] == OWN
    assert email["PushNotificationContents"] == "full"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["set"], "Missing argument"),
        (["set", "mode=off", "--mattermost-config", "x", "--local"],
         "--mattermost-config and --local are both given. Name one place"),
        (["set", "mode=off", "--mattermost-url", "chat"], "an access token is needed. Name a file"),
        (["show", "--mattermost-url", "http://h", "--token-file", "none"],
         "the token file none cannot be read: No such file or directory."),
        (["show", "--mattermost-url", "http://h", "--token-file", "/dev/null"],
         "the token file /dev/null holds no token."),
    ],
)  # fmt: skip
def test_wrong_usage_is_a_sentence(arguments: list[str], words: str) -> None:
    done = run("settings", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") <= 4


# The REST API


@pytest.fixture
async def mattermost(short_tmp: Path) -> AsyncIterator[MattermostRest]:
    async with MattermostRest(
        version="11.8.0", licensed=True, mhpns=True, tokens={TOKEN: {"manage_system"}},
        socket_path=short_tmp / "local.sock",
    ) as standing:  # fmt: skip
        yield standing
        assert standing.failures == []


def push_of(mattermost: MattermostRest) -> dict[str, Any]:
    values: dict[str, Any] = mattermost.config["EmailSettings"]
    return values


async def test_the_token_comes_from_a_file_or_stdin_or_a_variable(
    mattermost: MattermostRest, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    place = ["show", "--json", "--mattermost-url", mattermost.url]
    first = await settings(*place, "--token-file", file)
    assert (first.code, first.err) == (0, "")
    assert first.document["source"] == {"kind": "rest", "at": mattermost.url}
    assert first.document["server_version"] == "11.8.0"
    assert first.document["licence"] == {"hpns": True, "id_loaded": False}
    second = await settings(*place, "--token-file", "-", text=TOKEN.encode() + b"\n")
    third = await settings(*place, MMPUSH_MATTERMOST__TOKEN=TOKEN)
    assert first.out == second.out == third.out
    file.chmod(0o644)
    warned = await settings(*place, "--token-file", file)
    assert warned.err == (
        f"mmpush-tui: the token file {file} can be read by others: chmod 600 {file}\n"
    )
    broken = await settings(*place, "--token-file", "-", text=b"\xff\xfe",
                            PYTHONIOENCODING="utf-8:strict")  # fmt: skip
    assert (broken.code, "the access token is none" in broken.err) == (2, True)


async def test_our_configuration_names_the_server(
    mattermost: MattermostRest, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    port = mattermost.url.rpartition(":")[2]
    toml = tmp_path / "ours.toml"
    toml.write_text(
        '[mattermost]\nurl = "http://localhost:1"\ntoken_file = "token"\n'
        f'[network]\nconnect_to = {{ "localhost:1" = "127.0.0.1:{port}" }}\n'
    )
    done = await settings("show", "--json", MMPUSH_CONFIG=str(toml))
    assert (done.code, done.err) == (0, "")
    assert done.document["source"]["at"] == "http://localhost:1"


async def test_set_over_rest_and_over_the_socket(mattermost: MattermostRest) -> None:
    rest = ["--mattermost-url", mattermost.url]
    local = ["--local", str(mattermost.socket_path)]
    done = await settings("set", "mode=custom", f"server={OWN}", *rest, "--json",
                          MMPUSH_MATTERMOST__TOKEN=TOKEN)  # fmt: skip
    assert (done.code, done.document["applied"], done.document["needs"]) == (0, True, [])
    assert mattermost.config["EmailSettings"]["PushNotificationServer"] == OWN
    done = await settings("set", "--local", "mode=off",
                          MMCTL_LOCAL_SOCKET_PATH=str(mattermost.socket_path))  # fmt: skip
    assert done.code == 0
    assert push_of(mattermost)["SendPushNotifications"] is False
    done = await settings("restore", *local, "--reload")
    assert done.code == 0
    assert push_of(mattermost)["SendPushNotifications"] is True
    assert ("POST", "/api/v4/config/reload") in mattermost.requests
    assert mattermost.violations == []


async def test_skipped_keys_are_a_failure_with_the_whole_story(
    mattermost: MattermostRest,
) -> None:
    mattermost.fault = Trouble(RestFault.SKIPS, keys=frozenset({SERVER}))
    arguments = ["set", "mode=custom", f"server={OWN}", "contents=generic",
                 "--mattermost-url", mattermost.url]  # fmt: skip
    done = await settings(*arguments, "--json", MMPUSH_MATTERMOST__TOKEN=TOKEN)
    assert done.code == 1
    assert (done.document["applied"], done.document["skipped"]) == (True, [SERVER])
    assert done.err == (
        "mmpush-tui: Mattermost answered as if all was well and did not change "
        f"{SERVER}: the token's user lacks sysconsole_write_environment_push_notification_server, "
        "or a variable of the server's environment holds it.\n"
    )
    done = await settings("set", "mode=custom", f"server={OWN}", "--mattermost-url",
                          mattermost.url, MMPUSH_MATTERMOST__TOKEN=TOKEN)  # fmt: skip
    assert (done.code, "Nothing was changed." in done.out) == (1, True)


async def test_what_was_saved_is_said_though_looking_fails(mattermost: MattermostRest) -> None:
    mattermost.troubles.add(Trouble(RestFault.SLOW, path=CONFIG, times=3, seconds=0))
    mattermost.troubles.add(Trouble(RestFault.HANG_UP, path=CONFIG))
    done = await settings("set", "max_notifications=7", "--mattermost-url", mattermost.url,
                          "--json", MMPUSH_MATTERMOST__TOKEN=TOKEN)  # fmt: skip
    assert (done.code, done.document["applied"]) == (3, True)
    assert Path(done.document["backup"]).name.endswith(".json")
    assert "broke the connection off" in done.err
    assert mattermost.config["TeamSettings"]["MaxNotificationsPerChannel"] == 7


async def test_a_file_is_reloaded_over_the_socket(short_tmp: Path) -> None:
    file = short_tmp / "config.json"
    async with MattermostRest(file=file, socket_path=short_tmp / "local.sock") as mattermost:
        place = ["--mattermost-config", str(file)]
        done = await settings("set", "max_notifications=7", *place, "--reload", "--json")
        assert (done.code, done.document["needs"]) == (0, [])
        assert mattermost.config["TeamSettings"]["MaxNotificationsPerChannel"] == 7
        done = await settings("set", "max_notifications=9", *place)
        assert "`mmpush-tui settings reload` does that from here." in done.out
        same = await settings("set", "max_notifications=9", *place, "--reload")
        assert (same.code, mattermost.requests[-1][1]) == (0, "/api/v4/config/reload")
        done = await settings("reload", *place)
        assert (done.code, done.out) == (0, "Mattermost has read its configuration anew.\n")
        assert mattermost.config["TeamSettings"]["MaxNotificationsPerChannel"] == 9
    done = await settings("set", "max_notifications=8", *place, "--reload", "--json")
    assert (done.code, done.document["applied"], done.document["needs"]) == (3, True, ["reload"])
    assert "the server cannot be told from here to read the file" in done.err


@pytest.mark.parametrize(
    ("fault", "code"),
    [(RestFault.EXPIRED, 1), (RestFault.HTML_PAGE, 3), (RestFault.LOGIN_ELSEWHERE, 3),
     (RestFault.SERVER_ERROR, 1)],
)  # fmt: skip
async def test_failures_have_their_exit_code(
    mattermost: MattermostRest, fault: RestFault, code: int
) -> None:
    mattermost.fault = fault
    done = await settings("show", "--mattermost-url", mattermost.url, "--json",
                          MMPUSH_MATTERMOST__TOKEN=TOKEN)  # fmt: skip
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("mmpush-tui: ")
    assert done.err.count("\n") == 1


async def test_a_redirect_to_nonsense(tmp_path: Path) -> None:
    del tmp_path

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        done = await settings("show", "--mattermost-url", f"http://127.0.0.1:{port}",
                              MMPUSH_MATTERMOST__TOKEN=TOKEN)  # fmt: skip
    assert done.code == 3
    assert "sends its callers elsewhere, to an unknown place." in done.err


def test_the_variable_for_certificates_counts(tmp_path: Path) -> None:
    env = {"MMPUSH_MATTERMOST__TOKEN": TOKEN, "MMPUSH_NETWORK__CA_FILE": str(tmp_path / "none")}
    done = run("settings", "show", "--mattermost-url", "https://chat.example.com", **env)
    assert done.returncode == 2
    assert f"{tmp_path / 'none'} cannot be used: No such file or directory." in done.stderr


async def test_a_terminal_is_asked_for_the_token_and_does_not_show_it(
    mattermost: MattermostRest,
) -> None:
    with Terminal("settings", "show", "--json", "--mattermost-url", mattermost.url) as terminal:
        await asyncio.to_thread(terminal.see, "Access token:")
        terminal.send(f"{TOKEN}\n")
        await asyncio.to_thread(terminal.see, '"kind":"settings"')
        assert await asyncio.to_thread(terminal.wait) == 0
        assert TOKEN.encode() not in terminal.written


def test_output_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    path = config(tmp_path)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "settings", "show", "--mattermost-config", path],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == ("mmpush-tui: the output cannot be written: No space left on device.\n")
