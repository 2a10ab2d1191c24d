"""The settings of the worker: one record each, for both configuration formats.

Keys are ours; ``upstream`` is the name in ``mattermost-push-proxy.json``, whose defaults are
kept except where the design says otherwise.
"""

import re
from pathlib import Path
from typing import Final

import msgspec

from mmpush_tui.fields import Choice, Field, Kind
from mmpush_tui.findings import Finding


def _field(
    key: str, upstream: str, kind: Kind, default: str | int | bool, label: str, text: str,
    *, choices: tuple[Choice, ...] = (), minimum: int | None = None, maximum: int | None = None,
    secret: bool = False, restart: bool = False, env: bool = True,
) -> Field:  # fmt: skip
    name = "MMPUSH_" + key.upper().replace(".", "__") if env else ""
    return Field(
        key=key, label=label, help=text, kind=kind, default=default, choices=choices,
        minimum=minimum, maximum=maximum, env=name, upstream=upstream, secret=secret,
        restart=restart,
    )  # fmt: skip


def _choices(*values: str) -> tuple[Choice, ...]:
    return tuple(Choice(value=value, label=value) for value in values)


PROXY: Final = (
    _field("proxy.listen_address", "ListenAddress", Kind.ADDRESS, "127.0.0.1:8086",
           "Listen address", "Where Mattermost reaches this proxy: host:port, :port for every "
           "interface, or unix:/path.", restart=True),
    _field("proxy.throttle_per_sec", "ThrottlePerSec", Kind.INTEGER, 300,
           "Requests per second", "How many requests one sender may make in a second.",
           minimum=1, maximum=1_000_000),
    _field("proxy.throttle_memory_store_size", "ThrottleMemoryStoreSize", Kind.INTEGER, 50000,
           "Senders remembered", "For how many senders the throttle keeps a count.",
           minimum=1, maximum=10_000_000),
    _field("proxy.throttle_vary_by_header", "ThrottleVaryByHeader", Kind.TEXT, "",
           "Header that names the sender", "Which header tells the throttle who is asking."),
    _field("proxy.enable_metrics", "EnableMetrics", Kind.BOOLEAN, False,
           "Metrics", "Serve Prometheus metrics at /metrics."),
    _field("proxy.send_timeout_sec", "SendTimeoutSec", Kind.INTEGER, 30,
           "Answer within, seconds", "Mattermost gets its answer within this time, and within "
           "25 seconds in any case, because it waits 30.", minimum=0, maximum=3600),
    _field("proxy.retry_timeout_sec", "RetryTimeoutSec", Kind.INTEGER, 8,
           "One try within, seconds", "How long one try to reach Apple or Google may take.",
           minimum=0, maximum=3600),
    _field("proxy.enable_console_log", "EnableConsoleLog", Kind.BOOLEAN, True,
           "Log to standard error", "Write log lines to standard error."),
    _field("proxy.enable_file_log", "EnableFileLog", Kind.BOOLEAN, False,
           "Log to a file", "Write log lines to the log file too."),
    _field("proxy.log_file_location", "LogFileLocation", Kind.PATH, "",
           "Log file", "The log file, where logging to a file is on."),
    _field("proxy.log_format", "LogFormat", Kind.CHOICE, "plain",
           "Log format", "How log lines look.", choices=_choices("plain", "json")),
    _field("proxy.log_level", "LogLevel", Kind.CHOICE, "info",
           "Log level", "The least severe lines that are written.",
           choices=_choices("debug", "info", "warn", "error")),
    _field("proxy.log_file_max_mb", "LogFileMaxMB", Kind.INTEGER, 100, "Log file size, MB",
           "The log file is put aside and begun anew at this size; 0 leaves that to others.",
           minimum=0, maximum=100_000, restart=True),
    _field("proxy.log_files_kept", "LogFilesKept", Kind.INTEGER, 5, "Old log files",
           "How many log files that were put aside are kept.", minimum=0, maximum=1000,
           restart=True),
    _field("proxy.trusted_proxies", "TrustedProxies", Kind.LIST, "", "Trusted proxies",
           "Addresses or networks of reverse proxies in front of this one; only what they say "
           "of the sender's address is believed."),
    _field("proxy.throttle_store", "ThrottleStore", Kind.TEXT, "", "Throttle store",
           "redis://host:port/0 where several workers share one limit; empty counts in memory.",
           secret=True),
    _field("proxy.allowed_addresses", "AllowedAddresses", Kind.LIST, "", "Allowed addresses",
           "Addresses or networks that may ask; empty lets everybody."),
    _field("proxy.allowed_server_ids", "AllowedServerIDs", Kind.LIST, "", "Allowed servers",
           "Ids of the Mattermost servers whose pushes are taken; empty takes all."),
    _field("proxy.access_user", "AccessUser", Kind.TEXT, "", "User",
           "With a password, what Mattermost must send: https://user:password@host."),
    _field("proxy.access_password", "AccessPassword", Kind.TEXT, "", "Password",
           "The password to the user.", secret=True),
    _field("proxy.path_prefix", "PathPrefix", Kind.TEXT, "", "Secret path",
           "What stands in front of /api/v1 in the address that Mattermost is given.",
           secret=True),
    _field("proxy.signature_key_file", "SignatureKeyFile", Kind.PATH, "", "Server's public key",
           "The Mattermost server's AsymmetricSigningPublicKey; with it, every push must bear "
           "that server's signature."),
    _field("proxy.unsigned_pushes", "UnsignedPushes", Kind.CHOICE, "test", "Unsigned pushes",
           "What becomes of a push without a signature where signatures are verified; test "
           "takes test pushes alone.", choices=_choices("refuse", "test", "accept")),
    _field("proxy.tls_certificate_file", "TLSCertificateFile", Kind.PATH, "", "TLS certificate",
           "A PEM file with the certificate of this proxy and its chain; with it, Mattermost "
           "must use https://.", restart=True),
    _field("proxy.tls_key_file", "TLSKeyFile", Kind.PATH, "", "TLS key",
           "The PEM file of its key, where that is not in the certificate's file.", restart=True),
    _field("proxy.connection_limit", "ConnectionLimit", Kind.INTEGER, 1000, "Connections",
           "How many senders may be connected at once.", minimum=1, maximum=100_000),
    _field("proxy.in_flight_limit", "InFlightLimit", Kind.INTEGER, 1000, "Pushes under way",
           "How many pushes may be under way to one target; further ones are refused at once.",
           minimum=1, maximum=100_000),
    _field("proxy.dedupe_sec", "DedupeSec", Kind.INTEGER, 0, "Same push again, seconds",
           "A push that comes twice within this time is sent once; 0 sends both.",
           minimum=0, maximum=3600),
    _field("proxy.remove_guard", "RemoveGuard", Kind.BOOLEAN, True, "Guard against mass removal",
           "Hold REMOVE answers back while Apple or Google refuse every device for a reason "
           "that a wrong topic, environment or project has too."),
    _field("proxy.journal", "Journal", Kind.BOOLEAN, True, "Delivery journal",
           "Keep what became of each push in a database; no texts, names or tokens.",
           restart=True),
    _field("proxy.journal_file", "JournalFile", Kind.PATH, "", "Journal file",
           "The database, instead of one in the state folder.", restart=True),
    _field("proxy.journal_days", "JournalDays", Kind.INTEGER, 14, "Days in the journal",
           "How long a delivery is kept.", minimum=1, maximum=3650),
    _field("proxy.journal_rows", "JournalRows", Kind.INTEGER, 200_000, "Deliveries in the journal",
           "How many deliveries are kept.", minimum=1000, maximum=100_000_000),
    _field("proxy.watch_files", "WatchFiles", Kind.BOOLEAN, True, "Reload on change",
           "Read configuration and credentials again when one of their files changes."),
)  # fmt: skip

