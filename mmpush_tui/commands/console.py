"""``mmpush-tui`` alone: the console."""

import os
from pathlib import Path

from mmpush_tui.commands.options import SourceOptions
from mmpush_tui.commands.source import named_source, parse_licence, source_at
from mmpush_tui.configuration import config as configuration
from mmpush_tui.configuration.locations import find_config, worker_config
from mmpush_tui.console.launch import launch
from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.errors import MmpushError
from mmpush_tui.protocol import paths
from mmpush_tui.settings.sources.locate import Named, choose_source


def open_console(
    config: Path | None, options: SourceOptions, control: Path | None,
    *, remote: bool | None, mouse: bool,
) -> int:  # fmt: skip
    """Open the console on what was named, or else on what is found on this host.

    With nothing named and nothing found it begins with the guided setup.

    Raises:
        MmpushError: what was named cannot be used, or there is no terminal for it.
    """
    toml = config or find_config()
    if config is not None:
        configuration.load(config)
    config = worker_config(toml) if toml is not None else None
    licence, named = parse_licence(options.licence), named_source(options)
    chosen, source, problem = Named(), None, ""
    try:
        chosen = choose_source(named, toml, os.environ)
        if not chosen.config_file:
            source = source_at(chosen, toml, licence, may_ask=True)
    except MmpushError as error:
        if named.is_given:
            raise
        # The worker and the checks are of use without it.
        problem = error.line()
    is_new = (
        config is None and not chosen.is_given and control is None and not paths.running_workers()
    )
    console_options = ConsoleOptions(
        config=config,
        mattermost_config=chosen.config_file,
        mattermost_problem=problem,
        source=source,
        control=control,
        licence=licence,
        first_screen="setup" if is_new else "overview",
    )
    return int(launch(console_options, remote=remote, mouse=mouse))
