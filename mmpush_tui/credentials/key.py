"""Apple's .p8 key, with which tokens are signed."""

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mmpush_tui.credentials import file
from mmpush_tui.credentials.file import OtherKindError
from mmpush_tui.credentials.kinds import FileKind, identify


def load_key(path: str) -> EllipticCurvePrivateKey:
    """Return the key in a .p8 file.

    Raises:
        ConfigError: there is no readable P-256 key in it; the message says what is there.
    """
    where = f"Apple key {path}"
    data = file.read_credential_file(path, where, "apple-key-missing")
    identified = identify(data)
    if identified.kind is not FileKind.P256_KEY:
        raise OtherKindError(identified.kind, where, "apple-key-invalid")
    key = load_pem_private_key(data, password=None)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise TypeError("a P-256 key is an elliptic curve key")
    return key
