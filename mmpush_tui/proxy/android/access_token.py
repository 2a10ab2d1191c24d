"""The OAuth access token of a Firebase service account: fetched once, shared, renewed in time.

Google's flow for server applications: a JWT signed with the account's key is exchanged at the
``token_uri`` for a token that lives about an hour (RFC 7523).
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import jwt
import msgspec

from mmpush_tui.causes import unreached
from mmpush_tui.credentials.account import ServiceAccount
from mmpush_tui.http2.connect import Endpoint, Route
from mmpush_tui.http2.outbound import OutboundProxy
from mmpush_tui.tasks import Tasks
from mmpush_tui.text import clean, presentable

SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TIMEOUT_S: Final = 5.0
"""Seconds for one request to the token server; less than a push has."""
_FORGET_AFTER_S: Final = 30.0
_RENEW_AT: Final = 0.8
_LIFETIME_S: Final = 3600
"""What a token's life is taken for where Google does not say it."""
_LIFETIME_LIMIT_S: Final = 24 * 3600
_ANSWER_LIMIT: Final = 64 * 1024


class AccessTokenError(Exception):
    """There is no access token; the message is the cause in plain words.

    Attributes:
        code: stable name of the cause.
    """

    def __init__(self, cause: str, code: str) -> None:
        super().__init__(cause)
        self.code = code


