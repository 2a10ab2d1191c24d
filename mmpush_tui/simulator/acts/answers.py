"""Faults of answers: what a vendor in trouble, or somebody else in its place, says."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Final

from h2.errors import ErrorCodes

from mmpush_tui.simulator.acts.base import (
    Answer,
    Behaviour,
    Counted,
    Exchange,
    Fault,
    Host,
    number,
    one_of,
    whole,
)
from mmpush_tui.simulator.apns.rules import apns_id
from mmpush_tui.simulator.fcm import answers as fcm_answers
from mmpush_tui.simulator.fcm.answers import FcmRefusalError
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.simulator.net.h2connection import H2Connection

_APPLE: Final = "/3/device/"
_GOOGLE: Final = "/messages:send"
_HTML: Final = b"<!DOCTYPE html><html><body><h1>Bad Gateway</h1></body></html>\n"
_HTML_TYPE: Final = ("content-type", "text/html")
_JSON_TYPE: Final = ("content-type", "application/json")


def is_push(request: ServedRequest) -> bool:
    """Return whether a request is a push, and not one for an access token."""
    return request.path.startswith(_APPLE) or request.path.endswith(_GOOGLE)


def apple_says(request: ServedRequest, status: int, reason: str) -> ServedResponse:
    """Return a refusal as Apple words it."""
    body = json.dumps({"reason": reason}, separators=(",", ":")).encode()
    return ServedResponse(status=status, headers=(("apns-id", apns_id(request)),), data=(body,))


@dataclass(frozen=True, slots=True)
class RefusedPush(Counted, ABC):
    """Pushes are refused, so many of them; access tokens are granted as ever."""

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Refuse."""
        if not is_push(exchange.request) or not self.is_due():
            return await honest()
        return self.refusal(exchange)

    @abstractmethod
    def refusal(self, exchange: Exchange) -> ServedResponse | None:
        """Return the answer; as :meth:`answer`."""


@dataclass(frozen=True, slots=True)
class _InTrouble(RefusedPush):
    """Pushes are refused in the words of the vendor that was asked."""

    def words(self, exchange: Exchange, apple: str, google: FcmRefusalError) -> ServedResponse:
        """Return the refusal.

        Args:
            exchange: tells which vendor was asked.
            apple: Apple's reason.
            google: what Google says; Apple's status is the same.
        """
        if exchange.request.path.startswith(_APPLE):
            return apple_says(exchange.request, google.code, apple)
        return google.response()


@dataclass(frozen=True, slots=True)
class _Late(_InTrouble):
    """Come back later.

    Attributes:
        retry_after: seconds in the answer's Retry-After; none where missing.
    """

    retry_after: float | None = None

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        if self.retry_after is not None:
            number("retry_after", self.retry_after, 0, 86400)

    def later(self, response: ServedResponse) -> ServedResponse:
        """Return ``response`` with its Retry-After."""
        if self.retry_after is None:
            return response
        late = ("retry-after", f"{self.retry_after:.0f}")
        return replace(response, headers=(*response.headers, late))


@dataclass(frozen=True, slots=True)
class TooManyRequests(_Late):
    """429."""

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Refuse."""
        google = FcmRefusalError(
            429,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded for quota metric 'Messages' of service 'fcm.googleapis.com'.",
            fcm_answers.fcm_error("QUOTA_EXCEEDED"),
        )
        return self.later(self.words(exchange, "TooManyRequests", google))


@dataclass(frozen=True, slots=True)
class Unavailable(_Late):
    """503."""

    retry_after: float | None = 1.0

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Refuse."""
        google = FcmRefusalError(
            503,
            "UNAVAILABLE",
            "The service is currently unavailable.",
            fcm_answers.fcm_error("UNAVAILABLE"),
        )
        return self.later(self.words(exchange, "ServiceUnavailable", google))


