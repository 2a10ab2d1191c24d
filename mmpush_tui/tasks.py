"""Background tasks that have a name, an owner and an end."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeVar, TypeVarTuple

_CANCEL_AGAIN_S: Final = 5.0

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


async def beside(name: str, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
    """Return what ``work(*arguments)`` returns, run in a thread that nobody waits for.

    For what may never come back, such as a file on a server that is away or a name lookup: the
    event loop's own threads are joined when it ends, whatever deadline was kept until then.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def tell(settle: Callable[[], None]) -> None:
        if not outcome.done():
            settle()

    def run() -> None:
        try:
            result = work(*arguments)
        except Exception as error:  # handed on to whoever waits
            settle: Callable[[], None] = partial(outcome.set_exception, error)
        else:
            settle = partial(outcome.set_result, result)
        # The loop may have ended before the work did.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(tell, settle)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await outcome


class Tasks:
    """Owns background tasks: keeps them referenced, reports their failures, ends them all.

    For tasks that start at any time during their owner's life; where all are known at once an
    ``asyncio.TaskGroup`` is simpler.

    Args:
        on_error: called with the task's name and its exception when a task fails. A task that
            fails unnoticed is a bug that nobody sees, so there is no default.
    """

    def __init__(self, on_error: Callable[[str, BaseException], None]) -> None:
        self._on_error = on_error
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start ``work`` under ``name`` and own it until it ends."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_error(task.get_name(), error)

    def others(self, but: asyncio.Task[Any]) -> set[asyncio.Task[Any]]:
        """Return what runs, without ``but``."""
        return self._running - {but}

    async def join(self, timeout_s: float) -> bool:
        """Wait for all that run, at most ``timeout_s`` seconds; false where some still run."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while self._running and (left := deadline - loop.time()) > 0:
            await asyncio.wait(self._running, timeout=left)
        return not self._running

    async def aclose(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        running = {task for task in self._running if task is not asyncio.current_task()}
        while running:
            for task in running:
                task.cancel()
            # Again, because a task group of Python 3.11 and 3.12 loses a cancellation that comes
            # together with the failure of one of its tasks; late, because tidying up may take its
            # time.
            _, running = await asyncio.wait(running, timeout=_CANCEL_AGAIN_S)
