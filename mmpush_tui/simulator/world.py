"""All stand-ins together, and the configuration that points a worker at them."""

import asyncio
import random
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import tomli_w

from mmpush_tui.errors import UsageError
from mmpush_tui.simulator.acts.base import Fault, Side
from mmpush_tui.simulator.credentials import TOPIC, AppleKey, GoogleAccount
from mmpush_tui.simulator.fault_words import WantedFault
from mmpush_tui.simulator.mattermost.poster import MattermostStandIn
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.net.loopback import is_on_loopback
from mmpush_tui.simulator.phones import Phones, Received
from mmpush_tui.simulator.standins.apns import ApnsStandIn
from mmpush_tui.simulator.standins.fcm import FcmStandIn
from mmpush_tui.simulator.standins.hosted import HPNS_HOSTS, TPNS_HOSTS, HostedStandIn
from mmpush_tui.simulator.traffic import Traffic
from mmpush_tui.simulator.worker_config import proxy_table
from mmpush_tui.tasks import Tasks

ACK_DELAY_S: Final = (0.01, 0.15)
"""How long a phone takes to show a push and send its receipt, between these."""


class World:
    """Apple, Google, the phones and Mattermost on loopback, for one rehearsal.

    Args:
        folder: where credentials and configuration are written; the caller removes it.
        seed: phones, ids and traffic follow from it.
    """

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.folder = folder
        self.seed = seed
        self.config = folder / "config.toml"
        self.phones = Phones(seed)
        self._ca = ThrowAwayCA()
        self._apple_key = AppleKey.make(seed, topics=(TOPIC, f"{TOPIC}.voip"))
        self._account = GoogleAccount.make(seed)
        self.apns = ApnsStandIn(self._ca, [self._apple_key], self.phones)
        self.fcm = FcmStandIn(self._ca, self._account, self.phones)
        self.sides: dict[Side, ApnsStandIn | FcmStandIn] = {"apns": self.apns, "fcm": self.fcm}
        self.tpns = HostedStandIn(self._ca, self.phones, TPNS_HOSTS)
        self.hpns = HostedStandIn(self._ca, self.phones, HPNS_HOSTS)
        self.mattermost: MattermostStandIn | None = None
        self._random = random.Random(f"{seed}/acks")  # noqa: S311 - a repeatable rehearsal
        self.failures: list[str] = []
        """Faults of the stand-ins' own; empty unless there is a bug."""
        self._receipts = Tasks(lambda name, error: self.failures.append(f"{name}: {error!r}"))

    async def start(self) -> None:
        """Start Apple, Google and the hosted services and write the worker's configuration."""
        await self.apns.start()
        await self.fcm.start()
        await self.tpns.start()
        await self.hpns.start()
        self.phones.on_accepted(self._received)
        self._write()

    @property
    def connect_to(self) -> dict[str, str]:
        """Where the real world's addresses lead here; known once everything has started.

        With these and :attr:`ca_file`, nothing that looks for the real ones leaves this host.
        """
        apns = urlsplit(self.apns.endpoint).netloc
        fcm = urlsplit(self.fcm.endpoint).netloc
        return {
            "api.push.apple.com:443": apns,
            "api.sandbox.push.apple.com:443": apns,
            "fcm.googleapis.com:443": fcm,
            "oauth2.googleapis.com:443": fcm,
            **self.tpns.connect_to,
            **self.hpns.connect_to,
        }

    @property
    def ca_file(self) -> Path:
        """The certificate that every stand-in's is signed with."""
        return self.folder / "ca.pem"

    def connect(self, proxy_url: str) -> Traffic:
        """Point Mattermost at the push proxy and return the traffic it will post."""
        self.mattermost = MattermostStandIn(proxy_url, self.seed)
        return Traffic(
            self.mattermost,
            self.phones,
            topic=TOPIC,
            project_id=self._account.project_id,
            seed=self.seed,
        )

    async def raise_fault(self, wanted: WantedFault) -> None:
        """Switch a fault on, on every side it was asked for."""
        for side, standin in self.sides.items():
            if side in wanted.sides:
                await standin.faults.raise_(wanted.fault.name, **wanted.parameters)

    async def clear_fault(self, fault: Fault) -> None:
        """Switch a fault off, on every side."""
        for side, standin in self.sides.items():
            if fault.is_for(side):
                await standin.faults.clear(fault.name)

    async def clear_faults(self) -> None:
        """Switch every fault off."""
        for standin in self.sides.values():
            await standin.faults.clear()

    @property
    def violations(self) -> list[str]:
        """What a worker did that Apple or Google would hold against it."""
        return [*self.apns.violations, *self.fcm.violations]

    async def settle(self, timeout_s: float) -> None:
        """Wait until every receipt under way has been posted."""
        await self._receipts.join(timeout_s)

    async def aclose(self) -> None:
        """End everything, in the order in which it depends on each other."""
        await self._receipts.aclose()
        if self.mattermost is not None:
            await self.mattermost.aclose()
        await self.apns.aclose()
        await self.fcm.aclose()
        await self.tpns.aclose()
        await self.hpns.aclose()

    def _received(self, received: Received) -> None:
        phone = self.phones.find(received.platform, received.token)
        if phone and phone.acks and received.ack_id and received.kind == "message":
            self._receipts.spawn("receipt", self._acknowledge(received))

    async def _acknowledge(self, received: Received) -> None:
        await asyncio.sleep(self._random.uniform(*ACK_DELAY_S))
        if self.mattermost is not None:
            await self.mattermost.acknowledge(
                received.ack_id, received.platform, received.kind, _post_id(received.body)
            )

    def _write(self) -> None:
        ca_file = str(self._ca.write_root(self.ca_file))
        account = self._account.at(f"{self.fcm.endpoint}/token")
        document: dict[str, Any] = {
            "proxy": proxy_table(
                self.folder,
                listen="127.0.0.1:0",
                ca_file=ca_file,
                key=self._apple_key,
                account=account,
                apns=self.apns.endpoint,
                fcm=self.fcm.endpoint,
            ),
            "network": {"connect_to": self.connect_to, "ca_file": ca_file},
        }
        elsewhere = [f"https://{address}" for address in self.connect_to.values()]
        for url in (self.apns.endpoint, self.fcm.endpoint, account.token_uri, *elsewhere):
            refuse_unless_loopback(url)
        self.config.write_text(tomli_w.dumps(document), encoding="utf-8")


def refuse_unless_loopback(url: str) -> None:
    """Refuse an address that is not on this host: a rehearsal must not reach the real world.

    Raises:
        UsageError: it is none of 127.0.0.0/8 and ::1.
    """
    if not is_on_loopback(url):
        host = urlsplit(url).hostname or ""
        raise UsageError(
            f"the demo talks to its own stand-ins only, and {host or 'this'} is none of them",
            code="demo-address",
        )


def _post_id(body: bytes) -> str:
    """Return the post a push is about, as the app reads it from what arrived."""
    try:
        document = msgspec.json.decode(body)
        data = document["message"]["data"] if "message" in document else document
        return str(data.get("post_id", ""))
    except (ValueError, LookupError, TypeError):
        return ""
