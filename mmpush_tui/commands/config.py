"""``mmpush-tui config``: the worker's configuration looked at, checked, and brought to our form."""

import os
from pathlib import Path
from typing import Final

import click
import tomli_w

from mmpush_tui import files
from mmpush_tui.commands.options import json_option
from mmpush_tui.commands.printing import print_document
from mmpush_tui.configuration.effective import as_toml, view
from mmpush_tui.configuration.locations import chosen_config
from mmpush_tui.errors import ConfigError, FailedError
from mmpush_tui.exits import Exit
from mmpush_tui.findings import Finding, Severity
from mmpush_tui.text import clean

_FILE = click.argument("file", required=False, type=click.Path(path_type=Path))


_NAMED: Final = "Name the file, as in mmpush-tui config check FILE."


@click.group("config")
def command() -> None:
    """Look at a push proxy's configuration, check it, or import upstream's.

    FILE is our TOML or an upstream mattermost-push-proxy.json; without it, what the guided set-up
    wrote, or /etc/mmpush-tui/config.toml.
    """


@command.command("check")
@_FILE
@json_option
def check(file: Path | None, as_json: bool) -> int:
    """Read FILE and every credential it names, and say what is wrong with each.

    Nothing is sent; `check` tries the connections. Exit code 2 where FILE itself is wrong, 1
    where something will not work, 0 where there are warnings at most.
    """
    from mmpush_tui.proxy.lint import lint

    path = chosen_config(file, _NAMED)
    config, findings, is_refused = lint(path, os.environ)
    errors = [it for it in findings if it.severity is Severity.FAIL]
    exit_code = Exit.USAGE if is_refused else Exit.FAILED if errors else Exit.OK
    targets = [it.type for it in config.apple] + [it.type for it in config.android]
    if as_json:
        print_document(
            "config-check",
            file=str(path),
            findings=[_as_json(finding) for finding in findings],
            targets=targets,
            exit_code=exit_code,
        )
        return exit_code
    for finding in findings:
        target, text = clean(finding.about, 60), finding.line()
        about = f"{target}: " if target and target not in text else ""
        click.echo(f"{_severity(finding):<6} {about}{text}")
    count = len(targets)
    warnings = len(findings) - len(errors)
    click.echo(
        f"{clean(path)}: {count} target{'' if count == 1 else 's'}, {len(errors)} error"
        f"{'' if len(errors) == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}."
    )
    return exit_code


@command.command("show")
@_FILE
@json_option
def show(file: Path | None, as_json: bool) -> int:
    """Show every setting of FILE, its value, and whether file, environment or default says so."""
    path = chosen_config(file, _NAMED)
    rows = view(path, os.environ)
    if as_json:
        print_document("config", file=str(path), settings=rows)
        return 0
    width = max(len(row.key) for row in rows)
    for row in rows:
        click.echo(f"{row.key:<{width}}  {row.text}  ({row.source})")
    return 0


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, allow_dash=True), default=Path("-"),
    help="Where our TOML goes; it must not exist yet. Standard output unless given.",
)  # fmt: skip
def import_(file: Path, output: Path) -> int:
    """Write an upstream mattermost-push-proxy.json as our TOML.

    Every setting means the same there; paths become absolute, and what is a default is left out.
    FILE itself works in serve and check as it is, so that there is no need to.
    """
    document, warnings = as_toml(file)
    for sentence in warnings:
        click.echo(f"warn   {sentence}", err=True)
    text = tomli_w.dumps(document)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{file} holds half a character, as \\ud800, which TOML cannot",
            fix="Correct that text first.",
            code="config-value",
        ) from error
    if str(output) == "-":
        click.echo(text, nl=False)
        return 0
    _write_new(output, text)
    click.echo(f"{output} is written.", err=True)
    return 0


def _severity(finding: Finding) -> str:
    """Return ``error`` or ``warn``: the words that this command published."""
    return "error" if finding.severity == "fail" else "warn"


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "severity": _severity(finding), "target": finding.about, "code": finding.code,
        "message": finding.line(),
    }  # fmt: skip


def _write_new(path: Path, text: str) -> None:
    try:
        files.write_new(path, text.encode())
    except FileExistsError as error:
        raise FailedError(f"{path} exists already", code="file-exists") from error
    except OSError as error:
        raise FailedError(
            f"{path} cannot be written", why=error.strerror or "", code="file-write"
        ) from error
