"""Text on its way to the screen: nothing that acts, nothing that is lost, columns that stay."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from mmpush_tui.console.safe import content, hanging, lines, plain, spread

HOSTILE = ["\x1b]52;c;x\x07", "\x9b2J", "a\x00b", "\u202eabc", "[/x] [bold]b", "a\nb", "x" * 9000]


def is_harmless(text: str) -> bool:
    return not any(unicodedata.category(c) in ("Cc", "Cs") and c != "\n" for c in text)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_acts_gets_through(text: str) -> None:
    for made in (
        content(text, (text, "bold")),
        spread(content(text), content(text), 40),
        hanging((text,), text, 40, text),
        lines(content(text), content(text)),
    ):
        assert is_harmless(made.plain)
        assert "\u202e" not in made.plain


def test_brackets_are_text() -> None:
    made = content("[/x] [bold]b[/bold] [@click=app.quit]c")
    assert made.plain == "[/x] [bold]b[/bold] [@click=app.quit]c"
    assert made.spans == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [("  a  ", "  a  "), ("   ", "   "), ("", ""), (" \x1b[31mred ", " red "), ("a\tb", "a b")],
)
def test_blanks_at_the_ends_align_and_stay(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(max_size=80), st.text(max_size=30), st.integers(min_value=20, max_value=120))
def test_both_ends_fill_the_line(left: str, right: str, width: int) -> None:
    ending = content(right)
    made = spread(content(left), ending, width)
    assert made.cell_length >= min(width, ending.cell_length)
    if ending.cell_length < width:
        assert made.cell_length == width
    assert made.plain.endswith(ending.plain)


@given(st.text(alphabet="abc de", max_size=300), st.integers(min_value=24, max_value=100))
def test_wrapped_text_keeps_its_words_and_its_indent(text: str, width: int) -> None:
    rows = hanging(("123456",), text, width).plain.split("\n")
    assert rows[0].startswith("123456")
    assert all(row.startswith("      ") for row in rows[1:])
    if all(len(word) <= width - 6 for word in text.split()):
        assert " ".join(rows)[6:].split() == text.split()
    assert all(len(row) <= max(width, 16) for row in rows)


def test_what_stands_at_the_right_is_on_the_first_line() -> None:
    rows = hanging(("  1. ",), "word " * 20, 40, ("open", "bold")).plain.split("\n")
    assert rows[0].endswith(" open")
    assert len(rows) > 1
    assert not any("open" in row for row in rows[1:])
    assert isinstance(hanging((), "", 40), Content)


def test_an_address_is_not_broken_for_what_stands_at_the_end() -> None:
    shown = hanging((" FAIL tcp        ",), "127.0.0.1:8086 refused it", 36, "1.5 ms").plain
    assert "127.0.0.1:8086" in shown
    assert "1.5 ms" not in shown
    wide = hanging((" FAIL tcp        ",), "127.0.0.1:8086 refused it", 60, "1.5 ms").plain
    assert wide.endswith("1.5 ms")
