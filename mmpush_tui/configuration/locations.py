"""Where our configuration file is looked for, and where a new one goes."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import platformdirs

from mmpush_tui.configuration.document import Document, our_document
from mmpush_tui.configuration.problems import Problems
from mmpush_tui.configuration.schema import WORKER_CONFIG
from mmpush_tui.configuration.tables import values_of
from mmpush_tui.errors import ConfigError, UsageError

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


def chosen_config(named: Path | None, how: str) -> Path:
    """Return the worker's configuration: the one that was named, or else the usual one.

    Args:
        named: the file that was named, if any.
        how: how a file is named here, a sentence.

    Raises:
        UsageError: none was named, and there is no usual one.
    """
    if named is not None:
        return named
    usual = find_config()
    if usual is None:
        raise UsageError(
            "no configuration of a push proxy was found",
            fix=how,
            code="config-not-found",
        )
    return worker_config(usual)


def worker_config(source: Path | Document) -> Path:
    """Return the file that the worker is configured by: this one, or the one it passes on to.

    Our file can name an upstream ``mattermost-push-proxy.json`` that is used as it is, as
    ``[console] worker_config``. What cannot be read is left for whoever loads it to judge, and
    so is a pipe, which can be read once only.

    Args:
        source: the file; read here where it was not yet.

    Raises:
        ConfigError: the ``[console]`` table holds what it must not.
    """
    path = source.path if isinstance(source, Document) else source
    if isinstance(source, Path) and not os.path.isfile(source):
        return path
    try:
        document = our_document(source)
    except ConfigError:
        return path
    if document is None:
        return path
    named = values_of(document, "console", (WORKER_CONFIG,), Problems()).get(WORKER_CONFIG.name)
    return Path(named) if named else path
