"""What the REST API and the local socket have in common as sources of settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from mmpush_tui.errors import (
    DeadlineError,
    FailedError,
    MmpushError,
    UnreachableError,
)
from mmpush_tui.settings.page import KEYS, Change, Licence, Stored, field_of
from mmpush_tui.settings.sources import backups
from mmpush_tui.settings.sources.api import Api, ApiAnswer
from mmpush_tui.settings.sources.config_text import LONE_SURROGATE, unlike, unwritable
from mmpush_tui.settings.sources.source import (
    PERMISSIONS,
    Backup,
    Loaded,
    Saved,
    SourceAddress,
    held_back,
    restoring,
)
from mmpush_tui.tasks import beside

_NAMES: Final = {key: name for name, key in KEYS.items()}


def read_served(answer: ApiAnswer) -> tuple[Stored, frozenset[str]]:
    """Return our values of a configuration that a server gave, and the fields it hid.

    A value that the user may not read comes as null; a key that the server is too old for does
    not come at all, and has the default.

    Raises:
        FailedError: this is no configuration.
    """
    values: dict[str, Any] = {}
    hidden: set[str] = set()
    for name, key in KEYS.items():
        section, _, last = key.partition(".")
        inside = answer.body.get(section, {})
        if not isinstance(inside, dict | None) or unlike(name, (inside or {}).get(last)):
            raise FailedError(
                f"Mattermost gave something else than a value for {key}",
                fix="Look at it with `mmctl config get`.",
                code="mattermost-config-value",
            )
        if inside is None or (last in inside and inside[last] is None):
            hidden.add(field_of(name))
        elif last in inside:
            values[name] = inside[last]
    return Stored(**values), frozenset(hidden)


class Served:
    """What both sources have that a running server answers for: saving, and the way back.

    Args:
        api: the server.
        where: which place this is.
        licence: what its user says of the licence.
    """

    def __init__(self, api: Api, where: SourceAddress, licence: Licence | None) -> None:
        self._api = api
        self._where = where
        self._licence = licence or Licence()

    @property
    def where(self) -> SourceAddress:
        """Which place this is."""
        return self._where

    async def save(self, loaded: Loaded, changes: Sequence[Change]) -> Saved:
        """Send ``changes`` to the server, which uses them at once, and read back what became.

        Only the keys that change are sent. A server passes over what the user may not write, or
        what an environment variable holds, without a word: those keys are in
        :attr:`Saved.skipped`.

        Raises:
            MmpushError: the server cannot be reached or refuses, its settings were changed by
                someone else since they were loaded, or the former ones could not be kept.
        """
        await self._ready()
        wanted, skipped = held_back(loaded, changes)
        for change in wanted:
            if isinstance(change.new, str) and LONE_SURROGATE.search(change.new):
                raise unwritable(change.key)
        now, _hidden = read_served(await self._api.config())
        if now != loaded.fingerprint:
            raise FailedError(
                f"the settings on {self._where.at} were changed by someone else since they were "
                "read, so nothing was written",
                fix="Load them again and repeat the change.",
                code="mattermost-config-changed",
            )
        if not wanted:
            return Saved(backup=None, needs=(), skipped=skipped)
        backup = await beside("settings-backup", backups.keep_former, self._where, loaded)
        patch: dict[str, dict[str, Any]] = {}
        for change in wanted:
            section, _, last = change.key.partition(".")
            patch.setdefault(section, {})[last] = change.new
        lost: MmpushError | None = None
        try:
            await self._api.call("PUT", "/config/patch", patch)
        except (UnreachableError, DeadlineError) as error:
            # The answer is lost, and with it whether the server did what was asked.
            lost = error
        except MmpushError:
            # Nothing was done, so there is nothing to bring back.
            await beside("settings-backup", backups.forget, backup)
            raise
        became = await self._became(lost)
        passed_over = [
            change.key for change in wanted if getattr(became, _NAMES[change.key]) != change.new
        ]
        is_undone = len(passed_over) == len(wanted)
        if is_undone:
            await beside("settings-backup", backups.forget, backup)
        if lost is not None and is_undone:
            raise type(lost)(
                f"{lost.what}, and the settings are as they were",
                why=lost.why,
                fix=lost.fix,
                code=lost.code,
            ) from lost
        return Saved(
            backup=None if is_undone else str(backup),
            needs=(),
            skipped=(*skipped, *passed_over),
            can_reload=True,
        )

    async def restore(self, loaded: Loaded, backup: Backup) -> Saved:
        """Send what brings ``backup`` back, as :meth:`save`."""
        return await self.save(loaded, restoring(loaded, backup))

    async def backups(self) -> list[str]:
        """Return where former states of this place are kept, the newest first."""
        paths = await beside("settings-backup", backups.kept, self._where)
        return [str(path) for path in paths]

    async def former(self, backup: str) -> Backup:
        """Read a former state of this place.

        Raises:
            ConfigError: it is none.
        """
        return await beside("settings-backup", backups.read_backup, self._where, Path(backup))

    async def reload(self) -> None:
        """Let the server read its configuration anew.

        Raises:
            MmpushError: it cannot be reached, or refuses.
        """
        await self._ready()
        await self._api.call("POST", "/config/reload")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.aclose()

    async def _ready(self) -> None:
        """Raise where the server cannot be reached in a way that this place knows more about."""

    async def _became(self, lost: MmpushError | None) -> Stored:
        """Return what the server has after it was asked to save.

        Args:
            lost: why its answer to that is not known, where it is not.
        """
        try:
            became, _hidden = read_served(await self._api.config())
        except MmpushError as error:
            failure = lost or error
            raise type(failure)(
                f"{failure.what}, and whether the settings were saved is not known",
                why=failure.why,
                code="mattermost-save-unknown",
            ) from error
        return became


def passed_over(keys: Sequence[str]) -> str:
    """Return what it means that a server took a change and did not make it, as a sentence."""
    needed = sorted({f"sysconsole_write_{PERMISSIONS[_NAMES[key]]}" for key in keys})
    return (
        f"Mattermost answered as if all was well and did not change {' and '.join(keys)}: the "
        f"token's user lacks {' and '.join(needed)}, or a variable of the server's environment "
        "holds it."
    )
