"""What a look at a file, an address or a set of answers showed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mmpush_tui.errors import MmpushError
from mmpush_tui.text import presentable


class Status(StrEnum):
    """Whether one can go on with what was found."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result line, safe to show.

    Attributes:
        status: whether one can go on.
        message: what it is, as one sentence.
        fix: what to do about it; empty where nothing is to be done.
        derived: what follows from it and need not be asked any more, by the name of the field,
            ``auth_key_id``.
    """

    status: Status
    message: str
    fix: str = ""
    derived: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Paths and names in these come from outside.
        object.__setattr__(self, "message", presentable(self.message))
        object.__setattr__(self, "fix", presentable(self.fix))
        clean = {name: presentable(value, 200) for name, value in self.derived.items()}
        object.__setattr__(self, "derived", clean)

    @classmethod
    def of(cls, error: MmpushError) -> "Finding":
        """Return a failure in the words of ``error``."""
        message = f"{error.what}: {error.why}." if error.why else f"{error.what}."
        return cls(status=Status.FAIL, message=message, fix=error.fix)
