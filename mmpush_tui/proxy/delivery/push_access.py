"""Which pushes are taken: by server and signature. All of it optional."""

import base64
import binascii
from typing import Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_public_key,
    load_pem_public_key,
)

from mmpush_tui import files
from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.credentials.file import UnreadableError
from mmpush_tui.errors import ConfigError
from mmpush_tui.protocol.wire import PushNotification

UNSIGNED: Final = frozenset({"", "NO_SIGNATURE"})
_KEY_LIMIT: Final = 64 * 1024


class PushAccess:
    """What one configuration asks of pushes; reads a key file, so not for the event loop.

    Args:
        config: the configuration.

    Raises:
        ConfigError: the key cannot be used. Nothing is served then, rather than everybody.
    """

    def __init__(self, config: ProxyConfig) -> None:
        path = config.signature_key_file
        self._server_ids = frozenset(config.allowed_server_ids)
        self._key = load_public_key(path) if path else None
        self._unsigned = config.unsigned_pushes

    @property
    def is_open(self) -> bool:
        """Whether everybody's pushes are taken.

        A server id is no secret, so that asking for one keeps nobody out who means it.
        """
        return self._key is None or self._unsigned == "accept"

    def refusal(self, push: PushNotification) -> tuple[str, str] | None:
        """Return the words and the reason for which ``push`` is refused; None where it is not.

        Verifying a signature takes about 0.1 ms.
        """
        if self._server_ids and push.server_id not in self._server_ids:
            words = f"Failed because this server is not allowed here serverId={push.server_id}"
            return words, "server_not_allowed"
        if self._key is None:
            return None
        if push.signature in UNSIGNED:
            if self._unsigned == "accept" or (self._unsigned == "test" and push.type == "test"):
                return None
            words = f"Failed because of missing signature serverId={push.server_id}"
            return words, "signature_missing"
        if _is_signed(push, self._key):
            return None
        words = f"Failed because of a wrong signature serverId={push.server_id}"
        return words, "signature_invalid"


def _is_signed(push: PushNotification, key: EllipticCurvePublicKey) -> bool:
    """Return whether the signature is the server's and of this very push.

    Mattermost signs exactly ``ack_id`` and ``device_id`` with ES256, without an expiry.
    """
    try:
        claims = jwt.decode(
            push.signature, key, algorithms=["ES256"], options={"verify_aud": False}
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        # PyJWT 2.12 and older let the last one through, where a header nests a thousand deep.
        return False
    return claims.get("ack_id") == push.ack_id and claims.get("device_id") == push.device_id


def load_public_key(path: str) -> EllipticCurvePublicKey:
    """Return the public key of a Mattermost server.

    Args:
        path: a file with the key as PEM, or as the server's client configuration holds it under
            ``AsymmetricSigningPublicKey``: DER in base64.

    Raises:
        ConfigError: there is no such key in it.
    """
    where = f"signature key {path}"
    try:
        data = files.read_plain(path, _KEY_LIMIT)[0].strip()
    except (OSError, ValueError) as error:
        raise UnreadableError(where, error, code="signature-key-missing") from error
    try:
        if data.startswith(b"-----BEGIN"):
            key = load_pem_public_key(data)
        else:
            # Copied from JSON or through a tool that breaks lines, it is the same key.
            text = b"".join(data.strip(b'"').split())
            key = load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{where}: holds no public key", code="signature-key-invalid") from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ConfigError(
            f"{where}: this is no key on the curve P-256, on which Mattermost signs",
            code="signature-key-invalid",
        )
    return key
