"""``mmpush-tui send``: one test push, followed and explained."""

from pathlib import Path

import click

from mmpush_tui.commands.options import ca_file_option, json_option
from mmpush_tui.configuration.config import ProxyConfig, load
from mmpush_tui.configuration.locations import find_config, worker_config
from mmpush_tui.errors import MmpushError, UsageError


@click.command("send")
@click.option(
    "--via",
    type=click.Choice(["proxy", "server", "dry"]),
    required=True,
    help="proxy: post it to a push proxy as Mattermost would. server: let Mattermost send its "
    "own test push. dry: send nothing, show what would go to Apple or Google.",
)
@click.option(
    "--device-file",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True),
    help="A file, or - for standard input, with one device id as Mattermost keeps it: "
    "apple_rn-v2:TOKEN or android_rn-v2:TOKEN.",
)
@click.option(
    "--proxy",
    "proxy_url",
    metavar="URL",
    help="The push proxy; default: the worker that runs here.",
)
@click.option("--mattermost-url", metavar="URL", help="With --via server: the Mattermost server.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["test", "message", "clear", "update_badge", "session"]),
    default="test",
    show_default=True,
    help="What is sent. A test push shows nothing on the phone.",
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="With --via dry: the worker's configuration, ours or upstream's; default: the one that "
    "the console would use.",
)
@click.option(
    "--topic",
    metavar="BUNDLE-ID",
    default="",
    help="With --via dry: the iOS app's topic, instead of the configured one.",
)
@click.option("--control", metavar="PATH", type=click.Path(path_type=Path), envvar="MMPUSH_CONTROL",
              help="The control socket of the worker to follow.")  # fmt: skip
@ca_file_option
@json_option
def command(
    via: str, device_file: Path, proxy_url: str | None, mattermost_url: str | None, kind: str,
    config: Path | None, topic: str, control: Path | None, ca_file: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Send one push to one phone and say where it got to.

    The device id is read from a file, because a device token on a command line is seen by
    every user of the host. Exit code 0: accepted; 1: refused; 3: nobody answered.
    """
    import asyncio

    from mmpush_tui.watching import trial, trial_send

    device = trial.read_device(device_file)
    match via:
        case "dry":
            loaded = _config(config)
            if loaded is None and not topic:
                click.echo(
                    "mmpush-tui: no configuration was found, so app and project are made up. "
                    "Name it with --config FILE.",
                    err=True,
                )
            result = trial.dry(device, kind, trial.aim(device, loaded, topic))
        case "server":
            if not mattermost_url:
                raise UsageError("--via server needs --mattermost-url", code="send-no-server")
            result = asyncio.run(trial_send.via_server(device, mattermost_url, ca_file))
        case _:
            result = asyncio.run(trial_send.via_proxy(device, kind, proxy_url, control, ca_file))
    click.echo(result.to_json() if as_json else result.to_text())
    return int(result.exit_code)


def _config(named: Path | None) -> ProxyConfig | None:
    """Return the configuration that was named, or the usual one where it can be read."""
    try:
        toml = named or find_config()
        return load(worker_config(toml)) if toml else None
    except MmpushError:
        if named is not None:
            raise
        return None
