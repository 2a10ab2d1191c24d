"""The options that say where Mattermost's settings are, and opening that place."""

import functools
import os
import stat
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from mmpush_tui import files
from mmpush_tui.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from mmpush_tui.configuration.document import Document
    from mmpush_tui.settings.page import Licence
    from mmpush_tui.settings.sources.locate import Named
    from mmpush_tui.settings.sources.source import Source
    from mmpush_tui.text import Secret

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_LICENCE_PARTS: Final = ("hpns", "id_loaded")
_TOKEN_LIMIT: Final = 4096


def with_local_value(args: list[str], commands: Collection[str] = ()) -> list[str]:
    """Return ``args`` with an empty value for ``--local`` where the next word is none for it.

    Args:
        args: the words of a command line.
        commands: words that are no socket either.
    """

    def is_socket(word: str) -> bool:
        return not word.startswith("-") and "=" not in word and word not in commands

    end = args.index("--") if "--" in args else len(args)
    return [
        "--local=" if word == "--local" and not is_socket(after) else word
        for word, after in zip(args[:end], [*args[1:end], "-"], strict=False)
    ] + args[end:]


class SourceCommand(click.Command):
    """A command with :func:`source_options`, whose ``--local`` may stand without its socket."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Tell a socket from what follows ``--local`` otherwise."""
        return super().parse_args(ctx, with_local_value(args))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """What the command line says of the place."""

    config_file: Path | None
    url: str
    token_file: Path | None
    ca_file: Path | None
    local: str | None
    licence: str

    @property
    def named(self) -> "Named":
        """The place that is named.

        Raises:
            UsageError: more than one is.
        """
        from mmpush_tui.settings.sources.locate import USUAL_SOCKET, Named

        given = [
            name
            for name, value in (
                ("--mattermost-config", self.config_file),
                ("--mattermost-url", self.url or None),
                ("--local", self.local),
            )
            if value is not None
        ]
        if len(given) > 1:
            raise UsageError(
                f"{given[0]} and {given[1]} are both given",
                code="mattermost-two-places",
            )
        socket = None
        if self.local is not None:
            socket = Path(self.local) if self.local else _usual_socket(USUAL_SOCKET)
        return Named(
            config_file=self.config_file,
            url=self.url,
            local_socket=socket,
            token_file=self.token_file,
            ca_file=self.ca_file,
        )


def source_options(function: Decorated) -> Decorated:
    """Add the options, and hand them on as one argument, ``place``."""

    @functools.wraps(function)
    def with_place(**arguments: Any) -> Any:
        place = SourceOptions(
            config_file=arguments.pop("mattermost_config"),
            url=arguments.pop("mattermost_url"),
            token_file=arguments.pop("token_file"),
            ca_file=arguments.pop("ca_file"),
            local=arguments.pop("local"),
            licence=arguments.pop("licence"),
        )
        return function(place=place, **arguments)

    decorated: Any = with_place
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    result: Decorated = decorated
    return result


_OPTIONS: Final = (
    click.option(
        "--mattermost-config", metavar="FILE", type=click.Path(path_type=Path),
        help="Mattermost's config.json. Without a place named, the one of [mattermost] in our "
        "configuration, or what the server on this host uses.",
    ),
    click.option(
        "--mattermost-url", default="", metavar="URL",
        help="Mattermost's address, to use its REST API with an access token.",
    ),
    click.option(
        "--token-file", metavar="FILE", type=click.Path(path_type=Path, allow_dash=True),
        help="The access token of a system admin, or - for stdin; else MMPUSH_MATTERMOST__TOKEN "
        "or a prompt.",
    ),
    click.option(
        "--ca-file", metavar="FILE", type=click.Path(path_type=Path),
        help="Certificates that Mattermost's may be signed by, beside the system's.",
    ),
    click.option(
        "--local", is_flag=False, flag_value="", default=None, metavar="[SOCKET]",
        help="Mattermost's local-mode socket, as mmctl --local.",
    ),
    click.option(
        "--licence", default="", metavar="hpns,id_loaded|none",
        help="What the server's licence includes, where the place cannot tell.",
    ),
)  # fmt: skip


def open_source(options: SourceOptions, *, may_ask: bool = True) -> "Source":
    """Return the place that is meant. Reads files: call it beside the event loop.

    Args:
        options: what the command line says.
        may_ask: whether a token may be asked for on the terminal.

    Raises:
        UsageError: the options contradict each other, or there is no token.
        ConfigError: no place is known, or a file that leads to it is unusable.
    """
    from mmpush_tui.configuration.document import our_document
    from mmpush_tui.configuration.locations import find_config
    from mmpush_tui.settings.sources.locate import choose_source

    licence = parse_licence(options.licence)
    named, toml = options.named, None
    if not (named.config_file or named.local_socket):
        # Once, and only where it counts: a broken file keeps nobody from another place.
        toml = our_document(find_config(os.environ))
    chosen = choose_source(named, toml, os.environ)
    if source := source_at(chosen, toml, licence, may_ask=may_ask):
        return source
    raise ConfigError(
        "no Mattermost configuration is known on this host",
        code="mattermost-config-unknown",
    )


