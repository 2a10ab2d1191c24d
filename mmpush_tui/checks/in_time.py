"""Reading files that may lie on a server that is away, within a time."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from mmpush_tui.errors import DeadlineError
from mmpush_tui.tasks import beside

Result = TypeVar("Result")


async def in_time(work: Callable[[], Result], timeout_s: float) -> Result:
    """Return what reading files comes to.

    Raises:
        DeadlineError: a file does not answer.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await beside("check-files", work)
    except TimeoutError as error:
        raise DeadlineError(
            f"the configuration or a file that it names could not be read within {timeout_s:g} s",
            code="check-file-slow",
        ) from error
