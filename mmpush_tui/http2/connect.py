"""From a name to an HTTP/2 connection: DNS, TCP, TLS, ALPN, each with its own failure."""

import asyncio
import errno
import os
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohappyeyeballs

from mmpush_tui.errors import ConfigError
from mmpush_tui.http2.channel import SHUTDOWN_S, Channel
from mmpush_tui.http2.errors import ConnectError
from mmpush_tui.http2.names import addresses
from mmpush_tui.http2.outbound import OutboundProxy
from mmpush_tui.http2.tunnel import open_tunnel

Lookup = Callable[[str, int], Awaitable[Sequence[aiohappyeyeballs.AddrInfoType]]]
"""Returns the addresses of a host and port; raises OSError, or ValueError where it is no name."""

# A firewall that forgets a connection tells nobody: TCP finds out within 60 s while nothing is
# sent, and within 10 s while something is. Not every system has each of these.
_SOCKET_OPTIONS: Final = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (
            ("TCP_KEEPIDLE", 30),
            ("TCP_KEEPINTVL", 10),
            ("TCP_KEEPCNT", 3),
            ("TCP_USER_TIMEOUT", 10_000),
        )
        if hasattr(socket, name)
    ),
)
_ERRNO: Final = re.compile(r"\[Errno (\d+)\]")
_WRAPPING: Final = re.compile(r"^\[[^]]*\] | \(_ssl\.c:\d+\)$")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port, as written: the name that the certificate must bear."""

    host: str
    port: int = 443

    @classmethod
    def from_url(cls, url: str) -> "Endpoint":
        """Return the endpoint of an ``https://host[:port]`` address.

        Raises:
            ValueError: it is no such address.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError(f"expected https://host[:port], got {url!r}")
        return cls(parts.hostname, parts.port or 443)

    @property
    def authority(self) -> str:
        """The ``:authority`` of requests: the host, with its port where that is not 443."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 else f"{host}:{self.port}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Route:
    """How an endpoint is reached.

    Attributes:
        endpoint: whom we talk to.
        tls: the context that verifies it.
        connect_to: ``host:port`` to ``addr:port`` where the connection shall go elsewhere.
        lookup: returns the addresses of a name.
        proxy: the proxy that connections go through, which then looks up the name itself.
    """

    endpoint: Endpoint
    tls: ssl.SSLContext
    connect_to: Mapping[str, str] = field(default_factory=dict)
    lookup: Lookup = addresses
    proxy: OutboundProxy | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that are connected to, by the proxy where there is one."""
        target = self.connect_to.get(str(self.endpoint))
        if target is None:
            return self.endpoint.host, self.endpoint.port
        host, _, port = target.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def first_hop(self) -> tuple[str, int]:
        """The host and port that the TCP connection goes to."""
        return (self.proxy.host, self.proxy.port) if self.proxy else self.address


def in_seconds(value: float) -> str:
    """Return a timeout as the words of a sentence."""
    return f"{value:.0f} s" if value >= 1 else f"{value:.1f} s"


def client_context(*ca_files: str) -> ssl.SSLContext:
    """Return a verifying TLS context: the system's roots and those in ``ca_files``.

    Empty names are left out. Reads files, so it belongs where blocking does no harm.

    Raises:
        ConfigError: a file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    for name in filter(None, ca_files):
        try:
            context.load_verify_locations(cafile=Path(name))
        except ssl.SSLError as error:
            raise ConfigError(
                f"CA file {name}: holds no readable certificate",
                code="ca-file-invalid",
            ) from error
        except (OSError, ValueError) as error:
            why = error.strerror or "" if isinstance(error, OSError) else "this is no path"
            raise ConfigError(
                f"CA file {name}: cannot be read", why=why, code="ca-file-missing"
            ) from error
    return context


def tls_reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's words without their wrapping; ``error.reason`` lacks the newer alerts."""
    return _WRAPPING.sub("", error.strerror or "") or "no reason given"


async def connect(route: Route, timeout_s: float) -> Channel:
    """Open a TLS connection that speaks HTTP/2.

    DNS is asked anew each time, as Apple demands; dead addresses are overtaken (RFC 8305).

    Args:
        route: whom to reach and how.
        timeout_s: seconds for all steps together.

    Raises:
        ConnectError: one of the steps failed, or the time was up in it.
    """
    stage = "dns"
    channel: Channel | None = None
    try:
        async with asyncio.timeout(timeout_s):
            addresses = await resolve(route)
            stage = "tcp"
            sock = await open_tcp(route, addresses)
            if route.proxy is not None:
                stage = "proxy"
                await through_proxy(route, route.proxy, sock)
            stage = "tls"
            channel = await start_tls(route, sock)
            stage = "alpn"
            if channel.tls.selected_alpn_protocol() != "h2":
                raise _no_http2(route)
            return channel
    except BaseException as error:
        if channel is not None:
            channel.abort()
        if isinstance(error, TimeoutError):
            who = f"the proxy {route.proxy}" if _is_proxys(route, stage) else str(route.endpoint)
            cause = f"{who} did not answer ({stage}) within {in_seconds(timeout_s)}"
            raise ConnectError(stage, cause, f"{stage}_timeout") from error
        raise


