"""Throw-away credentials that look like Apple's and Google's.

The names in them come from a seed, so that two runs show the same ids; the keys are always new.
"""

import dataclasses
import json
import os
import random
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
TOPIC: Final = "com.mattermost.rnbeta"
"""The bundle id that stands in where a caller names none."""

_ID: Final = string.ascii_uppercase + string.digits
_AUTH: Final = "https://accounts.google.com/o/oauth2/auth"
_CERTS: Final = "https://www.googleapis.com/oauth2/v1/certs"
_X509: Final = "https://www.googleapis.com/robot/v1/metadata/x509/"


def seeded(seed: int, purpose: str) -> random.Random:
    """Return the random numbers of ``seed`` for one ``purpose``, apart from all others."""
    return random.Random(f"{purpose}/{seed}")  # noqa: S311 - made-up names, reproducible


def write_private(path: Path, text: str) -> Path:
    """Write ``text`` to ``path``, readable by its owner alone, and return the path."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
        # A file that was there before keeps its mode through O_CREAT.
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    return path


@dataclass(frozen=True, slots=True)
class AppleKey:
    """An APNs authentication key (.p8) and what Apple would know about it.

    Attributes:
        key_id: ten characters, the ``kid`` of its tokens.
        team_id: ten characters, the ``iss`` of its tokens.
        private_pem: the P-256 key as PKCS#8 PEM, as Apple hands it out.
        topics: the bundle ids it may send to; ``.voip`` and the like follow from them.
    """

    key_id: str
    team_id: str
    private_pem: str = field(repr=False)
    public_key: ec.EllipticCurvePublicKey = field(repr=False)
    topics: tuple[str, ...] = (TOPIC,)

    @classmethod
    def make(cls, seed: int = 1, *, topics: tuple[str, ...] = (TOPIC,)) -> "AppleKey":
        """Return a new key whose ids follow from ``seed``."""
        names = seeded(seed, "apple key")
        key_id, team_id = ("".join(names.choices(_ID, k=10)) for _ in range(2))
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key_id, team_id, _pkcs8(key), key.public_key(), topics)

    def write(self, folder: Path) -> Path:
        """Write the key to ``folder`` under the name Apple gives it, mode 0600."""
        return write_private(folder / f"AuthKey_{self.key_id}.p8", self.private_pem)


@dataclass(frozen=True, slots=True)
class GoogleAccount:
    """A Google service account with one key; the attributes are the JSON file's own fields."""

    project_id: str
    private_key_id: str
    private_key: str = field(repr=False)
    public_key: rsa.RSAPublicKey = field(repr=False)
    client_email: str
    client_id: str
    token_uri: str = TOKEN_URI

    @classmethod
    def make(cls, seed: int = 1, *, project_id: str = "mmpush-demo") -> "GoogleAccount":
        """Return a new account of ``project_id`` whose ids follow from ``seed``.

        Making the RSA key takes about a tenth of a second.
        """
        names = seeded(seed, f"service account {project_id}")
        suffix = "".join(names.choices(string.ascii_lowercase + string.digits, k=5))
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return cls(
            project_id=project_id,
            private_key_id="".join(names.choices("0123456789abcdef", k=40)),
            private_key=_pkcs8(key),
            public_key=key.public_key(),
            client_email=f"firebase-adminsdk-{suffix}@{project_id}.iam.gserviceaccount.com",
            client_id="1" + "".join(names.choices(string.digits, k=20)),
        )

    def at(self, token_uri: str) -> "GoogleAccount":
        """Return the same account, with its tokens granted at ``token_uri``."""
        return dataclasses.replace(self, token_uri=token_uri)

    def write(self, folder: Path) -> Path:
        """Write the account's JSON file to ``folder``, mode 0600, named as the console does."""
        kind = self.client_email.partition("@")[0]
        path = folder / f"{self.project_id}-{kind}-{self.private_key_id[:10]}.json"
        return write_private(path, self.to_json())

    def to_json(self) -> str:
        """Return the JSON file's text."""
        document = {
            "type": "service_account",
            "project_id": self.project_id,
            "private_key_id": self.private_key_id,
            "private_key": self.private_key,
            "client_email": self.client_email,
            "client_id": self.client_id,
            "auth_uri": _AUTH,
            "token_uri": self.token_uri,
            "auth_provider_x509_cert_url": _CERTS,
            "client_x509_cert_url": _X509 + self.client_email.replace("@", "%40"),
            "universe_domain": "googleapis.com",
        }
        return json.dumps(document, indent=2) + "\n"


def _pkcs8(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode("ascii")
