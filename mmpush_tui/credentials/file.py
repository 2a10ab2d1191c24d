"""A file that a configuration names as a credential: read, or refused for what it is instead.

Reads files; no error ever holds a character of one.
"""

from typing import Final

from mmpush_tui import files
from mmpush_tui.credentials.kinds import FileKind, identify
from mmpush_tui.errors import ConfigError, fix_in_book
from mmpush_tui.text import clean

SIZE_LIMIT: Final = 64 * 1024
"""More bytes than any key or service account file has."""


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
        code: a stable name: ``apple-key-invalid``, ``apple-certificate-invalid`` or
            ``service-account-invalid``.
        project_id: the Firebase project of a file that belongs elsewhere, or empty.
    """

    def __init__(self, kind: FileKind, where: str, code: str, project_id: str = "") -> None:
        fix = fix_for(kind, code.removesuffix("-invalid").replace("-", "_"))
        if project_id and kind in (FileKind.GOOGLE_SERVICES, FileKind.OAUTH_CLIENT):
            fix += f" This one is of the project {clean(project_id, 60)}."
        super().__init__(where, why=f"this is {kind.value}", fix=fix, code=code)
        self.kind = kind


def fix_for(kind: FileKind, wanted: str) -> str:
    """Return what to do about a file of ``kind``; the catalogue's words are for its name.

    Args:
        kind: what the file is.
        wanted: what it was taken for: ``apple_key``, ``apple_certificate``, ``service_account``,
            or ``setup_key`` where the guided setup asks for Apple's key.
    """
    name = kind.name.lower()
    of_kind = fix_in_book(f"{wanted}.{name}") or fix_in_book(f"file.{name}")
    return of_kind or fix_in_book(f"{wanted}.other")


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
