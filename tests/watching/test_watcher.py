"""Watching a worker through everything that can happen to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import httpx
import pytest

from mmpush_tui.protocol.event import Event
from mmpush_tui.protocol.status import Status
from mmpush_tui.proxy import control
from mmpush_tui.proxy.delivery.deliveries import Deliveries
from mmpush_tui.proxy.delivery.push_access import PushAccess
from mmpush_tui.proxy.door import listen
from mmpush_tui.proxy.door.http1 import Reply
from mmpush_tui.proxy.door.server import HttpServer
from mmpush_tui.proxy.events import EventBus
from mmpush_tui.proxy.targets import Targets
from mmpush_tui.simulator.credentials import TOPIC
from mmpush_tui.tasks import Tasks
from mmpush_tui.watching.process import WorkerProcess
from mmpush_tui.watching.watcher import Watcher
from tests.proxy.rehearsal import rehearsal
from tests.proxy.settings import default_config
from tests.waiting import eventually


class Screen:
    """Who watches: keeps all it is told."""

    def __init__(self) -> None:
        self.batches: list[list[Event]] = []
        self.live: list[bool] = []
        self.statuses: list[Status] = []
        self.problems: list[str] = []
        self.watcher: Watcher | None = None

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch]

    def seqs(self, run: str) -> list[int]:
        return [event.seq for event in self.events if event.run == run and event.kind != "gap"]

    @property
    def gaps(self) -> list[str]:
        return [event.status for event in self.events if event.kind == "gap"]

    def take_events(self, events: Sequence[Event]) -> None:
        assert self.watcher is not None
        self.batches.append(list(events))
        self.live.append(self.watcher.is_live)

    def take_status(self, status: Status | None, problem: str) -> None:
        assert (status is None) == bool(problem)
        if status is None:
            self.problems.append(problem)
        else:
            self.statuses.append(status)

    async def until(self, is_true: Callable[[], bool]) -> None:
        async def ask() -> bool:
            return is_true()

        await eventually(ask)


@contextlib.asynccontextmanager
async def watching(path: Path) -> AsyncIterator[Screen]:
    """Watch ``path``; the watcher must never end by itself."""
    failures: list[BaseException] = []
    tasks = Tasks(lambda _name, error: failures.append(error))
    screen = Screen()
    screen.watcher = Watcher(
        path, screen.take_events, screen.take_status, poll_every_s=0.02, retry_after_s=(0.02, 0.05)
    )
    tasks.spawn("watch", screen.watcher.run())
    try:
        yield screen
    finally:
        await tasks.aclose()
    assert failures == []


class Bench:
    """A bus and a status behind a real control socket, without the pushes."""

    def __init__(self, path: Path, ring: int = 10_000) -> None:
        self.bus = EventBus(ring)
        self.path = path
        self.extra: dict[str, object] = {}
        # Nothing here posts a push.
        config = default_config()
        self.deliveries = Deliveries(Targets(), self.bus, config, PushAccess(config), print)
        self._server: HttpServer | None = None
        self._tasks = Tasks(lambda _name, _error: None)

    def status(self) -> dict[str, object]:
        return {"run": self.bus.run, "seq": self.bus.seq, "state": "running"} | self.extra

    async def reload(self) -> dict[str, object]:
        return {}

    def drain(self) -> None:
        self.bus.publish("state", status="draining")

    def stop(self) -> None:
        self.drain()

    def publish(self, count: int) -> None:
        for _ in range(count):
            self.bus.publish("delivery", phase="answered", status="OK")

    async def __aenter__(self) -> "Bench":
        self._server = HttpServer(control.make_app(self), listen.bind_unix(self.path, 0o600), print)
        self._tasks.spawn("serve", self._server.serve(2))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self.bus.close()
        self._server.drain()
        await self._tasks.join(10)
        await self._server.aclose()


async def test_what_the_worker_has_kept_comes_first_then_each_new_event_once(
    short_tmp: Path,
) -> None:
    async with Bench(short_tmp / "c") as bench:
        bench.publish(700)
        async with watching(bench.path) as screen:
            await screen.until(lambda: len(screen.events) == 700)
            assert not any(screen.live)
            bench.publish(5)
            await screen.until(lambda: len(screen.events) == 705)
            assert screen.live[-1]
    assert screen.seqs(bench.bus.run) == list(range(1, 706))
    assert screen.gaps == []
    assert screen.problems == []


async def test_many_events_come_in_few_batches_and_none_is_empty(short_tmp: Path) -> None:
    async with Bench(short_tmp / "c") as bench:
        bench.publish(5000)
        async with watching(bench.path) as screen:
            await screen.until(lambda: len(screen.events) == 5000)
    assert len(screen.batches) < 500
    assert all(screen.batches)


async def test_events_that_the_ring_has_lost_are_told_as_a_gap(short_tmp: Path) -> None:
    async with Bench(short_tmp / "c", ring=10) as bench:
        bench.publish(25)
        async with watching(bench.path) as screen:
            await screen.until(lambda: len(screen.events) == 11)
    assert screen.gaps == ["15"]
    assert screen.seqs(bench.bus.run) == list(range(16, 26))


async def test_another_run_on_the_same_socket_begins_with_a_gap_and_all_it_has(
    short_tmp: Path,
) -> None:
    path = short_tmp / "c"
    async with watching(path) as screen:
        async with Bench(path) as first:
            first.publish(3)
            await screen.until(lambda: len(screen.events) == 3)
        ended = f"the worker at {path} has ended. Its log says why; `mmpush-tui serve` starts one."
        # That it does not answer either says less, however often that is found out.
        await screen.until(lambda: screen.problems[-3:] == [ended] * 3)
        async with Bench(path) as second:
            second.publish(2)
            await screen.until(lambda: len(screen.events) == 6)
    assert screen.seqs(first.bus.run) == [1, 2, 3]
    assert screen.gaps == ["unknown"]
    assert screen.seqs(second.bus.run) == [1, 2]
    assert {status.run for status in screen.statuses} == {first.bus.run, second.bus.run}


async def test_a_worker_that_replaces_one_whose_connection_still_stands_is_noticed(
    short_tmp: Path,
) -> None:
    path = short_tmp / "c"
    async with Bench(path) as bench, watching(path) as screen:
        bench.publish(2)
        await screen.until(lambda: len(screen.events) == 2)
        bench.extra = {"run": "another", "seq": 0}
        await screen.until(lambda: bool(screen.problems))
        assert screen.problems[0] == f"another worker listens on {path} now."
        bench.extra = {}
        bench.publish(1)
        await screen.until(lambda: len(screen.events) == 3)
    assert screen.seqs(bench.bus.run) == [1, 2, 3]


async def test_without_a_socket_it_says_so_and_goes_on_trying(short_tmp: Path) -> None:
    path = short_tmp / "c"
    async with watching(path) as screen:
        await screen.until(lambda: len(screen.problems) >= 3)
        assert screen.problems[0].startswith(f"the worker at {path} does not answer: ")
        assert screen.problems[0].endswith(". Is it running? mmpush-tui serve starts one.")
        async with Bench(path) as bench:
            bench.publish(1)
            await screen.until(lambda: len(screen.events) == 1)


async def test_a_removed_socket_file_does_not_end_what_is_connected(short_tmp: Path) -> None:
    async with Bench(short_tmp / "c") as bench, watching(bench.path) as screen:
        bench.publish(1)
        await screen.until(lambda: len(screen.statuses) > 1)
        hidden = bench.path.rename(short_tmp / "hidden")
        bench.publish(1)
        told = len(screen.statuses)
        await screen.until(lambda: len(screen.events) == 2 and len(screen.statuses) > told)
        hidden.rename(bench.path)
    assert screen.problems == []


async def test_a_status_that_fails_again_and_again_is_told_while_events_go_on(
    short_tmp: Path,
) -> None:
    async with Bench(short_tmp / "c") as bench, watching(bench.path) as screen:
        await screen.until(lambda: bool(screen.statuses))
        bench.extra = {"run": 5}
        await screen.until(lambda: bool(screen.problems))
        bench.publish(1)
        await screen.until(lambda: len(screen.events) == 1)
        bench.extra = {}
        told = len(screen.statuses)
        await screen.until(lambda: len(screen.statuses) > told)
    assert set(screen.problems) == {f"what listens on {bench.path} is no worker of mmpush-tui."}


async def test_what_came_last_is_handed_over_although_the_worker_ends(short_tmp: Path) -> None:
    async with watching(short_tmp / "c") as screen:
        async with Bench(short_tmp / "c") as bench:
            bench.publish(1)
            await screen.until(lambda: bool(screen.events))
            bench.publish(3)
        await screen.until(lambda: any("has ended" in problem for problem in screen.problems))
        assert screen.seqs(bench.bus.run) == [1, 2, 3, 4]


async def test_status_is_typed_and_unknown_fields_are_passed_over(short_tmp: Path) -> None:
    async with Bench(short_tmp / "c") as bench:
        bench.extra = {
            "schema": 1, "kind": "status", "listen": "http://127.0.0.1:8086", "config": "/etc/x",
            "product": "mmpush-tui 1", "pid": 7, "uptime_s": 3, "in_flight": 2, "from_later": {},
            "counts": {"received": 5, "ok": 3, "from_later": 1},
            "targets": [
                {"type": "apple_rn", "platform": "apple", "state": "ready", "connected": True,
                 "endpoint": "h:1", "counts": {"ok": 3}},
                {"type": "android_rn", "platform": "android", "state": "disabled", "reason": "no"},
            ],
        }  # fmt: skip
        async with watching(bench.path) as screen:
            await screen.until(lambda: bool(screen.statuses))
    status = screen.statuses[0]
    assert (status.listen, status.config, status.pid) == ("http://127.0.0.1:8086", "/etc/x", 7)
    assert (status.uptime_s, status.in_flight) == (3.0, 2)
    assert (status.counts.received, status.counts.ok, status.counts.failed) == (5, 3, 0)
    ready, disabled = status.targets
    assert (ready.type, ready.connected, ready.counts.ok) == ("apple_rn", True, 3)
    assert (disabled.state, disabled.reason, disabled.counts.ok) == ("disabled", "no", 0)


@pytest.mark.parametrize("body", [b'{"run":5}', b"[]", b"<html>"])
async def test_what_is_no_worker_is_named_so(short_tmp: Path, body: bytes) -> None:
    path = short_tmp / "c"
    server = HttpServer(lambda _request: Reply(200, body), listen.bind_unix(path, 0o600), print)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve(2))
        async with watching(path) as screen:
            await screen.until(lambda: bool(screen.problems))
        server.drain()
    await server.aclose()
    assert screen.problems[0] == f"what listens on {path} is no worker of mmpush-tui."


@pytest.mark.slow
async def test_a_worker_process_is_followed_through_stop_and_start(short_tmp: Path) -> None:
    async with rehearsal(short_tmp) as stage, watching(stage.worker.control) as screen:
        await screen.until(lambda: bool(screen.statuses))
        assert screen.statuses[0].state == "running"
        await stage.push(stage.world.phones.add_apple(TOPIC))
        await screen.until(lambda: any(event.kind == "ack" for event in screen.events))
        first = screen.statuses[0].run
        await stage.worker.stop()
        await screen.until(lambda: any("has ended" in problem for problem in screen.problems))
        states = [event.status for event in screen.events if event.kind == "state"]
        assert states == ["running", "draining", "drained"]
        again = await WorkerProcess.start(
            stage.world.config, stage.worker.control, short_tmp / "again.log", ends_with_us=True
        )
        try:
            await screen.until(lambda: screen.statuses[-1].run != first)
            async with httpx.AsyncClient(trust_env=False) as http:
                await http.post(f"{again.url}/api/v1/send_push", content=b"{}")
            await screen.until(lambda: screen.events[-1].reason == "bad_request")
            await again.kill()
            await screen.until(lambda: "does not answer" in screen.problems[-1])
        finally:
            await again.stop()
    seqs = screen.seqs(first)
    assert seqs == list(range(1, len(seqs) + 1))
    assert screen.gaps == ["unknown"]
    assert screen.statuses[-1].targets[0].type == "apple_rn"


@pytest.mark.slow
async def test_a_killed_worker_is_lost_in_words(short_tmp: Path) -> None:
    async with rehearsal(short_tmp) as stage, watching(stage.worker.control) as screen:
        await screen.until(lambda: bool(screen.statuses))
        await stage.worker.kill()
        await screen.until(lambda: bool(screen.problems))
    assert screen.problems[0].startswith(f"the worker at {stage.worker.control} does not answer")
