"""``mmpush-tui check``: every hop that push needs, looked at from this host."""

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import click

from mmpush_tui.commands.seconds import Seconds
from mmpush_tui.errors import MmpushError, UsageError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine
    from typing import Any

    from mmpush_tui.checks.model.report import CheckResult, Report
    from mmpush_tui.checks.model.target import TargetPlan
    from mmpush_tui.commands.check_output import Output
    from mmpush_tui.configuration.config import NetworkSettings, ProxyConfig

_T = TypeVar("_T")
_HOST_PORT: Final = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}"
_PAIR: Final = re.compile(rf"({_HOST_PORT})=({_HOST_PORT})", re.ASCII)
_NEEDS_CONFIG: Final = re.compile(r"worker$|(?:apns|fcm)(?:/|$)")
_NEED_SETTINGS: Final = frozenset({"hpns", "mpns", "mattermost", "log"})


def _source(text: str) -> str:
    import ipaddress

    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise UsageError(
            f"--source {text!r}: expected an address of this host",
            fix="`ip addr` lists them.", code="check-source",
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
    from mmpush_tui.checks.output import nagios

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
@click.option(
    "--ca-file", metavar="FILE", type=click.Path(path_type=Path),
    help="Certificates trusted beside the system's.",
)  # fmt: skip
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

    from mmpush_tui.commands.check_output import make

    name = "json" if as_json and format_ == "text" else format_
    try:
        if as_json and name != "json":
            raise UsageError(f"--json and --format {name} do not go together", code="check-formats")
        to = make(name, output, is_watched=every_s is not None)
        wishes = Wishes(
            targets, config_path, mattermost_config, dict(_pair(text) for text in pairs), ca_file,
            timeout_s, _source(source), set(),
        )  # fmt: skip
        return asyncio.run(_checks(wishes, to, every_s))
    except MmpushError as error:
        if name != "nagios":
            raise
        return _unknown(error.line())
    except click.Abort:
        if name != "nagios":
            raise
        return _unknown("The checks were stopped before they began.")


class Wishes(NamedTuple):
    """What is to be checked, and how, as the command line says."""

    targets: tuple[str, ...]
    config_path: Path | None
    mattermost_config: Path | None
    connect_to: dict[str, str]
    ca_file: Path | None
    timeout_s: float
    source: str
    told: set[str]
    """Warnings that were given: who watches wants to read each once."""


async def _checks(wishes: Wishes, to: "Output", every_s: float | None) -> int:
    """Check once, or again and again until SIGINT or SIGTERM; return the last exit code.

    Raises:
        MmpushError: the first run could not be. Later ones tell why and are tried again.
    """
    import asyncio
    import signal
    import time

    from mmpush_tui.configuration.locations import find_config
    from mmpush_tui.exits import exit_code

    wanted = wishes.targets
    needs_config = not wanted or any(_NEEDS_CONFIG.match(name) for name in wanted)
    if needs_config and not (wishes.config_path or find_config()):
        # Once: a worker that ends while it is watched is still the one that is meant.
        wishes = wishes._replace(config_path=await _of_running(wishes.timeout_s))
    code: int | None = None
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        while True:
            began = time.monotonic()
            # Settings and files are read each time: watching is for seeing them mended.
            try:
                code = await _check(wishes, to, stop)
            except click.Abort:
                if code is None:
                    raise
                return code
            except MmpushError as error:
                if code is None:
                    raise
                code = exit_code(error)
                try:
                    to.problem(error, time.strftime("%H:%M:%S"))
                except BrokenPipeError:
                    to.is_unread = True
            if every_s is None or stop.is_set() or to.is_unread:
                return code
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(began + every_s - time.monotonic(), 0)):
                    await stop.wait()
            if stop.is_set():
                return code
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _pair(text: str) -> tuple[str, str]:
    found = _PAIR.fullmatch(text)
    ports = [int(side.rpartition(":")[2]) for side in found.groups()] if found else [0]
    if found is None or not all(0 < port < 65536 for port in ports):
        raise UsageError(
            f"--connect-to {text!r}: expected HOST:PORT=ADDR:PORT",
            fix="As in --connect-to api.push.apple.com:443=127.0.0.1:2197.",
            code="check-connect-to",
        )
    return found[1].lower(), found[2]


async def _check(wishes: Wishes, to: "Output", stop: "asyncio.Event") -> int:
    """Check once; return the exit code.

    Raises:
        MmpushError: it cannot be done.
        click.Abort: it was stopped before there was anything to report.
    """
    plans, network = await _unless(stop, _prepared(wishes))
    report = await _run(plans, network, wishes.timeout_s, to, stop)
    # The exit code stays true where nobody reads any more.
    try:
        return to.report(report)
    except BrokenPipeError:
        to.is_unread = True
        return report.exit_code