class AccessToken:
    """The current access token of one service account.

    Args:
        account: whose token it is.
        tls: the context that verifies the token server.
        connect_to: ``host:port`` to ``addr:port`` where the connection shall go elsewhere.
        proxy: the outbound proxy on the way to it.
        now: wall clock, seconds since 1970, for the assertion.
        monotonic: the clock that a token's age is measured on.
    """

    def __init__(
        self,
        account: ServiceAccount,
        tls: ssl.SSLContext,
        connect_to: Mapping[str, str] | None = None,
        proxy: OutboundProxy | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        url = httpx.URL(account.token_uri)
        self._account = account
        endpoint = Endpoint(url.host, url.port or 443)
        self._route = Route(endpoint, tls, connect_to or {}, proxy=proxy)
        self._client = httpx.AsyncClient(
            verify=tls, timeout=_TIMEOUT_S, http2=True, trust_env=False, proxy=_of_httpx(proxy)
        )
        self._now = now
        self._monotonic = monotonic
        self._tasks = Tasks(self._broke)
        self._renewal: asyncio.Task[None] | None = None
        self._is_closed = False
        self._token = ""
        self._renew_at = 0.0
        self._expires_at = 0.0
        self._failure: AccessTokenError | None = None
        self._failure_until = 0.0
        self._forget_from = 0.0
        self._fault: BaseException | None = None

    async def get(self) -> str:
        """Return the token; many callers at once cause one request.

        It is renewed at 80 % of its life, while it serves on, to its end where renewing fails.
        A failure is remembered for 30 s, so that a dead token server is asked twice a minute
        and not for every push.

        Raises:
            AccessTokenError: Google gave none.
        """
        if not self._token or self._monotonic() >= self._renew_at:
            self._begin_renewal()
        if not self._is_good() and self._renewal is not None:
            # Not awaited itself: one caller's end must not end the request of the others. It
            # has a deadline of its own.
            await asyncio.wait((self._renewal,))
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        if self._is_good():
            return self._token
        if self._failure is None:
            raise AccessTokenError("the token server gave a token of no use", "token_timeout")
        # A copy, because each raise writes its traceback into the exception.
        raise AccessTokenError(str(self._failure), self._failure.code)

    def _is_good(self) -> bool:
        return bool(self._token) and self._monotonic() < self._expires_at

    def _begin_renewal(self) -> None:
        if self._is_closed:
            self._failure = AccessTokenError("this target was closed", "closed")
        elif self._renewal is None and self._monotonic() >= self._failure_until:
            self._failure = AccessTokenError(
                f"the token server {self._route.endpoint.host} does not answer in time",
                "token_timeout",
            )
            self._failure_until = self._monotonic() + _FORGET_AFTER_S
            self._renewal = self._tasks.spawn("access-token", self._renew())

    async def _renew(self) -> None:
        try:
            self._token, lifetime_s = await self._fetch()
        except AccessTokenError as error:
            self._failure = error
            return
        finally:
            self._renewal = None
        self._failure, self._failure_until = None, 0.0
        self._renew_at = self._monotonic() + lifetime_s * _RENEW_AT
        self._expires_at = self._monotonic() + lifetime_s

    def _broke(self, _name: str, error: BaseException) -> None:
        # A bug of ours; the next push raises it, so that the worker's log gets its place.
        self._fault = error

    def forget(self, token: str) -> bool:
        """Drop ``token`` because Google refused it; the next caller fetches another.

        Returns:
            Whether there is hope for another one: within 30 s of the last that was dropped the
            fault is not the token's, and it is kept.
        """
        if token != self._token:
            return True
        if self._monotonic() < self._forget_from:
            return False
        self._forget_from = self._monotonic() + _FORGET_AFTER_S
        self._token = ""
        return True

    async def aclose(self) -> None:
        """Close the connection to the token server; who waits for a token gets none."""
        self._is_closed = True
        await self._tasks.aclose()
        await self._client.aclose()

    async def _fetch(self) -> tuple[str, float]:
        host = self._route.endpoint.host
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                response = await self._send()
        except (httpx.HTTPError, TimeoutError) as error:
            why = unreached(error)
            if isinstance(error, httpx.ProxyError):
                raise AccessTokenError(
                    f"the proxy {self._route.proxy} on the way to the token server {host} "
                    f"refuses: {why}",
                    "proxy_refused",
                ) from error
            raise AccessTokenError(
                f"the token server {host} does not answer: {why}", "token_server_unreachable"
            ) from error
        document = _document(response.content[:_ANSWER_LIMIT])
        token = document.get("access_token")
        if response.status_code == 200 and isinstance(token, str) and token:
            lifetime_s = document.get("expires_in")
            if not isinstance(lifetime_s, int) or not 0 < lifetime_s <= _LIFETIME_LIMIT_S:
                lifetime_s = _LIFETIME_S
            return token, float(lifetime_s)
        raise _refusal(host, response.status_code, document)

    async def _send(self) -> httpx.Response:
        try:
            return await self._client.send(self._request())
        except httpx.RemoteProtocolError:
            # The connection was on its end, which httpx learns by failing.
            return await self._client.send(self._request())

    def _request(self) -> httpx.Request:
        form = {"grant_type": _GRANT, "assertion": self._assertion()}
        request = self._client.build_request("POST", self._account.token_uri, data=form)
        endpoint, address = self._route.endpoint, self._route.address
        if address != (endpoint.host, endpoint.port):
            # Name and certificate stay; only the connection goes elsewhere.
            request.url = request.url.copy_with(host=address[0], port=address[1])
            request.extensions["sni_hostname"] = endpoint.host
        return request

    def _assertion(self) -> str:
        # Ten seconds back, so that a clock that runs a little ahead is still accepted.
        issued = int(self._now()) - 10
        return jwt.encode(
            {
                "iss": self._account.client_email,
                "scope": SCOPE,
                "aud": self._account.token_uri,
                "iat": issued,
                "exp": issued + 3600,
            },
            self._account.private_key,
            algorithm="RS256",
            headers={"kid": self._account.private_key_id},
        )


def _of_httpx(proxy: OutboundProxy | None) -> httpx.Proxy | None:
    if proxy is None:
        return None
    headers = {}
    if proxy.authorization:
        headers["Proxy-Authorization"] = proxy.authorization.reveal()
    return httpx.Proxy(f"http://{proxy}", headers=headers)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _refusal(host: str, status: int, document: dict[str, Any]) -> AccessTokenError:
    error = clean(document.get("error", ""), 60)
    description = presentable(document.get("error_description", ""), 300)
    if error != "invalid_grant":
        words = f"{error} {description}".strip() or "the answer is not Google's"
        return AccessTokenError(
            f"the token server {host} answered {status}: {words}", "token_server_error"
        )
    if "reasonable timeframe" in description:
        return AccessTokenError(
            f"Google refuses the token request because this host's clock is wrong: {description}",
            "clock_skew",
        )
    return AccessTokenError(
        f"Google refuses the service account: {description}", "service_account_refused"
    )
