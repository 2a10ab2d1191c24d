"""The bodies that ``messages:send`` takes, with the words in which Google refuses the others.

Only what a push proxy has a use for is known here; FCM's other fields are refused as unknown.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mmpush_tui.simulator.fcm.answers import FcmRefusalError, fcm_error, invalid_argument
from mmpush_tui.simulator.net import strictjson
from mmpush_tui.text import clip

MAX_DATA_BYTES: Final = 4096
"""Keys and values of ``data`` together, as documented."""

_PREFIX: Final = "type.googleapis.com/google.firebase.fcm.v1."
_PRIORITY: Final = _PREFIX + "AndroidConfig.AndroidMessagePriority"
_PRIORITIES: Final = frozenset({"high", "normal", "HIGH", "NORMAL"})
_DURATION: Final = re.compile(r"[0-9]{1,7}(\.[0-9]{1,9})?s")
_TOKEN: Final = re.compile(r"[\w-]{11,64}:APA91b[\w-]{100,200}", re.ASCII)
_RESERVED: Final = re.compile(r"from|message_type|(google|gcm).*", re.S)


@dataclass(frozen=True, slots=True)
class Send:
    """A request to send one message to one token."""

    token: str = field(repr=False)
    data: Mapping[str, str] = field(repr=False)
    validate_only: bool


def read_message(body: bytes, size: int) -> Send:
    """Return what ``body`` asks for.

    Args:
        body: the request body; may be cut where it is far too large.
        size: bytes of the body as sent.

    Raises:
        FcmRefusalError: with Google's answer.
    """
    if size != len(body):
        raise _too_big()
    try:
        document = strictjson.loads(body)
    except ValueError as error:
        raise invalid_argument(
            "", "Invalid JSON payload received. Unexpected token.", by_fcm=False
        ) from error
    root = _object(document, "", "SendMessageRequest", {"message", "validate_only"})
    validate_only = root.get("validate_only", False)
    if not isinstance(validate_only, bool):
        raise _invalid("validate_only", "TYPE_BOOL", validate_only)
    message = _object(root.get("message", {}), "message", "Message", {"android", "data", "token"})
    data = _data(message.get("data", {}))
    _check_android(message.get("android", {}))
    return Send(_recipient(message), data, validate_only)


def _data(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _invalid("message.data", _PREFIX + "Message.DataEntry", value)
    for index, text in enumerate(value.values()):
        if not isinstance(text, str):
            raise _invalid(f"message.data[{index}].value", "TYPE_STRING", text)
    for index, key in enumerate(value):
        if not key or _RESERVED.fullmatch(key):
            where = f"message.data[{index}].key"
            raise invalid_argument(where, f"Invalid data payload key: {clip(key, 100)}")
    if sum(len(text.encode()) for pair in value.items() for text in pair) > MAX_DATA_BYTES:
        raise _too_big()
    return value


def _check_android(value: Any) -> None:
    known = {"collapse_key", "priority", "ttl"}
    android = _object(value, "message.android", "AndroidConfig", known)
    priority = android.get("priority", "normal")
    if not isinstance(priority, str) or priority not in _PRIORITIES:
        raise _invalid("message.android.priority", _PRIORITY, priority)
    ttl = android.get("ttl", "0s")
    if not isinstance(ttl, str) or not _DURATION.fullmatch(ttl):
        raise _invalid("message.android.ttl", "type.googleapis.com/google.protobuf.Duration", ttl)
    collapse_key = android.get("collapse_key", "")
    if not isinstance(collapse_key, str):
        raise _invalid("message.android.collapse_key", "TYPE_STRING", collapse_key)


def _recipient(message: Mapping[str, Any]) -> str:
    token = message.get("token", "")
    if not isinstance(token, str):
        raise _invalid("message.token", "TYPE_STRING", token)
    if not token:
        raise invalid_argument("message", "Recipient of the message is not set.")
    if not _TOKEN.fullmatch(token):
        raise malformed_token()
    return token


def malformed_token() -> FcmRefusalError:
    """Return the refusal of what is no registration token."""
    return FcmRefusalError(
        400,
        "INVALID_ARGUMENT",
        "The registration token is not a valid FCM registration token",
        fcm_error("INVALID_ARGUMENT"),
    )


def _object(value: Any, path: str, kind: str, known: Collection[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _invalid(path, _PREFIX + kind, value)
    for name in value:
        if name not in known:
            at = f" at '{path}'" if path else ""
            unknown = f'Unknown name "{clip(name, 100)}"{at}: Cannot find field.'
            message = f"Invalid JSON payload received. {unknown}"
            raise invalid_argument(path, message, by_fcm=False)
    return value


def _invalid(path: str, kind: str, value: Any) -> FcmRefusalError:
    text = clip(json.dumps(value, ensure_ascii=False), 100)
    return invalid_argument(path, f"Invalid value at '{path}' ({kind}), {text}", by_fcm=False)


def _too_big() -> FcmRefusalError:
    return invalid_argument("message", "Android message is too big")
