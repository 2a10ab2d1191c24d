"""The questions of the guided set-up, in their order, and which of them apply. Pure.

Each step asks for :class:`~mmpush_tui.fields.Field` values; where a setting has a field already,
it is that one, so that no setting exists in the set-up alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
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


APPS: Final = Field(
    key="setup.apps",
    label="Apps",
    help="The apps from the App Store and Google Play, or apps that were built and signed for you.",
    kind=Kind.CHOICE,
    default=Apps.STORE,
    choices=(
        Choice(value=Apps.STORE, label="The Mattermost apps from the App Store and Google Play"),
        Choice(value=Apps.OWN, label="Our own apps, built and signed by us"),
    ),
)
WHERE: Final = Field(
    key="setup.mattermost",
    label="Configuration",
    help="The file can be read and checked from here. Without it, the summary says what to enter "
    "in the System Console.",
    kind=Kind.CHOICE,
    default=Where.FILE,
    choices=(
        Choice(value=Where.FILE, label="In a config.json on this host"),
        Choice(value=Where.ELSEWHERE, label="Somewhere else, or not on this host"),
    ),
)
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
EXISTING: Final = Field(
    key="setup.existing",
    label="Take it over",
    help="The worker reads the file as it is and changes nothing in it.",
    kind=Kind.CHOICE,
    default=Existing.USE,
    choices=(
        Choice(value=Existing.USE, label="Use this file as it is"),
        Choice(value=Existing.NEW, label="Make a new configuration"),
    ),
)


def _now_or_later(key: str, platform: str) -> Field:
    return Field(
        key=key,
        label=platform,
        help="One platform is enough to begin with; run the set-up again for the other one.",
        kind=Kind.CHOICE,
        default=When.NOW,
        choices=(
            Choice(value=When.NOW, label="Set it up now"),
            Choice(value=When.LATER, label="Later"),
        ),
    )


APPLE_WHEN: Final = _now_or_later("setup.apple", "iOS apps")
ANDROID_WHEN: Final = _now_or_later("setup.android", "Android apps")
_APPLE: Final = by_name(APPLE)
KEY_FILE: Final = _APPLE["auth_key_file"]
KEY_ID: Final = _APPLE["auth_key_id"]
TEAM_ID: Final = _APPLE["team_id"]
TOPIC: Final = _APPLE["topic"]
SANDBOX: Final = _APPLE["sandbox"]
ACCOUNT_FILE: Final = by_name(ANDROID)["service_account_file"]
LISTEN: Final = by_name(PROXY)["listen_address"]

STEPS: Final = (
    Step(
        id=StepId.APPS,
        title="Which apps do your users have?",
        why="Only whoever signed an app may send to it: Mattermost's hosted services reach the "
        "store apps, your own apps need a push proxy of your own.",
        fields=(APPS,),
    ),
    Step(
        id=StepId.MATTERMOST,
        title="Where is Mattermost's configuration?",
        why="It tells which push service the server uses today, so that nothing has to be typed "
        "twice.",
        fields=(WHERE, CONFIG_FILE),
    ),
    Step(
        id=StepId.SERVICE,
        title="Which of Mattermost's services shall send?",
        why="TPNS is free and meant for tests; HPNS has an uptime promise and needs a licence "
        "that includes it.",
        fields=(SERVICE,),
    ),
    Step(
        id=StepId.REGION,
        title="Where shall the hosted service stand?",
        why="The location decides which country your notifications pass through, and its terms "
        "must be accepted.",
        fields=(REGION, ACCEPT_TERMS),
    ),
    Step(
        id=StepId.EXISTING,
        title="A push proxy is configured here. Take it over?",
        why="The worker reads such a file unchanged, so a move needs no new credentials.",
        fields=(EXISTING,),
    ),
    Step(
        id=StepId.APPLE,
        title="The key that lets your proxy send to Apple",
        why="Apple accepts notifications for an app only with a key of the team that signed it.",
        fields=(APPLE_WHEN, KEY_FILE, KEY_ID, TEAM_ID, TOPIC, SANDBOX),
    ),
    Step(
        id=StepId.ANDROID,
        title="The account that lets your proxy send to Google",
        why="Google accepts notifications for an app only from a service account of the Firebase "
        "project it was built with.",
        fields=(ANDROID_WHEN, ACCOUNT_FILE),
    ),
    Step(
        id=StepId.LISTEN,
        title="Where shall your proxy listen?",
        why="Mattermost posts every notification to this address.",
        fields=(LISTEN,),
    ),
    Step(
        id=StepId.SUMMARY,
        title="What will be written, and what is left to do",
        why="Nothing was changed so far.",
        fields=(),
    ),
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
    return tuple(step for step in STEPS if step.id in _ids(answers))


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
