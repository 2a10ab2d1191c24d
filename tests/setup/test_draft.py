import json
import os
import stat
from pathlib import Path

import pytest

from mmpush_tui.errors import FailedError
from mmpush_tui.settings.page import Mode
from mmpush_tui.settings.page_fields import ACCEPT_TERMS
from mmpush_tui.setup import steps
from mmpush_tui.setup.draft import Draft, discard_draft, draft_path, load_draft, save_draft
from mmpush_tui.setup.steps import Apps, StepId
from tests.rights import as_nobody
from tests.setup.files import P8, secrets_of


def filled() -> Draft:
    return (
        Draft()
        .with_answer(steps.APPS.key, Apps.OWN)
        .with_answer(steps.KEY_FILE.key, "/keys/AuthKey_ABC123DEFG.p8")
        .with_answer(steps.KEY_ID.key, "ABC123DEFG")
        .with_answer(steps.SANDBOX.key, True)
        .with_answer(steps.SERVICE.key, Mode.HPNS)
        .at(StepId.APPLE)
    )


def test_a_draft_is_never_changed_in_place() -> None:
    empty = Draft()
    one = empty.with_answer(steps.KEY_ID.key, "A")
    two = one.with_answer(steps.KEY_ID.key, "B")
    assert (dict(empty.answers), one.answers[steps.KEY_ID.key]) == ({}, "A")
    assert two.answers[steps.KEY_ID.key] == "B"
    with pytest.raises(TypeError):
        two.answers["x"] = 1  # type: ignore[index] # that it cannot is the point
    with pytest.raises(KeyError):
        empty.with_answer("proxy.nonsense", 1)


def test_going_another_way_and_back_loses_nothing() -> None:
    draft = filled().with_answer(steps.APPS.key, Apps.STORE)
    assert StepId.APPLE not in {step.id for step in steps.path(draft.answers)}
    draft = draft.with_answer(steps.APPS.key, Apps.OWN)
    assert draft.answers == filled().answers


def test_a_path_means_the_same_file_on_another_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draft = Draft().with_answer(steps.KEY_FILE.key, "key.p8")
    assert draft.answers[steps.KEY_FILE.key] == str(tmp_path / "key.p8")
    home = draft.with_answer(steps.KEY_FILE.key, "~/key.p8")
    assert home.answers[steps.KEY_FILE.key] == f"{os.environ['HOME']}/key.p8"


def test_what_was_found_never_replaces_an_answer() -> None:
    found = {steps.KEY_ID.key: "FOUND", steps.TEAM_ID.key: "TEAM"}
    draft = Draft().with_answer(steps.KEY_ID.key, "MINE").with_defaults(found)
    assert draft.answers == {steps.KEY_ID.key: "MINE", steps.TEAM_ID.key: "TEAM"}


def test_saved_and_loaded_it_is_the_same() -> None:
    where = save_draft(filled())
    assert where == draft_path()
    assert stat.S_IMODE(where.stat().st_mode) == 0o600
    assert stat.S_IMODE(where.parent.stat().st_mode) == 0o700
    assert load_draft() == (filled(), "")
    save_draft(filled().at(StepId.LISTEN))
    assert load_draft()[0].step is StepId.LISTEN
    assert os.listdir(where.parent) == ["setup.json"]
    discard_draft()
    discard_draft()
    assert load_draft() == (Draft(), "")


def test_a_draft_holds_neither_keys_nor_consent(tmp_path: Path) -> None:
    draft = filled().with_answer(ACCEPT_TERMS.key, True)
    for line in P8.decode().splitlines():
        for field in (steps.KEY_FILE, steps.TEAM_ID, steps.TOPIC):
            path = save_draft(draft.with_answer(field.key, line), tmp_path / "d.json")
            text = path.read_text()
            if len(line) >= 50 or "BEGIN" in line:
                assert line[:24] not in text, field.key
            assert "accept_terms" not in text
            assert not [secret for secret in secrets_of(P8) if secret in text]
    whole = draft.with_answer(steps.KEY_FILE.key, P8.decode())
    assert steps.KEY_FILE.key not in load_draft(save_draft(whole, tmp_path / "d.json"))[0].answers


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is no JSON"),
        (b"{", "it is no JSON"),
        (b"\xff\xfe", "it is no JSON"),
        (b"[" * 60_000, "it is no JSON"),
        (b"[]", "it is no draft of this program"),
        (b'{"version": 1}', "it is no draft of this program"),
        (b'{"version": 1, "answers": []}', "it is no draft of this program"),
        (b'{"version": 2, "answers": {}}', "another version of this program made it"),
    ],
)
def test_a_broken_draft_is_ignored_with_a_sentence(
    tmp_path: Path, content: bytes, why: str
) -> None:
    path = tmp_path / "setup.json"
    path.write_bytes(content)
    assert load_draft(path) == (Draft(), f"The saved draft {path} is ignored: {why}.")


def test_what_is_no_file_is_ignored_with_a_sentence(open_tmp: Path) -> None:
    folder = open_tmp / "d"
    folder.mkdir()
    sentence = f"The saved draft {folder} is ignored: it is a folder."
    assert load_draft(folder) == (Draft(), sentence)
    os.mkfifo(open_tmp / "pipe")
    assert load_draft(open_tmp / "pipe")[1].endswith("is ignored: it is no ordinary file.")
    locked = open_tmp / "locked.json"
    locked.touch(0)
    with as_nobody():
        assert load_draft(locked)[1].endswith("is ignored: Permission denied.")


def test_answers_that_cannot_be_are_left_out_and_the_rest_is_kept(tmp_path: Path) -> None:
    document = {
        "version": 1,
        "step": "apple",
        "answers": {
            steps.APPS.key: "own",
            steps.KEY_ID.key: 5,
            steps.SANDBOX.key: "yes",
            steps.SERVICE.key: "off",
            steps.TEAM_ID.key: "DEF123GHIJ",
            steps.TOPIC.key: None,
            steps.KEY_FILE.key: "-----BEGIN PRIVATE KEY-----",
            ACCEPT_TERMS.key: True,
            "proxy.gone": 1,
        },
    }
    path = tmp_path / "setup.json"
    path.write_text(json.dumps(document))
    draft, sentence = load_draft(path)
    assert sentence == ""
    assert draft.answers == {steps.APPS.key: "own", steps.TEAM_ID.key: "DEF123GHIJ"}
    assert draft.step is StepId.APPLE


@pytest.mark.parametrize("step", ["apple", "nonsense", 5, None])
def test_a_step_that_does_not_apply_is_the_first_one(tmp_path: Path, step: object) -> None:
    path = tmp_path / "setup.json"
    path.write_text(json.dumps({"version": 1, "step": step, "answers": {}}))
    assert load_draft(path)[0].step is StepId.APPS


def test_a_draft_that_cannot_be_saved_says_so(open_tmp: Path) -> None:
    path = open_tmp / "state" / "setup.json"
    with as_nobody(), pytest.raises(FailedError) as caught:
        save_draft(filled(), path)
    assert caught.value.line() == (
        f"the draft cannot be saved to {path}: Permission denied. Finish the set-up now, or "
        "make room or rights there."
    )
    assert caught.value.code == "setup-draft-failed"
    path.parent.mkdir()
    save_draft(filled(), path)
    with as_nobody(), pytest.raises(FailedError, match="cannot be removed: Permission denied"):
        discard_draft(path)
