"""A trial push posted, followed through a worker on this host, and judged."""

import asyncio
import contextlib
import re
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from mmpush_tui.causes import unreached
from mmpush_tui.configuration import config as configuration
from mmpush_tui.errors import MmpushError, UnreachableError, UsageError
from mmpush_tui.exits import Exit
from mmpush_tui.http2.connect import client_context
from mmpush_tui.protocol import paths
from mmpush_tui.protocol.event import Event
from mmpush_tui.protocol.wire import PushNotification, split_platform
from mmpush_tui.proxy.door.request_access import in_address
from mmpush_tui.tasks import Tasks, beside
from mmpush_tui.text import clean, presentable, short_token
from mmpush_tui.troubleshooting.catalogue import Entry
from mmpush_tui.troubleshooting.lookup import by_code, by_reason, find_entries
from mmpush_tui.watching import client as control_client
from mmpush_tui.watching.trial import Device, Result, compose

ACK_WAIT_S: Final = 20.0
_NO_SIGNATURE: Final = (
    "It is not signed by a Mattermost server, so apps may refuse to show it; what counts here "
    "is that Apple or Google accepted it."
)


async def via_proxy(
    device: Device, kind: str, url: str | None, control: Path | None, ca_file: Path | None
) -> Result:
    """Post a push to a push proxy and follow it where that is a worker on this host.

    Args:
        device: the phone.
        kind: the push's type.
        url: the push proxy; None for the worker that runs here.
        control: that worker's control socket; None to look for it.
        ca_file: PEM file trusted beside the system's roots.

    Raises:
        UnreachableError: nobody answers.
        UsageError: several workers run and none is named.
    """
    socket_path = _follow_at(url, control)
    push = compose(device, kind)
    if socket_path is None:
        assert url is not None  # noqa: S101 - _follow_at finds a socket or raises without one
        answer = await _post(url, push, ca_file)
        return _judged(device, push, url, answer, None, None)
    async with control_client.ControlClient(socket_path) as client:
        status = await client.status()
        post_to = url if url is not None else await beside("worker-address", _let_in, status)
        url = url or _reachable(status["listen"])
        async with client.events() as events:
            following = _Following(events, push)
            tasks = Tasks(lambda _name, _error: None)
            tasks.spawn("follow", following.run())
            try:
                answer = await _post(post_to, push, ca_file)
                wants_ack = answer.get("status") == "OK" and bool(push.ack_id)
                wait_s = ACK_WAIT_S if wants_ack else 2.0
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await (following.acknowledged if wants_ack else following.answered).wait()
            finally:
                await tasks.aclose()
    return _judged(device, push, url, answer, following.delivery, following.acknowledged_ms)


async def via_server(device: Device, url: str, ca_file: Path | None) -> Result:
    """Let a Mattermost server send its own test push, as the app makes it do at log-in.

    Raises:
        UnreachableError: the server does not answer.
    """
    target = f"{url.rstrip('/')}/api/v4/system/ping"
    params = {"device_id": f"{device.platform}:{device.token}"}
    response = await _http("GET", target, ca_file, params=params)
    try:
        word = str(response.json().get("CanReceiveNotifications", ""))
    except (ValueError, AttributeError):
        word = ""
    codes = {"false": "device-test-push-refused", "unknown": "device-test-push-unknown"}
    summaries = {
        "true": "Mattermost sent a test push and the push proxy accepted it.",
        "false": "Mattermost says that this phone cannot receive notifications.",
        "unknown": "Mattermost tried a test push and got no good answer from the push proxy.",
    }
    other = f"The server answered {response.status_code} without a word about notifications."
    return Result(
        via="server", target=device.type, type="test", device=short_token(device.token),
        at=_shown(url),
        answer={"status": word or f"HTTP {response.status_code}"},
        summary=summaries.get(word, other), explanation=by_code(codes.get(word, "")),
        exit_code=Exit.OK if word == "true" else Exit.FAILED,
    )  # fmt: skip


class _Following:
    """Finds the trial among a worker's events."""

    def __init__(self, events: Any, push: PushNotification) -> None:
        self._events = events
        self._mark = (split_platform(push.platform)[0], push.type, short_token(push.device_id))
        self.delivery: Event | None = None
        self.acknowledged_ms: float | None = None
        self.answered = asyncio.Event()
        self.acknowledged = asyncio.Event()

    async def run(self) -> None:
        with contextlib.suppress(MmpushError):
            async for event in self._events:
                mark = (event.platform, event.type, event.device)
                if event.kind == "delivery" and event.phase == "answered" and mark == self._mark:
                    self.delivery = self.delivery or event
                    self.answered.set()
                elif event.kind == "ack" and self.delivery and event.id == self.delivery.id:
                    self.acknowledged_ms = event.ms.get("device")
                    self.acknowledged.set()
        self.answered.set()
        self.acknowledged.set()


