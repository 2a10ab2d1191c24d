"""Faults of single pushes: what the vendors say of a device, a topic, a project or a payload."""

import asyncio
import email.utils
import json
import time
from dataclasses import dataclass
from typing import Final

from mmpush_tui.simulator.acts.answers import RefusedPush, apple_says
from mmpush_tui.simulator.acts.base import (
    LONGEST_S,
    Answer,
    Counted,
    Exchange,
    Fault,
    number,
    one_of,
    whole,
)
from mmpush_tui.simulator.apns.rules import apns_id
from mmpush_tui.simulator.fcm import answers as fcm_answers
from mmpush_tui.simulator.fcm.answers import FcmRefusalError, bad_request, fcm_error
from mmpush_tui.simulator.net.exchange import ServedResponse

_TOKEN_PATH: Final = "/token"  # noqa: S105 - a path
_HTML: Final = b"<!DOCTYPE html><html lang=en><title>Error</title></html>\n"
_HTML_TYPE: Final = ("content-type", "text/html; charset=UTF-8")
_GONE_MS: Final = 1_700_000_000_000

_APPLE: Final = {
    "BadDeviceToken": 400, "DeviceTokenNotForTopic": 400, "MissingDeviceToken": 400,
    "Unregistered": 410, "ExpiredToken": 410, "TopicDisallowed": 400, "BadTopic": 400,
    "BadCertificate": 403, "Forbidden": 403, "BadEnvironmentKeyIdInToken": 403,
    "PayloadTooLarge": 413, "SomethingNew": 400,
}  # fmt: skip

