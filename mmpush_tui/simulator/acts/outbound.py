"""The fault of the company's outbound proxy, for a worker that goes through one."""

from dataclasses import dataclass
from typing import Final, get_args

from mmpush_tui.errors import UsageError
from mmpush_tui.simulator.acts.base import Behaviour, Fault, Host, one_of
from mmpush_tui.simulator.net.connect_proxy import Mood

_KINDS: Final = tuple(mood for mood in get_args(Mood) if mood != "good")


@dataclass(frozen=True, slots=True)
class OutboundProxyFault(Behaviour):
    """The proxy drops its tunnels and answers CONNECT in another way.

    Attributes:
        kind: in which.
    """

    kind: str = "auth"

    def __post_init__(self) -> None:
        one_of("kind", self.kind, *_KINDS)

    async def raised(self, host: Host) -> None:
        """Change its mood, and have the worker connect anew."""
        if host.outbound is None:
            raise UsageError("there is no outbound proxy here", code="no-outbound-proxy")
        host.outbound.mood = self.kind  # type: ignore[assignment] # looked at above
        await host.outbound.drop()

    async def cleared(self, host: Host) -> None:
        """Let it be good again."""
        if host.outbound is not None:
            host.outbound.mood = "good"


FAULTS: Final = (
    Fault(
        "outbound-proxy", "The outbound proxy refuses", "both",
        "The company's proxy drops its tunnels and answers CONNECT with: " + ", ".join(_KINDS)
        + ". The FAIL must name the proxy, pieces and announced must not matter, and pushes must "
        "go on unaided once it is good again.",
        OutboundProxyFault,
    ),
)  # fmt: skip
