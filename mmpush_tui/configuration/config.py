"""The worker's configuration: our TOML, or an upstream ``mattermost-push-proxy.json``."""

import os
import stat
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mmpush_tui.configuration.schema import ANDROID, APPLE, NETWORK, PROXY
from mmpush_tui.errors import ConfigError
from mmpush_tui.fields import Field, Kind, field_words
from mmpush_tui.text import Secret

ANSWER_LIMIT_S: Final = 25
"""Mattermost gives up after 30 s; an answer that is to be read must come before."""
_SIZE_LIMIT: Final = 1024 * 1024
_NO_SECRET: Final = Secret("")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleSettings:
    """One Apple target; the fields are those of ``config_fields.APPLE``."""

    type: str
    topic: str
    auth_key_file: str
    auth_key_id: str
    team_id: str
    sandbox: bool
    certificate_file: str
    certificate_password: Secret
    endpoint: str
    proxy: Secret
    ca_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidSettings:
    """One Android target; the fields are those of ``config_fields.ANDROID``."""

    type: str
    service_account_file: str
    endpoint: str
    proxy: Secret
    ca_file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """How outgoing connections are made.

    Attributes:
        connect_to: ``host:port`` to ``addr:port``, as curl's --connect-to: the connection goes
            to the second while name and certificate stay those of the first.
        ca_file: PEM file of further trusted roots, or empty.
        proxy: address of the outbound proxy, ``none``, or empty for what the environment says.
    """

    connect_to: Mapping[str, str]
    ca_file: str
    proxy: Secret = _NO_SECRET


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyConfig:
    """Everything ``serve`` needs, checked for shape; files it names are not opened yet.

    Attributes:
        path: the file it was read from.
        warnings: sentences about what was tolerated; the worker logs each once.
    """

    path: Path
    listen_address: str
    throttle_per_sec: int
    throttle_memory_store_size: int
    throttle_vary_by_header: str
    enable_metrics: bool
    send_timeout_sec: int
    retry_timeout_sec: int
    enable_console_log: bool
    enable_file_log: bool
    log_file_location: str
    log_format: str
    log_level: str
    log_file_max_mb: int
    log_files_kept: int
    trusted_proxies: tuple[str, ...]
    throttle_store: Secret
    allowed_addresses: tuple[str, ...]
    allowed_server_ids: tuple[str, ...]
    access_user: str
    access_password: Secret
    path_prefix: Secret
    signature_key_file: str
    unsigned_pushes: str
    tls_certificate_file: str
    tls_key_file: str
    connection_limit: int
    in_flight_limit: int
    dedupe_sec: int
    remove_guard: bool
    journal: bool
    journal_file: str
    journal_days: int
    journal_rows: int
    watch_files: bool
    apple: tuple[AppleSettings, ...]
    android: tuple[AndroidSettings, ...]
    network: NetworkSettings
    warnings: tuple[str, ...]

    @property
    def answer_within_s(self) -> float:
        """Seconds until Mattermost must have its answer."""
        return float(min(self.send_timeout_sec or 30, ANSWER_LIMIT_S))

    @property
    def try_within_s(self) -> float:
        """Seconds one try to reach Apple or Google may take."""
        return min(float(self.retry_timeout_sec or 8), self.answer_within_s)


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
    text, warnings = read_text(path)
    return parse(text, path, os.environ if environment is None else environment, warnings)


def network_of(path: Path | None, environment: Mapping[str, str]) -> NetworkSettings:
    """Return how our file at ``path`` wants connections made, whatever else is in it.

    Args:
        path: the file, where there is one.
        environment: where overrides are looked for.

    Raises:
        ConfigError: its table ``[network]`` cannot be read.
    """
    from mmpush_tui.configuration import formats as config_files

    values = config_files.no_network()
    if path is not None and path.suffix == ".toml":
        text, _warnings = read_text(path)
        try:
            document = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{path}", why="this is no TOML", code="config-syntax") from error
        values = config_files.network_values(document, path)
    for field in NETWORK:
        if text := environment.get(field.env, ""):
            values[field.name] = text
    return NetworkSettings(**_typed(values, NETWORK))


