"""``mmpush-tui config``: check, show, import."""

import dataclasses
import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.cli import run
from mmpush_tui.configuration import config as configuration
from mmpush_tui.configuration.schema import ANDROID, APPLE, PROXY
from mmpush_tui.fields import Field, Kind
from mmpush_tui.simulator.credentials import AppleKey, GoogleAccount
from mmpush_tui.text import Secret
from tests.standins.apple_certificate import AppleCertificate

NAME = "mattermost-push-proxy.json"


@pytest.fixture
def key(tmp_path: Path) -> AppleKey:
    made = AppleKey.make()
    made.write(tmp_path)
    return made


@pytest.fixture
def upstream(tmp_path: Path, key: AppleKey) -> dict[str, Any]:
    account = GoogleAccount.make().write(tmp_path)
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
    (tmp_path / "apple.p12").write_bytes(AppleCertificate.make(None).p12())
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
        ("warn", "", "config-obsolete-key"),
    }
    said = " ".join(it["message"] for it in found)
    assert "this is a certificate store (.p12 or .pfx)" in said
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
     "this is a Google service account. A service account belongs into ServiceFileLocation of an "
     "Android target."),
    ("ServiceFileLocation", AppleKey.make().private_pem.encode(),
     "this is a P-256 private key. Apple's keys look like this. Get the right file at Firebase"),
    ("ServiceFileLocation", b'{"installed": {}}', "this is an OAuth client"),
    ("ServiceFileLocation", b'{"project_info": {"project_id": "p"}}',
     "this is google-services.json, which belongs into the Android app"),
    ("ServiceFileLocation", b'{"type": "service_account", "project_id": "p", "private_key": 5}',
     "client_email, private_key_id, private_key are missing"),
]  # fmt: skip


@pytest.mark.parametrize(("setting", "content", "words"), KINDS, ids=range(len(KINDS)))
def test_files_that_belong_elsewhere_are_named(
    setting: str, content: bytes, words: str, upstream: dict[str, Any], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "file").write_bytes(content)
    name = "ApplePushSettings" if setting.startswith("Apple") else "AndroidPushSettings"
    upstream[name][0][setting] = str(tmp_path / "file")
    found = findings(write(tmp_path, upstream), capsys)
    assert any(words in it["message"] for it in found if it["severity"] == "error")


WRONG_OURS = """
[proxy]
listen_address = 8066
throtle_per_sec = 5
log_level = "s3cret"
[[proxy.apple]]
type = "apple_rn"
topic = ["s3cret"]
[[proxy.android]]
[network.connect_to]
"s3cret" = "b:2"
"""


