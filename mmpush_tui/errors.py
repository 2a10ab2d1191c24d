"""The failures a user can meet: what happened, why, and what to do.

One base and a few leaves, named by what the caller does about them. ``exits`` maps each leaf to
its exit code and nothing else does.
"""

from mmpush_tui.text import presentable


class MmpushError(Exception):
    """A failure with a sentence for its reader.

    Args:
        what: what happened, as one clause without a full stop.
        why: the cause as far as it is known, or empty.
        fix: what the reader can do, as a full sentence, or empty.
        code: a stable name for tests, JSON and the troubleshooting catalogue.

    All texts are cleaned and redacted here, so that a file's or a peer's words inside them
    reach neither terminal nor log in the raw.
    """

    def __init__(self, what: str, *, why: str = "", fix: str = "", code: str = "") -> None:
        self.what = presentable(what)
        # Others' words often end in a full stop of their own.
        self.why = presentable(why)
        if self.why.endswith(".") and not self.why.endswith(".."):
            self.why = self.why[:-1]
        self.fix = presentable(fix)
        self.code = code
        super().__init__(self.line())

    def line(self) -> str:
        """Return the whole failure as one line."""
        head = f"{self.what}: {self.why}" if self.why else self.what
        return f"{head}. {self.fix}" if self.fix else f"{head}."


class UsageError(MmpushError):
    """The command line asks for something that cannot be done as asked."""


class ConfigError(MmpushError):
    """A configuration file cannot be read, parsed or obeyed."""


class FailedError(MmpushError):
    """Something checked or sent failed; the tool itself worked."""


class UnreachableError(MmpushError):
    """The server or socket a command needs does not answer."""


class DeadlineError(MmpushError):
    """The overall deadline passed before there was an answer."""
