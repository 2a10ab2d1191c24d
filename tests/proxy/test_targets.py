"""The credentials that a configuration names, made into targets or set aside with the reason."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mmpush_tui.proxy.apple.sender import AppleTarget
from mmpush_tui.proxy.targets import Targets
from tests.configuration.test_config import UPSTREAM, upstream
from tests.credentials.sources import APPLE_SOURCE, COPY_AGAIN, GOOGLE_SOURCE


def pem(key: PrivateKeyTypes) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


EC_PEM = pem(ec.generate_private_key(ec.SECP256R1()))
RSA_PEM = pem(rsa.generate_private_key(65537, 2048))
CERTIFICATE = trustme.CA().cert_pem.bytes().decode()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "AuthKey.p8"
    path.write_text(EC_PEM)
    path.chmod(0o600)
    return path


def write_again(path: Path, content: str) -> None:
    path.write_text(content)


def account(**fields: Any) -> dict[str, Any]:
    document = {
        "type": "service_account",
        "project_id": "project-1",
        "private_key_id": "0123",
        "private_key": RSA_PEM,
        "client_email": "push@project-1.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return {name: value for name, value in (document | fields).items() if value is not None}


@pytest.fixture
def account_file(tmp_path: Path) -> Path:
    path = tmp_path / "service.json"
    path.write_text(json.dumps(account()))
    path.chmod(0o600)
    return path


def apple(key_file: Path, **fields: Any) -> dict[str, Any]:
    return {
        "Type": "apple_rn",
        "ApplePushTopic": "com.mattermost.rn",
        "AppleAuthKeyFile": str(key_file),
        "AppleAuthKeyID": "ABCDE12345",
        "AppleTeamID": "TEAM567890",
    } | fields


def android(account_file: Path, **fields: Any) -> dict[str, Any]:
    return {"Type": "android_rn", "ServiceFileLocation": str(account_file)} | fields


def targets(folder: Path, apples: list[dict[str, Any]], androids: list[dict[str, Any]]) -> Targets:
    document = UPSTREAM | {"ApplePushSettings": apples, "AndroidPushSettings": androids}
    return Targets.build(upstream(folder, document))


async def test_builds_every_target_of_a_good_configuration(
    tmp_path: Path, key_file: Path, account_file: Path
) -> None:
    built = targets(
        tmp_path,
        [apple(key_file), apple(key_file, Type="apple_rnbeta", ApplePushUseDevelopment=True)],
        [android(account_file), android(account_file, Type="android_rnbeta")],
    )
    assert built.disabled == {}
    assert {name: target.endpoint for name, target in built.ready.items()} == {
        "apple_rn": "api.push.apple.com:443",
        "apple_rnbeta": "api.sandbox.push.apple.com:443",
        "android_rn": "fcm.googleapis.com:443",
        "android_rnbeta": "fcm.googleapis.com:443",
    }
    assert {name: target.platform for name, target in built.ready.items()} == {
        "apple_rn": "apple",
        "apple_rnbeta": "apple",
        "android_rn": "android",
        "android_rnbeta": "android",
    }
    assert not any(target.is_connected for target in built.ready.values())
    await built.aclose()


PLACES = [
    pytest.param("https://relay.test", "relay.test:443", id="host"),
    pytest.param("https://Relay.test:8443/", "relay.test:8443", id="host and port"),
    pytest.param("https://[::1]:8444", "[::1]:8444", id="IPv6"),
]


@pytest.mark.parametrize(("endpoint", "shown"), PLACES)
async def test_an_endpoint_outranks_the_sandbox(
    endpoint: str, shown: str, tmp_path: Path, key_file: Path, account_file: Path
) -> None:
    built = targets(
        tmp_path,
        [apple(key_file, Endpoint=endpoint, ApplePushUseDevelopment=True)],
        [android(account_file, Endpoint=endpoint)],
    )
    assert {target.endpoint for target in built.ready.values()} == {shown}
    await built.aclose()


def apple_refusal(folder: Path, entry: dict[str, Any]) -> tuple[str, bool]:
    built = targets(folder, [entry], [])
    assert built.ready == {}
    disabled = built.disabled["apple_rn"]
    assert (disabled.type, disabled.platform) == ("apple_rn", "apple")
    return disabled.reason, disabled.is_blank


BLANK = {
    "AppleAuthKeyFile": "",
    "AppleAuthKeyID": "",
    "AppleTeamID": "",
    "ApplePushTopic": "",
    "ApplePushCertPrivate": "",
}
CERTIFICATE_ALONE = "Apple certificate /etc/apple.pem: cannot be read: No such file or directory."
SETTINGS = [
    pytest.param(
        BLANK,
        "apple_rn is not configured: AppleAuthKeyFile, AppleAuthKeyID, AppleTeamID missing.",
        True,
        id="nothing filled in",
    ),
    pytest.param(
        {"AppleAuthKeyFile": ""}, "apple_rn is not configured: AppleAuthKeyFile missing.", True,
        id="no key file",
    ),
    pytest.param(
        {"AppleAuthKeyID": ""}, "apple_rn is not configured: AppleAuthKeyID missing.", False,
        id="no key id",
    ),
    pytest.param(
        {"AppleAuthKeyID": "", "AppleTeamID": ""},
        "apple_rn is not configured: AppleAuthKeyID, AppleTeamID missing.", False,
        id="no ids",
    ),
    pytest.param(
        BLANK | {"ApplePushCertPrivate": "/etc/apple.pem", "ApplePushTopic": "com.example.chat"},
        CERTIFICATE_ALONE, False,
        id="certificate",
    ),
    pytest.param(
        {"AppleTeamID": "", "ApplePushCertPrivate": "/etc/apple.pem"}, CERTIFICATE_ALONE, False,
        id="certificate and half a key",
    ),
    *(
        pytest.param(
            {"AppleAuthKeyID": value},
            f"the key id of apple_rn is not ten capital letters and digits{why}. It is in the name "
            "of the key's file, AuthKey_KEYID.p8.",
            False,
            id=f"key id {value!r}",
        )
        for value, why in [
            ("ABCDE1234", ": it has 9 characters"), ("ABCDE123456", ": it has 11 characters"),
            ("abcde12345", ": it has small letters"), ("ABCDE 1234", ""), ("ABCD٣٣٣٣٣٣", ""),
        ]
    ),
    pytest.param(
        {"AppleTeamID": "TEAM"},
        "the team id of apple_rn is not ten capital letters and digits: it has 4 characters. It is "
        "at developer.apple.com > Membership details.",
        False, id="team id",
    ),
    pytest.param(
        {"ApplePushTopic": ""},
        "apple_rn has no topic. ApplePushTopic is the bundle id of the iOS app.", False,
        id="no topic",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "reason", "is_blank"), SETTINGS)
def test_sets_an_apple_target_aside_for_its_settings(
    fields: dict[str, Any], reason: str, is_blank: bool, tmp_path: Path, key_file: Path
) -> None:
    assert apple_refusal(tmp_path, apple(key_file, **fields)) == (reason, is_blank)


KEY_FILES = [
    pytest.param(None, "cannot be read: No such file or directory.", id="missing"),
    pytest.param(CERTIFICATE, f"this is a certificate. {APPLE_SOURCE}", id="certificate"),
    pytest.param(RSA_PEM, f"this is an RSA private key. {APPLE_SOURCE}", id="RSA"),
    pytest.param("ABCDE12345", f"this is neither a key nor a JSON file. {APPLE_SOURCE}",
                 id="not PEM"),
    pytest.param(EC_PEM[:80], f"this is a private key that is damaged. {COPY_AGAIN}", id="cut"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "reason"), KEY_FILES)
def test_sets_an_apple_target_aside_for_its_key(
    content: str | None, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "AuthKey.p8"
    if content is not None:
        path.write_text(content)
    assert apple_refusal(tmp_path, apple(path)) == (f"Apple key {path}: {reason}", False)


@pytest.mark.usefixtures("without_rights")
def test_sets_targets_aside_whose_files_may_not_be_read(short_tmp: Path) -> None:
    path = short_tmp / "secret"
    path.touch(0)
    denied = "cannot be read: Permission denied."
    assert apple_refusal(short_tmp, apple(path)) == (f"Apple key {path}: {denied}", False)
    assert android_refusal(short_tmp, android(path)) == (
        f"service account file {path}: {denied}",
        False,
    )


CA_FILES = [
    pytest.param(None, "cannot be read: No such file or directory.", id="missing"),
    pytest.param(
        "no certificate",
        "holds no readable certificate. Give a PEM file with -----BEGIN CERTIFICATE-----.",
        id="not PEM",
    ),
    pytest.param(
        "",
        "holds no readable certificate. Give a PEM file with -----BEGIN CERTIFICATE-----.",
        id="empty",
    ),
]


@pytest.mark.parametrize(("content", "reason"), CA_FILES)
def test_sets_targets_aside_for_their_ca_file(
    content: str | None, reason: str, tmp_path: Path, key_file: Path, account_file: Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    expected = (f"CA file {path}: {reason}", False)
    assert apple_refusal(tmp_path, apple(key_file, CAFile=str(path))) == expected
    assert android_refusal(tmp_path, android(account_file, CAFile=str(path))) == expected


async def test_trusts_the_ca_files_that_are_named(
    tmp_path: Path, key_file: Path, account_file: Path
) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(CERTIFICATE)
    built = targets(
        tmp_path,
        [apple(key_file, CAFile=str(path))],
        [android(account_file, CAFile=str(path))],
    )
    assert set(built.ready) == {"apple_rn", "android_rn"}
    await built.aclose()


def android_refusal(folder: Path, entry: dict[str, Any]) -> tuple[str, bool]:
    built = targets(folder, [], [entry])
    assert built.ready == {}
    disabled = built.disabled["android_rn"]
    assert (disabled.type, disabled.platform) == ("android_rn", "android")
    return disabled.reason, disabled.is_blank


def test_sets_an_android_target_aside_that_names_no_file(tmp_path: Path) -> None:
    assert android_refusal(tmp_path, {"Type": "android_rn"}) == (
        "android_rn is not configured: ServiceFileLocation missing.",
        True,
    )


ACCOUNTS = [
    pytest.param(None, "cannot be read: No such file or directory.", id="missing"),
    pytest.param("", f"this is an empty file. {COPY_AGAIN}", id="empty"),
    pytest.param(
        RSA_PEM,
        "this is an RSA private key. It may be the key alone; needed is the whole JSON file. "
        f"{GOOGLE_SOURCE}",
        id="PEM",
    ),
    pytest.param("[]", f"this is a JSON file of another kind. {GOOGLE_SOURCE}", id="list"),
    pytest.param(
        json.dumps({"project_info": {"project_id": "p"}, "client": []}),
        "this is google-services.json, which belongs into the Android app. "
        f"{GOOGLE_SOURCE} This one is of the project p.",
        id="google-services.json",
    ),
    pytest.param("{}", f"this is a JSON file of another kind. {GOOGLE_SOURCE}", id="no type"),
    pytest.param(
        json.dumps(account(type="authorized_user")),
        f"this is a person's login for the gcloud command. {GOOGLE_SOURCE}",
        id="another type",
    ),
    *(
        pytest.param(
            json.dumps(account(**{name: value})), f"{name} is missing. {GOOGLE_SOURCE}",
            id=f"{why} {name}",
        )
        for name in ("project_id", "client_email", "private_key_id", "private_key")
        for why, value in (("no", None), ("empty", ""), ("number for", 5))
    ),
    pytest.param(
        json.dumps({"type": "service_account", "project_id": "p"}),
        f"client_email, private_key_id, private_key are missing. {GOOGLE_SOURCE}",
        id="much is missing",
    ),
    pytest.param(
        json.dumps(account(token_uri="http://oauth2.googleapis.com/token")),
        f"token_uri is no https:// address. {GOOGLE_SOURCE}",
        id="token server without TLS",
    ),
    pytest.param(
        json.dumps(account(token_uri=5)), f"token_uri is no https:// address. {GOOGLE_SOURCE}",
        id="token_uri 5",
    ),
    *(
        pytest.param(
            json.dumps(account(private_key=key)), f"private_key cannot be read. {COPY_AGAIN}",
            id=id_,
        )
        for id_, key in (("cut key", RSA_PEM[:200]), ("no key", "x"))
    ),
    pytest.param(
        json.dumps(account(private_key=EC_PEM)), f"private_key is no RSA key. {GOOGLE_SOURCE}",
        id="EC key",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content", "reason"), ACCOUNTS)
def test_sets_an_android_target_aside_for_its_service_account(
    content: str | None, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "service.json"
    if content is not None:
        path.write_text(content)
    expected = (f"service account file {path}: {reason}", False)
    assert android_refusal(tmp_path, android(path)) == expected


GOOD_ACCOUNTS = [
    pytest.param(account(private_key=RSA_PEM.replace("\n", "\\n")), id="breaks as two characters"),
    pytest.param(account(token_uri=None), id="no token_uri"),
    pytest.param(account(universe_domain="googleapis.com"), id="more keys"),
]


@pytest.mark.parametrize("document", GOOD_ACCOUNTS)
async def test_takes_a_service_account_as_it_comes(
    document: dict[str, Any], tmp_path: Path, account_file: Path
) -> None:
    write_again(account_file, json.dumps(document))
    built = targets(tmp_path, [], [android(account_file)])
    assert set(built.ready) == {"android_rn"}
    await built.aclose()


async def test_one_bad_target_leaves_the_others_ready(
    tmp_path: Path, key_file: Path, account_file: Path
) -> None:
    built = targets(
        tmp_path,
        [
            apple(key_file),
            apple(tmp_path / "none.p8", Type="apple_rnbeta", AppleTeamID="OTHERTEAM1"),
        ],
        [android(account_file), {"Type": "android_rnbeta"}],
    )
    assert set(built.ready) == {"apple_rn", "android_rn"}
    assert set(built.disabled) == {"apple_rnbeta", "android_rnbeta"}
    await built.aclose()


async def test_voip_types_are_served_by_the_apps_own_target(tmp_path: Path, key_file: Path) -> None:
    built = targets(tmp_path, [apple(key_file), apple(key_file, Type="apple_rnbeta")], [])
    assert built.find("apple_voip_rn") is built.find("apple_rn") is built.ready["apple_rn"]
    assert built.find("apple_voip_rnbeta") is built.ready["apple_rnbeta"]
    for type_ in ("android_rn", "android_voip_rn", "apple_voip", "", "APPLE_RN"):
        assert built.find(type_) is None
    await built.aclose()


async def test_a_voip_type_that_is_configured_serves_itself(tmp_path: Path, key_file: Path) -> None:
    built = targets(tmp_path, [apple(key_file), apple(key_file, Type="apple_voip_rn")], [])
    assert built.find("apple_voip_rn") is built.ready["apple_voip_rn"]
    assert built.find("apple_voip_rn") is not built.find("apple_rn")
    await built.aclose()


async def test_a_voip_type_that_is_set_aside_is_served_by_nobody(
    tmp_path: Path, key_file: Path
) -> None:
    built = targets(tmp_path, [apple(key_file), {"Type": "apple_voip_rn"}], [])
    assert built.find("apple_voip_rn") is None
    assert built.find("apple_rn") is not None
    await built.aclose()


def test_a_voip_type_is_served_by_nobody_where_its_app_is_set_aside(tmp_path: Path) -> None:
    assert targets(tmp_path, [{"Type": "apple_rn"}], []).find("apple_voip_rn") is None


async def test_targets_of_one_key_and_team_share_their_token(
    tmp_path: Path, key_file: Path
) -> None:
    built = targets(
        tmp_path,
        [
            apple(key_file),
            apple(key_file, Type="same"),
            apple(key_file, Type="other_team", AppleTeamID="OTHERTEAM1"),
            apple(key_file, Type="other_key", AppleAuthKeyID="OTHERKEY12"),
        ],
        [],
    )
    tokens = {}
    for name, target in built.ready.items():
        assert isinstance(target, AppleTarget)
        tokens[name] = target._provider_token
    assert tokens["apple_rn"] is tokens["same"]
    assert len(set(map(id, tokens.values()))) == 3
    await built.aclose()


async def test_a_reload_keeps_what_served_before_and_cannot_now(
    tmp_path: Path, key_file: Path, account_file: Path
) -> None:
    old = targets(tmp_path, [apple(key_file)], [android(account_file)])
    served = old.ready["apple_rn"]
    write_again(key_file, "half-writ")
    new = targets(
        tmp_path,
        [apple(key_file), apple(key_file, Type="apple_rnbeta")],
        [android(account_file)],
    )
    kept = new.keep_from(old)
    assert set(kept) == {"apple_rn"}
    assert new.find("apple_rn") is served
    assert new.ready["android_rn"] is not old.ready["android_rn"]
    assert set(new.disabled) == {"apple_rnbeta"}
    assert set(old.ready) == {"android_rn"}
    await old.aclose()
    await new.aclose()


def test_modes_of_credentials_in_these_tests_draw_no_warning(
    tmp_path: Path, key_file: Path, account_file: Path
) -> None:
    document = UPSTREAM | {
        "ApplePushSettings": [apple(key_file)],
        "AndroidPushSettings": [android(account_file)],
    }
    assert upstream(tmp_path, document).warnings == ()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
