"""The rules on ids, file names, topics and types, as tables."""

import pytest

from mmpush_tui.credentials.identifiers import (
    key_id_in,
    on_id,
    on_ids,
    on_key_file,
    on_topic,
    on_type,
)
from mmpush_tui.findings import Finding, Severity

KEY_ID, TEAM_ID, NAMED = "ABC123DEFG", "DEF123GHIJ", "/k/AuthKey_ABC123DEFG.p8"


def message(finding: Finding | None) -> str:
    return finding.sentence if finding else ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (KEY_ID, ""),
        ("0123456789", ""),
        ("", "the team id is missing."),
        ("A", "the team id is not ten capital letters and digits: it has 1 character."),
        ("ABC123DEFGH", "the team id is not ten capital letters and digits: it has 11 characters."),
        ("abc123DEFG", "the team id is not ten capital letters and digits: it has small letters."),
        ("ABC-123DEF", "the team id is not ten capital letters and digits."),
        ("ABC123DEF\u0663", "the team id is not ten capital letters and digits."),
    ],
)
def test_ids(value: str, expected: str) -> None:
    finding = on_id("team id", value)
    assert message(finding) == expected
    if finding:
        assert (finding.severity, finding.code) == (Severity.FAIL, "apple-id-shape")
        assert finding.fix == "It is at developer.apple.com > Membership details."


SAME = "key id and team id of x are the same; they never are. The key id is in the name of the "
IDS = [
    (KEY_ID, TEAM_ID, NAMED, ""),
    (KEY_ID, TEAM_ID, "/k/push.p8", ""),
    ("", TEAM_ID, NAMED, ""),
    ("", "", "", ""),
    (KEY_ID, KEY_ID, NAMED, f"{SAME}key's file."),
    (KEY_ID, KEY_ID, "/k/push.p8", f"{SAME}key's file."),
    (TEAM_ID, KEY_ID, NAMED,
     "key id and team id of x are swapped: the key's file is named for ABC123DEFG."),
    ("XYZ123DEFG", TEAM_ID, NAMED,
     "the key file of x is named for the key id ABC123DEFG, and its key id is XYZ123DEFG; Apple "
     "will refuse it unless the file was renamed."),
]  # fmt: skip


@pytest.mark.parametrize(("key_id", "team_id", "key_file", "expected"), IDS)
def test_ids_that_do_not_fit_each_other(
    key_id: str, team_id: str, key_file: str, expected: str
) -> None:
    assert message(on_ids(key_id, team_id, key_file, " of x")) == expected


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("com.example.chat", ""),
        ("com.Example-2.chat", ""),
        # Whether one is missing, others say.
        ("", ""),
        ("com.example.chat.voip",
         "the topic ends in .voip, which is appended where it is needed. Set com.example.chat."),
        ("com.example.chat.complication",
         "the topic ends in .complication, which is appended where it is needed. Set "
         "com.example.chat."),
        ("com.example.chat.pushkit.fileprovider",
         "the topic ends in .pushkit.fileprovider, which is appended where it is needed. Set "
         "com.example.chat."),
        ("DEF123GHIJ.com.example.chat", "the topic begins with a team id. Set com.example.chat."),
        # Ten capitals may well be a domain's first part.
        ("DEF123GHIJ.chat", ""),
        *((odd, "the topic is no bundle id: letters, digits and hyphens with dots between, such as "
           "com.example.chat.")
          for odd in ("chat", "com.example.*", "com.example.chat ", "com..chat", "com.ex_ample")),
    ],
)  # fmt: skip
def test_topics(topic: str, expected: str) -> None:
    finding = on_topic(topic)
    assert message(finding) == expected
    assert finding is None or (finding.severity, finding.code) == (Severity.WARN, "apple-topic")


@pytest.mark.parametrize(
    ("path", "key_id", "purpose"),
    [
        (NAMED, KEY_ID, ""),
        ("AuthKey_ABC123DEFG (1).p8", KEY_ID, ""),
        ("AuthKey_ABC123DEFGH.p8", "", ""),
        ("/AuthKey_ABC123DEFG.p8/push.p8", "", ""),
        ("", "", ""),
        ("/k/SubscriptionKey_ABC123DEFG.p8", "", "in-app purchases"),
        ("/k/ApiKey_ABC123DEFG.p8", "", "the App Store Connect API"),
    ],
)
def test_names_of_key_files(path: str, key_id: str, purpose: str) -> None:
    assert key_id_in(path) == key_id
    finding = on_key_file(path)
    assert bool(finding) is bool(purpose)
    assert purpose in message(finding)


@pytest.mark.parametrize(
    ("type_", "code"),
    [
        ("apple_rn", ""), ("android_rnbeta", ""), ("apple_voip_rn", ""),
        ("apple_rn-v2", "type-version"), ("ios", "type-unknown"), ("Apple_RN", "type-unknown"),
    ],
)  # fmt: skip
def test_types(type_: str, code: str) -> None:
    finding = on_type(type_)
    assert (finding.code if finding else "") == code
