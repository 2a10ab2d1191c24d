import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from mmpush_tui.credentials.key import load_key
from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy.apple.provider_token import LIFETIME_S, ProviderToken
from mmpush_tui.proxy.apple.token_store import StoredToken
from tests.clock import Clock
from tests.credentials.sources import APPLE_SOURCE, COPY_AGAIN

KEY = ec.generate_private_key(ec.SECP256R1())


def minter(now: Clock, monotonic: Clock) -> ProviderToken:
    return ProviderToken(KEY, "ABCDE12345", "TEAM567890", None, now, monotonic)


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    header, claims, signature = token.split(".")
    return json.loads(decoded(header)), json.loads(decoded(claims)), decoded(signature)


def test_header_and_claims_are_what_apple_asks_for_and_nothing_more() -> None:
    token = minter(Clock(1767323045.9), Clock(5))()
    header, claims, _ = parts(token)
    assert header == {"alg": "ES256", "kid": "ABCDE12345"}
    assert claims == {"iss": "TEAM567890", "iat": 1767323045}
    assert type(claims["iat"]) is int
    assert "=" not in token


def test_signature_is_raw_and_verifies() -> None:
    # A short r or s needs its zeros in front; one signature in 128 has such a one.
    for second in range(40):
        token = minter(Clock(second), Clock(0))()
        signed, _, _ = token.rpartition(".")
        signature = parts(token)[2]
        assert len(signature) == 64
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        KEY.public_key().verify(
            encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256())
        )


def test_another_key_does_not_verify_it() -> None:
    token = minter(Clock(0), Clock(0))()
    signed, _, _ = token.rpartition(".")
    signature = parts(token)[2]
    der = encode_dss_signature(
        int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    )
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(InvalidSignature):
        stranger.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))


def test_lives_fifty_minutes() -> None:
    wall, monotonic = Clock(1_000_000), Clock(100)
    token = minter(wall, monotonic)
    first = token()
    for elapsed_s in (0, 1, 20 * 60, 50 * 60 - 0.001):
        wall.now, monotonic.now = 1_000_000 + elapsed_s, 100 + elapsed_s
        assert token() == first
    wall.now, monotonic.now = 1_003_000, 3_100
    second = token()
    assert second != first
    assert parts(second)[1]["iat"] == 1_003_000
    wall.now, monotonic.now = 1_005_999, 6_099
    assert token() == second
    wall.now, monotonic.now = 1_006_000, 6_100
    assert token() != second
    assert LIFETIME_S == 3_000


def test_a_clock_that_starts_at_zero_mints_once() -> None:
    monotonic = Clock(0)
    token = minter(Clock(1_000_000), monotonic)
    assert token() == token()
    monotonic.now = 2_999
    assert parts(token())[1]["iat"] == 1_000_000


# What Apple reads in a token is the wall clock; what it counts is the time between two tokens.
JUMPS = [
    # (the jump, minutes since the minting when it happens and when we look, is it renewed)
    (0, 0, 19, False), (0, 0, 21, False), (0, 0, 49, False), (0, 0, 50, True),
    (7200, 1, 10, False), (7200, 1, 19, False), (7200, 1, 20, True), (7200, 30, 30, True),
    (-7200, 1, 10, False), (-7200, 1, 19, False), (-7200, 1, 20, True), (-7200, 49, 49, True),
    (-1_000_000, 1, 19, False), (-1_000_000, 1, 20, True), (10**9, 1, 19, False),
    # Clocks drift, and are corrected by seconds all the time.
    (59, 1, 49, False), (-59, 1, 49, False), (61, 1, 20, True), (-61, 1, 20, True),
]  # fmt: skip


@pytest.mark.parametrize(("jump_s", "jump_at", "look_at", "is_renewed"), JUMPS)
def test_a_jump_of_the_wall_clock(
    jump_s: int, jump_at: int, look_at: int, is_renewed: bool
) -> None:
    wall, monotonic = Clock(2_000_000), Clock(100)
    token = minter(wall, monotonic)
    first = second = token()
    for minute in range(1, look_at + 1):
        assert second == first
        wall.now += 60 + (jump_s if minute == jump_at else 0)
        monotonic.now += 60
        second = token()
    assert (second != first) is is_renewed
    if is_renewed:
        # With what the wall clock says now, and not again in the next 20 minutes.
        assert parts(second)[1]["iat"] == wall.now
        wall.now, monotonic.now = wall.now + 1199, monotonic.now + 1199
        assert token() == second


REFUSED_AGES = [
    # (minutes since the minting, jump of the wall clock, what comes of it)
    (0, 0, "kept"), (19, 0, "kept"), (20, 0, "minted"), (55, 0, "minted"),
    (1, 7200, "minted"), (1, -7200, "minted"), (1, 59, "kept"),
]  # fmt: skip


@pytest.mark.parametrize(("age_min", "jump_s", "expected"), REFUSED_AGES)
def test_apple_calls_it_expired(age_min: int, jump_s: int, expected: str) -> None:
    wall, monotonic = Clock(1_000_000), Clock(100)
    token = minter(wall, monotonic)
    first = token()
    wall.now, monotonic.now = wall.now + age_min * 60 + jump_s, 100 + age_min * 60
    assert token.refused(first) == expected
    second = token()
    assert (second != first) is (expected == "minted")
    # All others who used the first one hear of the second; nobody makes a third.
    assert token.refused(first) == ("newer" if expected == "minted" else "kept")
    assert token.refused(second) == "kept"
    assert token() == second