@dataclass(frozen=True, slots=True)
class InternalError(_InTrouble):
    """500 in the vendor's own words."""

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Refuse."""
        google = FcmRefusalError(
            500,
            "INTERNAL",
            "Internal error encountered.",
            fcm_answers.fcm_error("INTERNAL"),
        )
        return self.words(exchange, "InternalServerError", google)


@dataclass(frozen=True, slots=True)
class Shutdown(RefusedPush):
    """503 Shutdown, and a GOAWAY behind it."""

    def refusal(self, exchange: Exchange) -> None:
        """Refuse, and say goodbye."""
        request, connection = exchange.request, exchange.connection
        connection.respond(request.stream_id, apple_says(request, 503, "Shutdown"))
        connection.goaway(ErrorCodes.NO_ERROR, debug=b'{"reason":"Shutdown"}')


@dataclass(frozen=True, slots=True)
class IdleTimeout(RefusedPush):
    """400 IdleTimeout."""

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Refuse."""
        return apple_says(exchange.request, 400, "IdleTimeout")


@dataclass(frozen=True, slots=True)
class Error500Empty(RefusedPush):
    """500 with an empty body in a DATA frame of its own."""

    times: int = 2

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Refuse."""
        return ServedResponse(status=500, data=(b"",))


@dataclass(frozen=True, slots=True)
class Error500Html(RefusedPush):
    """500 with a page."""

    times: int = 2

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Refuse."""
        return ServedResponse(status=500, headers=(_HTML_TYPE,), data=(_HTML,))


@dataclass(frozen=True, slots=True)
class Html200(RefusedPush):
    """200 with a page."""

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Answer as a captive portal does."""
        return ServedResponse(status=200, headers=(_HTML_TYPE,), data=(_HTML,))


@dataclass(frozen=True, slots=True)
class Bad400(RefusedPush):
    """400 with a body that is no JSON."""

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Refuse."""
        return ServedResponse(status=400, headers=(_JSON_TYPE,), data=(b'{"reason":"Bad',))


@dataclass(frozen=True, slots=True)
class Empty400(RefusedPush):
    """400 with an empty body in a DATA frame of its own."""

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Refuse."""
        return ServedResponse(status=400, data=(b"",))


@dataclass(frozen=True, slots=True)
class ErrorHeadersOnly(RefusedPush):
    """A refusal that ends with its headers.

    Attributes:
        status: the status.
    """

    status: int = 400

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        whole("status", self.status, 400, 599)

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Refuse."""
        return ServedResponse(status=self.status)


@dataclass(frozen=True, slots=True)
class OddSuccess(Counted):
    """Google accepts a push in an odd way.

    Attributes:
        kind: ``two-frames``, the second one empty; or ``bad-json``, where nobody can tell whether
            it was accepted.
    """

    kind: str = "two-frames"

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        one_of("kind", self.kind, "two-frames", "bad-json")

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Accept."""
        if not is_push(exchange.request) or not self.is_due():
            return await honest()
        if self.kind == "bad-json":
            return ServedResponse(
                status=200, headers=(fcm_answers.JSON_TYPE,), data=(b'{"name": ',)
            )
        response = await honest()
        if response is None:
            return None
        middle = len(response.data[0]) // 2
        halves = (response.data[0][:middle], response.data[0][middle:], b"")
        return ServedResponse(status=response.status, headers=response.headers, data=halves)


@dataclass(frozen=True, slots=True)
class Http1Answer(Behaviour):
    """HTTP/1 where HTTP/2 was agreed on."""

    async def raised(self, host: Host) -> None:
        """Drop the connections that began as agreed."""
        for connection in host.connections:
            connection.abort(reset=True)

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
        "odd-success", "Accepted in an odd way", "fcm",
        "200 in three pieces, the last one empty, must be OK; 200 with broken JSON must not.",
        OddSuccess,
    ),
    Fault(
        "http1-answer", "HTTP/1 in place of HTTP/2", "both",
        "HTTP/2 was agreed on and HTTP/1.1 400 is answered, as by a device that intercepts. FAIL "
        "with those words.",
        Http1Answer,
    ),
)  # fmt: skip
