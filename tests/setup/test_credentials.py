import base64
import os
import re
import socket
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mmpush_tui.findings import Finding, Severity
from mmpush_tui.setup.credentials import look_at_apple_key, look_at_service_account
from tests.credentials.sources import APPLE_SOURCE, GOOGLE_SOURCE
from tests.rights import as_nobody
from tests.setup import files
from tests.setup.files import KEY_NAME, P8, P256, RSA, keep, pem, secrets_of

COPY_AGAIN = "Copy the file again without changing a character."
KEY_NEEDED = "needed is the .p8 key from Apple."
ACCOUNT_NEEDED = "needed is a service account's JSON file."


def words(value: object) -> str:
    """Name a test by what is said, not by a key, which is another one in every process."""
    return value if isinstance(value, str) else "data"


def apple(path: Path | str) -> tuple[str, str, str]:
    found = look_at_apple_key(str(path))
    return found.severity.value, found.sentence, found.fix


def android(path: Path | str) -> tuple[str, str, str]:
    found = look_at_service_account(str(path))
    return found.severity.value, found.sentence, found.fix


def test_a_key_from_apple_tells_its_key_id(tmp_path: Path) -> None:
    found = look_at_apple_key(str(keep(tmp_path / KEY_NAME, P8)))
    assert found == Finding(
        severity=Severity.PASS,
        code="ok",
        message="A P-256 private key, as Apple's are; key id ABC123DEFG from its name.",
        evidence={"auth_key_id": "ABC123DEFG"},
    )


@pytest.mark.parametrize(
    ("name", "key_id"),
    [
        ("AuthKey_ABC123DEFG (1).p8", "ABC123DEFG"),
        ("AuthKey_ABC123DEFG-2.p8", "ABC123DEFG"),
        ("AuthKey_ABC123DEFGH.p8", ""),
        ("AuthKey_abc123defg.p8", ""),
        ("push.p8", ""),
        ("key.pem", ""),
    ],
)
def test_the_key_id_comes_from_the_name_alone(tmp_path: Path, name: str, key_id: str) -> None:
    found = look_at_apple_key(str(keep(tmp_path / name, P8)))
    assert found.severity is Severity.PASS
    assert found.evidence == ({"auth_key_id": key_id} if key_id else {})
    tells = f"key id {key_id} from its name." if key_id else "its name tells no key id."
    assert found.sentence.endswith(tells)


@pytest.mark.parametrize(
    ("name", "purpose"),
    [
        ("SubscriptionKey_ABC123DEFG.p8", "in-app purchases"),
        ("ApiKey_ABC123DEFG.p8", "the App Store Connect API"),
    ],
)
def test_a_name_for_another_purpose_is_a_warning(tmp_path: Path, name: str, purpose: str) -> None:
    status, message, fix = apple(keep(tmp_path / name, P8))
    assert status == "warn"
    assert message == (
        f"The key file is named as Apple names keys for {purpose}; those for push are AuthKey_ and "
        "the key id."
    )
    assert fix == APPLE_SOURCE


def test_old_form_and_windows_line_ends_are_good(tmp_path: Path) -> None:
    sec1 = pem(P256, PrivateFormat.TraditionalOpenSSL)
    assert sec1.startswith(b"-----BEGIN EC PRIVATE KEY-----")
    assert apple(keep(tmp_path / "a.p8", sec1))[0] == "pass"
    assert apple(keep(tmp_path / "b.p8", P8.replace(b"\n", b"\r\n")))[0] == "pass"


