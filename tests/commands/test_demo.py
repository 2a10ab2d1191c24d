"""The demo from a shell: its counts, its signals, and that nothing stays behind."""

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.commands.running import COMMAND, run

pytestmark = pytest.mark.slow

KEYS = [
    "schema", "kind", "seed", "seconds", "sent", "ok", "removed", "failed", "unanswered",
    "acknowledged", "duplicates", "by_platform", "leftovers", "interrupted", "violations",
]  # fmt: skip


def check(report: dict[str, Any]) -> None:
    """Assert what is true of every run."""
    assert list(report) == KEYS
    assert report["sent"] == sum(report[k] for k in ("ok", "removed", "failed", "unanswered"))
    for key in ("ok", "removed", "failed", "acknowledged"):
        assert report[key] > 0, key
        assert report[key] == sum(counts[key] for counts in report["by_platform"].values())
    assert report["unanswered"] == 0
    assert report["duplicates"] == 0
    assert report["leftovers"] == []
    assert report["violations"] == []


def left_in(folder: Path) -> list[str]:
    """Return what a run left in its temporary folder, and workers that still run."""
    workers = [
        str(process.info["pid"])
        for process in psutil.process_iter(["pid", "cmdline"])
        if str(folder) in " ".join(process.info["cmdline"] or [])
    ]
    return [path.name for path in folder.iterdir()] + workers


@pytest.fixture
def folder(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the demo's temporary folder goes."""
    monkeypatch.setenv("TMPDIR", str(short_tmp))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return short_tmp


def test_the_counts_are_whole_and_nothing_stays(folder: Path) -> None:
    done = run("demo", "--headless", "--seconds", "3", "--json", "--seed", "5")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    report = json.loads(done.stdout)
    check(report)
    assert (report["schema"], report["kind"], report["seed"]) == (1, "demo", 5)
    assert report["interrupted"] is False
    assert left_in(folder) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_in_order(folder: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [*COMMAND, "demo", "--headless", "--seconds", "60", "--seed", "5"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    seen: list[str] = []
    while len([line for line in seen if " seen " in line]) < 3:
        seen.append(process.stdout.readline())
        assert seen[-1], process.stderr
    process.send_signal(number)
    rest, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""
    assert "Interrupted after" in rest
    assert "every notification was answered" in rest
    assert rest.endswith("Nothing was left behind.\n")
    assert left_in(folder) == []


def test_killed_without_warning_its_worker_ends_too(folder: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "demo", "--headless", "--seconds", "60"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    while " OK " not in process.stdout.readline():
        assert process.poll() is None
    (worker,) = psutil.Process(process.pid).children()
    process.kill()
    process.communicate()
    worker.wait(30)
    assert not worker.is_running()


@pytest.mark.parametrize(
    ("fault", "raised"), [("dead-token", "removed"), ("invalid-provider-token", "failed")]
)
def test_a_fault_shows_in_the_counts_and_every_push_is_answered(
    folder: Path, fault: str, raised: str
) -> None:
    plain = json.loads(run("demo", "--headless", "--seconds", "4", "--json", "--seed", "7").stdout)
    done = run("demo", "--headless", "--seconds", "4", "--json", "--seed", "7", "--fault", fault)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    check(report)
    assert report[raised] > plain[raised] + 5
    assert left_in(folder) == []


def test_a_short_outage_loses_nothing(folder: Path) -> None:
    arguments = ("demo", "--headless", "--seconds", "4", "--json", "--seed", "7")
    plain = json.loads(run(*arguments).stdout)
    report = json.loads(run(*arguments, "--fault", "upstream-down").stdout)
    check(report)
    assert (report["ok"], report["failed"]) == (plain["ok"], plain["failed"])


def test_slow_upstreams_lose_nothing(folder: Path) -> None:
    done = run("demo", "--headless", "--seconds", "4", "--json", "--fault", "slow")
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout))


def test_the_same_seed_is_the_same_traffic(folder: Path) -> None:
    reports = [
        json.loads(run("demo", "--headless", "--seconds", "1", "--json", "--seed", "9").stdout)
        for _ in range(2)
    ]
    shares = [
        {name: {key: counts[key] for key in ("sent", "removed", "failed")}
         for name, counts in report["by_platform"].items()}
        for report in reports
    ]  # fmt: skip
    assert shares[0] == shares[1]


def test_the_shortest_run_gets_each_kind_of_answer(folder: Path) -> None:
    done = run("demo", "--headless", "--seconds", "0.1", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    check(report)
    assert report["sent"] == 5


def test_a_proxy_in_the_environment_is_not_asked(folder: Path) -> None:
    done = run(
        "demo", "--headless", "--seconds", "1", "--json",
        HTTPS_PROXY="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9",
        MMPUSH_PROXY__LISTEN_ADDRESS="nowhere",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout))


def test_a_reader_that_goes_away_does_not_keep_it_from_ending_in_order(folder: Path) -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*COMMAND, "demo", "--headless", "--seconds", "2"],
        stdout=writing, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(writing)
    os.read(reading, 10)
    os.close(reading)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == ""
    assert left_in(folder) == []
