"""Values in a JSON text: found as Go finds them, changed without touching anything else."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpush_tui.settings.sources.json_text import (
    JsonMember,
    check_json,
    is_object,
    line_of,
    occurrences,
    with_value,
)

PATH = ("EmailSettings", "PushNotificationServer")


class Pairs(list[tuple[str, Any]]):
    """An object with every member it has, twins included."""


MISSING = object()


def parsed(text: str) -> Any:
    return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=Pairs)


def same(key: str, name: str) -> bool:
    return key.lower() == name.lower()


def as_go_reads(value: Pairs, path: tuple[str, ...]) -> object:
    """Decode one field into a structure as encoding/json does: member by member, in turn."""
    result: object = MISSING
    for key, member in value:
        if not same(key, path[0]):
            continue
        if len(path) == 1:
            result = member
        elif isinstance(member, Pairs) and (inner := as_go_reads(member, path[1:])) is not MISSING:
            result = inner
    return result


def others(value: Any, path: tuple[str, ...]) -> Any:
    """Return the document without what is at ``path`` and without the way to it."""
    return Pairs(
        (key, others(member, path[1:]) if same(key, path[0]) and path[1:] else member)
        for key, member in value
        if not same(key, path[0])
        or (path[1:] and isinstance(member, Pairs) and others(member, path[1:]))
    )


def halves(text: str, replaced: list[JsonMember], changed: str) -> tuple[str, str]:
    """Split ``text`` where ``changed`` differs: around what was replaced, or where it was added."""
    if replaced:
        return text[: replaced[0].start], text[replaced[0].end :]
    pairs = enumerate(zip(text, changed, strict=False))
    start = next((index for index, (old, new) in pairs if old != new), len(text))
    return text[:start], text[start:]


def spread(value: object, luck: random.Random) -> str:
    """Write ``value`` as JSON with white space and escapes by chance."""

    def space() -> str:
        return luck.choice(["", "", " ", "\n", "\r\n    ", "\t", "\n\t\t", "  \n  "])

    def string(text: str) -> str:
        if luck.random() < 0.3:
            return json.dumps(text)
        return json.dumps(text, ensure_ascii=False).replace("/", luck.choice(["/", "\\/"]))

    match value:
        case Pairs():
            members = (
                f"{space()}{string(key)}{space()}:{space()}{spread(member, luck)}{space()}"
                for key, member in value
            )
            return "{" + (",".join(members) or space()) + "}"
        case list():
            items = (f"{space()}{spread(item, luck)}{space()}" for item in value)
            return "[" + (",".join(items) or space()) + "]"
        case str():
            return string(value)
        case _:
            return json.dumps(value)


def objects(keys: st.SearchStrategy[str], values: st.SearchStrategy[Any]) -> Any:
    return st.lists(st.tuples(keys, values), max_size=5).map(Pairs)


plain_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | plain_text
    | st.sampled_from(['{"EmailSettings":{', "}", "\\", '"', ",", "\u2028&<>"])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | objects(plain_text, inner),
    max_leaves=8,
)
leaf_keys = st.sampled_from(
    ["PushNotificationServer", "pushnotificationserver", "PUSHNotificationServer", "SMTPPassword"]
)
sections = objects(leaf_keys | plain_text, anything)
section_keys = st.sampled_from(["EmailSettings", "emailsettings", "EMAILSETTINGS"])
members = st.tuples(section_keys, sections | st.none()) | st.tuples(
    plain_text.filter(lambda key: key.lower() != "emailsettings"), anything
)
documents = st.lists(members, max_size=5).map(Pairs)
new_values = plain_text | st.booleans() | st.integers(-(2**63), 2**63 - 1)


@given(documents, st.integers(), st.booleans(), new_values)
def test_only_the_value_changes(
    document: Pairs, seed: int, has_bom: bool, value: str | int | bool
) -> None:
    luck = random.Random(seed)  # noqa: S311 - layout by chance, no secret
    text = "\ufeff" * has_bom + spread(document, luck) + luck.choice(["", "\n", "\r\n"])
    found = occurrences(text, PATH)
    expected = as_go_reads(document, PATH)
    here = text[found[-1].start : found[-1].end] if found else ""
    assert (parsed(here) if found else MISSING) == expected

    changed = with_value(text, PATH, value)

    check_json(changed)
    assert as_go_reads(parsed(changed), PATH) == value
    assert others(parsed(changed), PATH) == others(document, PATH)
    if not found and (section := occurrences(text, PATH[:1])):
        # Where every such section is null, the last one becomes an object.
        found = [] if any(each.value is not None for each in section) else section[-1:]
    head, tail = halves(text, found[-1:], changed)
    assert changed.startswith(head)
    assert changed.endswith(tail)
    assert with_value(changed, PATH, value) == changed


def reads_as(text: str) -> object:
    found = occurrences(text, PATH)
    return found[-1].value if found else MISSING


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"EmailSettings":{"PushNotificationServer":"a"}}', "a"),
        ('{"emailsettings":{"pushnotificationserver":"a"}}', "a"),
        ('{"EmailSettings":{"PushNotificationServer":"a","pushNotificationServer":"b"}}', "b"),
        (
            '{"EmailSettings":{"PushNotificationServer":"a"},"EmailSettings":{"X":1}}',
            "a",
        ),
        (
            '{"emailSettings":{"PushNotificationServer":"b"},'
            '"EmailSettings":{"PushNotificationServer":"a"}}',
            "a",
        ),
        ('{"EmailSettings":{"PushNotificationServer":"a"},"EmailSettings":null}', "a"),
        ('{"EmailSettings":{"PushNotificationServer":"a","PUSHNOTIFICATIONSERVER":null}}', None),
        ('{"Email\\u0053ettings":{"PushNotification\\u0053erver":"\\u0061"}}', "a"),
        ('{"PushNotificationServer":"a"}', MISSING),
        ('{"X":{"EmailSettings":{"PushNotificationServer":"a"}}}', MISSING),
        ('{"EmailSettings":{"X":{"PushNotificationServer":"a"}}}', MISSING),
        ('{"X":"{\\"EmailSettings\\":{\\"PushNotificationServer\\":1}}"}', MISSING),
        ("{}", MISSING),
    ],
)
def test_a_value_is_found_as_go_finds_it(text: str, value: object) -> None:
    assert reads_as(text) == value


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{\n    "S": {\n        "K": "v"\n    }\n}'),
        ("{\n}", '{\n    "S": {\n        "K": "v"\n    }\n}'),
        ("{\n}\n", '{\n    "S": {\n        "K": "v"\n    }\n}\n'),
        ('{"A":1}', '{"A":1,"S":{"K":"v"}}'),
        ('{"A": 1}', '{"A": 1, "S": {"K": "v"}}'),
        ('{"A":1, "B":2}', '{"A":1, "B":2, "S":{"K":"v"}}'),
        ('{\n  "A": 1\n}', '{\n  "A": 1,\n  "S": {\n    "K": "v"\n  }\n}'),
        ('{\r\n\t"A" : 1\r\n}', '{\r\n\t"A" : 1,\r\n\t"S" : {\r\n\t\t"K" : "v"\r\n\t}\r\n}'),
        ('\ufeff{"A":1}', '\ufeff{"A":1,"S":{"K":"v"}}'),
        ('{"S":{}}', '{"S":{"K":"v"}}'),
        ('{"S":null,"T":1}', '{"S":{"K":"v"},"T":1}'),
        ('{"S":{"A":1}}', '{"S":{"A":1,"K":"v"}}'),
        ('{"S":{"A":1},"S":{"B":2}}', '{"S":{"A":1},"S":{"B":2,"K":"v"}}'),
        (
            '{\n    "S": {},\n    "T": 1\n}',
            '{\n    "S": {\n        "K": "v"\n    },\n    "T": 1\n}',
        ),
        (
            '{\n    "S": {\n    }\n}',
            '{\n    "S": {\n        "K": "v"\n    }\n}',
        ),
        (
            '{\n  "S": null\n}',
            '{\n  "S": {\n    "K": "v"\n  }\n}',
        ),
        (
            '{\n    "S": {\n        "A": [\n            1\n        ]\n    }\n}',
            '{\n    "S": {\n        "A": [\n            1\n        ],\n        "K": "v"\n    }\n}',
        ),
        (
            '{\n\n  "A": 1,\n\n  "B": 2\n\n}',
            '{\n\n  "A": 1,\n\n  "B": 2,\n  "S": {\n    "K": "v"\n  }\n\n}',
        ),
    ],
)
def test_what_is_missing_is_added_in_the_style_of_its_neighbours(before: str, after: str) -> None:
    assert with_value(before, ("S", "K"), "v") == after


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a&b<c>d", '"a\\u0026b\\u003cc\\u003ed"'),
        ('quote " and \\', '"quote \\" and \\\\"'),
        ("\u2028\u2029", '"\\u2028\\u2029"'),
        ("ünï ✓ 🙂", '"ünï ✓ 🙂"'),
        ("\x00\n", '"\\u0000\\n"'),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
    ],
)
def test_values_are_written_as_go_writes_them(value: str | int | bool, written: str) -> None:
    assert with_value('{"S":{"K":0}}', ("S", "K"), value) == f'{{"S":{{"K":{written}}}}}'


@pytest.mark.parametrize(
    "make",
    [
        lambda: "",
        lambda: "{",
        lambda: '{"a":1,}',
        lambda: '{"a":NaN}',
        lambda: '{"a":-Infinity}',
        lambda: '{"a":1} x',
        lambda: '{"a":"\n"}',
        lambda: '{"a":1/* note */}',
        lambda: '\ufeff\ufeff{"a":1}',
        lambda: '{"a":' + "9" * 5000 + "}",
        lambda: "[" * 200_000,
    ],
)
def test_what_is_no_json_is_refused(make: Callable[[], str]) -> None:
    with pytest.raises((ValueError, RecursionError)):
        check_json(make())


def test_an_object_is_told_from_other_json() -> None:
    assert is_object('\ufeff \r\n{"a":1}')
    assert not is_object("[{}]")
    assert not is_object('"{"')


def test_lines_count_from_one() -> None:
    assert line_of("a\r\nb\nc", 0) == 1
    assert line_of("a\r\nb\nc", 5) == 3
