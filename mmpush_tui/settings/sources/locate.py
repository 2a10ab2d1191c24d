"""Which ``config.json`` is meant where nobody said so."""

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mmpush_tui.errors import ConfigError
from mmpush_tui.fields import Field, FieldError, Kind, nearest

CONFIG_FILE: Final = Field(
    key="mattermost.config_file",
    label="Mattermost's config.json",
    help="The file that the Mattermost server on this host is configured by.",
    kind=Kind.PATH,
    default="",
    env="MMPUSH_MATTERMOST__CONFIG_FILE",
)

FIELDS: Final = (CONFIG_FILE,)
"""The table ``[mattermost]`` of our own configuration."""

USUAL_FILES: Final = (Path("/opt/mattermost/config/config.json"), Path("config/config.json"))
"""Where a server installed as documented has it, and where one started here has it."""

_SERVER_VARIABLE: Final = "MM_CONFIG"
_DATABASE: Final = re.compile(r"(postgres|postgresql|mysql)://", re.IGNORECASE)


def locate(
    named: Path | None,
    toml: Path | None,
    environment: Mapping[str, str],
    usual: Sequence[Path] = USUAL_FILES,
) -> Path | None:
    """Return Mattermost's configuration file, or None where there is no trace of one.

    A path that somebody named is returned whether something is there or not: whoever named it
    wants to hear of that.

    Args:
        named: what the command line says.
        toml: our own configuration file, where there is one.
        environment: where variables are looked for.
        usual: where the file is looked for last.

    Raises:
        ConfigError: our configuration file cannot be read, or the server keeps its
            configuration in its database.
    """
    if named is not None:
        return named.expanduser()
    if text := environment.get(CONFIG_FILE.env, ""):
        return Path(text).expanduser()
    if toml is not None and toml.suffix == ".toml" and (told := _from_toml(toml)):
        return told
    if text := environment.get(_SERVER_VARIABLE, ""):
        return _from_server(text)
    return next((path for path in usual if os.path.isfile(path)), None)


def _from_toml(toml: Path) -> Path | None:
    """Return what ``[mattermost]`` says; the rest of the file is others' to judge."""
    try:
        document = tomllib.loads(toml.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{toml} cannot be read", why=error.strerror or "", code="config-unreadable"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        found = re.search(r"line (\d+), column (\d+)", str(error))
        where = f", line {found[1]}, column {found[2]}" if found else ""
        raise ConfigError(f"{toml}{where}", why="this is no TOML", code="config-syntax") from error
    table = document.get("mattermost", {})
    if not isinstance(table, dict):
        raise ConfigError(f"{toml}: mattermost: expected a table", code="config-shape")
    known = [field.name for field in FIELDS]
    for key in table:
        if key not in known:
            near = nearest(key, known)
            raise ConfigError(
                f"{toml}: mattermost.{key}: unknown key",
                fix=f"Did you mean {near}?" if near else f"Known: {', '.join(known)}.",
                code="config-unknown-key",
            )
    try:
        text = CONFIG_FILE.check(table.get(CONFIG_FILE.name, ""))
    except FieldError as error:
        raise ConfigError(f"{toml}: {CONFIG_FILE.key}: {error}", code="config-value") from error
    return toml.parent / os.path.expanduser(str(text)) if text else None


def _from_server(text: str) -> Path:
    """Return the file that the server's own variable names, looked for where it looks."""
    if _DATABASE.match(text):
        raise ConfigError(
            f"{_SERVER_VARIABLE} says that Mattermost keeps its configuration in its database, "
            "which cannot be read from here",
            fix="Use the System Console or mmctl there, or name a file with "
            "--mattermost-config FILE.",
            code="mattermost-config-database",
        )
    folders = [folder for usual in USUAL_FILES for folder in (usual.parent, usual.parent.parent)]
    beside = (folder / text for folder in folders)
    return next((path for path in beside if os.path.isfile(path)), Path(text))
