"""What a level of contents sends to Apple and Google, by the example of one message. Pure."""

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from mmpush_tui.protocol.wire import PushNotification
from mmpush_tui.proxy.android import payload as android
from mmpush_tui.proxy.apple import payload as apple
from mmpush_tui.settings.page import Contents

_SENDER: Final = "Jane Doe"
_CHANNEL: Final = "Town Square"
_TEXT: Final = "Shall we meet at ten?"
_ALWAYS: Final[dict[str, Any]] = {
    "ack_id": "4rf9n1xu8jyw5mb9f4d7o3hkqc",
    "platform": "apple_rn-v2",
    "server_id": "w5nq4bp1j7dk8x6h9mz3ft2gce",
    "device_id": "",
    "post_id": "9k7y5o6xu3fjtd1b8me4qzwrna",
    "channel_id": "d5j8kq3n1xwo7z6hpm4ybf9tge",
    "team_id": "x1c6m8b3jdq7fyw5k9z2nhrpoe",
    "category": "CAN_REPLY",
    "type": "message",
    "version": "v2",
    "badge": 1,
}
"""What Mattermost posts at every level; the ids are made up."""

_BY_LEVEL: Final[dict[Contents, dict[str, Any]]] = {
    Contents.FULL: {
        "message": f"{_SENDER}: {_TEXT}",
        "channel_name": _CHANNEL,
        "sender_name": _SENDER,
        "sender_id": "s7z3nq8w1mdx5kj9ybf4hpt6co",
    },
    Contents.GENERIC: {
        "message": f"{_SENDER} posted a message.",
        "channel_name": _CHANNEL,
        "sender_name": _SENDER,
        "sender_id": "s7z3nq8w1mdx5kj9ybf4hpt6co",
    },
    Contents.GENERIC_NO_CHANNEL: {
        "message": f"{_SENDER} posted a message.",
        "sender_name": _SENDER,
        "sender_id": "s7z3nq8w1mdx5kj9ybf4hpt6co",
    },
    Contents.ID_LOADED: {
        "message": "You've received a new message.",
        "sender_id": "r2b8x5nq1wk7mjd9yf4hzp6tco",
        "is_id_loaded": True,
    },
}
"""What Mattermost adds at each level, as its push code of versions 10 and 11 does."""

_TELLING: Final = (_SENDER, _CHANNEL, _TEXT)
"""What must not be read by others: who writes, where, and what."""


def preview(contents: Contents) -> dict[str, dict[str, Any]]:
    """Return what Apple and Google get of the example, by the push network."""
    push = PushNotification(**_ALWAYS, **_BY_LEVEL[contents])
    return {
        "Apple": msgspec.json.decode(apple.build(push, 2, "com.example.chat").body),
        "Google": dict(sorted(android.data(push).items())),
    }


def preview_lines(contents: Contents) -> Iterator[tuple[str, bool]]:
    """Yield the same line by line, each with whether it tells who writes, where or what."""
    for network, document in preview(contents).items():
        yield f"{network} gets", False
        for line in json.dumps(document, indent=2, ensure_ascii=False).splitlines()[1:-1]:
            yield line, any(word in line for word in _TELLING)
