import json
import re
import ssl
import stat
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mmpush_tui.simulator.credentials import AppleKey, GoogleAccount
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.phones import Phones


def test_an_apple_key_has_the_shape_of_apples(tmp_path: Path, apple_key: AppleKey) -> None:
    path = apple_key.write(tmp_path)
    assert re.fullmatch(r"AuthKey_[A-Z0-9]{10}\.p8", path.name)
    assert re.fullmatch(r"[A-Z0-9]{10}", apple_key.team_id)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert text.startswith("-----BEGIN PRIVATE KEY-----\n")
    key = serialization.load_pem_private_key(text.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    assert key.public_key() == apple_key.public_key


def test_a_service_account_has_the_shape_of_googles(tmp_path: Path, account: GoogleAccount) -> None:
    path = account.at("https://127.0.0.1:1/token").write(tmp_path)
    assert re.fullmatch(r"chat-project-firebase-adminsdk-[a-z0-9]{5}-[0-9a-f]{10}\.json", path.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads(path.read_text())
    assert document["type"] == "service_account"
    assert document["project_id"] == "chat-project"
    assert document["token_uri"] == "https://127.0.0.1:1/token"
    assert re.fullmatch(r"[0-9a-f]{40}", document["private_key_id"])
    assert re.fullmatch(r"[0-9]{21}", document["client_id"])
    assert document["client_email"].endswith("@chat-project.iam.gserviceaccount.com")
    key = serialization.load_pem_private_key(document["private_key"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert key.public_key() == account.public_key


def test_a_file_that_all_can_read_becomes_private(tmp_path: Path, apple_key: AppleKey) -> None:
    path = apple_key.write(tmp_path)
    path.chmod(0o644)
    apple_key.write(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_ids_follow_from_the_seed_and_keys_do_not(apple_key: AppleKey) -> None:
    again, other = AppleKey.make(1), AppleKey.make(2)
    assert (again.key_id, again.team_id) == (apple_key.key_id, apple_key.team_id)
    assert again.private_pem != apple_key.private_pem
    assert other.key_id != again.key_id


def test_no_secret_shows_itself(apple_key: AppleKey, account: GoogleAccount) -> None:
    phone = Phones().add_apple()
    for value in (apple_key, account, phone):
        assert "PRIVATE" not in repr(value)
        assert phone.token not in repr(value)


def test_tokens_follow_from_the_seed() -> None:
    first, again, other = Phones(1), Phones(1), Phones(2)
    assert first.add_apple().token == again.add_apple().token
    assert first.add_android("p").token == again.add_android("q").token
    assert first.add_apple().token != other.add_apple().token
    apple, android, _ = first
    assert re.fullmatch(r"[0-9a-f]{64}", apple.token)
    assert re.fullmatch(r"[\w-]{22}:APA91b[\w-]{134}", android.token)
    assert len(first) == 3
    assert first.find("apple_rn", apple.token) == apple
    assert first.find("android_rn", apple.token) is None


def test_the_root_is_a_ca_file(tmp_path: Path, ca: ThrowAwayCA) -> None:
    path = ca.write_root(tmp_path / "root.pem")
    assert path.read_text() == ca.root_pem
    context = ssl.create_default_context(cafile=str(path))
    assert context.cert_store_stats()["x509_ca"] == 1
