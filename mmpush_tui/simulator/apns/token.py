"""Provider tokens as APNs judges them, and what a connection remembers of them.

Facts: Apple, "Establishing a token-based connection to APNs"; what is observed only is said so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from mmpush_tui.simulator.apns.reasons import ApnsRefusalError
from mmpush_tui.simulator.credentials import AppleKey
from mmpush_tui.simulator.net import jws

MAX_AGE_S: Final = 3600
"""Older tokens are ExpiredProviderToken."""
SKEW_S: Final = 60
"""Apple documents none; more than this in the future is refused."""
UPDATE_S: Final = 1200
"""A connection takes a new token no sooner than this after the one before."""

_BEARER: Final = "bearer "


@dataclass(slots=True)
class Binding:
    """What one connection remembers: the first token binds it to a team and a key.

    Attributes:
        key: the key of the token in force; None before the first good one.
        refusal: the reason that all requests get until ``refused_until``.
    """

    key: AppleKey | None = None
    token: str = ""
    issued_at: int = 0
    since: float = 0.0
    refusal: str = ""
    refused_until: float = 0.0

    def judge(
        self, authorization: str | None, keys: Mapping[str, AppleKey], now: float
    ) -> AppleKey:
        """Judge the ``authorization`` header of one request and remember its token.

        Args:
            keys: the known keys by their ids.
            now: seconds since 1970.

        Returns:
            The key that signed the token.

        Raises:
            ApnsRefusalError: with Apple's reason.
        """
        if authorization is None or not authorization.startswith(_BEARER):
            raise ApnsRefusalError("MissingProviderToken")
        token = authorization.removeprefix(_BEARER)
        if not token:
            raise ApnsRefusalError("MissingProviderToken")
        if self.refusal and now < self.refused_until:
            raise ApnsRefusalError(self.refusal)
        if self.key is None or token != self.token:
            key, issued_at = _verified(token, keys)
        else:
            key, issued_at = self.key, self.issued_at
        if issued_at > now + SKEW_S:
            raise ApnsRefusalError("InvalidProviderToken")
        if now - issued_at > MAX_AGE_S:
            # Senders report that the connection takes no other token after this either.
            self._refuse("ExpiredProviderToken", math.inf)
        if token != self.token:
            self._bind(key, token, issued_at, now)
        return key

    def _bind(self, key: AppleKey, token: str, issued_at: int, now: float) -> None:
        if self.key is not None:
            if key.key_id != self.key.key_id:
                raise ApnsRefusalError("UnrelatedKeyIdInToken")
            if now - self.since < UPDATE_S:
                # Senders report that the connection is of no use for a while after this.
                self._refuse("TooManyProviderTokenUpdates", now + UPDATE_S)
        self.key, self.token, self.issued_at, self.since = key, token, issued_at, now

    def _refuse(self, reason: str, until: float) -> NoReturn:
        self.refusal, self.refused_until = reason, until
        raise ApnsRefusalError(reason)


def _verified(token: str, keys: Mapping[str, AppleKey]) -> tuple[AppleKey, int]:
    try:
        parsed = jws.parse_jws(token, "ES256")
    except ValueError as error:
        raise ApnsRefusalError("InvalidProviderToken") from error
    key = keys.get(parsed.key_id)
    claims = parsed.claims
    issued_at = claims.get("iat")
    if (
        key is None
        # Apple documents these two and no more.
        or claims.keys() != {"iss", "iat"}
        or claims["iss"] != key.team_id
        or type(issued_at) is not int
        or not parsed.is_signed_by(key.public_key)
    ):
        raise ApnsRefusalError("InvalidProviderToken")
    return key, issued_at
