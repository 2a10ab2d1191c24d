"""Mattermost's settings opened at the place that options, configuration or this host say."""

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from mmpush_tui import files
from mmpush_tui.commands.options import SourceOptions
from mmpush_tui.configuration.config import network_of
from mmpush_tui.configuration.document import Document, our_document
from mmpush_tui.configuration.locations import find_config
from mmpush_tui.errors import ConfigError, UsageError
from mmpush_tui.fields import nearest
from mmpush_tui.settings.page import Licence
from mmpush_tui.settings.sources.config_file import ConfigFile
from mmpush_tui.settings.sources.local import SOCKET_VARIABLE, Local
from mmpush_tui.settings.sources.locate import TOKEN_VARIABLE, USUAL_SOCKET, Named, choose_source
from mmpush_tui.settings.sources.rest import Rest
from mmpush_tui.settings.sources.source import Source
from mmpush_tui.text import Secret

_LICENCE_PARTS: Final = ("hpns", "id_loaded")
_TOKEN_LIMIT: Final = 4096


def named_source(options: SourceOptions) -> Named:
    """Return the place that the options name.

    Raises:
        UsageError: they name more than one.
    """
    places = {
        "--mattermost-config": options.mattermost_config,
        "--mattermost-url": options.mattermost_url or None,
        "--local": options.local,
    }
    given = [name for name, value in places.items() if value is not None]
    if len(given) > 1:
        raise UsageError(
            f"{given[0]} and {given[1]} are both given",
            code="mattermost-two-places",
        )
    socket = None
    if options.local is not None:
        socket = Path(options.local or os.environ.get(SOCKET_VARIABLE) or USUAL_SOCKET)
    return Named(
        config_file=options.mattermost_config,
        url=options.mattermost_url,
        local_socket=socket,
        token_file=options.token_file,
        ca_file=options.ca_file,
    )


def open_source(options: SourceOptions) -> Source:
    """Return the place that is meant. Reads files, and may ask for a token on the terminal.

    Raises:
        UsageError: the options contradict each other, or there is no token.
        ConfigError: no place is known, or a file that leads to it is unusable.
    """
    licence = parse_licence(options.licence)
    named, toml = named_source(options), None
    if not (named.config_file or named.local_socket):
        # Once, and only where it counts: a broken file keeps nobody from another place.
        toml = our_document(find_config())
    chosen = choose_source(named, toml, os.environ)
    if source := source_at(chosen, toml, licence, may_ask=True):
        return source
    raise ConfigError(
        "no Mattermost configuration is known on this host",
        code="mattermost-config-unknown",
    )


def source_at(
    chosen: Named,
    toml: Path | Document | None,
    licence: Licence,
    *,
    may_ask: bool,
    connect_to: Mapping[str, str] | None = None,
) -> Source | None:
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
        return ConfigFile(chosen.config_file, licence=licence)
    if chosen.local_socket:
        return Local(chosen.local_socket, licence=licence)
    if not chosen.url:
        return None
    network = network_of(toml, os.environ)
    return Rest(
        chosen.url,
        _token(chosen.token_file, may_ask=may_ask),
        ca_file=chosen.ca_file or (Path(network.ca_file) if network.ca_file else None),
        connect_to={**network.connect_to, **(connect_to or {})},
        licence=licence,
    )


def parse_licence(text: str) -> Licence:
    """Return what ``--licence`` says; empty says nothing.

    Raises:
        UsageError: a word is none of those it knows.
    """
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


def _token(file: Path | None, *, may_ask: bool) -> Secret:
    if file is not None and str(file) == "-":
        return Secret(sys.stdin.buffer.read(_TOKEN_LIMIT).decode("utf-8", "replace").strip())
    if file is not None:
        return _token_in(file)
    if text := os.environ.get(TOKEN_VARIABLE, "").strip():
        return Secret(text)
    if may_ask and sys.stdin.isatty():
        return Secret(click.prompt("Access token", hide_input=True, err=True).strip())
    raise UsageError(
        "an access token is needed",
        fix=f"Name a file that holds it with --token-file FILE, or set {TOKEN_VARIABLE}.",
        code="mattermost-token-missing",
    )


def _token_in(file: Path) -> Secret:
    """Return the token in a file, and warn where others can read it too.

    Raises:
        ConfigError: the file cannot be read, or holds none.
    """
    none = ConfigError(f"the token file {file} holds no token", code="mattermost-token-file")
    try:
        data, status = files.read_plain(file, _TOKEN_LIMIT)
    except (OSError, ValueError) as error:
        if isinstance(error, files.NotAFileError) and not error.is_folder:
            raise none from error
        raise ConfigError(
            f"the token file {file} cannot be read",
            why=getattr(error, "strerror", "") or "the path is none",
            code="mattermost-token-file",
        ) from error
    if not data.strip():
        raise none
    if status.st_mode & (stat.S_IRGRP | stat.S_IROTH):
        warning = f"the token file {file} can be read by others: chmod 600 {file}"
        click.echo(f"mmpush-tui: {warning}", err=True)
    return Secret(data.decode("utf-8", "replace").strip())
