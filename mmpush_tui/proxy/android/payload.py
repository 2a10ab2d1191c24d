"""The bodies of FCM pushes, with the data keys of the reference proxy."""

from collections.abc import Mapping
from typing import Final

from mmpush_tui.protocol import gojson
from mmpush_tui.protocol.wire import PushNotification
from mmpush_tui.proxy.payloads.emoji import expand
from mmpush_tui.proxy.payloads.shortening import ORNAMENTS, PayloadTooLargeError, longest

_ALWAYS: Final = (
    "ack_id",
    "type",
    "sub_type",
    "version",
    "channel_id",
    "server_id",
    "category",
)
_MESSAGE: Final = (
    "team_id",
    "sender_id",
    "sender_name",
    "channel_name",
    "post_id",
    "override_username",
    "override_icon_url",
    "from_webhook",
)


def data(push: PushNotification) -> dict[str, str]:
    """Return the data of ``push``: text only, empty texts kept where the key is always there.

    ``transport`` has no meaning here: a call rings by a normal high-priority push.
    """
    fields = {name: getattr(push, name) for name in _ALWAYS}
    fields["is_crt_enabled"] = "true" if push.is_crt_enabled else "false"
    fields["signature"] = push.signature or "NO_SIGNATURE"
    if push.badge != -1:
        fields["badge"] = str(push.badge)
    if push.root_id:
        fields["root_id"] = push.root_id
    if push.is_id_loaded:
        fields |= {
            "post_id": push.post_id,
            "message": push.message,
            "id_loaded": "true",
            "sender_id": push.sender_id,
            "sender_name": "Someone",
            "team_id": push.team_id,
        }
    elif push.type in ("message", "session"):
        fields |= {name: getattr(push, name) for name in _MESSAGE}
        fields["message"] = expand(push.message)
    return fields


LIMIT: Final = 4096
"""Bytes of data (Google, About FCM messages)."""
_FIXED: Final = 45
_PER_FIELD: Final = 6


def _size(fields: Mapping[str, str]) -> int:
    """Return how much of the limit ``fields`` take: names, values and, as measured, some more."""
    texts = sum(len(name) + len(value.encode()) + _PER_FIELD for name, value in fields.items())
    return texts + _FIXED


def _shortened(fields: dict[str, str]) -> dict[str, str]:
    """Return the data with its text cut, then without its ornaments, until it fits.

    Raises:
        PayloadTooLargeError: it does not fit even so.
    """
    for name in ("", *ORNAMENTS):
        if name in fields:
            fields[name] = ""
        text = fields.get("message", "")
        room = LIMIT - _size(fields) + len(text.encode())
        if room >= 0:
            if text:
                fields["message"] = longest(text, room, lambda it: len(it.encode()))
            return fields
    raise PayloadTooLargeError(LIMIT)


def build(push: PushNotification) -> bytes:
    """Return the body of ``messages:send`` for ``push``.

    Args:
        push: what Mattermost posted; its ``device_id`` is the registration token.

    Raises:
        PayloadTooLargeError: there is nothing left to shorten.
    """
    fields = data(push)
    body = _encoded(push, fields)
    # The JSON is larger than what counts, so most pushes need no counting.
    if len(body) > LIMIT and _size(fields) > LIMIT:
        body = _encoded(push, _shortened(fields))
    return body


def _encoded(push: PushNotification, fields: dict[str, str]) -> bytes:
    message = {
        "data": dict(sorted(fields.items())),
        "android": {"priority": "high"},
        "token": push.device_id,
    }
    return gojson.encode({"message": message})
