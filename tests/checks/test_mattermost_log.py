"""Mattermost's own log: which lines count, and what they are made to say."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mmpush_tui.checks import mattermost_log
from mmpush_tui.checks.model.report import CheckResult, Stage, check_id
from mmpush_tui.checks.verdict import verdict
from mmpush_tui.cli import run
from mmpush_tui.findings import Confidence, Severity
from tests.checks.peers import VERSION, checked, push_proxy, server

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
REFUSED = "dial tcp 10.0.0.5:8066: connect: connection refused"
TOKEN = "c0ffee1234567890abcdef1234567890abcdef1234567890abcdef1234567890"


def line(minutes: float, message: str, now: datetime = NOW, **fields: str) -> str:
    at = (now - timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S.000 Z")
    return json.dumps({"timestamp": at, "level": "error", "msg": message} | fields)


def refused(minutes: float, now: datetime = NOW) -> str:
    error = f"Post http://10.0.0.5:8066/api/v1/send_push: {REFUSED}"
    return line(minutes, "Failed to send to push proxy", now, error=error, device_id=TOKEN)


def test_failures_of_the_last_hour_are_counted_and_explained() -> None:
    text = "\n".join([refused(90), *[refused(n) for n in (30, 20, 5)], line(4, "no push at all")])
    found = mattermost_log.judge_log(text, NOW, "/logs/mattermost.log")
    assert (found.severity, found.code, found.see) == (
        Severity.WARN, "log_failures", "proxy-connection-refused",
    )  # fmt: skip
    assert found.message.startswith("3 lines within the last hour, the latest at 11:55:00 UTC: ")
    assert found.fix
    assert TOKEN not in str(found)


QUIET = [
    "", "not a line of ours", refused(61), refused(-90), line(1, "User logged in"),
    '{"timestamp": 5, "msg": "push"}', '{"timestamp": "2026-99-99 11:00:00 Z", "msg": "push"}',
    "{" * 5000 + "push", line(1, "push", error="all is well"),
]  # fmt: skip


@pytest.mark.parametrize("text", QUIET)
def test_what_is_no_failure_of_the_last_hour_raises_no_alarm(text: str) -> None:
    found = mattermost_log.judge_log(text, NOW, "/log")
    assert found.severity is Severity.PASS
    assert found.message == "no push failed within the last hour, says Mattermost's log"


@pytest.mark.parametrize(("minutes", "said"), [
    (30, "since 11:30:00 UTC, says the end of Mattermost's log"),
    (90, "within the last hour, says Mattermost's log"),
])  # fmt: skip
def test_a_log_that_is_not_read_whole_says_from_when_on(
    tmp_path: Path, minutes: int, said: str
) -> None:
    path = tmp_path / "mattermost.log"
    path.write_text(f"{refused(40)}\n" + f"{line(minutes, 'User logged in' * 20)}\n" * 2000)
    found = mattermost_log.read_log([path], NOW)
    assert found is not None
    assert found.message == f"no push failed {said}"


def test_a_plain_line_counts_too() -> None:
    text = f"error [2026-11-27 11:59:00.000 Z] Failed to send to push proxy error={REFUSED}"
    assert mattermost_log.judge_log(text, NOW, "/log").code == "log_failures"


@pytest.mark.parametrize(("named", "at"), [("", "logs"), ("other/", "other")])
def test_it_is_found_beside_the_configuration(tmp_path: Path, named: str, at: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / at).mkdir()
    (tmp_path / at / "mattermost.log").write_text(refused(1, datetime.now(UTC)))
    config = tmp_path / "config" / "config.json"
    config.write_text(json.dumps({"LogSettings": {"FileLocation": named}}))
    found = mattermost_log.of_config(config)
    assert found is not None
    assert found.code == "log_failures"


def test_without_a_log_nothing_is_said(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    assert mattermost_log.of_config(config) is None
    config.write_text("[]")
    assert mattermost_log.of_config(config) is None
    assert mattermost_log.read_log([tmp_path / "none"], NOW) is None


async def test_it_stands_in_the_report_beside_what_was_reached() -> None:
    finding = mattermost_log.judge_log(refused(1), NOW, "/log")
    async with server(VERSION) as it:
        plans = push_proxy(f"http://{it.address}"), mattermost_log.log_target(finding)
        report = await checked(*plans)
    assert report.checks[-1].id == "app:mattermost-log"
    assert report.verdict.code == "log_failures"
    assert report.verdict.severity is Severity.WARN
    assert "Mattermost's log tells of pushes that fail" in report.verdict.summary


def test_it_makes_sure_of_what_it_agrees_with() -> None:
    plans = (
        push_proxy("http://10.0.0.5:8066"),
        mattermost_log.log_target(mattermost_log.judge_log(refused(1), NOW, "/log")),
    )
    broken = CheckResult(
        id=check_id(Stage.TCP, "mpns"), about="mpns", stage=Stage.TCP, severity=Severity.FAIL,
        code="tcp_refused", message="refused", see="proxy-connection-refused",
        confidence=Confidence.LIKELY, summary="Nothing listens.",
    )  # fmt: skip
    told = CheckResult(
        id="app:mattermost-log", about="mattermost-log", stage=Stage.APP, severity=Severity.WARN,
        code="log_failures", message="3 lines", see="proxy-connection-refused",
    )  # fmt: skip
    found = verdict(plans, [broken, told])
    assert found.confidence is Confidence.CERTAIN
    assert "Mattermost's log agrees: 3 lines" in found.why


def test_the_word_log_needs_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "log"]) == 2
    assert "Mattermost's log cannot be read from here." in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["x" * 300, "with\0nul"])
def test_a_folder_that_cannot_be_looked_into_holds_no_log(tmp_path: Path, folder: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"LogSettings": {"FileLocation": folder}}))
    assert mattermost_log.of_config(file) is None


@pytest.mark.parametrize("when", ["0001-01-01 00:00:00 +23:59", "9999-12-31 23:59:59 -12:00"])
def test_a_time_beyond_all_times_is_none(when: str) -> None:
    found = mattermost_log.judge_log(f"{when} push failed", datetime.now(UTC), "x")
    assert found.code == "ok"
