"""Which pushes are taken: by server and signature."""

import base64
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mmpush_tui.errors import ConfigError
from mmpush_tui.protocol.wire import PushNotification
from mmpush_tui.proxy.delivery.push_access import PushAccess, load_public_key
from tests.proxy.settings import default_config

KEY = ec.generate_private_key(ec.SECP256R1())
DER = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def signed(ack_id: str = "a1", device_id: str = "d1", key: Any = KEY, alg: str = "ES256") -> str:
    return jwt.encode({"ack_id": ack_id, "device_id": device_id}, key, algorithm=alg)


def push(**fields: Any) -> PushNotification:
    return PushNotification(
        **{"server_id": "s1", "ack_id": "a1", "device_id": "d1", "type": "message"} | fields
    )


def unpadded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


DEEP = f"{unpadded(b'[' * 50_000)}.{unpadded(b'{}')}.{unpadded(bytes(64))}"
KEYS_AS_KEPT = [
    PEM, base64.b64encode(DER), b'"%b"' % base64.b64encode(DER), base64.encodebytes(DER),
    base64.encodebytes(DER).replace(b"\n", b"\r\n"),
]  # fmt: skip
OTHER = ec.generate_private_key(ec.SECP256R1())
MISSING = ("Failed because of missing signature serverId=s1", "signature_missing")
WRONG = ("Failed because of a wrong signature serverId=s1", "signature_invalid")
SIGNATURES = [
    ({"signature": signed()}, "test", None),
    ({"signature": signed(ack_id="a2")}, "test", WRONG),
    ({"signature": signed(device_id="d2")}, "accept", WRONG),
    ({"signature": signed(key=OTHER)}, "test", WRONG),
    ({"signature": signed(key="x" * 64, alg="HS256")}, "test", WRONG),
    ({"signature": "eyJhbGciOiJub25lIn0.eyJhY2tfaWQiOiJhMSIsImRldmljZV9pZCI6ImQxIn0."}, "test",
     WRONG),
    ({"signature": "garbage"}, "accept", WRONG),
    ({"signature": DEEP}, "accept", WRONG),
    ({"signature": "\ud800"}, "accept", WRONG),
    ({"signature": signed()[:-4]}, "accept", WRONG),
    ({"signature": signed(ack_id=""), "ack_id": ""}, "refuse", None),
    ({"signature": signed(device_id="v1"), "device_id": "v1", "platform": "apple_rn-v2",
      "transport": "voip"}, "refuse", None),
    ({"signature": signed(device_id="f:1"), "device_id": "f:1", "platform": "android_rn-v2"},
     "refuse", None),
    ({"signature": ""}, "test", MISSING),
    ({"signature": "NO_SIGNATURE"}, "test", MISSING),
    ({"signature": "", "type": "test"}, "test", None),
    ({"signature": "", "type": "test"}, "refuse", MISSING),
    ({"signature": "", "type": "session"}, "test", MISSING),
    ({"signature": ""}, "accept", None),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "unsigned", "refusal"), SIGNATURES)
@pytest.mark.parametrize("content", KEYS_AS_KEPT, ids=["pem", "base64", "json", "lines", "crlf"])
def test_by_signature(
    fields: dict[str, str], unsigned: str, refusal: object, content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(content + b"\n")
    config = default_config(signature_key_file=str(tmp_path / "key"), unsigned_pushes=unsigned)
    assert PushAccess(config).refusal(push(**fields)) == refusal


def test_by_server() -> None:
    access = PushAccess(default_config(allowed_server_ids=("s1",)))
    assert access.refusal(push()) is None
    assert access.refusal(push(server_id="s2")) == (
        "Failed because this server is not allowed here serverId=s2", "server_not_allowed",
    )  # fmt: skip


RSA = rsa.generate_private_key(65537, 2048).public_key()
P384 = ec.generate_private_key(ec.SECP384R1()).public_key()
BAD_KEYS = [
    (b"", "holds no public key. Put there what GET /api/v4/config/client?format=old on the "
     "Mattermost server shows as AsymmetricSigningPublicKey."),
    (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "holds no public key. Put "
     "there what GET /api/v4/config/client?format=old on the Mattermost server shows as "
     "AsymmetricSigningPublicKey."),
    (RSA.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
     "this is no key on the curve P-256, on which Mattermost signs. Put there what GET "
     "/api/v4/config/client?format=old on the Mattermost server shows as "
     "AsymmetricSigningPublicKey."),
    (P384.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
     "this is no key on the curve P-256, on which Mattermost signs. Put there what GET "
     "/api/v4/config/client?format=old on the Mattermost server shows as "
     "AsymmetricSigningPublicKey."),
    (None, "cannot be read: No such file or directory."),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), BAD_KEYS)
def test_a_key_that_is_none_is_refused(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_public_key(str(path))
    assert caught.value.line() == f"signature key {path}: {words}"
