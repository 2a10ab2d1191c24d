"""What somebody must hear of: failures that no retry and no other phone can heal."""

from typing import Final

from mmpush_tui.proxy.events import EventBus
from mmpush_tui.troubleshooting.lookup import by_reason

REASONS: Final = frozenset(
    {
        "BadCertificate", "BadCertificateEnvironment", "BadEnvironmentKeyIdInToken",
        "BadEnvironmentKeyInToken", "BadTopic", "ExpiredProviderToken", "Forbidden",
        "InvalidProviderToken", "MissingProviderToken", "MissingTopic", "TopicDisallowed",
        "TooManyProviderTokenUpdates", "UnrelatedKeyIdInToken",
        "PERMISSION_DENIED", "THIRD_PARTY_AUTH_ERROR", "UNAUTHENTICATED",
        "alpn_missing", "clock_skew", "http1_answer", "http2_goaway",
        "proxy_auth", "proxy_not_http", "proxy_refused", "service_account_refused",
        "tls_closed", "tls_failed", "tls_untrusted",
    }
)  # fmt: skip
"""The reasons of such failures: credentials, topic, clock, and what stands in the way."""


class Alarms:
    """Raises an alarm once for each target and reason, and again after a success in between.

    Args:
        bus: who is told.
    """

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._raised: dict[str, set[str]] = {}

    def failed(self, target: str, reason: str) -> None:
        """Note that a push failed at ``target`` for ``reason``."""
        raised = self._raised.setdefault(target, set())
        if reason in REASONS and reason not in raised:
            raised.add(reason)
            entry = by_reason(reason, platform=target)
            words = f"{entry.title}. {entry.steps[0]}" if entry is not None else reason
            self.raise_(target, reason, words)

    def raise_(self, target: str, reason: str, words: str) -> None:
        """Say at once what is wrong with ``target``, in words of its own."""
        self._bus.publish("alarm", target=target, reason=reason, message=f"{target}: {words}")

    def succeeded(self, target: str) -> None:
        """Note that a push reached the vendor at ``target``."""
        if raised := self._raised.get(target):
            raised.clear()
