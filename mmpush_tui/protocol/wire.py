"""What Mattermost posts to a push proxy and what it reads back.

Shapes and defaults follow the server's ``PushNotification`` and ``PushNotificationAck`` models
and the reference proxy's handlers. The texts that begin an error answer are the reference
proxy's own, down to the words of Go's JSON decoder, because admins search for them.
"""

import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from mmpush_tui.protocol import gojson
from mmpush_tui.text import short_token

MESSAGE_LIMIT: Final = 2047
"""Bytes; a longer message is cut to one byte less, as the reference proxy does."""
CHANNEL_NAME_LIMIT: Final = 64
"""Bytes."""

CHECK_PLATFORM: Final = "mmpush_check"
"""The platform of the push that the reachability checks have refused: no target is called so."""


class PushNotification(
    msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False
):
    """One notification for one device, as the server posts it to ``/api/v1/send_push``.

    Field order, names and defaults are the server's. It posts the first eight always and the
    others only where they are not empty or zero.
    """

    ack_id: str = ""
    platform: str = ""
    server_id: str = ""
    device_id: str = ""
    post_id: str = ""
    category: str = ""
    sound: str = ""
    message: str = ""
    badge: int = 0
    cont_ava: int = 0
    team_id: str = ""
    channel_id: str = ""
    root_id: str = ""
    channel_name: str = ""
    type: str = ""
    sub_type: str = ""
    transport: str = ""
    sender_id: str = ""
    sender_name: str = ""
    override_username: str = ""
    override_icon_url: str = ""
    from_webhook: str = ""
    version: str = ""
    is_crt_enabled: bool = False
    is_id_loaded: bool = False
    signature: str = ""

    def __repr__(self) -> str:
        # What users wrote to each other must not reach a log by way of a repr.
        return f"PushNotification({self.type!r} to {short_token(self.device_id)})"


class PushNotificationAck(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A device's receipt, forwarded by the server to ``/api/v1/ack``."""

    id: str = ""
    received_at: int = 0
    platform: str = ""
    type: str = ""
    post_id: str = ""
    is_id_loaded: bool = False


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The answer to Mattermost: all values are strings, and refusals are HTTP 200 too."""

    status: str
    error: str = ""


OK: Final = Answer("OK")
REMOVE: Final = Answer("REMOVE")


def fail(error: str) -> Answer:
    """Return the refusal that Mattermost logs as ``error``."""
    return Answer("FAIL", error)


class RefusedError(Exception):
    """A request that is answered FAIL before any target is asked; the text is the answer's."""


def read_push(body: bytes) -> PushNotification:
    """Decode a posted notification, with Go's leniency and Go's strictness.

    Raises:
        RefusedError: the body is no notification, or lacks its server or device id.
    """
    push: PushNotification = _decode(body, PushNotification, "Failed to read message body")
    if not push.server_id:
        raise RefusedError("Failed because of missing server Id")
    if not push.device_id:
        raise RefusedError(f"Failed because of missing device Id serverId={push.server_id}")
    if len(push.message) * 4 > MESSAGE_LIMIT:
        push.message = cut_utf8(push.message, MESSAGE_LIMIT, MESSAGE_LIMIT - 1)
    if len(push.channel_name) * 4 > CHANNEL_NAME_LIMIT:
        push.channel_name = cut_utf8(push.channel_name, CHANNEL_NAME_LIMIT, CHANNEL_NAME_LIMIT)
    return push


def read_ack(body: bytes) -> PushNotificationAck:
    """Decode a posted receipt.

    Raises:
        RefusedError: the body is no receipt, or lacks its id, platform or type.
    """
    ack: PushNotificationAck = _decode(body, PushNotificationAck, "Failed to read ack body")
    for value, name in ((ack.id, "Id"), (ack.platform, "platform"), (ack.type, "type")):
        if not value:
            raise RefusedError(f"Failed because of missing ack {name}")
    return ack


def missing_platform(platform: str, server_id: str) -> str:
    """Return the refusal of a notification that no target serves."""
    return (
        "Did not send message because of missing platform property "
        f"type={platform} serverId={server_id}"
    )


_ATOI: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


@lru_cache(512)
def split_platform(platform: str) -> tuple[str, int]:
    """Return the target type and the app version of a posted platform.

    ``apple_rn-v2`` is type ``apple_rn``, version 2. Without a version, or with one that is no
    number, the version is 1; the type ends at the first ``-v`` either way.
    """
    name, separator, version = platform.partition("-v")
    if separator and _ATOI.fullmatch(version):
        return name, int(version)
    return name, 1


def cut_utf8(text: str, limit: int, keep: int) -> str:
    """Return ``text``, cut to ``keep`` bytes of UTF-8 where it has more than ``limit``.

    The cut falls between code points; the reference proxy's falls between bytes and can leave
    half a character.
    """
    data = text.encode()
    return text if len(data) <= limit else data[:keep].decode(errors="ignore")


_SPECS: Final[dict[type, dict[str, type]]] = {
    kind: {field.name: field.type for field in msgspec.structs.fields(kind)}
    for kind in (PushNotification, PushNotificationAck)
}


# What Mattermost posts has every key as it is here; everything else is worth a second look.
_EXACT: Final[dict[type, Any]] = {
    PushNotification: msgspec.json.Decoder(PushNotification),
    PushNotificationAck: msgspec.json.Decoder(PushNotificationAck),
}
# msgspec takes 1.0 and numbers beyond 64 bits for whole numbers, and Go does not.
_ODD_NUMBER: Final = re.compile(rb"\s*:\s*-?[0-9]+(?:[.eE]|[0-9]{17})")
_NUMBERS: Final = (b'"badge"', b'"cont_ava"', b'"received_at"')
_ESCAPED_LETTERS: Final = (b"\\u006", b"\\u007")


def _may_be_odd(body: bytes) -> bool:
    """Return whether a number in ``body`` may be one that Go refuses and msgspec does not.

    Looked for by name, because a pattern over the whole body takes longer than reading it. Nobody
    writes the letters of a name as escapes, unless to get past this.
    """
    for name in _NUMBERS:
        at = body.find(name)
        while at >= 0:
            at += len(name)
            if _ODD_NUMBER.match(body, at):
                return True
            at = body.find(name, at)
    return any(letters in body for letters in _ESCAPED_LETTERS)


_GO_TYPES: Final = {
    "received_at": "int64",
    "sub_type": "model.PushSubType",
    "transport": "model.PushTransport",
}


def _decode(body: bytes, kind: type[Any], prefix: str) -> Any:
    if not _may_be_odd(body):
        try:
            return _EXACT[kind].decode(body)
        except (ValueError, RecursionError):
            # Another key case, trailing data, null, or an error that must have Go's words.
            pass
    spec = _SPECS[kind]
    try:
        document = gojson.decode(body)
        if document is None:
            return kind()
        return kind(**gojson.fill(document, spec, kind.__name__, _GO_TYPES))
    except gojson.GoJSONError as error:
        raise RefusedError(f"{prefix}: {error}") from error
