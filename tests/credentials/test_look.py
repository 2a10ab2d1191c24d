"""One look at a target's settings and file: what is there, and what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from mmpush_tui.configuration.config import AndroidSettings, AppleSettings
from mmpush_tui.credentials.account import ServiceAccount
from mmpush_tui.credentials.certificate import ClientCertificate
from mmpush_tui.credentials.look import Credential, look_at_android, look_at_apple
from mmpush_tui.text import Secret
from tests.setup import files
from tests.setup.files import KEY_NAME, P8, keep, secrets_of
from tests.standins.apple_certificate import AppleCertificate

TOPIC = "com.example.chat"


def apple(**fields: Any) -> Credential[Any]:
    good: dict[str, Any] = {
        "type": "apple_rn", "topic": TOPIC, "auth_key_file": "", "auth_key_id": "ABC123DEFG",
        "team_id": "DEF123GHIJ", "sandbox": False, "certificate_file": "",
        "certificate_password": Secret(""), "endpoint": "", "proxy": Secret(""), "ca_file": "",
    }  # fmt: skip
    return look_at_apple(AppleSettings(**(good | fields)))


def android(path: Path | str, endpoint: str = "") -> Credential[ServiceAccount]:
    return look_at_android(
        AndroidSettings(
            type="android_rn", service_account_file=str(path), endpoint=endpoint,
            proxy=Secret(""), ca_file="",
        )
    )  # fmt: skip


def codes(credential: Credential[Any]) -> list[list[str]]:
    lists = (credential.refusals, credential.warnings, credential.advice)
    return [[finding.code for finding in findings] for findings in lists]


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    return str(keep(tmp_path / KEY_NAME, P8))


def certificate_file(folder: Path, **how: Any) -> str:
    return str(AppleCertificate.make(None, TOPIC, **how).write(folder))


def test_a_key_a_certificate_and_an_account_are_what_is_sent_with(
    tmp_path: Path, key_file: str
) -> None:
    key = apple(auth_key_file=key_file)
    assert isinstance(key.loaded, EllipticCurvePrivateKey)
    certificate = apple(certificate_file=certificate_file(tmp_path), auth_key_id="", team_id="")
    assert isinstance(certificate.loaded, ClientCertificate)
    account = android(files.ACCOUNT.write(tmp_path))
    assert account.loaded is not None
    assert account.loaded.project_id == "chat-project"
    assert [codes(it) for it in (key, certificate, account)] == [[[], [], []]] * 3


def test_nothing_named_is_refused_without_a_path(tmp_path: Path) -> None:
    blank = apple(auth_key_id="", team_id="", topic="")
    assert (blank.path, blank.loaded) == ("", None)
    assert codes(blank) == [["apple-key-missing", "apple-topic-missing"], [], []]
    assert codes(android("")) == [["service-account-missing"], [], []]


def test_settings_are_refused_before_the_file(tmp_path: Path) -> None:
    found = apple(auth_key_file=f"{tmp_path}/none.p8", auth_key_id="short", topic="")
    assert codes(found)[0] == ["apple-id-shape", "apple-topic-missing", "apple-key-missing"]


def test_only_a_whole_key_outranks_a_certificate(tmp_path: Path, key_file: str) -> None:
    certificate = certificate_file(tmp_path, topics=[TOPIC])
    both = apple(auth_key_file=key_file, certificate_file=certificate)
    assert isinstance(both.loaded, EllipticCurvePrivateKey)
    assert codes(both) == [[], [], ["apple-certificate-unused"]]
    half = apple(auth_key_file=key_file, certificate_file=certificate, team_id="")
    assert isinstance(half.loaded, ClientCertificate)
    assert codes(half) == [[], ["apple-certificate-no-calls"], ["apple-key-unused"]]


def test_a_certificate_needs_a_topic_and_is_looked_at_without(tmp_path: Path) -> None:
    found = apple(certificate_file=certificate_file(tmp_path), auth_key_id="", team_id="", topic="")
    assert codes(found) == [["apple-topic-missing"], [], []]
    assert found.loaded is not None


def test_tokens_from_elsewhere_are_advised_against(tmp_path: Path) -> None:
    path = files.ACCOUNT.at("https://tokens.example.com/token").write(tmp_path)
    assert codes(android(path)) == [[], [], ["service-account-token-uri"]]
    assert codes(android(path, "https://relay.example.com")) == [[], [], []]


def test_no_character_of_a_key_is_shown(tmp_path: Path, key_file: str) -> None:
    account = files.ACCOUNT.write(tmp_path)
    broken = keep(tmp_path / "broken.p8", P8[:100])
    escaped = keep(tmp_path / "escaped.p8", P8.replace(b"\n", b"\\n"))
    canaries = secrets_of(P8, files.ACCOUNT.to_json().encode())
    for path in (key_file, str(account), str(broken), str(escaped)):
        for found in (apple(auth_key_file=path), apple(certificate_file=path, team_id=""),
                      android(path)):  # fmt: skip
            assert not [canary for canary in canaries if canary in repr(found)]
