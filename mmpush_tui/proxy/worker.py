"""The worker process: configuration, sockets, signals, and an orderly end."""

import asyncio
import contextlib
import dataclasses
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from mmpush_tui import __version__
from mmpush_tui.errors import ConfigError
from mmpush_tui.exits import Exit
from mmpush_tui.proxy import config as configuration
from mmpush_tui.proxy import control, ingress, listen, log, paths
from mmpush_tui.proxy.apple.token_store import TokenStore, default_path
from mmpush_tui.proxy.config import ProxyConfig
from mmpush_tui.proxy.delivery import Deliveries, Rules
from mmpush_tui.proxy.events import Event, EventBus, timestamp
from mmpush_tui.proxy.http_server import HttpServer
from mmpush_tui.proxy.targets import Targets
from mmpush_tui.tasks import Tasks, beside
from mmpush_tui.text import clean

_NOT_YET: Final = (
    ("enable_metrics", False, "EnableMetrics is set, but this version exports no metrics"),
    (
        "throttle_vary_by_header",
        "",
        "ThrottleVaryByHeader is set, but this version does not limit senders",
    ),
)
"""Settings that are read, and warned about because nothing obeys them."""
_RELOAD_WITHIN_S: Final = 10.0
_CONTROL_DRAIN_S: Final = 2.0
_LEVELS: Final = {"OK": "debug", "REMOVE": "info"}
_NOT_READ: Final = "configuration and credentials took over 10 s to read; is a file server away?"


