"""Faults of answers: what a vendor in trouble, or somebody else in its place, says."""

import json
import uuid
from dataclasses import dataclass
from typing import Any, Final

from h2.errors import ErrorCodes

from mmpush_tui.simulator import fcm_answers
from mmpush_tui.simulator.acts.base import (
    Answer,
    Behaviour,
    Counted,
    Exchange,
    Fault,
    number,
    whole,
)
from mmpush_tui.simulator.exchange import Request, Response
from mmpush_tui.simulator.h2connection import H2Connection

_HTML: Final = b"<!DOCTYPE html><html><body><h1>Bad Gateway</h1></body></html>\n"
_HTML_TYPE: Final = ("content-type", "text/html")
_JSON_TYPE: Final = ("content-type", "application/json")


def apple_says(request: Request, status: int, reason: str, **more: int) -> Response:
    """Return a refusal as Apple words it."""
    apns_id = request.value("apns-id") or str(uuid.uuid4())
    body = json.dumps({"reason": reason, **more}, separators=(",", ":")).encode()
    return Response(status=status, headers=(("apns-id", apns_id),), data=(body,))


def says(exchange: Exchange, status: int, apple: str, google: str, message: str) -> Response:
    """Return a refusal in the words of the vendor that was asked.

    Args:
        exchange: tells which vendor that was.
        status: the HTTP status.
        apple: Apple's reason.
        google: Google's status.
        message: Google's sentence.
    """
    if exchange.request.path.startswith("/3/device/"):
        return apple_says(exchange.request, status, apple)
    return fcm_answers.RefusedError(status, google, message).response()


def _retry_after(response: Response, seconds: float | None) -> Response:
    if seconds is None:
        return response
    headers = (*response.headers, ("retry-after", f"{seconds:.0f}"))
    return Response(status=response.status, headers=headers, data=response.data)


@dataclass(frozen=True, slots=True)
class _Late(Counted):
    """Comes back later.

    Attributes:
        retry_after: seconds in the answer's Retry-After; none where missing.
    """

    retry_after: float | None = None

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        if self.retry_after is not None:
            number("retry_after", self.retry_after, 0, 86400)


@dataclass(frozen=True, slots=True)
class TooManyRequests(_Late):
    """429."""

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Refuse."""
        if not self.is_due():
            return await honest()
        words = "Quota exceeded for quota metric 'Messages' of service 'fcm.googleapis.com'."
        said = says(exchange, 429, "TooManyRequests", "RESOURCE_EXHAUSTED", words)
        return _retry_after(said, self.retry_after)


@dataclass(frozen=True, slots=True)
class Unavailable(_Late):
    """503."""

    retry_after: float | None = 1.0

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Refuse."""
        if not self.is_due():
            return await honest()
        words = "The service is currently unavailable."
        said = says(exchange, 503, "ServiceUnavailable", "UNAVAILABLE", words)
        return _retry_after(said, self.retry_after)


@dataclass(frozen=True, slots=True)
class InternalError(Counted):
    """500 in the vendor's own words."""

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Refuse."""
        if not self.is_due():
            return await honest()
        words = "Internal error encountered."
        return says(exchange, 500, "InternalServerError", "INTERNAL", words)


@dataclass(frozen=True, slots=True)
class Shutdown(Counted):
    """503 Shutdown, and a GOAWAY behind it."""

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Refuse, and say goodbye."""
        if not self.is_due():
            return await honest()
        request, connection = exchange.request, exchange.connection
        connection.respond(request.stream_id, apple_says(request, 503, "Shutdown"))
        connection.goaway(ErrorCodes.NO_ERROR)
        return None


@dataclass(frozen=True, slots=True)
class IdleTimeout(Counted):
    """400 IdleTimeout."""

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Refuse."""
        if not self.is_due():
            return await honest()
        return apple_says(exchange.request, 400, "IdleTimeout")


@dataclass(frozen=True, slots=True)
class Error500Empty(Counted):
    """500 without a body."""

    times: int = 2

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Refuse."""
        return Response(status=500) if self.is_due() else await honest()


