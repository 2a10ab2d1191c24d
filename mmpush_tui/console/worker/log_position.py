"""Where the delivery log stands, in the words of the line above it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where the log stands, for the line above it.

    Attributes:
        first, last: places of the rows shown among all in the view, from 1; both 0 where the
            ring no longer keeps what is shown, or nothing is.
        total: rows in the view.
        is_following: the newest row is shown, whatever comes.
        new, failed: rows that came and were not shown yet; how many of them failed.
    """

    first: int = 0
    last: int = 0
    total: int = 0
    is_following: bool = True
    new: int = 0
    failed: int = 0

    @property
    def where(self) -> str:
        """``1 204-1 221 of 9 881``."""
        if not self.total:
            return "none"
        if not self.last:
            return f"no longer kept, of {_grouped(self.total)}"
        return f"{_grouped(self.first)}-{_grouped(self.last)} of {_grouped(self.total)}"

    @property
    def badge(self) -> str:
        """``FOLLOW``, or ``PAUSED`` with what came since: ``PAUSED  +137 new, 2 failed``."""
        if self.is_following:
            return "FOLLOW"
        new = f"  +{_grouped(self.new)} new" if self.new else ""
        return f"PAUSED{new}" + (f", {_grouped(self.failed)} failed" if self.failed else "")


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", " ")
