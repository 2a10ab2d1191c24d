"""One push on trial: made, posted, followed to its end and explained."""

import asyncio
import contextlib
import secrets
import string
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from mmpush_tui.errors import MmpushError, UnreachableError, UsageError
from mmpush_tui.exits import Exit
from mmpush_tui.proxy import client as control_client
from mmpush_tui.proxy import paths
from mmpush_tui.proxy.events import Event
from mmpush_tui.proxy.wire import PushNotification, split_platform
from mmpush_tui.text import clean, presentable, redact, short_token
from mmpush_tui.troubleshooting.catalogue import Entry
from mmpush_tui.troubleshooting.lookup import by_code, by_reason, find

ACK_WAIT_S: Final = 20.0
_ID_ALPHABET: Final = string.ascii_lowercase + string.digits
_TRIAL_TEXT: Final = "Test push from mmpush-tui"
_NO_SIGNATURE: Final = (
    "It is not signed by a Mattermost server, so apps may refuse to show it; what counts here "
    "is that Apple or Google accepted it."
)


class Device(msgspec.Struct, frozen=True):
    """A device id as Mattermost keeps it, taken apart.

    Attributes:
        platform: with its app version, ``apple_rn-v2``.
        token: the device token.
    """

    platform: str
    token: str

    def __repr__(self) -> str:
        return f"Device({self.platform!r}, {short_token(self.token)!r})"

    @property
    def type(self) -> str:
        """The platform without its version."""
        return split_platform(self.platform)[0]

    @property
    def is_apple(self) -> bool:
        """Whether it is an Apple device."""
        return self.type.startswith("apple")


class Result(msgspec.Struct, kw_only=True):
    """What came of a trial; the JSON of ``send``, schema 1.

    Attributes:
        via: ``proxy``, ``server`` or ``dry``.
        target: the device's platform, ``apple_rn``.
        type: the kind of push.
        device: the token, shortened.
        at: the push proxy or server that was asked; empty for dry.
        answer: what it said: status and error.
        delivery: the worker's account of it, where it runs here; else None.
        acknowledged_ms: milliseconds until the phone's receipt; None where none came.
        summary: what happened, in one sentence.
        notes: what one should know beside it.
        explanation: the catalogue's entry for a failure; None where there is none.
        request: for dry, what would be sent: method, path, headers, body.
    """

    via: str
    target: str
    type: str
    device: str
    summary: str
    exit_code: int
    at: str = ""
    answer: dict[str, str] = {}
    delivery: Event | None = None
    acknowledged_ms: float | None = None
    notes: list[str] = []
    explanation: Entry | None = None
    request: dict[str, Any] | None = None
    schema: int = 1
    kind: str = "send"

    def to_json(self) -> str:
        """Return it on one line."""
        return msgspec.json.encode(self).decode()

    def to_text(self) -> str:
        """Return it for people."""
        lines = [self.summary, *(f"  {note}" for note in self.notes)]
        if self.request is not None:
            lines += [f"  {self.request['method']} {self.request['url']}"]
            lines += [f"  {name}: {value}" for name, value in self.request["headers"].items()]
            lines += ["", f"  {self.request['body']}"]
        if self.explanation is not None:
            lines += ["", f"  {self.explanation.title}", f"  {self.explanation.cause}"]
            lines += [f"  {n}. {step}" for n, step in enumerate(self.explanation.fix, 1)]
            lines += [f"  more: mmpush-tui explain {self.explanation.code}"]
        return "\n".join(clean(line, 6000) if i else line for i, line in enumerate(lines))


def read_device(path: Path) -> Device:
    """Return the device id in a file, or on standard input for ``-``.

    Raises:
        UsageError: there is none, or it cannot be one; the message says what it looks like.
    """
    try:
        if str(path) == "-":
            text = sys.stdin.read(20_000)
        else:
            with path.open(encoding="utf-8", errors="replace") as file:
                text = file.read(20_000)
    except OSError as error:
        raise UsageError(
            f"device file {path}: cannot be read", why=error.strerror or "", code="device-file"
        ) from error
    words = text.split()
    if len(words) != 1:
        raise UsageError(
            f"the device file holds {len(words)} words",
            why="a device id is one word without blanks",
            fix="Copy it from the Sessions table: apple_rn-v2:TOKEN or android_rn-v2:TOKEN.",
            code="device-shape",
        )
    platform, colon, token = words[0].partition(":")
    if not colon or not platform.startswith(("apple_", "android_")):
        raise UsageError(
            "the device id has no platform in front",
            fix="Mattermost keeps it as apple_rn-v2:TOKEN or android_rn-v2:TOKEN.",
            code="device-platform",
        )
    if token in ("", "null"):
        raise UsageError(
            "the device id has no token: the app had none when it logged in",
            fix="Open the app again, allow notifications, and look up the session anew.",
            code="device-null",
        )
    return Device(clean(platform, 60), token)


