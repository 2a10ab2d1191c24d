"""Faults of Apple's provider token: what it says of ours, right or wrong.

A request that has none, such as that of a check, is refused for that as ever.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from weakref import WeakSet

from mmpush_tui.simulator.acts.answers import apple_says, is_push
from mmpush_tui.simulator.acts.base import Answer, Behaviour, Exchange, Fault
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse
from mmpush_tui.simulator.net.h2connection import H2Connection

_BEARER: Final = "bearer "


@dataclass(frozen=True, slots=True)
class ExpiredProviderToken(Behaviour):
    """The token in use has expired; another one on another connection is taken."""

    _expired: list[str] = field(default_factory=list, init=False, repr=False, compare=False)
    _wedged: WeakSet[H2Connection[Any]] = field(
        default_factory=WeakSet, init=False, repr=False, compare=False
    )

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Refuse the first token seen, and whatever its connection says afterwards."""
        if not (token := _token(exchange.request)):
            return await honest()
        if not self._expired:
            self._expired.append(token)
        if token in self._expired:
            self._wedged.add(exchange.connection)
        if exchange.connection in self._wedged:
            return apple_says(exchange.request, 403, "ExpiredProviderToken")
        return await honest()


@dataclass(frozen=True, slots=True)
class _Always(Behaviour):
    status: ClassVar[int] = 403
    reason: ClassVar[str]

    async def answer(self, exchange: Exchange, honest: Answer) -> ServedResponse | None:
        """Refuse every token."""
        if not _token(exchange.request):
            return await honest()
        return apple_says(exchange.request, self.status, self.reason)


@dataclass(frozen=True, slots=True)
class ClockSkew(_Always):
    """Every token has expired, new ones too."""

    reason: ClassVar[str] = "ExpiredProviderToken"


@dataclass(frozen=True, slots=True)
class InvalidProviderToken(_Always):
    """No token is good."""

    reason: ClassVar[str] = "InvalidProviderToken"


@dataclass(frozen=True, slots=True)
class UnrelatedKey(_Always):
    """The connection belongs to another key."""

    reason: ClassVar[str] = "UnrelatedKeyIdInToken"


@dataclass(frozen=True, slots=True)
class TooManyTokenUpdates(_Always):
    """Too many tokens came."""

    status: ClassVar[int] = 429
    reason: ClassVar[str] = "TooManyProviderTokenUpdates"


def _token(request: ServedRequest) -> str:
    """Return the provider token of a push, or an empty string."""
    header = request.value("authorization") or ""
    return header.removeprefix(_BEARER) if is_push(request) and header.startswith(_BEARER) else ""


FAULTS: Final = (
    Fault(
        "expired-provider-token", "Our token has expired", "apns",
        "403 ExpiredProviderToken to the token in use, for good on its connection. One new token "
        "for all who wait, if the old one is over 20 minutes old, on a new connection.",
        ExpiredProviderToken,
    ),
    Fault(
        "clock-skew", "Every token has expired", "apns",
        "403 ExpiredProviderToken to every token. No token may be made within 20 minutes of the "
        "last, and an alarm must name the clock.",
        ClockSkew,
    ),
    Fault(
        "invalid-provider-token", "Our token is not accepted", "apns",
        "403 InvalidProviderToken to every token. FAIL without another try, and an alarm.",
        InvalidProviderToken,
    ),
    Fault(
        "unrelated-key", "A key of another team", "apns",
        "403 UnrelatedKeyIdInToken. FAIL without another try, and an alarm.",
        UnrelatedKey,
    ),
    Fault(
        "too-many-token-updates", "Too many new tokens", "apns",
        "429 TooManyProviderTokenUpdates. No token may be made, and the connection must be "
        "replaced after a pause.",
        TooManyTokenUpdates,
    ),
)  # fmt: skip
