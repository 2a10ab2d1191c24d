"""HTTP/2 servers that we did not write: nghttpd of nghttp2, and Node's."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
import trustme

from mmpush_tui.http2.connect import Endpoint, Route, client_context

HOST: Final = "127.0.0.1"
START_TIMEOUT_S: Final = 30.0
PORTS_TRIED: Final = 10
NODE_SCRIPT: Final = Path(__file__).with_name("foreign_server.mjs")
# Debian puts servers where only root's PATH looks.
NGHTTPD: Final = shutil.which("nghttpd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
NODE: Final = shutil.which("node")

# Servers that are not ours to bring along; `.ci/run` installs them.
needs_nghttpd = pytest.mark.skipif(
    NGHTTPD is None, reason="nghttpd is not installed; on Debian: apt install nghttp2-server"
)
needs_node = pytest.mark.skipif(
    NODE is None, reason="node is not installed; on Debian: apt install nodejs"
)


class EndedError(Exception):
    """The server ended before it listened; the message is what it printed."""


@dataclass(frozen=True)
class Certificates:
    """Files of a certificate for ``HOST``, and of the root that our client shall trust."""

    key: Path
    chain: Path
    root: Path

    @classmethod
    def write(cls, folder: Path) -> "Certificates":
        authority = trustme.CA(organization_name="mmpush-tui tests")
        issued = authority.issue_cert(HOST)
        files = cls(folder / "key.pem", folder / "chain.pem", folder / "root.pem")
        issued.private_key_pem.write_to_path(files.key)
        issued.cert_chain_pems[0].write_to_path(files.chain)
        authority.cert_pem.write_to_path(files.root)
        return files


@dataclass(frozen=True)
class Foreign:
    """A server that runs.

    Attributes:
        log: what it has printed.
    """

    process: subprocess.Popen[bytes]
    route: Route
    log: Path

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.process.kill()
        self.process.wait(START_TIMEOUT_S)


@contextlib.contextmanager
def nghttpd(folder: Path, *options: str, htdocs: Path | None = None) -> Iterator[Foreign]:
    """Run nghttpd with ``options``; it serves the files of ``htdocs``."""
    assert NGHTTPD is not None
    certificates = Certificates.write(folder)
    where = ["--address", HOST, "--htdocs", str(htdocs or folder)]
    files = [str(certificates.key), str(certificates.chain)]
    with contextlib.ExitStack() as stack:
        for _ in range(PORTS_TRIED):
            # It cannot be told to take any free port; somebody may be faster than it.
            command = [NGHTTPD, *where, *options, str(_free_port()), *files]
            with contextlib.suppress(EndedError):
                yield stack.enter_context(_running(command, certificates, folder))
                return
        pytest.fail(f"nghttpd does not start: {(folder / 'log').read_text()}")


@contextlib.contextmanager
def node(folder: Path, options: Mapping[str, Any] | None = None) -> Iterator[Foreign]:
    """Run ``foreign_server.mjs``; ``options`` are those of Node's ``createSecureServer``."""
    assert NODE is not None
    certificates = Certificates.write(folder)
    files = [str(certificates.key), str(certificates.chain)]
    command = [NODE, str(NODE_SCRIPT), *files, json.dumps(options or {})]
    with _running(command, certificates, folder) as server:
        yield server


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def _running(command: Sequence[str], certificates: Certificates, folder: Path) -> Iterator[Foreign]:
    log = folder / "log"
    # The kernel ends it with us, should we be killed ourselves.
    owned = ["setpriv", "--pdeathsig", "KILL", *command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            owned, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        endpoint = Endpoint(HOST, _port_of(process, log))
        yield Foreign(process, Route(endpoint, client_context(str(certificates.root))), log)
    finally:
        process.kill()
        process.wait(START_TIMEOUT_S)


def _port_of(process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait until ``process`` listens and return where."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EndedError(log.read_text(errors="replace"))
        for it in psutil.Process(process.pid).net_connections("tcp"):
            if it.status == psutil.CONN_LISTEN:
                return it.laddr.port
        time.sleep(0.01)
    raise TimeoutError(f"{process.args!r} does not listen: {log.read_text(errors='replace')}")