async def resolve(route: Route) -> Sequence[aiohappyeyeballs.AddrInfoType]:
    """Return the addresses of ``route``; the first step of :func:`connect`.

    Raises:
        ConnectError: the name does not exist, or cannot be resolved.
    """
    host, port = route.first_hop
    try:
        return await route.lookup(host, port)
    except (OSError, ValueError) as error:
        # ValueError: no name at all, such as one with an empty label.
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME:
            raise ConnectError("dns", f"the name {host} does not exist", "dns_unknown") from error
        raise ConnectError("dns", f"the name {host} cannot be resolved", "dns_failed") from error


async def open_tcp(
    route: Route, addresses: Sequence[aiohappyeyeballs.AddrInfoType]
) -> socket.socket:
    """Return a socket connected to one of ``addresses``; the second step of :func:`connect`.

    Raises:
        ConnectError: none of them takes the connection.
    """
    try:
        sock = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=0.25)
    except (OSError, RuntimeError) as error:
        # uvloop raises RuntimeError for some of them.
        raise tcp_error(Endpoint(*route.first_hop), error) from error
    for level, option, value in _SOCKET_OPTIONS:
        sock.setsockopt(level, option, value)
    return sock


async def through_proxy(route: Route, proxy: OutboundProxy, sock: socket.socket) -> None:
    """Have ``proxy`` at the other end of ``sock`` connect further; between TCP and TLS.

    Raises:
        ConnectError: it does not.
    """
    try:
        await open_tunnel(sock, *route.address, proxy)
    except BaseException:  # cancelled too: the socket is ours to close
        sock.close()
        raise


def _is_proxys(route: Route, stage: str) -> bool:
    return route.proxy is not None and stage in ("dns", "tcp", "proxy")


def tcp_error(address: Endpoint, error: OSError | RuntimeError) -> ConnectError:
    """Return what a failed TCP connection to all addresses of ``address`` means."""
    # Where several addresses failed in different ways, the text is all that tells their errors.
    numbers = {int(number) for number in _ERRNO.findall(str(error))}
    if isinstance(error, OSError) and error.errno is not None:
        numbers.add(error.errno)
    # A refusal says most: somebody is there. Hosts without IPv6 have no route to half of them.
    if errno.ECONNREFUSED in numbers:
        return ConnectError("tcp", f"{address} refused the connection", "tcp_refused")
    unreachable = {errno.EHOSTUNREACH, errno.ENETUNREACH}
    if numbers and numbers <= unreachable:
        return ConnectError("tcp", f"there is no route to {address}", "tcp_unreachable")
    reasons = ", ".join(os.strerror(number) for number in sorted(numbers - unreachable))
    return ConnectError("tcp", f"no connection to {address}: {reasons or error}", "tcp_failed")


async def start_tls(route: Route, sock: socket.socket, name: str = "") -> Channel:
    """Begin TLS on ``sock``, which is taken over; the third step of :func:`connect`.

    Whether the peer chose HTTP/2 is not looked at.

    Args:
        route: whom to reach and how.
        sock: leads there.
        name: the name to ask for, instead of the endpoint's.

    Raises:
        ConnectError: TLS failed, or the peer refused it for want of HTTP/2 (stage ``alpn``).
            Its cause is the exception of the ssl module, where there is one.
    """
    host = name or route.endpoint.host
    try:
        _, channel = await asyncio.get_running_loop().create_connection(
            Channel,
            sock=sock,
            ssl=route.tls,
            # A dot at the end says that a name is whole; it is in no certificate (RFC 6066, 3).
            server_hostname=host.removesuffix("."),
            ssl_shutdown_timeout=SHUTDOWN_S,
        )
        return channel
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message.rstrip(".")
        cause = f"the certificate of {host} is not accepted: {why}"
        raise ConnectError("tls", cause, "tls_untrusted") from error
    except ssl.SSLError as error:
        reason = tls_reason(error)
        if "no application protocol" in reason:
            raise _no_http2(route) from error
        cause = f"TLS with {route.endpoint} failed: {reason}"
        raise ConnectError("tls", cause, "tls_failed") from error
    except ValueError as error:
        # A proxy, or connect_to, may have connected to a name that no certificate can bear.
        sock.close()
        cause = f"TLS with {route.endpoint} failed: this is no host name"
        raise ConnectError("tls", cause, "tls_failed") from error
    except OSError as error:
        raise ConnectError("tls", f"{route.endpoint} broke off TLS", "tls_closed") from error
    except BaseException:  # cancelled too: the socket is ours to close
        sock.close()
        raise


def _no_http2(route: Route) -> ConnectError:
    cause = f"{route.endpoint} does not offer HTTP/2 (ALPN h2)"
    return ConnectError("alpn", cause, "alpn_missing")
