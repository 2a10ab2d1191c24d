"""The command line: what there is, and what becomes of a failure.

A command's module is imported when it is called, so that ``--help`` stays fast.
"""

import contextlib
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeGuard

import click

from mmpush_tui import __version__
from mmpush_tui.commands.options import (
    SourceOptions,
    source_options,
    terminal_options,
    with_local_value,
)
from mmpush_tui.errors import MmpushError, UsageError
from mmpush_tui.exits import Exit, exit_code_of
from mmpush_tui.fields import nearest

_COMMANDS: Final = {
    "demo": "See it all work against built-in stand-ins; needs no credentials.",
    "check": "Check every hop that push needs, and name what is broken.",
    "settings": "Show and change a Mattermost server's push settings, as on the web page.",
    "serve": "Run the push proxy worker.",
    "config": "Check, show or import a push proxy's configuration and its credentials.",
    "send": "Send one test push and follow it.",
    "deliveries": "Show the deliveries of a running worker.",
    "release": "Let a target pass removals on again that a worker holds.",
    "simulate": "Play Apple and Google on this host, with faults, for a worker.",
    "explain": "Look up a log line or error in the troubleshooting catalogue.",
}


class _LazyGroup(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_local_value(args, _COMMANDS))

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"mmpush_tui.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = nearest(args[0], _COMMANDS)
            raise UsageError(
                f"there is no command {args[0]}",
                fix=f"Did you mean {near}?" if near else "mmpush-tui --help lists them.",
                code="command-unknown",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 good, 1 something failed, 2 wrong usage or configuration, "
    "3 a server or socket cannot be reached, 4 the deadline passed, 70 a fault of this program, "
    "130 interrupted.",
)
@click.version_option(__version__, prog_name="mmpush-tui", message="%(prog)s %(version)s")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The worker's configuration, ours or upstream's.",
)
@source_options
@click.option(
    "--control",
    type=click.Path(path_type=Path),
    metavar="PATH",
    envvar="MMPUSH_CONTROL",
    help="The control socket of a running worker, where several run.",
)
@terminal_options
@click.pass_context
def cli(
    ctx: click.Context,
    config: Path | None,
    place: SourceOptions,
    control: Path | None,
    remote: bool | None,
    mouse: bool,
) -> int:
    """Mattermost push: see and set it, prove every hop, run the proxy.

    Without a command it opens the console; with nothing configured yet, the guided setup. The
    options here are the console's, those of a command follow it.
    """
    if ctx.invoked_subcommand is None:
        from mmpush_tui.commands.console import open_console

        return open_console(config, place, control, remote=remote, mouse=mouse)
    for name in ctx.params:
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(
                f"--{name.replace('_', '-')} stands before the command",
                fix=f"Write it after: mmpush-tui {ctx.invoked_subcommand} …",
                code="option-place",
            )
    return 0


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; no traceback ever reaches the user."""
    code = _run(arguments)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError) as error:
            if stream is sys.stdout and code == Exit.OK and _is_full(error):
                _say(f"the output cannot be written: {os.strerror(error.errno or 0)}.")
                code = Exit.FAILED
            # Whoever read our output is gone. What Python would still write on the way out goes
            # nowhere, or it would turn the exit code into 120.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code


def _run(arguments: Sequence[str]) -> int:
    try:
        result = cli.main(args=list(arguments), prog_name="mmpush-tui", standalone_mode=False)
        return int(result) if isinstance(result, int) else Exit.OK
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except click.ClickException as error:
        _say(error.format_message())
        return Exit.USAGE
    except MmpushError as error:
        _say(error.line())
        return exit_code_of(error)
    except BrokenPipeError:
        return Exit.OK
    except OSError as error:
        if not _is_full(error):
            _say(_bug(error))
            return Exit.BUG
        _say(f"the output cannot be written: {error.strerror}.")
        return Exit.FAILED
    except Exception as error:  # the last boundary: the user gets one sentence
        _say(_bug(error))
        return Exit.BUG


def _is_full(error: OSError | ValueError) -> TypeGuard[OSError]:
    """Return whether output is lost for a reason that its reader should hear of."""
    full = (errno.ENOSPC, errno.EIO, errno.EFBIG)
    return isinstance(error, OSError) and error.errno in full


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(f"mmpush-tui: {sentence}", err=True)


def _bug(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "mmpush_tui" in frame.filename] or frames
    name = os.path.basename(ours[-1].filename) if ours else "?"
    line = ours[-1].lineno if ours else 0
    # Neither the message nor locals: both can hold what nobody may see.
    return (
        f"this is a fault of mmpush-tui {__version__}: {type(error).__name__} in {name}:{line}. "
        "Please report it with this line."
    )
