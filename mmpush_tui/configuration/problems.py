"""What is wrong with a configuration: raised at the first, or gathered to be told at once."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Finding, Severity, warning


class Problems:
    """Goes along with whatever reads and judges a configuration, and is told of each fault.

    Args:
        is_strict: the first fault is raised. Otherwise all are gathered, and who reports one
            goes on with the setting's default.

    Attributes:
        findings: what was added and not raised, in its order; warnings too.
    """

    def __init__(self, *, is_strict: bool = True) -> None:
        self.findings: list[Finding] = []
        self._is_strict = is_strict

    @property
    def has_failures(self) -> bool:
        """Whether there is one that the worker would not start with."""
        return any(it.severity is Severity.FAIL for it in self.findings)

    def add(self, finding: Finding) -> None:
        """Take a finding.

        Raises:
            ConfigError: it is a failure, and the first is to be raised.
        """
        if self._is_strict and finding.severity is Severity.FAIL:
            raise ConfigError(
                finding.message, why="; ".join(finding.why), fix=finding.fix, code=finding.code
            )
        self.findings.append(finding)

    def refuse(self, message: str, *, code: str = "config-value", fix: str = "") -> None:
        """Add a failure.

        Args:
            message: file, key and what was expected, as a clause; nothing of the file's content.
            code: its stable name.
            fix: what to do, as a sentence.

        Raises:
            ConfigError: as :meth:`add`.
        """
        self.add(Finding(severity=Severity.FAIL, code=code, message=message, fix=fix))

    def warn(self, code: str, message: str) -> None:
        """Add a warning: the worker starts all the same. The same twice counts once.

        Args:
            code: its stable name.
            message: what is tolerated, as a clause.
        """
        if (finding := warning(code, message)) not in self.findings:
            self.add(finding)

    @contextmanager
    def gathering(self, about: str = "") -> Iterator[None]:
        """Take what the block raises as a failure of ``about``; the block ends there.

        Raises:
            ConfigError: as :meth:`add`.
        """
        try:
            yield
        except ConfigError as error:
            self.add(msgspec.structs.replace(error.finding, about=about))
