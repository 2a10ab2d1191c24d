"""A simulation at a terminal: what it tells, and what it is told while it runs."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Final

import click
import msgspec

from mmpush_tui.errors import MmpushError, UsageError
from mmpush_tui.exits import Exit
from mmpush_tui.fields import nearest
from mmpush_tui.settings.page import Licence
from mmpush_tui.simulator.fault_words import describe_faults
from mmpush_tui.simulator.faults import FAULTS
from mmpush_tui.simulator.folder import rehearsal_folder
from mmpush_tui.simulator.mattermost import fault_words as mattermost
from mmpush_tui.simulator.mattermost.faults import RestFault
from mmpush_tui.simulator.mattermost.rehearsal import MattermostRehearsal
from mmpush_tui.simulator.mattermost.server import Watch
from mmpush_tui.simulator.simulation import LISTEN, Judged, Simulation
from mmpush_tui.tasks import Tasks
from mmpush_tui.text import clean

_ORDERS: Final = {
    "raise": "raise NAME[:KEY=VALUE,…]  switch a fault on; NAME@apns, NAME@fcm or "
    "NAME@mattermost for one side",
    "clear": "clear [NAME]              switch a fault off, or all of them",
    "faults": "faults                    those that are on, and all there are",
    "status": "status                    what came so far",
    "help": "help                      this",
    "quit": "quit                      end, as Ctrl-C does",
}
_LINE_LIMIT: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationPlan:
    """What was asked for on the command line; a port of 0 is a free one.

    Attributes:
        mattermost_version: with all its numbers.
        licence: what the licence of the Mattermost server covers.
    """

    faults: tuple[str, ...]
    folder: Path | None
    apns_port: int
    fcm_port: int
    seed: int
    is_strict: bool
    as_json: bool
    through_proxy: bool
    has_vendors: bool
    has_mattermost: bool
    mattermost_version: str
    licence: Licence
    mattermost_port: int


def simulate(plan: SimulationPlan) -> Exit:
    """Run until told to end.

    Raises:
        MmpushError: it cannot begin.
    """
    folder = plan.folder or rehearsal_folder()
    try:
        return asyncio.run(_Session(plan, folder).run())
    finally:
        if plan.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


class _Session:
    def __init__(self, plan: SimulationPlan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._simulation = Simulation(
            folder, plan.seed, self._judged, through_proxy=plan.through_proxy,
            mattermost=self._mattermost if plan.has_mattermost else None,
            has_vendors=plan.has_vendors,
        )  # fmt: skip
        self._stop = asyncio.Event()
        self._line = b""
        self._orders: asyncio.Queue[str] = asyncio.Queue(100)
        self._tasks = Tasks(lambda _name, _error: self._stop.set())
        self._listed_violations: Counter[str] = Counter()

    def _mattermost(self, watch: Watch) -> MattermostRehearsal:
        # As the server itself, which whoever looks at its process takes it for.
        environment = {name: text for name, text in os.environ.items() if name.startswith("MM_")}
        return MattermostRehearsal(
            self._folder / "mattermost", version=self._plan.mattermost_version,
            licence=self._plan.licence,
            environment=environment, watch=watch,
        )  # fmt: skip

    async def run(self) -> Exit:
        simulation, plan = self._simulation, self._plan
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        try:
            await simulation.start(plan.apns_port, plan.fcm_port, plan.mattermost_port)
            for words in plan.faults:
                await simulation.raise_fault(words)
            self._tell_ready()
            self._listen()
            obeying = self._tasks.spawn("orders", self._obey())
            await self._stop.wait()
            if obeying.done() and (error := obeying.exception()) is not None:
                raise error
        finally:
            await self._tasks.aclose()
            await simulation.aclose()
            with contextlib.suppress(OSError, ValueError):
                loop.remove_reader(sys.stdin.fileno())
        self._tell_end()
        return Exit.FAILED if simulation.violations and plan.is_strict else Exit.OK

    # Orders

    def _listen(self) -> None:
        """Take orders from standard input, where there is one to wait for."""
        # A regular file cannot be waited for, and /dev/null has nothing to say.
        with contextlib.suppress(OSError, ValueError):
            descriptor = sys.stdin.fileno()
            asyncio.get_running_loop().add_reader(descriptor, self._read, descriptor)

    def _read(self, descriptor: int) -> None:
        try:
            data = os.read(descriptor, _LINE_LIMIT)
        except OSError:
            data = b""
        if not data:
            # Whoever gives orders is gone; the stand-ins go on.
            asyncio.get_running_loop().remove_reader(descriptor)
            return
        *whole, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-_LINE_LIMIT:]
        for line in whole:
            with contextlib.suppress(asyncio.QueueFull):
                self._orders.put_nowait(line.decode("utf-8", errors="replace"))

    async def _obey(self) -> None:
        while True:
            order, _, rest = (await self._orders.get()).strip().partition(" ")
            try:
                await self._do(order, rest.strip())
            except MmpushError as error:
                self._tell("refused", error.line(), error=error.line())

    async def _do(self, order: str, rest: str) -> None:
        simulation = self._simulation
        match order:
            case "":
                pass
            case "raise":
                words = await simulation.raise_fault(rest)
                self._tell("raised", f"on: {words}", fault=words)
            case "clear":
                await simulation.clear(rest)
                self._tell("cleared", f"off: {rest or 'all faults'}", fault=rest)
            case "faults":
                self._tell_faults()
            case "status":
                self._tell_status()
            case "help":
                self._tell("help", "\n".join(_ORDERS.values()), orders=list(_ORDERS))
            case "quit":
                self._stop.set()
            case _:
                near = nearest(order, _ORDERS)
                raise UsageError(
                    f"there is no order {clean(order, 40)}",
                    fix=f"Did you mean {near}?" if near else "help lists them.",
                    code="simulate-order",
                )

    # Telling

    def _judged(self, judged: Judged) -> None:
        fields = msgspec.to_builtins(judged)
        where = judged.device or f"{judged.method} {judged.path}".strip()
        answer = str(judged.status) if judged.status else "no answer"
        words = f"{judged.side:<5} {where:<24} {answer:<9} {judged.reason}".rstrip()
        self._tell("request", f"{time.strftime('%H:%M:%S')} {words}", **fields)
        now = Counter(self._simulation.violations)
        fresh, self._listed_violations = now - self._listed_violations, now
        for violation in fresh.elements():
            self._tell("violation", f"BROKE A RULE  {violation}", violation=violation)

    def _tell_ready(self) -> None:
        texts: list[str] = []
        fields: dict[str, Any] = {}
        for text, part in (self._ready_vendors(), self._ready_mattermost()):
            texts += [text] if text else []
            fields |= part
        name = "slow:seconds=3" if self._plan.has_vendors else "slow@mattermost:seconds=3"
        texts.append(f"Type a fault to switch it on: raise {name}     (help for more, Ctrl-C ends)")
        faults = self._simulation.status()["faults"]
        self._tell("ready", "\n\n".join(texts), **fields, folder=str(self._folder), faults=faults)

    def _ready_mattermost(self) -> tuple[str, dict[str, Any]]:
        server = self._simulation.mattermost
        if server is None:
            return "", {}
        licence = server.licence
        covered = [name for name in ("hpns", "id_loaded") if getattr(licence, name)]
        token_file, socket = quote(str(server.token_file)), quote(str(server.socket_path))
        rest = f"--mattermost-url {server.url} --token-file {token_file}"
        text = f"""\
