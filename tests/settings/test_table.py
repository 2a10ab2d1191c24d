"""The table of rules against the rules, and against ``KEY=VALUE``."""

import pytest

from mmpush_tui.errors import UsageError
from mmpush_tui.settings.assignments import assigned
from mmpush_tui.settings.page import Contents, Mode, Page, blocked, differences, infer, to_stored
from mmpush_tui.settings.urls import Region, regions_for
from tests.settings.table import CONSENT, ROWS, Row


def done(page: Page, step: str) -> Page:
    name, _, value = step.partition("=")
    match name:
        case "mode":
            return page.with_mode(Mode(value))
        case "region":
            return page.with_region(Region(value))
        case "accept_terms":
            return page.with_agreed(value == "true")
        case "server":
            return page.with_server(value)
        case "contents":
            return page.with_contents(Contents(value))
        case _:
            return page.with_max_notifications(int(value))


def assert_is(row: Row, saved: Page, draft: Page) -> None:
    assert (draft.mode, draft.server, draft.agreed) == (row.mode, row.shown, row.agreed)
    if row.region is not None:
        assert draft.region == row.region
    why = blocked(saved, draft, row.stored, {})
    assert why.startswith(row.why)
    assert bool(why) is bool(row.why)
    if not row.why:
        changes = differences(row.stored, to_stored(draft), {})
        assert {change.key: change.new for change in changes} == row.writes


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_rules(row: Row) -> None:
    saved = draft = infer(row.stored, row.licence, regions_for(row.version))
    for step in row.do:
        draft = done(draft, step)
    assert_is(row, saved, draft)


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS.values() if row.by_set],
    ids=[name for name, row in ROWS.items() if row.by_set],
)
def test_key_and_value_in_any_order(row: Row) -> None:
    saved = infer(row.stored, row.licence, regions_for(row.version))
    if "mode=hpns" in row.do and row.why == CONSENT:
        with pytest.raises(UsageError, match="mode=hpns needs accept_terms=true in the same call"):
            assigned(saved, row.do, row.licence, {})
        return
    for pairs in (row.do, row.do[::-1]):
        assert_is(row, saved, assigned(saved, pairs, row.licence, {}))
