"""What ``mmpush-tui check`` prints, in each of its forms, once or again and again."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from mmpush_tui import files
from mmpush_tui.checks.model.report import CheckResult, Report, to_json
from mmpush_tui.checks.output import markdown, nagios, prometheus
from mmpush_tui.checks.output import plain as lines
from mmpush_tui.errors import FailedError, MmpushError, UsageError
from mmpush_tui.exits import Exit
from mmpush_tui.watching.lines import clock

FORMATS: Final = ("text", "json", "markdown", "nagios", "prometheus")


class Output:
    """Where a run goes.

    Attributes:
        is_endless: it can be watched: runs may follow one another.
        is_unread: nobody reads it any more; set by whoever finds out.
    """

    is_endless = True
    is_unread = False

    def result(self, result: CheckResult) -> None:
        """Show a result as it comes."""

    def report(self, report: Report) -> int:
        """Show the report and return the exit code."""
        return report.exit_code

    def problem(self, error: MmpushError, when: str) -> None:
        """Tell why a later run of a watch could not be.

        Args:
            error: the failure, as of a configuration that somebody is changing right now.
            when: the time of day.
        """
        click.echo(_not_checked(error, when), err=True)


class Text(Output):
    """Lines for people; of a run that is like the one before, one line."""

    def __init__(self) -> None:
        self._held: list[CheckResult] = []
        self._said: set[str] = set()
        self._last: tuple[object, ...] | None = None

    def result(self, result: CheckResult) -> None:
        """Show a result as it comes, as long as there is no run to compare with."""
        if self._last is None:
            _echo(lines.render(result, self._said))
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
            _echo([f"{when}  as before: {verdict.summary}  ({lines.counts(report)}, {took})"])
        else:
            if self._last is not None:
                _echo(["", f"{when}  changed:", ""])
            for result in held:
                _echo(lines.render(result, self._said))
            _echo(lines.ending(report))
        self._last = now
        self._said.clear()
        return report.exit_code

    def problem(self, error: MmpushError, when: str) -> None:
        """Tell it in its place among the runs; see :class:`Output`."""
        click.echo(_not_checked(error, when))


class Json(Output):
    """One JSON object a run, on one line."""

    def report(self, report: Report) -> int:
        """Show the report; see :class:`Output`."""
        click.echo(to_json(report))
        return report.exit_code


class Markdown(Output):
    """A report for a ticket."""

    is_endless = False

    def report(self, report: Report) -> int:
        """Show the report; see :class:`Output`."""
        click.echo(markdown.render(report), nl=False)
        return report.exit_code


class Nagios(Output):
    """One line and the exit codes of monitoring plugins."""

    is_endless = False

    def report(self, report: Report) -> int:
        """Show the report; see :class:`Output`."""
        line, code = nagios.render(report)
        click.echo(line)
        return code


class Prometheus(Output):
    """Metrics for the textfile collector."""

    is_endless = False

    def report(self, report: Report) -> int:
        """Show the report; see :class:`Output`."""
        click.echo(prometheus.render(report), nl=False)
        return report.exit_code


class File(Output):
    """A file that always holds the latest run whole.

    Args:
        path: the file; replaced in one step, readable for everybody as collectors need it.
        name: its format.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name

    def report(self, report: Report) -> int:
        """Show the report; see :class:`Output`. One that was stopped is not whole."""
        if report.exit_code != Exit.INTERRUPTED:
            self._write(self._text(report))
        return nagios.render(report)[1] if self._name == "nagios" else report.exit_code

    def _text(self, report: Report) -> str:
        return {
            "json": lambda: to_json(report).decode() + "\n",
            "markdown": lambda: markdown.render(report),
            "prometheus": lambda: prometheus.render(report),
            "nagios": lambda: nagios.render(report)[0] + "\n",
        }[self._name]()

    def problem(self, error: MmpushError, when: str) -> None:
        """Tell it, in the file too where the format has a word for it; see :class:`Output`."""
        super().problem(error, when)
        if self._name == "nagios":
            with contextlib.suppress(FailedError):  # which is what is told
                self._write(nagios.unknown(error.line())[0] + "\n")

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
        name: one of :data:`FORMATS`.
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
    kinds: dict[str, type[Output]] = {
        "text": Text, "json": Json, "markdown": Markdown, "nagios": Nagios,
        "prometheus": Prometheus,
    }  # fmt: skip
    made = kinds[name]()
    if is_watched and not made.is_endless:
        raise UsageError(
            f"--watch and --format {name} do not go together",
            code="check-watch-format",
        )
    return made


def _replaceable(path: Path) -> Path:
    """Return what is to be replaced: a link stays one, what it leads to is replaced.

    Raises:
        FailedError: it is no plain file. To replace a device would take it from everybody.
    """
    found = Path(os.path.realpath(path))
    if found.exists() and not found.is_file():
        raise FailedError(
            f"{path} cannot be written", why="it is not a plain file",
            fix="Name a file, or leave out --output to print.", code="check-output",
        )  # fmt: skip
    return found


def _open_to_everybody(descriptor: int) -> None:
    os.fchmod(descriptor, 0o644)


def _not_checked(error: MmpushError, when: str) -> str:
    return f"{when}  not checked: {error.line()}"


def _echo(texts: Iterable[str]) -> None:
    # Flushed by click: whoever watches sees each check when it is done.
    for text in texts:
        click.echo(text)
