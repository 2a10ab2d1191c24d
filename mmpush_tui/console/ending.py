"""Leaving the console: what would be lost is named, and nothing is lost unasked."""

from typing import TYPE_CHECKING

from mmpush_tui.console.screens.ask import AskScreen, ask
from mmpush_tui.console.worker.desk import Phase
from mmpush_tui.exits import Exit

if TYPE_CHECKING:
    from mmpush_tui.console.app import ConsoleApp


class QuitScreen(AskScreen):
    """The question before leaving."""


async def leave(app: "ConsoleApp") -> None:
    """End the console, after asking where a worker of ours runs or something would be lost.

    The demo ends without a question: everything in it is made up.
    """
    if app.options.is_demo:
        app.end(Exit.OK)
        return
    view = app.worker.view
    has_worker = view.is_ours and view.phase in (Phase.RUNNING, Phase.DRAINING)
    text = _losses(app)
    answers = {"go": "Leave without saving" if app.settings.view.changes else "Leave"}
    if view.phase is Phase.STARTING:
        text.append("A worker is being started. It goes on when this console ends.")
    elif has_worker:
        text.append(
            "The worker that this console started runs on its own. Left running, it goes on "
            "delivering, and the next console finds it again."
        )
        answers = {"go": "Leave, and let the worker run", "stop": "Stop the worker and leave"}
    if not text:
        app.end(Exit.OK)
        return
    choice = await ask(app, QuitScreen("Leave the console?", text, answers | {"": "Stay here"}))
    if choice == "go":
        app.end(Exit.OK, _goes_on(app) if has_worker else "")
    elif choice == "stop":
        await app.worker.stop()
        if app.worker.view.phase is Phase.NONE:
            app.end(Exit.OK, "The worker has stopped.")


def _losses(app: "ConsoleApp") -> list[str]:
    """Return what leaving would lose or cut short, a sentence each."""
    text = []
    if app.settings.view.is_saving:
        text.append(
            "Settings are being written at this moment. After leaving now, look at Mattermost to "
            "see whether they arrived."
        )
    elif count := len(app.settings.view.changes):
        settings = "1 setting" if count == 1 else f"{count} settings"
        text.append(f"{settings} on the Settings screen: changed, not saved, lost on leaving.")
    if app.checks.view.is_running:
        text.append("The checks are under way, and would be cut short.")
    return text


def _goes_on(app: "ConsoleApp") -> str:
    listen = app.worker.view.listen
    where = f" at {listen}" if listen else ""
    return (
        f"The worker{where} goes on.\n"
        "  mmpush-tui                       shows it again\n"
        "  mmpush-tui deliveries --follow   shows its deliveries"
    )
