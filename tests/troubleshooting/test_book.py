"""One remedy for one fault: no fix of the book says again what another one says."""

import re
import tomllib
from collections import Counter
from importlib import resources
from typing import Any, Final

import pytest

from mmpush_tui.troubleshooting.catalogue import GENERIC, Entry, Wording, entries, filled

SAME_WORDS: Final = 0.6
"""Of the words of a finding's fix: a step that has so many of them asks for the same."""
STOP_WORDS: Final = frozenset(re.findall(r"\w+", """
    a an and are as at be by do does for from has have here if in into is it its must no not of on
    one only or so that the their them then there this to where which who with you your
"""))  # fmt: skip
"""What any sentence is made of."""
PAIRS: Final = [
    (entry, row, step)
    for entry in entries()
    for row in entry.finding
    if row.fix is not None
    for step in entry.fix
]


def words(fix: str) -> set[str]:
    """Return what a fix is about, for a reader of whom nothing is known."""
    bare = {word.strip(".,:;()\"'`").lower() for word in filled(fix, GENERIC).split()}
    return bare - STOP_WORDS - {""}


def is_said_again(fix: str, step: str) -> bool:
    """Return whether ``step`` says in other words what ``fix`` says; the very same is no repeat."""
    said = words(fix)
    return fix != step and len(said & words(step)) >= SAME_WORDS * len(said)


def written() -> list[tuple[str, str]]:
    """Return the fixes of the files as they are written there, each with its entry's code."""
    folder = resources.files("mmpush_tui.troubleshooting").joinpath("entries")
    found = []
    for file in folder.iterdir():
        document: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        found += [("shared", step) for step in document.get("step", {}).values()]
        for entry in document.get("entry", ()):
            rows = [row["fix"] for row in entry.get("finding", ()) if "fix" in row]
            found += [(entry["code"], fix) for fix in (*entry["fix"], *rows)]
    return found


WRITTEN: Final = written()
NAMED: Final = [
    (code, fix) for code, fix in WRITTEN if re.fullmatch(r"\{[a-z_]+\}", fix) is not None
]


@pytest.mark.parametrize(
    ("entry", "row", "step"), PAIRS, ids=[f"{row.code}-{row.at}" for _, row, _ in PAIRS]
)
def test_a_finding_does_not_ask_in_other_words_for_a_step_of_its_entry(
    entry: Entry, row: Wording, step: str
) -> None:
    assert row.fix is not None
    assert not is_said_again(row.fix, step), f"{entry.code}: make them one"


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.code)
def test_the_first_step_is_not_written_again_for_a_finding(entry: Entry) -> None:
    """A finding without a fix says it; one at somebody else's may need it by its name."""
    assert [row.code for row in entry.finding if not row.at and row.fix == entry.fix[0]] == []


def test_no_fix_is_written_twice() -> None:
    whole = [" ".join(filled(fix, GENERIC).split()) for item in WRITTEN if item not in NAMED
             for fix in item[1:]]  # fmt: skip
    assert [fix for fix, count in Counter(whole).items() if count > 1] == []


def test_every_shared_step_is_asked_for_more_than_once() -> None:
    folder = resources.files("mmpush_tui.troubleshooting").joinpath("entries")
    shared = tomllib.loads(folder.joinpath("shared.toml").read_text(encoding="utf-8"))["step"]
    uses = Counter(name for _, fix in WRITTEN for name in re.findall(r"\{([a-z_]+)\}", fix))
    assert {name: uses[name] for name in shared if uses[name] < 2} == {}


@pytest.mark.parametrize(
    ("fix", "step", "is_again"),
    [
        ("Renew the certificate of {endpoint}.", "Renew the certificate at {endpoint}.", True),
        ("Change the topic.", "Change the topic.", False),
        ("Change the topic.", "Change sandbox and the topic.", True),
        ("Enter the name in your DNS.", "Allow TCP 443 in the firewall.", False),
    ],
)  # fmt: skip
def test_what_counts_as_saying_it_again(fix: str, step: str, is_again: bool) -> None:
    assert is_said_again(fix, step) is is_again


def test_every_entry_was_looked_at() -> None:
    assert {code for code, _ in WRITTEN} == {entry.code for entry in entries()} | {"shared"}
