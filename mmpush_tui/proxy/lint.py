"""Everything that is wrong with a configuration and its credentials, each with its remedy.

The worker says the same when it starts; here it is said without one. Reads files.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy import config as configuration
from mmpush_tui.proxy.access import Access, wildcard_warning
from mmpush_tui.proxy.config import ProxyConfig
from mmpush_tui.proxy.gate import Gate, header_warning
from mmpush_tui.proxy.listener_tls import server_context
from mmpush_tui.proxy.targets import Targets

_KEY_FILE: Final = re.compile(r"AuthKey_([A-Z0-9]{10})(?:\D.*)?\.p8", re.ASCII)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong.

    Attributes:
        severity: ``error`` where something will not work, ``warn`` where it should not stay so.
        target: the configured type it is about; empty for the worker as a whole.
        code: a stable name.
        message: what, why, and what to do.
    """

    severity: Literal["error", "warn"]
    target: str = ""
    code: str
    message: str


def lint(path: Path, environment: Mapping[str, str]) -> tuple[ProxyConfig, list[Finding]]:
    """Return the configuration at ``path`` and what is wrong with it, errors first.

    Args:
        path: our file or upstream's.
        environment: where overrides and proxies are looked for.

    Raises:
        ConfigError: it cannot be read or parsed at all.
    """
    config = configuration.load(path, environment)
    found = [
        Finding(severity="warn", code="config", message=sentence) for sentence in config.warnings
    ]
    for attempt in (_gate, server_context):
        found += _failure(attempt, config)
    if not (config.apple or config.android):
        words = "no target is configured, so no push can be sent"
        found.append(Finding(severity="error", code="no-targets", message=words))
    targets = Targets.build(config, environment=environment)
    for disabled in targets.disabled.values():
        severity: Literal["error", "warn"] = "warn" if disabled.is_blank else "error"
        found.append(
            Finding(
                severity=severity, target=disabled.type, code=disabled.code,
                message=disabled.reason,
            )
        )  # fmt: skip
    found += [
        Finding(severity="warn", code="certificate", message=words) for words in targets.warnings
    ]
    found += _misnamed(config)
    return config, sorted(found, key=lambda it: it.severity)


def _gate(config: ProxyConfig) -> None:
    Gate.from_config(config, _ignore, _ignore)


def _failure(attempt: Callable[[ProxyConfig], object], config: ProxyConfig) -> list[Finding]:
    try:
        attempt(config)
    except ConfigError as error:
        return [Finding(severity="error", code=error.code, message=error.line())]
    if attempt is not _gate:
        return []
    access = Access.from_config(config)
    sentences = {
        "wildcard": wildcard_warning(config, access), "throttle-header": header_warning(config),
    }  # fmt: skip
    return [
        Finding(severity="warn", code=code, message=sentence)
        for code, sentence in sentences.items()
        if sentence
    ]


def _misnamed(config: ProxyConfig) -> list[Finding]:
    """Return a warning for each key whose file bears another key's id: Apple names them so."""
    found = []
    for apple in config.apple:
        named = _KEY_FILE.fullmatch(Path(apple.auth_key_file).name)
        if named and apple.auth_key_id and named[1] != apple.auth_key_id:
            is_swapped = named[1] == apple.team_id
            words = (
                f"key id and team id of {apple.type} are swapped: the key's file is named for "
                f"{named[1]}"
                if is_swapped
                else f"the key file of {apple.type} is named for the key id {named[1]}, and its "
                f"key id is {apple.auth_key_id}; Apple will refuse it unless the file was renamed"
            )
            found.append(
                Finding(severity="warn", target=apple.type, code="apple-key-id", message=words)
            )
    return found


def _ignore(_text: str) -> None:
    return
