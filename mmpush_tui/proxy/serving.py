"""The worker as a process: sockets, log, journal, and what systemd hands over."""

import asyncio
import contextlib
import gc
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.errors import ConfigError
from mmpush_tui.exits import Exit
from mmpush_tui.protocol import paths
from mmpush_tui.proxy.apple.token_store import TokenStore, default_tokens
from mmpush_tui.proxy.door import listen, systemd
from mmpush_tui.proxy.door.systemd import Notifier
from mmpush_tui.proxy.loading import load_worker_files
from mmpush_tui.proxy.records import log
from mmpush_tui.proxy.records.journal import Journal
from mmpush_tui.proxy.records.journal_file import default_journal
from mmpush_tui.proxy.worker import Worker


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
    warnings = _Warnings()
    # A worker that ends with the console or the demo has keys that are soon gone.
    store = None if until_eof else TokenStore(default_tokens(), warnings.warn)
    notifier = Notifier(os.environ)
    inherited = systemd.inherited(os.environ)
    if "listen" in inherited:
        # What is warned of, and shown, is where we really listen.
        listen_address = listen.address_of(inherited["listen"])
    load_again = partial(load_worker_files, path, listen_address, store, warnings.warn)
    loaded = load_again()
    config = loaded.config
    is_log_written = True

    def end_log() -> None:
        nonlocal is_log_written
        is_log_written = stop_log()

    with contextlib.ExitStack() as undo:
        if "listen" in inherited:
            sock = inherited["listen"]
        else:
            sock = listen.bind(config.listen_address)
            if sock.family == socket.AF_UNIX:
                undo.callback(listen.remover(Path(sock.getsockname())))
        port = 0 if sock.family == socket.AF_UNIX else sock.getsockname()[1]
        control_sock, control_at, complaint = inherited.get(systemd.CONTROL), None, ""
        if control_sock is None:
            control_sock, control_at, complaint = _control_socket(config, port, control_path)
        if control_at is not None:
            undo.callback(listen.remover(control_at))
        log_, stop_log = log.start(config)
        undo.callback(end_log)
        warnings.write_to(log_)
        if complaint:
            log_.warn("no control socket: console and deliveries cannot attach", reason=complaint)

        journal = _journal(config, port, log_.warn, is_kept=not until_eof)
        if journal is not None:
            undo.callback(journal.close)

        _tune()

        async def main() -> Exit:
            worker = Worker(load_again, loaded, sock, control_sock, log_, journal, notifier)
            if until_eof:
                _stop_at_eof(worker)
            return await worker.run(_say_ready)

        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            code = runner.run(main())
    if not is_log_written or threading.active_count() > 1:
        # A write to a stalled terminal holds locks that Python's own way out would wait for; a
        # thread that still reads a file which never answers is within OpenSSL, whose own way out
        # it would not survive.
        os._exit(code)
    return code


class _Warnings:
    """Warnings of what begins before there is a log: kept until then, written from then on."""

    def __init__(self) -> None:
        self._early: list[str] = []
        self._write: Callable[[str], None] = self._early.append

    def warn(self, sentence: str) -> None:
        """Write a warning; from whatever thread."""
        self._write(sentence)

    def write_to(self, log_: log.Log) -> None:
        """Write to ``log_`` from now on, and what was kept first."""
        for sentence in self._early:
            log_.warn(sentence)
        self._write = log_.warn


def _journal(
    config: ProxyConfig, port: int, complain: Callable[[str], None], *, is_kept: bool
) -> Journal | None:
    """Return the journal; a worker that ends with the demo keeps one only where it is named."""
    if not config.journal or not (config.journal_file or is_kept):
        return None
    named = config.journal_file
    path = Path(named) if named else default_journal(port, config.listen_address)
    return Journal(
        path, days=config.journal_days, rows=config.journal_rows, complain=complain,
        is_named=bool(named),
    )  # fmt: skip


def _tune() -> None:
    """Fit the interpreter to a process that answers many small requests."""
    # What a push makes is freed without it; looking for cycles took a twentieth of the time. What
    # was loaded so far is there to stay and need not be looked at again.
    gc.set_threshold(5_000, 10, 10)
    gc.freeze()
    # A thread that writes a file gives the event loop its turn back after one millisecond.
    sys.setswitchinterval(0.001)


def _raise_descriptor_limit() -> None:
    """Ask for as many open files as this user may have; each sender is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _control_socket(
    config: ProxyConfig, port: int, wanted: Path | None
) -> tuple[socket.socket | None, Path | None, str]:
    """Return the control socket, its path, and why there is none."""
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