@pytest.mark.parametrize(
    ("data", "message", "fix"),
    [
        (b"", f"This is an empty file; {KEY_NEEDED}", COPY_AGAIN),
        (b" \n", f"This is an empty file; {KEY_NEEDED}", COPY_AGAIN),
        (pem(RSA), f"This is an RSA private key; {KEY_NEEDED}", APPLE_SOURCE),
        (
            pem(RSA, PrivateFormat.TraditionalOpenSSL),
            f"This is an RSA private key; {KEY_NEEDED}",
            APPLE_SOURCE,
        ),
        (
            pem(ec.generate_private_key(ec.SECP384R1())),
            f"This is a private key on another curve than P-256; {KEY_NEEDED}",
            APPLE_SOURCE,
        ),
        (
            pem(ed25519.Ed25519PrivateKey.generate()),
            f"This is a private key of another type than P-256; {KEY_NEEDED}",
            APPLE_SOURCE,
        ),
        (
            pem(P256, password=b"secret"),
            f"This is a private key protected with a password; {KEY_NEEDED}",
            "Use the file as Apple gave it, which has no password.",
        ),
        (
            pem(RSA, PrivateFormat.TraditionalOpenSSL, b"secret"),
            f"This is a private key protected with a password; {KEY_NEEDED}",
            "Use the file as Apple gave it, which has no password.",
        ),
        (
            P8[:60] + b"?" + P8[61:],
            f"This is a private key that is damaged; {KEY_NEEDED}",
            COPY_AGAIN,
        ),
        (
            P8.replace(b"\n", b"\\n"),
            f"This is a private key whose line breaks are written out as \\n; {KEY_NEEDED}",
            "Write real line breaks: printf '%b' \"$(cat FILE)\" > NEWFILE.",
        ),
        (P8[:100].replace(b"\n", b"\\n"), f"This is a private key that is damaged; {KEY_NEEDED}",
         COPY_AGAIN),
        (P8[:100], f"This is a private key that is damaged; {KEY_NEEDED}", COPY_AGAIN),
        (
            b"\n".join(P8.splitlines()[1:-1]) + b"\n",
            f"This is a private key without its BEGIN and END lines; {KEY_NEEDED}",
            "Use the whole file from Apple, with its first and its last line.",
        ),
        (
            P256.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
            f"This is a private key in binary form (DER); {KEY_NEEDED}",
            APPLE_SOURCE,
        ),
        (
            pem(P256, PrivateFormat.OpenSSH),
            f"This is an SSH key; {KEY_NEEDED}",
            APPLE_SOURCE,
        ),
        (files.PUBLIC, f"This is a public key; {KEY_NEEDED}", APPLE_SOURCE),
        (files.CERTIFICATE_PEM, f"This is a certificate; {KEY_NEEDED}", APPLE_SOURCE),
        (
            files.CERTIFICATE.public_bytes(Encoding.DER),
            f"This is a certificate; {KEY_NEEDED}",
            APPLE_SOURCE,
        ),
        (
            files.CERTIFICATE_PEM + pem(RSA),
            f"This is a certificate with its key, the way before .p8 keys; {KEY_NEEDED}",
            APPLE_SOURCE,
        ),
        (files.REQUEST, f"This is a request for a certificate; {KEY_NEEDED}", APPLE_SOURCE),
        (files.P12, f"This is a certificate store (.p12 or .pfx); {KEY_NEEDED}", APPLE_SOURCE),
        (
            files.ACCOUNT.to_json().encode(),
            f"This is a Google service account; {KEY_NEEDED}",
            f"It belongs to the Android step. {APPLE_SOURCE}",
        ),
        (
            b"PK\x03\x04rest",
            f"This is an archive; {KEY_NEEDED}",
            "Unpack it first, and name the file inside.",
        ),
        (
            b"<!DOCTYPE html><html>Sign in",
            f"This is a web page; {KEY_NEEDED}",
            "Probably a login page was saved instead. Download the file in a browser.",
        ),
        (
            P8.decode().encode("utf-16"),
            f"This is a text file in UTF-16; {KEY_NEEDED}",
            "An editor changed it. Copy the original file, or save it as UTF-8.",
        ),
        (b"hello", f"This is neither a key nor a JSON file; {KEY_NEEDED}", APPLE_SOURCE),
        (b"\x00\x01\x02", f"This is neither a key nor a JSON file; {KEY_NEEDED}", APPLE_SOURCE),
        (b"0\x82garbage", f"This is neither a key nor a JSON file; {KEY_NEEDED}", APPLE_SOURCE),
        (b"abc/" * 20_000, "This file is larger than any credential.",
         "Name the file as it was downloaded."),
    ],
    ids=words,
)  # fmt: skip
def test_what_is_no_key_from_apple_is_named(
    tmp_path: Path, data: bytes, message: str, fix: str
) -> None:
    assert apple(keep(tmp_path / KEY_NAME, data)) == ("fail", message, fix)


def test_a_service_account_tells_project_and_address(tmp_path: Path) -> None:
    path = files.ACCOUNT.write(tmp_path)
    name = files.ACCOUNT.client_email.partition("@")[0]
    assert look_at_service_account(str(path)) == Finding(
        severity=Severity.PASS,
        code="ok",
        message=f"A service account of the Firebase project chat-project, {name}@….",
        evidence={"project_id": "chat-project", "client_email": f"{name}@…"},
    )


