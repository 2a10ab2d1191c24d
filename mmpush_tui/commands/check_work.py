"""The work of ``mmpush-tui check``: what is to be checked, once or again and again."""

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from mmpush_tui.checks.in_time import in_time
from mmpush_tui.checks.model.report import CheckResult
from mmpush_tui.checks.model.target import TargetPlan
from mmpush_tui.checks.plan.plan import PlanContext, plan_targets
from mmpush_tui.checks.proof import credential_files
from mmpush_tui.checks.run import run_checks
from mmpush_tui.commands.check_mattermost import ask_mattermost
from mmpush_tui.commands.check_output import Output
from mmpush_tui.configuration import config as configuration
from mmpush_tui.configuration.config import NetworkSettings, ProxyConfig
from mmpush_tui.configuration.document import Document, read_document
from mmpush_tui.configuration.locations import find_config, worker_config
from mmpush_tui.errors import MmpushError
from mmpush_tui.exits import exit_code_of
from mmpush_tui.http2.connect import client_context
from mmpush_tui.settings.page import Page
from mmpush_tui.tasks import Tasks
from mmpush_tui.watching.client import running_config

_T = TypeVar("_T")
_NEEDS_CONFIG: Final = re.compile(r"worker$|(?:apns|fcm)(?:/|$)")
_NEED_SETTINGS: Final = frozenset({"hpns", "mpns", "mattermost", "log"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """What is to be checked, and how, as the command line says.

    Attributes:
        targets: words and addresses; empty for what settings and configuration need.
        config_path: the configuration that was named, or None.
        mattermost_config: Mattermost's, or None.
        connect_to: other addresses for some.
        ca_file: further trusted authorities, or None.
        source: the address of this host to connect from, or empty.
        timeout_s: seconds for one run.
    """

    targets: tuple[str, ...]
    config_path: Path | None
    mattermost_config: Path | None
    connect_to: Mapping[str, str]
    ca_file: Path | None
    source: str
    timeout_s: float


async def check_until_stopped(options: CheckOptions, output: Output, every_s: float | None) -> int:
    """Check once, or again and again until SIGINT or SIGTERM; return the last exit code.

    Args:
        options: what is to be checked.
        output: where it is told.
        every_s: seconds from the begin of one run to that of the next; None for a single run.

    Raises:
        MmpushError: the first run could not be. Later ones tell why and are tried again.
        click.Abort: it was stopped before there was anything to report.
    """
    wanted = options.targets
    needs_config = not wanted or any(_NEEDS_CONFIG.match(name) for name in wanted)
    if needs_config and not (options.config_path or find_config()):
        # Once: a worker that ends while it is watched is still the one that is meant.
        running = await _config_of_running_worker(options.timeout_s)
        options = replace(options, config_path=running)
    checking = _Checking(options, output)
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, checking.stop.set)
    try:
        return await checking.run(every_s)
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


class _Checking:
    """One call of the command, with one run or many."""

    def __init__(self, options: CheckOptions, output: Output) -> None:
        self._options = options
        self._output = output
        self.stop = asyncio.Event()
        self._is_unread = False
        # Who watches wants to read each warning once.
        self._warned: set[str] = set()

    async def run(self, every_s: float | None) -> int:
        code: int | None = None
        while True:
            began = time.monotonic()
            # Settings and files are read each time: watching is for seeing them mended.
            try:
                code = await self._check()
            except click.Abort:
                if code is None:
                    raise
                return code
            except MmpushError as error:
                if code is None:
                    raise
                code = exit_code_of(error)
                with self._unless_unread():
                    self._output.problem(error, time.strftime("%H:%M:%S"))
            if every_s is None or self.stop.is_set() or self._is_unread:
                return code
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(began + every_s - time.monotonic(), 0)):
                    await self.stop.wait()
            if self.stop.is_set():
                return code

    @contextlib.contextmanager
    def _unless_unread(self) -> Iterator[None]:
        """Write to the output, and remember where nobody reads it any more."""
        try:
            yield
        except BrokenPipeError:
            self._is_unread = True

    async def _check(self) -> int:
        """Check once; return the exit code."""
        plans, network = await self._unless_stopped(self._prepare())
        failures: list[OSError] = []

        def take(result: CheckResult) -> None:
            try:
                with self._unless_unread():
                    self._output.result(result)
            except OSError as error:
                # Not from within the probe, whose failures are another matter.
                failures.append(error)
                self.stop.set()

        report = await run_checks(
            plans, network=network, deadline_s=self._options.timeout_s, on_result=take,
            stop=self.stop,
        )  # fmt: skip
        if failures:
            raise failures[0]
        # The exit code stays true where nobody reads any more.
        code = report.exit_code
        with self._unless_unread():
            code = self._output.report(report)
        return code

    async def _unless_stopped(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what ``work`` comes to.

        Raises:
            click.Abort: it is to stop. A server or file that is slow holds nobody up.
        """
        # A failure is raised here, and need not be told twice.
        tasks = Tasks(lambda _name, _error: None)
        working = tasks.spawn("check-prepare", work)
        stopping = tasks.spawn("check-stop", self.stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise click.Abort
            result: _T = working.result()
            return result
        finally:
            await tasks.aclose()

    async def _prepare(self) -> tuple[tuple[TargetPlan, ...], NetworkSettings]:
        """Return what is to be checked, and how connections are made."""
        options = self._options
        toml = options.config_path or find_config()
        # Once: it may come through a pipe.
        document = await in_time(lambda: read_document(toml), options.timeout_s) if toml else None
        config = (
            await in_time(lambda: self._load(document), options.timeout_s) if document else None
        )
        page: Page | None = None
        mattermost_url, around = "", PlanContext()
        # A file that nobody asked for must not keep others from being checked.
        wanted = options.targets
        if not wanted or options.mattermost_config or _NEED_SETTINGS & set(wanted):
            page, mattermost_url, around = await ask_mattermost(
                options.mattermost_config, document, options.connect_to, options.ca_file,
                options.timeout_s,
            )  # fmt: skip
        credentials = (
            await in_time(lambda: credential_files.read_credentials(config), options.timeout_s)
            if config
            else {}
        )
        plans = plan_targets(
            page, config, wanted, credentials=credentials, mattermost_url=mattermost_url,
            around=replace(around, environment=os.environ, source=options.source),
        )  # fmt: skip
        return plans, await in_time(lambda: self._network(config), options.timeout_s)

    def _load(self, document: Document) -> ProxyConfig:
        """Return the configuration that ``document`` is, or names. Reads files."""
        path = worker_config(document)
        document = document if path == document.path else read_document(path)
        loaded = configuration.convert_document(document, os.environ)
        sentences = [warning.message for warning in loaded.warnings]
        for sentence in sentences:
            if sentence not in self._warned:
                click.echo(f"mmpush-tui: {sentence}", err=True)
        self._warned |= set(sentences)
        return loaded

    def _network(self, config: ProxyConfig | None) -> NetworkSettings:
        """Return the configuration's word on connections, and over it the command line's.

        Raises:
            ConfigError: the CA file cannot be used.
        """
        base = config.network if config else NetworkSettings(connect_to={}, ca_file="")
        file = str(self._options.ca_file) if self._options.ca_file else base.ca_file
        client_context(file)
        connect_to = {**base.connect_to, **self._options.connect_to}
        return NetworkSettings(connect_to=connect_to, ca_file=file)


async def _config_of_running_worker(timeout_s: float) -> Path | None:
    """Return the configuration of the one worker that runs here, and say so."""
    try:
        async with asyncio.timeout(min(timeout_s, 3)):
            path = await running_config()
    except TimeoutError:
        return None
    if path is not None:
        click.echo(f"mmpush-tui: by the running worker's configuration {path}", err=True)
    return path