APPLE: Final = (
    _field("proxy.apple.type", "Type", Kind.TEXT, "", "Platform",
           "The platform name in the device ids of this app, apple_rn as a rule.", env=False),
    _field("proxy.apple.topic", "ApplePushTopic", Kind.TEXT, "", "Topic",
           "The bundle id of the iOS app.", env=False),
    _field("proxy.apple.auth_key_file", "AppleAuthKeyFile", Kind.PATH, "", "Key file",
           "The .p8 key with which Apple lets you send.", env=False),
    _field("proxy.apple.auth_key_id", "AppleAuthKeyID", Kind.TEXT, "", "Key ID",
           "The ten characters in the name of the key file.", env=False),
    _field("proxy.apple.team_id", "AppleTeamID", Kind.TEXT, "", "Team ID",
           "The ten characters of your Apple developer team.", env=False),
    _field("proxy.apple.sandbox", "ApplePushUseDevelopment", Kind.BOOLEAN, False, "Sandbox",
           "Use Apple's sandbox, for apps run from Xcode.", env=False),
    _field("proxy.apple.certificate_file", "ApplePushCertPrivate", Kind.PATH, "",
           "Certificate file", "A PEM or .p12 file with certificate and key, instead of a .p8 key.",
           env=False),
    _field("proxy.apple.certificate_password", "ApplePushCertPassword", Kind.TEXT, "",
           "Certificate password", "The password of the certificate's key.", secret=True,
           env=False),
    _field("proxy.apple.endpoint", "Endpoint", Kind.URL, "", "Endpoint",
           "https://host[:port] instead of Apple's: a relay, a simulator, or Apple's port 2197.",
           env=False),
    _field("proxy.apple.proxy", "Proxy", Kind.URL, "", "Outbound proxy",
           "http://[user:password@]host:port on the way to Apple; none for no proxy. Empty: as "
           "[network] or the environment says.", secret=True, env=False),
    _field("proxy.apple.ca_file", "CAFile", Kind.PATH, "", "CA file",
           "Certificates trusted for the endpoint beside the system's.", env=False),
)  # fmt: skip

