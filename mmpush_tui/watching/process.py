"""A worker started as a process of its own, and its orderly end."""

import asyncio
import contextlib
import os
import select
import subprocess
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Final

from mmpush_tui.errors import FailedError
from mmpush_tui.text import clean

OURSELVES: Final = (sys.executable, "-P", "-m", "mmpush_tui")
"""-P: what lies in the current folder is no module of ours, whatever its name."""
_READY: Final = "listening on "
_START_WITHIN_S: Final = 20.0
_LATE: Final = f" within {_START_WITHIN_S:.0f} s"
_LOG_LIMIT: Final = 64 * 1024
_PROXY_VARIABLES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


class WorkerProcess:
    """A running worker; made by :meth:`start`.

    Attributes:
        url: where it listens.
        control: its control socket.
    """

    def __init__(self, process: Process, url: str, control: Path) -> None:
        self._process = process
        self.url = url
        self.control = control

    @classmethod
    async def start(
        cls,
        config: Path,
        control: Path,
        log_file: Path,
        *,
        listen: str | None = None,
        ends_with_us: bool = False,
    ) -> "WorkerProcess":
        """Start a worker and wait until it accepts requests.

        It gets a session of its own, so that Ctrl-C in our terminal does not reach it.

        Args:
            config: its configuration file.
            control: where its control socket shall be.
            log_file: where its standard error goes.
            listen: where it shall listen instead of the configured address.
            ends_with_us: it stops when this process is gone, however that happens, and sees
                neither proxy variables nor MMPUSH overrides: for the demo.

        Raises:
            FailedError: it did not; the message holds what it said last.
        """
        arguments = [*OURSELVES, "serve"]
        arguments += ["--config", str(config), "--control", str(control)]
        arguments += ["--listen", listen] if listen else []
        arguments += ["--until-eof"] if ends_with_us else []
        try:
            with log_file.open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *arguments,
                    stdin=PIPE if ends_with_us else DEVNULL,
                    stdout=PIPE,
                    stderr=log,
                    start_new_session=True,
                    env=_environment(is_sealed=ends_with_us),
                )
        except OSError as error:
            raise _not_begun(error, log_file) from error
        line, late = "", ""
        try:
            async with asyncio.timeout(_START_WITHIN_S):
                assert process.stdout is not None  # noqa: S101 - PIPE above, for the type checker
                line = (await process.stdout.readline()).decode(errors="replace").strip()
        except TimeoutError:
            late = _LATE
        finally:
            if not line.startswith(_READY):
                await _kill(process)
        if not line.startswith(_READY):
            raise FailedError(f"the worker did not start{late}", why=_last_line(log_file))
        return cls(process, line.removeprefix(_READY), control)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def wait(self, timeout_s: float) -> int:
        """Wait until it has ended by itself and return its exit code.

        Raises:
            TimeoutError: it still runs after ``timeout_s`` seconds.
        """
        async with asyncio.timeout(timeout_s):
            return await self._process.wait()

    async def stop(self, timeout_s: float = 30.0) -> int:
        """Ask it to answer what is under way and end; end it by force when the time is up.

        Returns:
            Its exit code; negative where a signal ended it.
        """
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await self.wait(timeout_s)
            except TimeoutError:
                await self.kill()
        return self._process.returncode or 0

    async def kill(self) -> None:
        """End it at once."""
        await _kill(self._process)


def start_detached(config: Path, log_file: Path) -> subprocess.Popen[bytes]:
    """Start a worker that outlives this process, and wait until it accepts. Blocks.

    It makes its control socket where every worker does. The caller polls what is returned now
    and then, so that a worker that ended leaves no entry in the process table.

    Args:
        config: its configuration file.
        log_file: where its standard error goes.

    Raises:
        FailedError: it did not; the message holds what it said last.
    """
    command = [*OURSELVES, "serve", "--config", str(config.absolute())]
    try:
        log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)) as log:
            begins_at = os.fstat(log.fileno()).st_size
            process = subprocess.Popen(  # noqa: S603 - our own program
                command, stdin=DEVNULL, stdout=PIPE, stderr=log, start_new_session=True, cwd="/"
            )
    except OSError as error:
        raise _not_begun(error, log_file) from error
    assert process.stdout is not None  # noqa: S101 - PIPE above, for the type checker
    with process.stdout:
        deadline = time.monotonic() + _START_WITHIN_S
        line = _first_line(process.stdout.fileno(), deadline)
    if not line.startswith(_READY):
        late = _LATE if time.monotonic() >= deadline else ""
        process.kill()
        process.wait()
        raise FailedError(
            f"the worker did not start{late}",
            why=_last_line(log_file, begins_at),
            code="worker-not-started",
        )
    return process


def _not_begun(error: OSError, log_file: Path) -> FailedError:
    why = f"{error.filename or log_file}: {error.strerror}"
    return FailedError("the worker did not start", why=why)


def _first_line(fileno: int, deadline: float) -> str:
    """Return the first line that arrives before ``deadline``, or what there was of it."""
    data = b""
    while b"\n" not in data and (left_s := deadline - time.monotonic()) > 0:
        if not select.select([fileno], [], [], left_s)[0]:
            break
        piece = os.read(fileno, 4096)
        if not piece:
            break
        data += piece
    return data.decode(errors="replace").strip()


async def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _environment(*, is_sealed: bool) -> dict[str, str]:
    if not is_sealed:
        return dict(os.environ)
    return {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in _PROXY_VARIABLES and not name.startswith("MMPUSH_")
    }


def _last_line(path: Path, begins_at: int = 0) -> str:
    """Return the last line behind ``begins_at``: what stands before it is of another day."""
    try:
        with path.open("rb") as log:
            log.seek(max(begins_at, path.stat().st_size - _LOG_LIMIT))
            lines = log.read(_LOG_LIMIT).decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return clean(lines[-1], 500).removeprefix("mmpush-tui: ") if lines else "it said nothing"