def source_at(
    chosen: "Named",
    toml: "Path | Document | None",
    licence: "Licence",
    *,
    may_ask: bool,
    connect_to: Mapping[str, str] | None = None,
) -> "Source | None":
    """Return the place that ``chosen`` leads to, or None where it leads nowhere.

    Args:
        chosen: the place.
        toml: our own configuration file, which says how connections are made.
        licence: what the user says of the licence.
        may_ask: whether a token may be asked for on the terminal.
        connect_to: where connections go elsewhere, over what the configuration says.

    Raises:
        UsageError: there is no token, or it or the address is none.
        ConfigError: a file that is needed for it is unusable.
    """
    if chosen.config_file:
        from mmpush_tui.settings.sources.config_file import ConfigFile

        return ConfigFile(chosen.config_file, licence=licence)
    if chosen.local_socket:
        from mmpush_tui.settings.sources.local import Local

        return Local(chosen.local_socket, licence=licence)
    if chosen.url:
        return _rest(chosen, toml, licence, connect_to or {}, may_ask=may_ask)
    return None


def parse_licence(text: str) -> "Licence":
    """Return what ``--licence`` says; empty says nothing.

    Raises:
        UsageError: a word is none of those it knows.
    """
    from mmpush_tui.fields import nearest
    from mmpush_tui.settings.page import Licence

    if not text:
        return Licence()
    words = [word.strip() for word in text.split(",")]
    if words == ["none"]:
        words = []
    for word in words:
        if word not in _LICENCE_PARTS:
            near = nearest(word, _LICENCE_PARTS)
            raise UsageError(
                f"--licence {word or text}: expected hpns, id_loaded, both with a comma, or none",
                fix=f"Did you mean {near}?" if near else "",
                code="licence-unknown-word",
            )
    return Licence(hpns="hpns" in words, id_loaded="id_loaded" in words)


def read_token(file: Path) -> "tuple[Secret, str]":
    """Return the token in a file, and a warning where others can read it too.

    Raises:
        ConfigError: the file cannot be read.
    """
    from mmpush_tui.text import Secret

    try:
        data, status = files.read_plain(file, _TOKEN_LIMIT)
    except (OSError, ValueError) as error:
        if isinstance(error, files.NotAFileError) and not error.is_folder:
            raise _no_token(file) from error
        raise ConfigError(
            f"the token file {file} cannot be read",
            why=getattr(error, "strerror", "") or "the path is none",
            fix="Name a file that holds the access token alone.",
            code="mattermost-token-file",
        ) from error
    if not data.strip():
        raise _no_token(file)
    warning = ""
    if status.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        warning = f"the token file {file} can be read by others: chmod 600 {file}"
    return Secret(data.decode("utf-8", "replace").strip()), warning


def _no_token(file: Path) -> ConfigError:
    return ConfigError(
        f"the token file {file} holds no token",
        fix="Put the access token alone into it.",
        code="mattermost-token-file",
    )


def _rest(
    chosen: "Named",
    toml: "Path | Document | None",
    licence: "Licence",
    connect_to: Mapping[str, str],
    *,
    may_ask: bool,
) -> "Source":
    from mmpush_tui.configuration.config import network_of
    from mmpush_tui.settings.sources.rest import Rest

    network = network_of(toml, os.environ)
    return Rest(
        chosen.url,
        _token(chosen.token_file, may_ask=may_ask),
        ca_file=chosen.ca_file or (Path(network.ca_file) if network.ca_file else None),
        connect_to={**network.connect_to, **connect_to},
        licence=licence,
    )


def _token(file: Path | None, *, may_ask: bool) -> "Secret":
    from mmpush_tui.settings.sources.locate import TOKEN_VARIABLE
    from mmpush_tui.text import Secret

    if file is not None and str(file) == "-":
        return Secret(sys.stdin.buffer.read(_TOKEN_LIMIT).decode("utf-8", "replace").strip())
    if file is not None:
        token, warning = read_token(file)
        if warning:
            click.echo(f"mmpush-tui: {warning}", err=True)
        return token
    if text := os.environ.get(TOKEN_VARIABLE, "").strip():
        return Secret(text)
    if may_ask and sys.stdin.isatty():
        return Secret(click.prompt("Access token", hide_input=True, err=True).strip())
    raise UsageError(
        "an access token is needed",
        fix=f"Name a file that holds it with --token-file FILE, or set {TOKEN_VARIABLE}.",
        code="mattermost-token-missing",
    )


def _usual_socket(usual: Path) -> Path:
    from mmpush_tui.settings.sources.local import SOCKET_VARIABLE

    return Path(os.environ.get(SOCKET_VARIABLE) or usual)
