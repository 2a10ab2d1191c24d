"""The fault lab: each way in which push is known to break, and what the verdict says of it.

Each fault is arranged in a small internet of its own, on real sockets; the right cause must be
the one that is named first, with what to change. At the end, what is healthy raises no alarm.
"""

import re
from pathlib import Path

import pytest

from mmpush_tui.checks.model.report import Report, Stage
from mmpush_tui.checks.model.target import NO_DEVICE
from mmpush_tui.checks.proof.credential_probe import NO_PHONE
from mmpush_tui.checks.proof.limiter import ProbeLimiter
from mmpush_tui.findings import Severity
from mmpush_tui.settings.page import Mode, Page
from mmpush_tui.simulator.world import World
from tests.checks import lab_credentials, lab_healthy, lab_tls, lab_way  # noqa: F401 - fill the lists
from tests.checks.internet import (
    Internet,
    in_namespace,
)
from tests.checks.lab import (
    CASES,
    HEALTHY,
    Arrange,
    Case,
    with_config,
)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_cause_is_named_first(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = in_namespace(case.arrange, tmp_path, monkeypatch)
    verdict = report.verdict
    assert verdict.code == case.code, verdict
    assert case.says in verdict.summary
    assert case.fix in verdict.fix[0]
    assert verdict.severity in (Severity.FAIL, Severity.WARN)


@pytest.mark.slow
@pytest.mark.parametrize("arrange", [it for _, it in HEALTHY], ids=[name for name, _ in HEALTHY])
def test_what_is_healthy_raises_no_alarm(
    arrange: Arrange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = in_namespace(arrange, tmp_path, monkeypatch)
    bad = [
        (check.id, check.message) for check in report.checks if check.severity is not Severity.PASS
    ]
    assert bad == []
    assert (report.verdict.severity, report.verdict.code) == (Severity.PASS, "ok")


def test_there_are_many() -> None:
    assert len(CASES) >= 60
    assert len(HEALTHY) >= 20


# Nobody is reached


def _all_that_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: int
) -> tuple[World, list[Report]]:
    async def act(net: Internet) -> tuple[World, list[Report]]:
        net.page = Page(mode=Mode.TPNS)
        limiter = ProbeLimiter(net.folder / "pace.json")
        kept = {"limiter": limiter, "tokens": net.folder / "tokens.json"}
        return net.world, [await net.check(**kept) for _ in range(runs)]  # type: ignore[arg-type]

    return in_namespace(act, tmp_path, monkeypatch)


@pytest.mark.slow
def test_no_probe_can_reach_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = _all_that_is_sent(tmp_path, monkeypatch, 1)
    assert list(world.phones.received) == []
    assert world.violations == []
    assert NO_DEVICE == "0" * 64
    # Every phone of the stand-ins is another, and whatever is sent to Google is validated only.
    assert not any(phone.token in (NO_DEVICE, NO_PHONE) for phone in world.phones)


@pytest.mark.slow
def test_an_answer_that_was_kept_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(net: Internet) -> list[Report]:
        with_config(net, "apple", team_id="ZZZZZZZZZZ")
        kept = {"limiter": ProbeLimiter(net.folder / "pace.json")}
        return [await net.check("apns", **kept) for _ in range(2)]  # type: ignore[arg-type]

    first, second = in_namespace(act, tmp_path, monkeypatch)
    assert first.verdict.summary.startswith("Apple does not take the key of this target.")
    for name in ("code", "check", "summary", "fix", "confidence", "then", "links"):
        assert getattr(second.verdict, name) == getattr(first.verdict, name), name
    kept = next(it for it in second.checks if it.id == second.verdict.check)
    assert ", asked " in kept.message


@pytest.mark.slow
def test_credentials_are_tried_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, reports = _all_that_is_sent(tmp_path, monkeypatch, 3)
    assert world.fcm.oauth.granted == 1
    tried = [
        [check.message for check in report.checks if check.stage is Stage.CREDENTIAL]
        for report in reports
    ]
    assert all(len(it) == 3 for it in tried)
    assert not any("asked" in message for message in tried[0])
    assert all(re.search(r", asked \d+ s ago$", message) for message in (*tried[1], *tried[2]))
    assert [report.verdict.severity for report in reports] == [Severity.PASS] * 3
    assert (tmp_path / "pace.json").stat().st_mode & 0o777 == 0o600
    kept = (tmp_path / "pace.json").read_text()
    assert "PRIVATE" not in kept
    assert "eyJ" not in kept