def dry(device: Device, kind: str, topic: str) -> Result:
    """Return what would go to Apple or Google, without sending anything."""
    from mmpush_tui.proxy.android import payload as android
    from mmpush_tui.proxy.apple import payload as apple

    push = compose(device, kind)
    if device.is_apple:
        made = apple.build(push, split_platform(device.platform)[1], topic or "BUNDLE-ID")
        limit = 5120 if made.push_type == "voip" else 4096
        request: dict[str, Any] = {
            "method": "POST",
            "url": f"https://api.push.apple.com/3/device/{short_token(device.token)}",
            "headers": {
                "authorization": "bearer (provider token)",
                "apns-topic": made.topic,
                "apns-push-type": made.push_type,
                "apns-priority": "10",
            },
        }
        body = made.body
    else:
        limit = 4096
        body = android.build(push)
        request = {
            "method": "POST",
            "url": "https://fcm.googleapis.com/v1/projects/PROJECT-ID/messages:send",
            "headers": {
                "authorization": "Bearer (access token)",
                "content-type": "application/json",
            },
        }
    request["body"] = redact(body.decode())
    fits = len(body) <= limit
    return Result(
        via="dry", target=device.type, type=kind, device=short_token(device.token),
        summary=f"Nothing was sent. {len(body)} of {limit} bytes would go out"
        + (":" if fits else ", too many:"),
        exit_code=Exit.OK if fits else Exit.FAILED,
        request=request,
    )  # fmt: skip


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
        url = url or _reachable(status["listen"])
        async with client.events() as events:
            following = _Following(events, push)
            async with asyncio.TaskGroup() as group:
                watcher = group.create_task(following.run())
                answer = await _post(url, push, ca_file)
                wants_ack = answer.get("status") == "OK" and bool(push.ack_id)
                wait_s = ACK_WAIT_S if wants_ack else 2.0
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await (following.acknowledged if wants_ack else following.answered).wait()
                watcher.cancel()
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
        said = str(response.json().get("CanReceiveNotifications", ""))
    except (ValueError, AttributeError):
        said = ""
    codes = {"false": "mobile-cannot-be-received", "unknown": "mobile-could-not-be-received"}
    summaries = {
        "true": "Mattermost sent a test push and the push proxy accepted it.",
        "false": "Mattermost says that this phone cannot receive notifications.",
        "unknown": "Mattermost tried a test push and got no good answer from the push proxy.",
    }
    return Result(
        via="server", target=device.type, type="test", device=short_token(device.token), at=url,
        answer={"status": said or f"HTTP {response.status_code}"},
        summary=summaries.get(
            said, f"The server answered {response.status_code} without a word about notifications."
        ),
        explanation=by_code(codes[said]) if said in codes else None,
        exit_code=Exit.OK if said == "true" else Exit.FAILED,
    )  # fmt: skip


def compose(device: Device, kind: str) -> PushNotification:
    """Return the push that is tried on ``device``.

    A test push has no ack id, as Mattermost's has none.
    """
    push = PushNotification(
        platform=device.platform,
        device_id=device.token,
        server_id="".join(secrets.choice(_ID_ALPHABET) for _ in range(26)),
        type=kind,
        version="v2",
    )
    if kind == "test":
        push.version, push.badge = "2", -1
        return push
    push.ack_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(26))
    if kind in ("message", "session"):
        push.message, push.category = _TRIAL_TEXT, "CAN_REPLY" if kind == "message" else ""
    if kind in ("clear", "update_badge"):
        push.cont_ava = 1
    return push


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
        return control_client.find(None)
    running = paths.running()
    port = url.rstrip("/").rpartition(":")[2]
    return next((path for path in running if path.stem == port), None)


def _reachable(listen: str) -> str:
    """Return an address to post to for where a worker says it listens."""
    return listen.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//127.0.0.1:")


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


async def _http(method: str, url: str, ca_file: Path | None, **arguments: Any) -> Any:
    import httpx

    from mmpush_tui.http2.connect import client_context

    tls = client_context(str(ca_file) if ca_file else "")
    tls.set_alpn_protocols(["http/1.1"])
    try:
        async with httpx.AsyncClient(
            verify=tls, timeout=httpx.Timeout(30, connect=5), follow_redirects=False
        ) as http:
            return await http.request(method, url, **arguments)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreachableError(
            f"{clean(url.partition('/api/')[0], 200)} does not answer",
            why=clean(error, 300) or type(error).__name__,
            fix="Check the address and that the service runs.",
            code="send-unreachable",
        ) from error


def _judged(
    device: Device, push: PushNotification, url: str, answer: dict[str, str],
    delivery: Event | None, acknowledged_ms: float | None,
) -> Result:  # fmt: skip
    whose = "Apple" if device.is_apple else "Google"
    notes: list[str] = []
    entry: Entry | None = None
    match answer.get("status"):
        case "FAIL":
            error = answer.get("error", "")
            summary = f"FAIL: {error or 'without a reason'}"
            matches = find(error)
            reason = delivery.reason if delivery else ""
            entry = by_reason(reason) or (matches[0].entry if matches else None)
        case "REMOVE":
            summary = f"REMOVE: {whose} says that this device token is dead."
            reason = delivery.reason if delivery else ""
            entry = by_reason(reason) or by_code("device-reported-as-removed")
        case _:
            summary = f"OK: {whose} accepted the push."
            if acknowledged_ms is not None:
                summary = f"OK: the phone confirmed the push after {acknowledged_ms:.0f} ms."
            elif push.ack_id:
                notes.append(_NO_SIGNATURE)
                if delivery is not None:
                    notes.append(f"No receipt came from the phone within {ACK_WAIT_S:.0f} s.")
    if delivery is not None:
        notes.insert(
            0,
            f"delivery {delivery.id}, {delivery.tries} tries, "
            f"{delivery.ms.get('total', 0):.1f} ms, {whose} id {delivery.upstream_id or '-'}",
        )
    return Result(
        via="proxy", target=device.type, type=push.type, device=short_token(device.token),
        at=url, answer=answer, delivery=delivery, acknowledged_ms=acknowledged_ms,
        summary=summary, notes=notes, explanation=entry,
        exit_code=Exit.OK if answer.get("status") not in ("FAIL", "REMOVE") else Exit.FAILED,
    )  # fmt: skip
