"""What an answer of FCM means; only Google's own error detail may drop a device."""

from typing import Final

import msgspec

_DETAIL: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"

DEAD_DEVICE: Final = frozenset({"UNREGISTERED", "SENDER_ID_MISMATCH"})
"""Codes that the reference proxy answers with REMOVE."""

_STATUS_OF: Final = {"UNREGISTERED": 404, "SENDER_ID_MISMATCH": 403}


class _Detail(msgspec.Struct):
    type: str = msgspec.field(name="@type", default="")
    error_code: str = msgspec.field(name="errorCode", default="")


class _Error(msgspec.Struct):
    status: str = ""
    message: str = ""
    details: list[_Detail] = []


class _Body(msgspec.Struct):
    error: _Error = msgspec.field(default_factory=_Error)


class FcmError(msgspec.Struct, frozen=True):
    """A refusal as Google worded it.

    Attributes:
        code: the code in the FcmError detail, ``UNREGISTERED``; empty where Google gave none.
        status: the general status, ``NOT_FOUND``; empty where the body is not Google's.
        message: Google's sentence, verbatim.
    """

    code: str
    status: str
    message: str


def read_error(body: bytes) -> FcmError:
    """Return what the body of a refusal says; all empty where it is not Google's."""
    try:
        error = msgspec.json.decode(body, type=_Body).error
    except (ValueError, RecursionError):
        return FcmError("", "", "")
    code = next((item.error_code for item in error.details if item.type == _DETAIL), "")
    return FcmError(code, error.status, error.message)


def is_dead(http: int, error: FcmError) -> bool:
    """Return whether Google said that this registration token is dead.

    A 404 or 403 without its FcmError detail is a wrong project or a missing right, and never
    the device's fault.
    """
    return error.code in DEAD_DEVICE and _STATUS_OF[error.code] == http
