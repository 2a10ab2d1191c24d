"""Apple's reasons for refusing a push, with their statuses.

From "Handling notification responses from APNs"; ``BadMessage`` alone is ours.
"""

import json
from collections.abc import Mapping
from typing import Final

from mmpush_tui.simulator.net.exchange import ServedResponse

STATUS: Final[Mapping[str, int]] = {
    "BadCollapseId": 400,
    "BadDeviceToken": 400,
    "BadExpirationDate": 400,
    # Apple names no reason for malformed JSON or for what its documents leave undefined.
    "BadMessage": 400,
    "BadMessageId": 400,
    "BadPriority": 400,
    "DeviceTokenNotForTopic": 400,
    "DuplicateHeaders": 400,
    "InvalidPushType": 400,
    "MissingDeviceToken": 400,
    "MissingTopic": 400,
    "PayloadEmpty": 400,
    "TopicDisallowed": 400,
    "ExpiredProviderToken": 403,
    "InvalidProviderToken": 403,
    "MissingProviderToken": 403,
    "UnrelatedKeyIdInToken": 403,
    "BadPath": 404,
    "MethodNotAllowed": 405,
    "ExpiredToken": 410,
    "Unregistered": 410,
    "PayloadTooLarge": 413,
    "TooManyProviderTokenUpdates": 429,
}


class ApnsRefusalError(Exception):
    """The request is refused.

    Args:
        reason: one of :data:`STATUS`.
        timestamp_ms: when APNs found the device token dead, for the 410s.
    """

    def __init__(self, reason: str, *, timestamp_ms: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.timestamp_ms = timestamp_ms

    def response(self, apns_id: str) -> ServedResponse:
        """Return Apple's answer, with the ``apns-id`` that goes with it."""
        body: dict[str, object] = {"reason": self.reason}
        if self.timestamp_ms is not None:
            body["timestamp"] = self.timestamp_ms
        return ServedResponse(
            status=STATUS[self.reason],
            headers=(("apns-id", apns_id),),
            data=(json.dumps(body, separators=(",", ":")).encode(),),
        )