async def _unless(stop: "asyncio.Event", work: "Coroutine[Any, Any, _T]") -> "_T":
    """Return what ``work`` comes to.

    Raises:
        click.Abort: ``stop`` was set before. A server or file that is slow holds nobody up.
    """
    import asyncio

    from mmpush_tui.tasks import Tasks

    # A failure is raised here, and need not be told twice.
    tasks = Tasks(lambda _name, _error: None)
    working = tasks.spawn("check-prepare", work)
    stopping = tasks.spawn("check-stop", stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise click.Abort
        found: _T = working.result()
        return found
    finally:
        await tasks.aclose()


async def _prepared(wishes: Wishes) -> "tuple[tuple[TargetPlan, ...], NetworkSettings]":
    """Return what is to be checked, and how connections are made.

    Raises:
        MmpushError: that cannot be found out.
    """
    wanted, config_path, mattermost_config, connect_to, ca_file, timeout_s, source, warned = wishes
    import os

    from mmpush_tui.checks.in_time import in_time
    from mmpush_tui.checks.plan.plan import Surroundings, plan
    from mmpush_tui.checks.proof import credential_files as credentials
    from mmpush_tui.commands import check_mattermost
    from mmpush_tui.configuration.locations import find_config, worker_config

    toml = config_path or find_config()
    config = await in_time(
        lambda: _config(worker_config(toml) if toml else None, warned), timeout_s
    )
    told = check_mattermost.Told(None, "")
    # A file that nobody asked for must not keep others from being checked.
    if not wanted or mattermost_config or _NEED_SETTINGS & set(wanted):
        told = await check_mattermost.ask(mattermost_config, toml, connect_to, ca_file, timeout_s)
    found = await in_time(lambda: credentials.read(config), timeout_s) if config else {}
    around = Surroundings(
        licence=told.licence,
        environment=os.environ,
        is_elsewhere=told.is_elsewhere,
        source=source,
        log=told.log,
        local=told.local,
    )
    plans = plan(
        told.page, config, wanted, credentials=found, mattermost_url=told.url, around=around
    )
    return plans, await in_time(lambda: _network(config, connect_to, ca_file), timeout_s)


async def _run(
    plans: "tuple[TargetPlan, ...]",
    network: "NetworkSettings",
    timeout_s: float,
    to: "Output",
    stop: "asyncio.Event",
) -> "Report":
    """Run the checks to their end, or until ``stop``.

    Raises:
        OSError: the output cannot be written, for another reason than that nobody reads it.
    """
    from mmpush_tui.checks.run import run

    failures: list[OSError] = []

    def take(result: "CheckResult") -> None:
        try:
            to.result(result)
        except BrokenPipeError:
            to.is_unread = True
        except OSError as error:
            # Not from within the probe, whose failures are another matter.
            failures.append(error)
            stop.set()

    report = await run(plans, network=network, deadline_s=timeout_s, on_result=take, stop=stop)
    if failures:
        raise failures[0]
    return report


async def _of_running(timeout_s: float) -> Path | None:
    """Return the configuration of the one worker that runs here, and say so."""
    import asyncio

    from mmpush_tui.watching.client import running_config

    try:
        async with asyncio.timeout(min(timeout_s, 3)):
            path = await running_config()
    except TimeoutError:
        return None
    if path is not None:
        click.echo(f"mmpush-tui: by the running worker's configuration {path}", err=True)
    return path


def _config(path: Path | None, told: set[str]) -> "ProxyConfig | None":
    from mmpush_tui.configuration import config

    if path is None:
        return None
    loaded = config.load(path)
    for warning in loaded.warnings:
        if warning not in told:
            click.echo(f"mmpush-tui: {warning}", err=True)
    told |= set(loaded.warnings)
    return loaded


def _network(
    config: "ProxyConfig | None", connect_to: dict[str, str], ca_file: Path | None
) -> "NetworkSettings":
    """Return how connections are made: the configuration's word, and over it the command line's.

    Raises:
        ConfigError: the CA file cannot be used.
    """
    from mmpush_tui.configuration.config import NetworkSettings
    from mmpush_tui.http2.connect import client_context

    base = config.network if config else NetworkSettings(connect_to={}, ca_file="")
    file = str(ca_file) if ca_file else base.ca_file
    client_context(file)
    return NetworkSettings(connect_to={**base.connect_to, **connect_to}, ca_file=file)
