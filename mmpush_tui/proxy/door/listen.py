"""Listening sockets: made by us, so that a failure is one sentence and the modes are ours."""

import contextlib
import errno
import os
import re
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mmpush_tui.errors import ConfigError
from mmpush_tui.protocol.paths import is_alive

BACKLOG: Final = 2048
_ADDRESS: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]\s]*)):(?P<port>[0-9]{1,5})"
)


def bind(address: str) -> socket.socket:
    """Return a listening socket for ``host:port``, ``:port`` or ``unix:/path``.

    ``:port`` listens on every interface, IPv6 and IPv4, as Go does.

    Raises:
        ConfigError: the address is none, or cannot be had; where another process holds it,
            that process is named as far as this user may know.
    """
    if address.startswith("unix:"):
        return bind_unix(Path(address.removeprefix("unix:")), 0o660)
    host, port = split(address)
    try:
        return _bind_tcp(host, port)
    except (socket.gaierror, UnicodeError) as error:
        raise ConfigError(
            f"listen address {address}: the name {host} is unknown here", code="listen-address"
        ) from error
    except OSError as error:
        raise _refusal(address, host, port, error) from error


def split(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port``, an IPv6 host without its brackets.

    Raises:
        ConfigError: the address is none.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > 65535:
        raise ConfigError(
            f"listen address {address!r}: expected host:port, :port or unix:/path",
            code="listen-address",
        )
    return match["six"] or match["host"], int(match["port"])


def bind_unix(path: Path, mode: int) -> socket.socket:
    """Return a listening Unix socket at ``path`` with the given mode from the first moment on.

    A socket that nobody listens on any more is replaced.

    Raises:
        ConfigError: the path is too long, in use, no socket, or cannot be made.
    """
    if "\0" in str(path):
        raise ConfigError("socket: the path holds a NUL character", code="socket-failed")
    if len(os.fsencode(path)) > 107:
        raise ConfigError(
            f"socket {path}: the path is longer than 107 bytes", code="socket-path-long"
        )
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists():
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise ConfigError(f"socket {path}: something else is there", code="socket-in-use")
            if is_alive(path):
                raise ConfigError(
                    f"socket {path}: another worker listens there", code="socket-in-use"
                )
            path.unlink()
        # bind() makes the file with the bits of umask; a descriptor's own mode, set before
        # the file exists, is what Linux gives it.
        os.fchmod(sock.fileno(), mode)
        sock.bind(str(path))
        path.chmod(mode)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ConfigError(
            f"socket {path}: cannot be made", why=error.strerror or "", code="socket-failed"
        ) from error
    except ConfigError:
        sock.close()
        raise
    return sock


def remover(path: Path) -> Callable[[], None]:
    """Return what removes the socket now at ``path``, and never another that came after it."""
    # While this is open, no other file can have the number that ours is known by.
    ours = os.open(path, os.O_PATH | os.O_NOFOLLOW)

    def remove() -> None:
        # What cannot be removed stays; a worker that comes later finds it dead and replaces it.
        with contextlib.suppress(OSError):
            if os.path.samestat(path.lstat(), os.fstat(ours)):
                path.unlink()
        os.close(ours)

    return remove


def address_of(sock: socket.socket) -> str:
    """Return the address that ``sock`` listens on, in the form of a setting."""
    if sock.family == socket.AF_UNIX:
        return f"unix:{sock.getsockname()}"
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def describe(sock: socket.socket, address: str, *, is_tls: bool = False) -> str:
    """Return where ``sock`` listens, as the ready line and the status name it."""
    if sock.family == socket.AF_UNIX:
        return address
    return f"{'https' if is_tls else 'http'}://{address_of(sock)}"


def _bind_tcp(host: str, port: int) -> socket.socket:
    if not host:
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        return socket.create_server(("", port), family=family, dualstack_ipv6=dual, backlog=BACKLOG)
    family, _, _, _, where = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server((where[0], where[1]), family=family, backlog=BACKLOG)


def _refusal(address: str, host: str, port: int, error: OSError) -> ConfigError:
    where = f"listen address {address}"
    match error.errno:
        case errno.EADDRINUSE:
            words = f"{where}: the port is in use{_holder(host, port)}"
            return ConfigError(words, code="port-in-use")
        case errno.EACCES:
            words = f"{where}: ports below 1024 need a right this user lacks"
            return ConfigError(words, code="port-forbidden")
        case errno.EADDRNOTAVAIL:
            words = f"{where}: this host does not have that address"
            return ConfigError(words, code="listen-address")
        case _:
            words = f"{where}: cannot be used"
            return ConfigError(words, why=error.strerror or "", code="listen-failed")


def _holder(host: str, port: int) -> str:
    """Return " by NAME (pid N)" for who listens on ``port``, as far as this user may know."""
    import psutil

    try:
        listening = [
            (connection.laddr.ip in (host, "0.0.0.0", "::"), connection.pid)  # noqa: S104 - compared
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
            and connection.laddr
            and connection.laddr.port == port
            and connection.pid
        ]
        # A listener on this very address rather than one on another address of the host.
        pid = max(listening)[1] if listening else None
        return f" by {psutil.Process(pid).name()} (pid {pid})" if pid else ""
    except psutil.Error:
        return ""
