"""What an answer of APNs means for the device, for the target, and for Mattermost."""

import re
from typing import Final

import msgspec

DEAD_DEVICE: Final = frozenset(
    {"BadDeviceToken", "DeviceTokenNotForTopic", "MissingDeviceToken", "Unregistered",
     "ExpiredToken"}
)  # fmt: skip
"""Apple says that this device token is dead, or was never one of this topic.

The reference proxy lacks ``ExpiredToken``, which Apple added later.
"""


_GOODBYE: Final = re.compile(r'"reason"\s*:\s*"([A-Za-z]{1,60})"')


class ApnsError(msgspec.Struct):
    """The body of a refusal: ``{"reason": …, "timestamp": ms}``."""

    reason: str = ""


def read_reason(body: bytes) -> str:
    """Return the reason in the body of a refusal, or an empty string where there is none.

    A ``timestamp`` of any type is ignored: the reference proxy fails on one in quotes and
    keeps a dead device for it.
    """
    try:
        return msgspec.json.decode(body, type=ApnsError).reason
    except (ValueError, RecursionError):
        return ""


def goodbye_reason(cause: str) -> str:
    """Return the reason in the words of a GOAWAY, or an empty string where there is none.

    Apple says so, and not in an answer, that a certificate is for its other network.
    """
    match = _GOODBYE.search(cause)
    return match[1] if match else ""
