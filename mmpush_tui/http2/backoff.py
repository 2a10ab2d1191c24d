"""When the next attempt at a connection may be made, after others that came to nothing."""

import random
import time
from typing import Final

from mmpush_tui.http2.errors import ConnectError

_FIRST_S: Final = 0.5
_LONGEST_S: Final = 10.0
_CALM_S: Final = 1.0


class Backoff:
    """Twice as long with every failure, up to ten seconds, less up to half of it by chance.

    Attributes:
        error: the latest failure; None where the last attempt was a success.
    """

    def __init__(self) -> None:
        self.error: ConnectError | None = None
        self._failures = 0
        self._until = 0.0
        self._is_calm = False

    def failed(self, error: ConnectError, *, calm: bool = False) -> None:
        """Note a failure.

        Args:
            error: what is told to those who cannot wait.
            calm: whether the peer asked for fewer requests, so that a second passes in any case.
        """
        self.error = error
        self._is_calm = calm
        delay_s = min(_FIRST_S * 2.0**self._failures, _LONGEST_S)
        self._failures += 1
        # Many workers that lost the same peer must not come back to it in one moment.
        delay_s *= random.uniform(0.5, 1.0)  # noqa: S311 - nothing secret hangs on it
        self._until = time.monotonic() + (max(delay_s, _CALM_S) if calm else delay_s)

    def succeeded(self) -> None:
        """Note that all is well."""
        self.error = None
        self._failures = 0
        self._until = 0.0

    def reset_backoff(self) -> None:
        """Allow an attempt now, unless the peer asked for calm."""
        if not self._is_calm:
            self._until = 0.0

    def copy(self) -> ConnectError:
        """Return the latest failure as an exception of its own.

        Each raise writes its traceback into an exception, so none is raised twice.
        """
        error = self.error
        if error is None:
            raise ValueError("nothing failed")
        again_in_s = self.left_s if self._is_calm else 0.0
        copied = ConnectError(error.stage, str(error), error.code, again_in_s)
        copied.__cause__ = error
        return copied

    @property
    def left_s(self) -> float:
        """Seconds until the next attempt; 0 where it may be made now."""
        return max(self._until - time.monotonic(), 0.0)
