"""What the fault lab is made of: a case, the list of them, and what cases share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import trustme

from mmpush_tui.checks.model.report import Report
from mmpush_tui.settings.page import Mode, Page
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from tests.checks.internet import (
    APPLE,
    Internet,
)
from tests.checks.peers import answer
from tests.checks.wire.test_http2 import Acting
from tests.http2.scripted import Peer
from tests.standins.apple_certificate import AppleCertificate

HTML: Final = answer("200 OK", b"<!doctype html><title>Log in</title>", "content-type: text/html")
Arrange = Callable[[Internet], Awaitable[Report]]


@dataclass(frozen=True)
class Case:
    """One fault.

    Attributes:
        name: of the fault.
        arrange: breaks the internet and checks it.
        code: what the verdict must name.
        says: a part of its sentence.
        fix: a part of what it says to change.
    """

    name: str
    arrange: Arrange
    code: str
    says: str
    fix: str


CASES: list[Case] = []
HEALTHY: list[tuple[str, Arrange]] = []


def fault(code: str, says: str, fix: str) -> Callable[[Arrange], Arrange]:
    def keep(arrange: Arrange) -> Arrange:
        CASES.append(Case(arrange.__name__, arrange, code, says, fix))
        return arrange

    return keep


def healthy(arrange: Arrange) -> Arrange:
    HEALTHY.append((arrange.__name__, arrange))
    return arrange


def own(url: str) -> Page:
    return Page(mode=Mode.CUSTOM, server=url)


def ca_of(net: Internet) -> ThrowAwayCA:
    return net.world._ca


def corporate(net: Internet) -> ThrowAwayCA:
    """Return the authority of the company, which nobody trusts yet."""
    it = ThrowAwayCA()
    it._ca = trustme.CA(organization_name="Corp Proxy CA")
    return it


def trust(net: Internet, *authorities: ThrowAwayCA) -> None:
    """Install authorities on this host, beside the public one."""
    file = net.folder / "trusted.pem"
    file.write_text("".join(it.root_pem for it in (ca_of(net), *authorities)))


async def at_apple(net: Internet, act: Callable[[Peer], Awaitable[None]], *greeting: Any) -> Report:
    """Let Apple's address be a scripted HTTP/2 server."""
    it = Acting(ca_of(net), ca_of(net).server_context(APPLE))
    it.greeting = greeting
    address = await net.enter(it.with_act(act))
    await net.relay("17.1.1.1", 443, int(address.rpartition(":")[2]))
    return await net.check("apns")


def with_config(net: Internet, side: str, **changes: Any) -> None:
    """Change the only Apple or Android target."""
    assert net.config is not None
    (entry,) = getattr(net.config, side)
    changed: dict[str, Any] = {side: (replace(entry, **changes),)}
    net.config = replace(net.config, **changed)


async def as_apple(peer: Peer) -> None:
    asked = await peer.request()
    names = {name for name, _ in asked.headers}
    status, reason = 403, b"MissingProviderToken"
    if names & {b"authorization", "authorization"}:
        status, reason = 400, b"BadDeviceToken"
    peer.answer(asked.stream_id, status, b'{"reason":"%s"}' % reason, ("apns-id", "5E1B"))


def with_certificate(net: Internet, certificate: AppleCertificate) -> None:
    """Give the Apple target a certificate in place of its key."""
    with_config(net, "apple", auth_key_file="", certificate_file=str(certificate.write(net.folder)))
