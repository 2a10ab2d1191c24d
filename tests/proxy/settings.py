"""Configurations of a worker, as a test writes them."""

import dataclasses
from pathlib import Path
from typing import Any

from mmpush_tui.configuration.config import NetworkSettings, ProxyConfig, load


def proxy_config(folder: Path, text: str) -> ProxyConfig:
    """Return what ``text`` under ``[proxy]`` says, written to ``folder``."""
    path = folder / "c.toml"
    path.write_text(f"[proxy]\n{text}\n")
    path.chmod(0o600)
    return load(path, {})


def default_config(**changes: Any) -> ProxyConfig:
    """Return what holds where nothing but ``changes`` is set, without a file."""
    network = NetworkSettings(connect_to={})
    config = ProxyConfig(path=Path("c.toml"), apple=(), android=(), network=network, warnings=())
    return dataclasses.replace(config, **changes)
