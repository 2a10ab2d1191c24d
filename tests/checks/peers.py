"""Servers that say one thing, targets that lead to them, and what a run says of them."""

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from mmpush_tui.checks.model.report import CheckResult, Report, Stage
from mmpush_tui.checks.model.target import TargetKind, TargetPlan, Whose
from mmpush_tui.checks.proof.limiter import ProbeLimiter
from mmpush_tui.checks.run import run_checks
from mmpush_tui.configuration.config import NetworkSettings
from mmpush_tui.findings import Severity
from mmpush_tui.http2.channel import abort
from mmpush_tui.simulator.net.ca import ThrowAwayCA

TIMEOUT_S: Final = 60.0
NAME: Final = "push.example.com"
APPLE: Final = "api.push.apple.com"
VERSION: Final = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"version":"6.5.0"}'
REFUSAL: Final = b'HTTP/1.1 200 OK\r\n\r\n{"status":"FAIL","error":"no such platform"}'
"""What a push proxy answers to a push for nobody."""
NO_NETWORK: Final = NetworkSettings(connect_to={}, ca_file="")


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Return an answer in HTTP/1.1."""
    head = (f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", "")
    return "\r\n".join(head).encode() + body


@dataclass
class Server:
    """One that listens on loopback.

    Attributes:
        heads: the head of each request that came.
        protocols: what was agreed on by ALPN on each connection under TLS.
    """

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    protocols: list[str | None] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def server(
    say: bytes | Callable[[bytes], bytes],
    tls: ssl.SSLContext | None = None,
    *,
    is_patient: bool = False,
) -> AsyncIterator[Server]:
    """Answer each request with ``say``, or what it makes of the request's head, and close.

    With ``VERSION`` it is a push proxy, which refuses a push for nobody.

    What is no HTTP is answered 400, or where ``is_patient`` waited out.
    """
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if tls:
            secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
            found.protocols.append(secured.selected_alpn_protocol())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readexactly(1)
            if not head.isupper() and not is_patient:
                writer.write(answer("400 Bad Request"))
                return writer.close()
            head += await reader.readuntil(b"\r\n\r\n")
            found.heads.append(head)
            if say is VERSION and b"/api/v1/send_push" in head:
                writer.write(REFUSAL)
            else:
                writer.write(say if isinstance(say, bytes) else say(head))
            await writer.drain()
        writer.close()

    found = Server()
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    found.port = listening.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        listening.close()
        for writer in writers:
            abort(writer.transport)
        async with asyncio.timeout(TIMEOUT_S):
            await listening.wait_closed()


@contextlib.asynccontextmanager
async def hanging_up(tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Close each connection as soon as it stands; yields the address."""

    def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        async with asyncio.timeout(TIMEOUT_S):
            await listening.wait_closed()


def push_proxy(url: str, whose: Whose = Whose.OWN, **changes: Any) -> TargetPlan:
    """Return a push proxy of one's own as a target."""
    plan = TargetPlan(
        target="mpns",
        title="Mattermost -> push proxy",
        who="the push proxy",
        url=url,
        kind=TargetKind.PUSH_PROXY,
        whose=whose,
    )
    return replace(plan, **changes)


def apple(host: str = APPLE, **changes: Any) -> TargetPlan:
    """Return Apple's network as a target."""
    plan = TargetPlan(
        target="apns/apple_rn",
        title="push proxy -> Apple",
        who="Apple's push service",
        url=f"https://{host}",
        kind=TargetKind.APNS,
        whose=Whose.VENDOR,
    )
    return replace(plan, **changes)


def google(**changes: Any) -> TargetPlan:
    """Return Google's network as a target."""
    plan = TargetPlan(
        target="fcm/android_rn",
        title="push proxy -> Google",
        who="Google's push service",
        url="https://fcm.googleapis.com",
        kind=TargetKind.FCM,
        whose=Whose.VENDOR,
    )
    return replace(plan, **changes)


def token_server(**changes: Any) -> TargetPlan:
    """Return Google's token server as a target."""
    plan = TargetPlan(
        target="fcm-token/android_rn",
        title="push proxy -> Google's token server",
        who="Google's token server",
        url="https://oauth2.googleapis.com/token",
        kind=TargetKind.TOKEN,
        whose=Whose.VENDOR,
    )
    return replace(plan, **changes)


def trusting(ca: ThrowAwayCA, folder: Path, **connect_to: str) -> NetworkSettings:
    """Return a network where ``ca`` is trusted and hosts (``_`` for ``.``) lead elsewhere."""
    file = folder / "ca.pem"
    if not file.exists():
        ca.write_root(file)
    leads = {f"{host.replace('_', '.')}:443": address for host, address in connect_to.items()}
    return NetworkSettings(connect_to=leads, ca_file=str(file))


async def checked(
    *plans: TargetPlan, network: NetworkSettings = NO_NETWORK, **options: Any
) -> Report:
    """Return the report of a run that is given time enough for a slow machine."""
    with tempfile.TemporaryDirectory() as folder:
        given: dict[str, Any] = {
            "deadline_s": TIMEOUT_S,
            "step_s": 20.0,
            "limiter": ProbeLimiter(Path(folder) / "pace.json"),
            "tokens": Path(folder) / "tokens.json",
        }
        async with asyncio.timeout(TIMEOUT_S * 2):
            return await run_checks(plans, network=network, **given | options)


def of(report: Report, stage: Stage, target: str = "") -> CheckResult:
    """Return the one check of ``stage``."""
    found = [c for c in report.checks if c.stage is stage and target in ("", c.about)]
    assert len(found) == 1, found
    return found[0]


def only_failure(report: Report, stage: Stage) -> CheckResult:
    """Return the check of ``stage``, after which all is skipped and before which all is well."""
    failed = of(report, stage)
    assert failed.severity is Severity.FAIL, failed
    at = report.checks.index(failed)
    assert all(check.severity in (Severity.PASS, Severity.WARN) for check in report.checks[:at])
    for check in report.checks[at + 1 :]:
        assert check.severity is Severity.SKIP
        assert check.needs == failed.id
        assert check.message == f"skipped (needs {failed.id})"
    assert report.verdict.check == failed.id
    assert report.verdict.code == failed.code
    assert report.verdict.fix == [failed.fix]
    assert report.exit_code == 1
    return failed


def stages(report: Report, target: str = "") -> list[str]:
    """Return the stages of a target's checks in the report's order."""
    return [check.stage.value for check in report.checks if target in ("", check.about)]
