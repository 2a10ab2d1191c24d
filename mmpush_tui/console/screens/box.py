"""What every box over a screen has: room to lay out, and something that scrolls."""

from abc import abstractmethod
from typing import TypeVar

from textual import events
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget

from mmpush_tui.console.screens.base import ConsoleScreen, scroll_page

Answer = TypeVar("Answer")


class BoxScreen(ModalScreen[Answer]):
    """A box over a screen, laid out once there is a width and anew with each other one."""

    HORIZONTAL_BREAKPOINTS = ConsoleScreen.HORIZONTAL_BREAKPOINTS
    VERTICAL_BREAKPOINTS = ConsoleScreen.VERTICAL_BREAKPOINTS

    @abstractmethod
    def lay_out(self) -> None:
        """Draw what depends on the room there is."""

    @property
    def scrolled(self) -> Widget:
        """What the page keys scroll."""
        return self.query_one(VerticalScroll)

    def on_mount(self) -> None:
        """Lay the box out."""
        self.call_after_refresh(self._lay_out)

    def on_resize(self, _event: events.Resize) -> None:
        """Lay the box out anew."""
        self.call_after_refresh(self._lay_out)

    def _lay_out(self) -> None:
        if self.is_mounted:
            self.lay_out()

    def action_page(self, direction: int) -> None:
        """Scroll by what is in sight."""
        scroll_page(self.scrolled, direction)
