"""TLS of the worker's own port."""

import ssl
from pathlib import Path

from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.credentials.file import UnreadableError
from mmpush_tui.errors import ConfigError


def server_context(config: ProxyConfig) -> ssl.SSLContext | None:
    """Return the context with the configured certificate; None where there is none.

    Raises:
        ConfigError: a file cannot be read, or certificate and key do not fit.
    """
    certificate, key = config.tls_certificate_file, config.tls_key_file
    if not certificate:
        if key:
            raise ConfigError("TLSKeyFile is set without TLSCertificateFile", code="tls-files")
        return None
    for path in filter(None, (certificate, key)):
        try:
            Path(path).read_bytes()
        except (OSError, ValueError) as error:
            raise UnreadableError(f"TLS file {path}", error, code="tls-files") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A password would be asked for on the terminal.
        context.load_cert_chain(certificate, key or None, password=lambda: "")
    except ssl.SSLError as error:
        is_mismatch = error.reason == "KEY_VALUES_MISMATCH"
        raise ConfigError(
            f"TLS certificate {certificate}",
            why="the key is another certificate's"
            if is_mismatch
            else "there is no certificate with its key, without a password, in PEM form",
            fix="TLSCertificateFile holds the certificate and its chain, TLSKeyFile the key.",
            code="tls-files",
        ) from error
    return context
