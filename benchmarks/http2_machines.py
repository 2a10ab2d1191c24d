"""State machines of HTTP/2 clients, without sockets, behind one interface."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import h2.config
import h2.connection
import h2.events
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from mmpush_tui.http2 import Request
from mmpush_tui.http2.core import Core
from mmpush_tui.http2.events import Answered

AUTHORITY: Final = "api.push.apple.com"


class Machine(Protocol):
    """One connection of a client: requests and the peer's bytes in, our bytes and answers out."""

    def begin(self) -> bytes:
        """Return what a connection begins with."""

    def ask(self, request: Request) -> int:
        """Begin ``request``, for which there is a stream and a window, and return its stream id."""

    def to_send(self) -> bytes:
        """Return what is to be sent, and forget it."""

    def receive(self, data: bytes) -> list[tuple[int, int]]:
        """Take what the peer sent; return stream id and status of the answers it completed."""


class H2Machine:
    """h2 with its checks off and with the headers indexed as we do: the fastest it offers."""

    def __init__(self) -> None:
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True,
                validate_inbound_headers=False,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._statuses: dict[int, int] = {}

    def begin(self) -> bytes:
        """Return the preface and SETTINGS."""
        self._h2.initiate_connection()
        return self._h2.data_to_send()

    def ask(self, request: Request) -> int:
        """Begin a request."""
        headers = [
            HeaderTuple(":method", request.method),
            HeaderTuple(":scheme", "https"),
            HeaderTuple(":authority", AUTHORITY),
            NeverIndexedHeaderTuple(":path", request.path),
        ]
        headers += [
            (NeverIndexedHeaderTuple if name in request.unindexed else HeaderTuple)(name, value)
            for name, value in request.headers
        ]
        stream_id = self._h2.get_next_available_stream_id()
        self._h2.send_headers(stream_id, headers)
        self._h2.send_data(stream_id, request.body, end_stream=True)
        return stream_id

    def to_send(self) -> bytes:
        """Return what is to be sent."""
        return self._h2.data_to_send()

    def receive(self, data: bytes) -> list[tuple[int, int]]:
        """Return the answers that ``data`` completed."""
        answered = []
        for event in self._h2.receive_data(data):
            match event:
                case h2.events.ResponseReceived(stream_id=int(stream_id), headers=list(headers)):
                    self._statuses[stream_id] = int(dict(headers)[b":status"])
                case h2.events.StreamEnded(stream_id=int(stream_id)):
                    answered.append((stream_id, self._statuses.pop(stream_id)))
                case _:
                    pass
        return answered


class CoreMachine:
    """Ours."""

    def __init__(self) -> None:
        self._core = Core(AUTHORITY)

    def begin(self) -> bytes:
        """Return the preface and SETTINGS."""
        return self._core.take()

    def ask(self, request: Request) -> int:
        """Begin a request."""
        return self._core.begin(request)[0]

    def to_send(self) -> bytes:
        """Return what is to be sent."""
        return self._core.take()

    def receive(self, data: bytes) -> list[tuple[int, int]]:
        """Return the answers that ``data`` completed."""
        events = self._core.receive(data)
        return [(it.stream_id, it.status) for it in events if isinstance(it, Answered)]


MACHINES: Final[Mapping[str, Callable[[], Machine]]] = {"h2": H2Machine, "ours": CoreMachine}
"""By their names; h2 is what the others are compared with."""