ANDROID: Final = (
    _field("proxy.android.type", "Type", Kind.TEXT, "", "Platform",
           "The platform name in the device ids of this app, android_rn as a rule.", env=False),
    _field("proxy.android.service_account_file", "ServiceFileLocation", Kind.PATH, "",
           "Service account file", "The JSON key of a Firebase service account.", env=False),
    _field("proxy.android.endpoint", "Endpoint", Kind.URL, "", "Endpoint",
           "https://host[:port] instead of Google's: a relay or a simulator.", env=False),
    _field("proxy.android.proxy", "Proxy", Kind.URL, "", "Outbound proxy",
           "http://[user:password@]host:port on the way to Google; none for no proxy. Empty: as "
           "[network] or the environment says.", secret=True, env=False),
    _field("proxy.android.ca_file", "CAFile", Kind.PATH, "", "CA file",
           "Certificates trusted for the endpoint and the token server beside the system's.",
           env=False),
)  # fmt: skip

NETWORK: Final = (
    _field("network.ca_file", "", Kind.PATH, "", "CA file",
           "Certificates trusted for every connection beside the system's."),
    _field("network.proxy", "", Kind.URL, "", "Outbound proxy",
           "http://[user:password@]host:port on the way out; none for no proxy. Empty: as "
           "HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.", secret=True),
)  # fmt: skip

WORKER_CONFIG: Final = _field(
    "console.worker_config", "", Kind.PATH, "", "Worker configuration",
    "An upstream mattermost-push-proxy.json that is used as it is, in place of this file's "
    "[proxy] table.",
)  # fmt: skip

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
    return _UPSTREAM.sub(lambda found: _OURS[found[0]], text)


def in_words_of_file(path: Path, finding: Finding) -> Finding:
    """Return ``finding`` with its texts as :func:`in_words_of` has them."""
    return msgspec.structs.replace(
        finding,
        message=in_words_of(path, finding.message),
        why=tuple(in_words_of(path, clause) for clause in finding.why),
        fix=in_words_of(path, finding.fix),
    )
