"""The troubleshooting catalogue: a line of a log or a few words, and what is known about it."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from mmpush_tui.console.safe import content, hanging, lines
from mmpush_tui.console.screens.box import BoxScreen
from mmpush_tui.console.widgets.form import TextField
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.troubleshooting.catalogue import Entry, entries
from mmpush_tui.troubleshooting.lookup import by_code, find_entries, suggest

_MOST_MATCHES: Final = 8
_WIDTH: Final = 70


class ExplainScreen(BoxScreen[None]):
    """Searches the catalogue while one types, and shows an entry.

    Args:
        query: what the search begins with.
    """

    AUTO_FOCUS = "#explain-query"
    BINDINGS: ClassVar[Any] = [
        Binding("escape", "back", "back"),
        Binding("down", "mark(1)", "down", show=False, priority=True),
        Binding("up", "mark(-1)", "up", show=False, priority=True),
        Binding("pagedown", "page(1)", "page down", show=False, priority=True),
        Binding("pageup", "page(-1)", "page up", show=False, priority=True),
        Binding("enter", "open", "open", show=False, priority=True),
    ]

    def __init__(self, query: str = "") -> None:
        super().__init__()
        self._query = query
        self._entry: Entry | None = None

    def compose(self) -> ComposeResult:
        """Make field, list and page."""
        with Vertical(classes="box wide"):
            yield Plain(("What is known about a line of a log, or a word", "bold"), classes="title")
            yield TextField(self._query, id="explain-query")
            yield Plain(id="explain-said")
            yield OptionList(id="explain-list", compact=True, markup=False)
            with VerticalScroll(id="explain-page", can_focus=False):
                yield Plain(id="explain-text")
            yield Plain(id="explain-hint", classes="hint")

    def on_mount(self) -> None:
        """Begin with what is asked for, or with everything."""
        self._list.can_focus = False
        # A pasted line takes the place of what the search began with.
        self.query_one("#explain-query", TextField).action_select_all()
        self.call_after_refresh(self._search, self._query)
        self._show(None)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search with each letter."""
        self._show(None)
        self._search(event.value)

    def action_mark(self, direction: int) -> None:
        """Move the mark, or the page where one is open."""
        if self._entry is not None:
            self._page.scroll_relative(y=direction, animate=False)
        elif direction > 0:
            self._list.action_cursor_down()
        else:
            self._list.action_cursor_up()

    @on(OptionList.OptionSelected)
    def action_open(self) -> None:
        """Open the marked entry."""
        marked = self._list.highlighted_option
        if self._entry is None and marked is not None:
            self._show(by_code(marked.id or ""))

    def action_back(self) -> None:
        """Close the entry, then the search."""
        if self._entry is not None:
            self._show(None)
        else:
            self.dismiss()

    @property
    def _list(self) -> OptionList:
        return self.query_one("#explain-list", OptionList)

    @property
    def _page(self) -> VerticalScroll:
        return self.query_one("#explain-page", VerticalScroll)

    @property
    def scrolled(self) -> Widget:
        """The entry, where one is open."""
        return self._page if self._entry is not None else self._list

    def _search(self, query: str) -> None:
        text = query.strip()
        matches: Sequence[Entry]
        if not text:
            matches, remark = entries(), "Everything, in the order of a push's way."
        elif matches := [match.entry for match in find_entries(text, _MOST_MATCHES)]:
            remark = "The best first."
        elif matches := suggest(text, _MOST_MATCHES):
            remark = "No entry knows these words; these share some of them."
        else:
            remark = "Nothing is known about this. Paste the whole line, or the reason alone."
        self.query_one("#explain-said", Plain).say((remark, "$quiet"))
        width = max((self._list.size.width or _WIDTH) - 2, 20)
        self._list.set_options(
            Option(
                hanging(((f"{entry.hop.value:<11}", "$quiet"),), entry.title, width), id=entry.code
            )
            for entry in matches
        )
        self._list.highlighted = 0 if matches else None

    def _show(self, entry: Entry | None) -> None:
        """Show an entry, or with None the list of them."""
        self._entry = entry
        self.set_class(entry is not None, "-open")
        self._page.scroll_home(animate=False)
        self.call_after_refresh(self._lay_out)
        hint = "scroll   Esc back" if entry else "choose   Enter read   Esc close"
        self.query_one("#explain-hint", Plain).say((f"Up Down {hint}", "$quiet"))

    def lay_out(self) -> None:
        """Show the entry, where one is open."""
        if self._entry is not None:
            width = max(self._page.scrollable_content_region.width - 1, 20)
            self.query_one("#explain-text", Plain).show(entry_page(self._entry, width))


def entry_page(entry: Entry, width: int) -> Content:
    """Return an entry: what it is, why, what to do, how one sees that it is done."""
    rows = [hanging((), entry.title, width), content((entry.code, "$quiet")), content("")]
    rows.append(hanging((), entry.cause, width))
    rows.append(content(""))
    rows += [
        hanging(((f"{number}. ", "bold"),), step, width)
        for number, step in enumerate(entry.steps, 1)
    ]
    rows += [content(""), hanging((("then  ", "$quiet"),), entry.fixed_when, width)]
    rows += [hanging((("see   ", "$quiet"),), link, width) for link in entry.links]
    return lines(*rows)