@pytest.mark.parametrize(
    ("data", "message", "fix"),
    [
        (b"", f"This is an empty file; {ACCOUNT_NEEDED}", COPY_AGAIN),
        (b"{", f"This is a JSON file that is damaged; {ACCOUNT_NEEDED}", COPY_AGAIN),
        (
            files.ACCOUNT.to_json().replace("\\n", "\n").encode(),
            "This is a JSON file with line breaks inside a text, where \\n has to stand; "
            f"{ACCOUNT_NEEDED}",
            "Write \\n in place of each line break inside private_key, or copy the file again "
            "without changing a character.",
        ),
        *(
            (
                mark + files.ACCOUNT.to_json().encode() + mark + b"\n",
                f"This is a JSON file in quotation marks; {ACCOUNT_NEEDED}",
                "Remove the quotation marks around it.",
            )
            for mark in (b"'", b'"')
        ),
        (b'{"a": NaN}', f"This is a JSON file that is damaged; {ACCOUNT_NEEDED}", COPY_AGAIN),
        (b"[1]", f"This is a JSON file of another kind; {ACCOUNT_NEEDED}", GOOGLE_SOURCE),
        (b"{}", f"This is a JSON file of another kind; {ACCOUNT_NEEDED}", GOOGLE_SOURCE),
        (b'{"type": 5}', f"This is a JSON file of another kind; {ACCOUNT_NEEDED}", GOOGLE_SOURCE),
        (
            files.GOOGLE_SERVICES,
            f"This is google-services.json, which belongs into the Android app; {ACCOUNT_NEEDED}",
            f"{GOOGLE_SOURCE} This one is of the project chat-project.",
        ),
        (
            files.OAUTH_CLIENT,
            f"This is an OAuth client, with which people log in; {ACCOUNT_NEEDED}",
            f"{GOOGLE_SOURCE} This one is of the project p.",
        ),
        (
            b'{"type": "authorized_user", "refresh_token": "canary"}',
            f"This is a person's login for the gcloud command; {ACCOUNT_NEEDED}",
            GOOGLE_SOURCE,
        ),
        (
            b'{"type": "external_account"}',
            f"This is a workload identity, which holds no key; {ACCOUNT_NEEDED}",
            GOOGLE_SOURCE,
        ),
        (
            b'{"AndroidPushSettings": []}',
            f"This is a configuration of mattermost-push-proxy; {ACCOUNT_NEEDED}",
            GOOGLE_SOURCE,
        ),
        (
            b'<?xml version="1.0"?><!DOCTYPE plist><plist></plist>',
            "This is a property list such as GoogleService-Info.plist, which belongs into an "
            f"app; {ACCOUNT_NEEDED}",
            GOOGLE_SOURCE,
        ),
        (
            b"bplist00\xd1\x01\x02",
            "This is a property list such as GoogleService-Info.plist, which belongs into an "
            f"app; {ACCOUNT_NEEDED}",
            GOOGLE_SOURCE,
        ),
        (
            P8,
            f"This is a P-256 private key; {ACCOUNT_NEEDED}",
            f"Apple's keys look like this. {GOOGLE_SOURCE}",
        ),
        (
            files.ACCOUNT.private_key.encode(),
            f"This is an RSA private key; {ACCOUNT_NEEDED}",
            f"It may be the key alone; needed is the whole JSON file. {GOOGLE_SOURCE}",
        ),
    ],
    ids=words,
)
def test_what_is_no_service_account_is_named(
    tmp_path: Path, data: bytes, message: str, fix: str
) -> None:
    assert android(keep(tmp_path / "a.json", data)) == ("fail", message, fix)


def test_a_service_account_that_the_worker_refuses_is_refused_in_its_words(tmp_path: Path) -> None:
    text = files.ACCOUNT.to_json().replace('"client_email"', '"no_email"')
    path = keep(tmp_path / "a.json", text.encode())
    status, message, _ = android(path)
    assert status == "fail"
    assert message == "Client_email is missing."


