"""Where our configuration file is looked for, and where a new one goes."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import platformdirs

VARIABLE: Final = "MMPUSH_CONFIG"
SYSTEM_CONFIG: Final = Path("/etc/mmpush-tui/config.toml")


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
