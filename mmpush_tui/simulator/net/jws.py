"""Compact JSON Web Signatures, read without any leniency.

PyJWT checks the signature; the shape is checked here, because decoders accept padding, stray
bits, repeated keys and further headers, and the vendors promise to accept none of them.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mmpush_tui.simulator.net import strictjson

_COMPACT: Final = re.compile(r"([\w-]+)\.([\w-]+)\.([\w-]+)", re.ASCII)
_HEADER_KEYS: Final = frozenset({"alg", "kid", "typ"})


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the right shape, its signature not yet checked.

    Attributes:
        key_id: the header's ``kid``.
        claims: the payload.
    """

    text: str = field(repr=False)
    algorithm: str
    key_id: str
    claims: dict[str, Any] = field(repr=False)

    def is_signed_by(self, key: EllipticCurvePublicKey | RSAPublicKey) -> bool:
        """Return whether the signature is ``key``'s; for ES256 raw r and s, 64 bytes, not DER."""
        try:
            jwt.PyJWS().decode(self.text, key, algorithms=[self.algorithm])
        except jwt.PyJWTError:
            return False
        return True


def parse_jws(text: str, algorithm: str) -> Token:
    """Return the token in ``text``, which must name ``algorithm`` and a key.

    Raises:
        ValueError: it is no compact JWS of that algorithm, or its header says more than ``alg``,
            ``kid`` and ``typ: JWT``, or its payload is no JSON object.
    """
    match = _COMPACT.fullmatch(text)
    if not match:
        raise ValueError("no compact JWS")
    header, claims = (strictjson.loads(_decode(part)) for part in match.groups()[:2])
    _decode(match.group(3))
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise ValueError("header or payload is no object")
    key_id = header.get("kid")
    if header.get("alg") != algorithm or not isinstance(key_id, str):
        raise ValueError("other algorithm, or no key id")
    if not header.keys() <= _HEADER_KEYS or header.get("typ", "JWT") != "JWT":
        raise ValueError("unknown header")
    return Token(text, algorithm, key_id, claims)


def _decode(part: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise ValueError("no base64url") from error
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii") != part:
        raise ValueError("base64url with stray bits")
    return data