def test_many_who_are_refused_at_once_mint_once() -> None:
    wall, monotonic = Clock(1_000_000), Clock(100)
    token = minter(wall, monotonic)
    first = token()
    wall.now, monotonic.now = 1_001_800, 1_900
    said = [token.refused(first) for _ in range(50)]
    assert said == ["minted"] + ["newer"] * 49


def test_a_token_is_not_shown_by_accident() -> None:
    token = minter(Clock(1_000_000), Clock(100))
    said = token()
    assert said not in repr(token)
    assert said not in repr(vars(token))
    assert said not in repr(StoredToken("x", 1, said))


def test_takes_the_time_of_issue_from_the_wall_clock_of_that_moment() -> None:
    wall, monotonic = Clock(1_000_000), Clock(100)
    token = minter(wall, monotonic)
    token()
    wall.now, monotonic.now = 992_800, 3_100
    assert parts(token())[1]["iat"] == 992_800


def pem(key: PrivateKeyTypes, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def test_loads_the_key_that_apple_hands_out(tmp_path: Path) -> None:
    path = tmp_path / "AuthKey_ABCDE12345.p8"
    path.write_bytes(pem(KEY))
    assert load_key(str(path)).private_numbers() == KEY.private_numbers()


FORMS = [
    pytest.param(pem(KEY, PrivateFormat.TraditionalOpenSSL), id="SEC1"),
    pytest.param(pem(KEY).replace(b"\n", b"\r\n"), id="line breaks of Windows"),
    pytest.param(b"Bag Attributes\n  name: x\n" + pem(KEY), id="words before it"),
    pytest.param(pem(KEY).rstrip(), id="no line break at the end"),
]


@pytest.mark.parametrize("data", FORMS)
def test_loads_other_forms_of_it(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key.p8"
    path.write_bytes(data)
    assert load_key(str(path)).private_numbers() == KEY.private_numbers()


CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
DAMAGED = f"this is a private key that is damaged. {COPY_AGAIN}"
REFUSED = [
    pytest.param(CERTIFICATE, f"this is a certificate. {APPLE_SOURCE}", id="certificate"),
    pytest.param(b"", f"this is an empty file. {COPY_AGAIN}", id="empty"),
    pytest.param(b"ABCDE12345", f"this is neither a key nor a JSON file. {APPLE_SOURCE}",
                 id="not PEM"),
    pytest.param(
        KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        f"this is a private key in binary form (DER). {APPLE_SOURCE}", id="DER",
    ),
    pytest.param(
        b"\n".join(pem(KEY).splitlines()[1:-1]),
        "this is a private key without its BEGIN and END lines. Use the whole file from Apple, "
        "with its first and its last line.", id="without BEGIN and END",
    ),
    pytest.param(
        base64.b64encode(pem(KEY)),
        "this is a credential that was encoded in base64 once more. Decode it first: "
        "base64 -d FILE > NEWFILE.", id="base64 of it",
    ),
    pytest.param(
        pem(KEY) + CERTIFICATE,
        "this is a certificate with its key, the way before .p8 keys. Name it in "
        f"ApplePushCertPrivate instead, or: {APPLE_SOURCE}", id="certificate and key",
    ),
    pytest.param(
        b'{"type": "service_account"}',
        "this is a Google service account. A service account belongs into ServiceFileLocation of "
        f"an Android target. {APPLE_SOURCE}", id="service account",
    ),
    pytest.param(b"-----BEGIN PRIVATE KEY-----\nMIGT\n-----END PRIVATE KEY-----\n", DAMAGED,
                 id="cut"),
    pytest.param(pem(KEY)[:100], DAMAGED, id="without an end"),
    pytest.param(
        KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
        "this is a private key protected with a password. Use the file as Apple gave it, which has "
        "no password.",
        id="with a password",
    ),
    pytest.param(pem(rsa.generate_private_key(65537, 2048)),
                 f"this is an RSA private key. {APPLE_SOURCE}", id="RSA"),
    pytest.param(pem(ec.generate_private_key(ec.SECP384R1())),
                 f"this is a private key on another curve than P-256. {APPLE_SOURCE}", id="P-384"),
    pytest.param(b"x" * 70_000, "this file is larger than any credential. Name the file as it was "
                 "downloaded.", id="too large"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "sentence"), REFUSED)
def test_says_what_is_there_instead_of_a_key(data: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "key.p8"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as error:
        load_key(str(path))
    assert error.value.line() == f"Apple key {path}: {sentence}"
    assert error.value.code == "apple-key-invalid"


MISSING = [
    pytest.param("none.p8", "No such file or directory", id="no such file"),
    pytest.param("", "it is a folder", id="a folder"),
    pytest.param("a\0b", "this is no path", id="no path at all"),
]


@pytest.mark.parametrize(("name", "why"), MISSING)
def test_says_why_a_key_file_cannot_be_read(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_key(f"{tmp_path}/{name}")
    assert error.value.why == why
    assert error.value.what.startswith(f"Apple key {tmp_path}/")
    assert error.value.what.endswith(": cannot be read")
    assert error.value.code == "apple-key-missing"


def test_says_nothing_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "key.p8"
    for data in (b"canary-5f0c", b"-----BEGIN PRIVATE KEY-----\ncanary-5f0c\n"):
        path.write_bytes(data)
        with pytest.raises(ConfigError) as error:
            load_key(str(path))
        assert "canary" not in error.value.line()
