"""What the delivery log shows: one row for each delivery, alarm, gap and state, and a view of it.

Pure. All text is cleaned and shortened on its way in, so a row can be drawn as it is, and its
size does not depend on what a sender wrote. A delivery with arrival, request, answer and receipt
takes about 1.4 KB, an alarm 0.5 KB.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final

import msgspec

from mmpush_tui.protocol.event import Event
from mmpush_tui.text import clean
from mmpush_tui.watching.filters import Matcher

CAPACITY: Final = 10_000
TEXT_LIMIT: Final = 500
"""Characters kept of any text of an event."""

_STAGES: Final = 8
_COMMON_TEXTS: Final = 4096
_TIMES: Final = ("total", "upstream", "device")
_NO_TIMES: Final[dict[str, float]] = {}


class DeliveryStage(msgspec.Struct, frozen=True, gc=False):
    """What an ``arrived`` or ``sent`` event says beyond the answer that follows."""

    seq: int
    at: str
    stream: int | None
    """None for arrived."""


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What the phone's receipt says."""

    seq: int
    at: str
    ms: float


class LogRow(msgspec.Struct, eq=False):
    """One line of the log.

    Attributes:
        number: rows count from 1 and keep their number.
        event: the answer of a delivery, or an alarm, a gap, a state, a receipt alone; clean.
        stages: of a delivery, what came before.
        receipt: of a delivery, what may come at any time; changes in place.
    """

    number: int
    event: Event
    stages: tuple[DeliveryStage, ...] = ()
    receipt: Receipt | None = None

    @property
    def is_failure(self) -> bool:
        """Whether it is a delivery that Mattermost was told had failed."""
        return self.event.kind == "delivery" and self.event.status == "FAIL"

    @property
    def seen_ms(self) -> float | None:
        """Milliseconds until the phone's receipt; None where none came."""
        return self.receipt.ms if self.receipt else None

    def events(self) -> list[Event]:
        """Return every event of the delivery that is known, for its journey."""
        event = self.event
        events = [
            msgspec.structs.replace(
                event, seq=stage.seq, at=stage.at, stream=stage.stream or 0,
                phase="arrived" if stage.stream is None else "sent",
                status="", reason="", message="", http=0, tries=0, upstream_id="", ms={},
            )
            for stage in self.stages
        ]  # fmt: skip
        events.append(event)
        if self.receipt is not None:
            events.append(
                Event(
                    v=event.v, run=event.run, seq=self.receipt.seq, at=self.receipt.at,
                    kind="ack", id=event.id, target=event.target, type=event.type,
                    platform=event.platform, status="received", ms={"device": self.receipt.ms},
                )
            )  # fmt: skip
        return events


class _Open(msgspec.Struct):
    """A delivery that has not been answered yet."""

    stages: list[DeliveryStage]
    receipt: Receipt | None = None


