"""Who may send: by address, credentials, path, server and signature. All of it optional."""

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Final, Literal

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_public_key,
    load_pem_public_key,
)

from mmpush_tui import files
from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.errors import ConfigError
from mmpush_tui.protocol.wire import PushNotification
from mmpush_tui.proxy.networks import Network, address, is_everybody, membership, networks

UNSIGNED: Final = frozenset({"", "NO_SIGNATURE"})
Unsigned = Literal["refuse", "test", "accept"]
_KEY_LIMIT: Final = 64 * 1024


class Access:
    """The rules of one configuration; made by :meth:`from_config`.

    Args:
        allowed: the networks that may ask; empty lets everybody.
        credentials: what follows ``Basic`` in a good request; empty asks for none.
        prefix: what stands in front of every path, ``/secret``; or empty.
        server_ids: the Mattermost servers that may send; empty lets all.
        key: verifies signatures; None looks at none.
        unsigned: what becomes of a push without a signature where there is a key.
    """

    def __init__(
        self,
        *,
        allowed: Sequence[Network] = (),
        credentials: bytes = b"",
        prefix: str = "",
        server_ids: frozenset[str] = frozenset(),
        key: EllipticCurvePublicKey | None = None,
        unsigned: str = "test",
    ) -> None:
        self._allowed = allowed
        self._is_allowed = membership(allowed)
        self._credentials = credentials
        self._prefix = prefix
        self._server_ids = server_ids
        self._key = key
        self._unsigned = unsigned

    @classmethod
    def from_config(cls, config: ProxyConfig) -> "Access":
        """Return the rules of ``config``; reads the key file, so not for the event loop.

        Raises:
            ConfigError: a rule cannot be obeyed. Nothing is served then, rather than everybody.
        """
        user, password = config.access_user, config.access_password.reveal()
        if bool(user) != bool(password):
            raise ConfigError(
                "AccessUser and AccessPassword go together, and one is missing",
                code="access-incomplete",
            )
        path = config.signature_key_file
        return cls(
            allowed=networks(config.allowed_addresses, "AllowedAddresses"),
            credentials=base64.b64encode(f"{user}:{password}".encode()) if user else b"",
            prefix=_prefix(config.path_prefix.reveal()),
            server_ids=frozenset(config.allowed_server_ids),
            key=load_public_key(path) if path else None,
            unsigned=config.unsigned_pushes,
        )

    @property
    def is_open(self) -> bool:
        """Whether everybody who reaches the port may send; a rule that all satisfy is none.

        A server id is no secret, so that asking for one keeps nobody out who means it.
        """
        return not (
            (self._allowed and not is_everybody(self._allowed))
            or self._credentials
            or self._prefix
            or (self._key and self._unsigned != "accept")
        )

    @property
    def asks_for_credentials(self) -> bool:
        """Whether requests must bear ``Authorization``."""
        return bool(self._credentials)

    def admits_address(self, sender: str) -> bool:
        """Return whether requests from ``sender`` are taken; a Unix socket has its own rights."""
        return not self._allowed or sender == "unix" or self._is_allowed(sender)

    def admits_credentials(self, authorization: bytes) -> bool:
        """Return whether an ``Authorization`` header is the one that is asked for."""
        if not self._credentials:
            return True
        scheme, _, given = authorization.partition(b" ")
        is_same = hmac.compare_digest(given.strip(), self._credentials)
        return is_same and scheme.lower() == b"basic"

    def path_behind(self, path: str) -> str | None:
        """Return ``path`` without the secret in front; None where that is missing."""
        prefix = self._prefix
        if not prefix:
            return path
        is_same = hmac.compare_digest(path[: len(prefix)].encode(), prefix.encode())
        return (path[len(prefix) :] or "/") if is_same else None

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
        why = error.strerror or "" if isinstance(error, OSError) else "this is no path"
        raise ConfigError(
            f"{where}: cannot be read", why=why, code="signature-key-missing"
        ) from error
    try:
        if data.startswith(b"-----BEGIN"):
            key = load_pem_public_key(data)
        else:
            # Copied from JSON or through a tool that breaks lines, it is the same key.
            text = b"".join(data.strip(b'"').split())
            key = load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm) as error:
        raise ConfigError(
            f"{where}: holds no public key",
            fix="Put there what GET /api/v4/config/client?format=old on the Mattermost server "
            "shows as AsymmetricSigningPublicKey.",
            code="signature-key-invalid",
        ) from error
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ConfigError(
            f"{where}: this is no key on the curve P-256, on which Mattermost signs",
            code="signature-key-invalid",
        )
    return key


def _prefix(text: str) -> str:
    text = text.strip("/")
    if not text:
        return ""
    if not all(char.isascii() and (char.isalnum() or char in "-._~/") for char in text):
        raise ConfigError(
            "PathPrefix: only letters, digits and -._~/ can stand in it", code="path-prefix"
        )
    if not {"", ".", ".."}.isdisjoint(text.split("/")):
        # Reverse proxies take these out of an address, and then nobody knows the secret.
        raise ConfigError(
            "PathPrefix: no part between two slashes can be empty, . or ..", code="path-prefix"
        )
    return f"/{text}"


def wildcard_warning(config: ProxyConfig, access: Access) -> str:
    """Return a sentence where everybody on the network may send; empty where not."""
    if config.listen_address.startswith("unix:") or not access.is_open:
        return ""
    host = config.listen_address.rpartition(":")[0].strip("[]")
    found = address(host)
    if host not in ("", "0") and not (found is not None and found.is_unspecified):
        return ""
    words = (
        f"{config.listen_address} is open to everybody who reaches this host: whoever has a "
        "device token can send to it. Listen on 127.0.0.1, or set AllowedAddresses, "
        "AccessUser and AccessPassword, PathPrefix, or SignatureKeyFile"
    )
    if config.allowed_addresses:
        words += ". AllowedAddresses keeps nobody out as it is: it holds all addresses"
    if config.signature_key_file:
        words += ". SignatureKeyFile keeps nobody out while UnsignedPushes is accept"
    return words
