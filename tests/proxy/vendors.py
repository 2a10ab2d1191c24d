"""A worker between an Apple and a Google that remember what they were asked."""

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx
import msgspec
import tomli_w

from mmpush_tui.protocol.event import Event
from mmpush_tui.simulator.apns.rules import ApnsState
from mmpush_tui.simulator.credentials import TOPIC, AppleKey, GoogleAccount
from mmpush_tui.simulator.fcm.answers import error_document
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.simulator.net.h2connection import H2Connection
from mmpush_tui.simulator.phones import Phone, Phones
from mmpush_tui.simulator.standins.apns import ApnsStandIn
from mmpush_tui.simulator.standins.fcm import FcmStandIn
from mmpush_tui.watching.client import ControlClient
from mmpush_tui.watching.process import WorkerProcess
from tests.accounts import account

PROJECT = "mmpush-demo"


class Apple(ApnsStandIn):
    """APNs that keeps the provider token of every push, oldest first, and answers when it may."""

    def __init__(self, ca: ThrowAwayCA, keys: Sequence[AppleKey], phones: Phones) -> None:
        super().__init__(ca, keys, phones)
        self.tokens: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def honest(
        self, request: ServedRequest, connection: H2Connection[ApnsState]
    ) -> ServedResponse:
        self.tokens.append((request.value("authorization") or "").removeprefix("bearer "))
        async with asyncio.timeout(60):
            await self.may_answer.wait()
        return await super().honest(request, connection)


class Mood(StrEnum):
    """How the token server treats a request."""

    HONEST = "honest"
    WAITS = "waits until it may answer"
    HANGS = "hangs"
    REFUSES = "refuses"
    FAILS = "fails"


class Google(FcmStandIn):
    """FCM whose token server has moods, counts requests and grants tokens of any lifetime."""

    def __init__(self, ca: ThrowAwayCA, account: GoogleAccount, phones: Phones) -> None:
        super().__init__(ca, account, phones)
        self.mood = Mood.HONEST
        self.may_answer = asyncio.Event()
        self.asked = 0
        self.lifetime: object = 3599

    async def honest(
        self, request: ServedRequest, connection: H2Connection[None]
    ) -> ServedResponse:
        if request.path != "/token":
            return await super().honest(request, connection)
        self.asked += 1
        match self.mood:
            case Mood.HANGS:
                await asyncio.sleep(600)
            case Mood.WAITS:
                async with asyncio.timeout(60):
                    await self.may_answer.wait()
            case Mood.REFUSES:
                words = "Invalid grant: account not found"
                return error_document(400, {"error": "invalid_grant", "error_description": words})
            case Mood.FAILS:
                return error_document(503, {"error": "backend_error"})
        granted = await super().honest(request, connection)
        content = json.loads(granted.body) | {"expires_in": self.lifetime}
        return dataclasses.replace(granted, data=(json.dumps(content).encode(),))


