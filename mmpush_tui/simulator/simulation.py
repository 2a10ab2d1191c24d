"""Stand-ins on their own, for a push proxy and for commands that somebody else starts."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import tomli_w

from mmpush_tui.errors import FailedError, UsageError
from mmpush_tui.simulator.acts.base import Exchange, Side
from mmpush_tui.simulator.credentials import TOPIC, AppleKey, GoogleAccount
from mmpush_tui.simulator.fault_words import WantedFault, find_fault
from mmpush_tui.simulator.mattermost import fault_words as mattermost_words
from mmpush_tui.simulator.mattermost.rehearsal import MattermostRehearsal
from mmpush_tui.simulator.mattermost.server import Watch
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.net.connect_proxy import ConnectProxy
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.simulator.phones import Phone, Phones
from mmpush_tui.simulator.standins.apns import ApnsStandIn
from mmpush_tui.simulator.standins.fcm import FcmStandIn
from mmpush_tui.simulator.worker_config import as_upstream, proxy_table
from mmpush_tui.text import clean, short_token

Player = Side | Literal["mattermost"]
"""Who is played, in a word."""
LISTEN: Final = "127.0.0.1:8086"
_MARK: Final = ".mmpush-simulation"
_PHONES: Final = 3


class Judged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request and what it was answered.

    Attributes:
        side: ``apns``, ``fcm`` or ``mattermost``.
        status: the HTTP status; 0 where a fault left it unanswered.
        reason: Apple's reason, Google's status or Mattermost's error id, where it was refused.
        device: the device token, shortened.
        path: the path, where it is no device's.
        method: of a request to Mattermost; all others are POST.
        ms: milliseconds until the answer.
    """

    side: Player
    status: int
    reason: str = ""
    device: str = ""
    path: str = ""
    method: str = ""
    ms: float = 0.0


