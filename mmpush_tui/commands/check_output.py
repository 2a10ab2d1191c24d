"""What ``mmpush-tui check`` prints, in each of its forms, once or again and again."""

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import click

from mmpush_tui import files
from mmpush_tui.checks.model.report import CheckResult, Report, to_json
from mmpush_tui.checks.output import markdown, nagios, plain, prometheus
from mmpush_tui.commands.printing import print_lines
from mmpush_tui.errors import FailedError, MmpushError, UsageError
from mmpush_tui.exits import Exit
from mmpush_tui.watching.lines import clock


def _nagios(report: Report) -> tuple[str, int]:
    line, code = nagios.render(report)
    return f"{line}\n", code


_FORMS: Final[Mapping[str, Callable[[Report], tuple[str, int]]]] = {
    "json": lambda report: (f"{to_json(report).decode()}\n", report.exit_code),
    "markdown": lambda report: (markdown.render(report), report.exit_code),
    "nagios": _nagios,
    "prometheus": lambda report: (prometheus.render(report), report.exit_code),
}
"""A report's text and exit code in each format that is written when a run is over."""
_ENDLESS: Final = ("text", "json")
"""Formats in which runs may follow one another on standard output."""


class Output:
    """Where a run goes: to standard output once it is over.

    Args:
        name: the format.
    """

    _is_for_people = False

    def __init__(self, name: str) -> None:
        self._name = name

    def result(self, result: CheckResult) -> None:
        """Show a result as it comes."""

    def report(self, report: Report) -> int:
        """Show the report and return the exit code."""
        text, code = _FORMS[self._name](report)
        click.echo(text, nl=False)
        return code

    def problem(self, error: MmpushError, when: str) -> None:
        """Tell why a later run of a watch could not be.

        Args:
            error: the failure, as of a configuration that somebody is changing right now.
            when: the time of day.
        """
        click.echo(f"{when}  not checked: {error.line()}", err=not self._is_for_people)


class Text(Output):
    """Lines for people; of a run that is like the one before, one line."""

    # A run that could not be has its place among the others.
    _is_for_people = True

    def __init__(self) -> None:
        super().__init__("text")
        self._held: list[CheckResult] = []
        self._printed_advice: set[str] = set()
        self._last: tuple[object, ...] | None = None

    def result(self, result: CheckResult) -> None:
        """Show a result as it comes, as long as there is no run to compare with."""
        if self._last is None:
            print_lines(plain.render(result, self._printed_advice))
        else:
            self._held.append(result)

    def report(self, report: Report) -> int:
        """Show the report; see :class:`Output`."""
        held, self._held = self._held, []
        verdict = report.verdict
        now = (verdict.severity, verdict.code, verdict.check)
        when = clock(report.started_at)[:8]
        if self._last == now:
            took = f"{report.duration_ms / 1000:.1f} s"
            click.echo(f"{when}  as before: {verdict.summary}  ({plain.counts(report)}, {took})")
        else:
            if self._last is not None:
                print_lines(["", f"{when}  changed:", ""])
            for result in held:
                print_lines(plain.render(result, self._printed_advice))
            print_lines(plain.ending(report))
        self._last = now
        self._printed_advice.clear()
        return report.exit_code


class File(Output):
    """A file that always holds the latest run whole.

    Args:
        path: the file; replaced in one step, readable for everybody as collectors need it.
        name: its format.
    """

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(name)
        self._path = path

    def report(self, report: Report) -> int:
        """Show the report; see :class:`Output`. One that was stopped is not whole."""
        text, code = _FORMS[self._name](report)
        if report.exit_code != Exit.INTERRUPTED:
            self._write(text)
        return code

    def problem(self, error: MmpushError, when: str) -> None:
        """Tell it, in the file too where the format has a word for it; see :class:`Output`."""
        super().problem(error, when)
        if self._name == "nagios":
            with contextlib.suppress(FailedError):  # which is what is told
                self._write(f"{nagios.unknown(error.line())[0]}\n")

    def _write(self, text: str) -> None:
        try:
            files.replace(_replaceable(self._path), text.encode(), prepare=_open_to_everybody)
        except OSError as error:
            raise FailedError(
                f"{self._path} cannot be written", why=error.strerror or "", code="check-output"
            ) from error


def make_output(name: str, path: Path | None, *, is_watched: bool) -> Output:
    """Return the output that the options ask for.

    Args:
        name: the format.
        path: the file to write to instead of standard output, or None.
        is_watched: runs will follow one another.

    Raises:
        UsageError: the options do not go together.
        FailedError: what is at ``path`` is no plain file.
    """
    if path is not None:
        if name == "text":
            raise UsageError(
                "--output needs --format json, markdown, nagios or prometheus",
                code="check-output-format",
            )
        _replaceable(path)
        return File(path, name)
    if is_watched and name not in _ENDLESS:
        raise UsageError(
            f"--watch and --format {name} do not go together",
            code="check-watch-format",
        )
    return Text() if name == "text" else Output(name)


def _replaceable(path: Path) -> Path:
    """Return what is to be replaced: a link stays one, what it leads to is replaced.

    Raises:
        FailedError: it is no plain file. To replace a device would take it from everybody.
    """
    real = Path(os.path.realpath(path))
    # What cannot even be looked at is refused when it is written.
    if os.path.exists(real) and not os.path.isfile(real):
        raise FailedError(
            f"{path} cannot be written", why="it is not a plain file", code="check-output"
        )
    return real


def _open_to_everybody(descriptor: int) -> None:
    os.fchmod(descriptor, 0o644)
