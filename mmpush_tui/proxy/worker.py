"""The worker: its parts put together, from the first request to an orderly end."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from mmpush_tui.configuration.schema import PROXY
from mmpush_tui.errors import ConfigError
from mmpush_tui.exits import Exit
from mmpush_tui.protocol.event import Event, timestamp
from mmpush_tui.protocol.status import JournalStatus, Status
from mmpush_tui.proxy import control
from mmpush_tui.proxy.delivery.deliveries import Deliveries
from mmpush_tui.proxy.door import listen
from mmpush_tui.proxy.door.http1 import ConnectionLimits
from mmpush_tui.proxy.door.ingress import PRODUCT, UPSTREAM_LEVEL, Ingress
from mmpush_tui.proxy.door.server import HttpServer
from mmpush_tui.proxy.door.systemd import Notifier
from mmpush_tui.proxy.events import EventBus
from mmpush_tui.proxy.file_watch import files_of, watch
from mmpush_tui.proxy.loading import LoadedConfig
from mmpush_tui.proxy.records import log
from mmpush_tui.proxy.records.journal import Journal
from mmpush_tui.proxy.status import targets_of
from mmpush_tui.proxy.targets import Targets
from mmpush_tui.tasks import Tasks, beside
from mmpush_tui.text import clean

if TYPE_CHECKING:
    from mmpush_tui.proxy.records.metrics import Metrics

_RELOAD_WITHIN_S: Final = 10.0
_CONTROL_DRAIN_S: Final = 2.0
_NOT_READ: Final = "configuration and credentials took over 10 s to read; is a file server away?"
_LEVELS: Final = {"OK": "debug", "REMOVE": "info"}


class Worker:
    """One push proxy: takes pushes on one socket and orders on another.

    Args:
        load: reads the configuration again on reload; gets the targets so far.
        loaded: what it read at first.
        sock: the listening socket for Mattermost.
        control_sock: the listening control socket; None where there is none.
        log_: where lines go.
        journal: keeps what became of each push; None keeps nothing.
        notifier: tells systemd how we are.
    """

    def __init__(
        self,
        load: Callable[[Targets], LoadedConfig],
        loaded: LoadedConfig,
        sock: socket.socket,
        control_sock: socket.socket | None,
        log_: log.Log,
        journal: Journal | None,
        notifier: Notifier,
    ) -> None:
        config = loaded.config
        self.config = config
        self.bus = EventBus()
        self.metrics = self._make_metrics() if config.enable_metrics else None
        self.deliveries = Deliveries(
            loaded.targets, self.bus, config, loaded.access, self._bug, journal,
            self.metrics,
        )  # fmt: skip
        self.url = listen.describe(sock, config.listen_address, is_tls=loaded.tls is not None)
        self.state = "starting"
        self._started_at, self._started = timestamp(), time.monotonic()
        self.journal = journal
        self._load = load
        self._first_warnings = loaded.warnings()
        self._log = log_
        self._notifier = notifier
        self._ingress = Ingress(self.deliveries, loaded.gate, self.metrics, lambda: self.state)
        self.server = HttpServer(
            self._ingress.app,
            sock,
            self._bug,
            limits=ConnectionLimits(connections=config.connection_limit),
            tls=loaded.tls,
            on_trouble=log_.error,
        )
        self._control = (
            HttpServer(control.make_app(self), control_sock, self._bug) if control_sock else None
        )
        self._tasks = Tasks(lambda _name, error: self._bug(error))
        self._stopping = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._forced = False

    async def run(self, on_ready: Callable[[str], None]) -> Exit:
        """Serve until told to stop; then answer what is under way.

        Args:
            on_ready: called with the address once requests are accepted.
        """
        self._watch_signals()
        for sentence in self._first_warnings:
            self._log.warn(sentence)
        self.bus.listen(self._log_event)
        self._tasks.spawn("receipts", self.deliveries.receipts.look_up())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._serve(on_ready), name="ingress")
                if self._control is not None:
                    group.create_task(self._control.serve(_CONTROL_DRAIN_S), name="control")
        finally:
            self.bus.close()
            # Their end answers what is still under way.
            await self.deliveries.targets.aclose()
            await self.server.aclose()
            if self._control is not None:
                await self._control.aclose()
            await self._tasks.aclose()
            await self._ingress.aclose()
        self._log.info("stopped")
        return Exit.INTERRUPTED if self._forced else Exit.OK

    async def _serve(self, on_ready: Callable[[str], None]) -> None:
        drain_s = self.config.answer_within_s + 2
        serving = self._tasks.spawn("serving", self.server.serve(drain_s))
        accepting = self._tasks.spawn("accepting", self.server.accepting.wait())
        await asyncio.wait((serving, accepting), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            accepting.cancel()
            await serving
        self._enter("running")
        self._log.info("listening", address=self.url, targets=len(self.deliveries.targets.ready))
        on_ready(self.url)
        self._notifier.ready(f"listening on {self.url}")
        if self._notifier.watchdog_s:
            self._tasks.spawn("watchdog", self._feed_watchdog())
        if self.config.watch_files:
            self._tasks.spawn(
                "file-watch", watch(lambda: files_of(self.config), self._file_changed)
            )
        await serving
        self._enter("drained")
        await self._stopping.wait()
        self.bus.close()
        if self._control is not None:
            self._control.drain()

    def status(self) -> Status:
        """Return the body of ``GET /status``."""
        kept = None
        if self.journal is not None:
            path = clean(self.journal.path.absolute(), 4096)
            kept = JournalStatus(path=path, lost=self.journal.lost)
        return Status(
            product=PRODUCT,
            version=UPSTREAM_LEVEL,
            pid=os.getpid(),
            run=self.bus.run,
            seq=self.bus.seq,
            state=self.state,
            started_at=self._started_at,
            uptime_s=round(time.monotonic() - self._started, 3),
            listen=self.url,
            config=clean(self.config.path.absolute()),
            in_flight=self.deliveries.in_flight,
            connections=self.server.connections,
            tasks=len(asyncio.all_tasks()),
            counts=self.deliveries.counts,
            journal=kept,
            targets=targets_of(self.deliveries),
        )

    async def reload(self) -> dict[str, object]:
        """Read configuration and credentials again; keep the old where the new are bad."""
        # One at a time: two at once would both take over, and retire, the same old targets.
        async with self._reloading:
            self._notifier.reloading()
            try:
                return await self._reload()
            finally:
                self._notifier.ready(f"listening on {self.url}")

    async def _reload(self) -> dict[str, object]:
        old = self.deliveries.targets
        try:
            async with asyncio.timeout(_RELOAD_WITHIN_S):
                loaded = await beside("reload", self._load, old)
        except (ConfigError, TimeoutError) as error:
            reason = error.line() if isinstance(error, ConfigError) else _NOT_READ
            self.bus.publish("alarm", reason="reload_failed", message=reason)
            self._log.error("reload failed, the old configuration stays", reason=reason)
            return {"reloaded": False, "error": reason, "kept": []}
        config, new = loaded.config, loaded.targets
        kept = new.keep_from(old)
        for name, disabled in kept.items():
            sentence = f"{name} keeps its old credentials: {disabled.reason}"
            self.bus.publish("alarm", target=name, reason="reload_kept_old", message=sentence)
        self.deliveries.use(new, config, loaded.access)
        self._tasks.spawn("retire-gate", self._ingress.use(loaded.gate).aclose())
        self.server.limits = ConnectionLimits(connections=config.connection_limit)
        needs_restart = [
            field.name
            for field in PROXY
            if field.restart and getattr(config, field.name) != getattr(self.config, field.name)
        ]
        if not self.server.use_certificate(loaded.tls):
            needs_restart.append("tls_certificate_file")
        self.config = config
        for sentence in loaded.warnings():
            self._log.warn(sentence)
        self._tasks.spawn("retire-targets", self._retire(old))
        details = {"kept": ",".join(kept), "needs_restart": ",".join(needs_restart)}
        self._log.info("reloaded", **{name: value for name, value in details.items() if value})
        self.bus.publish("state", status="reloaded")
        unusable = [item.type for item in new.disabled.values() if not item.is_blank]
        return {
            "reloaded": True,
            "kept": list(kept),
            "disabled": unusable,
            "needs_restart": bool(needs_restart),
            "restart_for": needs_restart,
        }

    def drain(self) -> None:
        """Take no more pushes and answer those under way; the process stays."""
        if self.state == "running":
            self._enter("draining")
        self.server.drain()

    def stop(self) -> None:
        """Drain, then end; asked a second time, end now."""
        if self._stopping.is_set():
            self._forced = self.deliveries.in_flight > 0
            self.server.force()
            return
        self._notifier.stopping()
        self._stopping.set()
        self.drain()

    def _make_metrics(self) -> "Metrics":
        # It takes a while to load, which nobody waits for who does not ask for metrics.
        from mmpush_tui.proxy.gauges import gauges
        from mmpush_tui.proxy.records.metrics import Metrics

        return Metrics(lambda: gauges(self.deliveries, self.server.connections, self.journal))

    def _enter(self, state: str) -> None:
        self.state = state
        self.bus.publish("state", status=state)

    async def _retire(self, targets: Targets) -> None:
        try:
            await asyncio.sleep(self.config.answer_within_s)
        finally:
            await targets.aclose()

    async def _file_changed(self) -> None:
        self._log.info("a file changed, configuration and credentials are read again")
        # What went wrong is said there; the next change is looked at all the same.
        with contextlib.suppress(OSError):
            await self.reload()

    async def _feed_watchdog(self) -> None:
        while True:
            self._notifier.alive()
            await asyncio.sleep(self._notifier.watchdog_s / 2)

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._loop_error)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._tasks.spawn("reload", self.reload()))

    def _log_event(self, event: Event) -> None:
        if event.phase == "answered":
            level = _LEVELS.get(event.status, "warn")
            if level != "debug" or self.config.log_level == "debug":
                getattr(self._log, level)("push " + event.status, **_fields(event))
        elif event.kind == "alarm":
            self._log.error("alarm", reason=event.reason, message=event.message)
        elif event.kind == "state" and event.message:
            self._log.info(event.message)

    def _bug(self, error: BaseException) -> None:
        self._log.error("this is a fault of mmpush-tui", error=log.traceback_text(error))

    def _loop_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        words = log.traceback_text(error) if error else str(context.get("message", ""))
        self._log.error("a background task failed", error=words)


def _fields(event: Event) -> dict[str, object]:
    fields: dict[str, object] = {
        "id": event.id, "target": event.target, "type": event.type, "device": event.device,
        "http": event.http, "reason": event.reason, "ms": event.ms.get("total", 0),
        "tries": event.tries, "error": event.message,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value}
