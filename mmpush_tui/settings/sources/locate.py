"""Which settings are meant: what was named, or else what is found on this host."""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mmpush_tui.configuration.document import Document, our_document
from mmpush_tui.configuration.problems import Problems
from mmpush_tui.configuration.tables import values_of
from mmpush_tui.errors import ConfigError
from mmpush_tui.fields import Field, Kind
from mmpush_tui.settings.sources.server_process import CONFIG_VARIABLE, is_database


def _field(name: str, label: str, help_: str, kind: Kind = Kind.PATH) -> Field:
    env = f"MMPUSH_MATTERMOST__{name.upper()}"
    return Field(key=f"mattermost.{name}", label=label, help=help_, kind=kind, default="", env=env)


CONFIG_FILE: Final = _field(
    "config_file",
    "Mattermost's config.json",
    "The file that the Mattermost server on this host is configured by.",
)
URL: Final = _field(
    "url",
    "Mattermost's address",
    "The address that users open Mattermost by; settings are read and saved over its REST API, "
    "with an access token.",
    Kind.URL,
)
TOKEN_FILE: Final = _field(
    "token_file",
    "File with an access token",
    "A file with the personal access token of a Mattermost system admin, that nobody else can "
    "read.",
)
CA_FILE: Final = _field(
    "ca_file",
    "File with certificates",
    "Certificates in PEM form that Mattermost's may be signed by, beside the system's.",
)
LOCAL_SOCKET: Final = _field(
    "local_socket",
    "Mattermost's local socket",
    "The socket of a server on this host whose local mode is on, as `mmctl --local` uses it.",
)

FIELDS: Final = (CONFIG_FILE, URL, TOKEN_FILE, CA_FILE, LOCAL_SOCKET)
"""The table ``[mattermost]`` of our own configuration."""

TOKEN_VARIABLE: Final = "MMPUSH_MATTERMOST__TOKEN"  # noqa: S105 - a name
"""The variable that may hold the token itself."""

USUAL_FILES: Final = (Path("/opt/mattermost/config/config.json"), Path("config/config.json"))
"""Where a server installed as documented has it, and where one started here has it."""

USUAL_SOCKET: Final = Path("/var/tmp/mattermost_local.socket")  # noqa: S108 - the server's
"""Where the server has its local socket unless ServiceSettings.LocalModeSocketLocation says
otherwise."""

_SOURCES: Final = (CONFIG_FILE.name, URL.name, LOCAL_SOCKET.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A place of settings: at most one of the first three is given.

    Attributes:
        config_file: Mattermost's ``config.json``.
        url: the address of its REST API.
        local_socket: its local-mode socket.
        token_file: where the access token for ``url`` is.
        ca_file: further trusted certificates for ``url``.
    """

    config_file: Path | None = None
    url: str = ""
    local_socket: Path | None = None
    token_file: Path | None = None
    ca_file: Path | None = None

    @property
    def is_given(self) -> bool:
        """Whether it leads anywhere."""
        return bool(self.config_file or self.url or self.local_socket)


def choose_source(
    named: Named,
    toml: Path | Document | None,
    environment: Mapping[str, str],
    usual: Sequence[Path] = USUAL_FILES,
    socket: Path = USUAL_SOCKET,
) -> Named:
    """Return which settings are meant; nothing in it is given where there is no trace of any.

    What somebody named counts whether something is there or not: whoever named it wants to hear
    of that.

    Args:
        named: what the command line says.
        toml: our own configuration file, where there is one; read here where it was not yet.
        environment: where variables are looked for.
        usual: where the file is looked for last.
        socket: the socket that is taken where not even a file is found.

    Raises:
        ConfigError: our configuration cannot be read, names more than one place, or the server
            keeps its configuration in its database and has no socket here.
    """
    is_elsewhere = named.config_file or named.local_socket
    configured = Named() if is_elsewhere else configured_source(toml, environment)
    # A token is for the server that it was made on, and is shown to no other.
    is_theirs = configured.url in ("", named.url) or not named.url
    token_file = named.token_file or (configured.token_file if is_theirs else None)
    ca_file = named.ca_file or (configured.ca_file if is_theirs else None)
    if not named.is_given:
        named = configured
    if not named.is_given:
        named = _on_this_host(environment, usual, socket)
    return Named(
        config_file=at_home(named.config_file),
        url=named.url,
        local_socket=at_home(named.local_socket),
        token_file=at_home(token_file),
        ca_file=at_home(ca_file),
    )


def at_home(path: Path | None) -> Path | None:
    """Return ``path`` with ``~`` filled in; that of an unknown user is a folder of this name."""
    return path and Path(os.path.expanduser(path))


def is_socket(path: Path) -> bool:
    """Return whether there is a socket at ``path``."""
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def configured_source(toml: Path | Document | None, environment: Mapping[str, str]) -> Named:
    """Return what our own variables and our own file name, paths as they are written there.

    The variables count first.

    Raises:
        ConfigError: as :func:`choose_source`.
    """
    texts: dict[str, str] = {}
    if (document := our_document(toml)) is not None:
        # The rest of the file is others' to judge.
        values = values_of(document, "mattermost", FIELDS, Problems())
        texts = {name: str(value) for name, value in values.items() if value}
        _refuse_several(texts, f"{document.path}: mattermost.")
    variables = {field.name: text for field in FIELDS if (text := environment.get(field.env, ""))}
    _refuse_several(variables, "MMPUSH_MATTERMOST__")
    if any(name in variables for name in _SOURCES):
        texts = {name: text for name, text in texts.items() if name not in _SOURCES}
    texts |= variables
    paths = {name: Path(text) for name, text in texts.items() if name != URL.name}
    return Named(url=texts.get(URL.name, ""), **paths)


def _refuse_several(texts: Mapping[str, str], where: str) -> None:
    given = [name for name in _SOURCES if name in texts]
    if len(given) > 1:
        raise ConfigError(
            f"{where}{given[0]} and {given[1]} are both given",
            code="mattermost-two-places",
        )


def _on_this_host(environment: Mapping[str, str], usual: Sequence[Path], socket: Path) -> Named:
    text = environment.get(CONFIG_VARIABLE, "")
    if text and not is_database(text):
        return Named(config_file=_from_server(text))
    file = None if text else next((path for path in usual if os.path.isfile(path)), None)
    if file is None and is_socket(socket):
        return Named(local_socket=socket)
    if text:
        # The server's own word: the file beside it is stale, the server itself can be asked.
        raise ConfigError(
            f"{CONFIG_VARIABLE} says that Mattermost keeps its configuration in its database, "
            "which cannot be read from here",
            fix="Ask the running server: --mattermost-url URL with a token, or --local where its "
            "local mode is on.",
            code="mattermost-config-database",
        )
    return Named(config_file=file)


def _from_server(text: str) -> Path:
    """Return the file that the server's own variable names, looked for where it looks."""
    folders = [folder for usual in USUAL_FILES for folder in (usual.parent, usual.parent.parent)]
    beside = (folder / text for folder in folders)
    return next((path for path in beside if os.path.isfile(path)), Path(text))