def parse(
    text: str, path: Path, environment: Mapping[str, str], warnings: list[str]
) -> ProxyConfig:
    """Return what the file at ``path`` says when ``text`` is in it; the file may not exist yet.

    Raises:
        ConfigError: as :func:`load`.
    """
    from mmpush_tui.configuration import formats as config_files

    read = config_files.parse_toml if path.suffix == ".toml" else config_files.parse_upstream
    return _assemble(path, read(text, path, environment, warnings), warnings)


def read_text(path: Path) -> tuple[str, list[str]]:
    """Return the text of the configuration file at ``path``, and warnings about the file itself.

    Raises:
        ConfigError: it cannot be read, is too large, or is no UTF-8.
    """
    warnings: list[str] = []
    try:
        # Not files.read_plain: a configuration may come through a pipe, as from a program that
        # decrypts it. So this may wait for its writer; whoever calls has a deadline.
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(_SIZE_LIMIT + 1)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: there is no such file",
            fix="Name the configuration file with --config.",
            code="config-missing",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read", why=error.strerror or str(error), code="config-unreadable"
        ) from error
    if len(data) > _SIZE_LIMIT:
        raise ConfigError(f"{path}: larger than 1 MiB, so it is no configuration file")
    if status.st_mode & stat.S_IWOTH:
        warnings.append(f"{path} can be changed by every user of this host: chmod o-w {path}")
    try:
        return data.decode("utf-8-sig"), warnings
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: expected UTF-8 text") from error


def _readable_secrets(path: Path, values: dict[str, Any]) -> list[str]:
    """Return a warning for each file with a secret that every user of this host can read."""
    names = [entry["auth_key_file"] for entry in values["apple"]]
    names += [entry["certificate_file"] for entry in values["apple"]]
    names += [entry["service_account_file"] for entry in values["android"]]
    if values["tls_certificate_file"]:
        names.append(values["tls_key_file"] or values["tls_certificate_file"])
    secrets = [values[field.name] for field in PROXY if field.secret]
    secrets += [entry["certificate_password"] for entry in values["apple"]]
    secrets += [entry["proxy"] for entry in (*values["apple"], *values["android"])]
    if any(secrets):
        names.append(str(path))
    warnings = []
    for name in dict.fromkeys(filter(None, names)):
        try:
            is_open = bool(os.stat(name).st_mode & stat.S_IROTH)
        except (OSError, ValueError):
            continue
        if is_open:
            warnings.append(
                f"{name} holds a secret that every user of this host can read: chmod o-r {name}"
            )
    return warnings


def _assemble(path: Path, values: dict[str, Any], warnings: list[str]) -> ProxyConfig:
    if values["retry_timeout_sec"] > (values["send_timeout_sec"] or 30):
        warnings.append(
            "RetryTimeoutSec is longer than SendTimeoutSec; one try ends with the answer's time"
        )
    warnings += _readable_secrets(path, values)
    if values["enable_file_log"] and not values["log_file_location"]:
        warnings.append("EnableFileLog is set without a LogFileLocation; no log file is written")
        values["enable_file_log"] = False
    # With both logs off, the reference proxy switches this one on.
    values["enable_console_log"] |= not values["enable_file_log"]
    apple = tuple(AppleSettings(**_typed(entry, APPLE)) for entry in values.pop("apple"))
    android = tuple(AndroidSettings(**_typed(entry, ANDROID)) for entry in values.pop("android"))
    return ProxyConfig(
        path=path,
        apple=apple,
        android=android,
        network=NetworkSettings(**_typed(values.pop("network"), NETWORK)),
        warnings=tuple(warnings),
        **_typed(values, PROXY),
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
