import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.configuration.config import ProxyConfig, load
from mmpush_tui.configuration.schema import NETWORK, PROXY
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.text import Secret

# Settings that upstream lacks: its format's key, ours, a value, what becomes of it, the default.
OURS_ALONE: list[tuple[str, str, Any, Any, Any]] = [
    ("LogFileMaxMB", "log_file_max_mb", 7, 7, 100),
    ("LogFilesKept", "log_files_kept", 2, 2, 5),
    ("TrustedProxies", "trusted_proxies", ["10.0.0.1", "::1"], ("10.0.0.1", "::1"), ()),
    ("ThrottleStore", "throttle_store", "redis://:s3@r/0", "redis://:s3@r/0", ""),
    ("AllowedAddresses", "allowed_addresses", ["10.0.0.0/8"], ("10.0.0.0/8",), ()),
    ("AllowedServerIDs", "allowed_server_ids", "a, b", ("a", "b"), ()),
    ("AccessUser", "access_user", "mattermost", "mattermost", ""),
    ("AccessPassword", "access_password", "s3", "s3", ""),
    ("PathPrefix", "path_prefix", "/s3", "/s3", ""),
    ("SignatureKeyFile", "signature_key_file", "/etc/push/mm.pem", "/etc/push/mm.pem", ""),
    ("UnsignedPushes", "unsigned_pushes", "refuse", "refuse", "test"),
    ("TLSCertificateFile", "tls_certificate_file", "/etc/push/t.pem", "/etc/push/t.pem", ""),
    ("TLSKeyFile", "tls_key_file", "/etc/push/t.key", "/etc/push/t.key", ""),
    ("ConnectionLimit", "connection_limit", 9, 9, 1000),
    ("InFlightLimit", "in_flight_limit", 9, 9, 1000),
    ("DedupeSec", "dedupe_sec", 9, 9, 0),
    ("RemoveGuard", "remove_guard", False, False, True),
    ("Journal", "journal", False, False, True),
    ("JournalFile", "journal_file", "/var/push.db", "/var/push.db", ""),
    ("JournalDays", "journal_days", 9, 9, 14),
    ("JournalRows", "journal_rows", 9000, 9000, 200_000),
    ("WatchFiles", "watch_files", False, False, True),
]

UPSTREAM: dict[str, Any] = {
    "ListenAddress": ":8066",
    "ThrottlePerSec": 250,
    "ThrottleMemoryStoreSize": 40000,
    "ThrottleVaryByHeader": "X-Forwarded-For",
    "EnableMetrics": True,
    "SendTimeoutSec": 20,
    "RetryTimeoutSec": 6,
    "ApplePushSettings": [
        {
            "Type": "apple_rn",
            "ApplePushUseDevelopment": True,
            "ApplePushCertPrivate": "/etc/push/apple.pem",
            "ApplePushCertPassword": "s3cr3t",
            "ApplePushTopic": "com.mattermost.rn",
            "AppleAuthKeyFile": "/etc/push/AuthKey.p8",
            "AppleAuthKeyID": "ABCDE12345",
            "AppleTeamID": "TEAM567890",
        },
        {
            "Type": "apple_rnbeta",
            "ApplePushUseDevelopment": False,
            "ApplePushCertPrivate": "",
            "ApplePushCertPassword": "",
            "ApplePushTopic": "com.mattermost.rnbeta",
            "AppleAuthKeyFile": "",
            "AppleAuthKeyID": "",
            "AppleTeamID": "",
            "Endpoint": "https://relay.test:8443",
            "Proxy": "http://u:s3@proxy.test:3128",
            "CAFile": "/etc/push/ca.pem",
        },
    ],
    "AndroidPushSettings": [
        {
            "Type": "android_rn",
            "AndroidApiKey": "",
            "ServiceFileLocation": "/etc/push/service.json",
        },
        {
            "Type": "android_rnbeta",
            "AndroidApiKey": "",
            "ServiceFileLocation": "",
            "Endpoint": "https://[::1]:8444",
            "Proxy": "none",
            "CAFile": "/etc/push/ca.pem",
        },
    ],
    "EnableConsoleLog": False,
    "EnableFileLog": True,
    "LogFileLocation": "/var/log/push.log",
    "LogFormat": "json",
    "LogLevel": "warn",
} | {upstream: value for upstream, _, value, _, _ in OURS_ALONE}

OURS = """
[proxy]
listen_address = ":8066"
throttle_per_sec = 250
throttle_memory_store_size = 40000
throttle_vary_by_header = "X-Forwarded-For"
enable_metrics = true
send_timeout_sec = 20
retry_timeout_sec = 6
enable_console_log = false
enable_file_log = true
log_file_location = "/var/log/push.log"
log_format = "json"
log_level = "warn"
{ours_alone}

[network]
proxy = "http://net.test:8080"

[[proxy.apple]]
type = "apple_rn"
sandbox = true
certificate_file = "/etc/push/apple.pem"
certificate_password = "s3cr3t"
topic = "com.mattermost.rn"
auth_key_file = "/etc/push/AuthKey.p8"
auth_key_id = "ABCDE12345"
team_id = "TEAM567890"

[[proxy.apple]]
type = "apple_rnbeta"
topic = "com.mattermost.rnbeta"
endpoint = "https://relay.test:8443"
proxy = "http://u:s3@proxy.test:3128"
ca_file = "/etc/push/ca.pem"

[[proxy.android]]
type = "android_rn"
service_account_file = "/etc/push/service.json"

[[proxy.android]]
type = "android_rnbeta"
endpoint = "https://[::1]:8444"
proxy = "none"
ca_file = "/etc/push/ca.pem"
""".format(
    ours_alone="\n".join(f"{key} = {json.dumps(value)}" for _, key, value, _, _ in OURS_ALONE)
)

