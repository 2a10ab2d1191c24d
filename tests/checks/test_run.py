"""A run as a whole: its order, its end, and that it can be ended."""

import asyncio
import os
import re
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from mmpush_tui.checks.model.report import CheckResult, Stage, to_json
from mmpush_tui.checks.run import run_checks
from mmpush_tui.configuration.config import NetworkSettings
from mmpush_tui.exits import Exit
from mmpush_tui.findings import Severity
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.troubleshooting.catalogue import entries
from tests.checks.peers import (
    NO_NETWORK,
    TIMEOUT_S,
    VERSION,
    apple,
    checked,
    google,
    of,
    push_proxy,
    server,
)
from tests.http2.scripted import ScriptedServer


async def test_results_come_as_they_are_known_and_end_in_order(closed_port: int) -> None:
    seen: list[CheckResult] = []
    began: list[str] = []
    quick_is_known = asyncio.Event()

    def note(check: CheckResult) -> None:
        seen.append(check)
        if check.id == "app:quick":
            quick_is_known.set()

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await quick_is_known.wait()
        writer.write(VERSION)
        writer.close()

    async with (
        server(VERSION) as it,
        await asyncio.start_server(answer_late, "127.0.0.1", 0) as late,
    ):
        late_port = late.sockets[0].getsockname()[1]
        slow = push_proxy(f"http://127.0.0.1:{late_port}", target="slow")
        quick = push_proxy(f"http://{it.address}", target="quick")
        broken = push_proxy(f"http://127.0.0.1:{closed_port}", target="broken")
        report = await checked(slow, quick, broken, on_result=note, on_start=began.append)
    assert {check.id for check in seen} == {check.id for check in report.checks}
    # The slow one is first in the plan and last to be known.
    assert [check.id for check in report.checks][-1] == "app:broken"
    known = [check.id for check in seen]
    assert known.index("app:slow") > known.index("app:quick")
    assert [check.id for check in report.checks] == [
        f"{stage}:{target}"
        for target in ("slow", "quick", "broken")
        for stage in ("dns", "tcp", "app")
    ]
    assert "app:broken" not in began
    assert set(began) == {check.id for check in seen if check.severity is not Severity.SKIP}


async def test_the_report_tells_when_and_how_long() -> None:
    async with server(VERSION) as it:
        report = await checked(push_proxy(f"http://{it.address}"))
    assert report.started_at.endswith("Z")
    assert datetime.fromisoformat(report.started_at).utcoffset() is not None
    assert report.duration_ms > 0
    assert all(0 <= check.ms <= report.duration_ms for check in report.checks)
    document = msgspec.json.decode(to_json(report))
    assert (document["schema"], document["kind"], document["exit_code"]) == (1, "check", 0)


async def test_the_time_for_all_of_it_passes(mute_port: int) -> None:
    report = await checked(push_proxy(f"https://127.0.0.1:{mute_port}"), deadline_s=0.3)
    # On a busy host even what comes before TLS may not be done.
    late = next(check for check in report.checks if check.severity is Severity.FAIL)
    assert late.code == "deadline"
    assert late.message == f"not done ({late.stage}) when the 0.3 s for all checks were over"
    assert late.fix == (
        "Give them longer, as with --timeout 30. What never answers is held up by a firewall."
    )
    assert of(report, Stage.APP).needs == late.id
    assert report.exit_code == Exit.DEADLINE
    assert report.verdict.code == "deadline"
    assert report.verdict.summary == "The checks did not finish in the time they had."


async def test_a_file_that_cannot_be_read_to_its_end_does_not_hold_up_the_run(
    tmp_path: Path,
) -> None:
    pipe = tmp_path / "ca.pem"
    os.mkfifo(pipe)
    report = await checked(apple(ca_file=str(pipe)), deadline_s=0.3)
    assert of(report, Stage.CONFIG).code == "deadline"
    assert report.exit_code == Exit.DEADLINE
    # Lets the thread go that still waits for a writer.
    os.close(os.open(pipe, os.O_WRONLY))


