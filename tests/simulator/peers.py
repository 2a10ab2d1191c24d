"""The other side of the stand-ins: clients that obey, and clients that do not."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import h2.config
import h2.connection
import h2.events
import jwt
from h2.exceptions import ProtocolError

from mmpush_tui.simulator.credentials import AppleKey, GoogleAccount

TIMEOUT_S = 10.0


def provider_token(key: AppleKey, issued_at: float, **changes: Any) -> str:
    """Return a provider token; ``changes`` replace claims, or drop those that are None."""
    claims = {"iss": key.team_id, "iat": int(issued_at)} | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key.private_pem, "ES256", {"kid": key.key_id})


def assertion(account: GoogleAccount, now: float, *, kid: str | None = None, **changes: Any) -> str:
    """Return an assertion for an access token; ``changes`` as in :func:`provider_token`."""
    claims = {
        "iss": account.client_email,
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": account.token_uri,
        "iat": int(now),
        "exp": int(now) + 3600,
    } | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    header = {"kid": kid or account.private_key_id}
    return jwt.encode(claims, account.private_key, "RS256", header)


@dataclass
class Answer:
    """What came on one stream."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    frames: list[bytes] = field(default_factory=list)
    ended_on_headers: bool = False
    is_ended: bool = False
    reset: int | None = None

    @property
    def body(self) -> bytes:
        return b"".join(self.frames)


class RawClient:
    """h2's client side over a socket; sends what it is told and shows all that comes."""

    def __init__(self, port: int, context: ssl.SSLContext, **settings: int) -> None:
        self._port = port
        self._context = context
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        )
        for name, value in settings.items():
            setattr(self.h2.local_settings, name, value)
            self.h2.local_settings.acknowledge()
        self.answers: dict[int, Answer] = {}
        self.events: list[h2.events.Event] = []
        self.is_closed = False
        self._unread = b""

    async def __aenter__(self) -> Self:
        self.reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._context
        )
        self.h2.initiate_connection()
        self.flush()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._writer.transport.abort()

    @property
    def version(self) -> str | None:
        """The TLS version that was agreed on."""
        tls: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        return tls.version()

    def flush(self) -> None:
        self.write(self.h2.data_to_send())

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def request(
        self,
        headers: list[tuple[str, str]],
        body: bytes = b"",
        *,
        path: str = "/",
        end: bool = True,
    ) -> int:
        """Begin a request; what does not fit the windows is a failure of the test."""
        stream_id = self.h2.get_next_available_stream_id()
        pseudo = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "127.0.0.1"),
            (":path", path),
        ]
        self.answers[stream_id] = Answer()
        self.h2.send_headers(stream_id, pseudo + headers, end_stream=end and not body)
        if body:
            self.h2.send_data(stream_id, body, end_stream=end)
        self.flush()
        return stream_id

    async def until(self, done: Callable[[], bool]) -> None:
        """Read until ``done``; the end of the connection ends it too."""
        async with asyncio.timeout(TIMEOUT_S):
            while not done() and not self.is_closed:
                await self._read()

    async def answer(self, stream_id: int) -> Answer:
        """Return the whole answer to a request."""
        answer = self.answers[stream_id]
        await self.until(lambda: answer.is_ended or answer.reset is not None)
        return answer

    async def closed(self) -> None:
        """Read to the end of the connection."""
        await self.until(lambda: False)

    def seen(self, kind: type[h2.events.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def settings(self) -> list[dict[int, int]]:
        """Return the SETTINGS frames that came, as they were."""
        return [
            {int(code): change.new_value for code, change in event.changed_settings.items()}
            for event in self.seen(h2.events.RemoteSettingsChanged)
        ]

    async def _read(self) -> None:
        try:
            data = await self.reader.read(65536)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            self.is_closed = True
            return
        self._unread += data
        for frame in self._frames():
            try:
                events = self.h2.receive_data(frame)
            except ProtocolError as error:
                raise AssertionError("the server broke HTTP/2") from error
            for event in events:
                self.events.append(event)
                self._note(event)
        self.flush()

    def _frames(self) -> Iterator[bytes]:
        while (end := 9 + int.from_bytes(self._unread[:3])) <= len(self._unread):
            frame, self._unread = self._unread[:end], self._unread[end:]
            yield frame

    def _note(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived():
                answer = self.answers[event.stream_id]
                headers = {str(name): str(value) for name, value in event.headers}
                answer.status = int(headers.pop(":status"))
                answer.headers = headers
                answer.ended_on_headers = event.stream_ended is not None
            case h2.events.DataReceived():
                self.answers[event.stream_id].frames.append(event.data)
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.answers[event.stream_id].is_ended = True
            case h2.events.StreamReset():
                self.answers[event.stream_id].reset = int(event.error_code)
            case h2.events.ConnectionTerminated():
                # h2 takes nothing more, although what is under way may end (RFC 9113, 6.8).
                self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
            case _:
                pass
