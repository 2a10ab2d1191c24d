"""What the checks know of Mattermost: its settings, its licence, its log, and how it answers."""

import asyncio
import json
import os
import socket
from collections.abc import Mapping
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click
from msgspec import structs

from mmpush_tui.checks.mattermost_log import of_config
from mmpush_tui.checks.plan.outbound import is_loopback
from mmpush_tui.checks.plan.plan import PlanContext
from mmpush_tui.commands.source import source_at
from mmpush_tui.configuration.document import Document
from mmpush_tui.errors import ConfigError, MmpushError
from mmpush_tui.findings import Finding, passed
from mmpush_tui.settings.page import Licence, Page
from mmpush_tui.settings.sources import rewrite
from mmpush_tui.settings.sources.config_file import ConfigFile
from mmpush_tui.settings.sources.locate import Named, choose_source
from mmpush_tui.settings.sources.source import Loaded
from mmpush_tui.tasks import beside

_OWN_NAME_S: Final = 1.0


async def ask_mattermost(
    named: Path | None, toml: Document | None, connect_to: Mapping[str, str], ca_file: Path | None,
    timeout_s: float,
) -> tuple[Page | None, str, PlanContext]:  # fmt: skip
    """Return Mattermost's push settings, its own address, and what else is known of it.

    Settings that cannot be read are None, and an address that is not known is empty.

    Raises:
        ConfigError: a file of settings that is there, or was named, cannot be used.
    """
    url, local = "", None
    try:
        async with asyncio.timeout(timeout_s):
            wanted = Named(config_file=named, ca_file=ca_file)
            chosen = await beside("choose", choose_source, wanted, toml, os.environ)
            url, local = chosen.url, chosen.local_socket
            if chosen.config_file is None:
                loaded = await _load_from_server(chosen, toml, connect_to)
                around = PlanContext(
                    licence=loaded.licence if loaded else Licence(),
                    is_elsewhere=bool(url) and not await _is_here(url),
                    local=passed(f"Mattermost answers on {local}") if local else None,
                )
                return loaded.page if loaded else None, url, around
            read = await ConfigFile(chosen.config_file).load()
            site_url = await beside("site-url", _site_url, chosen.config_file)
            log = await beside("log", of_config, chosen.config_file)
            return read.page, site_url, PlanContext(licence=read.licence, log=log)
    except TimeoutError:
        _pass_over(f"Mattermost's settings could not be read within {timeout_s:g} s.")
    except MmpushError as error:
        if local is not None:
            return None, url, PlanContext(local=_refused(error.finding))
        if named is not None or not (url or error.code == "mattermost-config-database"):
            raise
        _pass_over(error.line())
    return None, url, PlanContext()


def _refused(finding: Finding) -> Finding:
    summary = f"{finding.message[:1].upper()}{finding.message[1:]}."
    return structs.replace(finding, see="mattermost-local-socket", summary=summary)


async def _is_here(url: str) -> bool:
    """Return whether an address is one of this host's by its name; true where that is not known."""
    host = urlsplit(url).hostname or ""
    if is_loopback(host) or host == socket.gethostname():
        return True
    try:
        # Name servers are asked for the whole name, and may not answer.
        async with asyncio.timeout(_OWN_NAME_S):
            return host == await beside("own-name", socket.getfqdn)
    except TimeoutError:
        return True


async def _load_from_server(
    chosen: Named, toml: Document | None, connect_to: Mapping[str, str]
) -> Loaded | None:
    """Return the settings as a running server tells them."""
    opened = partial(source_at, chosen, toml, Licence(), may_ask=False, connect_to=connect_to)
    source = await beside("source", opened)
    if source is None:
        return None
    async with aclosing(source):
        return await source.load()


def _pass_over(sentence: str) -> None:
    """Say why there are no settings: everything else can be checked without."""
    click.echo(f"mmpush-tui: {sentence}", err=True)


def _site_url(path: Path) -> str:
    """Return ``ServiceSettings.SiteURL`` of a file that was found to be good."""
    try:
        document: Any = json.loads(rewrite.read_config_file(path).data.decode("utf-8-sig"))
    except (ConfigError, ValueError):
        # It was there a moment ago; without it the server's own address is just not known.
        return ""
    section = document.get("ServiceSettings") if isinstance(document, dict) else None
    stored = section.get("SiteURL") if isinstance(section, dict) else ""
    url = os.environ.get("MM_SERVICESETTINGS_SITEURL", stored)
    return url if isinstance(url, str) else ""
