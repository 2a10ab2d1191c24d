"""The service account of a Firebase project, as Google's JSON file has it."""

from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mmpush_tui.credentials import file
from mmpush_tui.credentials.file import OtherKindError, fix_for
from mmpush_tui.credentials.kinds import FileKind, identify
from mmpush_tui.errors import ConfigError

_NEEDED: Final = ("project_id", "client_email", "private_key_id", "private_key")
_INVALID: Final = "service-account-invalid"


class ServiceAccount(NamedTuple):
    """The parts of a service account file that sending needs."""

    project_id: str
    client_email: str
    private_key_id: str
    token_uri: str
    private_key: RSAPrivateKey

    def __repr__(self) -> str:
        return f"ServiceAccount({self.project_id!r})"

    @property
    def token_host(self) -> str:
        """The host at which its tokens are granted."""
        return (urlsplit(self.token_uri).hostname or "").lower()


def load_account(path: str) -> ServiceAccount:
    """Return the service account in a JSON key file from Google.

    Raises:
        ConfigError: it is not one; the message says what it is, or what it lacks.
    """
    where = f"service account file {path}"
    data = file.read_credential_file(path, where, "service-account-missing")
    identified = identify(data)
    if identified.kind is not FileKind.SERVICE_ACCOUNT:
        raise OtherKindError(identified.kind, where, _INVALID, identified.project_id)
    document = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    missing = [name for name in _NEEDED if not _is_text(document.get(name))]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise _refusal(where, f"{', '.join(missing)} {verb} missing")
    token_uri = document.get("token_uri", "https://oauth2.googleapis.com/token")
    if not isinstance(token_uri, str) or not _is_https(token_uri):
        raise _refusal(where, "token_uri is no https:// address")
    try:
        # Keys that went through an environment variable keep their line breaks as two characters.
        pem = document["private_key"].replace("\\n", "\n").encode()
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _refusal(where, "private_key cannot be read", FileKind.BROKEN_KEY) from error
    if not isinstance(key, RSAPrivateKey):
        raise _refusal(where, "private_key is no RSA key")
    return ServiceAccount(
        project_id=document["project_id"],
        client_email=document["client_email"],
        private_key_id=document["private_key_id"],
        token_uri=token_uri,
        private_key=key,
    )


def _refusal(where: str, why: str, kind: FileKind = FileKind.OTHER_JSON) -> ConfigError:
    return ConfigError(where, why=why, fix=fix_for(kind, "service_account"), code=_INVALID)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_https(address: str) -> bool:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return False
    return url.scheme == "https" and bool(url.host)
