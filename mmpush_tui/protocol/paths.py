"""Where a worker's control socket is, and how the running workers are found."""

import os
import socket
from pathlib import Path
from typing import Final

import platformdirs

SYSTEM_FOLDER: Final = Path("/run/mmpush-tui")
USER_MODE: Final = 0o600
SYSTEM_MODE: Final = 0o660


def user_folder() -> Path:
    """Return the folder of this user's workers; it survives the last logout."""
    return platformdirs.user_state_path("mmpush-tui") / "workers"


def default_control(listen: str, port: int) -> tuple[Path, int]:
    """Return the control socket's path and mode for a worker that listens on ``listen``.

    Under systemd with ``RuntimeDirectory=`` it is there, open to the unit's group; else in the
    state folder of the user, closed to everybody else.
    """
    name = f"{port}.sock" if port else f"{Path(listen.removeprefix('unix:')).stem}.sock"
    if runtime := os.environ.get("RUNTIME_DIRECTORY"):
        return Path(runtime.partition(":")[0]) / name, SYSTEM_MODE
    return user_folder() / name, USER_MODE


def running_workers() -> list[Path]:
    """Return the control sockets of this user and of the system that somebody listens on."""
    sockets: list[Path] = []
    for folder in (user_folder(), SYSTEM_FOLDER):
        try:
            sockets += [path for path in sorted(folder.glob("*.sock")) if is_alive(path)]
        except OSError:
            continue
    return sockets


def is_alive(path: Path) -> bool:
    """Return whether somebody listens on the Unix socket at ``path``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (TimeoutError, BlockingIOError):
            # Its queue of waiting connections is full: busy is alive.
            return True
        except OSError:
            return False
    return True
