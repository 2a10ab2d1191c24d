"""From the answers to the file: the plan that is shown first, and its execution.

Both read or write files: call them through ``tasks.beside``.
"""

import difflib
import functools
import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import tomli_w

from mmpush_tui import files
from mmpush_tui.configuration import config
from mmpush_tui.configuration.document import SIZE_LIMIT, Document, decode_document, parse_document
from mmpush_tui.configuration.locations import default_config_path
from mmpush_tui.errors import ConfigError, FailedError
from mmpush_tui.paths import full_path, short_path
from mmpush_tui.setup import steps
from mmpush_tui.setup.answers import is_own, problems
from mmpush_tui.setup.document import document, revised, takes_over
from mmpush_tui.setup.handover import Remaining, remaining
from mmpush_tui.setup.steps import Answers
from mmpush_tui.text import presentable

_SECRET_KEY: Final = re.compile(r"password|secret|token", re.IGNORECASE)
_SECRET_LINE: Final = re.compile(r"((?:password|secret|token)[\w\"']*\s*=\s*).*", re.IGNORECASE)
_NOT_SHOWN: Final = "(not shown)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be written, and what is left to do then.

    Attributes:
        path: the configuration file.
        text: its content to be, for writing: a password that stood in the file is in it.
        before: its content when the plan was made; None where there was no file.
        diff: from the one to the other, line by line, safe to show: a password that stood in the
            file before is masked. A new file is all plus signs.
        serve: the file that the push proxy is started with: this one, or the one taken over.
        address: where it will listen; empty where Mattermost's hosted services send.
        remaining: what is left to do.
        warnings: what the worker will say about the configuration when it starts.
    """

    path: Path
    text: str = field(repr=False)
    before: bytes | None = field(repr=False)
    diff: tuple[str, ...]
    serve: Path
    address: str
    remaining: tuple[Remaining, ...]
    warnings: tuple[str, ...]

    @property
    def is_change(self) -> bool:
        """Whether anything would be written at all."""
        return self.before != self.text.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What was done.

    Attributes:
        path: the configuration file.
        backup: a copy of what was there before, beside it; None where nothing was replaced.
    """

    path: Path
    backup: Path | None


def plan(answers: Answers, path: Path | None = None) -> Plan:
    """Return what the answers lead to.

    Args:
        answers: all of them; those that do not apply are left out.
        path: the configuration file; default this user's.

    Raises:
        ConfigError: an answer is missing or wrong, the worker would refuse the outcome, or the
            file that is there cannot be read or parsed.
    """
    path = Path(full_path(str(path or default_config_path())))
    if path.suffix != ".toml":
        raise ConfigError(
            f"configuration file {path}: its name must end in .toml",
            why="the worker tells our format from the reference proxy's by that",
            code="setup-path",
        )
    _refuse_problems(answers)
    before, _ = _read(path)
    existing = _existing(path, before)
    text, notes = _text(answers, existing)
    will_be = config.convert_document(parse_document(text, path), {})
    serve, address = path, will_be.listen_address
    if taken := takes_over(answers):
        serve = Path(taken)
        will_be = config.load(serve, {})
        address = will_be.listen_address
    return Plan(
        path=path,
        text=text,
        before=before,
        diff=_diff(path, before, text, _secrets(existing.tables if existing else {})),
        serve=serve,
        address=address if is_own(answers) else "",
        remaining=remaining(answers, serve, address),
        warnings=(*notes, *(it.message for it in will_be.warnings)),
    )


def apply(planned: Plan) -> Applied:
    """Write what was planned; what was there before is kept beside it.

    A new file is readable by its owner alone; one that is replaced keeps owner and mode, unless
    every user could change it. A symbolic link stays one.

    Raises:
        FailedError: the file changed since the plan was made, or cannot be written; then it is
            as it was.
    """
    path = planned.path
    before, status = _read(path)
    if before != planned.before:
        raise FailedError(
            f"{short_path(path)} was changed by somebody else meanwhile",
            why="nothing was written",
            code="setup-config-changed",
        )
    if not planned.is_change:
        return Applied(path=path, backup=None)
    target = Path(os.path.realpath(path))
    prepare = None if status is None else functools.partial(_owned_like, status=status)
    backup: Path | None = None
    try:
        files.make_folder(target.parent)
        if before is not None:
            backup = _back_up(target, before, prepare)
        files.replace(target, planned.text.encode(), prepare)
    except OSError as error:
        if backup is not None:
            backup.unlink(missing_ok=True)
        raise FailedError(
            f"{short_path(path)} cannot be written",
            why=error.strerror or "",
            code="setup-config-unwritable",
        ) from error
    return Applied(path=path, backup=backup)


