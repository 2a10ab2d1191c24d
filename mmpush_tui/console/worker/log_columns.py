"""A row of the log as columns of cells, for narrow, usual and wide terminals."""

from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from mmpush_tui.console.worker.log_ring import LogRow
from mmpush_tui.watching.lines import Cells, cells, clock, notice

WIDE_FROM: Final = 100
NARROW_BELOW: Final = 70


class Piece(NamedTuple):
    """A part of a line that is drawn in one style.

    Attributes:
        text: clean.
        kind: ``time``, ``fail``, ``remove``, ``alarm``, or empty for the usual style.
    """

    text: str
    kind: str = ""


class _Column(NamedTuple):
    name: str
    width: int
    """0 for all that is left."""


_NARROW: Final = (
    _Column("time", 8), _Column("platform", 10), _Column("answer", 6), _Column("reason", 0),
)  # fmt: skip
_HEAD: Final = (
    _Column("time", 12), _Column("platform", 10), _Column("answer", 6), _Column("ms", 6),
    _Column("type", 12), _Column("device", 8),
)  # fmt: skip
_USUAL: Final = (*_HEAD, _Column("reason", 0))
_WIDE: Final = (*_HEAD, _Column("reason", 22), _Column("detail", 0))
_NAMES: Final = Cells(*Cells._fields)
_KINDS: Final = {"FAIL": "fail", "REMOVE": "remove", "ALARM": "alarm"}
_NOTICE_WORD: Final = 7


def header(width: int) -> str:
    """Return the head of the columns of a log that is ``width`` cells wide."""
    return fitted(" " + " ".join(_texts(_NAMES, width - 1)), width)


def pieces(row: LogRow, width: int) -> list[Piece]:
    """Return the parts of a row's line, ``width`` cells together."""
    row_cells = cells(row.event, row.seen_ms)
    if row_cells is None:
        return _notice(row, width)
    time, platform, answer, *others = _texts(row_cells, width)
    opening = Piece(f"{time} ", "time")
    rest = " ".join(others)
    if kind := _KINDS.get(row_cells.answer, ""):
        return [opening, Piece(f"{platform} "), Piece(answer, kind), Piece(f" {rest}")]
    return [opening, Piece(f"{platform} {answer} {rest}")]


def fitted(text: str, width: int) -> str:
    """Return ``text`` cut or filled up to exactly ``width`` cells."""
    if cell_len(text) > width:
        text = f"{set_cell_size(text, width - 1)}…" if width > 0 else ""
    return set_cell_size(text, width)


def _texts(row: Cells, width: int) -> list[str]:
    columns = _NARROW if width < NARROW_BELOW else _USUAL if width < WIDE_FROM else _WIDE
    taken = sum(column.width + 1 for column in columns if column.width)
    return [_text(row, column, width - taken) for column in columns]


def _text(row: Cells, column: _Column, room: int) -> str:
    text = str(getattr(row, column.name))
    if column.name == "ms":
        return f"{fitted(text, column.width).strip():>{column.width}}"
    if column.name == "time":
        # A narrow line has no room for milliseconds; that is no cut to be marked.
        return set_cell_size(text, column.width)
    return fitted(text, column.width or max(room, 0))


def _notice(row: LogRow, width: int) -> list[Piece]:
    time_width = 8 if width < NARROW_BELOW else 12
    # What has no words is the receipt of a push that the worker does not know.
    unknown = f"{row.event.platform} a push that this worker did not send, or long ago"
    word, text = notice(row.event) or ("seen", unknown)
    room = width - time_width - _NOTICE_WORD - 2
    return [
        Piece(f"{set_cell_size(clock(row.event.at), time_width)} ", "time"),
        Piece(fitted(word, _NOTICE_WORD), _KINDS.get(word, "")),
        Piece(f" {fitted(text, max(room, 0))}"),
    ]
