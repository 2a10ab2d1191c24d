"""The questions of the guided set-up, in their order, and which of them apply. Pure.

Their words are in ``questions.toml``. Each step asks for :class:`~mmpush_tui.fields.Field` values;
where a setting has a field already, it is that one, so that no setting exists in the set-up alone.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import resources
from typing import Final

from mmpush_tui.configuration.schema import ANDROID, APPLE, PROXY
from mmpush_tui.fields import Choice, Field, Kind, Value, by_name
from mmpush_tui.settings.page import Mode
from mmpush_tui.settings.page_fields import ACCEPT_TERMS, MODE, REGION
from mmpush_tui.settings.sources import locate

Answers = Mapping[str, Value]
"""What was answered so far, by the field's key; what is missing has the field's default."""


class Apps(StrEnum):
    """Which apps the users have."""

    STORE = "store"
    OWN = "own"


class When(StrEnum):
    """Whether a target is set up now."""

    NOW = "now"
    LATER = "later"


class Where(StrEnum):
    """Where Mattermost's configuration is."""

    FILE = "file"
    ELSEWHERE = "elsewhere"


class Existing(StrEnum):
    """What becomes of a push proxy configuration that was found."""

    USE = "use"
    NEW = "new"


class StepId(StrEnum):
    """The steps by name, in their order."""

    APPS = "apps"
    MATTERMOST = "mattermost"
    SERVICE = "service"
    REGION = "region"
    EXISTING = "existing"
    APPLE = "apple"
    ANDROID = "android"
    LISTEN = "listen"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One page of the set-up.

    Attributes:
        id: its name.
        title: its question, or what the page is about.
        why: one sentence about why it is asked.
        fields: what is asked, in order; none on the summary.
    """

    id: StepId
    title: str
    why: str
    fields: tuple[Field, ...]


_WORDS: Final = tomllib.loads(
    resources.files(__package__).joinpath("questions.toml").read_text("utf-8")
)


def _question(name: str) -> Field:
    """Return a question that the set-up alone asks."""
    words = _WORDS["fields"][name]
    choices = tuple(Choice(**choice) for choice in words["choices"])
    return Field(key=f"setup.{name}", kind=Kind.CHOICE, **words | {"choices": choices})


APPS: Final = _question("apps")
WHERE: Final = _question("mattermost")
CONFIG_FILE: Final = locate.CONFIG_FILE
SERVICE: Final = replace(
    MODE,
    default=Mode.TPNS,
    choices=tuple(choice for choice in MODE.choices if choice.value in (Mode.HPNS, Mode.TPNS)),
)
"""The page's own field, with what is left of its choices for the store apps."""
EXISTING_FILE: Final = Field(
    key="setup.existing_file",
    label="Configuration file",
    help="The mattermost-push-proxy.json that was found on this host.",
    kind=Kind.PATH,
    default="",
)
"""Answered by what was found on this host; while it is empty, nobody is asked about it."""
EXISTING: Final = _question("existing")
APPLE_WHEN: Final = _question("apple")
ANDROID_WHEN: Final = _question("android")
_APPLE: Final = by_name(APPLE)
KEY_FILE: Final = _APPLE["auth_key_file"]
KEY_ID: Final = _APPLE["auth_key_id"]
TEAM_ID: Final = _APPLE["team_id"]
TOPIC: Final = _APPLE["topic"]
SANDBOX: Final = _APPLE["sandbox"]
ACCOUNT_FILE: Final = by_name(ANDROID)["service_account_file"]
LISTEN: Final = by_name(PROXY)["listen_address"]

_ASKED: Final[Mapping[StepId, tuple[Field, ...]]] = {
    StepId.APPS: (APPS,),
    StepId.MATTERMOST: (WHERE, CONFIG_FILE),
    StepId.SERVICE: (SERVICE,),
    StepId.REGION: (REGION, ACCEPT_TERMS),
    StepId.EXISTING: (EXISTING,),
    StepId.APPLE: (APPLE_WHEN, KEY_FILE, KEY_ID, TEAM_ID, TOPIC, SANDBOX),
    StepId.ANDROID: (ANDROID_WHEN, ACCOUNT_FILE),
    StepId.LISTEN: (LISTEN,),
    StepId.SUMMARY: (),
}
STEPS: Final = tuple(
    Step(id=id_, fields=fields, **_WORDS["steps"][id_]) for id_, fields in _ASKED.items()
)
BY_ID: Final[Mapping[StepId, Step]] = {step.id: step for step in STEPS}
FIELDS: Final[Mapping[str, Field]] = {
    field.key: field for field in (EXISTING_FILE, *(f for step in STEPS for f in step.fields))
}
"""Every field that can have an answer, by its key."""


def answer(answers: Answers, field: Field) -> Value:
    """Return what was answered for ``field``, or its default."""
    return answers.get(field.key, field.default)


def text(answers: Answers, field: Field) -> str:
    """Return the answer to a field that holds text."""
    return str(answer(answers, field)).strip()


def path(answers: Answers) -> tuple[Step, ...]:
    """Return the steps that apply to the answers so far, in order.

    A question that was not answered counts as answered with its default. Answers of steps that
    do not apply stay where they are and have no effect.
    """
    return tuple(BY_ID[id_] for id_ in _ids(answers))


def asked(step: Step, answers: Answers) -> tuple[Field, ...]:
    """Return the fields of ``step`` that apply: those of a target left for later do not."""
    match step.id:
        case StepId.MATTERMOST if answer(answers, WHERE) != Where.FILE:
            return (WHERE,)
        case StepId.APPLE | StepId.ANDROID if answer(answers, step.fields[0]) == When.LATER:
            return step.fields[:1]
        case _:
            return step.fields


def _ids(answers: Answers) -> Iterable[StepId]:
    begin = [StepId.APPS, StepId.MATTERMOST]
    if answer(answers, APPS) == Apps.STORE:
        hosted = [StepId.SERVICE]
        if answer(answers, SERVICE) == Mode.HPNS:
            hosted.append(StepId.REGION)
        return [*begin, *hosted, StepId.SUMMARY]
    if text(answers, EXISTING_FILE):
        begin.append(StepId.EXISTING)
        if answer(answers, EXISTING) == Existing.USE:
            return [*begin, StepId.SUMMARY]
    return [*begin, StepId.APPLE, StepId.ANDROID, StepId.LISTEN, StepId.SUMMARY]
