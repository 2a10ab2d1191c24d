"""The desk between console and worker: real workers, started, found, lost, reloaded, stopped."""

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mmpush_tui.console.options import ConsoleOptions
from mmpush_tui.console.worker.desk import Phase, WorkerDesk, WorkerView
from mmpush_tui.watching.client import ControlClient
from tests.console.watching import Hosts, free_port, wait_for, workers_of

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def desk_of(options: ConsoleOptions) -> AsyncIterator[WorkerDesk]:
    bugs: list[str] = []
    desk = WorkerDesk(options, lambda: None, lambda name, error: bugs.append(f"{name}: {error!r}"))
    try:
        yield desk
    finally:
        if desk.view.is_ours:
            await desk.stop()
        await desk.aclose()
        if desk._child is not None:
            # Its end is seen by whoever started it.
            await asyncio.to_thread(desk._child.wait, 10)
    assert bugs == []


async def seen(desk: WorkerDesk, is_true: Callable[[WorkerView], bool]) -> WorkerView:
    await wait_for(lambda: is_true(desk.view))
    return desk.view


def is_running(view: WorkerView) -> bool:
    return view.phase is Phase.RUNNING


async def test_it_starts_a_worker_and_stops_it_again(world: Hosts) -> None:
    async with desk_of(world.options) as desk:
        await desk.start()
        view = await seen(desk, is_running)
        assert view.is_ours
        assert view.listen == f"127.0.0.1:{world.port}"
        assert view.words == f"worker running 127.0.0.1:{world.port}"
        assert view.trouble == ""
        await desk.stop()
        assert desk.view.phase is Phase.NONE
        assert desk.view.words == "no worker"
        assert not desk.view.is_ours
        assert workers_of(world.folder) == []
        with socket.socket() as again:
            again.bind(("127.0.0.1", world.port))


async def test_a_worker_outlives_the_desk_and_the_next_one_finds_it(world: Hosts) -> None:
    first = WorkerDesk(world.options, lambda: None, lambda _name, _error: None)
    await first.start()
    await seen(first, is_running)
    await first.aclose()
    assert len(workers_of(world.folder)) == 1
    async with desk_of(world.options) as desk:
        desk.begin()
        view = await seen(desk, is_running)
        assert not view.is_ours
        assert view.listen == f"127.0.0.1:{world.port}"
        await desk.stop()
        assert desk.view.phase is Phase.NONE
    # It was the first desk's child, which has to see its end.
    child = first._child
    assert child is not None
    assert await asyncio.to_thread(child.wait, 10) == 0


async def test_what_keeps_it_from_starting_is_said_whole(world: Hosts) -> None:
    async with desk_of(world.options) as desk:
        with socket.create_server(("127.0.0.1", world.port)):
            await desk.start()
        view = desk.view
        assert view.phase is Phase.NONE
        assert view.refusal.startswith("The worker did not start: listen address 127.0.0.1:")
        assert "the port is in use by" in view.refusal
        world.config.write_text("[proxy]\nlisten_adress = 1\n")
        await desk.start()
        assert "listen_adress" in desk.view.refusal
        assert "Did you mean listen_address" in desk.view.refusal


async def test_a_start_that_works_takes_the_refusal_away(world: Hosts) -> None:
    async with desk_of(world.options) as desk:
        with socket.create_server(("127.0.0.1", world.port)):
            await desk.start()
        assert desk.view.refusal
        await desk.start()
        view = await seen(desk, is_running)
        assert view.trouble == ""


async def test_without_a_configuration_setup_is_named() -> None:
    async with desk_of(ConsoleOptions()) as desk:
        await desk.start()
        assert desk.view.refusal == "There is no configuration yet. Setup (5) makes one."
        assert desk.view.phase is Phase.NONE


async def test_a_killed_worker_is_missed_and_can_be_started_again(world: Hosts) -> None:
    async with desk_of(world.options) as desk:
        await desk.start()
        await seen(desk, is_running)
        await world.post(3)
        await wait_for(lambda: desk.ring.kept > 3)
        workers_of(world.folder)[0].kill()
        view = await seen(desk, lambda view: view.phase is Phase.LOST)
        assert view.status is None
        assert view.silent_since.count(":") == 2
        assert view.silence.startswith(
            f"The worker on 127.0.0.1:{world.port} is silent since {view.silent_since}: it "
        )
        kept = desk.ring.kept
        await desk.start()
        view = await seen(desk, is_running)
        assert view.is_ours
        assert view.silence == ""
        await wait_for(lambda: desk.ring.kept > kept)


async def test_a_frozen_worker_is_silent_and_comes_back(world: Hosts) -> None:
    async with desk_of(world.options) as desk:
        await desk.start()
        await seen(desk, is_running)
        await world.post(2)
        await wait_for(lambda: desk.ring.kept > 2)
        worker = workers_of(world.folder)[0]
        worker.send_signal(signal.SIGSTOP)
        try:
            await seen(desk, lambda view: view.phase is Phase.LOST)
            # Another one cannot start while the frozen one holds the port.
            await desk.start()
            assert "the port is in use" in desk.view.refusal
            await seen(desk, lambda view: view.phase is Phase.LOST)
        finally:
            worker.send_signal(signal.SIGCONT)
        view = await seen(desk, is_running)
        assert view.is_ours
        assert view.trouble == ""
        events = [event for row in desk.ring for event in row.events()]
        numbers = [event.seq for event in events if event.kind == "delivery"]
        assert len(numbers) == len(set(numbers)), "events were shown twice"