def _text(answers: Answers, existing: Document | None) -> tuple[str, tuple[str, ...]]:
    """Return the file's text to be, and what to know of it."""
    if existing is None:
        return tomli_w.dumps(document(answers)), ()
    if text := revised(answers, existing.text):
        return text, ()
    # A layout that cannot be changed in place is written anew.
    lost = "Comments in the file are not kept; the copy beside it has them."
    notes = (lost,) if "#" in existing.text else ()
    return tomli_w.dumps(document(answers, existing.tables)), notes


def _refuse_problems(answers: Answers) -> None:
    for step in steps.path(answers):
        for key, problem in problems(step, answers).items():
            raise ConfigError(
                f"{step.title.rstrip('?')}: {steps.FIELDS[key].label.rstrip(':')}",
                why=problem,
                code="setup-answer",
            )


def _read(path: Path) -> tuple[bytes | None, os.stat_result | None]:
    try:
        data, status = files.read_plain(path, SIZE_LIMIT + 1)
    except FileNotFoundError:
        return None, None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read", why=error.strerror or "", code="config-unreadable"
        ) from error
    return data, status


def _existing(path: Path, before: bytes | None) -> Document | None:
    """Return what the file holds that is there; it must be one the worker would take."""
    if before is None:
        return None
    try:
        existing = decode_document(before, path)
        config.convert_document(existing, {})
    except ConfigError as error:
        raise ConfigError(
            error.what, why=error.why, fix=error.fix or _REPAIR, code=error.code
        ) from error
    return existing


_REPAIR: Final = "Correct the file or move it away, then go on here."


def _back_up(target: Path, data: bytes, prepare: files.Prepare | None) -> Path:
    """Copy ``data`` beside ``target`` under a name with today's date and return the path."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = files.numbered(target.with_name(f"{target.name}.{stamp}"), ".bak")
    return files.write_first(names, data, prepare)


def _owned_like(descriptor: int, status: os.stat_result) -> None:
    """Give a new file the owner and mode of the one before, never the right to all to write it."""
    ours = os.fstat(descriptor)
    if (ours.st_uid, ours.st_gid) != (status.st_uid, status.st_gid):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, status.st_mode & 0o775)


def _diff(path: Path, before: bytes | None, text: str, secrets: list[str]) -> tuple[str, ...]:
    old = [] if before is None else before.decode(errors="replace").splitlines()
    new = text.splitlines()
    name = short_path(path)
    lines = difflib.unified_diff(
        old, new, "(no file)" if before is None else name, name, lineterm=""
    )
    return tuple(_safe_line(line, secrets) for line in lines)


def _safe_line(line: str, secrets: list[str]) -> str:
    """Return one line of a diff, indented as it is, with nothing secret or hostile in it."""
    sign, rest = line[:1], line[1:]
    for secret in secrets:
        rest = rest.replace(secret, _NOT_SHOWN)
    rest = _SECRET_LINE.sub(rf"\1{_NOT_SHOWN}", rest)
    indent = len(rest) - len(rest.lstrip(" "))
    return sign + " " * indent + presentable(rest)


def _secrets(value: object, *, is_secret: bool = False) -> list[str]:
    """Return the lines of every text in ``value`` whose key says that it is a secret."""
    match value:
        case dict():
            parts = [
                _secrets(item, is_secret=is_secret or bool(_SECRET_KEY.search(key)))
                for key, item in value.items()
            ]
            return [line for part in parts for line in part]
        case list():
            return [line for item in value for line in _secrets(item, is_secret=is_secret)]
        case str() if is_secret:
            return [line for line in value.splitlines() if line.strip()]
        case _:
            return []
