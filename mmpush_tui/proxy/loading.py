"""A configuration and everything that is read with it, at the start and again on reload."""

import dataclasses
import ssl
from collections.abc import Callable
from pathlib import Path

from mmpush_tui.configuration import config as configuration
from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.proxy.apple.token_store import TokenStore
from mmpush_tui.proxy.delivery.push_access import PushAccess
from mmpush_tui.proxy.door.gate import Gate, header_warning
from mmpush_tui.proxy.door.tls import server_context
from mmpush_tui.proxy.exposure import wildcard_warning
from mmpush_tui.proxy.targets import Targets


@dataclasses.dataclass(frozen=True, slots=True)
class LoadedConfig:
    """What a worker works with.

    Attributes:
        config: the configuration.
        targets: where pushes go.
        gate: what requests pass first.
        access: which pushes are taken.
        tls: of the listening port; None without.
    """

    config: ProxyConfig
    targets: Targets
    gate: Gate
    access: PushAccess
    tls: ssl.SSLContext | None

    def warnings(self) -> list[str]:
        """Return a sentence for everything that was tolerated and should be seen."""
        sentences = [it.message for it in self.config.warnings]
        exposed = wildcard_warning(self.config, self.gate.access, self.access)
        sentences += filter(None, (exposed, header_warning(self.config)))
        sentences += [it.message for it in self.targets.warnings]
        disabled = self.targets.disabled.values()
        sentences += [
            f"target {it.type} cannot send: {it.reason}" for it in disabled if not it.is_blank
        ]
        if blank := [it.type for it in disabled if it.is_blank]:
            sentences.append(f"targets left blank in the configuration: {', '.join(blank)}")
        if not self.targets.ready:
            sentences.append("no target can send; every push will be refused")
        return sentences


def load_worker_files(
    path: Path,
    listen_address: str | None,
    store: TokenStore | None,
    complain: Callable[[str], None],
    old: Targets | None = None,
) -> LoadedConfig:
    """Return what the files of one worker say now. Reads files: not for the event loop.

    Args:
        path: the configuration file.
        listen_address: what outranks the configured address.
        store: keeps Apple's provider tokens across restarts.
        complain: told in a sentence of trouble with the throttle's store.
        old: the targets so far, whose tokens serve on where they can.

    Raises:
        ConfigError: they cannot be read or obeyed. A target that cannot send is no reason.
    """
    config = configuration.load(path)
    if listen_address:
        config = dataclasses.replace(config, listen_address=listen_address)
    gate = Gate.from_config(config, complain)
    access = PushAccess(config)
    tls = server_context(config)
    return LoadedConfig(config, Targets.build(config, old, store), gate, access, tls)