class Vendors:
    """Both, their phones, and the configuration that leads a worker to them.

    Args:
        folder: where credentials and configuration are written.
        keys: the keys that Apple knows; the first is in the configuration.
    """

    def __init__(self, folder: Path, keys: Sequence[AppleKey] = ()) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.phones = Phones()
        self.keys = list(keys) or [AppleKey.make()]
        self.account = account()
        self._ca = ThrowAwayCA()
        self.ca_file = self._ca.write_root(folder / "ca.pem")
        self.apple = Apple(self._ca, self.keys, self.phones)
        self.google = Google(self._ca, self.account, self.phones)

    async def __aenter__(self) -> "Vendors":
        await self.apple.start()
        await self.google.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.apple.aclose(abort=True)
        await self.google.aclose(abort=True)

    def apple_entry(self, key: AppleKey | None = None, **changes: Any) -> dict[str, Any]:
        """Return a target for ``key``, whose file is written."""
        key = key or self.keys[0]
        return {
            "type": "apple_rn", "topic": TOPIC, "auth_key_file": str(key.write(self.folder)),
            "auth_key_id": key.key_id, "team_id": key.team_id, "endpoint": self.apple.endpoint,
            "ca_file": str(self.ca_file),
        } | changes  # fmt: skip

    def android_entry(self, token_uri: str = "", **changes: Any) -> dict[str, Any]:
        """Return a target for the account, whose file is written."""
        account = self.account.at(token_uri or self.google.token_uri)
        return {
            "type": "android_rn", "service_account_file": str(account.write(self.folder)),
            "endpoint": self.google.endpoint, "ca_file": str(self.ca_file),
        } | changes  # fmt: skip

    def write(
        self,
        *apple: dict[str, Any],
        android: dict[str, Any] | None = None,
        connect_to: dict[str, str] | None = None,
        **proxy: Any,
    ) -> None:
        """Write the configuration: these Apple targets, and the Android target unless given."""
        listed = [self.android_entry() if android is None else android]
        common = {
            "listen_address": "127.0.0.1:0", "throttle_per_sec": 300,
            "throttle_memory_store_size": 50000,
        }  # fmt: skip
        made = {
            "proxy": common | proxy | {"apple": list(apple), "android": listed},
            "network": {"connect_to": connect_to or {}},
        }
        self.config.write_text(tomli_w.dumps(made), encoding="utf-8")


def notification(token: str, platform: str = "apple_rn-v2") -> bytes:
    """Return the body of a message as Mattermost posts it."""
    return msgspec.json.encode(
        {
            "server_id": "server-1", "device_id": token, "platform": platform,
            "type": "message", "version": "v2", "message": "hello", "channel_id": "channel-1",
        }
    )  # fmt: skip


@dataclass
class Serving:
    """A worker on the configuration of some vendors."""

    vendors: Vendors
    worker: WorkerProcess
    client: ControlClient
    http: httpx.AsyncClient

    async def push(self, phone: Phone, type_: str = "") -> dict[str, str]:
        """Post a notification, to the target ``type_`` if given, and return the answer."""
        body = notification(phone.token, f"{type_ or phone.platform}-v2")
        response = await self.http.post(f"{self.worker.url}/api/v1/send_push", content=body)
        assert response.status_code == 200
        answer: dict[str, str] = response.json()
        return answer

    async def has(self, key: str, value: object) -> bool:
        """Return whether the worker's status says so."""
        return bool((await self.client.status())[key] == value)

    async def reload(self) -> dict[str, Any]:
        """Order a reload and return what came of it."""
        return await self.client.command("reload")

    async def reload_by_signal(self) -> None:
        """Send SIGHUP and wait until the worker says that it has reloaded."""
        status = await self.client.status()
        async with (
            asyncio.timeout(20),
            self.client.events(f"{status['run']}:{status['seq']}") as events,
        ):
            os.kill(self.worker.pid, signal.SIGHUP)
            async for event in events:
                if (event.kind, event.status) == ("state", "reloaded"):
                    return

    async def ends(self) -> list[Event]:
        """Return how every push so far ended."""
        found = (await self.client.deliveries(limit=2000))["deliveries"]
        return msgspec.convert(found, list[Event])


@contextlib.asynccontextmanager
async def serving(vendors: Vendors) -> AsyncIterator[Serving]:
    """Start a worker on what ``vendors`` has written; end it, whatever the test did."""
    folder = vendors.folder
    worker = await WorkerProcess.start(
        vendors.config, folder / "c.sock", folder / "worker.log", ends_with_us=True
    )
    try:
        async with (
            ControlClient(worker.control) as client,
            httpx.AsyncClient(trust_env=False, timeout=30) as http,
        ):
            yield Serving(vendors, worker, client, http)
    finally:
        await worker.stop(timeout_s=10)
    for standin in (vendors.apple, vendors.google):
        assert standin.violations == []
        assert standin.errors == []
