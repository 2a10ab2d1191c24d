"""The worker and the journey of every push."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from textual.containers import Container, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input

from mmpush_tui.console.actions import bindings
from mmpush_tui.console.keep import keep
from mmpush_tui.console.log_position import Position
from mmpush_tui.console.log_ring import Row
from mmpush_tui.console.safe import Part, content, hanging, lines
from mmpush_tui.console.screens.ask import AskScreen, ask
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.widgets.delivery_log import DeliveryLog
from mmpush_tui.console.widgets.frame import Spread
from mmpush_tui.console.widgets.log_columns import header
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.console.worker_desk import Phase
from mmpush_tui.errors import UsageError
from mmpush_tui.proxy import filters
from mmpush_tui.proxy.journey import Verdict, journey
from mmpush_tui.simulator.stage import fault_titles

_VERDICT_STYLES = {
    Verdict.DELIVERED: "bold $success",
    Verdict.ACCEPTED: "$success",
    Verdict.REMOVED: "bold $warning",
    Verdict.FAILED: "bold $error",
}


class WorkerScreen(ConsoleScreen):
    """Starts, watches and stops the push proxy worker."""

    name_ = "worker"
    BINDINGS: ClassVar[Any] = bindings("worker")
    AUTO_FOCUS = "DeliveryLog"

    def __init__(self) -> None:
        super().__init__()
        self._filter = ""
        self._opened: Row | None = None
        self._opened_events = 0

    def body(self) -> Iterable[Widget]:
        """Make counters, log and the pane of one delivery."""
        app = self.console_app
        yield Plain(id="worker-state")
        yield Spread(id="worker-counters")
        with Container(id="worker-split"):
            with Vertical(id="log-side"):
                yield Spread(id="log-title")
                yield Plain(id="log-head")
                yield DeliveryLog(app.worker.ring, flush_every_s=app.session.flush_s)
                yield Input(id="log-filter", compact=True, select_on_focus=False,
                            placeholder="status:FAIL platform:apple >500ms word -word")  # fmt: skip
            with VerticalScroll(id="journey", can_focus=False):
                yield Plain(id="journey-text")

    @property
    def log_widget(self) -> DeliveryLog:
        """The delivery log."""
        return self.query_one(DeliveryLog)

    def draw(self, topics: frozenset[str]) -> None:
        """Show state and counters; the log draws itself."""
        if "worker" not in topics:
            return
        self._draw_state()
        self._draw_counters()
        self._draw_title(self.log_widget.position)
        self._draw_journey()

    def _draw_state(self) -> None:
        app, view = self.console_app, self.console_app.worker.view
        state = self.query_one("#worker-state", Plain)
        width = max(self.size.width - 2, 20)
        if view.problem and view.phase is not Phase.LOST:
            state.show(hanging((("worker  ", "bold $error"),), view.problem, width))
        elif view.phase is Phase.LOST:
            words = f"{view.problem} Trying again."
            state.show(hanging((("worker gone  ", "bold $error"),), words, width))
        elif view.status is not None:
            disabled = [t for t in view.status.targets if t.state != "ready"]
            ready = ", ".join(t.type for t in view.status.targets if t.state == "ready")
            serving = content(
                ("serving ", "$quiet"), ready or "no target",
                ("   config ", "$quiet"), view.status.config,
            )  # fmt: skip
            rows = [serving.truncate(width, ellipsis=True)]
            rows += [
                hanging(((f"{t.type} cannot send  ", "bold $warning"),), t.reason, width)
                for t in disabled[:2]
            ]
            state.show(lines(*rows))
        elif app.place.is_demo:
            state.say(
                ("The demo starts: Apple, Google, Mattermost and phones of its own.", "$quiet")
            )
        elif app.place.config is not None:
            state.say("No worker runs here. ", ("s", "bold $primary"),
                      f" starts one from {app.place.config}")  # fmt: skip
        else:
            state.say("No worker runs here, and there is no configuration yet. ",
                      ("5", "bold $primary"), " asks for what it needs.")  # fmt: skip
        self.log_widget.placeholder = "No deliveries yet." if view.status else ""

    def _draw_counters(self) -> None:
        desk = self.console_app.worker
        counters = self.query_one("#worker-counters", Spread)
        status = desk.view.status
        counters.display = status is not None
        if status is None:
            return
        rates, counts = desk.rates.read(), status.counts
        p95 = f"{rates.p95_ms:.0f} ms" if rates.p95_ms is not None else "-"
        failed_style = "bold $error" if rates.failed_per_s else ""
        left: tuple[Part, ...] = (
            ("in ", "$quiet"), f"{rates.arrived_per_s:.1f}/s  ",
            ("ok ", "$quiet"), f"{rates.ok_per_s:.1f}/s  ",
            ("removed ", "$quiet"), f"{rates.removed_per_s:.1f}/s  ",
            ("failed ", "$quiet"), (f"{rates.failed_per_s:.1f}/s", failed_style),
            ("  p95 ", "$quiet"), p95,
        )  # fmt: skip
        under_way: tuple[Part, ...] = (("under way ", "$quiet"), f"{status.in_flight}  ")
        right = (*(under_way if status.in_flight else ()), ("all ", "$quiet"), f"{counts.received}")
        counters.say_both(left, right)

    def _draw_title(self, position: Position) -> None:
        style = "bold $success" if position.is_following else "bold $warning"
        shown = f"filter: {self._filter}" if self._filter else ""
        self.query_one("#log-title", Spread).say_both(
            (("Deliveries ", "bold $primary"), (position.where, "$quiet")),
            ((f"{shown}  ", "$warning"), (position.badge, style)),
        )
        self.query_one("#log-head", Plain).say(header(max(self.log_widget.size.width, 0)))

    def on_delivery_log_moved(self, event: DeliveryLog.Moved) -> None:
        """Show where the log stands."""
        self._draw_title(event.position)
        if self.query_one("#journey").has_class("-open"):
            self._open(self.log_widget.current)

    def on_delivery_log_opened(self, event: DeliveryLog.Opened) -> None:
        """Open or close the journey of a delivery."""
        pane = self.query_one("#journey")
        if pane.has_class("-open") and self._opened is event.row:
            self._close_journey()
            return
        pane.add_class("-open")
        self._open(event.row)
        self.refresh_keys()

    def on_delivery_log_refused(self, event: DeliveryLog.Refused) -> None:
        """Say why a key did nothing."""
        self.app.notify(event.reason, timeout=3)

    def _open(self, row: Row | None) -> None:
        if row is not self._opened:
            self._opened, self._opened_events = row, 0
            self._draw_journey()

    def _close_journey(self) -> None:
        self.query_one("#journey").remove_class("-open")
        self._opened = None
        self.refresh_keys()

    def _draw_journey(self) -> None:
        row = self._opened
        if row is None or len(events := row.events()) == self._opened_events:
            return
        self._opened_events = len(events)
        told = journey(events)
        pane = self.query_one("#journey")
        room = self.size.width // 2 if self.has_class("-wide") else self.size.width
        width = max(room - 6, 30)
        rows = [hanging((), told.head, width,
                        (told.verdict.value, _VERDICT_STYLES.get(told.verdict, "bold"))),
                ]  # fmt: skip
        rows += [hanging(((f"{step.at:>13}  ", "$quiet"),), step.text, width)
                 for step in told.steps]  # fmt: skip
        rows.append(hanging((("What this means  ", "bold"),), told.meaning, width))
        rows += [hanging(((f" {number}. ", "bold"),), step, width)
                 for number, step in enumerate(told.fix, 1)]  # fmt: skip
        self.query_one("#journey-text", Plain).show(lines(*rows))
        pane.scroll_home(animate=False)

    def can(self, do: str) -> bool:
        """Starting needs no worker, the rest needs one."""
        view = self.console_app.worker.view
        is_demo = self.console_app.place.is_demo
        match do:
            case "start":
                return view.phase is Phase.NONE and not is_demo
            case "stop":
                return view.phase in (Phase.RUNNING, Phase.DRAINING) and not is_demo
            case "reload":
                return view.status is not None
            case "attach":
                return not is_demo
            case "detail" | "next_failure" | "previous_failure" | "keep":
                return len(self.console_app.worker.ring) > 0
            case "faults":
                return view.status is not None
            case _:
                return True

    def action_start(self) -> None:
        """Start a worker."""
        self.console_app.tasks.spawn("start-worker", self.console_app.worker.start())

    def action_stop(self) -> None:
        """Stop the worker, after asking."""
        self.console_app.tasks.spawn("stop-worker", self._stop())

    async def _stop(self) -> None:
        text = [
            "It answers what is under way and ends. Until a worker runs again, Mattermost",
            "drops every notification: it does not try twice.",
        ]
        answers = {"": "Let it run", "stop": "Stop it"}
        if await ask(self.app, AskScreen("Stop the push proxy worker?", text, answers)) == "stop":
            await self.console_app.worker.stop()

    def action_attach(self) -> None:
        """Choose among the running workers."""
        self.console_app.tasks.spawn("attach", self._choose_worker())

    async def _choose_worker(self) -> None:
        found = await self.console_app.worker.running()
        if not found:
            self.app.notify("No worker runs on this host.")
            return
        answers = {str(path): str(path) for path in found}
        chosen = await ask(self.app, AskScreen("Which worker?", [], answers))
        if chosen:
            self.console_app.worker.attach(Path(chosen))

    def action_reload(self) -> None:
        """Let the worker read its configuration again."""
        self.console_app.tasks.spawn("reload-worker", self._reload())

    async def _reload(self) -> None:
        self.app.notify(await self.console_app.worker.reload())

    def action_detail(self) -> None:
        """Open the marked delivery."""
        self.log_widget.action_open()

    def action_follow(self) -> None:
        """Stay with what comes."""
        self.log_widget.action_follow()

    def action_freeze(self) -> None:
        """Hold still, or go on."""
        self.log_widget.action_freeze()

    def action_next_failure(self) -> None:
        """Go to the next failure."""
        self.log_widget.action_next_failure()

    def action_previous_failure(self) -> None:
        """Go to the failure before."""
        self.log_widget.action_previous_failure()

    def action_filter(self) -> None:
        """Ask for a filter."""
        field = self.query_one("#log-filter", Input)
        field.add_class("-open")
        field.value = self._filter
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Filter, or say what is wrong with the filter."""
        try:
            matcher = filters.parse(event.value) if event.value.strip() else None
        except UsageError as error:
            self.app.notify(error.line(), severity="warning", timeout=8)
            return
        self._filter = event.value.strip()
        self.log_widget.set_filter(matcher)
        self._leave_filter()

    def key_escape(self) -> None:
        """Go back one step: out of the filter's field, the detail, the filter."""
        if self.query_one("#log-filter").has_class("-open"):
            self._leave_filter()
        elif self.query_one("#journey").has_class("-open"):
            self._close_journey()
        elif self._filter:
            self._filter = ""
            self.log_widget.set_filter(None)
            self._draw_title(self.log_widget.position)

    def _leave_filter(self) -> None:
        self.query_one("#log-filter").remove_class("-open")
        self.log_widget.focus()
        self._draw_title(self.log_widget.position)

    def action_keep(self) -> None:
        """Write the rows of the view to a file."""
        self.console_app.tasks.spawn("keep-log", self._keep())

    async def _keep(self) -> None:
        encode = msgspec.json.Encoder().encode
        data = b"".join(
            encode(event) + b"\n" for row in self.console_app.worker.ring for event in row.events()
        )
        folder = self.console_app.place.keep_folder
        self.app.notify(await asyncio.to_thread(keep, folder, "deliveries", "jsonl", data))

    def action_faults(self) -> None:
        """Switch the demo's faults."""
        self.console_app.tasks.spawn("faults", self._faults())

    async def _faults(self) -> None:
        stage = self.console_app.stage
        if stage is None:
            return
        answers = {
            name: f"{'on ' if name in stage.faults else 'off'}  {title}  ({name})"
            for name, title in fault_titles().items()
        }
        text = ["Each one shows what a real failure looks like here, and that it heals."]
        name = await ask(self.app, AskScreen("Let the demo fail on purpose", text, answers))
        if name:
            is_on = await stage.toggle(name)
            self.app.notify(f"{fault_titles()[name]}: {'on' if is_on else 'off'}.")
