"""The catalogue's data obeys its schema, and a file that does not is refused."""

import re

import click
import msgspec
import pytest

from mmpush_tui import cli
from mmpush_tui.troubleshooting.catalogue import (
    Entry,
    Hop,
    LogSource,
    entries,
    parse_catalogue,
)
from mmpush_tui.troubleshooting.lookup import by_code, by_reason, find_entries
from tests.troubleshooting.rules import complaints, texts

ENTRIES = entries()
CODES = [entry.code for entry in ENTRIES]
SYMPTOMS = [(entry.code, symptom) for entry in ENTRIES for symptom in entry.symptoms]
REASONS = [(entry, reason) for entry in ENTRIES for reason in entry.reasons]

ONE = """
schema = 1
[[entry]]
code = "apns-made-up"
title = "Apple dislikes the colour"
hop = "apns"
severity = "fail"
symptoms = ["BadColour"]
sources = ["go-proxy-log"]
reasons = ["BadColour"]
cause = "The notification is of the wrong colour."
fix = ["Set ApplePushColour to blue."]
fixed_when = "Pushes to iPhones are answered OK."
"""


def test_codes_are_unique_and_begin_with_their_hop() -> None:
    assert len(set(CODES)) == len(CODES)
    assert [entry.code for entry in ENTRIES if not entry.code.startswith(entry.hop)] == []


def test_every_hop_has_an_entry() -> None:
    assert {entry.hop for entry in ENTRIES} == set(Hop)


def test_every_source_is_used() -> None:
    assert {source for entry in ENTRIES for source in entry.sources} == set(LogSource)


@pytest.mark.parametrize("entry", ENTRIES, ids=CODES)
def test_entry_is_whole(entry: Entry) -> None:
    assert entry.fix
    assert entry.symptoms or entry.reasons
    assert all(link.startswith("https://") for link in entry.links)
    assert all(by_code(other) is not None and other != entry.code for other in entry.see)


@pytest.mark.parametrize("entry", ENTRIES, ids=CODES)
def test_prose_is_finished_and_one_line(entry: Entry) -> None:
    for text in (entry.cause, entry.fixed_when, *entry.fix):
        assert "\n" not in text
        assert "  " not in text
        assert not text[0].islower()
        assert text.count("`") % 2 == 0
    assert not entry.title.endswith(".")
    assert entry.cause.endswith((".", '."'))


@pytest.mark.parametrize("entry", ENTRIES, ids=CODES)
def test_fix_names_no_command_of_ours_that_does_not_exist(entry: Entry) -> None:
    known = cli.cli.list_commands(click.Context(cli.cli))
    named = re.findall(r"`(?:sudo [^`]*?)?mmpush-tui ([a-z]\w*)", " ".join(entry.fix))
    assert [name for name in named if name not in known] == []


@pytest.mark.parametrize(("code", "symptom"), SYMPTOMS, ids=[s for _, s in SYMPTOMS])
def test_symptom_finds_its_own_entry_first(code: str, symptom: str) -> None:
    assert find_entries(symptom.replace("*", "x"))[0].entry.code == code


@pytest.mark.parametrize(("entry", "reason"), REASONS, ids=[reason for _, reason in REASONS])
def test_reason_finds_its_own_entry(entry: Entry, reason: str) -> None:
    assert by_reason(reason, platform=entry.platform) is entry
    assert find_entries(f"reason={reason} type={entry.platform}")[0].entry is entry


def test_entry_is_json_ready_with_every_field() -> None:
    record = msgspec.json.decode(msgspec.json.encode(ENTRIES[0].to_dict()))
    assert set(record) == set(Entry.__struct_fields__) - {"finding", "note"}


def test_fixes_for_a_reader_have_no_places_left_open() -> None:
    steps = [step for entry in ENTRIES for step in entry.to_dict()["fix"]]
    assert any("HOST" in step for step in steps)
    assert not [step for step in steps if re.search(r"\{[a-z_]+\}", step)]


def test_line_breaks_in_the_file_count_as_spaces() -> None:
    text = ONE.replace('"The notification is', '"""The notification\n    is').replace(
        'wrong colour."', 'wrong colour."""'
    )
    assert parse_catalogue(text)[0].cause == "The notification is of the wrong colour."


