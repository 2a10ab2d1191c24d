"""Looks at a file that somebody named as a credential and says in one line what it is.

Everything here reads files: call it through ``tasks.beside``. What can be used is decided by
the worker's own loaders; no finding ever holds a character of a key.
"""

import errno
import os
import pwd
import shlex
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from mmpush_tui import files
from mmpush_tui.credentials.account import ServiceAccount, load_account
from mmpush_tui.credentials.file import OtherKindError, UnreadableError, fix_for
from mmpush_tui.credentials.identifiers import key_id_in, on_key_file
from mmpush_tui.credentials.key import load_key
from mmpush_tui.credentials.kinds import FileKind
from mmpush_tui.errors import ConfigError
from mmpush_tui.fields import nearest
from mmpush_tui.findings import Finding, Severity, failed, passed
from mmpush_tui.paths import full_path, short_path
from mmpush_tui.setup.answers import as_sentence
from mmpush_tui.text import clean, clip

_NAMES_LIMIT: Final = 2000
# What has a setting of its own belongs elsewhere here: the guided setup asks for no certificate.
_ELSEWHERE: Final = (FileKind.SERVICE_ACCOUNT, FileKind.CERTIFICATE_AND_KEY, FileKind.PKCS12)
L = TypeVar("L")


def look_at_apple_key(named: str) -> Finding:
    """Return what the file ``named`` is, taken for the .p8 key of an Apple target.

    Derives ``auth_key_id`` from the name that Apple gives the file.
    """
    return _look(named, "the .p8 key from Apple", load_key, _on_key)


def look_at_service_account(named: str) -> Finding:
    """Return what the file ``named`` is, taken for the service account of an Android target.

    Derives ``project_id`` and a shortened ``client_email``.
    """
    return _look(named, "a service account's JSON file", load_account, _on_account)


def _look(
    named: str, wanted: str, load: Callable[[str], L], tell: Callable[[str, L], Finding]
) -> Finding:
    path = full_path(named)
    if not path:
        return failed("No file is named yet.")
    try:
        loaded = load(path)
        mode = os.stat(path).st_mode
    except OSError as error:
        return _unopened(path, error)
    except UnreadableError as error:
        return _unopened(path, error.cause)
    except ConfigError as error:
        # The field names the file already.
        message, fix = error.why, error.fix
        if isinstance(error, OtherKindError):
            message += f"; needed is {wanted}"
            if load is load_key and error.kind in _ELSEWHERE:
                fix = fix_for(error.kind, "setup_key")
        return Finding(
            severity=Severity.FAIL, code=error.code, message=as_sentence(message), fix=fix
        )
    return _with_mode(tell(path, loaded), path, mode)


def _on_key(path: str, _key: object) -> Finding:
    if odd := on_key_file(path):
        fix = fix_for(FileKind.UNKNOWN, "apple_key")
        return Finding(severity=odd.severity, message=as_sentence(odd.message), fix=fix)
    key_id = key_id_in(path)
    message = "A P-256 private key, as Apple's are"
    message += f"; key id {key_id} from its name." if key_id else "; its name tells no key id."
    return passed(message, auth_key_id=key_id)


def _on_account(_path: str, account: ServiceAccount) -> Finding:
    email = short_email(account)
    message = f"A service account of the Firebase project {clip(account.project_id, 60)}, {email}."
    return passed(message, project_id=account.project_id, client_email=email)


def short_email(account: ServiceAccount) -> str:
    """Return an account's address without the part that follows from its project."""
    name, _, domain = clean(account.client_email, 200).partition("@")
    project = f"{account.project_id}.iam.gserviceaccount.com"
    return f"{clip(name, 40)}@{'…' if domain == project else clip(domain, 60)}"


def _with_mode(finding: Finding, path: str, mode: int) -> Finding:
    """Return ``finding``, or the same as a warning where every user of this host gets at it."""
    bits = ("r" if mode & stat.S_IROTH else "") + ("w" if mode & stat.S_IWOTH else "")
    if not bits or finding.severity is not Severity.PASS:
        return finding
    can = {"r": "read", "w": "change", "rw": "read and change"}[bits]
    return Finding(
        severity=Severity.WARN,
        message=f"{finding.sentence} Every user of this host can {can} it.",
        fix=f"Keep it to its owner: chmod o-{bits} {shlex.quote(path)}",
        evidence=finding.evidence,
    )


def _unopened(path: str, error: OSError | ValueError) -> Finding:
    if not isinstance(error, OSError):
        return failed("This is no path.", "Type it again.")
    if isinstance(error, files.NotAFileError):
        if error.is_folder:
            return failed("This is a folder.", "Name the file in it.")
        return failed("This is no ordinary file.", "Name a file, not a device, pipe or socket.")
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return failed("There is no such file.", _similar(Path(path)))
        case errno.EACCES | errno.EPERM:
            return failed(
                f"The user {_user()} may not read it.",
                "The push proxy must be able to: make the user it runs as the file's owner, "
                f"sudo chown USER {shlex.quote(path)}",
            )
        case _:
            why = error.strerror or "no reason was given"
            return failed(f"It cannot be read: {why}.")


def _similar(path: Path) -> str:
    """Return what to do about a file that is not there: the nearest name, if there is one."""
    folder = path.parent
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for _, entry in zip(range(_NAMES_LIMIT), entries, strict=False)]
    except OSError:
        return f"There is no folder {short_path(folder)} that can be read."
    if near := nearest(path.name, names):
        return f"Did you mean {short_path(folder / near)}?"
    return f"Look into the folder {short_path(folder)}."


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
