"""Where our configuration file is looked for, and where a new one goes."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import platformdirs

from mmpush_tui import files
from mmpush_tui.configuration.schema import WORKER_CONFIG
from mmpush_tui.errors import ConfigError
from mmpush_tui.fields import FieldError, nearest

VARIABLE: Final = "MMPUSH_CONFIG"
SYSTEM_CONFIG: Final = Path("/etc/mmpush-tui/config.toml")
_LIMIT: Final = 1024 * 1024 + 1
"""Bytes; no configuration is that long, says whoever loads it."""


def default_config_path() -> Path:
    """Return where this user's configuration file is, or will be."""
    return platformdirs.user_config_path("mmpush-tui") / "config.toml"


def find_config(environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the configuration file to use where none was named, or None.

    ``MMPUSH_CONFIG`` counts first, also where nothing is there: whoever set it wants to hear of
    that. Then this user's file, then the system's.

    Args:
        environment: where the variable is looked for; default the process environment.
    """
    named = (os.environ if environment is None else environment).get(VARIABLE, "")
    if named:
        return Path(os.path.expanduser(named))
    for path in (default_config_path(), SYSTEM_CONFIG):
        # A folder that may not be entered holds nothing that could be read.
        if os.path.isfile(path):
            return path
    return None


def worker_config(path: Path) -> Path:
    """Return the file that the worker is configured by: ``path``, or the one it passes on to.

    Our file can name an upstream ``mattermost-push-proxy.json`` that is used as it is, as
    ``[console] worker_config``. What cannot be read is left for whoever loads it to judge.

    Raises:
        ConfigError: the ``[console]`` table holds what it must not.
    """
    if path.suffix != ".toml":
        return path
    try:
        data, _ = files.read_plain(path, _LIMIT)
        table = tomllib.loads(data.decode()).get("console", {})
    except (OSError, ValueError, RecursionError):
        return path
    where = f"{path}: console"
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: expected a table", code="config-shape")
    for key in table:
        if key != WORKER_CONFIG.name:
            near = nearest(key, [WORKER_CONFIG.name])
            fix = f"Did you mean {near}?" if near else f"Known: {WORKER_CONFIG.name}."
            raise ConfigError(f"{where}.{key}: unknown key", fix=fix, code="config-unknown-key")
    try:
        named = str(WORKER_CONFIG.check(table.get(WORKER_CONFIG.name, "")))
    except FieldError as error:
        raise ConfigError(f"{where}.{WORKER_CONFIG.name}: {error}", code="config-value") from error
    return path.parent / os.path.expanduser(named) if named else path
