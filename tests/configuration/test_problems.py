import pytest

from mmpush_tui.configuration.problems import Problems
from mmpush_tui.errors import ConfigError
from mmpush_tui.findings import Severity


def fail(code: str, message: str) -> None:
    raise ConfigError(message, why="a reason", fix="Mend it.", code=code)


def test_the_first_failure_is_raised_with_all_that_is_known_of_it() -> None:
    problems = Problems()
    problems.warn("config-log-file", "no log file is written")
    with pytest.raises(ConfigError) as caught, problems.gathering("apple_rn"):
        fail("bad", "it is bad")
    error = caught.value
    assert (error.what, error.why, error.fix, error.code) == (
        "it is bad", "a reason", "Mend it.", "bad",
    )  # fmt: skip
    assert [it.code for it in problems.findings] == ["config-log-file"]


def test_all_of_them_are_gathered_where_nobody_raises() -> None:
    assert not Problems(is_strict=False).has_failures
    problems = Problems(is_strict=False)
    with problems.gathering("apple_rn"):
        fail("first", "one")
    problems.refuse("two", fix="Mend it.")
    for _ in range(2):
        problems.warn("third", "three")
    assert problems.has_failures
    assert [(it.severity, it.code, it.message, it.about) for it in problems.findings] == [
        (Severity.FAIL, "first", "one", "apple_rn"),
        (Severity.FAIL, "config-value", "two", ""),
        (Severity.WARN, "third", "three", ""),
    ]


def test_what_is_no_fault_of_the_configuration_goes_on() -> None:
    with pytest.raises(ZeroDivisionError), Problems(is_strict=False).gathering():
        raise ZeroDivisionError
