"""Every action of the console in one table: bindings, key line, palette and help come from it."""

from dataclasses import dataclass, replace
from typing import Final

from textual.binding import Binding

SCREENS: Final = {
    "overview": "Overview",
    "settings": "Settings",
    "worker": "Worker",
    "checks": "Checks",
    "setup": "Setup",
}
"""The screens in the order of their keys, from 1 and F1 on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something the user can do.

    Attributes:
        do: name of the ``action_…`` method, with its argument where it takes one.
        keys: the keys, in Textual's words; the first one is shown.
        label: two or three words for the key line.
        help: one sentence for the help page and the palette.
        screen: name of the screen it belongs to; empty for all of them.
        rank: place in the key line, 1 first; 0 for not there.
        is_demo: only there in the demo.
    """

    do: str
    keys: tuple[str, ...]
    label: str
    help: str
    screen: str = ""
    rank: int = 0
    is_demo: bool = False

    @property
    def id(self) -> str:
        """A stable name, by which a user may give it other keys."""
        return f"{self.screen or 'console'}.{self.do}"

    @property
    def key(self) -> str:
        """The first key, as a keyboard names it."""
        return shown_key(self.keys[0])


def _scrolls(screen: str, what: str, rank: int = 0) -> tuple[Action, Action]:
    return (
        Action(do="pane(1)", keys=("J",), label="scroll", screen=screen, rank=rank,
               help=f"Scroll {what} down."),
        Action(do="pane(-1)", keys=("K",), label="scroll back", screen=screen,
               help=f"Scroll {what} up."),
    )  # fmt: skip


