"""Waiting for something to become true, with an end."""

import asyncio
import inspect
from collections.abc import Callable


async def eventually(is_true: Callable[[], object], within_s: float = 15.0) -> None:
    """Ask again and again until the answer is yes; fail when the time is up.

    Args:
        is_true: for what nothing announces: a state of ours, or what another process did. What it
            returns is awaited where it can be.
        within_s: seconds until the wait fails with ``TimeoutError``.
    """
    async with asyncio.timeout(within_s):
        while not await _answer(is_true()):  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.005)


async def _answer(asked: object) -> object:
    return await asked if inspect.isawaitable(asked) else asked
