"""What ``lint`` says of a configuration, sentence by sentence."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.findings import Finding, Severity
from mmpush_tui.proxy.lint import lint
from mmpush_tui.simulator.credentials import AppleKey, GoogleAccount, write_private
from tests.credentials.sources import APPLE_SOURCE
from tests.standins.apple_certificate import AppleCertificate

KEY = AppleKey.make()
ACCOUNT = GoogleAccount.make()
TOPIC = "com.example.chat"
PAIR = AppleCertificate.make(None, TOPIC)
Said = list[tuple[str, str, str, str]]


def settings(folder: Path) -> dict[str, Any]:
    """Return a good configuration, with its files in ``folder``."""
    account = ACCOUNT.write(folder)
    KEY.write(folder)
    write_private(folder / "apple.pem", PAIR.pem())
    return {
        "ListenAddress": "127.0.0.1:8066", "ThrottlePerSec": 300, "ThrottleMemoryStoreSize": 50000,
        "ApplePushSettings": [{
            "Type": "apple_rn", "ApplePushTopic": TOPIC,
            "AppleAuthKeyFile": f"{folder}/AuthKey_{KEY.key_id}.p8",
            "AppleAuthKeyID": KEY.key_id, "AppleTeamID": KEY.team_id,
        }],
        "AndroidPushSettings": [{"Type": "android_rn", "ServiceFileLocation": str(account)}],
    }  # fmt: skip


def _as_told(finding: Finding, folder: str) -> tuple[str, str, str, str]:
    is_failure = finding.severity is Severity.FAIL
    text = finding.line() if is_failure else finding.message
    return (
        "error" if is_failure else "warn",
        finding.about,
        finding.code,
        text.replace(folder, "DIR"),
    )


def said(folder: Path, document: dict[str, Any]) -> Said:
    path = folder / "mattermost-push-proxy.json"
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    findings = lint(path, {}).findings
    return [_as_told(it, str(folder)) for it in findings]


def test_a_good_configuration_has_nothing_wrong(tmp_path: Path) -> None:
    assert said(tmp_path, settings(tmp_path)) == []


NO_KEY = {"AppleAuthKeyFile": "", "AppleAuthKeyID": "", "AppleTeamID": ""}
CERTIFICATE = NO_KEY | {"ApplePushCertPrivate": "DIR/apple.pem"}
ONE = [
    ({"Type": "apple_rn-v2"}, "warn", "type-version",
     "no push reaches apple_rn-v2: the apps' -v1 and -v2 are no part of the type. Call it "
     "apple_rn"),
    ({"Type": "aple_rn"}, "warn", "type-unknown",
     "Mattermost's apps call themselves apple_rn, apple_rnbeta and android_rn, and servers from "
     "11.10 on take nothing else; aple_rn can only be an app of your own"),
    ({"ApplePushTopic": f"{TOPIC}.voip"}, "warn", "apple-topic",
     "the topic of apple_rn ends in .voip, which is appended where it is needed. Set "
     "com.example.chat"),
    ({"ApplePushTopic": f"ABCDE12345.{TOPIC}"}, "warn", "apple-topic",
     "the topic of apple_rn begins with a team id. Set com.example.chat"),
    *(
        ({"ApplePushTopic": topic}, "warn", "apple-topic",
         "the topic of apple_rn is no bundle id: letters, digits and hyphens with dots between, "
         "such as com.example.chat")
        for topic in ("chat", "com.example.*", f"{TOPIC} ")
    ),
    ({"Endpoint": "https://api.push.apple.com:2197", "ApplePushUseDevelopment": True}, "warn",
     "apple-sandbox-outranked",
     "ApplePushUseDevelopment of apple_rn does nothing, because the endpoint api.push.apple.com "
     "outranks it"),
    ({"ApplePushCertPrivate": "DIR/none.pem"}, "warn", "apple-certificate-unused",
     "apple_rn has a key and a certificate; the key is used. Empty ApplePushCertPrivate, or one of "
     "the key's three settings"),
    ({"ApplePushCertPrivate": "DIR/apple.pem", "AppleTeamID": ""}, "warn", "apple-key-unused",
     "apple_rn uses its certificate, because AppleTeamID of its key is missing"),
    ({"ApplePushCertPassword": "s3cret"}, "warn", "apple-password-unused",
     "ApplePushCertPassword of apple_rn is set without ApplePushCertPrivate"),
    ({"AppleTeamID": KEY.key_id}, "warn", "apple-key-id",
     "key id and team id of apple_rn are the same; they never are. The key id is in the name of "
     "the key's file"),
    ({"AppleTeamID": KEY.key_id, "AppleAuthKeyID": KEY.team_id}, "warn", "apple-key-id",
     f"key id and team id of apple_rn are swapped: the key's file is named for {KEY.key_id}"),
    ({"AppleAuthKeyID": "ABCDE12345"}, "warn", "apple-key-id",
     f"the key file of apple_rn is named for the key id {KEY.key_id}, and its key id is "
     "ABCDE12345; Apple will refuse it unless the file was renamed"),
    ({"AppleAuthKeyFile": "DIR/SubscriptionKey_ABCDE12345.p8"}, "warn", "apple-key-purpose",
     "the key file of apple_rn is named as Apple names keys for in-app purchases; those for push "
     "are AuthKey_ and the key id"),
    ({"AppleTeamID": "short"}, "error", "apple-id-shape",
     "the team id of apple_rn is not ten capital letters and digits: it has 5 characters. It is "
     "at developer.apple.com > Membership details."),
    ({"ApplePushTopic": ""}, "error", "apple-topic-missing",
     "apple_rn has no topic. ApplePushTopic is the bundle id of the iOS app."),
    ({"AppleAuthKeyID": ""}, "error", "apple-key-missing",
     "apple_rn is not configured: AppleAuthKeyID missing."),
    ({"AppleAuthKeyFile": ""}, "error", "apple-key-missing",
     "apple_rn is not configured: AppleAuthKeyFile missing."),
    (NO_KEY, "warn", "apple-key-missing",
     "left blank: apple_rn is not configured: AppleAuthKeyFile, AppleAuthKeyID, AppleTeamID "
     "missing."),
    ({"AppleAuthKeyFile": "DIR/apple.pem"}, "error", "apple-key-invalid",
     "Apple key DIR/apple.pem: this is a certificate with its key, the way before .p8 keys. Name "
     f"it in ApplePushCertPrivate instead, or: {APPLE_SOURCE}"),
    ({"CAFile": "DIR/none.pem"}, "error", "ca-file-missing",
     "CA file DIR/none.pem: cannot be read: No such file or directory."),
    (CERTIFICATE | {"ApplePushTopic": "com.example.other"}, "error", "apple-certificate-topic",
     "Apple certificate DIR/apple.pem: this certificate is for com.example.chat, "
     "com.example.chat.voip and not for com.example.other. Set ApplePushTopic to the bundle id of "
     "the app, or get a certificate for it."),
]  # fmt: skip


def in_folder(folder: Path, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.replace("DIR", str(folder)) if isinstance(value, str) else value
        for name, value in fields.items()
    }


@pytest.mark.parametrize(("fields", "severity", "code", "message"), ONE)
def test_says_what_is_wrong_with_an_apple_target(
    fields: dict[str, Any], severity: str, code: str, message: str, tmp_path: Path
) -> None:
    document = settings(tmp_path)
    write_private(tmp_path / "SubscriptionKey_ABCDE12345.p8", KEY.private_pem)
    apple = document["ApplePushSettings"][0]
    apple |= in_folder(tmp_path, fields)
    assert said(tmp_path, document) == [(severity, apple["Type"], code, message)]


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ({"ends": datetime.now(UTC) + timedelta(days=10, hours=1)}, "apple-certificate-ends",
         "ends in 10 days"),
        ({"topics": [TOPIC]}, "apple-certificate-no-calls", "so calls cannot ring"),
        ({"environments": ["sandbox"]}, "apple-certificate-environment",
         "is marked for the sandbox and used in production"),
    ],
)  # fmt: skip
def test_says_what_a_certificate_will_not_do(
    how: dict[str, Any], code: str, words: str, tmp_path: Path
) -> None:
    document = settings(tmp_path)
    write_private(tmp_path / "apple.pem", AppleCertificate.make(None, TOPIC, **how).pem())
    document["ApplePushSettings"][0] |= in_folder(tmp_path, CERTIFICATE)
    ((severity, target, named, message),) = said(tmp_path, document)
    assert (severity, target, named) == ("warn", "apple_rn", code)
    assert words in message


def test_an_expired_certificate_is_an_error(tmp_path: Path) -> None:
    document = settings(tmp_path)
    ended = datetime.now(UTC) - timedelta(days=1)
    pair = AppleCertificate.make(None, TOPIC, begins=ended - timedelta(days=300), ends=ended)
    write_private(tmp_path / "apple.pem", pair.pem())
    document["ApplePushSettings"][0] |= in_folder(tmp_path, CERTIFICATE)
    ((severity, _, code, message),) = said(tmp_path, document)
    assert (severity, code) == ("error", "apple-certificate-expired")
    assert f"the certificate ended on {ended:%Y-%m-%d}. Renew it" in message


def test_says_everything_that_is_wrong_with_a_target_at_once(tmp_path: Path) -> None:
    document = settings(tmp_path)
    document["ApplePushSettings"][0] |= {
        "AppleAuthKeyID": "short", "AppleTeamID": "short too", "ApplePushTopic": "",
        "AppleAuthKeyFile": f"{tmp_path}/none.p8",
    }  # fmt: skip
    assert [(it[0], it[2]) for it in said(tmp_path, document)] == [
        ("error", "apple-id-shape"), ("error", "apple-id-shape"),
        ("error", "apple-topic-missing"), ("error", "apple-key-missing"),
    ]  # fmt: skip


def test_tokens_that_come_from_elsewhere_are_told(tmp_path: Path) -> None:
    document = settings(tmp_path)
    android = document["AndroidPushSettings"][0]
    other = ACCOUNT.at("https://tokens.example.com/token").write(tmp_path)
    android["ServiceFileLocation"] = str(other)
    assert said(tmp_path, document) == [
        ("warn", "android_rn", "service-account-token-uri",
         "the service account of android_rn gets its tokens at tokens.example.com, which is not "
         "Google's; what is sent there lets its owner send pushes"),
    ]  # fmt: skip
    # A relay or a simulator is meant.
    android["Endpoint"] = "https://relay.example.com"
    assert said(tmp_path, document) == []


WORKER = [
    ({"ApplePushSettings": [], "AndroidPushSettings": []}, "error", "no-targets",
     "no target is configured, so no push can be sent."),
    ({"ListenAddress": ":8066"}, "warn", "wildcard",
     ":8066 is open to everybody who reaches this host: whoever has a device token can send to it. "
     "Listen on 127.0.0.1, or set AllowedAddresses, AccessUser and AccessPassword, PathPrefix, or "
     "SignatureKeyFile"),
    ({"RetryTimeoutSec": 40}, "warn", "config-retry-timeout",
     "RetryTimeoutSec is longer than SendTimeoutSec; one try ends with the answer's time"),
    ({"AccessUser": "mm"}, "error", "access-incomplete",
     "AccessUser and AccessPassword go together, and one is missing."),
    ({"TLSCertificateFile": "/none.pem"}, "error", "tls-files",
     "TLS file /none.pem: cannot be read: No such file or directory."),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "severity", "code", "message"), WORKER)
def test_says_what_is_wrong_with_the_worker(
    fields: dict[str, Any], severity: str, code: str, message: str, tmp_path: Path
) -> None:
    assert said(tmp_path, settings(tmp_path) | fields) == [(severity, "", code, message)]


@pytest.mark.parametrize("control", [
    {"AllowedAddresses": ["10.0.0.0/8"]}, {"AccessUser": "mm", "AccessPassword": "s3cret"},
    {"PathPrefix": "s3cret"},
])  # fmt: skip
def test_an_open_address_with_a_control_is_fine(control: dict[str, Any], tmp_path: Path) -> None:
    assert said(tmp_path, settings(tmp_path) | {"ListenAddress": ":8066"} | control) == []


def test_targets_that_nobody_filled_in_are_an_error_together(tmp_path: Path) -> None:
    blank = {"ApplePushSettings": [{"Type": "apple_rn"}], "AndroidPushSettings": []}
    assert [it[:3] for it in said(tmp_path, settings(tmp_path) | blank)] == [
        ("error", "", "no-targets"), ("warn", "apple_rn", "apple-key-missing"),
    ]  # fmt: skip


def test_files_that_others_can_read_are_told_once(tmp_path: Path) -> None:
    document = settings(tmp_path)
    (tmp_path / f"AuthKey_{KEY.key_id}.p8").chmod(0o644)
    name = f"DIR/AuthKey_{KEY.key_id}.p8"
    assert said(tmp_path, document) == [
        ("warn", "", "config-secret-readable",
         f"{name} holds a secret that every user of this host can read: `chmod o-r {name}`"),
    ]  # fmt: skip


def test_no_secret_is_in_any_sentence(tmp_path: Path) -> None:
    document = settings(tmp_path)
    write_private(tmp_path / "apple.pem", PAIR.pem("canary-5f0c"))
    document["ApplePushSettings"][0] |= in_folder(tmp_path, CERTIFICATE) | {
        "ApplePushCertPassword": "canary-5f0d", "Proxy": "http://u:canary-5f0e@h:1",
        "Type": "\x1b]0;x\x07apple",
    }  # fmt: skip
    found = str(said(tmp_path, document))
    assert "the password does not open its key" in found
    assert "canary" not in found
    messages = [it[3] for it in said(tmp_path, document)]
    assert "\x1b" not in "".join(messages)