ACTIONS: Final = (
    *(
        Action(do=f"goto('{name}')", keys=(str(number), f"f{number}"), label=title,
               help=f"Go to the {title} screen.")
        for number, (name, title) in enumerate(SCREENS.items(), 1)
    ),
    Action(do="help", keys=("question_mark",), label="help", rank=90,
           help="Show every key that works here."),
    Action(do="command_palette", keys=("ctrl+p",), label="palette",
           help="Find an action by its name."),
    Action(do="redraw", keys=("ctrl+l",), label="redraw",
           help="Draw the screen anew, after something else wrote on it."),
    Action(do="suspend_process", keys=("ctrl+z",), label="suspend",
           help="Go back to the shell for a while; fg returns here."),
    Action(do="ask_quit", keys=("q", "ctrl+q", "ctrl+c"), label="quit", rank=91,
           help="Leave the console; asks first where something would be lost."),

    Action(do="check_all", keys=("c",), label="check all", screen="overview", rank=1,
           help="Check every hop that the settings and the configuration need."),
    Action(do="open", keys=("enter",), label="open", screen="overview", rank=2,
           help="Go where the marked line is dealt with."),
    Action(do="goto('worker')", keys=("l",), label="log", screen="overview", rank=3,
           help="Watch the deliveries."),
    *_scrolls("overview", "the page", rank=4),

    Action(do="save", keys=("ctrl+s",), label="save", screen="settings", rank=1,
           help="Show the plan and write the changes."),
    Action(do="leave_field", keys=("escape",), label="leave field", screen="settings", rank=2,
           help="Leave the text field, so that letters are keys again."),
    Action(do="diff", keys=("d",), label="diff", screen="settings", rank=2,
           help="Show what saving would write."),
    Action(do="revert", keys=("u",), label="revert", screen="settings", rank=3,
           help="Put this setting back to what is stored."),
    Action(do="revert_all", keys=("U",), label="revert all", screen="settings",
           help="Put every setting back to what is stored."),
    Action(do="reread", keys=("r",), label="read again", screen="settings",
           help="Read the stored settings again; asks first where changes would be lost."),
    Action(do="check", keys=("k",), label="check this", screen="settings", rank=4,
           help="Check whether this push server can be reached."),
    Action(do="explain", keys=("enter",), label="more", screen="settings", rank=5,
           help="Say more of the advice, once it is in front."),
    Action(do="preview", keys=("p",), label="preview", screen="settings", rank=5,
           help="Show what Apple and Google get with the chosen contents."),
    Action(do="source", keys=("o",), label="where", screen="settings", rank=6,
           help="Choose where the settings are: config.json, the REST API, or the local socket."),
    Action(do="restore", keys=("z",), label="bring back", screen="settings", rank=7,
           help="Bring back what was stored before a save."),
    Action(do="reload", keys=("R",), label="reload server", screen="settings",
           help="Let Mattermost read its configuration anew."),

    Action(do="start", keys=("s",), label="start", screen="worker", rank=1,
           help="Start a push proxy worker from the configuration."),
    Action(do="stop", keys=("x",), label="stop", screen="worker", rank=1,
           help="Stop the worker, once it has answered what is under way."),
    Action(do="attach", keys=("a",), label="attach", screen="worker",
           help="Choose which of the running workers is shown."),
    Action(do="reload", keys=("R",), label="reload", screen="worker",
           help="Let the worker read its configuration and credentials again."),
    Action(do="log('open')", keys=("enter",), label="detail", screen="worker", rank=2,
           help="Open the journey of the marked delivery."),
    Action(do="log('follow')", keys=("f", "G"), label="follow", screen="worker", rank=3,
           help="Go to the newest delivery and stay with what comes."),
    Action(do="log('freeze')", keys=("space",), label="freeze", screen="worker", rank=4,
           help="Hold the log still; again to go on."),
    Action(do="filter", keys=("slash",), label="filter", screen="worker", rank=5,
           help="Show only what matches, such as status:FAIL platform:apple >500ms."),
    Action(do="log('next_failure')", keys=("n",), label="next failure", screen="worker", rank=7,
           help="Go to the next delivery that failed."),
    Action(do="log('previous_failure')", keys=("N",), label="previous failure", screen="worker",
           help="Go to the delivery before that failed."),
    Action(do="keep", keys=("o",), label="save log", screen="worker",
           help="Write the lines shown to a file, one event a line."),
    Action(do="faults", keys=("v",), label="faults", screen="worker", rank=6, is_demo=True,
           help="Let the demo's Apple and Google fail on purpose."),
    *_scrolls("worker", "the journey"),
    Action(do="back", keys=("escape",), label="back", screen="worker",
           help="Close the filter's field or the journey, or take the filter away."),

    Action(do="run", keys=("r",), label="run again", screen="checks", rank=1,
           help="Run all checks."),
    Action(do="run_failed", keys=("f",), label="failed only", screen="checks", rank=2,
           help="Run those targets again that did not pass."),
    Action(do="cancel", keys=("escape",), label="cancel", screen="checks", rank=3,
           help="Close the evidence, or stop the checks that are running."),
    Action(do="evidence", keys=("enter",), label="evidence", screen="checks", rank=4,
           help="Show or hide what was seen on the wire."),
    Action(do="watch", keys=("w",), label="watch", screen="checks", rank=5,
           help="Run the checks every 30 seconds; again to stop."),
    Action(do="search", keys=("slash",), label="explain", screen="checks", rank=6,
           help="Search the troubleshooting catalogue, with the marked finding or any words."),
    Action(do="run_one", keys=("t",), label="this target", screen="checks",
           help="Run the checks of the marked target again."),
    Action(do="keep", keys=("o",), label="save report", screen="checks", rank=7,
           help="Write the report to a file, as JSON."),
    Action(do="keep_markdown", keys=("O",), label="save Markdown", screen="checks",
           help="Write the report to a file, as Markdown for a ticket."),
    Action(do="copy", keys=("y",), label="copy", screen="checks", rank=8,
           help="Copy the report as Markdown, where the terminal passes that on (OSC 52)."),
    *_scrolls("checks", "evidence or verdict", rank=5),

    Action(do="next", keys=("enter",), label="next", screen="setup", rank=1,
           help="Prove this answer and go on."),
    Action(do="back", keys=("escape",), label="back", screen="setup", rank=2,
           help="Go one question back; nothing is lost."),
    Action(do="later", keys=("ctrl+o",), label="later", screen="setup", rank=3,
           help="Keep the answers as a draft and go to the Overview."),
)  # fmt: skip

_TEXT: Final = ("question_mark", "slash", "space")
"""Keys with a name that a field takes as text."""
_SHOWN: Final = {
    "question_mark": "?", "slash": "/", "enter": "Enter", "escape": "Esc", "space": "Space",
}  # fmt: skip


def shown_key(key: str) -> str:
    """Return a key in the words of a keyboard: ``ctrl+s`` is ``^s``."""
    if key[0] == "f" and key[1:].isdecimal():
        return key.upper()
    return _SHOWN.get(key) or key.replace("ctrl+", "^")


def in_field(action: Action) -> Action | None:
    """Return ``action`` with the keys it has while a field takes text, or None if it has none."""
    keys = tuple(key for key in action.keys if len(key) > 1 and key not in _TEXT)
    return replace(action, keys=keys) if keys else None


def of_screen(screen: str, *, is_demo: bool) -> list[Action]:
    """Return the actions of one screen, without those of all screens."""
    return [a for a in ACTIONS if a.screen == screen and (is_demo or not a.is_demo)]


def bindings(screen: str) -> list[Binding]:
    """Return the bindings of a screen, or with an empty name those of every screen."""
    return [
        Binding(",".join(action.keys), action.do, action.label, show=False, id=action.id)
        for action in of_screen(screen, is_demo=True)
    ]
