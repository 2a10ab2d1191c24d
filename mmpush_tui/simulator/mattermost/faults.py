"""How the Mattermost stand-in's API fails on demand: what its own server, or a reverse proxy in
front of it, can do to a client."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from mmpush_tui.simulator.mattermost.config import AppError
from mmpush_tui.simulator.mattermost.http import Wire
from mmpush_tui.simulator.net.exchange import ServedResponse

ENDLESS: Final = 200 * 1024 * 1024
LOGIN: Final = "/login"
HTML: Final = (("content-type", "text/html; charset=utf-8"),)
_PAGE: Final = b"<!DOCTYPE html><html><head><title>%s</title></head><body>%s</body></html>\n"


class RestFault(StrEnum):
    """One way in which a request can end badly.

    Attributes:
        help: what happens, in a sentence or two.
    """

    help: str

    def __new__(cls, name: str, help_: str) -> Self:
        """Make one of its name and its help."""
        fault = str.__new__(cls, name)
        fault._value_ = name
        fault.help = help_
        return fault

    EXPIRED = "expired", "401: the token is none any more. Nothing is done."
    FORBIDDEN = "forbidden", "403: a permission is missing. Nothing is done."
    SERVER_ERROR = "server-error", "500 with an error of the server's own. Nothing is done."
    SLOW = "slow", "The answer comes late; by then the request has been acted on."
    HTML_PAGE = (
        "html-page",
        "200 with a web page, as from a portal or another server at that address.",
    )
    BAD_GATEWAY = "bad-gateway", "502 with a reverse proxy's page."
    LOGIN_HERE = "login-here", "302 to /login of the same host."
    LOGIN_ELSEWHERE = (
        "login-elsewhere",
        "302 to /login of another host name, which is this server again. A token that follows "
        "there breaks a rule.",
    )
    HANG_UP = "hang-up", "The connection ends without an answer. Nothing is done."
    LOST_ANSWER = (
        "lost-answer",
        "The request is acted on, then the connection ends without an answer.",
    )
    CUT_OFF = "cut-off", "The request is acted on; of its answer the latter half never comes."
    TRUNCATED_JSON = (
        "truncated-json",
        "The request is acted on; its answer is a whole body of half a document.",
    )
    NO_OBJECT = "no-object", "200 with JSON that is no object."
    ENDLESS_BODY = "endless-body", "200 with a body far larger than any answer is."
    SKIPS = "skips", "A change is answered with 200 and leaves some keys as they are."
    OLDER_SERVER = (
        "older-server",
        "The server does not know some keys: no answer has them, and a change ignores them.",
    )


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault in force.

    Attributes:
        fault: what happens.
        path: to requests for this path only, ``/api/v4/config``; None for all.
        times: to as many requests, then no more; None for all.
        seconds: of SLOW: how late the answer is.
        keys: of SKIPS and OLDER_SERVER: the keys, ``EmailSettings.PushNotificationServer``.
        size: of ENDLESS_BODY: where it ends after all.
    """

    fault: RestFault
    path: str | None = None
    times: int | None = None
    seconds: float = 2.0
    keys: frozenset[str] = frozenset()
    size: int = ENDLESS


class Troubles:
    """The faults in force, the first of which that fits a request happens to it."""

    def __init__(self) -> None:
        self._left: dict[Trouble, int | None] = {}

    @property
    def first(self) -> Trouble | None:
        """The one that was added first, or None."""
        return next(iter(self._left), None)

    def add(self, trouble: Trouble) -> None:
        """Put ``trouble`` in force behind those there are."""
        self._left[trouble] = trouble.times

    @property
    def active(self) -> tuple[Trouble, ...]:
        """Those in force, in the order in which they were added."""
        return tuple(self._left)

    def clear(self, fault: str | None = None) -> None:
        """End those of one kind, or all of them."""
        self._left = {
            trouble: left
            for trouble, left in self._left.items()
            if fault is not None and trouble.fault != fault
        }

    def take(self, path: str) -> Trouble | None:
        """Return what happens to a request for ``path``, and count it."""
        for trouble, left in self._left.items():
            if trouble.path in (None, path):
                if left == 1:
                    del self._left[trouble]
                elif left is not None:
                    self._left[trouble] = left - 1
                return trouble
        return None


async def act(
    trouble: Trouble, wire: Wire, honest: Callable[[], Awaitable[ServedResponse]], elsewhere: str
) -> None:
    """Answer a request badly.

    Args:
        trouble: how.
        wire: the way to the client.
        honest: acts on the request and returns the answer it deserves.
        elsewhere: the server's address under another host name.

    Raises:
        AppError: the answer is an AppError.
    """
    match trouble.fault:
        case RestFault.EXPIRED:
            raise AppError(401, "api.context.session_expired.app_error")
        case RestFault.FORBIDDEN:
            raise AppError(403, "api.context.permissions.app_error")
        case RestFault.SERVER_ERROR:
            raise AppError(500, "app.save_config.app_error")
        case RestFault.SLOW:
            answer = await honest()
            await asyncio.sleep(trouble.seconds)
            await wire.send(answer)
        case RestFault.HTML_PAGE:
            await wire.send(faulty_page(200, "Welcome"))
        case RestFault.BAD_GATEWAY:
            await wire.send(faulty_page(502, "502 Bad Gateway"))
        case RestFault.LOGIN_HERE:
            await wire.send(_redirect(LOGIN))
        case RestFault.LOGIN_ELSEWHERE:
            await wire.send(_redirect(elsewhere + LOGIN))
        case RestFault.HANG_UP:
            wire.hang_up()
        case RestFault.LOST_ANSWER:
            await honest()
            wire.hang_up()
        case RestFault.CUT_OFF:
            await wire.send(await honest(), cut=True)
        case RestFault.TRUNCATED_JSON:
            answer = await honest()
            half = answer.body[: len(answer.body) // 2]
            await wire.send(
                ServedResponse(status=answer.status, headers=answer.headers, data=(half,))
            )
        case RestFault.NO_OBJECT:
            await wire.send(_json(b'["maintenance"]\n'))
        case RestFault.ENDLESS_BODY:
            await wire.stream(_json(b'{"ServiceSettings":{"SiteURL":"a'), trouble.size)
        case RestFault.SKIPS | RestFault.OLDER_SERVER:
            # Acted out where the configuration is read and changed.
            await wire.send(await honest())


def faulty_page(status: int, title: str) -> ServedResponse:
    """Return an HTML page."""
    text = title.encode()
    return ServedResponse(status=status, headers=HTML, data=(_PAGE % (text, text),))


def _json(body: bytes) -> ServedResponse:
    return ServedResponse(status=200, headers=(("content-type", "application/json"),), data=(body,))


def _redirect(location: str) -> ServedResponse:
    moved = faulty_page(302, "Found")
    return ServedResponse(status=302, headers=(*HTML, ("location", location)), data=moved.data)