NOTE = """
[[entry.note]]
code = "BadColour"
severity = "warn"
message = "The {colour} is wrong."
"""
TWICE = ONE + ONE.split("schema = 1", 1)[1]
BROKEN = [
    pytest.param("entry = [", "Invalid", id="no TOML"),
    pytest.param("schema = 1", "entry", id="no entries"),
    pytest.param(ONE.replace("schema = 1", "schema = 2"), "$.schema", id="another schema"),
    pytest.param(TWICE, "there twice", id="a code twice"),
    pytest.param(
        TWICE.replace("apns-made-up", "apns-other", 1), "reason BadColour", id="a reason twice"
    ),
    pytest.param(
        TWICE.replace("apns-made-up", "fcm-other", 1).replace('"apns"', '"fcm"', 1),
        "symptom 'badcolour' is there twice",
        id="a symptom twice",
    ),
    pytest.param(ONE.replace("apns-made-up", "fcm-made-up"), "its hop apns", id="code of another"),
    pytest.param(ONE.replace("apns-made-up", "Apns Made Up"), "regex", id="code of another shape"),
    pytest.param(ONE.replace('"apns"', '"moon"'), "moon", id="unknown hop"),
    pytest.param(ONE.replace('"go-proxy-log"', ""), "length", id="no source"),
    pytest.param(
        ONE.replace('"Set ApplePushColour to blue."', ""), "length", id="nothing to do about it"
    ),
    pytest.param(
        ONE.replace('symptoms = ["BadColour"]', "").replace('reasons = ["BadColour"]', ""),
        "nothing could find it",
        id="neither symptom nor reason",
    ),
    pytest.param(ONE.replace('["BadColour"]\nsou', '["Bad"]\nsou'), "length", id="short symptom"),
    pytest.param(
        ONE.replace('["BadColour"]\nsou', '["a bad * colour * here"]\nsou'),
        "one gap",
        id="two gaps",
    ),
    pytest.param(
        ONE.replace('["BadColour"]\nsou', '["x * BadColour"]\nsou'), "one gap", id="half a symptom"
    ),
    pytest.param(ONE.replace("dislikes", "won\u2019t have"), "ASCII", id="curly quote"),
    pytest.param(ONE + 'see = ["apns-nowhere"]', "leads nowhere", id="see nobody"),
    pytest.param(ONE + 'see = ["apns-made-up"]', "leads nowhere", id="see itself"),
    pytest.param(ONE + 'links = ["http://example.com"]', "regex", id="plain link"),
    pytest.param(ONE + "colour = 3", "colour", id="unknown field"),
    pytest.param(ONE + NOTE + NOTE, "note BadColour '' is there twice", id="a note twice"),
    pytest.param(
        ONE + NOTE.replace("BadColour", "other"), "note other is of none", id="a note of nothing"
    ),
    pytest.param(
        ONE + NOTE.replace("warn", "fail"), "a note is no failure", id="a note that is a failure"
    ),
    pytest.param(ONE + NOTE.replace("wrong", "wr\u00f6ng"), "ASCII", id="a note with an umlaut"),
]


@pytest.mark.parametrize(("text", "complaint"), BROKEN)
def test_what_breaks_a_rule_is_found(text: str, complaint: str) -> None:
    assert any(complaint in said for said in complaints(text))


def test_the_pattern_for_the_broken_files_is_itself_sound() -> None:
    assert complaints(ONE) == []
    assert [entry.code for entry in parse_catalogue(ONE)] == ["apns-made-up"]


def test_the_book_keeps_its_rules() -> None:
    assert complaints(*texts()) == []


def test_there_are_many() -> None:
    assert len(ENTRIES) >= 70


@pytest.mark.parametrize("entry", ENTRIES, ids=CODES)
def test_how_it_looks_once_mended_stands_alone(entry: Entry) -> None:
    """A verdict shows it without the steps: no "the curl above"."""
    assert not re.search(r"\babove\b|\b(the|both) (curl|openssl)\b", entry.fixed_when, re.I)
