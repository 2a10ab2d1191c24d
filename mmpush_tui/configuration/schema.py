"""The settings of the worker, each declared once: for both file formats and the environment.

An attribute of a record is a setting, and its ``Field`` follows from it. Keys are ours;
``upstream`` is the name in ``mattermost-push-proxy.json``, whose defaults are kept except where
the design says otherwise.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from mmpush_tui.configuration.setting import fields_of, setting
from mmpush_tui.fields import Field, Kind
from mmpush_tui.findings import Finding
from mmpush_tui.text import Secret

ANSWER_LIMIT_S: Final = 25
"""Mattermost gives up after 30 s; an answer that is to be read must come before."""
_NO_SECRET: Final = Secret("")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppleSettings:
    """One Apple target."""

    type: str = setting("", "Type", "Platform",
        "The platform name in the device ids of this app, apple_rn as a rule.")  # fmt: skip
    topic: str = setting("", "ApplePushTopic", "Topic",
        "The bundle id of the iOS app.")  # fmt: skip
    auth_key_file: str = setting("", "AppleAuthKeyFile", "Key file",
        "The .p8 key with which Apple lets you send.", kind=Kind.PATH)  # fmt: skip
    auth_key_id: str = setting("", "AppleAuthKeyID", "Key ID",
        "The ten characters in the name of the key file.")  # fmt: skip
    team_id: str = setting("", "AppleTeamID", "Team ID",
        "The ten characters of your Apple developer team.")  # fmt: skip
    sandbox: bool = setting(False, "ApplePushUseDevelopment", "Sandbox",
        "Use Apple's sandbox, for apps run from Xcode.")  # fmt: skip
    certificate_file: str = setting("", "ApplePushCertPrivate", "Certificate file",
        "A PEM or .p12 file with certificate and key, instead of a .p8 key.",
        kind=Kind.PATH)  # fmt: skip
    certificate_password: Secret = setting(
        _NO_SECRET, "ApplePushCertPassword", "Certificate password",
        "The password of the certificate's key.")  # fmt: skip
    endpoint: str = setting("", "Endpoint", "Endpoint",
        "https://host[:port] instead of Apple's: a relay, a simulator, or Apple's port 2197.",
        kind=Kind.URL)  # fmt: skip
    proxy: Secret = setting(_NO_SECRET, "Proxy", "Outbound proxy",
        "http://[user:password@]host:port on the way to Apple; none for no proxy. Empty: as "
        "[network] or the environment says.", kind=Kind.URL)  # fmt: skip
    ca_file: str = setting("", "CAFile", "CA file",
        "Certificates trusted for the endpoint beside the system's.", kind=Kind.PATH)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidSettings:
    """One Android target."""

    type: str = setting("", "Type", "Platform",
        "The platform name in the device ids of this app, android_rn as a rule.")  # fmt: skip
    service_account_file: str = setting("", "ServiceFileLocation", "Service account file",
        "The JSON key of a Firebase service account.", kind=Kind.PATH)  # fmt: skip
    endpoint: str = setting("", "Endpoint", "Endpoint",
        "https://host[:port] instead of Google's: a relay or a simulator.",
        kind=Kind.URL)  # fmt: skip
    proxy: Secret = setting(_NO_SECRET, "Proxy", "Outbound proxy",
        "http://[user:password@]host:port on the way to Google; none for no proxy. Empty: as "
        "[network] or the environment says.", kind=Kind.URL)  # fmt: skip
    ca_file: str = setting("", "CAFile", "CA file",
        "Certificates trusted for the endpoint and the token server beside the system's.",
        kind=Kind.PATH)  # fmt: skip


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
    ca_file: str = setting("", "", "CA file",
        "Certificates trusted for every connection beside the system's.",
        kind=Kind.PATH)  # fmt: skip
    proxy: Secret = setting(_NO_SECRET, "", "Outbound proxy",
        "http://[user:password@]host:port on the way out; none for no proxy. Empty: as "
        "HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.", kind=Kind.URL)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyConfig:
    """Everything ``serve`` needs, checked for shape; files it names are not opened yet.

    Attributes:
        path: the file it was read from.
        warnings: what was tolerated; the worker logs each once.
    """

    path: Path
    listen_address: str = setting("127.0.0.1:8086", "ListenAddress", "Listen address",
        "Where Mattermost reaches this proxy: host:port, :port for every interface, or "
        "unix:/path.", kind=Kind.ADDRESS, restart=True)  # fmt: skip
    throttle_per_sec: int = setting(300, "ThrottlePerSec", "Requests per second",
        "How many requests one sender may make in a second.",
        minimum=1, maximum=1_000_000)  # fmt: skip
    throttle_memory_store_size: int = setting(
        50000, "ThrottleMemoryStoreSize", "Senders remembered",
        "For how many senders the throttle keeps a count.",
        minimum=1, maximum=10_000_000)  # fmt: skip
    throttle_vary_by_header: str = setting(
        "", "ThrottleVaryByHeader", "Header that names the sender",
        "Which header tells the throttle who is asking.")  # fmt: skip
    enable_metrics: bool = setting(False, "EnableMetrics", "Metrics",
        "Serve Prometheus metrics at /metrics.", restart=True)  # fmt: skip
    send_timeout_sec: int = setting(30, "SendTimeoutSec", "Answer within, seconds",
        "Mattermost gets its answer within this time, and within 25 seconds in any case, because "
        "it waits 30.", minimum=0, maximum=3600)  # fmt: skip
    retry_timeout_sec: int = setting(8, "RetryTimeoutSec", "One try within, seconds",
        "How long one try to reach Apple or Google may take.",
        minimum=0, maximum=3600)  # fmt: skip
    enable_console_log: bool = setting(True, "EnableConsoleLog", "Log to standard error",
        "Write log lines to standard error.", restart=True)  # fmt: skip
    enable_file_log: bool = setting(False, "EnableFileLog", "Log to a file",
        "Write log lines to the log file too.", restart=True)  # fmt: skip
    log_file_location: str = setting("", "LogFileLocation", "Log file",
        "The log file, where logging to a file is on.", kind=Kind.PATH, restart=True)  # fmt: skip
    log_format: str = setting("plain", "LogFormat", "Log format",
        "How log lines look.", choices=("plain", "json"), restart=True)  # fmt: skip
    log_level: str = setting("info", "LogLevel", "Log level",
        "The least severe lines that are written.",
        choices=("debug", "info", "warn", "error"), restart=True)  # fmt: skip
    log_file_max_mb: int = setting(100, "LogFileMaxMB", "Log file size, MB",
        "The log file is put aside and begun anew at this size; 0 leaves that to others.",
        minimum=0, maximum=100_000, restart=True)  # fmt: skip
    log_files_kept: int = setting(5, "LogFilesKept", "Old log files",
        "How many log files that were put aside are kept.",
        minimum=0, maximum=1000, restart=True)  # fmt: skip
    trusted_proxies: tuple[str, ...] = setting((), "TrustedProxies", "Trusted proxies",
        "Addresses or networks of reverse proxies in front of this one; only what they say of "
        "the sender's address is believed.")  # fmt: skip
    throttle_store: Secret = setting(_NO_SECRET, "ThrottleStore", "Throttle store",
        "redis://host:port/0 where several workers share one limit; empty counts in "
        "memory.")  # fmt: skip
    allowed_addresses: tuple[str, ...] = setting((), "AllowedAddresses", "Allowed addresses",
        "Addresses or networks that may ask; empty lets everybody.")  # fmt: skip
    allowed_server_ids: tuple[str, ...] = setting((), "AllowedServerIDs", "Allowed servers",
        "Ids of the Mattermost servers whose pushes are taken; empty takes all.")  # fmt: skip
    access_user: str = setting("", "AccessUser", "User",
        "With a password, what Mattermost must send: https://user:password@host.")  # fmt: skip
    access_password: Secret = setting(_NO_SECRET, "AccessPassword", "Password",
        "The password to the user.")  # fmt: skip
    path_prefix: Secret = setting(_NO_SECRET, "PathPrefix", "Secret path",
        "What stands in front of /api/v1 in the address that Mattermost is given.")  # fmt: skip
    signature_key_file: str = setting("", "SignatureKeyFile", "Server's public key",
        "The Mattermost server's AsymmetricSigningPublicKey; with it, every push must bear that "
        "server's signature.", kind=Kind.PATH)  # fmt: skip
    unsigned_pushes: str = setting("test", "UnsignedPushes", "Unsigned pushes",
        "What becomes of a push without a signature where signatures are verified; test takes "
        "test pushes alone.", choices=("refuse", "test", "accept"))  # fmt: skip
    tls_certificate_file: str = setting("", "TLSCertificateFile", "TLS certificate",
        "A PEM file with the certificate of this proxy and its chain; with it, Mattermost must "
        "use https://.", kind=Kind.PATH)  # fmt: skip
    tls_key_file: str = setting("", "TLSKeyFile", "TLS key",
        "The PEM file of its key, where that is not in the certificate's file.",
        kind=Kind.PATH)  # fmt: skip
    connection_limit: int = setting(1000, "ConnectionLimit", "Connections",
        "How many senders may be connected at once.", minimum=1, maximum=100_000)  # fmt: skip
    in_flight_limit: int = setting(1000, "InFlightLimit", "Pushes under way",
        "How many pushes may be under way to one target; further ones are refused at once.",
        minimum=1, maximum=100_000)  # fmt: skip
    dedupe_sec: int = setting(0, "DedupeSec", "Same push again, seconds",
        "A push that comes twice within this time is sent once; 0 sends both.",
        minimum=0, maximum=3600)  # fmt: skip
    remove_guard: bool = setting(True, "RemoveGuard", "Guard against mass removal",
        "Hold REMOVE answers back while Apple or Google refuse every device for a reason that a "
        "wrong topic, environment or project has too.")  # fmt: skip
    journal: bool = setting(True, "Journal", "Delivery journal",
        "Keep what became of each push in a database; no texts, names or tokens.",
        restart=True)  # fmt: skip
    journal_file: str = setting("", "JournalFile", "Journal file",
        "The database, instead of one in the state folder.",
        kind=Kind.PATH, restart=True)  # fmt: skip
    journal_days: int = setting(14, "JournalDays", "Days in the journal",
        "How long a delivery is kept.", minimum=1, maximum=3650, restart=True)  # fmt: skip
    journal_rows: int = setting(200_000, "JournalRows", "Deliveries in the journal",
        "How many deliveries are kept.", minimum=1000, maximum=100_000_000,
        restart=True)  # fmt: skip
    watch_files: bool = setting(True, "WatchFiles", "Reload on change",
        "Read configuration and credentials again when one of their files changes.")  # fmt: skip
    apple: tuple[AppleSettings, ...]
    android: tuple[AndroidSettings, ...]
    network: NetworkSettings
    warnings: tuple[Finding, ...]

    @property
    def answer_within_s(self) -> float:
        """Seconds until Mattermost must have its answer."""
        return float(min(self.send_timeout_sec or 30, ANSWER_LIMIT_S))

    @property
    def try_within_s(self) -> float:
        """Seconds one try to reach Apple or Google may take."""
        return min(float(self.retry_timeout_sec or 8), self.answer_within_s)

    def paths(self) -> list[tuple[str, Field]]:
        """Return the files that are named, each with the setting that names it."""
        records: list[tuple[object, tuple[Field, ...]]] = [(self, PROXY), (self.network, NETWORK)]
        records += [(target, APPLE) for target in self.apple]
        records += [(target, ANDROID) for target in self.android]
        return [
            (path, field) for record, fields in records for field in fields
            if field.kind is Kind.PATH and (path := getattr(record, field.name))
        ]  # fmt: skip


PROXY: Final = fields_of(ProxyConfig, "proxy")
APPLE: Final = fields_of(AppleSettings, "proxy.apple", has_env=False)
ANDROID: Final = fields_of(AndroidSettings, "proxy.android", has_env=False)
NETWORK: Final = fields_of(NetworkSettings, "network")

WORKER_CONFIG: Final = Field(
    key="console.worker_config",
    label="Worker configuration",
    help="An upstream mattermost-push-proxy.json that is used as it is, in place of this file's "
    "[proxy] table.",
    kind=Kind.PATH,
    default="",
    env="MMPUSH_CONSOLE__WORKER_CONFIG",
)
"""The table ``[console]`` of our file."""

OBSOLETE: Final = {
    "androidapikey": "Google's legacy API is gone since 2024; ServiceFileLocation replaces it",
    "loggingcfgfile": "logs go to standard error and to LogFileLocation here",
    "loggingcfgjson": "logs go to standard error and to LogFileLocation here",
}
"""Upstream keys without a meaning today, in lower case, with the reason for their one warning."""

_OURS: Final = {
    field.upstream: field.name
    for field in (*PROXY, *APPLE, *ANDROID)
    # The others are words of everyday language, such as Type.
    if sum(letter.isupper() for letter in field.upstream) > 1
}
_UPSTREAM: Final = re.compile(rf"\b(?:{'|'.join(_OURS)})\b")


def in_words_of(path: Path, text: str) -> str:
    """Return ``text`` with settings named as the configuration file at ``path`` names them.

    Sentences about credentials are written with upstream's names, which our TOML does not know.
    """
    if path.suffix != ".toml":
        return text
    return _UPSTREAM.sub(lambda match: _OURS[match[0]], text)


def in_words_of_file(path: Path, finding: Finding) -> Finding:
    """Return ``finding`` with its texts as :func:`in_words_of` has them."""
    return msgspec.structs.replace(
        finding,
        message=in_words_of(path, finding.message),
        why=tuple(in_words_of(path, clause) for clause in finding.why),
        fix=in_words_of(path, finding.fix),
    )
