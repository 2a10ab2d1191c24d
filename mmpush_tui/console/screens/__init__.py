"""The five screens, each made when it is first shown."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmpush_tui.console.screens.base import ConsoleScreen


def make(name: str) -> "Callable[[], ConsoleScreen]":
    """Return what makes the screen ``name``."""

    def made() -> "ConsoleScreen":
        module = importlib.import_module(f"mmpush_tui.console.{name}.screen")
        screen: ConsoleScreen = getattr(module, f"{name.capitalize()}Screen")()
        return screen

    return made
