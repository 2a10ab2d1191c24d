from collections.abc import Mapping
from types import MappingProxyType

import pytest

from mmpush_tui.fields import Value
from mmpush_tui.settings.page import Mode
from mmpush_tui.setup import steps
from mmpush_tui.setup.steps import Apps, Existing, StepId, When, Where

OWN = {steps.APPS.key: Apps.OWN}


def ids(answers: Mapping[str, Value]) -> list[str]:
    return [step.id.value for step in steps.path(answers)]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, "apps mattermost service summary"),
        ({steps.APPS.key: Apps.STORE}, "apps mattermost service summary"),
        ({steps.SERVICE.key: Mode.HPNS}, "apps mattermost service region summary"),
        ({steps.SERVICE.key: Mode.TPNS}, "apps mattermost service summary"),
        (OWN, "apps mattermost apple android listen summary"),
        (OWN | {steps.SERVICE.key: Mode.HPNS}, "apps mattermost apple android listen summary"),
        (OWN | {steps.APPLE_WHEN.key: When.LATER}, "apps mattermost apple android listen summary"),
        (OWN | {steps.EXISTING_FILE.key: "/x.json"}, "apps mattermost existing summary"),
        (
            OWN | {steps.EXISTING_FILE.key: "/x.json", steps.EXISTING.key: Existing.NEW},
            "apps mattermost existing apple android listen summary",
        ),
        ({steps.EXISTING_FILE.key: "/x.json"}, "apps mattermost service summary"),
    ],
)
def test_the_path_follows_the_answers(answers: dict[str, Value], expected: str) -> None:
    assert ids(MappingProxyType(answers)) == expected.split()


def test_apple_is_page_3_of_6() -> None:
    path = steps.path(OWN)
    assert len(path) == 6
    assert path.index(steps.BY_ID[StepId.APPLE]) + 1 == 3


@pytest.mark.parametrize(
    ("step", "answers", "names"),
    [
        (StepId.MATTERMOST, {}, "mattermost config_file"),
        (StepId.MATTERMOST, {steps.WHERE.key: Where.ELSEWHERE}, "mattermost"),
        (StepId.APPLE, {}, "apple auth_key_file auth_key_id team_id topic sandbox"),
        (StepId.APPLE, {steps.APPLE_WHEN.key: When.LATER}, "apple"),
        (StepId.ANDROID, {}, "android service_account_file"),
        (StepId.ANDROID, {steps.ANDROID_WHEN.key: When.LATER}, "android"),
        (StepId.REGION, {}, "region accept_terms"),
        (StepId.SUMMARY, {}, ""),
    ],
)
def test_what_is_asked_follows_the_answers(
    step: StepId, answers: dict[str, Value], names: str
) -> None:
    assert [field.name for field in steps.asked(steps.BY_ID[step], answers)] == names.split()


def test_an_answer_that_does_not_apply_is_kept_and_has_no_effect() -> None:
    answers = OWN | {steps.KEY_FILE.key: "/k.p8"}
    there = answers | {steps.APPS.key: Apps.STORE}
    assert steps.KEY_FILE not in [
        field for step in steps.path(there) for field in steps.asked(step, there)
    ]
    back = there | {steps.APPS.key: Apps.OWN}
    assert steps.text(back, steps.KEY_FILE) == "/k.p8"


def test_every_step_says_why_in_one_sentence_and_keys_are_unique() -> None:
    for step in steps.STEPS:
        assert step.why.endswith(".")
        assert step.why.count(". ") == 0
        assert "!" not in step.why + step.title
    keys = [field.key for step in steps.STEPS for field in step.fields]
    assert len(keys) == len(set(keys))
    assert set(steps.BY_ID) == set(StepId)


def test_the_service_offers_only_mattermosts_two() -> None:
    assert [choice.value for choice in steps.SERVICE.choices] == [Mode.HPNS, Mode.TPNS]
    assert steps.SERVICE.check(steps.SERVICE.default) == Mode.TPNS
