"""The Mattermost stand-in's configuration: what the server keeps, shows and lets be changed.

Follows the server's store (``server/config``) and its config API (``channels/api4/config.go``),
and is stricter than they are: keys count in their exact case only, and a file or a patch that is
no RFC 8259 JSON is refused.
"""

import copy
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmpush_tui.simulator.mattermost.schema import (
    OLD_INSTALLATION,
    SECRETS,
    SITE_URL,
    check_value,
    default_config,
    flattened,
    masked_value,
    may,
    nest,
    parsed_value,
    unmasked_value,
    variable,
    written,
)
from mmpush_tui.simulator.net import strictjson


class AppError(Exception):
    """A request that the server refuses.

    Args:
        status: the HTTP status.
        id_: the AppError's ``id``.
    """

    def __init__(self, status: int, id_: str) -> None:
        super().__init__(id_)
        self.status = status
        self.id = id_


@dataclass(frozen=True, slots=True)
class ConfigPatch:
    """What a document sets.

    Attributes:
        values: the known keys and their values.
        named: all keys it has, known or not, null or not.
        has_null: one of them is null, which Go takes for absent.
    """

    values: Mapping[str, Any]
    named: frozenset[str]
    has_null: bool


class ConfigStore:
    """The configuration of one server.

    Args:
        version: the server's version.
        content: what is stored at the start; what it lacks is filled in as the server does for
            an existing installation. None for a new installation, or for what ``file`` holds.
        environment: ``MM_…`` variables; others are ignored, and so are values that do not parse.
        file: ``config.json``. Written at the start and at each save, read by ``reload``.
        forced: ``SECTION.KEY`` entries that are stored at the start whatever ``content`` says.

    Raises:
        ValueError: ``content`` or the file is no valid configuration.

    Attributes:
        stored: what the server keeps, by ``SECTION.KEY``.
        effective: the same with the environment applied.
    """

    def __init__(
        self,
        version: str,
        content: Mapping[str, Any] | None,
        environment: Mapping[str, str],
        file: Path | None,
        forced: Mapping[str, Any],
    ) -> None:
        self._defaults = dict(flattened(default_config(version)))
        self._environment = {name.upper(): value for name, value in environment.items()}
        self._file = file
        if content is None and file is not None and file.exists():
            content = strictjson.loads(file.read_bytes())
        self.stored = self._defaults if content is None else self._filled(content)
        self.stored = self.stored | dict(forced)
        self.effective = self._applied(self.stored)
        try:
            _validate(self.effective)
        except AppError as refused:
            raise ValueError(f"invalid config: {refused.id}") from refused
        self._write()

    @property
    def overridden(self) -> frozenset[str]:
        """The keys that a variable is set for, whether or not its value parses."""
        return frozenset(key for key in self._defaults if variable(key) in self._environment)

    def view(
        self, permissions: Collection[str], *, masked: bool, hidden: Collection[str] = ()
    ) -> dict[str, Any]:
        """Return the configuration as a session may see it; null where it may not.

        Args:
            permissions: the session's.
            masked: secrets are replaced by asterisks.
            hidden: keys that are left out altogether.
        """
        return nest(
            {
                key: (masked_value(key, value) if masked else value)
                if may(permissions, "read", key)
                else None
                for key, value in self.effective.items()
                if key not in hidden
            }
        )

    def environment(
        self, permissions: Collection[str], hidden: Collection[str] = ()
    ) -> dict[str, Any] | None:
        """Return true for each overridden key a session may see; None, and not {}, for none."""
        visible = self.overridden - frozenset(hidden)
        return (
            nest(
                {
                    key: True
                    for key in self._defaults
                    if key in visible and may(permissions, "read", key)
                }
            )
            or None
        )

    def read(self, document: object) -> ConfigPatch:
        """Return what ``document`` would set.

        Raises:
            AppError: it is no object, or a value has another type than its key.
        """
        if not isinstance(document, dict):
            raise AppError(400, "api.context.invalid_body_param.app_error")
        try:
            return self._change(document)
        except ValueError as error:
            raise AppError(400, "api.context.invalid_body_param.app_error") from error

    def patch(
        self, change: ConfigPatch, permissions: Collection[str], ignored: Collection[str] = ()
    ) -> None:
        """Set what ``permissions`` allow, and nothing that the environment sets.

        Args:
            change: the new values.
            permissions: those of the session.
            ignored: keys that stay as they are whatever is said.

        Raises:
            AppError: the result would be invalid, or the configuration is read-only.
        """
        if change.values.get(SITE_URL) == "" and self.effective[SITE_URL]:
            raise AppError(400, "api.config.update_config.clear_siteurl.app_error")
        merged = self.effective | {
            key: unmasked_value(value, self.effective[key]) if key in SECRETS else value
            for key, value in change.values.items()
            if key not in ignored and may(permissions, "write", key)
        }
        # Judged before the environment is applied again: a bad value for an overridden key is
        # refused although it would have no effect.
        _validate(merged)
        self._refuse_read_only()
        kept = {key: self.stored[key] for key in self.overridden}
        self.stored = _fixed(merged | kept)
        self.effective = self._applied(self.stored)
        self._write()

    def reload(self) -> None:
        """Read the file again; without one there is nothing to read.

        Raises:
            AppError: the file is missing or holds no valid configuration.
        """
        if self._file is None:
            return
        try:
            stored = self._filled(strictjson.loads(self._file.read_bytes()))
            effective = self._applied(stored)
            _validate(effective)
        except (OSError, ValueError, AppError) as error:
            raise AppError(500, "api.config.reload_config.app_error") from error
        has_changed = effective != self.effective
        self.stored, self.effective = stored, effective
        if has_changed and not self._is_read_only():
            self._write()

    def _change(self, document: Mapping[str, Any]) -> ConfigPatch:
        values: dict[str, Any] = {}
        named = set()
        has_null = False
        sections = {key.rpartition(".")[0] for key in self._defaults}
        for key, value in flattened(document, self._defaults):
            named.add(key)
            if value is None:
                has_null = True
            elif key in sections:
                if value != {}:
                    raise ValueError(f"{key} is no object")
            elif key in self._defaults:
                check_value(key, value, self._defaults[key])
                values[key] = value
        return ConfigPatch(values, frozenset(named - sections), has_null)

    def _filled(self, content: object) -> dict[str, Any]:
        if not isinstance(content, dict):
            raise ValueError("the configuration is no object")
        return _fixed(self._defaults | OLD_INSTALLATION | dict(self._change(content).values))

    def _applied(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        effective = copy.deepcopy(dict(stored))
        for key in self.overridden:
            effective[key] = parsed_value(self._environment[variable(key)], effective[key])
        return _fixed(effective)

    def _is_read_only(self) -> bool:
        return bool(
            self.effective["ClusterSettings.Enable"]
            and self.effective["ClusterSettings.ReadOnlyConfig"]
        )

    def _refuse_read_only(self) -> None:
        if self._is_read_only():
            raise AppError(403, "ent.cluster.save_config.error")

    def _write(self) -> None:
        if self._file is None:
            return
        # In place, as Go's os.WriteFile: the mode counts only for a file that is new.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(self._file, flags, 0o600), "wb") as file:
            file.write(written(nest(self.stored)))


def _fixed(flat: dict[str, Any]) -> dict[str, Any]:
    return flat | {SITE_URL: flat[SITE_URL].rstrip("/")}


def _validate(flat: Mapping[str, Any]) -> None:
    if flat["TeamSettings.MaxNotificationsPerChannel"] <= 0:
        raise AppError(400, "model.config.is_valid.max_notify_per_channel.app_error")
