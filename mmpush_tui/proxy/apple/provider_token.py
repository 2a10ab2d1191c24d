"""The ES256 token that tells Apple whose key this is, minted as rarely as Apple demands.

Apple refuses a token older than 60 minutes and one that is renewed more than once in 20.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from mmpush_tui.errors import ConfigError

LIFETIME_S: Final = 50 * 60


def load_key(path: str) -> EllipticCurvePrivateKey:
    """Return the key in a .p8 file.

    Raises:
        ConfigError: there is no readable P-256 key in it; the message says what is there.
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror or "" if isinstance(error, OSError) else "this is no path"
        raise ConfigError(
            f"Apple key {path}: cannot be read", why=why, code="apple-key-missing"
        ) from error
    where = f"Apple key {path}"
    code = "apple-key-invalid"
    if b"-----BEGIN CERTIFICATE" in data and b"PRIVATE KEY" not in data:
        raise ConfigError(
            f"{where}: this is a certificate", fix="Give the .p8 key from Apple.", code=code
        )
    if b"-----BEGIN" not in data:
        raise ConfigError(
            f"{where}: not a PEM file",
            fix="A .p8 key begins with -----BEGIN PRIVATE KEY-----.",
            code=code,
        )
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"{where}: holds no readable private key",
            fix="Download the key again, or copy it without changing a character.",
            code=code,
        ) from error
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ConfigError(
            f"{where}: this is no P-256 key",
            fix="Apple's keys are; create one with the APNs service enabled.",
            code=code,
        )
    return key


class ProviderToken:
    """The current provider token of one key and team.

    Args:
        key: the private key.
        key_id: its ten characters, the ``kid``.
        team_id: the team's ten characters, the ``iss``.
        now: wall clock, seconds since 1970, for ``iat``.
        monotonic: the clock that a token's age is measured on.
    """

    def __init__(
        self,
        key: EllipticCurvePrivateKey,
        key_id: str,
        team_id: str,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = key
        self._key_id = key_id
        self._team_id = team_id
        self._now = now
        self._monotonic = monotonic
        self._token = ""
        self._minted = 0.0

    @property
    def identity(self) -> bytes:
        """What two tokens must share to be one: key, key id and team."""
        public = self._key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return f"{self._team_id}/{self._key_id}/".encode() + public

    def __call__(self) -> str:
        """Return the token, minted anew when the last one is 50 minutes old."""
        if not self._token or self._monotonic() - self._minted >= LIFETIME_S:
            self._token = jwt.encode(
                {"iss": self._team_id, "iat": int(self._now())},
                self._key,
                algorithm="ES256",
                headers={"kid": self._key_id, "typ": None},
            )
            self._minted = self._monotonic()
        return self._token