class LogRing:
    """Takes events, keeps the newest rows, and a view of those that pass a filter.

    Args:
        capacity: rows kept.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.newest = 0
        """Number of the newest row; 0 before the first."""
        self.revision = 0
        """Grows with every change that can be seen."""
        self._rows: deque[LogRow] = deque()
        self._view: deque[LogRow] = self._rows
        self._failures: deque[LogRow] = deque()
        self._matcher: Matcher | None = None
        self._by_id: dict[str, LogRow] = {}
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._common: dict[str, str] = {}
        """Texts of events, as they are kept: equal ones once."""
        self._run = ""

    def __len__(self) -> int:
        """Return the number of rows in the view."""
        return len(self._view)

    def __getitem__(self, index: int) -> LogRow:
        """Return the row at a place of the view, 0 first."""
        return self._view[index]

    def __iter__(self) -> Iterator[LogRow]:
        return iter(self._view)

    @property
    def kept(self) -> int:
        """Rows kept, whether they pass the filter or not."""
        return len(self._rows)

    def add(self, event: Event) -> None:
        """Take one event, each once and in the order of their numbers."""
        if event.run != self._run:
            # What was under way in another run will never be answered.
            self._open.clear()
            self._run = event.run
        match event.kind:
            case "delivery":
                self._take_delivery(event)
            case "ack":
                self._take_receipt(event)
            case "state" if event.status == "alive":
                pass
            case _:
                self._append(event)

    def set_filter(self, matcher: Matcher | None) -> None:
        """Let only rows into the view that ``matcher`` lets pass; gaps always do."""
        self._matcher = matcher
        if matcher is None:
            self._view = self._rows
        else:
            self._view = deque(row for row in self._rows if self._passes(row.event))
        self._failures = deque(row for row in self._view if row.is_failure)
        self.revision += 1

    def clear(self) -> None:
        """Forget every row and what is under way; numbers and filter go on."""
        self._rows.clear()
        self._view.clear()
        self._failures.clear()
        self._by_id.clear()
        self._open.clear()
        self.revision += 1

    def position(self, number: int) -> int:
        """Return the place in the view of the first row with this number or a higher one."""
        return bisect_left(self._view, number, key=_number)

    def since(self, number: int) -> tuple[int, int]:
        """Return how many rows of the view are newer than ``number``, and how many failed."""
        return (
            len(self._view) - bisect_right(self._view, number, key=_number),
            len(self._failures) - bisect_right(self._failures, number, key=_number),
        )

    def next_failure(self, number: int) -> LogRow | None:
        """Return the first failed delivery of the view behind row ``number``."""
        index = bisect_right(self._failures, number, key=_number)
        return self._failures[index] if index < len(self._failures) else None

    def previous_failure(self, number: int) -> LogRow | None:
        """Return the last failed delivery of the view before row ``number``."""
        index = bisect_left(self._failures, number, key=_number)
        return self._failures[index - 1] if index else None

    def _take_delivery(self, event: Event) -> None:
        id_ = _fit(event.id)
        if event.phase == "answered":
            before = self._open.pop(id_, None) or _Open([])
            self._by_id[id_] = self._append(event, tuple(before.stages), before.receipt)
            return
        under_way = self._open.setdefault(id_, _Open([]))
        stream = event.stream if event.phase == "sent" else None
        if len(under_way.stages) < _STAGES:
            under_way.stages.append(DeliveryStage(event.seq, _fit(event.at), stream))
        if len(self._open) > self.capacity:
            self._open.popitem(last=False)

    def _take_receipt(self, event: Event) -> None:
        id_ = _fit(event.id)
        # A receipt without an id is of a push that this worker does not know.
        delivery = (self._by_id.get(id_) or self._open.get(id_)) if event.id else None
        if delivery is None:
            self._append(event)
        elif delivery.receipt is None:
            delivery.receipt = Receipt(event.seq, _fit(event.at), event.ms.get("device", 0.0))
            self.revision += isinstance(delivery, LogRow)

    def _append(
        self, event: Event, stages: tuple[DeliveryStage, ...] = (), receipt: Receipt | None = None
    ) -> LogRow:
        self.newest += 1
        row = LogRow(self.newest, self._fitted(event), stages, receipt)
        self._rows.append(row)
        if self._passes(row.event):
            if self._view is not self._rows:
                self._view.append(row)
            if row.is_failure:
                self._failures.append(row)
        if len(self._rows) > self.capacity:
            self._trim()
        self.revision += 1
        return row

    def _trim(self) -> None:
        row = self._rows.popleft()
        if self._by_id.get(row.event.id) is row:
            del self._by_id[row.event.id]
        for part in (self._view, self._failures):
            if part and part[0] is row:
                part.popleft()

    def _passes(self, event: Event) -> bool:
        # What was lost must be seen whatever is looked for.
        return self._matcher is None or event.kind == "gap" or self._matcher(event)

    def _fitted(self, event: Event) -> Event:
        """Return ``event`` with clean, short texts."""
        common = self._shared
        ms = event.ms
        return Event(
            v=event.v, run=common(event.run), seq=event.seq, at=_fit(event.at), kind=event.kind,
            id=_fit(event.id), target=common(event.target), phase=event.phase,
            status=common(event.status), reason=common(event.reason),
            ms={name: ms[name] for name in _TIMES if name in ms} if ms else _NO_TIMES,
            tries=event.tries, message=common(event.message), type=common(event.type),
            platform=common(event.platform), device=_fit(event.device), http=event.http,
            upstream_id=_fit(event.upstream_id), bytes=event.bytes, stream=event.stream,
        )  # fmt: skip

    def _shared(self, text: str) -> str:
        if (fitted := self._common.get(text)) is None:
            if len(self._common) >= _COMMON_TEXTS:
                self._common.clear()
            fitted = _fit(text)
            if len(text) <= TEXT_LIMIT:
                self._common[text] = fitted
        return fitted


def _fit(text: str) -> str:
    # Nearly all texts are as they should be; looking is much cheaper than cleaning.
    if len(text) <= TEXT_LIMIT and text.isascii() and text.isprintable():
        return text
    return clean(text, TEXT_LIMIT)


def _number(row: LogRow) -> int:
    return row.number
