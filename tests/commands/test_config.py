"""``mmpush-tui config``: check, show, import."""

import json
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.cli import run
from mmpush_tui.proxy import config as configuration
from mmpush_tui.simulator.credentials import AppleKey, ServiceAccount

NAME = "mattermost-push-proxy.json"


@pytest.fixture
def key(tmp_path: Path) -> AppleKey:
    made = AppleKey.make()
    made.write(tmp_path)
    return made


@pytest.fixture
def upstream(tmp_path: Path, key: AppleKey) -> dict[str, Any]:
    account = ServiceAccount.make().write(tmp_path)
    return {
        "ListenAddress": "127.0.0.1:8066", "ThrottlePerSec": 300, "ThrottleMemoryStoreSize": 50000,
        "LogFileLocation": "push.log",
        "ApplePushSettings": [{
            "Type": "apple_rn", "ApplePushTopic": "com.example.chat",
            "AppleAuthKeyFile": str(tmp_path / f"AuthKey_{key.key_id}.p8"),
            "AppleAuthKeyID": key.key_id, "AppleTeamID": key.team_id,
        }],
        "AndroidPushSettings": [{"Type": "android_rn", "ServiceFileLocation": str(account)}],
    }  # fmt: skip


def write(folder: Path, document: object) -> str:
    path = folder / NAME
    path.write_text(json.dumps(document))
    return str(path)


def test_a_good_one_is_good(
    upstream: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, upstream)
    assert run(["config", "check", path]) == 0
    assert capsys.readouterr().out == f"{path}: 2 targets, 0 errors, 0 warnings.\n"


