"""Leaving the console: what would be lost is named, and nothing is lost unasked."""

from typing import TYPE_CHECKING

from mmpush_tui.console.screens.ask import AskScreen, ask
from mmpush_tui.console.worker_desk import Phase
from mmpush_tui.exits import Exit

if TYPE_CHECKING:
    from mmpush_tui.console.app import ConsoleApp


class QuitScreen(AskScreen):
    """The question before leaving."""


async def leave(app: "ConsoleApp") -> None:
    """End the console, after asking where a worker of ours runs or a draft would be lost.

    The demo ends without a question: everything in it is made up.
    """
    if app.place.is_demo:
        app.end(Exit.OK)
        return
    view = app.worker.view
    has_worker = view.is_ours and view.phase in (Phase.RUNNING, Phase.DRAINING)
    unsaved = app.settings.view.changes
    if not has_worker and not unsaved:
        app.end(Exit.OK)
        return
    text, answers = [], {}
    if unsaved:
        count = "1 setting" if len(unsaved) == 1 else f"{len(unsaved)} settings"
        text.append(f"{count} on the Settings screen: changed, not saved, lost on leaving.")
    if has_worker:
        text.append("The worker that this console started runs on its own. Left running, it")
        text.append("goes on delivering, and the next console finds it again.")
        answers = {"go": "Leave, and let the worker run", "stop": "Stop the worker and leave"}
    else:
        answers = {"go": "Leave without saving"}
    choice = await ask(app, QuitScreen("Leave the console?", text, answers | {"": "Stay here"}))
    if choice == "go":
        app.end(Exit.OK, _goes_on(app) if has_worker else "")
    elif choice == "stop":
        await app.worker.stop()
        if app.worker.view.phase is Phase.NONE:
            app.end(Exit.OK, "The worker has stopped.")


def _goes_on(app: "ConsoleApp") -> str:
    status = app.worker.view.status
    where = f" on {status.listen}" if status else ""
    return (
        f"The worker goes on{where}. mmpush-tui shows it again, "
        "mmpush-tui deliveries --follow its deliveries."
    )
