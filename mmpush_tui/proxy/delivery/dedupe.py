"""The same push twice within a short time: sent once, answered twice."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from mmpush_tui.protocol.wire import Answer, fail
from mmpush_tui.proxy.upstream.outcome import TRANSPORT_PREFIX

LIMIT: Final = 50_000
"""Pushes remembered; of more, the oldest are forgotten."""

Key = tuple[str, str, str, str, str]
"""Server, platform, device, ack id, type."""


class _First(NamedTuple):
    until: float
    answer: "Answer | asyncio.Future[Answer]"


class Dedupe:
    """Remembers the answers to pushes.

    A refusal is not remembered: whoever posts a push again after one wants it tried again.

    Args:
        seconds: for how long.
        clock: seconds, monotonic.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._firsts: dict[Key, _First] = {}

    def find(self, key: Key) -> "Answer | asyncio.Future[Answer] | None":
        """Return the answer, or what will be one, to the same push; None where it is new."""
        now = self._clock()
        while self._firsts:
            oldest = next(iter(self._firsts))
            if self._firsts[oldest].until > now and len(self._firsts) <= LIMIT:
                break
            del self._firsts[oldest]
        first = self._firsts.get(key)
        return first.answer if first is not None else None

    @contextmanager
    def first(self, key: Key) -> Iterator[Callable[[Answer], None]]:
        """Announce a push; the block must call what it is given with the answer."""
        coming: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._firsts[key] = _First(self._clock() + self._seconds, coming)
        try:
            yield coming.set_result
        finally:
            if not coming.done():
                coming.set_result(fail(f"{TRANSPORT_PREFIX}: the push proxy was stopped"))
            answer = coming.result()
            if answer.status == "FAIL":
                self._firsts.pop(key, None)
            elif (first := self._firsts.get(key)) is not None:
                self._firsts[key] = _First(first.until, answer)
