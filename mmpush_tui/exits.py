"""The exit codes, and the one place that maps a failure to its code."""

from enum import IntEnum

from mmpush_tui.errors import (
    ConfigError,
    DeadlineError,
    FailedError,
    MmpushError,
    UnreachableError,
    UsageError,
)


class Exit(IntEnum):
    """Exit codes of every command; public, so they are only ever extended."""

    OK = 0
    """Good, warnings included. Also ``serve`` after SIGTERM or SIGINT."""
    FAILED = 1
    """Something checked or sent failed."""
    USAGE = 2
    """Wrong usage or configuration."""
    UNREACHABLE = 3
    """The server or socket this command needs cannot be reached; trying again may help."""
    DEADLINE = 4
    """The overall deadline passed."""
    BUG = 70
    """A fault of this program."""
    INTERRUPTED = 130
    """Stopped by a signal before the work was done."""


_CODES: dict[type[MmpushError], Exit] = {
    UsageError: Exit.USAGE,
    ConfigError: Exit.USAGE,
    FailedError: Exit.FAILED,
    UnreachableError: Exit.UNREACHABLE,
    DeadlineError: Exit.DEADLINE,
}


def exit_code_of(error: BaseException) -> Exit:
    """Return the exit code for ``error``; anything that is not ours is our bug."""
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code
    return Exit.BUG
