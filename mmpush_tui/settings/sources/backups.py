"""Former settings of a server that has no file of its own here, kept in our state directory."""

import contextlib
import dataclasses
import hashlib
import time
from pathlib import Path
from typing import Annotated, Final

import msgspec
import platformdirs

from mmpush_tui import files
from mmpush_tui.errors import ConfigError, FailedError
from mmpush_tui.settings.page import INT64_MAX, KEYS, Stored, field_of
from mmpush_tui.settings.sources.source import Backup, Loaded, SourceAddress

_SCHEMA: Final = 1
_LIMIT: Final = 64 * 1024
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_SUFFIX: Final = ".json"


class _Values(msgspec.Struct, forbid_unknown_fields=True):
    send: bool
    server: str
    contents: str
    max_notifications: Annotated[int, msgspec.Meta(ge=-INT64_MAX, le=INT64_MAX)]


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    schema: Annotated[int, msgspec.Meta(ge=1, le=_SCHEMA)]
    kind: str
    at: str
    values: _Values
    keys: list[str]


def folder_of(where: SourceAddress) -> Path:
    """Return the folder that former states of one place are kept in."""
    name = hashlib.sha256(where.at.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return platformdirs.user_state_path("mmpush-tui") / "settings" / f"{where.kind}-{name}"


def keep_former(where: SourceAddress, loaded: Loaded) -> Path:
    """Keep the values in ``loaded`` for this user alone, and return where.

    Args:
        where: the place that they come from.
        loaded: what it gave; what was hidden in it is never restored.

    Raises:
        FailedError: it cannot be written.
    """
    values = _Values(**dataclasses.asdict(loaded.stored))
    keys = sorted(key for name, key in KEYS.items() if field_of(name) not in loaded.hidden)
    kept = _Kept(_SCHEMA, str(where.kind), where.at, values, keys)
    folder = folder_of(where)
    try:
        files.make_folder(folder)
        names = files.numbered(folder / time.strftime(_STAMP, time.gmtime()), _SUFFIX, "_")
        data = msgspec.json.format(msgspec.json.encode(kept), indent=2) + b"\n"
        return files.write_first(names, data)
    except (OSError, UnicodeEncodeError) as error:
        raise FailedError(
            f"nothing was changed: the former settings could not be kept in {folder}",
            why=getattr(error, "strerror", "") or "",
            code="mattermost-backup-failed",
        ) from error


def forget(path: Path) -> None:
    """Remove what :func:`keep_former` kept, because nothing was changed after all."""
    with contextlib.suppress(OSError):
        path.unlink()


def kept(where: SourceAddress) -> list[Path]:
    """Return what was kept of a place, the newest first."""
    with contextlib.suppress(OSError):
        states = (file for file in folder_of(where).iterdir() if file.suffix == _SUFFIX)
        return sorted(states, key=_order, reverse=True)
    return []


def read_backup(where: SourceAddress, path: Path) -> Backup:
    """Read what :func:`keep_former` kept.

    Raises:
        ConfigError: it is nothing of the kind, or of another place.
    """
    try:
        data, _ = files.read_plain(path, _LIMIT)
        state = msgspec.json.decode(data, type=_Kept)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read", why=error.strerror or "", code="mattermost-backup-unreadable"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path} is no backup of Mattermost's settings",
            fix="Name one that `settings restore --list` shows.",
            code="mattermost-backup-unreadable",
        ) from error
    if (state.kind, state.at) != (where.kind, where.at):
        raise ConfigError(
            f"{path} is a backup of {state.at}, not of {where.at}",
            code="mattermost-backup-elsewhere",
        )
    stored = Stored(**msgspec.structs.asdict(state.values))
    return Backup(at=str(path), stored=stored, keys=frozenset(state.keys) & set(KEYS.values()))


def _order(file: Path) -> tuple[str, int]:
    stem, _, number = file.stem.partition("_")
    return stem, int(number) if number.isdecimal() else 1
