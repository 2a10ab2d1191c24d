"""Looks at a file that somebody named as a credential and says in one line what it is.

Everything here reads files: call it through ``tasks.beside``. What can be used is decided by
the worker's own loaders; no finding ever holds a character of a key.
"""

import errno
import os
import pwd
import shlex
import stat
from pathlib import Path
from typing import Final

from mmpush_tui import files
from mmpush_tui.credentials.file import (
    APPLE_FIXES,
    APPLE_SOURCE,
    SIZE_LIMIT,
    google_fix,
)
from mmpush_tui.credentials.identity import NOT_FOR_PUSH, key_id_in
from mmpush_tui.credentials.kinds import Kind, Seen, identify
from mmpush_tui.errors import ConfigError
from mmpush_tui.fields import nearest
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.paths import full_path, short_path
from mmpush_tui.proxy.android.access_token import ServiceAccount, load_account
from mmpush_tui.proxy.apple.provider_token import load_key
from mmpush_tui.text import clean, clip

_NAMES_LIMIT: Final = 2000
_APPLE_FIXES: Final = {
    **APPLE_FIXES,
    Kind.SERVICE_ACCOUNT: f"It belongs to the Android step. {APPLE_SOURCE}",
    # The guided setup asks for no certificate.
    Kind.CERTIFICATE_AND_KEY: APPLE_SOURCE,
    Kind.PKCS12: APPLE_SOURCE,
}


def look_at_apple_key(named: str) -> Finding:
    """Return what the file ``named`` is, taken for the .p8 key of an Apple target.

    Derives ``auth_key_id`` from the name that Apple gives the file.
    """
    read = _read(named)
    if isinstance(read, Finding):
        return read
    path, data, mode = read
    seen = identify(data)
    if seen.kind is not Kind.P256_KEY:
        return _not_it(seen, "the .p8 key from Apple", _APPLE_FIXES.get(seen.kind, APPLE_SOURCE))
    try:
        load_key(path)
    except ConfigError as error:
        return error.finding
    name = os.path.basename(path)
    key_id = key_id_in(name)
    derived = {"auth_key_id": key_id} if key_id else {}
    message = "A P-256 private key, as Apple's are"
    message += f"; key id {key_id} from its name." if key_id else "; its name tells no key id."
    for prefix, purpose in NOT_FOR_PUSH.items():
        if name.startswith(prefix):
            return Finding(
                severity=Severity.WARN,
                message=f"A P-256 private key, but its name says that it is for {purpose}.",
                fix=f"Apple names keys for push AuthKey_ and the key id. {APPLE_SOURCE}",
            )
    return _with_mode(
        Finding(severity=Severity.PASS, message=message, evidence=derived), path, mode
    )


def look_at_service_account(named: str) -> Finding:
    """Return what the file ``named`` is, taken for the service account of an Android target.

    Derives ``project_id`` and a shortened ``client_email``.
    """
    read = _read(named)
    if isinstance(read, Finding):
        return read
    path, data, mode = read
    seen = identify(data)
    if seen.kind is not Kind.SERVICE_ACCOUNT:
        return _not_it(seen, "a service account's JSON file", google_fix(seen))
    try:
        account = load_account(path)
    except ConfigError as error:
        return error.finding
    email = short_email(account)
    finding = Finding(
        severity=Severity.PASS,
        message=f"A service account of the Firebase project {clip(account.project_id, 60)}, "
        f"{email}.",
        evidence={"project_id": account.project_id, "client_email": email},
    )
    return _with_mode(finding, path, mode)


def short_email(account: ServiceAccount) -> str:
    """Return an account's address without the part that follows from its project."""
    name, _, domain = clean(account.client_email, 200).partition("@")
    project = f"{account.project_id}.iam.gserviceaccount.com"
    return f"{clip(name, 40)}@{'…' if domain == project else clip(domain, 60)}"


def _not_it(seen: Seen, wanted: str, fix: str) -> Finding:
    return Finding(
        severity=Severity.FAIL, message=f"This is {seen.kind.value}; needed is {wanted}.", fix=fix
    )


def _with_mode(finding: Finding, path: str, mode: int) -> Finding:
    """Return ``finding``, or the same as a warning where every user of this host gets at it."""
    bits = ("r" if mode & stat.S_IROTH else "") + ("w" if mode & stat.S_IWOTH else "")
    if not bits:
        return finding
    can = {"r": "read", "w": "change", "rw": "read and change"}[bits]
    return Finding(
        severity=Severity.WARN,
        message=f"{finding.sentence} Every user of this host can {can} it.",
        fix=f"Keep it to its owner: chmod o-{bits} {shlex.quote(path)}",
        evidence=finding.evidence,
    )


def _read(named: str) -> tuple[str, bytes, int] | Finding:
    """Return path, content and mode of an ordinary file, or why there is none."""
    path = full_path(named)
    if not path:
        return Finding(severity=Severity.FAIL, message="No file is named yet.")
    try:
        data, status = files.read_plain(path, SIZE_LIMIT + 1)
    except (OSError, ValueError) as error:
        return _unopened(path, error)
    if len(data) > SIZE_LIMIT and identify(data).kind is not Kind.ARCHIVE:
        return Finding(
            severity=Severity.FAIL,
            message="This file is larger than any key.",
            fix="Name the file as it was downloaded.",
        )
    return path, data, status.st_mode


def _unopened(path: str, error: OSError | ValueError) -> Finding:
    if not isinstance(error, OSError):
        return Finding(severity=Severity.FAIL, message="This is no path.", fix="Type it again.")
    if isinstance(error, files.NotAFileError):
        if error.is_folder:
            return Finding(
                severity=Severity.FAIL, message="This is a folder.", fix="Name the file in it."
            )
        return Finding(
            severity=Severity.FAIL,
            message="This is no ordinary file.",
            fix="Name a file, not a device, pipe or socket.",
        )
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return Finding(
                severity=Severity.FAIL, message="There is no such file.", fix=_similar(Path(path))
            )
        case errno.EACCES | errno.EPERM:
            return Finding(
                severity=Severity.FAIL,
                message=f"The user {_user()} may not read it.",
                fix="The push proxy must be able to: make the user it runs as the file's owner, "
                f"sudo chown USER {shlex.quote(path)}",
            )
        case _:
            why = error.strerror or "no reason was given"
            return Finding(severity=Severity.FAIL, message=f"It cannot be read: {why}.")


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
