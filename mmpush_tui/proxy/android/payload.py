"""The bodies of FCM pushes, with the data keys of the reference proxy."""

from typing import Any, Final

from mmpush_tui.proxy import gojson
from mmpush_tui.proxy.emoji import expand
from mmpush_tui.proxy.wire import PushNotification

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


def build(push: PushNotification, *, validate_only: bool = False) -> bytes:
    """Return the body of ``messages:send`` for ``push``.

    Args:
        push: what Mattermost posted; its ``device_id`` is the registration token.
        validate_only: ask Google to check the request and to deliver nothing.
    """
    message: dict[str, Any] = {
        "data": dict(sorted(data(push).items())),
        "android": {"priority": "high"},
        "token": push.device_id,
    }
    return gojson.encode(({"validate_only": True} if validate_only else {}) | {"message": message})
