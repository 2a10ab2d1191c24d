"""Commands as forks of one process that has loaded them all.

Starting Python and loading a command took most of the processor time of a test that runs one. A
fork is a process of its own too: its files, environment, folder and exit code are nobody else's,
and what is kept in memory goes with it. What it cannot show is how the program starts and loads;
that is for tests which start ``running.COMMAND``.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, NoReturn

_ROOT = Path(__file__).parents[2]
_LONGEST_REQUEST = 1 << 20
_ENVIRONMENT = dict(os.environ)
_READ_WHILE_STARTING = ("PYTHON", "LC_", "LANG", "TZ", "OPENSSL_", "LD_", "TEXTUAL")
"""How the variables begin that a process reads once, when it starts or loads."""


def can_fork(env: Mapping[str, str]) -> bool:
    """Return whether a fork does in the environment ``env`` what a start of the program does."""
    return _read_while_starting(env) == _read_while_starting(_ENVIRONMENT)


def _read_while_starting(env: Mapping[str, str]) -> dict[str, str]:
    return {name: env[name] for name in env if name.startswith(_READ_WHILE_STARTING)}


def run_forked(
    arguments: Sequence[str], text: bytes, env: Mapping[str, str], within_s: float
) -> tuple[int, bytes, bytes]:
    """Run a command; return its exit code, output and errors.

    Raises:
        TimeoutError: it did not end within ``within_s`` seconds.
    """
    request = {"arguments": list(arguments), "env": dict(env), "folder": str(Path.cwd())}
    with (
        tempfile.TemporaryFile() as input_,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
        socket.socket(socket.AF_UNIX) as sock,
    ):
        input_.write(text)
        input_.seek(0)
        sock.settimeout(within_s)
        sock.connect(_address())
        files = [input_.fileno(), output.fileno(), errors.fileno()]
        socket.send_fds(sock, [json.dumps(request).encode()], files)
        code = sock.recv(16)
        return int(code), _all_of(output), _all_of(errors)


def _all_of(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


@cache
def _address() -> str:
    """Start the process that forks, once for each process of pytest; it ends with it."""
    folder = tempfile.TemporaryDirectory(prefix="mp-forks-")
    atexit.register(folder.cleanup)
    address = f"{folder.name}/s"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    fd = listener.fileno()
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(fd)], cwd=_ROOT, env=_ENVIRONMENT, pass_fds=[fd],
        stdin=subprocess.PIPE, process_group=0,
    )  # fmt: skip
    listener.close()
    atexit.register(process.communicate)
    return address


def _serve(listener: socket.socket) -> None:
    """Fork for each caller, until standard input ends."""
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    while True:
        ready, _, _ = select.select([listener.fileno(), 0], [], [])
        if 0 in ready:
            return
        sock, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _wait_for_command(sock)
        sock.close()


def _load() -> None:
    """Load what commands load when they are called."""
    folders = ("commands", "checks", "settings", "watching", "simulator", "configuration")
    for folder in folders:
        package = importlib.import_module(f"mmpush_tui.{folder}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    importlib.import_module("mmpush_tui.proxy.serving")
    gc.freeze()


def _wait_for_command(sock: socket.socket) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data, files, _, _ = socket.recv_fds(sock, _LONGEST_REQUEST, 3)
    pid = os.fork()
    if pid == 0:
        sock.close()
        _become(json.loads(data), files)
    ready, _, _ = select.select([sock.fileno(), os.pidfd_open(pid)], [], [])
    if sock.fileno() in ready:  # the caller waits no longer
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    sock.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(request: Mapping[str, object], files: Sequence[int]) -> NoReturn:
    """Be the command: this process is its own from here on."""
    from mmpush_tui.__main__ import main

    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    was, is_read, is_written = sys.stdin, sys.stdin.encoding, sys.stdout.encoding
    sys.stdin = open(0, encoding=is_read, errors=was.errors)  # noqa: SIM115 - they stay
    sys.stdout = open(1, "w", encoding=is_written, errors=sys.stdout.errors)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding=is_written, errors=sys.stderr.errors)  # noqa: SIM115
    env, arguments = request["env"], request["arguments"]
    assert isinstance(env, dict)
    assert isinstance(arguments, list)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(str(request["folder"]))
    sys.argv = ["mmpush-tui", *arguments]
    code: object = 70
    try:
        main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
