from datetime import date

import pytest

from mmpush_tui.fields import Choice, Field, FieldError, Kind, Value, by_name, nearest


def field(
    kind: Kind,
    default: Value = "",
    *,
    minimum: int | None = None,
    maximum: int | None = None,
    secret: bool = False,
) -> Field:
    choices = (Choice(value="plain", label="Plain"), Choice(value="json", label="JSON"))
    return Field(
        key="proxy.thing",
        label="Thing",
        help="What the thing does.",
        kind=kind,
        default=default,
        choices=choices if kind is Kind.CHOICE else (),
        minimum=minimum,
        maximum=maximum,
        secret=secret,
    )


TEXT = field(Kind.TEXT)
INTEGER = field(Kind.INTEGER, 1)
BETWEEN = field(Kind.INTEGER, 1, minimum=1, maximum=10)
AT_LEAST = field(Kind.INTEGER, 1, minimum=0)
AT_MOST = field(Kind.INTEGER, 1, maximum=10)
BOOLEAN = field(Kind.BOOLEAN, False)
CHOICE = field(Kind.CHOICE, "plain")

HELD = [
    pytest.param(TEXT, "", id="empty text"),
    pytest.param(TEXT, " any text\n", id="text"),
    pytest.param(field(Kind.URL), "https://x.test", id="URL"),
    pytest.param(field(Kind.ADDRESS), ":8066", id="address"),
    pytest.param(field(Kind.PATH), "/etc/x", id="path"),
    pytest.param(INTEGER, 0, id="zero"),
    pytest.param(INTEGER, -5, id="below zero"),
    pytest.param(BETWEEN, 1, id="lower bound"),
    pytest.param(BETWEEN, 10, id="upper bound"),
    pytest.param(BOOLEAN, True, id="true"),
    pytest.param(BOOLEAN, False, id="false"),
    pytest.param(CHOICE, "json", id="choice"),
]


@pytest.mark.parametrize(("setting", "value"), HELD)
def test_holds_a_value_of_its_kind(setting: Field, value: Value) -> None:
    held = setting.check(value)
    assert held == value
    assert type(held) is type(value)


HUGE = 16**5000
REFUSED = [
    pytest.param(TEXT, 5, "expected text, got a number", id="number for text"),
    pytest.param(TEXT, True, "expected text, got true or false", id="boolean for text"),
    pytest.param(TEXT, None, "expected text, got null", id="null for text"),
    pytest.param(TEXT, [], "expected text, got a list", id="list for text"),
    pytest.param(TEXT, {}, "expected text, got a table", id="table for text"),
    pytest.param(TEXT, 1.5, "expected text, got a number with a fraction", id="fraction for text"),
    pytest.param(TEXT, date(2026, 1, 2), "expected text, got a date or time", id="date for text"),
    pytest.param(field(Kind.PATH), 5, "expected text, got a number", id="number for a path"),
    pytest.param(field(Kind.URL), 5, "expected text, got a number", id="number for a URL"),
    pytest.param(field(Kind.ADDRESS), 5, "expected text, got a number", id="number for an address"),
    pytest.param(INTEGER, "5", "expected a whole number, got text", id="text for a number"),
    pytest.param(
        INTEGER, True, "expected a whole number, got true or false", id="boolean for a number"
    ),
    pytest.param(
        INTEGER, 5.0, "expected a whole number, got a number with a fraction", id="5.0 for a number"
    ),
    pytest.param(INTEGER, None, "expected a whole number, got null", id="null for a number"),
    pytest.param(BETWEEN, 0, "expected a number from 1 to 10", id="below both bounds"),
    pytest.param(BETWEEN, 11, "expected a number from 1 to 10", id="above both bounds"),
    pytest.param(AT_LEAST, -1, "expected a number of 0 or more", id="below the bound"),
    pytest.param(AT_MOST, 11, "expected a number of 10 or less", id="above the bound"),
    pytest.param(BOOLEAN, "true", "expected true or false, got text", id="text for a boolean"),
    pytest.param(BOOLEAN, 1, "expected true or false, got a number", id="number for a boolean"),
    pytest.param(BOOLEAN, None, "expected true or false, got null", id="null for a boolean"),
    pytest.param(CHOICE, "xml", "expected one of plain, json", id="no such choice"),
    pytest.param(CHOICE, "JSON", "expected one of plain, json", id="choice in capitals"),
    pytest.param(CHOICE, 5, "expected text, got a number", id="number for a choice"),
]


@pytest.mark.parametrize(("setting", "value", "message"), REFUSED)
def test_refuses_another_value(setting: Field, value: object, message: str) -> None:
    with pytest.raises(FieldError) as error:
        setting.check(value)
    assert str(error.value) == message