class Worker:
    """One push proxy: takes pushes on one socket and orders on another.

    Args:
        config: what to do.
        sock: the listening socket for Mattermost.
        control_sock: the listening control socket; None where there is none.
        log_: where lines go.
        listen_address: what outranks the configured address, on reload too.
        store: keeps Apple's provider tokens across restarts.
    """

    def __init__(
        self,
        config: ProxyConfig,
        targets: Targets,
        sock: socket.socket,
        control_sock: socket.socket | None,
        log_: log.Log,
        listen_address: str | None = None,
        store: TokenStore | None = None,
    ) -> None:
        self._store = store
        self.config = config
        self._listen = listen_address
        self.bus = EventBus()
        self.deliveries = Deliveries(
            targets,
            self.bus,
            _rules(config),
            self._bug,
        )
        self.url = listen.describe(sock, config.listen_address)
        self.state = "starting"
        self._log = log_
        self._started = time.monotonic()
        self._started_at = datetime.now(UTC)
        self._ingress = HttpServer(ingress.make_app(self.deliveries), sock, self._bug)
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
        for sentence in self._warnings():
            self._log.warn(sentence)
        self.bus.listeners.append(self._log_event)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._serve(on_ready), name="ingress")
                if self._control is not None:
                    group.create_task(self._control.serve(_CONTROL_DRAIN_S), name="control")
        finally:
            self.bus.close()
            # Their end answers what is still under way.
            await self.deliveries.targets.aclose()
            await self._ingress.aclose()
            if self._control is not None:
                await self._control.aclose()
            await self._tasks.aclose()
        self._log.info("stopped")
        return Exit.INTERRUPTED if self._forced else Exit.OK

    async def _serve(self, on_ready: Callable[[str], None]) -> None:
        drain_s = self.config.answer_within_s + 2
        serving = self._tasks.spawn("serving", self._ingress.serve(drain_s))
        accepting = self._tasks.spawn("accepting", self._ingress.accepting.wait())
        await asyncio.wait((serving, accepting), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            accepting.cancel()
            await serving
        self._enter("running")
        self._log.info("listening", address=self.url, targets=len(self.deliveries.targets.ready))
        on_ready(self.url)
        await serving
        self._enter("drained")
        await self._stopping.wait()
        self.bus.close()
        if self._control is not None:
            self._control.drain()

    def status(self) -> dict[str, object]:
        """Return the body of ``GET /status``."""
        targets = self.deliveries.targets
        return {
            "schema": 1,
            "kind": "status",
            "product": f"mmpush-tui {__version__}",
            "version": ingress.UPSTREAM_LEVEL,
            "pid": os.getpid(),
            "run": self.bus.run,
            "seq": self.bus.seq,
            "state": self.state,
            "started_at": timestamp(self._started_at),
            "uptime_s": round(time.monotonic() - self._started, 3),
            "listen": self.url,
            "config": clean(self.config.path),
            "in_flight": self.deliveries.in_flight,
            "counts": msgspec.to_builtins(self.deliveries.counts),
            "targets": [
                {
                    "type": target.type,
                    "platform": target.platform,
                    "state": "ready",
                    "endpoint": target.endpoint,
                    "connected": target.is_connected,
                    "counts": msgspec.to_builtins(self.deliveries.by_target.get(target.type, {})),
                }
                for target in targets.ready.values()
            ]
            + [
                {
                    "type": disabled.type,
                    "platform": disabled.platform,
                    "state": "disabled",
                    "reason": disabled.reason,
                }
                for disabled in targets.disabled.values()
            ],
        }

    async def reload(self) -> dict[str, object]:
        """Read configuration and credentials again; keep the old where the new are bad."""
        # One at a time: two at once would both take over, and retire, the same old targets.
        async with self._reloading:
            return await self._reload()

    async def _reload(self) -> dict[str, object]:
        old = self.deliveries.targets
        try:
            async with asyncio.timeout(_RELOAD_WITHIN_S):
                config, new = await beside(
                    "reload", partial(_read, self.config.path, old, self._store)
                )
        except (ConfigError, TimeoutError) as error:
            reason = error.line() if isinstance(error, ConfigError) else _NOT_READ
            self.bus.publish("alarm", reason="reload_failed", message=reason)
            self._log.error("reload failed, the old configuration stays", reason=reason)
            return {"reloaded": False, "error": reason, "kept": []}
        kept = new.keep_from(old)
        for name, disabled in kept.items():
            sentence = f"{name} keeps its old credentials: {disabled.reason}"
            self.bus.publish("alarm", target=name, reason="reload_kept_old", message=sentence)
        self.deliveries.use(new, _rules(config))
        if self._listen:
            config = dataclasses.replace(config, listen_address=self._listen)
        needs_restart = config.listen_address != self.config.listen_address
        self.config = config
        for sentence in self._warnings():
            self._log.warn(sentence)
        self._tasks.spawn("retire-targets", self._retire(old))
        self._log.info("reloaded", kept=",".join(kept), listen_needs_restart=needs_restart)
        self.bus.publish("state", status="reloaded")
        unusable = [item.type for item in new.disabled.values() if not item.is_blank]
        return {
            "reloaded": True,
            "kept": list(kept),
            "disabled": unusable,
            "needs_restart": needs_restart,
        }

    def drain(self) -> None:
        """Take no more pushes and answer those under way; the process stays."""
        if self.state == "running":
            self._enter("draining")
        self._ingress.drain()

    def stop(self) -> None:
        """Drain, then end; asked a second time, end now."""
        if self._stopping.is_set():
            self._forced = self.deliveries.in_flight > 0
            self._ingress.force()
            return
        self._stopping.set()
        self.drain()

    def _enter(self, state: str) -> None:
        self.state = state
        self.bus.publish("state", status=state)

    async def _retire(self, targets: Targets) -> None:
        try:
            await asyncio.sleep(self.deliveries.rules.answer_within_s)
        finally:
            await targets.aclose()

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._loop_error)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._tasks.spawn("reload", self.reload()))

    def _warnings(self) -> list[str]:
        sentences = list(self.config.warnings)
        for name, unset, sentence in _NOT_YET:
            if getattr(self.config, name) != unset:
                sentences.append(sentence)
        for disabled in self.deliveries.targets.disabled.values():
            if not disabled.is_blank:
                sentences.append(f"target {disabled.type} cannot send: {disabled.reason}")
        blank = [d.type for d in self.deliveries.targets.disabled.values() if d.is_blank]
        if blank:
            sentences.append(f"targets left blank in the configuration: {', '.join(blank)}")
        if not self.deliveries.targets.ready:
            sentences.append("no target can send; every push will be refused")
        return sentences

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