async def test_a_worker_that_others_stop_is_gone_in_order(world: Hosts) -> None:
    async with desk_of(world.options) as desk:
        await desk.start()
        view = await seen(desk, is_running)
        assert view.control is not None
        async with ControlClient(view.control) as client:
            await client.command("stop")
        view = await seen(desk, lambda view: view.phase is Phase.LOST)
        assert f"The worker on 127.0.0.1:{world.port} is silent since" in view.silence


async def test_of_several_workers_one_is_chosen(world: Hosts) -> None:
    def elsewhere(document: dict[str, Any]) -> None:
        document["proxy"]["listen_address"] = f"127.0.0.1:{free_port()}"

    async with desk_of(world.options) as other, desk_of(world.options) as desk:
        await other.start()
        first = (await seen(other, is_running)).control
        other.reconfigure(ConsoleOptions(config=world.change(elsewhere, "second.toml")))
        before = other._child
        await other.start()
        second = (await seen(other, is_running)).control
        assert first != second
        assert first is not None
        assert second is not None
        desk.begin()
        view = await seen(desk, lambda view: len(view.others) == 2)
        assert view.phase is Phase.NONE
        assert view.words == "2 workers run"
        described = await desk.described()
        assert set(described) == {first, second}
        configs = {status.config for status in described.values() if status}
        assert configs == {str(world.config), str(world.folder / "second.toml")}
        desk.attach(first)
        view = await seen(desk, is_running)
        assert view.control == first
        await seen(desk, lambda view: view.others == (second,))
        await desk.stop()
        # The one that is left needs no choosing.
        view = await seen(desk, is_running)
        assert view.control == second
        await desk.stop()
        assert before is not None
        assert await asyncio.to_thread(before.wait, 10) == 0


async def test_a_named_worker_that_is_not_there_is_said(short_tmp: Path) -> None:
    async with desk_of(ConsoleOptions(control=short_tmp / "no.sock")) as desk:
        desk.begin()
        view = await seen(desk, lambda view: view.phase is Phase.LOST)
        assert view.silence == (
            f"The worker at {short_tmp / 'no.sock'} does not answer: No such file or directory."
        )


async def test_reloading_says_what_came_of_it(world: Hosts) -> None:
    good = world.config.read_text()
    async with desk_of(world.options) as desk:
        await desk.start()
        await seen(desk, is_running)
        assert await desk.reload() == "Configuration and credentials were read again."
        world.config.write_text(good.replace("[proxy]", "[proxy]\nthrotle_per_sec = 1"))
        assert await desk.reload() == ""
        assert desk.view.refusal.startswith("Not reloaded, the worker goes on as before: ")
        assert "throttle_per_sec" in desk.view.refusal
        # It stays until it is mended.
        before = desk.view.status
        await seen(desk, lambda view: view.status is not before)
        assert desk.view.refusal
        world.config.write_text(good)
        assert await desk.reload()
        assert desk.view.refusal == ""


async def test_bad_credentials_at_a_reload_keep_the_old_ones_and_are_said(world: Hosts) -> None:
    key = next(world.folder.glob("AuthKey_*.p8"))
    async with desk_of(world.options) as desk:
        await desk.start()
        await seen(desk, is_running)
        key.write_text("not a key at all")
        said = await desk.reload()
        assert "Old credentials stay for apple_rn: the new ones are bad." in (
            said + desk.view.refusal
        )


async def test_what_the_counters_show_is_what_the_worker_says(world: Hosts) -> None:
    async with desk_of(world.options) as desk:
        await desk.start()
        await seen(desk, is_running)
        await world.post(12)
        view = await seen(
            desk, lambda view: view.status is not None and view.status.counts.received == 12
        )
        assert view.status is not None
        assert view.control is not None
        async with ControlClient(view.control) as client:
            counts = (await client.status())["counts"]
        assert view.status.counts.ok == counts["ok"]
        await wait_for(lambda: sum(1 for row in desk.ring if row.event.kind == "delivery") == 12)
        recent = desk.recent.read()
        answered = sum(outlook.all for outlook in recent.values())
        refused_here = sum(not row.event.http and row.event.kind == "delivery" for row in desk.ring)
        assert answered == 12 - refused_here
        failed = sum(kind.count for kind in desk.failures.latest())
        assert failed == counts["failed"]


async def test_the_log_of_a_worker_is_private(world: Hosts) -> None:
    async with desk_of(world.options) as desk:
        await desk.start()
        await seen(desk, is_running)
        log = world.options.worker_log
        assert log.stat().st_mode & 0o777 == 0o600
        lines = log.read_text().splitlines()
        assert lines
        assert all(json.loads(line) for line in lines if line.startswith("{"))
