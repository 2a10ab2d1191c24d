"""``mmpush-tui serve``: the push proxy worker, headless."""

from pathlib import Path

import click


@click.command("serve")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    help="Our TOML file, or an upstream mattermost-push-proxy.json as it is. Without it, the file "
    "that the guided set-up wrote, or /etc/mmpush-tui/config.toml.",
)
@click.option(
    "--listen",
    metavar="ADDR",
    help="Listen here instead: host:port, :port for every interface, or unix:/path.",
)
@click.option(
    "--control",
    "control_path",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Where the control socket is made, instead of the state folder.",
)
@click.option("--until-eof", is_flag=True, hidden=True)
def command(
    config_path: Path | None, listen: str | None, control_path: Path | None, until_eof: bool
) -> int:
    """Run the push proxy worker until SIGTERM or SIGINT.

    The only line on standard output says where it listens, once it does. Logs go to standard
    error. SIGTERM and SIGINT let it answer everything under way and exit 0; a second one makes
    it stop at once. SIGHUP reads configuration and credentials again and keeps the old ones
    where the new are bad.
    """
    from mmpush_tui.configuration.locations import chosen_config
    from mmpush_tui.proxy.serving import serve

    config = chosen_config(
        config_path, "Name it with --config FILE, or let mmpush-tui ask for what it needs."
    )
    return int(serve(config, listen, control_path, until_eof=until_eof))
