"""The worker's configuration: our TOML, or an upstream ``mattermost-push-proxy.json``."""

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmpush_tui.configuration import document as documents
from mmpush_tui.configuration.document import Document
from mmpush_tui.configuration.problems import Problems
from mmpush_tui.configuration.schema import (
    ANDROID,
    ANSWER_LIMIT_S,
    APPLE,
    NETWORK,
    PROXY,
    AndroidSettings,
    AppleSettings,
    NetworkSettings,
    ProxyConfig,
)
from mmpush_tui.fields import Field, Kind, field_words
from mmpush_tui.findings import Severity
from mmpush_tui.text import Secret

# Whoever loads a configuration finds its records here, too.
__all__ = [
    "ANSWER_LIMIT_S", "AndroidSettings", "AppleSettings", "NetworkSettings", "ProxyConfig",
    "convert_document", "load", "network_of",
]  # fmt: skip


def load(path: Path, environment: Mapping[str, str] | None = None) -> ProxyConfig:
    """Read the configuration file at ``path``, in either format.

    Args:
        path: a file that ends in ``.toml`` is ours, every other is upstream's JSON.
        environment: where ``MMPUSH_SECTION__KEY`` overrides are looked for; default the
            process environment.

    Raises:
        ConfigError: the file cannot be read or parsed, or a value is not what it must be. The
            message names file and line or key, never the file's content.
    """
    return convert_document(
        documents.read_document(path), os.environ if environment is None else environment
    )


def convert_document(
    document: Document, environment: Mapping[str, str], problems: Problems | None = None
) -> ProxyConfig:
    """Return what a configuration file says.

    Args:
        document: the file.
        environment: where overrides are looked for.
        problems: told of everything that is wrong; default one that raises the first failure.

    Raises:
        ConfigError: a value is not what it must be, and ``problems`` is strict.
    """
    # At a call: the formats are of no use to those who only name a record.
    from mmpush_tui.configuration.formats import values_in

    problems = Problems() if problems is None else problems
    for finding in document.warnings:
        problems.add(finding)
    values = values_in(document, environment, problems)
    _settle(document.path, values, problems)
    apple = tuple(AppleSettings(**_typed(entry, APPLE)) for entry in values.pop("apple"))
    android = tuple(AndroidSettings(**_typed(entry, ANDROID)) for entry in values.pop("android"))
    return ProxyConfig(
        path=document.path,
        apple=apple,
        android=android,
        network=NetworkSettings(**_typed(values.pop("network"), NETWORK)),
        warnings=tuple(it for it in problems.findings if it.severity is Severity.WARN),
        **_typed(values, PROXY),
    )


def network_of(source: Path | Document | None, environment: Mapping[str, str]) -> NetworkSettings:
    """Return how our file wants connections made, whatever else is in it.

    Args:
        source: the file, where there is one.
        environment: where overrides are looked for.

    Raises:
        ConfigError: its table ``[network]`` cannot be read.
    """
    from mmpush_tui.configuration.formats import network_values

    values = network_values(documents.our_document(source), Problems())
    for field in NETWORK:
        if text := environment.get(field.env, ""):
            values[field.name] = text
    return NetworkSettings(**_typed(values, NETWORK))


def _settle(path: Path, values: dict[str, Any], problems: Problems) -> None:
    """Bring settings together that bear on each other, and warn of what they do."""
    if values["retry_timeout_sec"] > (values["send_timeout_sec"] or 30):
        problems.warn(
            "config-retry-timeout",
            "RetryTimeoutSec is longer than SendTimeoutSec; one try ends with the answer's time",
        )
    _warn_of_readable_secrets(path, values, problems)
    if values["enable_file_log"] and not values["log_file_location"]:
        problems.warn(
            "config-log-file",
            "EnableFileLog is set without a LogFileLocation; no log file is written",
        )
        values["enable_file_log"] = False
    # With both logs off, the reference proxy switches this one on.
    values["enable_console_log"] |= not values["enable_file_log"]


def _warn_of_readable_secrets(path: Path, values: dict[str, Any], problems: Problems) -> None:
    """Warn of each file with a secret that every user of this host can read."""
    names = [entry["auth_key_file"] for entry in values["apple"]]
    names += [entry["certificate_file"] for entry in values["apple"]]
    names += [entry["service_account_file"] for entry in values["android"]]
    if values["tls_certificate_file"]:
        names.append(values["tls_key_file"] or values["tls_certificate_file"])
    tables = [(values, PROXY)]
    tables += [(entry, APPLE) for entry in values["apple"]]
    tables += [(entry, ANDROID) for entry in values["android"]]
    if any(table[field.name] for table, fields in tables for field in fields if field.secret):
        names.append(str(path))
    for name in dict.fromkeys(filter(None, names)):
        try:
            is_open = bool(os.stat(name).st_mode & stat.S_IROTH)
        except (OSError, ValueError):
            continue
        if is_open:
            problems.warn(
                "config-secret-readable",
                f"{name} holds a secret that every user of this host can read: `chmod o-r {name}`",
            )


def _typed(values: Mapping[str, Any], fields: Sequence[Field]) -> dict[str, Any]:
    """Return ``values`` with secrets that do not show themselves and lists as tuples."""
    typed = dict(values)
    for field in fields:
        if field.secret:
            typed[field.name] = Secret(typed[field.name])
        elif field.kind is Kind.LIST:
            typed[field.name] = field_words(typed[field.name])
    return typed
