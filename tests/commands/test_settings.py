"""``settings show``: the page as text and as JSON, and what stands in its way."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.commands.source import parse_licence
from mmpush_tui.errors import UsageError
from mmpush_tui.settings.page import Licence
from tests.commands.running import run

REALISTIC = Path(__file__).parents[1] / "settings" / "sources" / "config.json"
TPNS = "https://push-test.mattermost.com"
SERVER_VARIABLE = "MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER"


@pytest.fixture(autouse=True)
def _without_a_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("MM_", "MMPUSH_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


def config(folder: Path, **email: object) -> Path:
    path = folder / "mattermost.json"
    path.write_text(json.dumps({"EmailSettings": email}))
    return path


def document(path: Path, *arguments: str, **env: str) -> dict[str, Any]:
    done = run("settings", "show", "--mattermost-config", path, "--json", *arguments, **env)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_former_region_as_text(tmp_path: Path) -> None:
    path = config(
        tmp_path,
        SendPushNotifications=True,
        PushNotificationServer="https://hpns-de.mattermost.com",
        PushNotificationContents="id_loaded",
    )
    done = run("settings", "show", "--mattermost-config", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout
        == f"""\
Push Notification Server
  {path}

  Enable Push Notifications:
    Use HPNS connection with uptime SLA to send notifications to iOS and Android
    apps

  Push Notification Server location:
    Germany

  [x] I understand and accept the Mattermost Hosted Push Notification Service
      Terms of Service and Privacy Policy.

  Push Notification Server:
    https://hpns-de.mattermost.com

  Max Notifications Per Channel:
    1000

Notifications

  Push Notification Contents:
    Full message content fetched from the server on receipt
    Apple and Google see ids only; the app fetches the message from your server.

Notes
  info  HPNS reaches only the Mattermost apps from the App Store and Google
        Play. Apps that you built need a push proxy of your own.
  info  Whoever uses HPNS accepts its Terms of Service,
        https://mattermost.com/hpns-terms/, and its Privacy Policy,
        https://mattermost.com/data-processing-addendum/; older servers link
        https://about.mattermost.com/hpns-privacy/.
  info  HPNS works only with a licence that includes it, which cannot be seen
        from here: look under Edition and License in the System Console.
  info  https://hpns-de.mattermost.com is the former address of the region
        Germany. It still works; it stays until you choose another region.
        Servers since 11.6 call it https://eu.push.mattermost.com.
  info  Fetching messages on receipt needs an Enterprise licence, which cannot
        be seen from here: without, the server silently sends the generic
        description with sender and channel names.
"""
    )


def test_a_locked_address_as_text(tmp_path: Path) -> None:
    path = config(tmp_path, SendPushNotifications=True, PushNotificationContents="generic")
    done = run(
        "settings", "show", "--mattermost-config", path, **{SERVER_VARIABLE: "http://10.0.0.7"}
    )
    assert (
        done.stdout
        == f"""\
Push Notification Server
  {path}

  Enable Push Notifications:
    Manually enter Push Notification Service location
    set by {SERVER_VARIABLE}, as our own environment says;
    the server's cannot be seen

  Push Notification Server:
    http://10.0.0.7
    set by {SERVER_VARIABLE}, as our own environment says;
    the server's cannot be seen

  Max Notifications Per Channel:
    1000

Notifications

  Push Notification Contents:
    Generic description with sender and channel names
    Apple and Google see the names of sender and channel, not the text.

Notes
  info  MM_EMAILSETTINGS_PUSHNOTIFICATIONSERVER is set in the environment and
        outranks what is stored: change the setting there.
