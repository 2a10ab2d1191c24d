"""What systemd gives a service and wants to hear of it (sd_listen_fds(3), sd_notify(3))."""

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final

_FIRST_DESCRIPTOR: Final = 3
CONTROL: Final = "control"
"""FileDescriptorName= of a socket that is to be the control socket."""


def inherited(environment: MutableMapping[str, str]) -> dict[str, socket.socket]:
    """Return the listening sockets that systemd opened for us, by their names.

    The variables are removed, so that a process of ours does not take them to be its own.

    Args:
        environment: of this process.
    """
    pid = environment.pop("LISTEN_PID", "")
    count = environment.pop("LISTEN_FDS", "")
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdecimal():
        return {}
    sockets: dict[str, socket.socket] = {}
    for index in range(min(int(count), 16)):
        number = _FIRST_DESCRIPTOR + index
        os.set_inheritable(number, False)
        name = names[index] if index < len(names) and names[index] == CONTROL else "listen"
        # What is no socket is of no use to us, and whoever set it up sees that nobody listens.
        with contextlib.suppress(OSError):
            sockets.setdefault(name, socket.socket(fileno=number))
    return sockets


class Notifier:
    """Tells systemd how we are; does nothing where nobody listens.

    Args:
        environment: of this process; the variable is removed.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", "")
        pid = environment.pop("WATCHDOG_PID", "")
        micros = environment.pop("WATCHDOG_USEC", "")
        is_ours = micros.isdecimal() and pid in ("", str(os.getpid()))
        self.watchdog_s = int(micros) / 1e6 if is_ours else 0.0
        """Seconds within which :meth:`alive` must be called again and again; 0 for never."""

    def ready(self, status: str) -> None:
        """Say that we serve, also after a reload."""
        self._say(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Say that we read our configuration again; :meth:`ready` must follow."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that we are on our end."""
        self._say("STOPPING=1\nSTATUS=answering what is under way")

    def alive(self) -> None:
        """Say that the event loop still turns."""
        self._say("WATCHDOG=1")

    def _say(self, text: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock,
        ):
            sock.setblocking(False)
            sock.sendto(text.encode(), address)
