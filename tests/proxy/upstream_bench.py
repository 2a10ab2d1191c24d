"""A worker's deliveries between stand-ins of Apple and Google that can fail, all in one process."""

import asyncio
import contextlib
import dataclasses
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from mmpush_tui.configuration import config as configuration
from mmpush_tui.http2.pool import Pool
from mmpush_tui.protocol.wire import Answer
from mmpush_tui.proxy.apple.provider_token import ProviderToken
from mmpush_tui.proxy.apple.sender import AppleTarget
from mmpush_tui.proxy.delivery.deliveries import Deliveries
from mmpush_tui.proxy.delivery.push_access import PushAccess
from mmpush_tui.proxy.events import EventBus
from mmpush_tui.proxy.targets import Targets
from mmpush_tui.proxy.upstream.target import Target
from mmpush_tui.simulator.acts.base import Side
from mmpush_tui.simulator.credentials import AppleKey
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.phones import Phone, Phones, Received
from mmpush_tui.simulator.standins.apns import ApnsStandIn
from mmpush_tui.simulator.standins.fcm import FcmStandIn
from mmpush_tui.simulator.worker_config import proxy_table
from mmpush_tui.tasks import Tasks
from tests.accounts import account

PROJECT = "mmpush-demo"
TIMEOUT_S = 90.0
TYPES: dict[Side, str] = {"apns": "apple_rn", "fcm": "android_rn"}


@dataclasses.dataclass(frozen=True)
class Counted:
    """What a stand-in has seen so far."""

    requests: int
    connections: int
    delivered: int
    duplicates: int

    def __sub__(self, before: "Counted") -> "Counted":
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(before), strict=True)
        return Counted(*(now - then for now, then in pairs))


class Upstream:
    """Deliveries, and whom they go to.

    Attributes:
        alarms: reasons and sentences of the alarms so far.
    """

    def __init__(
        self,
        apns: ApnsStandIn,
        fcm: FcmStandIn,
        targets: Targets,
        deliveries: Deliveries,
        bus: EventBus,
    ) -> None:
        self.sides: dict[Side, ApnsStandIn | FcmStandIn] = {"apns": apns, "fcm": fcm}
        self.phones = apns.phones
        self.targets = targets
        self.deliveries = deliveries
        self.bus = bus
        self.alarms: list[tuple[str, str]] = []
        self._apple = [self.phones.add_apple() for _ in range(20)]
        self._android = [self.phones.add_android(PROJECT) for _ in range(20)]
        self._numbers = itertools.count()

    def phone(self, side: Side, number: int) -> Phone:
        return (self._apple if side == "apns" else self._android)[number % 20]

    def target(self, side: Side) -> Target:
        return self.targets.ready[TYPES[side]]

    def pool(self, side: Side) -> Pool:
        return self.target(side)._pool

    @property
    def provider_token(self) -> ProviderToken:
        target = self.target("apns")
        assert isinstance(target, AppleTarget)
        assert target._provider_token is not None
        return target._provider_token

    def count(self, side: Side) -> Counted:
        counts = self.sides[side].server.counts
        mine = [it for it in self.phones.received if it.platform == TYPES[side]]
        return Counted(
            counts.begun, counts.connections, len(mine), sum(it.is_duplicate for it in mine)
        )

    def received(self) -> list[Received]:
        return list(self.phones.received)

    async def push(self, side: Side, size: int = 5) -> Answer:
        """Hand in one notification, as Mattermost would."""
        number = next(self._numbers)
        body = msgspec.json.encode(
            {
                "ack_id": f"ack-{number}", "server_id": "server-1", "version": "v2",
                "type": "message", "message": "x" * size, "channel_id": "channel-1",
                "platform": f"{TYPES[side]}-v2", "device_id": self.phone(side, number).token,
            }
        )  # fmt: skip
        async with asyncio.timeout(TIMEOUT_S):
            return await self.deliveries.push(body)

    async def pushes(self, side: Side, count: int, size: int = 5) -> list[Answer]:
        return await asyncio.gather(*(self.push(side, size) for _ in range(count)))

    async def _listen(self) -> None:
        async for event in self.bus.read():
            if event.kind == "alarm":
                self.alarms.append((event.reason, event.message))


def _settings(
    folder: Path, ca: ThrowAwayCA, apns: ApnsStandIn, fcm: FcmStandIn, key: AppleKey,
    entries: Mapping[str, Any], certificate: Mapping[str, Any] | None,
) -> Path:  # fmt: skip
    ca_file = str(ca.write_root(folder / "ca.pem"))
    table = proxy_table(
        folder, listen="127.0.0.1:0", ca_file=ca_file, key=key, account=fcm.accounts[0],
        apns=apns.endpoint, fcm=fcm.endpoint,
    )  # fmt: skip
    for entry in (*table["apple"], *table["android"]):
        entry.update(entries)
    if certificate is not None:
        for apple in table["apple"]:
            for name in ("auth_key_file", "auth_key_id", "team_id"):
                del apple[name]
            apple.update(certificate)
    path = folder / "config.toml"
    document = {"proxy": table}
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path


@contextlib.asynccontextmanager
async def upstream(
    folder: Path, answer_within_s: float = 25.0, try_within_s: float = 8.0,
    entries: Mapping[str, Any] | None = None,
    certificate: Callable[[ThrowAwayCA], Mapping[str, Any]] | None = None, **others: Any,
) -> AsyncIterator[Upstream]:  # fmt: skip
    """Start both stand-ins and what sends to them; afterwards neither has anything to complain.

    Args:
        folder: for configuration and credentials.
        answer_within_s: seconds for an answer.
        try_within_s: seconds for one try.
        entries: further settings of every target.
        certificate: makes one for Apple's target, in place of its key, and returns its settings.
        others: further settings.
    """
    ca, key, phones = ThrowAwayCA(), AppleKey.make(), Phones(keep=200_000)
    async with (
        ApnsStandIn(ca, [key], phones) as apns,
        FcmStandIn(ca, account(PROJECT), phones) as fcm,
    ):
        shown = certificate(ca) if certificate else None
        config = configuration.load(_settings(folder, ca, apns, fcm, key, entries or {}, shown))
        targets = await asyncio.to_thread(Targets.build, config)
        bugs: list[Exception] = []
        bus = EventBus()
        # Part of a second too, which no file can say.
        others |= {"send_timeout_sec": answer_within_s, "retry_timeout_sec": try_within_s}
        config = dataclasses.replace(config, **others)
        deliveries = Deliveries(targets, bus, config, PushAccess(config), bugs.append)
        it = Upstream(apns, fcm, targets, deliveries, bus)
        tasks = Tasks(lambda _name, error: bugs.append(RuntimeError(repr(error))))
        listening = tasks.spawn("alarms", it._listen())
        try:
            yield it
        finally:
            await targets.aclose()
            bus.close()
            await listening
        for standin in (apns, fcm):
            assert standin.errors == []
            assert standin.violations == []
        assert bugs == []
