import asyncio
import threading
from typing import Any

import pytest

from mmpush_tui import tasks as module
from mmpush_tui.tasks import Tasks, beside


class Failures(list[tuple[str, BaseException]]):
    def __call__(self, name: str, error: BaseException) -> None:
        self.append((name, error))


async def forever(started: asyncio.Event, ended: list[str] | None = None) -> None:
    started.set()
    try:
        await asyncio.Event().wait()
    finally:
        if ended is not None:
            await asyncio.sleep(0)
            ended.append("ended")


async def test_work_beside_the_loop_gives_back_what_it_returns_or_raises() -> None:
    assert await beside("sum", max, 3, 4) == 4
    with pytest.raises(ZeroDivisionError):
        await beside("divide", divmod, 1, 0)


async def test_work_beside_the_loop_that_never_ends_holds_nobody() -> None:
    released = threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await beside("stuck", released.wait, 30)
    released.set()


async def test_runs_what_it_is_given() -> None:
    failures = Failures()
    tasks = Tasks(failures)

    async def answer() -> int:
        return 42

    task = tasks.spawn("answer", answer())
    assert task.get_name() == "answer"
    assert len(tasks) == 1
    assert await task == 42
    await asyncio.sleep(0)
    assert len(tasks) == 0
    assert failures == []


async def test_keeps_a_task_that_nobody_else_holds() -> None:
    tasks = Tasks(Failures())
    started = asyncio.Event()
    tasks.spawn("held", forever(started))
    await started.wait()
    assert len(tasks) == 1
    await tasks.aclose()


async def test_reports_a_failure_with_the_name_of_its_task() -> None:
    failures = Failures()
    tasks = Tasks(failures)
    broken = ValueError("broken")

    async def fail() -> None:
        raise broken

    task = tasks.spawn("reader", fail())
    with pytest.raises(ValueError, match="broken"):
        await task
    await asyncio.sleep(0)
    assert failures == [("reader", broken)]
    assert len(tasks) == 0


async def test_one_failure_leaves_the_others_running() -> None:
    failures = Failures()
    tasks = Tasks(failures)
    started = asyncio.Event()

    async def fail() -> None:
        raise ValueError

    other = tasks.spawn("other", forever(started))
    await asyncio.wait([tasks.spawn("broken", fail())])
    await started.wait()
    assert not other.done()
    assert [name for name, _ in failures] == ["broken"]
    await tasks.aclose()


async def test_closing_cancels_all_and_waits_until_they_ended() -> None:
    failures = Failures()
    tasks = Tasks(failures)
    ended: list[str] = []
    running = []
    for name in ("one", "two"):
        started = asyncio.Event()
        running.append(tasks.spawn(name, forever(started, ended)))
        await started.wait()
    await tasks.aclose()
    assert ended == ["ended", "ended"]
    assert all(task.cancelled() for task in running)
    assert len(tasks) == 0
    assert failures == []


async def test_a_cancelled_task_is_no_failure() -> None:
    failures = Failures()
    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    tasks = Tasks(failures)
    started = asyncio.Event()
    task = tasks.spawn("reader", forever(started))
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert failures == []
    assert complaints == []
    assert len(tasks) == 0


async def test_a_failure_while_closing_is_reported() -> None:
    failures = Failures()
    tasks = Tasks(failures)
    started = asyncio.Event()

    async def fail_at_the_end() -> None:
        try:
            await forever(started)
        finally:
            raise ValueError("at the end")

    tasks.spawn("reader", fail_at_the_end())
    await started.wait()
    await tasks.aclose()
    assert [(name, str(error)) for name, error in failures] == [("reader", "at the end")]


async def test_closing_from_within_a_task_spares_that_task() -> None:
    tasks = Tasks(Failures())
    started = asyncio.Event()
    other = tasks.spawn("other", forever(started))
    await started.wait()

    async def close() -> str:
        await tasks.aclose()
        return "closed"

    assert await tasks.spawn("closer", close()) == "closed"
    assert other.cancelled()


async def test_closing_with_nothing_running_is_fine() -> None:
    tasks = Tasks(Failures())
    await tasks.aclose()
    await tasks.aclose()
    assert len(tasks) == 0


async def test_joining_waits_for_all_also_those_begun_meanwhile() -> None:
    tasks = Tasks(Failures())
    ended: list[str] = []

    async def late() -> None:
        await asyncio.sleep(0)
        ended.append("late")

    async def early() -> None:
        await asyncio.sleep(0)
        tasks.spawn("late", late())
        ended.append("early")

    tasks.spawn("early", early())
    assert await tasks.join(30)
    assert ended == ["early", "late"]
    assert await tasks.join(0)


async def test_joining_ends_when_its_time_is_up() -> None:
    tasks = Tasks(Failures())
    started = asyncio.Event()
    task = tasks.spawn("reader", forever(started))
    await started.wait()
    assert not await tasks.join(0.01)
    assert not task.done()
    await tasks.aclose()
    assert await tasks.join(0)


async def test_names_the_others() -> None:
    tasks = Tasks(Failures())
    one, two = (tasks.spawn(name, forever(asyncio.Event())) for name in ("one", "two"))
    assert tasks.others(one) == {two}
    assert tasks.others(two) == {one}
    await tasks.aclose()
    assert tasks.others(one) == set()


async def test_a_cancellation_that_a_task_loses_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_CANCEL_AGAIN_S", 0.05)
    tasks = Tasks(lambda name, error: None)
    lost: list[str] = []

    async def loses_the_first() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.append("once")
        await asyncio.Event().wait()

    tasks.spawn("deaf", loses_the_first())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await tasks.aclose()
    assert (lost, len(tasks)) == (["once"], 0)