@dataclass(frozen=True, slots=True)
class Error500Html(Counted):
    """500 with a page."""

    times: int = 2

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Refuse."""
        if not self.is_due():
            return await honest()
        return Response(status=500, headers=(_HTML_TYPE,), data=(_HTML,))


@dataclass(frozen=True, slots=True)
class Html200(Counted):
    """200 with a page."""

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Answer as a captive portal does."""
        if not self.is_due():
            return await honest()
        return Response(status=200, headers=(_HTML_TYPE,), data=(_HTML,))


@dataclass(frozen=True, slots=True)
class Bad400(Counted):
    """400 with a body that is no JSON."""

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Refuse."""
        if not self.is_due():
            return await honest()
        return Response(status=400, headers=(_JSON_TYPE,), data=(b'{"reason":"Bad',))


@dataclass(frozen=True, slots=True)
class Empty400(Counted):
    """400 with an empty body in a DATA frame of its own."""

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Refuse."""
        if not self.is_due():
            return await honest()
        return Response(status=400, data=(b"",))


@dataclass(frozen=True, slots=True)
class ErrorHeadersOnly(Counted):
    """A refusal that ends with its headers.

    Attributes:
        status: the status.
    """

    status: int = 400

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        whole("status", self.status, 400, 599)

    async def answer(self, exchange: Exchange, honest: Answer) -> Response | None:
        """Refuse."""
        if not self.is_due():
            return await honest()
        return Response(status=self.status)


@dataclass(frozen=True, slots=True)
class Http1Answer(Behaviour):
    """HTTP/1 where HTTP/2 was agreed on."""

    def opened(self, connection: H2Connection[Any]) -> bool:
        """Answer as a web server that was not asked."""
        connection.send_bytes(
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        connection.close()
        return True


FAULTS: Final = (
    Fault(
        "too-many-requests", "429, too many requests", "both",
        "429, with Retry-After where retry_after is given. One more try after that time where "
        "Mattermost waits so long, and FAIL at once where not.",
        TooManyRequests,
    ),
    Fault(
        "unavailable", "503, unavailable", "both",
        "503 with Retry-After 1, or as many seconds as are given. More tries after that time "
        "where Mattermost waits so long, and FAIL at once where not.",
        Unavailable,
    ),
    Fault(
        "internal-error", "500, internal error", "both",
        "500 in the vendor's own words. Two more tries at most.",
        InternalError,
    ),
    Fault(
        "shutdown", "503, this server shuts down", "apns",
        "503 Shutdown and GOAWAY. The push must go over another connection at once.",
        Shutdown,
    ),
    Fault(
        "idle-timeout", "400, connection too old", "apns",
        "400 IdleTimeout. The push must go over another connection at once.",
        IdleTimeout,
    ),
    Fault(
        "error-500-empty", "500 without a body", "both",
        "Two answers, or as many as are given, are 500 without a body. Two more tries at most.",
        Error500Empty,
    ),
    Fault(
        "error-500-html", "500 with a web page", "both",
        "Two answers, or as many as are given, are 500 with HTML. Two more tries at most, and the "
        "FAIL must say that this may not be the vendor.",
        Error500Html,
    ),
    Fault(
        "html-200", "200 with a web page", "apns",
        "200 with HTML and no apns-id, as from a captive portal. It must not count as delivered.",
        Html200,
    ),
    Fault(
        "bad-400", "400 with broken JSON", "both",
        "400 whose JSON is cut. FAIL at once, saying that this may not be the vendor.",
        Bad400,
    ),
    Fault(
        "empty-400", "400 without a body", "both",
        "400 with an empty body. FAIL at once, saying that this may not be the vendor.",
        Empty400,
    ),
    Fault(
        "error-headers-only", "A refusal without a body", "both",
        "The answer ends with its headers. FAIL, and no waiting for a body.",
        ErrorHeadersOnly,
    ),
    Fault(
        "http1-answer", "HTTP/1 in place of HTTP/2", "both",
        "HTTP/2 was agreed on and HTTP/1.1 400 is answered, as by a device that intercepts. FAIL "
        "with those words.",
        Http1Answer,
    ),
)  # fmt: skip