def _rules(config: ProxyConfig) -> Rules:
    return Rules(
        answer_within_s=config.answer_within_s,
        try_within_s=config.try_within_s,
        in_flight_limit=config.in_flight_limit,
        dedupe_s=config.dedupe_sec,
        remove_guard=config.remove_guard,
    )


def _fields(event: Event) -> dict[str, object]:
    fields: dict[str, object] = {
        "id": event.id, "target": event.target, "type": event.type, "device": event.device,
        "http": event.http, "reason": event.reason, "ms": event.ms.get("total", 0),
        "tries": event.tries, "error": event.message,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value}


def serve(
    path: Path, listen_address: str | None, control_path: Path | None, *, until_eof: bool
) -> Exit:
    """Run a worker in this process until it is told to stop.

    Args:
        path: the configuration file.
        listen_address: where to listen instead of the configured address.
        control_path: the control socket instead of the default one.
        until_eof: stop too when standard input ends, for a parent that may die unheard.

    Raises:
        ConfigError: the configuration, an address or a socket cannot be used.
    """
    _raise_descriptor_limit()
    complaints: list[str] = []
    # A worker that ends with the console or the demo has keys that are soon gone.
    store = None if until_eof else TokenStore(default_path(), complaints.append)
    config, targets = _read(path, store=store)
    if listen_address:
        config = dataclasses.replace(config, listen_address=listen_address)
    is_log_written = True

    def end_log() -> None:
        nonlocal is_log_written
        is_log_written = stop_log()

    with contextlib.ExitStack() as undo:
        sock = listen.bind(config.listen_address)
        if unix := _unix_path(config.listen_address):
            undo.callback(listen.remover(unix))
        control_sock, control_at, complaint = _control_socket(config, sock, control_path)
        if control_at is not None:
            undo.callback(listen.remover(control_at))
        log_, stop_log = log.start(config)
        undo.callback(end_log)
        for sentence in complaints:
            log_.warn(sentence)
        if store is not None:
            store.complain = log_.warn
        if complaint:
            log_.warn("no control socket: console and deliveries cannot attach", reason=complaint)

        async def main() -> Exit:
            worker = Worker(config, targets, sock, control_sock, log_, listen_address, store)
            if until_eof:
                _stop_at_eof(worker)
            return await worker.run(_say_ready)

        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            code = runner.run(main())
    if not is_log_written:
        # A write to a stalled terminal holds locks that Python's own way out would wait for.
        os._exit(code)
    return code


def _read(
    path: Path, old: Targets | None = None, store: TokenStore | None = None
) -> tuple[ProxyConfig, Targets]:
    config = configuration.load(path)
    return config, Targets.build(config, old, store)


def _raise_descriptor_limit() -> None:
    """Ask for as many open files as this user may have; each sender is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _unix_path(address: str) -> Path | None:
    return Path(address.removeprefix("unix:")) if address.startswith("unix:") else None


def _control_socket(
    config: ProxyConfig, sock: socket.socket, wanted: Path | None
) -> tuple[socket.socket | None, Path | None, str]:
    """Return the control socket, its path, and why there is none."""
    port = 0 if sock.family == socket.AF_UNIX else sock.getsockname()[1]
    path, mode = (
        (wanted, paths.USER_MODE) if wanted else paths.default_control(config.listen_address, port)
    )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return listen.bind_unix(path, mode), path, ""
    except (OSError, ConfigError) as error:
        if wanted:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(
                f"control socket {path}: cannot be made", why=error.strerror or "",
                code="socket-failed",
            ) from error  # fmt: skip
        # Pushes matter more than watching them.
        return None, None, str(error)


def _say_ready(url: str) -> None:
    # Whoever started us may have closed the pipe by now; that is no reason to stop.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(f"listening on {url}\n")
        sys.stdout.flush()


def _stop_at_eof(worker: Worker) -> None:
    loop = asyncio.get_running_loop()
    stdin = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(stdin, 4096):
            loop.remove_reader(stdin)
            worker.stop()

    loop.add_reader(stdin, readable)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