def test_every_value_that_cannot_be_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.toml"
    path.write_text(WRONG_OURS)
    path.chmod(0o600)
    monkeypatch.setenv("MMPUSH_PROXY__DEDUPE_SEC", "s3cret")
    assert run(["config", "check", str(path)]) == 2
    out, err = capsys.readouterr()
    assert err == ""
    assert "s3cret" not in out
    assert [line for line in out.splitlines() if line.startswith("error")] == [
        f"error  {path}: proxy.throtle_per_sec: unknown key. Did you mean throttle_per_sec?",
        f"error  {path}: proxy.listen_address: expected text, got a number.",
        f"error  {path}: proxy.log_level: expected one of debug, info, warn, error.",
        f"error  {path}: proxy.apple[0].topic: expected text, got a list.",
        f"error  {path}: proxy.android[0].type: expected a platform such as apple_rn or "
        "android_rn.",
        f'error  {path}: network.connect_to: expected "host:port" = "addr:port".',
        "error  environment variable MMPUSH_PROXY__DEDUPE_SEC: expected a whole number, got text.",
    ]
    assert run(["config", "check", str(path), "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["exit_code"] == 2
    errors = [it for it in document["findings"] if it["severity"] == "error"]
    assert {it["code"] for it in errors} == {"config-value", "config-unknown-key"}
    assert len(errors) == 7
    # Whoever starts with it hears of the first.
    assert run(["config", "show", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"mmpush-tui: {path}: proxy.throtle_per_sec: unknown key. Did you mean throttle_per_sec?\n"
    )


def test_every_wrong_value_of_an_upstream_file_is_told_and_its_files_are_not(
    upstream: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream["ApplePushSettings"][0] |= {"AppleAuthKeyFile": 5, "Endpoint": "relay"}
    upstream |= {"ThrottlePerSec": 0, "AndroidPushSettings": {}, "Nonsense": 1}
    path = write(tmp_path, upstream)
    assert run(["config", "check", path, "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert [(it["severity"], it["code"], it["message"].removeprefix(f"{path}: "))
            for it in document["findings"]] == [
        ("error", "config-value", "ThrottlePerSec: expected a number from 1 to 1000000."),
        ("error", "config-value",
         "ApplePushSettings[0].AppleAuthKeyFile: expected text, got a number."),
        ("error", "config-value",
         "ApplePushSettings[0].Endpoint: expected https://host or https://host:port."),
        ("error", "config-shape", "AndroidPushSettings: expected a list of targets."),
        ("warn", "config-unknown-key", "Nonsense is no known setting and is ignored."),
    ]  # fmt: skip


def test_a_configuration_from_a_pipe_is_read_once(
    upstream: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("check", "show"):
        reading, writing = os.pipe()
        os.write(writing, json.dumps(upstream).encode())
        os.close(writing)
        try:
            assert run(["config", command, f"/dev/fd/{reading}"]) == 0
        finally:
            os.close(reading)
        assert "8066" in capsys.readouterr().out or command == "check"


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


EVERYTHING = {
    Kind.TEXT: "x\u00e9 \"'\\", Kind.PATH: "/a/\u00e9.pem", Kind.URL: "https://h.example:1",
    Kind.ADDRESS: "127.0.0.1:9", Kind.LIST: ["a", "b"],
}  # fmt: skip


def other_than_default(field: Field) -> Any:
    match field.kind:
        case Kind.BOOLEAN:
            return not field.default
        case Kind.INTEGER:
            return int(field.default) + 1
        case Kind.CHOICE:
            return next(it.value for it in field.choices if it.value != field.default)
        case kind:
            return EVERYTHING[kind]


def test_imported_every_setting_means_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = {field.upstream: other_than_default(field) for field in PROXY}
    document["ApplePushSettings"] = [
        {field.upstream: other_than_default(field) for field in APPLE} | {"Type": name}
        for name in ("apple_rn", "apple_rnbeta")
    ]
    document["AndroidPushSettings"] = [
        {field.upstream: other_than_default(field) for field in ANDROID}
    ]
    path, output = write(tmp_path, document), tmp_path / "config.toml"
    assert run(["config", "import", path, "-o", str(output)]) == 0
    assert "relative paths" not in capsys.readouterr().err
    ours, theirs = (configuration.load(Path(it), {}) for it in (output, path))

    def plain(value: Any) -> Any:
        if isinstance(value, Secret):
            return value.reveal()
        if dataclasses.is_dataclass(value):
            names = [it.name for it in dataclasses.fields(value)]
            return {name: plain(getattr(value, name)) for name in names if name != "path"}
        return [plain(it) for it in value] if isinstance(value, tuple) else value

    mine, other = plain(ours), plain(theirs)
    mine.pop("warnings"), other.pop("warnings")
    assert mine == other


def test_imported_a_type_of_both_platforms_is_that_of_android(
    upstream: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream["ApplePushSettings"][0]["Type"] = "android_rn"
    output = tmp_path / "config.toml"
    assert run(["config", "import", write(tmp_path, upstream), "-o", str(output)]) == 0
    assert "android_rn is both an Apple and an Android target" in capsys.readouterr().err
    config = configuration.load(output, {})
    assert (config.apple, [it.type for it in config.android]) == ((), ["android_rn"])


PLACES = [
    pytest.param("config", "keys", "", ".", id="the proxy's folder"),
    pytest.param("config", "config/keys", "", "config", id="the file's folder"),
    pytest.param("etc", "here/keys", "here", "here", id="the current folder"),
    pytest.param("etc", "other", "here", "etc", id="nowhere"),
]


@pytest.mark.parametrize(("folder", "keys", "here", "base"), PLACES)
def test_relative_paths_count_from_where_the_files_are(
    folder: str, keys: str, here: str, base: str, upstream: dict[str, Any], tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name in (folder, keys, here):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / here)
    (tmp_path / keys / "a.p8").touch()
    upstream["ApplePushSettings"][0]["AppleAuthKeyFile"] = "./keys/a.p8"
    path = write(tmp_path / folder, upstream)
    assert run(["config", "import", path]) == 0
    out, err = capsys.readouterr()
    where = (tmp_path / base).resolve()
    assert tomllib.loads(out)["proxy"]["apple"][0]["auth_key_file"] == f"{where}/keys/a.p8"
    assert f"relative paths are taken from {where}" in err


def test_our_own_file_is_checked_in_its_own_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate = tmp_path / "apple.pem"
    certificate.write_text(AppleCertificate.make(None).pem("s3cret"))
    certificate.chmod(0o600)
    path = tmp_path / "config.toml"
    path.write_text(
        "[proxy]\n[[proxy.apple]]\ntype = 'apple_rn'\ntopic = 'com.mattermost.rnbeta'\n"
        f"certificate_file = '{certificate}'\n"
    )
    said = [it["message"] for it in findings(str(path), capsys)]
    words = f"Apple certificate {certificate}: its key has a password. Set certificate_password."
    assert words in said
    assert "ApplePush" not in str(said)
    assert run(["config", "check", str(path)]) == 1
    out = capsys.readouterr().out
    assert f"error  apple_rn: {words}" in out
    assert out.splitlines()[-1] == f"{path}: 1 target, 1 error, 3 warnings."


def test_without_a_file_the_one_that_serve_takes_is_looked_at(
    upstream: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = write(tmp_path, upstream)
    ours = tmp_path / "config.toml"
    ours.write_text(f"[console]\nworker_config = '{NAME}'\n")
    monkeypatch.setenv("MMPUSH_CONFIG", str(ours))
    assert run(["config", "check"]) == 0
    assert capsys.readouterr().out == f"{path}: 2 targets, 0 errors, 0 warnings.\n"
    assert run(["config", "show"]) == 0
    assert "proxy.listen_address" in capsys.readouterr().out
    monkeypatch.setenv("MMPUSH_CONFIG", "")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    assert run(["config", "check"]) == 2
    assert "no configuration of a push proxy was found" in capsys.readouterr().err


def test_what_json_allows_and_few_write_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / NAME
    path.write_text(
        '{"LogLevel": "info", "loglevel": "debug", "LogFileLocation": "\\ud800\\u001b[m"}'
    )
    assert run(["config", "show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "debug  (file)" in out
    assert "\x1b" not in out


def test_release_says_where_nothing_is_held(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["release", "apple_rn", "--control", str(tmp_path / "none.sock")]) == 3
    assert "does not answer" in capsys.readouterr().err
