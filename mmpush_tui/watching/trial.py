"""One push on trial: read, made, and what came of it."""

import contextlib
import secrets
import string
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from mmpush_tui.configuration.config import ProxyConfig
from mmpush_tui.credentials.account import load_account
from mmpush_tui.errors import ConfigError, UsageError
from mmpush_tui.exits import Exit
from mmpush_tui.protocol.event import Event
from mmpush_tui.protocol.wire import PushNotification, split_platform
from mmpush_tui.proxy.android import payload as android
from mmpush_tui.proxy.apple import payload as apple
from mmpush_tui.proxy.targets import APPLE_PRODUCTION, APPLE_SANDBOX, GOOGLE, VOIP_ALIASES
from mmpush_tui.text import clean, redact, short_token
from mmpush_tui.troubleshooting.catalogue import Entry

_ID_ALPHABET: Final = string.ascii_lowercase + string.digits
_TRIAL_TEXT: Final = "Test push from mmpush-tui"


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
        details = list(self.notes)
        if self.request is not None:
            details.append(f"{self.request['method']} {self.request['url']}")
            details += [f"{name}: {value}" for name, value in self.request["headers"].items()]
            details += ["", self.request["body"]]
        if self.explanation is not None:
            details += ["", self.explanation.title, self.explanation.cause]
            details += [f"{number}. {step}" for number, step in enumerate(self.explanation.fix, 1)]
            details.append(f"more: mmpush-tui explain {self.explanation.code}")
        indented = [f"  {clean(detail, 6000)}".rstrip() for detail in details]
        return "\n".join([clean(self.summary), *indented])


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
            code="device-shape",
        )
    platform, colon, token = words[0].partition(":")
    if not colon or not platform.startswith(("apple_", "android_")):
        raise UsageError("the device id has no platform in front", code="device-platform")
    if token in ("", "null"):
        what = "the device id has no token: the app had none when it logged in"
        raise UsageError(what, code="device-null")
    return Device(clean(platform, 60), token)


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """Where a push would go, as far as it is known.

    Attributes:
        endpoint: Apple's or Google's address.
        app: the iOS app's bundle id, or the Android app's Firebase project.
    """

    endpoint: str
    app: str


def aim(device: Device, config: ProxyConfig | None, topic: str = "") -> Aim:
    """Return where the worker would send what is for ``device``. Reads the service account.

    Args:
        device: whom it is for.
        config: the worker's configuration, if there is one.
        topic: what to send an Apple device instead of the configured topic.
    """
    type_ = device.type
    if device.is_apple:
        targets = {target.type: target for target in config.apple} if config else {}
        ios = targets.get(type_) or targets.get(VOIP_ALIASES.get(type_, ""))
        usual = APPLE_SANDBOX if ios and ios.sandbox else APPLE_PRODUCTION
        named = topic or (ios.topic if ios else "")
        return Aim(endpoint=(ios.endpoint if ios else "") or usual, app=named or "BUNDLE-ID")
    droid = next((at for at in config.android if at.type == type_), None) if config else None
    project = ""
    if droid is not None and droid.service_account_file:
        with contextlib.suppress(ConfigError):
            project = clean(load_account(droid.service_account_file).project_id, 100)
    endpoint = (droid.endpoint if droid else "") or GOOGLE
    return Aim(endpoint=endpoint, app=project or "PROJECT-ID")


def dry(device: Device, kind: str, aim: Aim) -> Result:
    """Return what would go to Apple or Google, without sending anything."""
    push = compose(device, kind)
    endpoint = aim.endpoint.rstrip("/")
    if device.is_apple:
        notification = apple.build(push, split_platform(device.platform)[1], aim.app)
        limit = 5120 if notification.push_type == "voip" else 4096
        request: dict[str, Any] = {
            "method": "POST",
            "url": f"{endpoint}/3/device/{short_token(device.token)}",
            "headers": {
                "authorization": "bearer (provider token)",
                "apns-topic": notification.topic,
                "apns-push-type": notification.push_type,
                "apns-priority": "10",
            },
        }
        body = notification.body
    else:
        limit = 4096
        body = android.build(push)
        request = {
            "method": "POST",
            "url": f"{endpoint}/v1/projects/{aim.app}/messages:send",
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