@pytest.mark.parametrize("setting", [TEXT, BETWEEN, BOOLEAN], ids=["text", "number", "boolean"])
def test_refuses_a_number_too_long_to_write(setting: Field) -> None:
    with pytest.raises(FieldError, match=r"^expected ") as error:
        setting.check(HUGE)
    assert len(str(error.value)) < 200


def test_never_echoes_a_value_that_may_be_a_secret() -> None:
    for value in ("hunter2", 20261234):
        for setting in (TEXT, BETWEEN, BOOLEAN, CHOICE):
            if setting is TEXT and isinstance(value, str):
                continue
            with pytest.raises(FieldError) as error:
                setting.check(value)
            assert str(value) not in str(error.value)


PARSED: list[object] = [
    pytest.param(TEXT, "", "", id="empty text"),
    pytest.param(TEXT, " x ", " x ", id="text with space"),
    pytest.param(TEXT, "5", "5", id="digits stay text"),
    pytest.param(CHOICE, "json", "json", id="choice"),
    pytest.param(BETWEEN, "7", 7, id="number"),
    pytest.param(BETWEEN, " 7\n", 7, id="number with space"),
    pytest.param(INTEGER, "-7", -7, id="number below zero"),
    pytest.param(INTEGER, "007", 7, id="number with zeros"),
    pytest.param(INTEGER, "9" * 18, 10**18 - 1, id="eighteen digits"),
    *(pytest.param(BOOLEAN, word, True, id=word) for word in ("true", "TRUE", "1", "yes", " Yes ")),
    *(pytest.param(BOOLEAN, word, False, id=word) for word in ("false", "False", "0", "no", "NO ")),
]


@pytest.mark.parametrize(("setting", "text", "value"), PARSED)
def test_parses_text(setting: Field, text: str, value: Value) -> None:
    parsed = setting.parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


NOT_PARSED = [
    pytest.param(INTEGER, "", "expected a whole number, got text", id="no number"),
    pytest.param(INTEGER, "1.5", "expected a whole number, got text", id="fraction"),
    pytest.param(INTEGER, "1e3", "expected a whole number, got text", id="exponent"),
    pytest.param(INTEGER, "0x10", "expected a whole number, got text", id="hexadecimal"),
    pytest.param(INTEGER, "1_000", "expected a whole number, got text", id="underscore"),
    pytest.param(INTEGER, "+5", "expected a whole number, got text", id="plus"),
    pytest.param(INTEGER, "--5", "expected a whole number, got text", id="two minus signs"),
    pytest.param(INTEGER, "-", "expected a whole number, got text", id="minus alone"),
    pytest.param(INTEGER, "٣", "expected a whole number, got text", id="other digits"),
    pytest.param(INTEGER, "9" * 5000, "expected a whole number, got text", id="5000 digits"),
    pytest.param(BETWEEN, "0", "expected a number from 1 to 10", id="out of bounds"),
    pytest.param(BOOLEAN, "", "expected true or false, got text", id="empty for a boolean"),
    pytest.param(BOOLEAN, "on", "expected true or false, got text", id="on"),
    pytest.param(BOOLEAN, "2", "expected true or false, got text", id="2 for a boolean"),
    pytest.param(CHOICE, "xml", "expected one of plain, json", id="no such choice"),
]


@pytest.mark.parametrize(("setting", "text", "message"), NOT_PARSED)
def test_refuses_text_of_another_kind(setting: Field, text: str, message: str) -> None:
    with pytest.raises(FieldError) as error:
        setting.parse(text)
    assert str(error.value) == message


def test_is_found_under_the_last_part_of_its_key() -> None:
    one, two = (
        field(Kind.TEXT),
        Field(key="network.ca_file", label="CA file", help="", kind=Kind.PATH, default=""),
    )
    assert one.name == "thing"
    assert by_name([one, two]) == {"thing": one, "ca_file": two}


KNOWN = ("listen_address", "log_level", "log_format", "EnableMetrics")
NEAREST = [
    pytest.param("listen_adress", "listen_address", id="a letter less"),
    pytest.param("log_levle", "log_level", id="letters swapped"),
    pytest.param("LISTEN_ADDRESS", "listen_address", id="capitals"),
    pytest.param("enablemetric", "EnableMetrics", id="answered as it is written"),
    pytest.param("topic", "", id="nothing like it"),
    pytest.param("", "", id="empty"),
]


@pytest.mark.parametrize(("name", "meant"), NEAREST)
def test_names_the_nearest_known_name(name: str, meant: str) -> None:
    assert nearest(name, KNOWN) == meant


def test_names_nothing_where_nothing_is_known() -> None:
    assert nearest("listen_address", ()) == ""