def test_what_is_no_readable_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert apple("  ") == ("fail", "No file is named yet.", "")
    assert apple(tmp_path) == ("fail", "This is a folder.", "Name the file in it.")
    assert apple("/dev/zero")[1] == "This is no ordinary file."
    os.mkfifo(tmp_path / "pipe")
    assert apple(tmp_path / "pipe")[1] == "This is no ordinary file."
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
        assert apple("sock")[:2] == (
            "fail", "It cannot be read: No such device or address.",
        )  # fmt: skip
    assert apple("a\0b") == ("fail", "This is no path.", "Type it again.")
    assert apple("x" * 300)[1] == "It cannot be read: File name too long."


def test_a_key_of_another_user_is_told(open_tmp: Path) -> None:
    path = keep(open_tmp / "my key.p8", P8)
    with as_nobody():
        status, message, fix = apple(path)
    assert status == "fail"
    assert re.fullmatch(r"The user (nobody|65534|[a-z]\w*) may not read it\.", message)
    assert fix == (
        "The push proxy must be able to: make the user it runs as the file's owner, "
        f"sudo chown USER '{path}'"
    )


def test_a_missing_file_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    keep(tmp_path / KEY_NAME, P8)
    assert apple(tmp_path / "AuthKey_ABC123DEF.p8") == (
        "fail", "There is no such file.", f"Did you mean {tmp_path / KEY_NAME}?",
    )  # fmt: skip
    assert apple(tmp_path / "other")[2] == f"Look into the folder {tmp_path}."
    nowhere = tmp_path / "none" / "key.p8"
    assert apple(nowhere)[2] == f"There is no folder {tmp_path / 'none'} that can be read."


def test_home_quotes_and_the_current_folder_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    keep(tmp_path / KEY_NAME, P8)
    monkeypatch.chdir(tmp_path)
    for named in (f"~/{KEY_NAME}", f"'{tmp_path}/{KEY_NAME}'", f" {KEY_NAME} ", f'"{KEY_NAME}"'):
        assert apple(named)[0] == "pass", named


def test_a_current_folder_that_is_gone_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert apple("key.p8")[:2] == ("fail", "There is no such file.")
    assert apple(keep(tmp_path / KEY_NAME, P8))[0] == "pass"


@pytest.mark.parametrize(
    ("mode", "can", "bits"),
    [(0o604, "read", "r"), (0o602, "change", "w"), (0o666, "read and change", "rw")],
)
def test_a_credential_that_everybody_gets_at_is_a_warning(
    tmp_path: Path, mode: int, can: str, bits: str
) -> None:
    path = keep(tmp_path / "my key.p8", P8, mode)
    status, message, fix = apple(path)
    assert status == "warn"
    assert message.endswith(f"Every user of this host can {can} it.")
    assert fix == f"Keep it to its owner: chmod o-{bits} '{path}'"
    account = keep(tmp_path / "a.json", files.ACCOUNT.to_json().encode(), mode)
    assert android(account)[0] == "warn"
    assert look_at_service_account(str(account)).evidence["project_id"] == "chat-project"


def test_a_hostile_name_or_project_reaches_no_terminal(tmp_path: Path) -> None:
    text = files.ACCOUNT.to_json().replace('"chat-project"', '"\\u001b]0;owned\\u0007[/x]"')
    found = look_at_service_account(str(keep(tmp_path / "a.json", text.encode())))
    assert found.severity is Severity.PASS
    shown = found.sentence + "".join(found.evidence.values())
    assert "\x1b" not in shown
    assert "\x07" not in shown
    missing = look_at_apple_key(str(tmp_path / "\x1b[31mred"))
    assert "\x1b" not in missing.sentence + missing.fix


def test_no_character_of_a_key_is_in_any_finding(tmp_path: Path) -> None:
    account = files.ACCOUNT.to_json().encode()
    bare = b"\n".join(P8.splitlines()[1:-1])
    data = (P8, P8[:100], bare, pem(RSA), account, account[:-40], files.OAUTH_CLIENT,
            files.GOOGLE_SERVICES, pem(P256, password=b"x"))  # fmt: skip
    canaries = [*secrets_of(*data), "GOCSPX-canary", "AIzaCanary"]
    assert len(canaries) > 60
    assert base64.b64decode(bare)
    for number, content in enumerate(data):
        path = keep(tmp_path / f"{number}.p8", content)
        for found in (look_at_apple_key(str(path)), look_at_service_account(str(path))):
            said = repr(found)
            assert not [canary for canary in canaries if canary in said]
