"""The picture of the chain as rows of text: across on a wide screen, downwards on a narrow one."""

from typing import Final

from mmpush_tui.console.overview.hops import Chain, HopView
from mmpush_tui.console.overview.path import State
from mmpush_tui.console.safe import Part
from mmpush_tui.console.widgets.frame import MARKS
from mmpush_tui.text import clip

_ACROSS_FROM: Final = 68
_WIDEST: Final = 30
"""Cells of a column at most: longer arrows say no more."""


def picture_rows(chain: Chain, width: int) -> list[tuple[Part, ...]]:
    """Return the picture in lines of at most ``width`` cells."""
    if width < _ACROSS_FROM:
        return _downwards(chain, width)
    return _across(chain, min(width // 4, _WIDEST))


def _downwards(chain: Chain, width: int) -> list[tuple[Part, ...]]:
    rows = [_line(chain.mattermost, width), _line(chain.proxy, width)]
    for branch in chain.branches:
        rows += [_line(branch.vendor, width), _line(branch.phones, width, "  ")]
    return rows


def _line(hop: HopView, width: int, indent: str = "") -> tuple[Part, ...]:
    word, style = MARKS[hop.state]
    name = f"{indent}{hop.name}"
    room = max(width - 6 - 15, 0)
    # What is wrong says more than where.
    is_bad = hop.state in (State.WARN, State.FAIL)
    facts = tuple(reversed(hop.facts)) if is_bad else hop.facts
    both = "  ".join(facts)
    text = both if len(both) <= room else clip(facts[0], room)
    return ((f" {word:<5}", style), (f"{name:<14} ", "bold"), (text, "$quiet"))


def _across(chain: Chain, width: int) -> list[tuple[Part, ...]]:
    """Return for each branch a line of names, one of states, one of facts."""
    rows: list[tuple[Part, ...]] = []
    for number, branch in enumerate(chain.branches):
        before = [None, None] if number else [chain.mattermost, chain.proxy]
        hops = [*before, branch.vendor, branch.phones]
        names = [part for index, hop in enumerate(hops) for part in _name(hop, width, index)]
        rows.append(tuple(names))
        rows.append(tuple(_state(hop, width) for hop in hops))
        facts = (clip(_fact(hop, 1), width - 1).ljust(width) for hop in hops)
        rows.append(tuple((fact, "$quiet") for fact in facts))
    return rows


def _name(hop: HopView | None, width: int, index: int) -> list[Part]:
    """Return a hop's name and the arrow to the next one."""
    if hop is None:
        # Under the proxy the way to the next vendor begins.
        return [(" " * (width // 2) + "└" + _dashes(width - width // 2 - 1), "$quiet")] if (
            index == 1
        ) else [" " * width]  # fmt: skip
    name = clip(hop.name, width - 1)
    if index == 3:
        return [(name.ljust(width), "bold")]
    return [(name, "bold"), (f" {_dashes(width - len(name) - 1)}", "$quiet")]


def _dashes(room: int) -> str:
    return f"{'─' * (room - 2)}> " if room >= 4 else " " * room


def _state(hop: HopView | None, width: int) -> Part:
    if hop is None:
        return " " * width
    word, style = MARKS[hop.state]
    return (clip(f"{word}  {_fact(hop, 0)}", width - 1).ljust(width), style)


def _fact(hop: HopView | None, index: int) -> str:
    return hop.facts[index] if hop is not None and index < len(hop.facts) else ""
