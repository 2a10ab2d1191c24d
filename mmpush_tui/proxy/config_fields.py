"""The settings of the worker: one record each, for both configuration formats.

Keys are ours; ``upstream`` is the name in ``mattermost-push-proxy.json``, whose defaults are
kept except where the design says otherwise.
"""

from typing import Final

from mmpush_tui.fields import Choice, Field, Kind


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
           "Certificate file", "A PEM file with certificate and key, the way before .p8 keys.",
           env=False),
    _field("proxy.apple.certificate_password", "ApplePushCertPassword", Kind.TEXT, "",
           "Certificate password", "The password of the certificate's key.", secret=True,
           env=False),
    _field("proxy.apple.endpoint", "Endpoint", Kind.URL, "", "Endpoint",
           "https://host[:port] instead of Apple's: a relay or a simulator.", env=False),
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
    _field("proxy.android.ca_file", "CAFile", Kind.PATH, "", "CA file",
           "Certificates trusted for the endpoint and the token server beside the system's.",
           env=False),
)  # fmt: skip

NETWORK: Final = (
    _field("network.ca_file", "", Kind.PATH, "", "CA file",
           "Certificates trusted for every connection beside the system's."),
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