VALUES: dict[str, Any] = {
    "listen_address": ":8066",
    "throttle_per_sec": 250,
    "throttle_memory_store_size": 40000,
    "throttle_vary_by_header": "X-Forwarded-For",
    "enable_metrics": True,
    "send_timeout_sec": 20,
    "retry_timeout_sec": 6,
    "enable_console_log": False,
    "enable_file_log": True,
    "log_file_location": "/var/log/push.log",
    "log_format": "json",
    "log_level": "warn",
    "apple": (
        {
            "type": "apple_rn",
            "topic": "com.mattermost.rn",
            "auth_key_file": "/etc/push/AuthKey.p8",
            "auth_key_id": "ABCDE12345",
            "team_id": "TEAM567890",
            "sandbox": True,
            "certificate_file": "/etc/push/apple.pem",
            "certificate_password": "s3cr3t",
            "endpoint": "",
            "proxy": "",
            "ca_file": "",
        },
        {
            "type": "apple_rnbeta",
            "topic": "com.mattermost.rnbeta",
            "auth_key_file": "",
            "auth_key_id": "",
            "team_id": "",
            "sandbox": False,
            "certificate_file": "",
            "certificate_password": "",
            "endpoint": "https://relay.test:8443",
            "proxy": "http://u:s3@proxy.test:3128",
            "ca_file": "/etc/push/ca.pem",
        },
    ),
    "android": (
        {
            "type": "android_rn",
            "service_account_file": "/etc/push/service.json",
            "endpoint": "",
            "proxy": "",
            "ca_file": "",
        },
        {
            "type": "android_rnbeta",
            "service_account_file": "",
            "endpoint": "https://[::1]:8444",
            "proxy": "none",
            "ca_file": "/etc/push/ca.pem",
        },
    ),
    "network": {"connect_to": {}, "ca_file": "", "proxy": ""},
    "warnings": (),
} | {key: found for _, key, _, found, _ in OURS_ALONE}

DEFAULTS: dict[str, Any] = {
    "listen_address": "127.0.0.1:8086",
    "throttle_per_sec": 300,
    "throttle_memory_store_size": 50000,
    "throttle_vary_by_header": "",
    "enable_metrics": False,
    "send_timeout_sec": 30,
    "retry_timeout_sec": 8,
    "enable_console_log": True,
    "enable_file_log": False,
    "log_file_location": "",
    "log_format": "plain",
    "log_level": "info",
    "apple": (),
    "android": (),
    "network": {"connect_to": {}, "ca_file": "", "proxy": ""},
} | {key: default for _, key, _, _, default in OURS_ALONE}


def write(folder: Path, suffix: str, content: str | bytes, mode: int = 0o600) -> Path:
    path = folder / f"config{suffix}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def values(found: ProxyConfig) -> dict[str, Any]:
    """Return everything in ``found`` except where it came from, its secrets revealed."""
    plain = dataclasses.asdict(found)
    del plain["path"]
    revealed: dict[str, Any] = _revealed(plain)
    return revealed


def _revealed(value: Any) -> Any:
    match value:
        case Secret():
            return value.reveal()
        case Finding():
            return value.message
        case dict():
            return {key: _revealed(item) for key, item in value.items()}
        case tuple():
            return tuple(_revealed(item) for item in value)
        case _:
            return value


def sentences(found: ProxyConfig) -> tuple[str, ...]:
    """Return what was tolerated, as it is told."""
    assert all(it.severity is Severity.WARN and it.code for it in found.warnings)
    return tuple(it.message for it in found.warnings)


def upstream(folder: Path, document: object, **environment: str) -> ProxyConfig:
    return load(write(folder, ".json", json.dumps(document)), environment)


def ours(folder: Path, text: str, **environment: str) -> ProxyConfig:
    return load(write(folder, ".toml", text), environment)


def test_loads_an_upstream_file_with_all_its_keys(tmp_path: Path) -> None:
    found = upstream(tmp_path, UPSTREAM)
    assert values(found) == VALUES
    assert found.path == tmp_path / "config.json"


def test_loads_the_same_from_our_own_format(tmp_path: Path) -> None:
    found = ours(tmp_path, OURS)
    network = VALUES["network"] | {"proxy": "http://net.test:8080"}
    assert values(found) == VALUES | {"network": network}
    assert found.path == tmp_path / "config.toml"


def test_every_setting_is_in_the_samples() -> None:
    assert {field.upstream for field in PROXY} < set(UPSTREAM)
    assert set(VALUES) == {field.name for field in dataclasses.fields(ProxyConfig)} - {"path"}


