"""Answers in the shape of Google's APIs (``google.rpc.Status`` as JSON)."""

import json
from typing import Any, Final

from mmpush_tui.simulator.net.exchange import ServedResponse

JSON_TYPE: Final = ("content-type", "application/json; charset=UTF-8")

_FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST: Final = "type.googleapis.com/google.rpc.BadRequest"
_NO_SUCH_URL: Final = b"<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title>\n"


class FcmRefusalError(Exception):
    """The request is refused.

    Args:
        code: the HTTP status.
        status: Google's name of it.
        message: the sentence that callers log.
        details: what else goes into ``error.details``.
    """

    def __init__(self, code: int, status: str, message: str, *details: dict[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.details = details

    def response(self) -> ServedResponse:
        """Return Google's answer."""
        error: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "status": self.status,
        }
        if self.details:
            error["details"] = list(self.details)
        return error_document(self.code, {"error": error})


def error_document(
    status: int, content: dict[str, Any], *, more: tuple[bytes, ...] = ()
) -> ServedResponse:
    """Return ``content`` as Google prints it, indented.

    Args:
        status: the HTTP status.
        content: the JSON document.
        more: DATA frames after the one that holds it.
    """
    body = json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    return ServedResponse(status=status, headers=(JSON_TYPE,), data=(body, *more))


def no_such_url() -> ServedResponse:
    """Return what Google's front end says to an address that no API has: HTML, not JSON."""
    return ServedResponse(
        status=404, headers=(("content-type", "text/html; charset=UTF-8"),), data=(_NO_SUCH_URL,)
    )


def fcm_error(code: str) -> dict[str, Any]:
    """Return the detail that alone says what became of a push."""
    return {"@type": _FCM_ERROR, "errorCode": code}


def bad_request(field: str, description: str) -> dict[str, Any]:
    """Return the detail that says which field is wrong; ``field`` empty for the whole body."""
    violation = {"field": field} if field else {}
    violation["description"] = description
    return {"@type": _BAD_REQUEST, "fieldViolations": [violation]}


def invalid_argument(field: str, message: str, *, by_fcm: bool = True) -> FcmRefusalError:
    """Return the refusal of a field.

    Args:
        field: its path, ``message.token``; empty for the whole body.
        message: what is wrong with it.
        by_fcm: whether FCM itself judged it; what its front end cannot parse has no FcmError.
    """
    details = [fcm_error("INVALID_ARGUMENT")] if by_fcm else []
    return FcmRefusalError(400, "INVALID_ARGUMENT", message, *details, bad_request(field, message))
