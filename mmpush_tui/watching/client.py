"""The other end of the control socket: what the console and the commands ask a worker."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from mmpush_tui.errors import FailedError, MmpushError, UnreachableError, UsageError
from mmpush_tui.protocol import paths
from mmpush_tui.protocol.event import Event
from mmpush_tui.tasks import beside

if TYPE_CHECKING:
    import httpx

_BASE = "http://worker"
_TIMEOUTS_S = (3, 30, 30, 30)
"""To connect, to read, to write, and for a free connection."""
_ERRNO = re.compile(r"\[Errno -?\d+\] ")
_QUIET_S = (3, 60, 60, 60)
"""Three heartbeats may fail to come before a stream counts as dead."""


def find_worker(control: Path | None) -> Path:
    """Return the control socket of the worker that is meant.

    Args:
        control: the one the user named, if any.

    Raises:
        UnreachableError: no worker runs.
        UsageError: several run, and none was named.
    """
    if control is not None:
        return control
    running = paths.running_workers()
    if not running:
        raise UnreachableError("no running worker was found", code="worker-not-found")
    if len(running) > 1:
        several = ", ".join(map(str, running))
        raise UsageError(f"several workers run: {several}", code="worker-ambiguous")
    return running[0]


async def running_config() -> Path | None:
    """Return the configuration of the worker that runs here; None where there is not just one."""
    running = await beside("workers", paths.running_workers)
    if len(running) != 1:
        return None
    try:
        async with ControlClient(running[0]) as client:
            return Path((await client.status())["config"])
    except MmpushError:
        return None


class ControlClient:
    """Asks one worker.

    Args:
        path: its control socket.
    """

    def __init__(self, path: Path) -> None:
        # It takes a tenth of a second to load, which the first frame of a screen need not wait.
        import httpx

        self.path = path
        self._http = httpx.AsyncClient(
            # There is no TLS on a Unix socket; reading the roots for it costs a tenth of a second.
            transport=httpx.AsyncHTTPTransport(uds=str(path), verify=False),
            base_url=_BASE,
            timeout=_TIMEOUTS_S,
            trust_env=False,
        )

    async def __aenter__(self) -> "ControlClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def status(self) -> dict[str, Any]:
        """Return the body of ``GET /status``.

        Raises:
            UnreachableError: nobody answers on the socket.
            FailedError: the worker declined.
        """
        return await self._ask("GET", "/status")

    async def deliveries(self, limit: int = 200) -> dict[str, Any]:
        """Return the body of ``GET /deliveries``; raises as :meth:`status`."""
        return await self._ask("GET", f"/deliveries?limit={limit}")

    async def command(self, name: str) -> dict[str, Any]:
        """Give an order: ``reload``, ``drain`` or ``stop``; raises as :meth:`status`."""
        return await self._ask("POST", f"/{name}")

    async def release(self, target: str) -> bool:
        """Let ``target`` pass held removals on; false where it held none. Raises as status."""
        answer = await self._ask("POST", f"/release?{urlencode({'target': target})}")
        return bool(answer["released"])

    @asynccontextmanager
    async def events(self, after: str = "") -> AsyncIterator[AsyncIterator[Event]]:
        """Open the event stream; inside, events come until the worker ends.

        Args:
            after: ``RUN:SEQ`` of the last event seen; empty for only what is new.

        Raises:
            UnreachableError: nobody answers on the socket, or the stream breaks.
        """
        params = {"after": after} if after else {}
        with self._translated():
            async with self._http.stream(
                "GET", "/events", params=params, timeout=_QUIET_S
            ) as response:
                if response.status_code != 200:
                    raise FailedError(f"the worker answered {response.status_code} to /events")
                yield self._read(response)

    async def _read(self, response: "httpx.Response") -> AsyncIterator[Event]:
        decoder = msgspec.json.Decoder(Event)
        with self._translated():
            async for line in response.aiter_lines():
                if line:
                    yield decoder.decode(line)

    async def _ask(self, method: str, path: str) -> dict[str, Any]:
        with self._translated():
            response = await self._http.request(method, path)
        try:
            document: dict[str, Any] = response.json()
        except ValueError as error:
            raise FailedError(
                f"what listens on {self.path} is no worker of mmpush-tui", code="not-a-worker"
            ) from error
        if response.status_code >= 400:
            raise FailedError("the worker declined", why=str(document.get("error", "")))
        return document

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except (httpx.TransportError, msgspec.DecodeError) as error:
            raise UnreachableError(
                f"the worker at {self.path} does not answer",
                why=_ERRNO.sub("", str(error)) or type(error).__name__,
                fix="Is it running? mmpush-tui serve starts one.",
                code="worker-unreachable",
            ) from error
