"""One configured platform that pushes are sent to."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Literal

from mmpush_tui.http2.pool import Pool
from mmpush_tui.protocol.wire import PushNotification
from mmpush_tui.proxy.upstream.outcome import Outcome, Within


class Target(ABC):
    """What Apple's and Google's targets have in common.

    Args:
        type_: the configured type, ``apple_rn``.
        pool: the connections.

    Attributes:
        platform: whose network it is.
    """

    platform: ClassVar[Literal["apple", "android"]]

    def __init__(self, type_: str, pool: Pool) -> None:
        self.type = type_
        self._pool = pool

    @property
    def endpoint(self) -> str:
        """host:port it sends to."""
        return str(self._pool.route.endpoint)

    @property
    def is_connected(self) -> bool:
        """Whether a connection is open right now."""
        return self._pool.is_connected

    @abstractmethod
    async def send(
        self,
        push: PushNotification,
        app_version: int,
        within: Within,
        on_sent: Callable[[int], None],
    ) -> Outcome:
        """Send ``push``, again where ``Attempts`` allows it, and return how it ended.

        Never raises for anything upstream does.

        Args:
            push: what Mattermost posted.
            app_version: the number behind ``-v`` in its platform.
            within: how long it may take.
            on_sent: called with the stream id whenever a request is on its way.
        """

    def reset_backoff(self) -> None:
        """Connect for the next push although that failed a moment ago."""
        self._pool.reset_backoff()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()
