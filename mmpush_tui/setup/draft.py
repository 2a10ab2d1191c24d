"""The answers so far as one immutable value, and the file that keeps them for another day."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
import platformdirs

from mmpush_tui import files
from mmpush_tui.errors import FailedError
from mmpush_tui.fields import FieldError, Kind, Value
from mmpush_tui.paths import full_path, short_path
from mmpush_tui.settings.page_fields import ACCEPT_TERMS
from mmpush_tui.setup import steps
from mmpush_tui.setup.answers import is_storable, looks_like_content
from mmpush_tui.setup.steps import StepId
from mmpush_tui.text import presentable

VERSION: Final = 1
_SIZE_LIMIT: Final = 64 * 1024
_NOT_KEPT: Final = frozenset({ACCEPT_TERMS.key})
"""Consent is given to what one reads; it is asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A set-up on its way.

    Attributes:
        answers: what was answered, by field key; what does not apply any more included.
        step: the page it stands on.
    """

    answers: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    step: StepId = StepId.APPS

    def with_answer(self, key: str, value: Value) -> "Draft":
        """Return the draft with one answer more, or another one.

        A path becomes a full one, so that it means the same file on another day.

        Raises:
            KeyError: no step asks for ``key``.
        """
        if steps.FIELDS[key].kind is Kind.PATH and isinstance(value, str):
            value = value if looks_like_content(value) else full_path(value)
        return replace(self, answers=MappingProxyType({**self.answers, key: value}))

    def with_defaults(self, defaults: Mapping[str, Value]) -> "Draft":
        """Return the draft with ``defaults`` wherever nothing was answered yet."""
        draft = self
        for key, value in defaults.items():
            if key not in self.answers:
                draft = draft.with_answer(key, value)
        return draft

    def at(self, step: StepId) -> "Draft":
        """Return the draft on another page."""
        return replace(self, step=step)

    def to_dict(self) -> dict[str, object]:
        """Return it as JSON-ready data: paths and ids, no secret and no consent."""
        return {
            "version": VERSION,
            "step": self.step.value,
            "answers": {
                key: value if isinstance(value, bool | int) else str(value)
                for key, value in self.answers.items()
                if key not in _NOT_KEPT and is_storable(value)
            },
        }


def draft_path() -> Path:
    """Return where the draft is kept."""
    return platformdirs.user_state_path("mmpush-tui") / "setup.json"


def save_draft(draft: Draft, path: Path | None = None) -> Path:
    """Write the draft and return where it is. Writes a file: not for the event loop.

    Raises:
        FailedError: it cannot be written.
    """
    path = path or draft_path()
    data = msgspec.json.format(msgspec.json.encode(draft.to_dict()), indent=2) + b"\n"
    try:
        files.make_folder(path.parent)
        files.replace(path, data)
    except OSError as error:
        raise FailedError(
            f"the draft cannot be saved to {short_path(path)}",
            why=error.strerror or "",
            fix="Finish the set-up now, or make room or rights there.",
            code="setup-draft-failed",
        ) from error
    return path


def load_draft(path: Path | None = None) -> tuple[Draft, str]:
    """Return the saved draft, and a sentence where there is one that cannot be used.

    Reads a file: not for the event loop. Without a saved draft the result is an empty one.
    """
    path = path or draft_path()
    try:
        data, _ = files.read_plain(path, _SIZE_LIMIT)
    except FileNotFoundError:
        return Draft(), ""
    except OSError as error:
        return Draft(), _ignored(path, error.strerror or "it cannot be read")
    try:
        document = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return Draft(), _ignored(path, "it is no JSON")
    if not isinstance(document, dict) or not isinstance(document.get("answers"), dict):
        return Draft(), _ignored(path, "it is no draft of this program")
    if document.get("version") != VERSION:
        return Draft(), _ignored(path, "another version of this program made it")
    return _draft(document), ""


def discard_draft(path: Path | None = None) -> None:
    """Remove the saved draft, if there is one; done with a set-up that is finished."""
    try:
        (path or draft_path()).unlink(missing_ok=True)
    except OSError as error:
        raise FailedError(
            f"the draft {short_path(path or draft_path())} cannot be removed",
            why=error.strerror or "",
            code="setup-draft-failed",
        ) from error


def _ignored(path: Path, why: str) -> str:
    return presentable(f"The saved draft {short_path(path)} is ignored: {why}.")


def _draft(document: dict[str, Any]) -> Draft:
    """Return the draft in ``document``; answers that no step takes any more are left out."""
    answers: dict[str, Value] = {}
    for key, value in document["answers"].items():
        known = steps.FIELDS.get(key)
        try:
            if known is not None and key not in _NOT_KEPT and is_storable(value):
                answers[key] = known.check(value)
        except FieldError:
            continue
    try:
        at = StepId(document.get("step", StepId.APPS))
    except ValueError:
        at = StepId.APPS
    if at not in {step.id for step in steps.path(answers)}:
        at = StepId.APPS
    return Draft(answers=MappingProxyType(answers), step=at)
