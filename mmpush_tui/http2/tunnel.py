"""CONNECT through an outbound proxy (RFC 9110, 9.3.6)."""

import asyncio
import re
import socket
from typing import Final

from mmpush_tui.http2.errors import ConnectError
from mmpush_tui.http2.outbound import OutboundProxy
from mmpush_tui.text import clean

_HEAD_LIMIT: Final = 64 * 1024
_PEEK: Final = 4096
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: ([^\r\n]*))?\r?\n")
_END: Final = re.compile(rb"\r?\n\r?\n")

_WHY: Final = {
    401: ("proxy_auth", "wants credentials"),
    407: ("proxy_auth", "wants credentials, or others than it was given"),
    403: ("proxy_refused", "does not let anybody connect there"),
    404: ("proxy_refused", "knows no way there"),
    405: ("proxy_refused", "does not allow CONNECT"),
    502: ("proxy_upstream", "cannot reach it"),
    503: ("proxy_upstream", "cannot reach it at the moment"),
    504: ("proxy_upstream", "got no connection to it in time"),
}


def request_for(host: str, port: int, proxy: OutboundProxy) -> bytes:
    """Return the CONNECT request for a host behind ``proxy``."""
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization.reveal()}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", errors="replace")


class AnswerReader:
    """Takes a proxy's answer piece by piece.

    Args:
        proxy: who answers.
        authority: where it shall connect to, for messages.
    """

    def __init__(self, proxy: OutboundProxy, authority: str) -> None:
        self._proxy = proxy
        self._authority = authority
        self._head = b""

    def wants(self, data: bytes) -> int:
        """Return how many bytes of ``data`` belong to the answer so far.

        Whatever follows the answer is the other end's and must be left to TLS.
        """
        before = len(self._head)
        ending = _END.search(self._head + data, max(before - 3, 0))
        return len(data) if ending is None else ending.end() - before

    def take(self, data: bytes) -> bool:
        """Take what :meth:`wants` counted; return whether the tunnel stands.

        Raises:
            ConnectError: the proxy refused, or speaks no HTTP.
        """
        self._head += data
        start = self._head[:16]
        if not b"HTTP/1."[: len(start)] == start[:7]:
            raise self._error("proxy_not_http", "speaks no HTTP: is this its port?")
        if not (ending := _END.search(self._head)):
            if len(self._head) > _HEAD_LIMIT:
                raise self._error("proxy_not_http", "answers without end")
            return False
        status = _STATUS.match(self._head)
        if status is None:
            raise self._error("proxy_not_http", "speaks no HTTP: is this its port?")
        number = int(status[1])
        if number < 200:
            # Only an announcement; the answer follows.
            self._head = self._head[ending.end() :]
            return False
        if number < 300:
            return True
        phrase = clean((status[2] or b"").decode("latin-1"), 80)
        code, words = _WHY.get(number, ("proxy_refused", "refuses"))
        raise self._error(code, f"{words} (it answers {number}{f' {phrase}' if phrase else ''})")

    def ended(self) -> ConnectError:
        """Return what the proxy's hanging up means."""
        return self._error("proxy_closed", "hung up instead of connecting")

    def _error(self, code: str, words: str) -> ConnectError:
        cause = f"the proxy {self._proxy} on the way to {self._authority} {words}"
        return ConnectError("proxy", cause, code)


async def open_tunnel(sock: socket.socket, host: str, port: int, proxy: OutboundProxy) -> None:
    """Have the proxy at the other end of ``sock`` connect to a host.

    Not a byte behind the proxy's answer is taken.

    Raises:
        ConnectError: it does not; stage ``proxy``.
    """
    loop = asyncio.get_running_loop()
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    reader = AnswerReader(proxy, authority)
    try:
        await loop.sock_sendall(sock, request_for(host, port, proxy))
        while True:
            await _readable(sock)
            try:
                peeked = sock.recv(_PEEK, socket.MSG_PEEK)
            except BlockingIOError:
                continue
            if not peeked:
                raise reader.ended()
            count = reader.wants(peeked)
            if reader.take(sock.recv(count)):
                return
    except OSError as error:
        raise reader.ended() from error


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(sock, tell)
    try:
        await ready
    finally:
        loop.remove_reader(sock)