def _follow_at(url: str | None, control: Path | None) -> Path | None:
    """Return the control socket to follow the trial on; None where the proxy is not ours."""
    if control is not None:
        return control
    if url is None:
        return control_client.find_worker(None)
    running = paths.running_workers()
    port = url.rstrip("/").rpartition(":")[2]
    return next((path for path in running if path.stem == port), None)


def _reachable(listen: str) -> str:
    """Return an address to post to for where a worker says it listens."""
    return listen.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//127.0.0.1:")


def _let_in(status: dict[str, Any]) -> str:
    """Return the worker's address with the path and the credentials that it asks for.

    Reads its configuration; where that cannot be done, the worker's refusal says what is missing.
    """
    url: str = _reachable(status["listen"])
    try:
        config = configuration.load(Path(status["config"]))
    except MmpushError:
        return url
    scheme, colon, rest = url.partition("://")
    if not colon:
        return url
    user, prefix = in_address(config)
    return f"{scheme}://{user}{rest}{prefix}"


async def _post(url: str, push: PushNotification, ca_file: Path | None) -> dict[str, str]:
    target = f"{url.rstrip('/')}/api/v1/send_push"
    response = await _http("POST", target, ca_file, content=msgspec.json.encode(push))
    if response.status_code != 200:
        return {"status": "FAIL", "error": f"response returned error code: {response.status_code}"}
    try:
        answer = msgspec.json.decode(response.content, type=dict[str, str])
    except (ValueError, RecursionError):
        return {"status": "FAIL", "error": "failed to decode from JSON: this is no push proxy"}
    return {key: presentable(value, 600) for key, value in answer.items()}


def _shown(url: str) -> str:
    """Return an address without user and password."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)


async def _http(method: str, url: str, ca_file: Path | None, **arguments: Any) -> httpx.Response:
    tls = client_context(str(ca_file) if ca_file else "")
    tls.set_alpn_protocols(["http/1.1"])
    address = _shown(url.partition("/api/")[0])
    transport = None
    if url.startswith("unix:"):
        transport = httpx.AsyncHTTPTransport(uds=address.removeprefix("unix:"))
        url = f"http://proxy{url.removeprefix(address)}"
    timeout = httpx.Timeout(30, connect=5)
    try:
        client = httpx.AsyncClient(verify=tls, transport=transport, timeout=timeout)
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise UsageError(
            "a proxy variable of the environment cannot be used",
            why=clean(error, 200),
            code="proxy-variable",
        ) from error
    try:
        async with client as http:
            return await http.request(method, url, **arguments)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreachableError(
            f"{address} does not answer",
            why=unreached(error),
            code="send-unreachable",
        ) from error


def _judged(
    device: Device, push: PushNotification, url: str, answer: dict[str, str],
    delivery: Event | None, acknowledged_ms: float | None,
) -> Result:  # fmt: skip
    whose = "Apple" if device.is_apple else "Google"
    reason = delivery.reason if delivery else ""
    notes: list[str] = []
    entry: Entry | None = None
    match answer.get("status"):
        case "FAIL":
            error = answer.get("error", "")
            summary = f"FAIL: {error or 'without a reason'}"
            matches = find_entries(error)
            entry = by_reason(reason) or (matches[0].entry if matches else None)
        case "REMOVE":
            summary = f"REMOVE: {whose} says that this device token is dead."
            entry = by_reason(reason) or by_code("mattermost-device-removed")
        case _:
            summary = f"OK: {whose} accepted the push."
            if acknowledged_ms is not None:
                summary = f"OK: the phone confirmed the push after {acknowledged_ms:.0f} ms."
            elif push.ack_id:
                notes.append(_NO_SIGNATURE)
                if delivery is not None:
                    notes.append(f"No receipt came from the phone within {ACK_WAIT_S:.0f} s.")
    if delivery is not None:
        tries = "1 try" if delivery.tries == 1 else f"{delivery.tries} tries"
        total = f"{delivery.ms.get('total', 0):.1f} ms"
        upstream_id = f"{whose} id {delivery.upstream_id or '-'}"
        notes.insert(0, f"delivery {delivery.id}, {tries}, {total}, {upstream_id}")
    return Result(
        via="proxy", target=device.type, type=push.type, device=short_token(device.token),
        at=_shown(url), answer=answer, delivery=delivery, acknowledged_ms=acknowledged_ms,
        summary=summary, notes=notes, explanation=entry,
        exit_code=Exit.OK if answer.get("status") not in ("FAIL", "REMOVE") else Exit.FAILED,
    )  # fmt: skip
