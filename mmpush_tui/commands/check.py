"""``mmpush-tui check``: every hop that push needs, looked at from this host."""

import ipaddress
import re
from pathlib import Path
from typing import Final

import click

from mmpush_tui.checks.output import nagios
from mmpush_tui.commands.options import Seconds, ca_file_option
from mmpush_tui.errors import MmpushError, UsageError

_HOST_PORT: Final = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"
_PAIR: Final = re.compile(rf"({_HOST_PORT})=({_HOST_PORT})", re.ASCII)


def _source(text: str) -> str:
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise UsageError(
            f"--source {text!r}: expected an address of this host",
            code="check-source",
        ) from error  # fmt: skip


class _CheckCommand(click.Command):
    """Says also of options that cannot be read what monitoring understands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        is_nagios = "nagios" in args or "--format=nagios" in args
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if not is_nagios:
                raise
            ctx.exit(_unknown(error.format_message()))


def _unknown(sentence: str) -> int:
    """Print that nothing is known of push, for monitoring; return the exit code."""
    line, code = nagios.unknown(sentence)
    click.echo(line)
    return code


@click.command("check", cls=_CheckCommand)
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--config", "config_path", metavar="FILE", type=click.Path(path_type=Path),
    help="The worker's configuration, ours or an upstream mattermost-push-proxy.json.",
)  # fmt: skip
@click.option(
    "--mattermost-config", metavar="FILE", type=click.Path(path_type=Path),
    help="Mattermost's config.json, for the push service it uses.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--format", "format_", type=click.Choice(("text", "json", "markdown", "nagios", "prometheus")),
    default="text", show_default=True,
    help="nagios: one line, exit codes 0 to 3. prometheus: for the textfile collector.",
)  # fmt: skip
@click.option(
    "--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Write there instead, the latest run whole at any time.",
)  # fmt: skip
@click.option(
    "--watch", "every_s", type=Seconds(1, 86_400), metavar="SECONDS",
    help="Again and again, so many seconds from start to start, until Ctrl-C.",
)  # fmt: skip
@click.option(
    "--connect-to", "pairs", multiple=True, metavar="HOST:PORT=ADDR:PORT",
    help="Connect elsewhere while name and certificate stay. May be given more than once.",
)  # fmt: skip
@ca_file_option
@click.option(
    "--source", default="", metavar="ADDRESS",
    help="Connect from this address of this host, as from another network.",
)  # fmt: skip
@click.option(
    "--timeout", "timeout_s", type=Seconds(0.1, 600), default=10.0, show_default=True,
    metavar="SECONDS", help="How long all of it may take.",
)  # fmt: skip
def command(
    targets: tuple[str, ...], config_path: Path | None, mattermost_config: Path | None,
    as_json: bool, format_: str, output: Path | None, every_s: float | None,
    pairs: tuple[str, ...], ca_file: Path | None, source: str, timeout_s: float,
) -> int:  # fmt: skip
    """Check every hop that push needs, and name what is broken.

    TARGET is tpns, hpns, mpns, apns, fcm, worker, mattermost or an address such as
    http://HOST:8066; without one, what Mattermost's settings and the worker's configuration
    need. Each hop is gone step by step: name, connection, outbound proxy, TLS, HTTP/2, one
    request, and last the credentials, tried with a device that does not exist. Nothing is sent to
    a device. Exit code 1: something is broken; 4: the time was over.
    """
    import asyncio

    from mmpush_tui.commands.check_output import make_output

    name = "json" if as_json and format_ == "text" else format_
    try:
        if as_json and name != "json":
            raise UsageError(f"--json and --format {name} do not go together", code="check-formats")
        reports = make_output(name, output, is_watched=every_s is not None)
        connect_to, own_address = dict(_pair(text) for text in pairs), _source(source)
        # What it works with takes a while to load, which no wrong option need wait for.
        from mmpush_tui.commands.check_work import CheckOptions, check_until_stopped

        options = CheckOptions(
            targets=targets,
            config_path=config_path,
            mattermost_config=mattermost_config,
            connect_to=connect_to,
            ca_file=ca_file,
            source=own_address,
            timeout_s=timeout_s,
        )
        return asyncio.run(check_until_stopped(options, reports, every_s))
    except MmpushError as error:
        if name != "nagios":
            raise
        return _unknown(error.line())
    except click.Abort:
        if name != "nagios":
            raise
        return _unknown("The checks were stopped before they began.")


def _pair(text: str) -> tuple[str, str]:
    match = _PAIR.fullmatch(text)
    ports = [int(side.rpartition(":")[2]) for side in match.groups()] if match else [0]
    if match is None or not all(0 < port < 65536 for port in ports):
        raise UsageError(
            f"--connect-to {text!r}: expected HOST:PORT=ADDR:PORT",
            code="check-connect-to",
        )
    return match[1].lower(), match[2]
