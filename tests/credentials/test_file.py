"""What is done about a file of another kind is in the book, for every kind there is."""

import re
from itertools import product
from pathlib import Path

import pytest

from mmpush_tui.credentials import key_pair
from mmpush_tui.credentials.file import fix_for
from mmpush_tui.credentials.kinds import FileKind
from mmpush_tui.troubleshooting.catalogue import entries

WANTED = ("apple_key", "apple_certificate", "service_account", "setup_key")
CASES = {row.code for entry in entries() for row in entry.finding if "." in row.code}


@pytest.mark.parametrize(("kind", "wanted"), list(product(FileKind, WANTED[:3])))
def test_there_is_something_to_do_about_every_kind(kind: FileKind, wanted: str) -> None:
    fix = fix_for(kind, wanted)
    assert fix[0].isupper()
    assert fix.endswith(".")
    assert "{" not in fix


def test_every_case_in_the_book_can_be_met() -> None:
    kinds = {kind.name.lower() for kind in FileKind} | {"other"}
    of_kinds = {f"{wanted}.{kind}" for wanted, kind in product(("file", *WANTED), kinds)}
    source = Path(key_pair.__file__).read_text()
    faults = set(re.findall(r'_refusal\([^()]*(?:\([^()]*\)[^()]*)*"([a-z_]+)"\s*\)', source))
    assert of_kinds | {f"certificate.{fault}" for fault in faults} >= CASES
    assert {f"certificate.{fault}" for fault in faults} <= CASES
