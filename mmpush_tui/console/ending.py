"""Leaving the console: what would be lost is named, and nothing is lost unasked."""

from typing import Any

from textual.app import App

from mmpush_tui.console.checks.desk import ChecksView
from mmpush_tui.console.screens.ask import AskScreen, ask
from mmpush_tui.console.settings.desk import SettingsView
from mmpush_tui.console.worker.desk import Phase, WorkerDesk


class QuitScreen(AskScreen):
    """The question before leaving."""


async def ask_to_leave(
    app: App[Any], worker: WorkerDesk, settings: SettingsView, checks: ChecksView
) -> str | None:
    """Ask where a worker of ours runs or something would be lost, and stop the worker if told to.

    Returns:
        What is to be said in the shell, or nothing; None where the user stays.
    """
    view = worker.view
    has_worker = view.is_ours and view.phase in (Phase.RUNNING, Phase.DRAINING)
    text = _losses(settings, checks)
    answers = {"go": "Leave without saving" if settings.changes else "Leave"}
    if view.phase is Phase.STARTING:
        text.append("A worker is being started. It goes on when this console ends.")
    elif has_worker:
        text.append(
            "The worker that this console started runs on its own. Left running, it goes on "
            "delivering, and the next console finds it again."
        )
        answers = {"go": "Leave, and let the worker run", "stop": "Stop the worker and leave"}
    if not text:
        return ""
    choice = await ask(app, QuitScreen("Leave the console?", text, answers | {"": "Stay here"}))
    if choice == "go":
        return _goes_on(worker.view.listen) if has_worker else ""
    if choice == "stop":
        await worker.stop()
        if worker.view.phase is Phase.NONE:
            return "The worker has stopped."
    return None


def _losses(settings: SettingsView, checks: ChecksView) -> list[str]:
    """Return what leaving would lose or cut short, a sentence each."""
    text = []
    if settings.is_saving:
        text.append(
            "Settings are being written at this moment. After leaving now, look at Mattermost to "
            "see whether they arrived."
        )
    elif count := len(settings.changes):
        number = "1 setting" if count == 1 else f"{count} settings"
        text.append(f"{number} on the Settings screen: changed, not saved, lost on leaving.")
    if checks.is_running:
        text.append("The checks are under way, and would be cut short.")
    return text


def _goes_on(listen: str) -> str:
    where = f" at {listen}" if listen else ""
    return (
        f"The worker{where} goes on.\n"
        "  mmpush-tui                       shows it again\n"
        "  mmpush-tui deliveries --follow   shows its deliveries"
    )
