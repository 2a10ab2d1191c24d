"""The worker and the journey of every push."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from textual import on
from textual.containers import Container, Vertical
from textual.widget import Widget
from textual.widgets import Input

from mmpush_tui.console.actions import bindings
from mmpush_tui.console.context import Context
from mmpush_tui.console.keep import keep_and_tell
from mmpush_tui.console.safe import hanging
from mmpush_tui.console.screens.ask import AskScreen, ask
from mmpush_tui.console.screens.base import ConsoleScreen
from mmpush_tui.console.widgets.frame import Spread
from mmpush_tui.console.widgets.pane import Pane
from mmpush_tui.console.widgets.plain import Plain
from mmpush_tui.console.worker import words
from mmpush_tui.console.worker.delivery_log import DeliveryLog
from mmpush_tui.console.worker.desk import Phase, WorkerDesk
from mmpush_tui.console.worker.log_columns import header
from mmpush_tui.console.worker.log_position import Position
from mmpush_tui.console.worker.log_ring import LogRow
from mmpush_tui.errors import UsageError
from mmpush_tui.watching import filters
from mmpush_tui.watching.journey import journey

if TYPE_CHECKING:
    from mmpush_tui.simulator.stage import DemoStage


class WorkerScreen(ConsoleScreen):
    """Starts, watches and stops the push proxy worker."""

    name_ = "worker"
    BINDINGS: ClassVar[Any] = bindings("worker")
    AUTO_FOCUS = "DeliveryLog"

    def __init__(self, context: Context, worker: WorkerDesk, stage: "DemoStage | None") -> None:
        super().__init__(context)
        self._worker = worker
        self._stage = stage
        self._filter = ""
        self._opened: LogRow | None = None
        self._drawn: tuple[int, ...] = ()
        self._has_frozen = False

    def body(self) -> Iterable[Widget]:
        """Make counters, log and the pane of one delivery."""
        yield Plain(id="worker-state")
        yield Spread(id="worker-counters")
        yield Plain(id="worker-empty")
        with Container(id="worker-split"):
            with Vertical(id="log-side"):
                yield Spread(id="log-title")
                yield Plain(id="log-head")
                yield DeliveryLog(self._worker.ring, flush_every_s=self.context.session.flush_s)
                yield Input(id="log-filter", compact=True, select_on_focus=False,
                            placeholder="status:FAIL platform:apple >500ms word -word")  # fmt: skip
                yield Plain(id="log-filter-problem")
            yield Pane("Journey", id="journey")

    @property
    def log_widget(self) -> DeliveryLog:
        """The delivery log."""
        return self.query_one(DeliveryLog)

    @property
    def journey_pane(self) -> Pane:
        """The pane of one delivery."""
        return self.query_one("#journey", Pane)

    @property
    def scrolled(self) -> Pane | None:
        """The journey, where it is open."""
        return self.journey_pane if self.journey_pane.is_open else None

    @property
    def filter_field(self) -> Input:
        """The field in which a filter is typed."""
        return self.query_one("#log-filter", Input)

    def draw(self) -> None:
        """Show state and counters; the log draws itself."""
        self._draw_state()
        self._draw_counters()
        self._draw_title(self.log_widget.position)
        self._draw_journey()

    def _draw_state(self) -> None:
        view, options = self._worker.view, self.context.options
        width = max(self.size.width - 2, 20)
        is_empty = view.status is None and not self._worker.ring.kept
        text = words.state(view, width)
        if not is_empty and not text.plain:
            text = words.idle(view, options, width)
        state = self.query_one("#worker-state", Plain)
        state.display = bool(text.plain)
        state.show(text)
        empty, split = self.query_one("#worker-empty", Plain), self.query_one("#worker-split")
        if split.display == is_empty:
            empty.display, split.display = is_empty, not is_empty
            # What is not there cannot have the focus.
            self.set_focus(None if is_empty else self.log_widget)
        if is_empty:
            empty.show(words.empty(view, options, width - 2))

    def _draw_counters(self) -> None:
        desk = self._worker
        counters = self.query_one("#worker-counters", Spread)
        status = desk.view.status
        counters.display = status is not None
        if status is not None:
            width = max(self.size.width - 2, 20)
            counters.say_both(*words.counters(status, desk.rates.read(), width))

    def _draw_title(self, position: Position) -> None:
        style = "bold $success" if position.is_following else "bold $warning"
        filter_text = f"filter: {self._filter}  " if self._filter else ""
        self.query_one("#log-title", Spread).say_both(
            (("" if self.has_class("-narrow") else "Deliveries ", "bold $primary"),
             (position.where, "$quiet"),
             (f"  {filter_text}", "bold $warning")),
            ((position.badge, style),),
        )  # fmt: skip
        self.query_one("#log-head", Plain).say(header(max(self.log_widget.size.width, 0)))

    def on_delivery_log_moved(self, event: DeliveryLog.Moved) -> None:
        """Show where the log stands, and the journey of the delivery that is marked now."""
        self._draw_title(event.position)
        if self.journey_pane.is_open:
            if event.position.is_following:
                self._close_journey()
            else:
                self._open(self.log_widget.current)

    def on_delivery_log_opened(self, event: DeliveryLog.Opened) -> None:
        """Open or close the journey of a delivery."""
        if self.journey_pane.is_open and self._opened is event.row:
            self._close_journey()
            return
        if self.log_widget.is_following:
            # What is read must not run away.
            self.log_widget.action_freeze()
            self._has_frozen = True
        self.journey_pane.open()
        self.add_class("-reading")
        self._open(event.row)
        self.refresh_keys()

    def on_delivery_log_refused(self, event: DeliveryLog.Refused) -> None:
        """Say why a key did nothing."""
        self.app.notify(event.reason, timeout=3)

    def _open(self, row: LogRow | None) -> None:
        if row is not self._opened:
            self._opened, self._drawn = row, ()
            self._draw_journey()

    def _close_journey(self) -> None:
        self.journey_pane.close()
        self.remove_class("-reading")
        self._opened = None
        if self._has_frozen and not self.log_widget.is_following:
            self.log_widget.action_follow()
        self._has_frozen = False
        self.refresh_keys()

    @on(Pane.Resized)
    def _draw_journey(self) -> None:
        pane, row = self.journey_pane, self._opened
        if row is None or not pane.room:
            return
        events_ = row.events()
        drawn = (row.number, len(events_), pane.room)
        if drawn != self._drawn:
            is_new = self._drawn[:1] != drawn[:1]
            self._drawn = drawn
            pane.show(words.journey_rows(journey(events_), pane.room), is_new=is_new)

    def can(self, do: str) -> bool:
        """What makes sense depends on whether there is a worker, and deliveries."""
        view = self._worker.view
        is_demo = self.context.options.is_demo
        has_rows = self._worker.ring.kept > 0
        match do:
            case "start":
                return view.phase in (Phase.NONE, Phase.LOST) and not is_demo
            case "stop":
                return view.phase in (Phase.RUNNING, Phase.DRAINING) and not is_demo
            case "reload" | "faults":
                return view.status is not None
            case "attach":
                return bool(view.others) and not is_demo
            case "log('open')" | "keep" | "log('next_failure')" | "log('previous_failure')":
                return len(self._worker.ring) > 0
            case "log('follow')":
                return has_rows and not self.log_widget.is_following
            case "log('freeze')":
                return has_rows and self.log_widget.is_following
            case "filter":
                return has_rows
            case "back":
                is_open = self.filter_field.has_class("-open") or self.journey_pane.is_open
                return is_open or bool(self._filter)
            case _:
                return super().can(do)

    def action_start(self) -> None:
        """Start a worker."""
        self.context.tasks.spawn("start-worker", self._worker.start())

    def action_stop(self) -> None:
        """Stop the worker, after asking."""
        self.context.tasks.spawn("stop-worker", self._stop())

    async def _stop(self) -> None:
        text = [
            "It answers what is under way and ends. Until a worker runs again, Mattermost drops "
            "every notification: it does not try twice.",
        ]
        answers = {"": "Let it run", "stop": "Stop it"}
        if await ask(self.app, AskScreen("Stop the push proxy worker?", text, answers)) == "stop":
            await self._worker.stop()

    def action_attach(self) -> None:
        """Choose among the running workers."""
        self.context.tasks.spawn("attach", self._choose_worker())

    async def _choose_worker(self) -> None:
        desk = self._worker
        workers = await desk.described()
        if not workers:
            self.app.notify("No worker runs on this host.")
            return
        answers = {
            str(path): words.describe_worker(path, status, is_shown=path == desk.view.control)
            for path, status in workers.items()
        }
        chosen = await ask(self.app, AskScreen("Which worker?", [], answers))
        if chosen and Path(chosen) != (desk.view.status and desk.view.control):
            desk.attach(Path(chosen))

    def action_reload(self) -> None:
        """Let the worker read its configuration again."""
        self.context.tasks.spawn("reload-worker", self._reload())

    async def _reload(self) -> None:
        if outcome := await self._worker.reload():
            self.app.notify(outcome)

    async def action_log(self, name: str) -> None:
        """Have the log do one of its own actions, wherever the focus is."""
        await self.log_widget.run_action(name)

    def action_filter(self) -> None:
        """Ask for a filter."""
        field = self.filter_field
        field.add_class("-open")
        field.value = self._filter
        field.focus()
        self.refresh_keys()

    def on_input_changed(self) -> None:
        """Take back what was wrong with what stood there before."""
        self._say_filter_problem("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Filter, or say what is wrong with the filter."""
        text = " ".join(event.value.split())
        try:
            matcher = filters.parse_filter(text) if text else None
        except UsageError as error:
            self._say_filter_problem(error.line())
            return
        self._filter = text
        self.log_widget.set_filter(matcher)
        self._leave_filter()

    def action_back(self) -> None:
        """Go back one step: out of the filter's field, the journey, the filter."""
        if self.filter_field.has_class("-open"):
            self._leave_filter()
        elif self.journey_pane.is_open:
            self._close_journey()
        elif self._filter:
            self._filter = ""
            self.log_widget.set_filter(None)
            self._draw_title(self.log_widget.position)
            self.refresh_keys()

    def _leave_filter(self) -> None:
        self.filter_field.remove_class("-open")
        self._say_filter_problem("")
        self.log_widget.focus()
        self._draw_title(self.log_widget.position)
        self.refresh_keys()

    def _say_filter_problem(self, text: str) -> None:
        problem = self.query_one("#log-filter-problem", Plain)
        problem.set_class(bool(text), "-open")
        width = max(self.query_one("#log-side").size.width, 20)
        problem.show(hanging((("FAIL  ", "bold $error"),), text, width))

    def action_keep(self) -> None:
        """Write the rows of the view to a file."""
        self.context.tasks.spawn("keep-log", self._keep())

    async def _keep(self) -> None:
        # The rows come and go while the file is made.
        rows = list(self._worker.ring)

        def data() -> bytes:
            encode = msgspec.json.Encoder().encode
            return b"".join(encode(event) + b"\n" for row in rows for event in row.events())

        folder = self.context.options.keep_folder
        await keep_and_tell(self.app, folder, "deliveries", "jsonl", data)

    def action_faults(self) -> None:
        """Switch the demo's faults."""
        if self._stage is not None:
            # The stand-ins take longer to load than the console to show its first frame.
            from mmpush_tui.console.worker.faults import FaultsScreen

            self.app.push_screen(FaultsScreen(self._stage))
