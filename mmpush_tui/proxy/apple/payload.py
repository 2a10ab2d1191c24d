"""The bodies and headers of Apple pushes, byte for byte those of the reference proxy."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from mmpush_tui.proxy import gojson
from mmpush_tui.proxy.emoji import expand
from mmpush_tui.proxy.wire import PushNotification

_OPTIONAL: Final = (
    "ack_id",
    "channel_id",
    "team_id",
    "sender_id",
    "sender_name",
    "post_id",
    "root_id",
    "override_username",
    "override_icon_url",
    "from_webhook",
)


class ApnsPush(msgspec.Struct, frozen=True):
    """One request to APNs, without the device and the provider token.

    Attributes:
        topic: value of ``apns-topic``.
        push_type: value of ``apns-push-type``; the reference proxy sends ``alert`` for
            everything but VoIP.
        body: the JSON payload.
    """

    topic: str
    push_type: str
    body: bytes


def build(push: PushNotification, app_version: int, topic: str) -> ApnsPush:
    """Return the request for ``push``.

    Args:
        push: what Mattermost posted.
        app_version: the number behind ``-v`` in the posted platform; 1 where there is none.
        topic: the target's bundle id; VoIP pushes go to the topic of that name with ``.voip``.
    """
    if push.transport == "voip":
        return ApnsPush(f"{topic}.voip", "voip", gojson.encode(_voip(push), sort=True))
    return ApnsPush(topic, "alert", gojson.encode(_standard(push, app_version), sort=True))


def _standard(push: PushNotification, app_version: int) -> dict[str, Any]:
    aps: dict[str, Any] = {}
    document: dict[str, Any] = {"aps": aps}
    if push.badge == 0 and push.type == "clear" and app_version > 1:
        aps["badge"] = 1
    elif push.badge != -1:
        aps["badge"] = push.badge

    if push.is_id_loaded:
        _visible(push, aps, document)
        aps["alert"] = {"body": push.message} if push.message else {}
        aps["content-available"] = 1
        document["id_loaded"] = True
    elif push.type in ("message", "session"):
        _visible(push, aps, document)
        aps["alert"] = _alert(push, expand)
        if push.type == "message":
            aps["content-available"] = 1
        if push.channel_name:
            document["channel_name"] = push.channel_name
    elif push.type in ("clear", "test"):
        aps["content-available"] = 1

    if push.channel_id:
        in_thread = push.is_crt_enabled and push.root_id
        aps["thread-id"] = push.root_id if in_thread else push.channel_id

    document["type"] = push.type
    document["sub_type"] = push.sub_type
    document["server_id"] = push.server_id
    document["is_crt_enabled"] = push.is_crt_enabled
    document["signature"] = push.signature or "NO_SIGNATURE"
    for name in _OPTIONAL:
        if value := getattr(push, name):
            document[name] = value
    return document


def _visible(push: PushNotification, aps: dict[str, Any], document: dict[str, Any]) -> None:
    if push.category:
        aps["category"] = push.category
    aps["sound"] = "default"
    aps["mutable-content"] = 1
    document["version"] = push.version


def _alert(push: PushNotification, emojify: Callable[[str], str]) -> str | dict[str, str]:
    body = emojify(push.message)
    if not push.channel_name or push.version != "v2":
        return body
    alert = {"title": push.channel_name}
    if body:
        alert["body"] = body
    return alert


def _voip(push: PushNotification) -> dict[str, Any]:
    document: dict[str, Any] = {
        "aps": {"content-available": 1},
        "type": push.type,
        "sub_type": push.sub_type,
        "channel_id": push.channel_id,
        "server_id": push.server_id,
        "post_id": push.post_id,
        "thread_id": push.root_id,
        "sender_id": push.sender_id,
        "id_loaded": push.is_id_loaded,
        "signature": push.signature or "NO_SIGNATURE",
    }
    for name in ("sender_name", "channel_name", "ack_id"):
        if value := getattr(push, name):
            document[name] = value
    return document