"""
    )


def test_nothing_stored_as_text(tmp_path: Path) -> None:
    done = run("settings", "show", "--mattermost-config", config(tmp_path))
    assert "  Do not send push notifications\n" in done.stdout
    assert "  Push Notification Server:\n    (empty)\n" in done.stdout
    assert "Push notifications are off: no phone gets one." in done.stdout
    assert "location" not in done.stdout
    assert "accept" not in done.stdout


def test_the_json_has_the_published_shape(tmp_path: Path) -> None:
    path = config(
        tmp_path,
        SendPushNotifications=True,
        PushNotificationServer="https://push.mattermost.com",
        PushNotificationContents="generic_no_channel",
    )
    found = document(path, "--licence", "hpns", **{SERVER_VARIABLE: "https://push.mattermost.com"})
    notes = found.pop("notes")
    assert found == {
        "schema": 1,
        "kind": "settings",
        "source": {"kind": "file", "at": str(path)},
        "server_version": None,
        "licence": {"hpns": True, "id_loaded": False},
        "values": {
            "mode": "hpns",
            "region": "us",
            "server": "https://push.mattermost.com",
            "contents": "generic_no_channel",
            "max_notifications": 1000,
        },
        "locked": {"server": SERVER_VARIABLE},
        "locked_by": "own",
        "hidden": [],
    }
    assert [(note["code"], note["severity"]) for note in notes] == [
        ("locked", "info"),
        ("store-apps-only", "info"),
        ("hpns-terms", "info"),
        ("legacy-address", "info"),
    ]
    assert all(set(note) == {"code", "severity", "message"} for note in notes)


@pytest.mark.parametrize(
    ("licence", "shown", "mode", "region"),
    [
        ("", {"hpns": None, "id_loaded": None}, "hpns", "jp"),
        ("none", {"hpns": False, "id_loaded": False}, "custom", None),
        ("hpns", {"hpns": True, "id_loaded": False}, "hpns", "jp"),
        ("id_loaded", {"hpns": False, "id_loaded": True}, "custom", None),
        ("hpns, id_loaded", {"hpns": True, "id_loaded": True}, "hpns", "jp"),
    ],
)
def test_the_licence_decides_what_an_hpns_address_is(
    tmp_path: Path, licence: str, shown: dict[str, bool | None], mode: str, region: str | None
) -> None:
    path = config(
        tmp_path,
        SendPushNotifications=True,
        PushNotificationServer="https://ap.push.mattermost.com",
    )
    found = document(path, *(["--licence", licence] if licence else []))
    assert found["licence"] == shown
    assert (found["values"]["mode"], found["values"]["region"]) == (mode, region)


def test_the_realistic_file_gives_away_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    shutil.copyfile(REALISTIC, path)
    text = run("settings", "show", "--mattermost-config", path)
    found = document(path)
    assert found["values"]["mode"] == "tpns"
    assert found["values"]["server"] == TPNS
    assert "CANARY" in path.read_text()
    for output in (text.stdout, text.stderr, json.dumps(found)):
        assert "CANARY" not in output
    broken = path.read_bytes().replace(b'"CANARY-smtp-password",', b'"CANARY-smtp-password"')
    path.write_bytes(broken)
    done = run("settings", "show", "--mattermost-config", path, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "this is no JSON: expecting" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "CANARY" not in done.stderr


def test_hostile_values_are_shown_tame(tmp_path: Path) -> None:
    path = config(
        tmp_path,
        SendPushNotifications=True,
        PushNotificationServer="http://user:CANARY@push.lan\x1b]0;title\x07\n\x9b2J[/b]",
        PushNotificationContents="\x1b[31mred",
    )
    text = run("settings", "show", "--mattermost-config", path)
    found = document(path)
    assert found["values"]["server"] == "http://[secret]@push.lan [/b]"
    assert found["values"]["contents"] == "red"
    assert "    http://[secret]@push.lan [/b]\n" in text.stdout
    assert "    red\n" in text.stdout
    assert "CANARY" not in text.stdout + json.dumps(found)
    assert "\x1b" not in text.stdout


def test_without_a_name_it_is_looked_for(tmp_path: Path) -> None:
    done = run("settings", "show")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "mmpush-tui: no Mattermost configuration is known on this host. Name it with "
        "--mattermost-config FILE, often /opt/mattermost/config/config.json, which only root and "
        "Mattermost's own user may see; or use --mattermost-url URL, or --local.\n"
    )
    path = config(tmp_path)
    ours = tmp_path / "ours.toml"
    ours.write_text(f'[mattermost]\nconfig_file = "{path.name}"\n')
    done = run("settings", "show", "--json", MMPUSH_CONFIG=str(ours))
    assert json.loads(done.stdout)["source"]["at"] == str(path)
    done = run("settings", "show", "--json", MM_CONFIG=str(path))
    assert json.loads(done.stdout)["source"]["at"] == str(path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mattermost-config", "none.json"], "none.json does not exist. Name Mattermost's"),
        (
            ["--licence", "hnps"],
            "--licence hnps: expected hpns, id_loaded, both with a comma, or none. "
            "Did you mean hpns?",
        ),
        (["--licence", "none,hpns"], "--licence none: expected"),
        (["--licence", ","], "--licence ,: expected"),
    ],
)
def test_wrong_usage_is_a_sentence(arguments: list[str], words: str) -> None:
    done = run("settings", "show", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mmpush-tui: ")
    assert words in done.stderr


def test_an_empty_licence_says_nothing() -> None:
    assert parse_licence("") == Licence(hpns=None, id_loaded=None)
    with pytest.raises(UsageError):
        parse_licence("HPNS!")