class Simulation:
    """The stand-ins, and credentials and configurations that lead a push proxy to them.

    Args:
        folder: where the files are written.
        seed: key ids and device tokens follow from it.
        on_judged: called with every request that was answered, or left without an answer.
        through_proxy: lead the push proxy through an outbound proxy.
        mattermost: makes a Mattermost server that is played too, from what hears of its requests.
        has_vendors: Apple and Google are played.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        on_judged: Callable[[Judged], None],
        *,
        through_proxy: bool = False,
        mattermost: Callable[[Watch], MattermostRehearsal] | None = None,
        has_vendors: bool = True,
    ) -> None:
        self.mattermost = mattermost(self._watch_mattermost) if mattermost else None
        self.outbound = ConnectProxy("simulated:password") if through_proxy else None
        self.folder = folder
        self.phones = Phones(seed)
        self.devices: list[Phone] = []
        self._on_judged = on_judged
        self._ca = ThrowAwayCA()
        self._key = AppleKey.make(seed, topics=(TOPIC, f"{TOPIC}.voip"))
        self._account = GoogleAccount.make(seed)
        self.sides: dict[Side, ApnsStandIn | FcmStandIn] = {}
        if has_vendors:
            self.sides = {
                "apns": ApnsStandIn(self._ca, [self._key], self.phones),
                "fcm": FcmStandIn(self._ca, self._account, self.phones),
            }

    async def start(self, apns_port: int = 0, fcm_port: int = 0, mattermost_port: int = 0) -> None:
        """Listen and write the files.

        Args:
            apns_port: 0 for a free one.
            fcm_port: 0 for a free one.
            mattermost_port: 0 for a free one.

        Raises:
            UsageError: a port is taken.
            FailedError: the files cannot be written.
        """
        ports: dict[Side, int] = {"apns": apns_port, "fcm": fcm_port}
        for side, standin in self.sides.items():
            standin.outbound = self.outbound
            try:
                await standin.start(port := ports[side])
            except OSError as error:
                raise UsageError(
                    f"port {port} of this host cannot be used for {side}",
                    why=error.strerror or "",
                    fix=f"Leave --{side}-port away for a free one.",
                    code="simulate-port",
                ) from error
        if self.outbound is not None:
            await self.outbound.start()
        for _ in range(_PHONES if self.sides else 0):
            self.devices += [
                self.phones.add_apple(TOPIC),
                self.phones.add_android(self._account.project_id),
            ]
        for side, standin in self.sides.items():
            standin.faults.watch(self._watching(side))
        try:
            await asyncio.to_thread(self._write)
        except OSError as error:
            raise FailedError(
                f"the files cannot be written to {self.folder}",
                why=error.strerror or "",
                fix="Name another folder with --folder.",
                code="simulate-folder",
            ) from error
        if self.mattermost is not None:
            await self.mattermost.start(mattermost_port)

    async def raise_fault(self, words: str) -> str:
        """Raise a fault as it was typed, and return it in full.

        Raises:
            UsageError: there is no such fault, or it cannot be raised like that.
        """
        wanted = mattermost_words.parse_any(
            words, has_vendors=bool(self.sides), has_mattermost=self.mattermost is not None
        )
        if not isinstance(wanted, WantedFault):
            assert self.mattermost is not None  # noqa: S101 - refused otherwise, for the type checker
            self.mattermost.raise_trouble(wanted)
            return mattermost_words.mattermost_fault_words(wanted)
        for side in wanted.sides:
            await self.sides[side].faults.raise_(wanted.fault.name, **wanted.parameters)
        return wanted.words

    async def clear(self, name: str = "") -> None:
        """Clear the fault of that name, or all of them.

        Raises:
            UsageError: there is no such fault.
        """
        if self.mattermost is not None:
            if not name:
                self.mattermost.clear_troubles()
            elif mattermost_words.is_meant(name, has_vendors=bool(self.sides)):
                self.mattermost.clear_troubles(
                    mattermost_words.find_mattermost_fault(name.partition("@")[0])
                )
                return
        fault = find_fault(name) if name else None
        for side, standin in self.sides.items():
            if fault is None or fault.is_for(side):
                await standin.faults.clear(fault.name if fault else None)

    def status(self) -> dict[str, Any]:
        """Return what happened so far, and the faults in force."""
        faults = {
            active.fault.name
            for standin in self.sides.values()
            for active in standin.faults.active()
        }
        mattermost: dict[str, Any] = {}
        if self.mattermost is not None:
            faults |= {
                mattermost_words.mattermost_fault_words(it) for it in self.mattermost.troubles
            }
            mattermost["mattermost"] = {"requests": self.mattermost.requests}
        return {
            "delivered": self.phones.accepted,
            "duplicates": self.phones.duplicates,
            "faults": sorted(faults),
            "sides": {
                side: {
                    "connections": standin.server.counts.connections,
                    "open": len(standin.server.connections),
                    "requests": standin.server.counts.begun,
                }
                for side, standin in self.sides.items()
            },
            "violations": self.violations,
            **mattermost,
        }

    @property
    def violations(self) -> list[str]:
        """What clients did that Apple, Google or a careful admin would hold against them."""
        violations = [
            f"{side}: {it}" for side, standin in self.sides.items() for it in standin.violations
        ]
        if self.outbound is not None:
            violations += [f"proxy: {it}" for it in self.outbound.violations]
        if self.mattermost is not None:
            violations += [f"mattermost: {it}" for it in self.mattermost.violations]
        return violations

    async def aclose(self) -> None:
        """Close all."""
        for standin in self.sides.values():
            await standin.aclose()
        if self.outbound is not None:
            await self.outbound.aclose()
        if self.mattermost is not None:
            await self.mattermost.aclose()

    def _watch_mattermost(
        self, request: ServedRequest, response: ServedResponse | None, started: float
    ) -> None:
        self._on_judged(
            Judged(
                side="mattermost",
                status=response.status if response else 0,
                reason=_reason(response),
                # What follows it may hold a device's token.
                path=clean(request.path.partition("?")[0], 60),
                method=clean(request.method, 10),
                ms=round((time.monotonic() - started) * 1000, 1),
            )
        )

    def _watching(self, side: Side) -> Callable[[Exchange, ServedResponse | None, float], None]:
        def watch(exchange: Exchange, response: ServedResponse | None, started: float) -> None:
            path = exchange.request.path
            token = path.removeprefix("/3/device/")
            is_device = token != path
            self._on_judged(
                Judged(
                    side=side,
                    status=response.status if response else 0,
                    reason=_reason(response),
                    device=short_token(token) if is_device else "",
                    path="" if is_device else clean(path, 60),
                    ms=round((time.monotonic() - started) * 1000, 1),
                )
            )

        return watch

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _MARK).write_text("Written by mmpush-tui simulate.\n", encoding="utf-8")
        if self.sides:
            self._write_for_proxy()

    def _write_for_proxy(self) -> None:
        apns, fcm = self.sides["apns"], self.sides["fcm"]
        ca_file = str(self._ca.write_root(self.folder / "ca.pem"))
        table = proxy_table(
            self.folder, listen=LISTEN, ca_file=ca_file, key=self._key,
            account=self._account.at(f"{fcm.endpoint}/token"), apns=apns.endpoint,
            fcm=fcm.endpoint,
        )  # fmt: skip
        if self.outbound is not None:
            for entry in (*table["apple"], *table["android"]):
                entry["proxy"] = self.outbound.url
        (self.folder / "config.toml").write_text(tomli_w.dumps({"proxy": table}), encoding="utf-8")
        for name, phone in zip(("iphone.txt", "android.txt"), self.devices, strict=False):
            (self.folder / name).write_text(
                f"{phone.platform}-v2:{phone.token}\n", encoding="ascii"
            )
        text = msgspec.json.format(msgspec.json.encode(as_upstream(table)), indent=4)
        (self.folder / "mattermost-push-proxy.json").write_bytes(text + b"\n")


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier simulation.

    Raises:
        UsageError: files there might be somebody's.
    """
    try:
        is_ours = (folder / _MARK).exists() or not folder.exists() or not any(folder.iterdir())
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be used", why=error.strerror or "", code="simulate-folder"
        ) from error
    if not is_ours:
        raise UsageError(
            f"{folder} holds files that no simulation wrote",
            fix="Name an empty folder, or one that does not exist yet.",
            code="simulate-folder",
        )


def _reason(response: ServedResponse | None) -> str:
    if response is None or response.status == 200 or not response.body:
        return ""
    try:
        document = msgspec.json.decode(response.body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    error = document.get("error", {})
    reason = (
        document.get("reason")
        or document.get("id")
        or (error.get("status", "") if isinstance(error, dict) else error)
    )
    return clean(reason, 60)