async def test_what_is_known_to_be_broken_counts_more_than_the_time(
    mute_port: int, closed_port: int
) -> None:
    report = await checked(
        push_proxy(f"https://127.0.0.1:{mute_port}", target="slow"),
        push_proxy(f"http://127.0.0.1:{closed_port}", target="broken"),
        deadline_s=0.5,
    )
    assert report.exit_code == Exit.FAILED
    assert report.verdict.check == "tcp:broken"
    late = r"also (\w+):slow: not done \(\1\) when the 0\.5 s for all checks were over"
    assert re.fullmatch(late, report.verdict.why[-1])


async def test_the_book_is_read_before_anything_is_measured(closed_port: int) -> None:
    entries.cache_clear()
    read: list[int] = []
    await checked(
        push_proxy(f"http://127.0.0.1:{closed_port}"),
        on_start=lambda _check: read.append(entries.cache_info().currsize),
    )
    assert set(read) == {1}


@pytest.mark.parametrize("wait_for", ["dns", "tls", "http2", "app"])
async def test_a_run_can_be_cancelled_wherever_it_hangs(
    ca: ThrowAwayCA, mute_port: int, tmp_path: Path, wait_for: str
) -> None:
    async def never(_host: str, _port: int) -> list[object]:
        await asyncio.Event().wait()
        return []

    at = asyncio.Event()

    def started(check: str) -> None:
        if check.startswith(wait_for):
            at.set()

    silent = ScriptedServer(ca, ca.server_context("api.push.apple.com"))
    if wait_for == "http2":
        silent.greeting = ()
    async with silent.running():
        address = f"127.0.0.1:{mute_port if wait_for == 'tls' else silent.port}"
        network = NetworkSettings(
            connect_to={"api.push.apple.com:443": address},
            ca_file=str(ca.write_root(tmp_path / "ca.pem")),
        )
        options = {"lookup": never} if wait_for == "dns" else {}
        async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as group:
            running = group.create_task(
                run_checks([apple()], network=network, on_start=started, **options)  # type: ignore[arg-type] # a lookup that never returns
            )
            await at.wait()
            await asyncio.sleep(0.05)
            running.cancel()
        assert running.cancelled()


async def test_a_stopped_run_reports_what_there_is(mute_port: int) -> None:
    stop = asyncio.Event()

    def take(result: CheckResult) -> None:
        if result.id == "app:quick":
            stop.set()

    async with server(VERSION) as it:
        report = await checked(
            push_proxy(f"http://{it.address}", target="quick"),
            push_proxy(f"https://127.0.0.1:{mute_port}", target="slow"),
            on_result=take,
            stop=stop,
        )
    assert [check.id for check in report.checks if check.about == "quick"] == [
        "dns:quick", "tcp:quick", "app:quick",
    ]  # fmt: skip
    assert "tls:slow" not in {check.id for check in report.checks}
    assert report.exit_code == Exit.INTERRUPTED
    assert report.verdict.severity is Severity.WARN
    assert report.verdict.code == "interrupted"
    assert report.verdict.summary.startswith("The checks were stopped; the ")


async def test_a_run_that_is_stopped_before_it_began() -> None:
    stop = asyncio.Event()
    stop.set()
    report = await run_checks([apple(), google()], network=NO_NETWORK, stop=stop)
    assert report.checks == []
    assert report.verdict.summary == "The checks were stopped; none was done."


async def test_a_run_over_nothing() -> None:
    report = await run_checks([], network=NO_NETWORK)
    assert report.verdict.summary == "Nothing was checked."
    assert report.exit_code == 0


async def test_a_listener_that_fails_is_heard_of(closed_port: int) -> None:
    def fail(_result: CheckResult) -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        await checked(push_proxy(f"http://127.0.0.1:{closed_port}"), on_result=fail)
    assert caught.group_contains(ZeroDivisionError)