@pytest.mark.parametrize("name", ["config.json", "mattermost-push-proxy.json", "config", "c.conf"])
def test_a_file_of_any_other_name_is_upstreams(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.touch(0o600)
    path.write_text(json.dumps(UPSTREAM))
    assert values(load(path, {})) == VALUES


def test_key_case_does_not_matter_in_an_upstream_file(tmp_path: Path) -> None:
    def folded(value: Any, fold: Callable[[str], str]) -> Any:
        if isinstance(value, dict):
            return {fold(key): folded(item, fold) for key, item in value.items()}
        if isinstance(value, list):
            return [folded(item, fold) for item in value]
        return value

    for fold in (str.lower, str.upper):
        assert values(upstream(tmp_path, folded(UPSTREAM, fold))) == VALUES


def test_null_is_no_value_in_an_upstream_file(tmp_path: Path) -> None:
    document: dict[str, Any] = dict.fromkeys(UPSTREAM)
    assert values(upstream(tmp_path, document)) | {"warnings": ()} == DEFAULTS | {"warnings": ()}
    document["ApplePushSettings"] = [
        dict.fromkeys(UPSTREAM["ApplePushSettings"][0]) | {"Type": "apple_rn"}
    ]
    assert upstream(tmp_path, document).apple[0].topic == ""


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    bom = b"\xef\xbb\xbf"
    path = write(tmp_path, ".json", bom + json.dumps(UPSTREAM).encode())
    assert values(load(path, {})) == VALUES
    path = write(tmp_path, ".toml", bom + OURS.encode())
    assert values(load(path, {})) == values(ours(tmp_path, OURS))


def test_what_is_missing_in_an_upstream_file_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    assert values(upstream(tmp_path, {})) == DEFAULTS | {
        "warnings": (
            f"{path}: ListenAddress is missing; 127.0.0.1:8086 is used",
            f"{path}: ThrottlePerSec is missing; 300 is used",
            f"{path}: ThrottleMemoryStoreSize is missing; 50000 is used",
        )
    }


@pytest.mark.parametrize("text", ["", "# nothing\n", "[proxy]\n", "[mattermost]\n[console]\n"])
def test_what_is_missing_in_our_file_has_its_default(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    assert values(ours(tmp_path, text)) == DEFAULTS | {
        "warnings": (
            f"{path}: proxy.listen_address is missing; 127.0.0.1:8086 is used",
            f"{path}: proxy.throttle_per_sec is missing; 300 is used",
            f"{path}: proxy.throttle_memory_store_size is missing; 50000 is used",
        )
    }


HEAD = """
[proxy]
listen_address = ":8066"
throttle_per_sec = 300
throttle_memory_store_size = 50000
"""


def test_the_tables_of_the_console_are_not_the_workers_business(tmp_path: Path) -> None:
    text = HEAD + '[mattermost]\nurl = "https://chat.test"\n[console]\ntheme = "x"\n'
    assert sentences(ours(tmp_path, text)) == ()


def test_paths_in_our_file_count_from_its_folder(tmp_path: Path) -> None:
    text = """
[proxy]
log_file_location = "logs/push.log"
[[proxy.apple]]
type = "apple_rn"
auth_key_file = "AuthKey.p8"
certificate_file = "../apple.pem"
ca_file = "/etc/ca.pem"
[[proxy.android]]
type = "android_rn"
service_account_file = "~/service.json"
ca_file = "~nobody-has-this-name/ca.pem"
[network]
ca_file = "ca.pem"
"""
    found = ours(tmp_path, text)
    assert found.log_file_location == str(tmp_path / "logs/push.log")
    assert found.apple[0].auth_key_file == str(tmp_path / "AuthKey.p8")
    assert Path(found.apple[0].certificate_file).resolve() == tmp_path.parent / "apple.pem"
    assert found.apple[0].ca_file == "/etc/ca.pem"
    assert found.android[0].service_account_file == f"{os.environ['HOME']}/service.json"
    assert found.android[0].ca_file.endswith("~nobody-has-this-name/ca.pem")
    assert found.network.ca_file == str(tmp_path / "ca.pem")


def test_paths_in_an_upstream_file_stay_as_they_are(tmp_path: Path) -> None:
    document = {
        "LogFileLocation": "./logs/push.log",
        "ApplePushSettings": [{"Type": "apple_rn", "AppleAuthKeyFile": "AuthKey.p8"}],
        "AndroidPushSettings": [{"Type": "android_rn", "ServiceFileLocation": "service.json"}],
    }
    found = upstream(tmp_path, document)
    assert found.log_file_location == "./logs/push.log"
    assert found.apple[0].auth_key_file == "AuthKey.p8"
    assert found.android[0].service_account_file == "service.json"


OVERRIDES: list[tuple[str, str, str, object]] = [
    ("MMPUSH_PROXY__LISTEN_ADDRESS", "127.0.0.1:9", "listen_address", "127.0.0.1:9"),
    ("MMPUSH_PROXY__THROTTLE_PER_SEC", "9", "throttle_per_sec", 9),
    ("MMPUSH_PROXY__THROTTLE_MEMORY_STORE_SIZE", " 9 ", "throttle_memory_store_size", 9),
    ("MMPUSH_PROXY__THROTTLE_VARY_BY_HEADER", "X-Real-IP", "throttle_vary_by_header", "X-Real-IP"),
    ("MMPUSH_PROXY__ENABLE_METRICS", "no", "enable_metrics", False),
    ("MMPUSH_PROXY__SEND_TIMEOUT_SEC", "9", "send_timeout_sec", 9),
    ("MMPUSH_PROXY__RETRY_TIMEOUT_SEC", "1", "retry_timeout_sec", 1),
    ("MMPUSH_PROXY__ENABLE_CONSOLE_LOG", "yes", "enable_console_log", True),
    ("MMPUSH_PROXY__ENABLE_FILE_LOG", "1", "enable_file_log", True),
    ("MMPUSH_PROXY__LOG_FILE_LOCATION", "/x.log", "log_file_location", "/x.log"),
    ("MMPUSH_PROXY__LOG_FORMAT", "plain", "log_format", "plain"),
    ("MMPUSH_PROXY__LOG_LEVEL", "debug", "log_level", "debug"),
    *(
        (
            f"MMPUSH_PROXY__{key.upper()}",
            ", ".join(v) if isinstance(v, list) else str(v),
            key,
            found,
        )
        for _, key, v, found, _ in OURS_ALONE
    ),
]


@pytest.mark.parametrize(("name", "text", "field", "value"), OVERRIDES)
def test_the_environment_outranks_either_file(
    name: str, text: str, field: str, value: object, tmp_path: Path
) -> None:
    for found in (
        upstream(tmp_path, UPSTREAM, **{name: text}),
        ours(tmp_path, OURS, **{name: text}),
    ):
        assert values(found) | {"network": {}} == VALUES | {field: value, "network": {}}


def test_with_both_logs_off_the_console_log_is_on_as_upstream_has_it(tmp_path: Path) -> None:
    found = upstream(tmp_path, UPSTREAM | {"EnableConsoleLog": False, "EnableFileLog": False})
    assert (found.enable_console_log, found.enable_file_log) == (True, False)


def test_a_file_log_without_a_file_is_a_warning_and_goes_to_the_console(tmp_path: Path) -> None:
    changes = {"EnableConsoleLog": False, "EnableFileLog": True, "LogFileLocation": ""}
    found = upstream(tmp_path, UPSTREAM | changes)
    assert (found.enable_console_log, found.enable_file_log) == (True, False)
    assert "EnableFileLog is set without a LogFileLocation; no log file is written" in sentences(
        found
    )


def test_upstreams_logging_files_are_named_as_ignored(tmp_path: Path) -> None:
    found = upstream(tmp_path, UPSTREAM | {"LoggingCfgFile": "x.json", "LoggingCfgJSON": ""})
    assert (
        "LoggingCfgFile is ignored: logs go to standard error and to LogFileLocation here"
        in sentences(found)
    )
    assert not any("LoggingCfgJSON" in warning for warning in sentences(found))


def test_names_to_connect_to_are_compared_in_lower_case(tmp_path: Path) -> None:
    text = '[network.connect_to]\n"API.Push.Apple.com:443" = "127.0.0.1:9"\n'
    assert ours(tmp_path, text).network.connect_to == {"api.push.apple.com:443": "127.0.0.1:9"}


def test_a_log_file_named_by_the_environment_does_not_count_from_our_files_folder(
    tmp_path: Path,
) -> None:
    found = ours(tmp_path, OURS, MMPUSH_PROXY__LOG_FILE_LOCATION="here.log")
    assert found.log_file_location == "here.log"


def test_the_environment_sets_the_roots_to_trust(tmp_path: Path) -> None:
    found = ours(tmp_path, OURS, MMPUSH_NETWORK__CA_FILE="/etc/ca.pem")
    assert found.network.ca_file == "/etc/ca.pem"


def test_every_environment_variable_is_in_the_samples() -> None:
    known = {field.env for field in (*PROXY, *NETWORK)}
    network = {"MMPUSH_NETWORK__CA_FILE", "MMPUSH_NETWORK__PROXY"}
    assert known == {name for name, *_ in OVERRIDES} | network


def test_what_the_environment_sets_is_not_missing(tmp_path: Path) -> None:
    found = upstream(
        tmp_path,
        {},
        MMPUSH_PROXY__LISTEN_ADDRESS=":1",
        MMPUSH_PROXY__THROTTLE_PER_SEC="1",
        MMPUSH_PROXY__THROTTLE_MEMORY_STORE_SIZE="1",
    )
    assert sentences(found) == ()


def test_reads_the_environment_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMPUSH_PROXY__LOG_LEVEL", "error")
    assert load(write(tmp_path, ".toml", OURS)).log_level == "error"


def test_warns_of_an_environment_variable_nobody_reads(tmp_path: Path) -> None:
    found = ours(
        tmp_path,
        OURS,
        MMPUSH_PROXY__TROTTLE_PER_SEC="9",
        MMPUSH_QQQ__ZZZ="9",
        MMPUSH_CONTROL="/x",
        HOME="/x",
    )
    assert sentences(found) == (
        "MMPUSH_PROXY__TROTTLE_PER_SEC is no known setting and is ignored; "
        "did you mean MMPUSH_PROXY__THROTTLE_PER_SEC?",
        "MMPUSH_QQQ__ZZZ is no known setting and is ignored",
    )


BAD_OVERRIDES = [
    ("MMPUSH_PROXY__THROTTLE_PER_SEC", "many", "expected a whole number, got text"),
    ("MMPUSH_PROXY__THROTTLE_PER_SEC", "0", "expected a number from 1 to 1000000"),
    ("MMPUSH_PROXY__ENABLE_METRICS", "on", "expected true or false, got text"),
    ("MMPUSH_PROXY__LOG_LEVEL", "loud", "expected one of debug, info, warn, error"),
]


@pytest.mark.parametrize(("name", "text", "message"), BAD_OVERRIDES)
def test_refuses_an_environment_variable_that_cannot_be(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as error:
        ours(tmp_path, OURS, **{name: text})
    assert error.value.line() == f"environment variable {name}: {message}."


TIMES = [
    pytest.param(30, 8, 25, 8, id="defaults"),
    pytest.param(0, 0, 25, 8, id="zeros are defaults"),
    pytest.param(10, 8, 10, 8, id="sooner"),
    pytest.param(25, 25, 25, 25, id="as long as the answer"),
    pytest.param(3600, 60, 25, 25, id="longer than Mattermost waits"),
    pytest.param(5, 8, 5, 5, id="a try longer than the answer"),
]


@pytest.mark.parametrize(("send", "retry", "answer_s", "try_s"), TIMES)
def test_answers_before_mattermost_gives_up(
    send: int, retry: int, answer_s: float, try_s: float, tmp_path: Path
) -> None:
    found = upstream(tmp_path, UPSTREAM | {"SendTimeoutSec": send, "RetryTimeoutSec": retry})
    assert (found.answer_within_s, found.try_within_s) == (answer_s, try_s)


def test_warns_of_a_try_that_is_longer_than_the_answer(tmp_path: Path) -> None:
    found = upstream(tmp_path, UPSTREAM | {"SendTimeoutSec": 5, "RetryTimeoutSec": 8})
    assert sentences(found) == (
        "RetryTimeoutSec is longer than SendTimeoutSec; one try ends with the answer's time",
    )


def test_warns_once_of_a_key_that_means_nothing_any_more(tmp_path: Path) -> None:
    document = json.loads(json.dumps(UPSTREAM))
    for entry in document["AndroidPushSettings"]:
        entry["AndroidApiKey"] = "AAAA-s3cr3t"
    assert sentences(upstream(tmp_path, document)) == (
        "AndroidApiKey is ignored: Google's legacy API is gone since 2024; "
        "ServiceFileLocation replaces it",
    )


def test_warns_of_upstream_keys_nobody_knows(tmp_path: Path) -> None:
    document = UPSTREAM | {
        "ListenAdress": ":1",
        "Colour\x1b[31m": "red",
        "AndroidPushSettings": [{"Type": "android_rn", "ServiceFile": "x"}],
    }
    assert sentences(upstream(tmp_path, document)) == (
        "ServiceFile is no known setting and is ignored; did you mean ServiceFileLocation?",
        "ListenAdress is no known setting and is ignored; did you mean ListenAddress?",
        "Colour is no known setting and is ignored",
    )


def test_the_last_of_two_upstream_targets_of_a_type_counts(tmp_path: Path) -> None:
    document = UPSTREAM | {
        "ApplePushSettings": [
            {"Type": "apple_rn", "ApplePushTopic": "first"},
            {"Type": "apple_rnbeta", "ApplePushTopic": "other"},
            {"Type": "apple_rn", "ApplePushTopic": "last"},
        ]
    }
    found = upstream(tmp_path, document)
    assert {entry.type: entry.topic for entry in found.apple} == {
        "apple_rn": "last",
        "apple_rnbeta": "other",
    }
    assert sentences(found) == ("two targets have the same Type; the last one counts",)


def test_warns_of_a_type_that_is_both_apples_and_androids(tmp_path: Path) -> None:
    document = UPSTREAM | {"AndroidPushSettings": [{"Type": "apple_rn"}]}
    assert sentences(upstream(tmp_path, document)) == (
        "apple_rn is both an Apple and an Android target; Android counts",
    )


def test_warns_of_a_file_that_everybody_can_change(tmp_path: Path) -> None:
    path = write(tmp_path, ".toml", HEAD, 0o606)
    assert sentences(load(path, {})) == (
        f"{path} can be changed by every user of this host: `chmod o-w {path}`",
    )


SECRET_FILES = [
    pytest.param("auth_key_file", id="key"),
    pytest.param("certificate_file", id="certificate"),
    pytest.param("service_account_file", id="service account"),
]


@pytest.mark.parametrize("key", SECRET_FILES)
def test_warns_of_a_credential_that_everybody_can_read(key: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch()
    table = "android" if key.startswith("service") else "apple"
    text = f'{HEAD}[[proxy.{table}]]\ntype = "x"\n{key} = "{secret}"\n'
    path = write(tmp_path, ".toml", text, 0o644)
    secret.chmod(0o604)
    assert sentences(load(path, {})) == (
        f"{secret} holds a secret that every user of this host can read: `chmod o-r {secret}`",
    )
    secret.chmod(0o640)
    assert sentences(load(path, {})) == ()


def test_warns_of_a_password_that_everybody_can_read(tmp_path: Path) -> None:
    text = HEAD + '[[proxy.apple]]\ntype = "x"\ncertificate_password = "s3cr3t"\n'
    path = write(tmp_path, ".toml", text, 0o644)
    assert sentences(load(path, {})) == (
        f"{path} holds a secret that every user of this host can read: `chmod o-r {path}`",
    )
    path.chmod(0o640)
    assert sentences(load(path, {})) == ()


def refusal(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        load(path, {})
    return error.value


def test_says_that_there_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    error = refusal(path)
    assert error.line() == (
        f"{path}: there is no such file. Correct its name where it was given: --config "
        "FILE, MMPUSH_CONFIG, or the FILE of mmpush-tui config."
    )
    assert error.code == "config-missing"


def test_says_that_it_is_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path).line() == f"{tmp_path}: cannot be read: Is a directory."


@pytest.mark.usefixtures("without_rights")
def test_says_that_it_may_not_be_read(short_tmp: Path) -> None:
    path = short_tmp / "config.toml"
    path.write_text(OURS)
    path.chmod(0)
    assert refusal(path).line() == f"{path}: cannot be read: Permission denied."


def test_says_where_it_is_not_utf_8(tmp_path: Path) -> None:
    path = write(tmp_path, ".toml", b"[proxy]\n\n# gr\xfcn\n")
    assert refusal(path).line() == f"{path}, line 3: expected UTF-8 text."
    path = write(tmp_path, ".json", "{}".encode("utf-16"))
    assert refusal(path).line() == f"{path}, line 1: expected UTF-8 text."


def test_says_that_it_is_too_large(tmp_path: Path) -> None:
    padding = b" " * (1024 * 1024 - 2)
    path = write(tmp_path, ".json", b"{}" + padding)
    load(path, {})
    path = write(tmp_path, ".json", b"{}" + padding + b" ")
    assert refusal(path).line() == f"{path}: larger than 1 MiB, so it is no configuration file."


OBJECT = ": expected a JSON object with ListenAddress and the other settings."
PERSON = ": expected JSON that a person wrote."
BAD_JSON = [
    pytest.param("", ", line 1, column 1: this is no JSON: Expecting value.", id="empty"),
    pytest.param("{", ", line 1, column 2: this is no JSON: Expecting property name enclosed in "
                 "double quotes.", id="open"),
    pytest.param("// hello\n{}", ", line 1, column 1: this is no JSON: Expecting value.",
                 id="comment"),
    pytest.param('{\n  "ListenAddress" ":8066"\n}',
                 ", line 2, column 19: this is no JSON: Expecting a character delimiter.",
                 id="no colon"),
    pytest.param('{\n  "ListenAddress": ":8066"\n  "EnableMetrics": true\n}',
                 ", line 3, column 3: this is no JSON: Expecting a character delimiter.",
                 id="no comma"),
    pytest.param('{\n\n  "ListenAddress": ":8066\n}',
                 ", line 3, column 26: this is no JSON: Invalid control character at.",
                 id="line break in text"),
    pytest.param('{\n"ListenAddress": ":8066',
                 ", line 2, column 18: this is no JSON: Unterminated string starting at.",
                 id="open text"),
    pytest.param("{} x", ", line 1, column 4: this is no JSON: Extra data.", id="more behind it"),
    pytest.param('{"ListenAddress": True}',
                 ", line 1, column 19: this is no JSON: Expecting value.", id="Python's True"),
    pytest.param('{\n"ThrottlePerSec":\n NaN}',
                 ", line 3, column 2: this is no JSON: Expecting a number.", id="NaN"),
    pytest.param('{"ThrottlePerSec": -Infinity}',
                 ", line 1, column 20: this is no JSON: Expecting a number.", id="infinity"),
    pytest.param("null", OBJECT, id="null"),
    pytest.param("[]", OBJECT, id="list"),
    pytest.param('"x"', OBJECT, id="text"),
    pytest.param("5", OBJECT, id="number"),
    pytest.param("[" * 100_000, PERSON, id="100,000 brackets"),
    pytest.param('{"ThrottlePerSec": ' + "9" * 5000 + "}", PERSON, id="5000 digits"),
    pytest.param('{"ListenAddress": 8066}', ": ListenAddress: expected text, got a number.",
                 id="number for text"),
    pytest.param('{"listenaddress": ["x"]}', ": ListenAddress: expected text, got a list.",
                 id="list for text"),
    pytest.param('{"ThrottlePerSec": "300"}',
                 ": ThrottlePerSec: expected a whole number, got text.", id="text for a number"),
    pytest.param('{"ThrottlePerSec": 300.0}', ": ThrottlePerSec: expected a whole number, "
                 "got a number with a fraction.", id="fraction"),
    pytest.param('{"ThrottlePerSec": true}',
                 ": ThrottlePerSec: expected a whole number, got true or false.",
                 id="true for a number"),
    pytest.param('{"ThrottlePerSec": 0}',
                 ": ThrottlePerSec: expected a number from 1 to 1000000.", id="zero"),
    pytest.param('{"SendTimeoutSec": -1}',
                 ": SendTimeoutSec: expected a number from 0 to 3600.", id="below zero"),
    pytest.param('{"EnableMetrics": "true"}',
                 ": EnableMetrics: expected true or false, got text.", id="text for true"),
    pytest.param('{"EnableMetrics": 1}',
                 ": EnableMetrics: expected true or false, got a number.", id="1 for true"),
    pytest.param('{"LogFormat": "xml"}', ": LogFormat: expected one of plain, json.",
                 id="no such format"),
    pytest.param('{"LogLevel": "loud"}', ": LogLevel: expected one of debug, info, warn, error.",
                 id="no such level"),
    pytest.param('{"ApplePushSettings": {}}', ": ApplePushSettings: expected a list of targets.",
                 id="object for a list"),
    pytest.param('{"AndroidPushSettings": ["x"]}',
                 ": AndroidPushSettings: expected a list of targets.", id="list of text"),
    pytest.param('{"ApplePushSettings": [{"Type": "a"}, {"Type": "b", "ApplePushTopic": 5}]}',
                 ": ApplePushSettings[1].ApplePushTopic: expected text, got a number.",
                 id="number in the second target"),
    pytest.param('{"ApplePushSettings": [{"Type": "a", "ApplePushUseDevelopment": "x"}]}',
                 ": ApplePushSettings[0].ApplePushUseDevelopment: "
                 "expected true or false, got text.", id="text for the sandbox"),
    pytest.param('{"ApplePushSettings": [{"ApplePushTopic": "x"}]}', ": ApplePushSettings[0].Type: "
                 "expected a platform such as apple_rn or android_rn.", id="no type"),
    pytest.param('{"AndroidPushSettings": [{"Type": ""}]}', ": AndroidPushSettings[0].Type: "
                 "expected a platform such as apple_rn or android_rn.", id="empty type"),
    pytest.param('{"AndroidPushSettings": [{"Type": "a", "Endpoint": "relay.test"}]}',
                 ": AndroidPushSettings[0].Endpoint: expected https://host or https://host:port.",
                 id="endpoint"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "sentence"), BAD_JSON)
def test_says_what_is_wrong_in_an_upstream_file(
    content: str, sentence: str, tmp_path: Path
) -> None:
    path = write(tmp_path, ".json", content)
    assert refusal(path).line() == f"{path}{sentence}"


TOML_PERSON = ": expected TOML that a person wrote."
BAD_TOML = [
    pytest.param("[proxy\nx = 5", ", line 1, column 7: this is no TOML: Expected ']' at "
                 "the end of a table declaration.", id="open table"),
    pytest.param('[proxy]\nlisten_address ":8066"\n', ", line 2, column 16: this is no TOML: "
                 "Expected '=' after a key in a key/value pair.", id="no equals sign"),
    pytest.param('[proxy]\nlisten_address = ":8066\n', ", line 2, column 24: this is no TOML: a "
                 "text in quotes does not end in its line.", id="open quotes"),
    pytest.param('[proxy]\nlisten_address = "\x01"\n',
                 ", line 2, column 19: this is no TOML: Illegal character.", id="control"),
    pytest.param("[proxy]\n[proxy]\n", ", line 2, column 7: this is no TOML: a table stands there "
                 "twice.", id="table twice"),
    pytest.param("[proxy]\nlisten_address = :8066\n",
                 ", line 2, column 18: this is no TOML: Invalid value.", id="no quotes"),
    pytest.param('[proxy]\nlog_level = "info"\nlog_level = "warn"\n',
                 ", line 3, column 19: this is no TOML: Cannot overwrite a value.", id="key twice"),
    pytest.param("proxy = " + "[" * 100_000, TOML_PERSON, id="100,000 brackets"),
    pytest.param("[proxy]\nthrottle_per_sec = " + "9" * 5000, TOML_PERSON, id="5000 digits"),
    pytest.param("[proxy]\nthrottle_per_sec = 0x" + "f" * 5000,
                 ": proxy.throttle_per_sec: expected a number from 1 to 1000000.",
                 id="5000 hexadecimal digits"),
    pytest.param("[proxy]\nlisten_address = 0x" + "f" * 5000,
                 ": proxy.listen_address: expected text, got a number.",
                 id="5000 hexadecimal digits for text"),
    pytest.param("[proxi]\n", ": proxi: unknown table. Did you mean proxy?", id="table"),
    pytest.param("[qq]\n", ": qq: unknown table. Known: mattermost, proxy, network, console.",
                 id="table like none"),
    pytest.param("throttle_per_sec = 5\n",
                 ": throttle_per_sec: unknown table. "
                 "Known: mattermost, proxy, network, console.", id="key outside of its table"),
    pytest.param("[proxy]\nthrotle_per_sec = 5\n",
                 ": proxy.throtle_per_sec: unknown key. Did you mean throttle_per_sec?", id="key"),
    pytest.param("[proxy]\nListenAddress = 5\n",
                 ": proxy.ListenAddress: unknown key. Did you mean listen_address?",
                 id="upstream's key"),
    pytest.param("[network]\ncafile = 5\n", ": network.cafile: unknown key. Did you mean ca_file?",
                 id="key of network"),
    pytest.param("[network]\nx = 5\n",
                 ": network.x: unknown key. Known: connect_to, ca_file, proxy.",
                 id="key like none"),
    pytest.param('[[proxy.apple]]\ntype = "a"\n[[proxy.apple]]\ntype = "b"\ntopik = "x"\n',
                 ": proxy.apple[1].topik: unknown key. Did you mean topic?", id="key of a target"),
    pytest.param('[[proxy.android]]\ntype = "a"\nservice_file = "x"\n',
                 ": proxy.android[0].service_file: unknown key. "
                 "Did you mean service_account_file?", id="key of an Android target"),
    pytest.param("proxy = 5\n", ": proxy: expected a table.", id="number for a table"),
    pytest.param("network = []\n", ": network: expected a table.", id="list for a table"),
    pytest.param("[proxy.apple]\n", ": proxy.apple: expected a list of targets.",
                 id="one table for a list"),
    pytest.param("[proxy]\nandroid = [5]\n", ": proxy.android: expected a list of targets.",
                 id="list of numbers"),
    pytest.param("[proxy]\nthrottle_per_sec = '5'\n",
                 ": proxy.throttle_per_sec: expected a whole number, got text.",
                 id="text for a number"),
    pytest.param("[proxy]\nlisten_address = 2026-01-02\n",
                 ": proxy.listen_address: expected text, got a date or time.", id="date for text"),
    pytest.param("[proxy]\nthrottle_per_sec = inf\n",
                 ": proxy.throttle_per_sec: expected a whole number, "
                 "got a number with a fraction.", id="infinity"),
    pytest.param("[network]\nca_file = 5\n", ": network.ca_file: expected text, got a number.",
                 id="number for a path"),
    pytest.param("[[proxy.apple]]\n", ": proxy.apple[0].type: expected a platform such as apple_rn "
                 "or android_rn.", id="no type"),
    pytest.param('[[proxy.apple]]\ntype = "a"\n[[proxy.apple]]\ntype = "a"\n',
                 ": two targets have the type a.", id="type twice"),
    pytest.param('[[proxy.apple]]\ntype = "a"\n[[proxy.android]]\ntype = "a"\n',
                 ": two targets have the type a.", id="type of both platforms"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "sentence"), BAD_TOML)
def test_says_what_is_wrong_in_our_file(content: str, sentence: str, tmp_path: Path) -> None:
    path = write(tmp_path, ".toml", content)
    assert refusal(path).line() == f"{path}{sentence}"


ENDPOINTS = [
    "https://relay.test",
    "https://relay.test/",
    "https://relay.test:8443",
    "https://relay.test:8443/",
    "https://Relay-1.test:65535",
    "https://127.0.0.1:1",
    "https://[::1]",
    "https://[::1]:8443",
    "https://[2001:db8::1]:8443/",
    "",
]
BAD_ENDPOINTS = [
    "relay.test",
    "relay.test:8443",
    "http://relay.test",
    "https://",
    "https:///",
    "https://:8443",
    "https://relay.test:",
    "https://relay.test:0",
    "https://relay.test:65536",
    "https://relay.test:99999",
    "https://relay.test:http",
    "https://relay.test/path",
    "https://relay.test//",
    "https://relay.test?x",
    "https://relay.test#x",
    "https://user@relay.test",
    "https://user:s3cr3t@relay.test",
    "https://relay test",
    "https://relay.test\n",
    "https://::1",
    "https://[1:2:3]",
    "https://[relay.test]",
    "https://[::1",
    "https://relay.test:٨٤",
]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=repr)
def test_accepts_an_endpoint(endpoint: str, tmp_path: Path) -> None:
    for found in (
        upstream(
            tmp_path,
            {
                "ApplePushSettings": [{"Type": "a", "Endpoint": endpoint}],
                "AndroidPushSettings": [{"Type": "b", "Endpoint": endpoint}],
            },
        ),
        ours(
            tmp_path,
            f'[[proxy.apple]]\ntype = "a"\nendpoint = "{endpoint}"\n'
            f'[[proxy.android]]\ntype = "b"\nendpoint = "{endpoint}"\n',
        ),
    ):
        assert found.apple[0].endpoint == endpoint
        assert found.android[0].endpoint == endpoint


@pytest.mark.parametrize("endpoint", BAD_ENDPOINTS, ids=repr)
def test_refuses_an_endpoint(endpoint: str, tmp_path: Path) -> None:
    sentence = "expected https://host or https://host:port."
    path = write(
        tmp_path, ".toml", f'[[proxy.apple]]\ntype = "a"\nendpoint = {json.dumps(endpoint)}\n'
    )
    assert refusal(path).line() == f"{path}: proxy.apple[0].endpoint: {sentence}"
    document = {"AndroidPushSettings": [{"Type": "a", "Endpoint": endpoint}]}
    path = write(tmp_path, ".json", json.dumps(document))
    assert refusal(path).line() == f"{path}: AndroidPushSettings[0].Endpoint: {sentence}"


def test_connects_elsewhere(tmp_path: Path) -> None:
    text = """
[network.connect_to]
"api.push.apple.com:443" = "127.0.0.1:8443"
"fcm.googleapis.com:443" = "[::1]:8444"
"[2001:db8::1]:443" = "relay.test:1"
"""
    assert ours(tmp_path, text).network.connect_to == {
        "api.push.apple.com:443": "127.0.0.1:8443",
        "fcm.googleapis.com:443": "[::1]:8444",
        "[2001:db8::1]:443": "relay.test:1",
    }


BAD_CONNECT_TO = [
    pytest.param('"api.push.apple.com" = "127.0.0.1:8443"', id="no port"),
    pytest.param('"api.push.apple.com:443" = "127.0.0.1"', id="no port to go to"),
    pytest.param('"api.push.apple.com:443" = "127.0.0.1:0"', id="port 0"),
    pytest.param('"api.push.apple.com:443" = "127.0.0.1:65536"', id="port too high"),
    pytest.param('"api.push.apple.com:99999" = "127.0.0.1:1"', id="port too high to match"),
    pytest.param('"api.push.apple.com:443" = 8443', id="number"),
    pytest.param('"api.push.apple.com:443" = ""', id="empty"),
    pytest.param('"https://api.push.apple.com:443" = "127.0.0.1:1"', id="address with scheme"),
    pytest.param('"api.push.apple.com:443" = "::1:8443"', id="IPv6 without brackets"),
    pytest.param('":443" = "127.0.0.1:1"', id="no host"),
    pytest.param('a.b = "127.0.0.1:1"', id="a table within"),
]


@pytest.mark.parametrize("line", BAD_CONNECT_TO)
def test_refuses_to_connect_to_no_address(line: str, tmp_path: Path) -> None:
    path = write(tmp_path, ".toml", f"[network.connect_to]\n{line}\n")
    assert refusal(path).line() == (
        f'{path}: network.connect_to: expected "host:port" = "addr:port".'
    )


def test_refuses_connect_to_that_is_no_table(tmp_path: Path) -> None:
    path = write(tmp_path, ".toml", '[network]\nconnect_to = "a:1=b:2"\n')
    assert refusal(path).line() == f"{path}: network.connect_to: expected a table."


SECRET = "Kanarienvogel"
PARTS = {SECRET[start : start + 5] for start in range(len(SECRET) - 4)}
EDITS: list[Any] = [
    pytest.param(lambda data, at: data[:at], id="cut"),
    pytest.param(lambda data, at: data[:at] + data[at + 1 :], id="deleted"),
    *(
        pytest.param(
            lambda data, at, put=put: data[:at] + put + data[at + 1 :], id=f"replaced {put!r}"
        )
        for put in (
            b'"',
            b"'",
            b"\n",
            b"{",
            b"]",
            b"=",
            b":",
            b",",
            b".",
            b"7",
            b"\\",
            b"\0",
            b"\xff",
        )
    ),
    *(
        pytest.param(lambda data, at, put=put: data[:at] + put + data[at:], id=f"inserted {put!r}")
        for put in (b'"', b"'", b"\n", b"=", b":", b'"""')
    ),
]
CONTENTS = [
    pytest.param(
        ".json",
        json.dumps(
            {
                "ThrottlePerSec": 300,
                "ApplePushSettings": [
                    {"Type": "apple_rn", "ApplePushCertPassword": SECRET, "AppleTeamID": SECRET}
                ],
                "AndroidPushSettings": [{"Type": "android_rn", "AndroidApiKey": SECRET}],
            },
            indent=1,
        ),
        id="upstream",
    ),
    pytest.param(
        ".toml",
        f'[proxy]\nthrottle_per_sec = 300\n[[proxy.apple]]\ntype = "apple_rn"\n'
        f"certificate_password = \"{SECRET}\"\nteam_id = '{SECRET}'\n"
        f'[[proxy.android]]\ntype = "android_rn" # {SECRET}\nservice_account_file = "{SECRET}"\n',
        id="ours",
    ),
]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize(("suffix", "content"), CONTENTS)
def test_no_error_and_no_warning_echoes_the_file(
    suffix: str, content: str, edit: Callable[[bytes, int], bytes], tmp_path: Path
) -> None:
    refused = 0
    for at in range(len(content)):
        path = write(tmp_path, suffix, edit(content.encode(), at))
        try:
            told = "\n".join(sentences(load(path, {})))
        except ConfigError as error:
            told = error.line()
            refused += 1
        assert not {part for part in PARTS if part in told}, told
    assert refused


@pytest.mark.parametrize("value", ["20261234", "true", "[20261234]", "20261234.5"])
def test_no_error_echoes_a_password_of_another_type(value: str, tmp_path: Path) -> None:
    for suffix, content in (
        (".toml", f'[[proxy.apple]]\ntype = "a"\ncertificate_password = {value}\n'),
        (".json", f'{{"ApplePushSettings": [{{"Type": "a", "ApplePushCertPassword": {value}}}]}}'),
    ):
        error = refusal(write(tmp_path, suffix, content))
        assert "expected text, got " in error.line()
        assert "20261234" not in error.line()


def test_a_configuration_does_not_show_its_secrets(tmp_path: Path) -> None:
    found = upstream(tmp_path, UPSTREAM)
    assert "s3cr3t" not in repr(found)
    assert found.apple[0].certificate_password.reveal() == "s3cr3t"


def test_mattermosts_own_file_is_not_taken_for_the_push_proxys(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"SqlSettings": {"DataSource": "CANARY"}, "EmailSettings": {}}')
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert caught.value.line() == (
        f"{path} is Mattermost's own config.json, not the push proxy's. Name "
        "mattermost-push-proxy.json, or our TOML."
    )