Mattermost  {server.url}  (version {server.version}, licence {",".join(covered) or "none"})
Token       {server.token_file}
Socket      {server.socket_path}
File        {server.config_file}

Its settings, in another terminal:
  mmpush-tui settings show {rest}
  mmpush-tui settings set mode=custom server=http://{LISTEN} {rest}
  mmpush-tui settings show --local {socket}
  mmpush-tui settings show --mattermost-config {quote(str(server.config_file))}
  mmpush-tui {rest}"""
        return text, {
            "mattermost": {
                "url": server.url, "token_file": str(server.token_file),
                "socket": str(server.socket_path), "config": str(server.config_file),
                "version": server.version, "licence": covered,
            }
        }  # fmt: skip

    def _ready_vendors(self) -> tuple[str, dict[str, Any]]:
        simulation = self._simulation
        if not simulation.sides:
            return "", {}
        folder = simulation.folder
        apns, fcm = simulation.sides["apns"].endpoint, simulation.sides["fcm"].endpoint
        proxy = f"\nProxy   {simulation.outbound.url}" if simulation.outbound else ""
        text = f"""\
Apple   {apns}
Google  {fcm}{proxy}
Files   {folder}
        ca.pem, keys, config.toml, mattermost-push-proxy.json, device ids

In a second terminal:
  mmpush-tui serve --config {folder / "config.toml"}
and in a third one:
  mmpush-tui send --via proxy --device-file {folder / "iphone.txt"}
  mmpush-tui send --via proxy --device-file {folder / "android.txt"}"""
        devices = [f"{phone.platform}:{phone.token}" for phone in simulation.devices]
        config = str(folder / "config.toml")
        return text, {"apns": apns, "fcm": fcm, "config": config, "devices": devices}

    def _tell_faults(self) -> None:
        active = self._simulation.status()["faults"]
        offered: dict[str, str] = {}
        if self._simulation.sides:
            for fault in FAULTS:
                text = ":".join(filter(None, (fault.name, ",".join(describe_faults(fault)))))
                offered[fault.name] = text
        if self._simulation.mattermost is not None:
            offered |= {
                f"{fault}@{mattermost.SIDE}": mattermost.describe_mattermost_faults(fault)
                for fault in RestFault
            }
        on = {words.partition(":")[0] for words in active}
        rows = [f"{'on ' if name in on else '   '} {text}" for name, text in offered.items()]
        self._tell("faults", "\n".join(rows), active=active, known=list(offered))

    def _tell_status(self) -> None:
        status = self._simulation.status()
        rows = [
            f"{side:<5} {counts['requests']} requests on {counts['connections']} connections, "
            f"{counts['open']} open"
            for side, counts in status["sides"].items()
        ]
        if mattermost_counts := status.get("mattermost"):
            rows.append(f"mattermost {mattermost_counts['requests']} requests")
        rows.append(f"delivered {status['delivered']}, of these twice {status['duplicates']}")
        rows.append(f"on: {', '.join(status['faults']) or 'no fault'}")
        rows.append(f"rules broken: {len(status['violations'])}")
        self._tell("status", "\n".join(rows), **status)

    def _tell_end(self) -> None:
        status = self._simulation.status()
        broken = status["violations"]
        rows = [f"delivered {status['delivered']}, of these twice {status['duplicates']}; "
                f"rules broken: {len(broken)}", *broken]  # fmt: skip
        self._tell("end", "\n".join(rows), **status)

    def _tell(self, kind: str, text: str, **fields: Any) -> None:
        if self._plan.as_json:
            document = {"schema": 1, "kind": kind, **fields}
            text = msgspec.json.encode(document).decode()
        # Whoever reads may be gone; the stand-ins are not there for their output.
        with contextlib.suppress(OSError):
            click.echo(text)
