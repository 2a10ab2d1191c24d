"""Options that several commands have. Loaded with the command line: nothing here is heavy."""

import functools
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

import click

Result = TypeVar("Result")

json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object."
)  # fmt: skip

control_option: Final = click.option(
    "--control", metavar="PATH", type=click.Path(path_type=Path), envvar="MMPUSH_CONTROL",
    help="The worker's control socket, where several run.",
)  # fmt: skip

ca_file_option: Final = click.option(
    "--ca-file", metavar="FILE", type=click.Path(path_type=Path),
    help="Certificates trusted beside the system's.",
)  # fmt: skip


class Seconds(click.FloatRange):
    """A number of seconds within a range; ``nan`` compares with no bound and is none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or fail as every option does."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return number


def terminal_options(function: Callable[..., Result]) -> Callable[..., Result]:
    """Add the options that every command with a screen has."""
    mouse = click.option(
        "--mouse/--no-mouse", default=True, help="Whether the console takes the mouse."
    )
    remote = click.option(
        "--remote/--no-remote", default=None,
        help="Whether the terminal is far away: fewer and smaller frames, its own colours. "
        "Found out by itself.",
    )  # fmt: skip
    return remote(mouse(function))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """What the command line says of the place of Mattermost's settings, option by option."""

    mattermost_config: Path | None
    mattermost_url: str
    token_file: Path | None
    ca_file: Path | None
    local: str | None
    licence: str


_SOURCE_OPTIONS: Final = (
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


def source_options(function: Callable[..., Result]) -> Callable[..., Result]:
    """Add the options, and hand them on as one argument, ``place``."""

    @functools.wraps(function)
    def with_place(**arguments: Any) -> Result:
        given = {field.name: arguments.pop(field.name) for field in fields(SourceOptions)}
        return function(place=SourceOptions(**given), **arguments)

    decorated: Callable[..., Result] = with_place
    for option in reversed(_SOURCE_OPTIONS):
        decorated = option(decorated)
    return decorated


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
