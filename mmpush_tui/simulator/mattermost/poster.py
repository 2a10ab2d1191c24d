"""A Mattermost server's push side: posts what the real one posts, reads answers as it does.

Shapes, headers, timeouts and the handling of answers follow the server's push code, versions
10 and 11. What a real server would not send is not sent here.
"""

import asyncio
import dataclasses
import random
import time
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from mmpush_tui.protocol import gojson
from mmpush_tui.text import clean

USER_AGENT: Final = "Mattermost-Bot/1.1"
CONNECT_TIMEOUT_S: Final = 3.0
REQUEST_TIMEOUT_S: Final = 30.0
IN_FLIGHT: Final = 16
"""Notifications under way at once: eight for each of two cores."""
_ALPHABET: Final = "ybndrfg8ejkmcpqxot1uwisza345h769"

_ORDER: Final = (
    "ack_id", "platform", "server_id", "device_id", "post_id", "category", "sound", "message",
    "badge", "cont_ava", "team_id", "channel_id", "root_id", "channel_name", "type", "sub_type",
    "transport", "sender_id", "sender_name", "override_username", "override_icon_url",
    "from_webhook", "version", "is_crt_enabled", "is_id_loaded", "signature",
)  # fmt: skip
_ALWAYS: Final = {
    "ack_id": "", "platform": "", "server_id": "", "device_id": "", "post_id": "",
    "is_crt_enabled": False, "is_id_loaded": False, "signature": "",
}  # fmt: skip


def new_id(source: random.Random) -> str:
    """Return an id as Mattermost makes them: 26 characters of its own base 32."""
    return "".join(source.choices(_ALPHABET, k=26))


@dataclass(slots=True)
class PhoneSession:
    """A logged-in phone as the server keeps it.

    Attributes:
        device_id: ``PLATFORM:TOKEN``, as the app registered it, ``apple_rn-v2:3f9c…``.
        voip_device_id: the same for calls, of an iPhone.
        is_removed: the proxy once answered REMOVE; nothing is sent any more until a new login.
    """

    device_id: str = field(repr=False)
    voip_device_id: str = field(default="", repr=False)
    is_removed: bool = False

    @property
    def platform(self) -> str:
        """The platform as posted, ``apple_rn-v2``."""
        return self.device_id.partition(":")[0]

    @property
    def type(self) -> str:
        """The platform without its app version, ``apple_rn``."""
        return self.platform.partition("-v")[0]


@dataclass(slots=True)
class Tally:
    """What became of the notifications that were posted."""

    sent: int = 0
    ok: int = 0
    removed: int = 0
    failed: int = 0
    unanswered: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return dataclasses.asdict(self)


class MattermostStandIn:
    """Posts notifications and receipts to a push proxy.

    Args:
        proxy_url: the push proxy, as in EmailSettings.PushNotificationServer.
        seed: ids follow from it; the signing key does not.
    """

    def __init__(self, proxy_url: str, seed: int = 1) -> None:
        self.turn_to(proxy_url)
        self._random = random.Random(f"{seed}/mattermost")  # noqa: S311 - made-up ids
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self.server_id = self.new_id()
        self.total = Tally()
        self.by_platform: dict[str, Tally] = {}
        self.receipts_ok = 0
        self.receipts_failed = 0
        self.errors: list[str] = []
        """What the server would have logged, newest last."""
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(REQUEST_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=100, keepalive_expiry=90),
            follow_redirects=False,
            trust_env=False,
        )
        self._client.headers = httpx.Headers({"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"})
        # Go sends no others; above all no Content-Type.
        del self._client.headers["accept"], self._client.headers["connection"]

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The key that verifies ``signature``; the real one is in the client configuration."""
        return self._key.public_key()

    def turn_to(self, proxy_url: str) -> None:
        """Post to another push proxy from now on, as after a change of the setting."""
        self._url = proxy_url.rstrip("/")

    def new_id(self) -> str:
        """Return a fresh Mattermost id."""
        return new_id(self._random)

    def compose(self, session: PhoneSession, **fields: Any) -> dict[str, Any]:
        """Return a notification for ``session``, in the server's field order.

        Every kind but ``test`` gets a fresh ack id and is signed. Empty fields that the server
        leaves out are left out.
        """
        is_voip = fields.get("transport") == "voip" and session.voip_device_id
        platform, _, token = (session.voip_device_id if is_voip else session.device_id).partition(
            ":"
        )
        values = _ALWAYS | {"platform": platform, "device_id": token, "server_id": self.server_id}
        values |= fields
        if values["type"] != "test":
            values["ack_id"] = self.new_id()
            claims = {"ack_id": values["ack_id"], "device_id": token}
            values["signature"] = jwt.encode(claims, self._key, algorithm="ES256")
        return {
            name: values[name]
            for name in _ORDER
            if name in _ALWAYS or values.get(name) not in ("", 0, None, False)
        }

    async def post(self, session: PhoneSession, notification: dict[str, Any]) -> str:
        """Post one notification and do with the answer what the server does.

        Returns:
            ``ok``, ``removed``, ``failed`` or ``unanswered``.
        """
        async with self._slots:
            result, error = await self._send("/api/v1/send_push", notification)
        for tally in (self.total, self.by_platform.setdefault(session.type, Tally())):
            tally.sent += 1
            setattr(tally, result, getattr(tally, result) + 1)
        if result == "removed":
            session.is_removed = True
        if error:
            self.errors = [*self.errors[-99:], error]
        return result

    async def acknowledge(self, ack_id: str, platform: str, kind: str, post_id: str = "") -> None:
        """Forward a phone's receipt, as ``POST /notifications/ack`` makes the server do."""
        ack: dict[str, Any] = {
            "id": ack_id,
            "received_at": int(time.time() * 1000),
            "platform": "ios" if platform.startswith("apple") else "android",
            "type": kind,
        }
        if post_id:
            ack["post_id"] = post_id
        ack["is_id_loaded"] = False
        result, _error = await self._send("/api/v1/ack", ack)
        if result == "ok":
            self.receipts_ok += 1
        else:
            self.receipts_failed += 1

    async def aclose(self) -> None:
        """Close the connections to the proxy."""
        await self._client.aclose()

    async def _send(self, path: str, document: dict[str, Any]) -> tuple[str, str]:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                response = await self._client.post(
                    self._url + path, content=gojson.encode(document)
                )
        except (httpx.HTTPError, TimeoutError) as error:
            return "unanswered", clean(error, 200) or type(error).__name__
        if response.status_code != 200:
            return "failed", f"response returned error code: {response.status_code}"
        try:
            answer = msgspec.json.decode(response.content, type=dict[str, str])
        except (ValueError, RecursionError) as error:
            return "failed", f"failed to decode from JSON: {clean(error, 200)}"
        match answer.get("status"):
            case "REMOVE":
                return "removed", "device was reported as removed"
            case "FAIL":
                return "failed", clean(answer.get("error", ""), 500)
            case _:
                return "ok", ""
