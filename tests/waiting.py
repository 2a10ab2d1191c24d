"""Waiting for something to become true, with an end."""

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(is_true: Callable[[], Awaitable[bool]], within_s: float = 15.0) -> None:
    """Ask again and again until the answer is yes; fail when the time is up."""
    async with asyncio.timeout(within_s):
        while not await is_true():  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0.02)