_IAM: Final = (
    "Permission 'cloudmessaging.messages.create' denied on resource "
    "'//cloudresourcemanager.googleapis.com/projects/mmpush-demo' (or it may not exist)."
)
_DISABLED: Final = (
    "Firebase Cloud Messaging API has not been used in project 123456789012 before or it is "
    "disabled."
)
_UNAUTHENTICATED: Final = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie "
    "or other valid authentication credential."
)
_INFO: Final = "type.googleapis.com/google.rpc.ErrorInfo"
_GOOGLE: Final = {
    "unregistered": FcmRefusalError(
        404, "NOT_FOUND", "Requested entity was not found.", fcm_error("UNREGISTERED")
    ),
    "not-found": FcmRefusalError(404, "NOT_FOUND", "Requested entity was not found."),
    "sender-mismatch": FcmRefusalError(
        403, "PERMISSION_DENIED", "SenderId mismatch", fcm_error("SENDER_ID_MISMATCH")
    ),
    "forbidden": FcmRefusalError(403, "PERMISSION_DENIED", _IAM),
    "api-disabled": FcmRefusalError(
        403, "PERMISSION_DENIED", _DISABLED, {"@type": _INFO, "reason": "SERVICE_DISABLED"}
    ),
    "invalid-token": FcmRefusalError(
        400, "INVALID_ARGUMENT",
        "The registration token is not a valid FCM registration token",
        fcm_error("INVALID_ARGUMENT"),
    ),
    "invalid-field": FcmRefusalError(
        400, "INVALID_ARGUMENT", "Invalid value at 'message.data[0].value' (TYPE_STRING), 12",
        bad_request("message.data[0].value", "Invalid value (TYPE_STRING), 12"),
    ),
    "unauthenticated": FcmRefusalError(401, "UNAUTHENTICATED", _UNAUTHENTICATED),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AppleRefuses(RefusedPush):
    """Apple refuses pushes for a reason.

    Attributes:
        reason: Apple's word.
        timestamp: how the ``timestamp`` of a 410 is written: ``number``, ``text`` or ``none``.
    """

    times: int = 0
    reason: str = "BadDeviceToken"
    timestamp: str = "number"

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        one_of("reason", self.reason, *_APPLE)
        one_of("timestamp", self.timestamp, "number", "text", "none")

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Refuse."""
        status = _APPLE[self.reason]
        if status != 410 or self.timestamp == "none":
            return apple_says(exchange.request, status, self.reason)
        at = str(_GONE_MS) if self.timestamp == "text" else _GONE_MS
        body = json.dumps({"reason": self.reason, "timestamp": at}).encode()
        headers = (("apns-id", apns_id(exchange.request)),)
        return ServedResponse(status=status, headers=headers, data=(body,))


@dataclass(frozen=True, slots=True)
class GoogleRefuses(RefusedPush):
    """Google refuses pushes for a reason.

    Attributes:
        reason: which.
    """

    times: int = 0
    reason: str = "unregistered"

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        one_of("reason", self.reason, *_GOOGLE, "not-found-html")

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Refuse."""
        refused = _GOOGLE.get(self.reason)
        return fcm_answers.no_such_url() if refused is None else refused.response()


@dataclass(frozen=True, slots=True)
class OddRetryAfter(RefusedPush):
    """503 with a Retry-After that is no number of seconds.

    Attributes:
        kind: ``date`` or ``garbage``.
        seconds: how far away the date is.
    """

    kind: str = "date"
    seconds: float = 1.0

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        one_of("kind", self.kind, "date", "garbage")
        number("seconds", self.seconds, 0, LONGEST_S)

    def refusal(self, exchange: Exchange) -> ServedResponse:
        """Refuse."""
        date = email.utils.formatdate(time.time() + self.seconds, usegmt=True)
        value = date if self.kind == "date" else "soon, 1.5 or \xb2"
        return ServedResponse(status=503, headers=(("retry-after", value),), data=(b"",))


@dataclass(frozen=True, slots=True)
class TokenServer(Counted):
    """Google's token endpoint fails; pushes are judged as ever.

    Attributes:
        kind: how.
    """

    times: int = 0
    kind: str = "skew"

    def __post_init__(self) -> None:
        whole("times", self.times, 0, 1_000_000)
        one_of(
            "kind", self.kind, "skew", "signature", "account", "unavailable", "hang", "html",
            "short-life", "no-life",
        )  # fmt: skip

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Grant nothing, or something odd."""
        if exchange.request.path != _TOKEN_PATH or not self.is_due():
            return await honest()
        match self.kind:
            case "skew":
                return _grant_refused(
                    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a "
                    "reasonable timeframe. Check your iat and exp values in the JWT claim."
                )
            case "signature":
                return _grant_refused("Invalid JWT Signature.")
            case "account":
                return _grant_refused("Invalid grant: account not found")
            case "unavailable":
                return ServedResponse(status=503, headers=(_HTML_TYPE,), data=(_HTML,))
            case "html":
                return ServedResponse(status=200, headers=(_HTML_TYPE,), data=(_HTML,))
            case "hang":
                await asyncio.sleep(LONGEST_S)
                return None
            case _:
                return await self._short(honest)

    async def _short(self, honest: Answer) -> ServedResponse | None:
        response = await honest()
        if response is None or response.status != 200:
            return response
        content = json.loads(b"".join(response.data))
        if self.kind == "short-life":
            content["expires_in"] = 1
        else:
            del content["expires_in"]
        return fcm_answers.error_document(200, content)


def _grant_refused(description: str) -> ServedResponse:
    content = {"error": "invalid_grant", "error_description": description}
    return fcm_answers.error_document(400, content)


FAULTS: Final = (
    Fault(
        "apple-refuses", "Apple refuses every push", "apns",
        "Every push, or as many as are given, is refused with reason: " + ", ".join(_APPLE)
        + ". A device that is gone must be REMOVE; BadDeviceToken and DeviceTokenNotForTopic for "
        "every device must make the guard hold further ones; the others are FAIL at once.",
        AppleRefuses,
    ),
    Fault(
        "google-refuses", "Google refuses every push", "fcm",
        "Every push, or as many as are given, is refused: " + ", ".join(_GOOGLE)
        + ", not-found-html. Only unregistered and sender-mismatch may be REMOVE, and the latter "
        "not for every device; 401 must fetch one new access token.",
        GoogleRefuses,
    ),
    Fault(
        "odd-retry-after", "503 with an odd Retry-After", "both",
        "503 whose Retry-After is a date some seconds away, or garbage. More tries where "
        "Mattermost waits so long.",
        OddRetryAfter,
    ),
    Fault(
        "token-server", "No access token", "fcm",
        "The token endpoint refuses (skew, signature, account), is unavailable, hangs, answers "
        "with HTML, or grants a token that lives a second or does not say how long. Pushes must "
        "fail fast, it must not be asked for every push, and pushes must go on once it grants "
        "again.",
        TokenServer,
    ),
)  # fmt: skip
