"""The failures a user can meet: what happened, why, and what to do.

One base and a few leaves, named by what the caller does about them. ``exits`` maps each leaf to
its exit code and nothing else does.
"""

from mmpush_tui.findings import Finding, Severity


class MmpushError(Exception):
    """A failure with a sentence for its reader.

    Args:
        what: what happened, as one clause without a full stop.
        why: the cause as far as it is known, or empty.
        fix: what the reader can do, as a full sentence; where it is empty, what the
            troubleshooting catalogue has for the code.
        code: a stable name for tests, JSON and the troubleshooting catalogue.
        places: what the names in braces stand for in the catalogue's sentence.

    Attributes:
        finding: all of it, cleaned and redacted, so that a file's or a peer's words inside it
            reach neither terminal nor log in the raw.
    """

    def __init__(
        self, what: str, *, why: str = "", fix: str = "", code: str = "", **places: object
    ) -> None:
        # Others' words often end in a full stop of their own.
        if why.endswith(".") and not why.endswith(".."):
            why = why[:-1]
        if code and not fix:
            fix = fix_in_book(code, **places)
        self.finding = Finding(
            severity=Severity.FAIL, code=code, message=what, why=(why,) if why else (), fix=fix
        )
        super().__init__(self.line())

    @property
    def what(self) -> str:
        """What happened, as one clause."""
        return self.finding.message

    @property
    def why(self) -> str:
        """The cause; empty where it is not known."""
        return "".join(self.finding.why)

    @property
    def fix(self) -> str:
        """What the reader can do; empty where that is nothing."""
        return self.finding.fix

    @property
    def code(self) -> str:
        """The stable name of the failure."""
        return self.finding.code

    def line(self) -> str:
        """Return the whole failure as one line."""
        return self.finding.line()


def fix_in_book(code: str, **places: object) -> str:
    """Return what the troubleshooting catalogue asks for; it is read only where something fails.

    Args:
        code: a code that the catalogue may have words for; without, the answer is empty.
        places: what the names in braces stand for.
    """
    try:
        from mmpush_tui.troubleshooting.wording import fix_of

        return fix_of(code, places)
    except (ImportError, OSError):
        # A process that may no longer read its own files still has to say what happened.
        return ""


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