def findings(path: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    code = run(["config", "check", path, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == code
    assert (document["schema"], document["kind"]) == (1, "config-check")
    found: list[dict[str, Any]] = document["findings"]
    assert (code == 1) == any(it["severity"] == "error" for it in found)
    return found


def test_everything_that_is_wrong_is_found_at_once(
    upstream: dict[str, Any], tmp_path: Path, key: AppleKey, capsys: pytest.CaptureFixture[str]
) -> None:
    apple, android = upstream["ApplePushSettings"][0], upstream["AndroidPushSettings"][0]
    (tmp_path / "google-services.json").write_text('{"project_info": {}}')
    (tmp_path / "apple.p12").write_bytes(b"\x30\x82binary")
    android["ServiceFileLocation"] = str(tmp_path / "google-services.json")
    swapped = apple | {"AppleAuthKeyID": key.team_id, "AppleTeamID": key.key_id}
    wrong = apple | {"Type": "apple_p12", "AppleAuthKeyFile": str(tmp_path / "apple.p12")}
    blank = {"Type": "apple_rnbeta", "AppleAuthKeyFile": ""}
    upstream |= {
        "ApplePushSettings": [swapped, wrong, blank], "ListenAddress": ":8066",
        "AndroidApiKey": "old", "AccessUser": "mm", "TLSKeyFile": "/k",
    }  # fmt: skip
    found = findings(write(tmp_path, upstream), capsys)
    assert {(it["severity"], it["target"], it["code"]) for it in found} >= {
        ("error", "android_rn", "service-account-invalid"),
        ("error", "apple_p12", "apple-key-invalid"),
        ("error", "", "access-incomplete"),
        ("error", "", "tls-files"),
        ("warn", "apple_rnbeta", "apple-key-missing"),
        ("warn", "apple_rn", "apple-key-id"),
        ("warn", "", "config"),
    }
    said = " ".join(it["message"] for it in found)
    assert "this is a binary file, perhaps a .p12 with a certificate" in said
    assert "key id and team id of apple_rn are swapped" in said
    assert [it["severity"] for it in found] == sorted(it["severity"] for it in found)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ListenAddress": ":8066"}, "is open to everybody who reaches this host"),
        ({"ThrottleVaryByHeader": "X-Real-IP"}, "ThrottleVaryByHeader X-Real-IP is not believed"),
        ({"ApplePushSettings": [], "AndroidPushSettings": []},
         "no target is configured, so no push can be sent"),
        ({"Nonsense": 1}, "Nonsense is no known setting"),
    ],
)  # fmt: skip
def test_what_should_not_stay_so_is_said(
    changes: dict[str, Any], words: str, upstream: dict[str, Any], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    found = findings(write(tmp_path, upstream | changes), capsys)
    assert any(words in it["message"] for it in found)


KINDS = [
    ("AppleAuthKeyFile", b'{"type": "service_account"}',
     "this is JSON, perhaps Google's service account. Give the .p8 key from Apple."),
    ("ServiceFileLocation", b"-----BEGIN PRIVATE KEY-----\n",
     "this is a PEM file, perhaps Apple's key. Give the JSON key of a Firebase service account."),
    ("ServiceFileLocation", b'{"installed": {}}', 'its "type" is not service_account'),
]  # fmt: skip


@pytest.mark.parametrize(("setting", "content", "words"), KINDS)
def test_files_that_belong_elsewhere_are_named(
    setting: str, content: bytes, words: str, upstream: dict[str, Any], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "file").write_bytes(content)
    name = "ApplePushSettings" if setting.startswith("Apple") else "AndroidPushSettings"
    upstream[name][0][setting] = str(tmp_path / "file")
    found = findings(write(tmp_path, upstream), capsys)
    assert any(words in it["message"] for it in found if it["severity"] == "error")


def test_what_cannot_be_read_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("check", "show", "import"):
        assert run(["config", command, str(tmp_path / "none.json")]) == 2
        assert "there is no such file" in capsys.readouterr().err
    path = tmp_path / NAME
    path.write_text("{s3cret")
    for command in ("check", "show", "import"):
        assert run(["config", command, str(path)]) == 2
        assert "s3cret" not in capsys.readouterr().err


def test_shows_what_is_in_force_and_who_says_so(
    upstream: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("MMPUSH_PROXY__THROTTLE_PER_SEC", "9")
    upstream |= {"AccessUser": "mm", "AccessPassword": "s3cret", "AllowedAddresses": ["::1"]}
    upstream["ApplePushSettings"][0]["Proxy"] = "http://u:s3cret@p:1"
    path = write(tmp_path, upstream)
    assert run(["config", "show", path, "--json"]) == 0
    out = capsys.readouterr().out
    rows = {row["key"]: (row["value"], row["source"]) for row in json.loads(out)["settings"]}
    assert rows["proxy.listen_address"] == ("127.0.0.1:8066", "file")
    assert rows["proxy.throttle_per_sec"] == (9, "environment")
    assert rows["proxy.enable_metrics"] == (False, "default")
    assert rows["proxy.access_password"] == ("(set)", "file")
    assert rows["proxy.allowed_addresses"] == (["::1"], "file")
    assert rows["proxy.apple[0].proxy"] == ("(set)", "file")
    assert run(["config", "show", path]) == 0
    text = out + capsys.readouterr().out
    assert "s3cret" not in text
    assert "proxy.access_password" in text


def test_imported_it_means_the_same(
    upstream: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream |= {
        "EnableFileLog": True, "AllowedServerIDs": ["a", "b"], "AccessUser": "mm",
        "AccessPassword": "s3cret", "AndroidApiKey": "old",
    }  # fmt: skip
    path = Path(write(tmp_path, upstream))
    path.chmod(0o600)
    output = tmp_path / "new" / "config.toml"
    output.parent.mkdir()
    assert run(["config", "import", str(path), "-o", str(output)]) == 0
    err = capsys.readouterr().err
    assert "AndroidApiKey is ignored" in err
    assert f"{output} is written." in err
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    ours, theirs = configuration.load(output, {}), configuration.load(path, {})
    for name in ("listen_address", "allowed_server_ids", "access_user", "enable_file_log", "apple"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        if name == "apple":
            mine, other = mine[0].auth_key_file, other[0].auth_key_file
        assert mine == other
    assert ours.log_file_location == str(tmp_path / "push.log")
    assert ours.access_password.reveal() == "s3cret"
    assert run(["config", "import", str(path), "-o", str(output)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert run(["config", "import", str(path)]) == 0
    assert tomllib.loads(capsys.readouterr().out) == tomllib.loads(output.read_text())
    assert run(["config", "import", str(output)]) == 2
    assert "is in our format already" in capsys.readouterr().err
    assert run(["config", "import", str(path), "-o", str(tmp_path / "no" / "x")]) == 1


def test_release_says_where_nothing_is_held(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["release", "apple_rn", "--control", str(tmp_path / "none.sock")]) == 3
    assert "does not answer" in capsys.readouterr().err
