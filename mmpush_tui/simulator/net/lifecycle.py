"""What every stand-in that listens has in common: it is started, and closed again."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Lifecycle(ABC):
    """An async context manager: starts on entering, closes on leaving."""

    @abstractmethod
    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: its place is taken.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close all connections and the place where it listens."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.aclose()
