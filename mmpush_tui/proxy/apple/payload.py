"""The bodies and headers of Apple pushes, byte for byte those of the reference proxy."""

from typing import Any, Final

import msgspec

from mmpush_tui.protocol import gojson
from mmpush_tui.protocol.wire import PushNotification
from mmpush_tui.proxy.payloads.emoji import expand
from mmpush_tui.proxy.payloads.shortening import ORNAMENTS, PayloadTooLargeError, longest

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


LIMIT: Final = 4096
"""Bytes of a payload (Apple, Generating a remote notification)."""
VOIP_LIMIT: Final = 5120
"""Bytes of a VoIP payload."""


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

    Raises:
        PayloadTooLargeError: there is nothing left to shorten.
    """
    if push.transport == "voip":
        document, limit = _voip(push), VOIP_LIMIT
        topic, push_type = f"{topic}.voip", "voip"
    else:
        document, limit = _standard(push, app_version), LIMIT
        push_type = "alert"
    body = gojson.encode(document, sort=True)
    if len(body) > limit:
        body = _shortened(document, limit)
    return ApnsPush(topic, push_type, body)


def _shortened(document: dict[str, Any], limit: int) -> bytes:
    """Return the payload with its text cut, then without its ornaments, until it fits.

    Raises:
        PayloadTooLargeError: it does not fit even so.
    """
    for name in ("", *ORNAMENTS):
        document.pop(name, None)
        bare = _with_text(document, "")
        if (room := limit - len(bare)) >= 0:
            in_quotes = room + len('""')
            text = longest(_text(document), in_quotes, lambda it: len(gojson.encode(it)))
            return _with_text(document, text)
    raise PayloadTooLargeError(limit)


def _text(document: dict[str, Any]) -> str:
    alert = document["aps"].get("alert", "")
    text: str = alert.get("body", "") if isinstance(alert, dict) else alert
    return text


def _with_text(document: dict[str, Any], text: str) -> bytes:
    aps = dict(document["aps"])
    if isinstance(alert := aps.get("alert"), dict):
        if "body" in alert:
            aps["alert"] = alert | {"body": text}
    elif alert is not None:
        aps["alert"] = text
    return gojson.encode(document | {"aps": aps}, sort=True)


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
        aps["alert"] = _alert(push)
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


def _alert(push: PushNotification) -> str | dict[str, str]:
    body = expand(push.message)
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
