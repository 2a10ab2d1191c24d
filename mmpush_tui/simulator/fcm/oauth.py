"""Google's token endpoint for service accounts (RFC 7523), and the access tokens it has issued.

Facts: Google, "Using OAuth 2.0 for server to server applications"; the sentences of the refusals
are those that callers report.
"""

import string
import urllib.parse
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from random import Random
from typing import Any, Final

from mmpush_tui.simulator.credentials import GoogleAccount
from mmpush_tui.simulator.fcm.answers import error_document
from mmpush_tui.simulator.net import jws
from mmpush_tui.simulator.net.exchange import ServedRequest, ServedResponse

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
LIFETIME_S: Final = 3599
"""``expires_in`` of every access token."""
MAX_ASSERTION_S: Final = 3600
"""An assertion's ``exp`` is at most this after its ``iat``."""
SKEW_S: Final = 60
"""Google documents none; an ``iat`` further in the future is refused."""
ISSUED_LIMIT: Final = 10_000

_FORM: Final = "application/x-www-form-urlencoded"
_CLAIMS: Final = {"iss", "scope", "aud", "iat", "exp"}
_SKEWED: Final = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)
_WRONG_KEY: Final = "Invalid JWT Signature."
_TAIL: Final = string.ascii_letters + string.digits + "-_"


class _RefusedError(Exception):
    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class TokenEndpoint:
    """Issues access tokens for signed assertions.

    Args:
        accounts: the service accounts there are, by ``client_email``.
        audiences: returns the addresses that an account's assertions may be made out to.
        random: makes the access tokens.
    """

    def __init__(
        self,
        accounts: Mapping[str, GoogleAccount],
        audiences: Callable[[GoogleAccount], Collection[str]],
        random: Random,
    ) -> None:
        self._accounts = accounts
        self._audiences = audiences
        self._random = random
        self._issued: OrderedDict[str, tuple[GoogleAccount, float]] = OrderedDict()
        self.granted = 0
        """Access tokens issued so far."""

    def judge(self, request: ServedRequest, now: float) -> ServedResponse:
        """Answer a request for an access token; ``now`` in seconds since 1970."""
        try:
            account = self._account(_assertion(request), now)
        except _RefusedError as refused:
            return error_document(
                400, {"error": refused.error, "error_description": refused.description}
            )
        token = "ya29.c." + "".join(self._random.choices(_TAIL, k=200))
        self._issued[token] = (account, now + LIFETIME_S)
        if len(self._issued) > ISSUED_LIMIT:
            self._issued.popitem(last=False)
        self.granted += 1
        content = {"access_token": token, "expires_in": LIFETIME_S, "token_type": "Bearer"}
        return error_document(200, content)

    def holder(self, token: str, now: float) -> GoogleAccount | None:
        """Return the account that an access token was issued to, while it is good."""
        account, expires_at = self._issued.get(token, (None, 0.0))
        return account if now < expires_at else None

    def revoke_all(self) -> None:
        """Forget every access token, as after a change of the account's key."""
        self._issued.clear()

    def _account(self, assertion: str, now: float) -> GoogleAccount:
        try:
            parsed = jws.parse_jws(assertion, "RS256")
        except ValueError as error:
            raise _RefusedError("invalid_grant", _WRONG_KEY) from error
        claims = parsed.claims
        issuer = claims.get("iss")
        account = self._accounts.get(issuer) if isinstance(issuer, str) else None
        if account is None:
            raise _RefusedError("invalid_grant", "Invalid grant: account not found")
        if parsed.key_id != account.private_key_id or not parsed.is_signed_by(account.public_key):
            raise _RefusedError("invalid_grant", _WRONG_KEY)
        if not _is_timely(claims, now):
            raise _RefusedError("invalid_grant", _SKEWED)
        audiences = self._audiences(account)
        audience = claims["aud"] if isinstance(claims.get("aud"), str) else ""
        if audience not in audiences:
            right = f"The right audience is {', '.join(sorted(audiences))}"
            raise _RefusedError("invalid_grant", f"Invalid JWT: Failed audience check. {right}")
        if claims.get("scope") != SCOPE:
            message = "Invalid OAuth scope or ID token audience provided."
            raise _RefusedError("invalid_scope", message)
        if claims.keys() != _CLAIMS:
            # Ours: what further claims mean to Google is left open, or needs rights of its own.
            message = f"Invalid JWT: claims other than {', '.join(sorted(_CLAIMS))}."
            raise _RefusedError("invalid_grant", message)
        return account


def _assertion(request: ServedRequest) -> str:
    if request.values("content-type") != [_FORM]:
        raise _RefusedError("invalid_request", f"Content-Type must be {_FORM}.")
    try:
        pairs = urllib.parse.parse_qsl(
            request.body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=10,
        )
    except ValueError as error:
        raise _RefusedError("invalid_request", "The form cannot be read.") from error
    form = dict(pairs)
    if len(form) != len(pairs) or not form.keys() <= {"grant_type", "assertion"}:
        raise _RefusedError("invalid_request", "Unknown or repeated parameter.")
    for name in ("grant_type", "assertion"):
        if not form.get(name):
            raise _RefusedError("invalid_request", f"Required parameter is missing: {name}")
    if form["grant_type"] != GRANT_TYPE:
        raise _RefusedError("unsupported_grant_type", f"Invalid grant_type: {form['grant_type']}")
    return form["assertion"]


def _is_timely(claims: Mapping[str, Any], now: float) -> bool:
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    if type(issued_at) is not int or type(expires_at) is not int:
        return False
    return (
        issued_at <= now + SKEW_S
        and now < expires_at
        and issued_at < expires_at <= issued_at + MAX_ASSERTION_S
    )
