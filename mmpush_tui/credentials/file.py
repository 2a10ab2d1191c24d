"""A file that a configuration names as a credential: read, or refused for what it is instead.

Reads files; no error ever holds a character of one.
"""

from collections.abc import Mapping
from typing import Final

from mmpush_tui import files
from mmpush_tui.credentials.kinds import FileKind, Seen, identify
from mmpush_tui.errors import ConfigError
from mmpush_tui.text import clean

SIZE_LIMIT: Final = 64 * 1024
"""More bytes than any key or service account file has."""

APPLE_SOURCE: Final = (
    "Get the .p8 key at developer.apple.com > Certificates, Identifiers & Profiles > Keys, "
    "with the Apple Push Notifications service (APNs) enabled."
)
GOOGLE_SOURCE: Final = (
    "Get the right file at Firebase console > Project settings > Service accounts > "
    "Generate new private key."
)
COPY_AGAIN: Final = "Copy the file again without changing a character."
_ACCOUNT_HERE: Final = "A service account belongs into ServiceFileLocation of an Android target."
FIXES: Final[Mapping[FileKind, str]] = {
    FileKind.EMPTY: COPY_AGAIN,
    FileKind.BROKEN_KEY: COPY_AGAIN,
    FileKind.BROKEN_JSON: COPY_AGAIN,
    FileKind.ESCAPED_KEY: "Write real line breaks: printf '%b' \"$(cat FILE)\" > NEWFILE.",
    FileKind.UNESCAPED_JSON: "Write \\n in place of each line break inside private_key, or copy "
    "the file again without changing a character.",
    FileKind.QUOTED_JSON: "Remove the quotation marks around it.",
    FileKind.ARCHIVE: "Unpack it first, and name the file inside.",
    FileKind.BASE64: "Decode it first: base64 -d FILE > NEWFILE.",
    FileKind.WEB_PAGE: "Probably a login page was saved instead. Download the file in a browser.",
    FileKind.UTF16: "An editor changed it. Copy the original file, or save it as UTF-8.",
}
"""What to do about files that are wrong whatever was expected."""
_CERTIFICATE_HERE: Final = f"Name it in ApplePushCertPrivate instead, or: {APPLE_SOURCE}"
APPLE_FIXES: Final[Mapping[FileKind, str]] = {
    **FIXES,
    FileKind.PROTECTED_KEY: "Use the file as Apple gave it, which has no password.",
    FileKind.BARE_KEY: "Use the whole file from Apple, with its first and its last line.",
    FileKind.SERVICE_ACCOUNT: f"{_ACCOUNT_HERE} {APPLE_SOURCE}",
    FileKind.CERTIFICATE_AND_KEY: _CERTIFICATE_HERE,
    FileKind.PKCS12: _CERTIFICATE_HERE,
}
"""What to do about a file in place of Apple's .p8 key; for every other kind ``APPLE_SOURCE``."""
_GOOGLE_FIXES: Final[Mapping[FileKind, str]] = {
    **FIXES,
    FileKind.P256_KEY: f"Apple's keys look like this. {GOOGLE_SOURCE}",
    FileKind.RSA_KEY: f"It may be the key alone; needed is the whole JSON file. {GOOGLE_SOURCE}",
}


class UnreadableError(ConfigError):
    """A credential's file cannot be read.

    Args:
        where: what it is for, with its path.
        cause: what went wrong.
        code: a stable name.
    """

    def __init__(self, where: str, cause: OSError | ValueError, code: str) -> None:
        why = cause.strerror or "" if isinstance(cause, OSError) else "this is no path"
        super().__init__(f"{where}: cannot be read", why=why, code=code)
        self.cause = cause


class OtherKindError(ConfigError):
    """A file is of another kind than was expected.

    Args:
        kind: what it is.
        where: what it was taken for, with its path.
        fix: what to do about it.
        code: a stable name.
    """

    def __init__(self, kind: FileKind, where: str, fix: str, code: str) -> None:
        super().__init__(where, why=f"this is {kind.value}", fix=fix, code=code)
        self.kind = kind


def read_credential_file(path: str, where: str, code: str, limit: int = SIZE_LIMIT) -> bytes:
    """Return what the ordinary file at ``path`` holds.

    Args:
        path: the file.
        where: what it is for, with its path; the errors begin with it.
        code: of the error for a file that cannot be read, ``KIND-missing``; a file that is too
            large is ``KIND-invalid``.
        limit: bytes it may have.

    Raises:
        UnreadableError: it cannot be read, or is no ordinary file.
        ConfigError: it is larger.
    """
    try:
        data, _ = files.read_plain(path, limit + 1)
    except (OSError, ValueError) as error:
        raise UnreadableError(where, error, code) from error
    # What an archive holds may well be small enough.
    if len(data) > limit and identify(data).kind is not FileKind.ARCHIVE:
        raise ConfigError(
            where,
            why="this file is larger than any credential",
            fix="Name the file as it was downloaded.",
            code=code.replace("-missing", "-invalid"),
        )
    return data


def google_fix(seen: Seen) -> str:
    """Return what to do about a file in place of a service account."""
    fix = _GOOGLE_FIXES.get(seen.kind, GOOGLE_SOURCE)
    if seen.project_id and seen.kind in (FileKind.GOOGLE_SERVICES, FileKind.OAUTH_CLIENT):
        fix += f" This one is of the project {clean(seen.project_id, 60)}."
    return fix
