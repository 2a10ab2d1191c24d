"""What docs/worker.md says of the settings, held to the schema."""

import re
from pathlib import Path

import pytest

from mmpush_tui.configuration.schema import ANDROID, APPLE, PROXY
from mmpush_tui.fields import Field

PAGE = Path(__file__).parents[2] / "docs" / "worker.md"
SETTINGS = PAGE.read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
TABLE, _, TARGETS = SETTINGS.partition("\nOn each Apple and Android target: ")
ROWS = [
    tuple(tuple(re.findall(r"`(\w+)`", cell)) for cell in row.split(" | ")[:2])
    for row in TABLE.splitlines()
    if row.startswith("| `")
]
"""The names in each row: ours, and those of the reference proxy's format."""

REFERENCE = {
    "ListenAddress", "ThrottlePerSec", "ThrottleMemoryStoreSize", "ThrottleVaryByHeader",
    "EnableMetrics", "SendTimeoutSec", "RetryTimeoutSec", "EnableConsoleLog", "EnableFileLog",
    "LogFileLocation", "LogFormat", "LogLevel",
    "Type", "ApplePushTopic", "AppleAuthKeyFile", "AppleAuthKeyID", "AppleTeamID",
    "ApplePushUseDevelopment", "ServiceFileLocation",
}  # fmt: skip
"""What stands in the reference proxy's own file, which the page does not repeat."""


def of_ours(fields: tuple[Field, ...]) -> list[Field]:
    return [field for field in fields if field.upstream not in REFERENCE]


@pytest.mark.parametrize("field", of_ours(PROXY), ids=lambda field: field.name)
def test_a_setting_that_is_ours_alone_has_its_row_with_both_names(field: Field) -> None:
    names = {pair for row in ROWS for pair in zip(*row, strict=True)}
    assert (field.name, field.upstream) in names


def test_the_table_names_no_setting_that_there_is_not() -> None:
    known = {(field.name, field.upstream) for field in PROXY}
    assert len(ROWS) > 15
    assert {pair for row in ROWS for pair in zip(*row, strict=True)} <= known


@pytest.mark.parametrize("fields", [APPLE, ANDROID], ids=["apple", "android"])
def test_the_settings_of_a_target_that_are_ours_alone_are_named_in_both_ways(
    fields: tuple[Field, ...],
) -> None:
    for field in of_ours(fields):
        assert re.search(rf"`{field.name}`\s+\(`{field.upstream}`[;)]", TARGETS), field.name
