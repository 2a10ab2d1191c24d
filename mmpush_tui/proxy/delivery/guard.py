"""The guard against mass removal: a wrong setting looks like many dead devices. Pure.

REMOVE is final on the Mattermost server until the user logs in again, so a wrong topic,
environment or Firebase project would silence a whole company.
"""

from typing import Final

THRESHOLD: Final = 5
"""Different devices in a row that are removed before the guard doubts."""

DOUBTFUL: Final = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic", "SENDER_ID_MISMATCH"})
"""Reasons that every device gets where topic, environment or project are wrong."""
PROOF: Final = frozenset({"Unregistered", "ExpiredToken", "UNREGISTERED"})
"""Reasons that only a device gets that was known to this topic, environment and project."""

_SUSPECTS: Final = {
    "BadDeviceToken": "the app was built for the other environment (sandbox and production have "
    "different device tokens), or for another team",
    "DeviceTokenNotForTopic": "the topic is not the bundle id of the app that registered",
    "SENDER_ID_MISMATCH": "the app was built with another Firebase project than the service "
    "account's",
}


class RemoveGuard:
    """Watches the removals of one target.

    Five of a doubtful kind in a row, of five devices, with no success yet: further ones are held.
    A success ends it for good, and so does an answer that a device is gone, because it proves
    topic, environment and project.
    """

    def __init__(self) -> None:
        self._devices: set[str] = set()
        self._is_proven = False
        self.is_holding = False
        """Whether removals are held."""
        self.held = 0
        """Removals held since it began to hold."""
        self.reason = ""
        """The reason of the removals that it holds."""

    def removes(self, device: str, reason: str) -> bool:
        """Return whether the removal of ``device`` may be passed on.

        Args:
            device: what tells devices apart.
            reason: Apple's or Google's word.
        """
        if reason in PROOF:
            self.release()
        if self._is_proven or reason not in DOUBTFUL:
            return True
        if not self.is_holding:
            if len(self._devices) < THRESHOLD or device in self._devices:
                self._devices.add(device)
                return True
            self.is_holding = True
        self.reason = reason
        self.held += 1
        return False

    def alarm(self, target: str) -> str:
        """Return the words of the alarm that is raised when it begins to hold."""
        return (
            f"{THRESHOLD} devices in a row were refused with {self.reason} and none was accepted, "
            f"so further removals are held: probably {suspect(self.reason)}. When the setting is "
            f"right, mmpush-tui release {target} lets them pass, and so does the first push that "
            "is accepted"
        )

    def release(self) -> bool:
        """Let removals pass, as after a push that was accepted; return whether they were held."""
        was_holding, self.is_holding = self.is_holding, False
        self._is_proven = True
        self._devices.clear()
        return was_holding


def suspect(reason: str) -> str:
    """Return what is probably wrong where every device gets ``reason``."""
    return _SUSPECTS.get(reason, "topic, environment or project do not fit the app")
