"""Mattermost's API as the settings need it: requests, and failures as sentences."""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from mmpush_tui.causes import causes
from mmpush_tui.errors import DeadlineError, FailedError, MmpushError, UnreachableError
from mmpush_tui.text import presentable

REQUEST_TIMEOUT_S: Final = 15.0
CONNECT_TIMEOUT_S: Final = 5.0
_LIMIT: Final = 16 * 1024 * 1024
"""Bytes; the largest real configuration with all its plugins has less than one million."""
_VERSION: Final = re.compile(r"(\d{1,4}\.\d{1,4}\.\d{1,4})\.")
_LICENSED: Final = re.compile(r"\.(true|false)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """One answer.

    Attributes:
        body: the JSON object in it.
        version: the server's version, from the header that every answer of it has.
        is_licensed: whether the server has a licence of any kind, from the same header.
    """

    body: dict[str, Any]
    version: str | None
    is_licensed: bool | None


Refusal = Callable[[int, str, str], MmpushError | None]
"""Makes a failure of a status, an error id and the server's message; None for the usual one."""


class Api:
    """The API of one server.

    Args:
        http: what requests are made with; it is closed with this.
        base: where the API is, with ``/api/v4``.
        at: how the server is called in messages.
        refusal: what to say about refusals that only this kind of source knows.
        sni: the name that the certificate must have, where the connection goes elsewhere.
    """

    def __init__(
        self, http: httpx.AsyncClient, base: str, at: str, refusal: Refusal, sni: str = ""
    ) -> None:
        self._http = http
        self._base = base
        self._at = at
        self._refusal = refusal
        self._extensions = {"sni_hostname": sni} if sni else {}

    async def call(
        self, method: str, path: str, document: dict[str, Any] | None = None
    ) -> ApiAnswer:
        """Return what the server answers.

        Args:
            method: ``GET``, ``PUT`` or ``POST``.
            path: after ``/api/v4``, with its query.
            document: what is sent.

        Raises:
            UnreachableError: nobody answers, or somebody else than Mattermost's API.
            FailedError: the server refuses.
            DeadlineError: the answer takes too long.
        """
        content = None if document is None else msgspec.json.encode(document)
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(REQUEST_TIMEOUT_S),
                self._http.stream(
                    method,
                    self._base + path,
                    content=content,
                    headers=headers,
                    extensions=self._extensions,
                ) as response,
            ):
                body = await self._body(response)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout) as error:
            raise DeadlineError(
                f"{self._at} did not answer within {REQUEST_TIMEOUT_S:.0f} s",
                code="mattermost-slow",
            ) from error
        except (
            httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError
        ) as error:  # fmt: skip
            raise self._unreachable(error) from error
        return self._judged(response, body, path)

    async def config(self) -> ApiAnswer:
        """Return the server's configuration, as far as this user may see it.

        Raises:
            MmpushError: as :meth:`call`; also where what comes back is none.
        """
        answer = await self.call("GET", "/config")
        if not {"EmailSettings", "TeamSettings"} & answer.body.keys():
            raise self._stranger("what comes back is no configuration of Mattermost's")
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _body(self, response: httpx.Response) -> bytes:
        body = b""
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _LIMIT:
                raise self._stranger("its answer has no end")
        return body

    def _judged(self, response: httpx.Response, body: bytes, path: str) -> ApiAnswer:
        if response.is_redirect:
            raise self._redirected(response)
        document = _object(body)
        if response.status_code >= 400:
            raise self._refused(response.status_code, document, path)
        if response.status_code != 200:
            raise self._stranger(f"it answers with status {response.status_code}")
        if document is None and body.strip() == b"null":
            # How the server writes that there is nothing, such as no variable set.
            document = None if path == "/config" else {}
        if document is None:
            is_page = "html" in response.headers.get("content-type", "").lower()
            raise self._stranger("a web page comes back" if is_page else "no JSON comes back")
        build = response.headers.get("x-version-id", "")
        version, licensed = _VERSION.match(build), _LICENSED.search(build)
        return ApiAnswer(
            body=document,
            version=version[1] if version else None,
            is_licensed=None if licensed is None else licensed[1] == "true",
        )

    def _stranger(self, why: str) -> MmpushError:
        return UnreachableError(
            f"{self._at} is not Mattermost's API",
            why=why,
            code="mattermost-no-api",
        )

    def _redirected(self, response: httpx.Response) -> MmpushError:
        try:
            place = urlsplit(response.headers.get("location", ""))
        except ValueError:
            place = urlsplit("")
        to = presentable(f"{place.scheme}://{place.netloc}" if place.netloc else place.path, 120)
        return UnreachableError(
            f"{self._at} sends its callers elsewhere, to {to or 'an unknown place'}",
            code="mattermost-redirect",
        )

    def _refused(self, status: int, document: dict[str, Any] | None, path: str) -> MmpushError:
        error_id = str((document or {}).get("id", ""))
        message = presentable((document or {}).get("message", ""), 200)
        if document is None or not error_id:
            if status in (502, 503, 504):
                return UnreachableError(
                    f"{self._at} is down: the reverse proxy in front of it answers {status}",
                    code="mattermost-down",
                )
            return self._stranger(f"status {status} and no error of Mattermost's comes back")
        if special := self._refusal(status, error_id, message):
            return special
        match status, error_id:
            case 403, "ent.cluster.save_config.error":
                return FailedError(
                    "Mattermost refused to save: its cluster keeps the configuration read-only "
                    "(ClusterSettings.ReadOnlyConfig)",
                    code="mattermost-cluster-read-only",
                )
            case 400, "api.restricted_system_admin":
                return FailedError(
                    "Mattermost refused: ExperimentalSettings.RestrictSystemAdmin is on",
                    code="mattermost-restricted",
                )
            case 429, _:
                return FailedError(
                    f"{self._at} limits how often it may be asked",
                    code="mattermost-rate-limit",
                )
            case 400, _:
                return FailedError(
                    f"Mattermost refused the settings ({presentable(error_id, 80)})",
                    why=message,
                    fix="Nothing was changed.",
                    code="mattermost-refused",
                )
            case 404, _:
                return FailedError(
                    f"{self._at} does not know {path.partition('?')[0]}",
                    code="mattermost-unknown-path",
                )
            case _:
                return FailedError(
                    f"Mattermost failed with status {status} ({presentable(error_id, 80)})",
                    why=message,
                    code="mattermost-error",
                )

    def _unreachable(self, error: Exception) -> MmpushError:
        for cause in causes(error):
            match cause:
                case ssl.SSLCertVerificationError():
                    return UnreachableError(
                        f"{self._at} shows a certificate that is not trusted",
                        why=cause.verify_message,
                        code="mattermost-certificate",
                    )
                case ssl.SSLError():
                    return UnreachableError(
                        f"TLS with {self._at} failed",
                        why=(cause.reason or "").replace("_", " ").lower(),
                        code="mattermost-tls",
                    )
                case socket.gaierror():
                    return self._not_reached(
                        "its name is not known to the name servers of this host",
                        "Check the name, and /etc/resolv.conf.",
                    )
                case ConnectionRefusedError():
                    return self._not_reached(
                        "nothing listens there", "Check the port, and that Mattermost runs."
                    )
        match error:
            case httpx.ProxyError():
                return self._not_reached(
                    "the outbound proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names refused",
                    "Name the host in NO_PROXY where it is reached directly.",
                )
            case httpx.ConnectTimeout():
                return self._not_reached(
                    f"no connection within {CONNECT_TIMEOUT_S:.0f} s",
                    "A firewall in between drops the packets, or the address is wrong.",
                )
            case httpx.RemoteProtocolError() | httpx.ReadError():
                return UnreachableError(
                    f"{self._at} broke the connection off without a whole answer",
                    code="mattermost-broken",
                )
        return self._not_reached(
            presentable(error, 200) or type(error).__name__,
            "Check the address and that Mattermost runs.",
        )

    def _not_reached(self, why: str, fix: str) -> MmpushError:
        what = f"{self._at} cannot be reached"
        return UnreachableError(what, why=why, fix=fix, code="mattermost-unreachable")


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
